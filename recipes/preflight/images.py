"""Images of the rows: a model that sees them, and room for their tokens."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from data_prep.reading import RawRow, read_rows
from recipes.preflight.files import model_config
from recipes.problems import Problem
from recipes.recipe import Recipe, file_part

BUDGET = "IMAGE_MAX_TOKEN_NUM"
"""The variable by which qwen-vl-utils bounds the tokens of one image; an image takes up to 16,384 without it."""


def images_fit(recipe: Recipe) -> Iterator[Problem]:
    """Where rows have images: the model reads images, each has a bounded number of tokens, and these fit `max_length`.

    An image is never cut, so a row that is too long by its images ends in an out-of-memory error or is dropped.
    """
    most, place = _most_images(recipe)
    if not most:
        return
    config = model_config(recipe)
    if config.get("architectures") and "vision_config" not in config:
        yield Problem(
            recipe.where("model"),
            f"{config['architectures'][0]} reads no images, but {place} has {most}",
            "name a model that sees, such as a Qwen3-VL, or data without images",
        )
        return
    budget = {**recipe.env, **os.environ}.get(BUDGET, "")
    if not budget.isdigit():
        yield Problem(
            f"{recipe.path}, ENV.{BUDGET}",
            "without it one image may take 16,384 tokens",
            f"add ENV: {{{BUDGET}: 1024}}, and serve with the same budget",
        )
    elif recipe.whole("max_length", 0) and most * int(budget) >= recipe.whole("max_length", 0):
        yield Problem(
            place,
            f"{most} images of up to {budget} tokens leave no text room in max_length {recipe.values['max_length']}",
            f"raise max_length, or lower {BUDGET}",
        )


def _most_images(recipe: Recipe) -> tuple[int, str]:
    """Return the most images that one row has, and which row; images that are not there are reported by row."""
    most, place = 0, ""
    for text in [*recipe.listed("dataset"), *recipe.listed("val_dataset")]:
        path = Path(file_part(text))
        for item in read_rows(path) if path.is_file() else ():
            images = item.data.get("images") if isinstance(item, RawRow) else None
            there = _found(images, recipe.image_root)
            if isinstance(item, RawRow) and len(there) > most:
                most, place = len(there), f"{path}:{item.line} row {item.number}, images"
    return most, place


def _found(images: object, root: Path) -> list[object]:
    return [image for image in images if (root / str(image)).is_file()] if isinstance(images, list) else []
