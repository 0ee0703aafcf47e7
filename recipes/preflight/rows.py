"""Rows of the data against what the method needs of them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from data_prep.faults import Fault
from data_prep.formats import mixed_pairs
from data_prep.method_checks import Training, check_for
from data_prep.reading import RawRow, read_rows
from proposal.prompt import prompt_hash
from recipes.problems import Problem
from recipes.recipe import Recipe, file_part

MAX_SHOWN = 8
"""Row problems that are listed of one file; the rest is counted."""


def rows_parse(recipe: Recipe) -> Iterator[Problem]:
    """Every row of the data can be trained on by this method; ms-swift would drop or mistake it
    otherwise.
    """
    for key, training in (
        ("dataset", _training(recipe)),
        ("val_dataset", _training(recipe)),
        ("chord_sft_dataset", "sft"),
    ):
        for path in data_paths(recipe, key):
            yield from _row_problems(path, training, recipe.image_root)


def data_paths(recipe: Recipe, key: str) -> list[Path]:
    """Return the files that a key names, as far as they are there."""
    paths = [Path(file_part(text)) for text in recipe.listed(key)]
    return [path for path in paths if path.is_file()]


def _training(recipe: Recipe) -> Training:
    kinds: dict[str, Training] = {"cpt": "pt", "dpo": "dpo", "kto": "kto", "grpo": "grpo", "rm": "rm"}
    return kinds.get(recipe.method.name, "sft")


def _row_problems(path: Path, training: Training, images: Path) -> Iterator[Problem]:
    faults: list[Fault] = []
    pairs: Counter[str] = Counter()
    count = rows = 0
    for item in read_rows(path):
        found = [item] if isinstance(item, Fault) else check_for(item, training, path, images=images)
        if isinstance(item, RawRow):
            rows += 1
            pairs.update(name for name in ("rejected_response", "rejected_messages") if name in item.data)
        count += len(found)
        faults += found[: MAX_SHOWN - len(faults)]
    mixed = mixed_pairs(str(path), pairs)
    yield from (Problem(_place(fault), _said(fault), fault.fix) for fault in [*faults, *([mixed] if mixed else [])])
    if count > len(faults):
        yield Problem(str(path), f"{count - len(faults)} more row problems", f"dao-agent data validate {path}")
    if not rows and not count:
        yield Problem(str(path), "holds no row", "build the data cut again and read its dropped.jsonl")


def _place(fault: Fault) -> str:
    place = f"{fault.file}:{fault.line}" if fault.line else fault.file
    return place + (f" row {fault.row}" if fault.row else "") + (f", {fault.field}" if fault.field else "")


def _said(fault: Fault) -> str:
    near = f"; did you mean '{fault.near}'?" if fault.near else ""
    return fault.message + (f" (found {fault.found})" if fault.found else "") + near


def cut_is_fresh(recipe: Recipe) -> Iterator[Problem]:
    """Rows are those their data cut was built with, and ask in the words that serving uses today.

    What ms-swift caches of a data set by itself is not looked at again when a plugin or template changes.
    """
    for key in ("dataset", "val_dataset", "chord_sft_dataset"):
        for path in data_paths(recipe, key):
            yield from _stale(path)
    if recipe.truth("load_from_cache_file"):
        yield Problem(
            recipe.where("load_from_cache_file"),
            "rows may come from a cache that an earlier template or plugin wrote",
            "remove it: reading the rows again takes seconds",
        )
    for text in recipe.listed("cached_dataset"):
        folder = Path(text)
        newer = [
            path for path in data_paths(recipe, "dataset") if folder.is_dir() and _written(path) > _written(folder)
        ]
        if newer:
            yield Problem(
                recipe.where("cached_dataset"),
                f"'{text}' was written before '{newer[0]}'",
                "write the cache again (swift export --to_cached_dataset true), or remove it",
            )


def _written(path: Path) -> float:
    return path.resolve().stat().st_mtime


def _stale(path: Path) -> Iterator[Problem]:
    manifest = path.resolve().parent / "manifest.json"
    if not manifest.is_file():
        return
    cut = json.loads(manifest.read_text(encoding="utf-8"))
    built = cut.get("files", {}).get(path.name)
    if built and built != hashlib.sha256(path.read_bytes()).hexdigest():
        yield Problem(
            str(path),
            "the rows are not those that the data cut was built with",
            f"build the cut again (python -m data_prep.build …), or keep edited rows outside {path.parent}",
        )
    if cut.get("prompt_hash", prompt_hash()) != prompt_hash():
        yield Problem(
            f"{manifest}, prompt_hash",
            "the rows ask in other words than serving does now",
            "build the cut again: python -m data_prep.build …",
        )
