"""Memory of the card and space on the disk, estimated from the recipe and the model's `config.json`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from proposal.errors import InputError
from recipes.estimates import GIB, Plan, disk_bytes, estimate_memory, peak_bytes, plan_of
from recipes.model_shape import ModelShape, read_shape
from recipes.preflight.files import model_config
from recipes.preflight.hardware import gpu_memory
from recipes.preflight.sizes import world_size
from recipes.problems import Problem
from recipes.recipe import Recipe


def resources_suffice(recipe: Recipe) -> Iterator[Problem]:
    """A step fits the smallest card, and the checkpoints fit the disk.

    A model that is not on this disk, or of a family without a formula, is passed over: no figure is better than a wrong
    one.
    """
    config = model_config(recipe)
    if not config:
        return
    try:
        shape = read_shape(config)
    except InputError:
        return
    plan = plan_of(recipe, shape, devices=world_size(recipe))
    if gpu_memory() and not recipe.truth("use_cpu"):
        yield from _card(recipe, shape, plan)
    yield from _disk(recipe, shape, plan)


def _card(recipe: Recipe, shape: ModelShape, plan: Plan) -> Iterator[Problem]:
    card = min(gpu_memory()) << 20
    memory = estimate_memory(shape, plan)
    needed = peak_bytes(memory, plan, card)
    if needed > card:
        yield Problem(
            recipe.where("max_length"),
            f"a step takes about {needed / GIB:.1f} GiB (estimated: {', '.join(memory.lines()[:3])}), "
            f"the card has {card / GIB:.1f}",
            "max_length or the batch down, use_liger_kernel: true, QLoRA, or a DeepSpeed file with offload",
        )


def _disk(recipe: Recipe, shape: ModelShape, plan: Plan) -> Iterator[Problem]:
    folder = Path(str(recipe.values.get("output_dir") or "."))
    there = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.is_dir())
    needed, free = disk_bytes(shape, plan), shutil.disk_usage(there).free
    if needed > free:
        yield Problem(
            recipe.where("output_dir"),
            f"the checkpoints take about {needed / GIB:.1f} GiB, '{there}' has {free / GIB:.1f} left",
            "save_total_limit down, save_only_model: true, or another output_dir",
        )
