"""Judged texts against what ms-swift's KTO does with them.

It shuffles the rows and pairs each with the answer of the one before it in its batch, to estimate how far the policy
has moved. A row that meets its own answer there stops the run, whatever `strict` says, after the model was loaded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from data_prep.reading import RawRow, read_rows
from recipes.preflight.rows import data_paths
from recipes.preflight.sizes import world_size
from recipes.problems import Problem
from recipes.recipe import Recipe


def judged_rows_fit(recipe: Recipe) -> Iterator[Problem]:
    """KTO sees wanted and unwanted texts, all different, in batches of two or more."""
    if recipe.rlhf_type != "kto":
        return
    labels: Counter[bool] = Counter()
    answers: Counter[str] = Counter()
    for path in data_paths(recipe, "dataset"):
        for item in read_rows(path):
            turns = item.data.get("messages") if isinstance(item, RawRow) else None
            if isinstance(item, RawRow) and isinstance(turns, list) and turns and isinstance(turns[-1], dict):
                labels[item.data.get("label") is True] += 1
                answers[str(turns[-1].get("content"))] += 1
    yield from _label_problems(recipe, labels)
    yield from _batch_problems(recipe, labels.total())
    repeated = sum(count for count in answers.values() if count > 1)
    if repeated:
        text = next(text for text, count in answers.items() if count > 1)
        yield Problem(
            recipe.where("dataset"),
            f"{repeated} rows share their answer with another one ('{text[:40]}…'); where two meet, ms-swift stops",
            "keep one row of each answer",
        )


def _label_problems(recipe: Recipe, labels: Counter[bool]) -> Iterator[Problem]:
    if len(labels) == 1:
        only = "true" if True in labels else "false"
        yield Problem(
            recipe.where("dataset"),
            f"every row has the label {only} ({labels.total()} rows): nothing is learnt, and nothing says so",
            "add rows that the committee decided the other way, or train with SFT or DPO",
        )


def _batch_problems(recipe: Recipe, rows: int) -> Iterator[Problem]:
    each, steps = recipe.whole("per_device_train_batch_size", 1), recipe.whole("gradient_accumulation_steps", 1)
    batch = each * steps * world_size(recipe)
    where = recipe.where("per_device_train_batch_size")
    if batch < 2:
        yield Problem(
            where, "KTO compares the rows of a batch with each other, and a batch has one row", "write 2 or more"
        )
    elif rows % batch == 1:
        yield Problem(
            where,
            f"{rows} rows in batches of {batch} leave one row alone, which would be compared with itself",
            "take one row away, or change the batch",
        )
