"""The run folder, and the run that is gone on with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recipes.problems import Problem
from recipes.recipe import Recipe
from recipes.records import RUN_FILE, data_files

STATE_FILE = "trainer_state.json"
"""The trainer writes it last, so a checkpoint that has it is whole."""
LORA_RANK = 8
"""What ms-swift takes where a recipe names no rank."""


def output_is_free(recipe: Recipe) -> Iterator[Problem]:
    """The run folder is empty, or the run goes on from what is in it."""
    folder = recipe.values.get("output_dir")
    if not folder:
        yield Problem(
            f"{recipe.path}, output_dir",
            "the recipe names no run folder",
            "add output_dir: runs/NAME",
        )
        return
    path = Path(str(folder))
    if path.is_dir() and any(path.iterdir()) and "resume_from_checkpoint" not in recipe.values:
        yield Problem(
            recipe.where("output_dir"),
            f"'{folder}' already holds a run",
            "go on with --resume last, or set output_dir=OTHER",
        )


def resumes_the_same_run(recipe: Recipe) -> Iterator[Problem]:
    """A run goes on from a whole checkpoint of its own kind, with the rows it began with."""
    if "resume_from_checkpoint" not in recipe.values:
        return
    checkpoint = Path(str(recipe.values["resume_from_checkpoint"]))
    if not (checkpoint / STATE_FILE).is_file():
        yield Problem(
            recipe.where("resume_from_checkpoint"),
            f"'{checkpoint}' is no whole checkpoint (needs {STATE_FILE})",
            "--resume last finds the newest whole one",
        )
        return
    yield from _same_rows(recipe, checkpoint.parent / RUN_FILE)
    yield from _same_shape(recipe, checkpoint)
    done, most = _read(checkpoint / STATE_FILE).get("global_step", 0), recipe.whole("max_steps", -1)
    if 0 < most <= done:
        yield Problem(
            recipe.where("max_steps"), f"the checkpoint has {done} steps already, so nothing would be trained",
            f"set max_steps above {done}",
        )  # fmt: skip


def _same_rows(recipe: Recipe, manifest: Path) -> Iterator[Problem]:
    """On other rows the step counter would count something else."""
    if not manifest.is_file():
        return
    began_with = {item["sha256"] for item in _read(manifest)["data"]}
    for item in data_files(recipe):
        if item["sha256"] not in began_with:
            yield Problem(
                f"{manifest}, data",
                f"the run began with other rows than '{item['file']}' holds now",
                "name the cut it began with (dataset=[…]), or start another run",
            )


def _same_shape(recipe: Recipe, checkpoint: Path) -> Iterator[Problem]:
    """An adapter of another rank does not load; a checkpoint without optimizer state starts its schedule again."""
    adapter = _read(checkpoint / "adapter_config.json")
    rank = recipe.whole("lora_rank", LORA_RANK)
    if adapter and adapter.get("r") not in {None, rank}:
        yield Problem(
            recipe.where("lora_rank"),
            f"is {rank}, the adapter in '{checkpoint}' has rank {adapter['r']}",
            f"lora_rank={adapter['r']}",
        )
    sharded = any(checkpoint.glob("global_step*"))  # DeepSpeed keeps it in a folder of its own
    if not sharded and not (checkpoint / "optimizer.pt").is_file() and not recipe.truth("resume_only_model"):
        yield Problem(
            recipe.where("resume_from_checkpoint"),
            f"'{checkpoint}' has no optimizer state (written with save_only_model?)",
            "go on from another checkpoint, or start anew from its weights (adapters=[…])",
        )


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}
