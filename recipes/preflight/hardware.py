"""The machine against what the recipe asks of it."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Iterator

from recipes.preflight.sizes import processes
from recipes.problems import Problem
from recipes.recipe import Recipe


@functools.cache
def gpu_memory() -> tuple[int, ...]:
    """Return the memory of each NVIDIA GPU of this machine, in MiB; without the driver's tool there is none."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    query = [tool, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    done = subprocess.run(query, capture_output=True, text=True, check=False, timeout=60)
    lines = done.stdout.split() if done.returncode == 0 else []
    return tuple(int(line) for line in lines if line.isdigit())


def hardware_is_there(recipe: Recipe) -> Iterator[Problem]:
    """A recipe for a GPU finds one, and as many as it starts processes."""
    if recipe.truth("use_cpu"):
        return
    cards = len(gpu_memory())
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        cards = min(cards, len([card for card in visible.split(",") if card.strip()]))
    if not cards:
        yield Problem(
            f"{recipe.path}, use_cpu",
            "the recipe is for a GPU, and this machine shows none",
            "start it where nvidia-smi lists a GPU, or take a recipe of the embedded tier (use_cpu: true)",
        )
        return
    wanted = processes(recipe).get("NPROC_PER_NODE", "1")
    if wanted.isdigit() and int(wanted) > cards:
        yield Problem(
            f"{recipe.path}, ENV.NPROC_PER_NODE",
            f"{wanted} processes, but {cards} GPUs are visible",
            f"NPROC_PER_NODE={cards} python recipes/{recipe.method.name}.py …; the batch is then smaller",
        )
