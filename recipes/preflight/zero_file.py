"""The DeepSpeed file of a recipe: it can be read, its keys are spelt right, and it agrees with the recipe."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from recipes.environment import PROJECT
from recipes.estimates import zero_of
from recipes.preflight.files import ZERO_NAMES
from recipes.preflight.sizes import processes, world_size
from recipes.problems import Problem
from recipes.recipe import Recipe

_MISSPELT = 0.85


def zero_file_agrees(recipe: Recipe) -> Iterator[Problem]:
    """DeepSpeed passes over a key it does not know at the top, and asserts sizes only after the model was loaded."""
    named = str(recipe.values.get("deepspeed") or "")
    path = Path(named)
    if named not in ZERO_NAMES and not path.is_file():
        return  # absent, or reported as a missing file
    if "NPROC_PER_NODE" not in processes(recipe):
        yield Problem(
            recipe.where("deepspeed"),
            "without NPROC_PER_NODE DeepSpeed looks for MPI and fails (mpi4py)",
            "add NPROC_PER_NODE to ENV: in the recipe, also for one GPU",
        )
    if str(recipe.values.get("optim", "")).startswith("galore"):
        yield Problem(
            recipe.where("optim"), "DeepSpeed brings an optimizer of its own, GaLore another", "remove one of them"
        )
    if named not in ZERO_NAMES:
        yield from _content_problems(recipe, path)
    if recipe.values.get("use_cpu") and world_size(recipe) > 1 and _stage(named) == 3:
        yield Problem(
            recipe.where("deepspeed"),
            "ZeRO-3 builds the model before CPU processes have found each other: it counts one of them and stops",
            "take ds_configs/zero2.json for several processes on a CPU, or one process",
        )


def _stage(named: str) -> int:
    """Return the stage of a DeepSpeed file; 0 for what cannot be read, which is reported as such."""
    try:
        return zero_of(named).stage
    except (ValueError, AttributeError, TypeError):
        return 0


def _content_problems(recipe: Recipe, path: Path) -> Iterator[Problem]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        yield Problem(str(path), f"is no JSON: {error}", "ds_configs/ has four files that are")
        return
    if not isinstance(data, dict):
        yield Problem(str(path), f"found {type(data).__name__}", "write an object, as in ds_configs/zero2.json")
        return
    yield from _slips(path, "", data, _known())
    yield from _sizes(recipe, path, data)
    yield from _precision(recipe, path, data)


def _known() -> dict[str, Any]:
    """Return the keys of our own files: near ones are slips of them, others are DeepSpeed's to judge."""
    known: dict[str, Any] = {}
    for file in sorted((PROJECT / "ds_configs").glob("*.json")):
        for key, value in json.loads(file.read_text(encoding="utf-8")).items():
            known[key] = {**known.get(key, {}), **value} if isinstance(value, dict) else value
    return known


def _slips(path: Path, prefix: str, data: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[Problem]:
    for key, value in data.items():
        if key in known:
            if isinstance(value, dict) and isinstance(known[key], dict):
                yield from _slips(path, f"{prefix}{key}.", value, known[key])
            continue
        near = difflib.get_close_matches(key, set(known) - set(data), n=1, cutoff=_MISSPELT)
        if near:
            yield Problem(f"{path}, {prefix}{key}", "DeepSpeed has no such key", f"did you mean '{near[0]}'?")


def _sizes(recipe: Recipe, path: Path, data: Mapping[str, Any]) -> Iterator[Problem]:
    each = recipe.whole("per_device_train_batch_size", 1)
    steps = recipe.whole("gradient_accumulation_steps", 1)
    ours = {
        "train_micro_batch_size_per_gpu": each,
        "gradient_accumulation_steps": steps,
        "train_batch_size": each * steps * world_size(recipe),
    }
    for key, size in ours.items():
        if isinstance(data.get(key), int) and data[key] != size:
            yield Problem(f"{path}, {key}", f"is {data[key]}, the recipe makes it {size}", f'write "{key}": "auto"')


def _precision(recipe: Recipe, path: Path, data: Mapping[str, Any]) -> Iterator[Problem]:
    dtype = str(recipe.values.get("torch_dtype", ""))
    for key, name in (("bf16", "bfloat16"), ("fp16", "float16")):
        section = data.get(key)
        if isinstance(section, dict) and section.get("enabled") is True and dtype and dtype != name:
            yield Problem(
                f"{path}, {key}.enabled",
                f"is true, the recipe trains in {dtype}",
                f'write "{key}": {{"enabled": "auto"}}',
            )
