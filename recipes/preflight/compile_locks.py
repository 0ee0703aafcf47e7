"""The lock that a killed compile of DeepSpeed leaves behind.

DeepSpeed compiles an operator on its first use, and torch marks the folder by a file `lock` that only the compiling
process removes. Where that process was killed, every later run waits for the file for ever and says nothing.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from platformdirs import user_cache_path

from recipes.preflight.files import ZERO_NAMES
from recipes.problems import Problem
from recipes.recipe import Recipe

STALE_SECONDS = 300.0
"""A compile that is younger than this is left alone: it may be another run's."""


def no_stale_compile_lock(recipe: Recipe) -> Iterator[Problem]:
    """Nothing that the run compiles is locked by a process that is long gone."""
    if not _compiles(recipe):
        return
    for lock in sorted(_folder(recipe).glob("**/lock")):
        try:
            age = time.time() - lock.stat().st_mtime
        except FileNotFoundError:  # let go since it was listed
            continue
        if age >= STALE_SECONDS:
            yield Problem(
                str(lock),
                f"the compile of '{lock.parent.name}' was begun {_told(age)} ago and not ended: "
                "DeepSpeed would wait for this file for ever",
                f"if no process compiles there (`pgrep -x ninja` prints nothing): rm '{lock}'",
            )


def _compiles(recipe: Recipe) -> bool:
    """Return whether DeepSpeed compiles: on a CPU, for an optimizer of its own, or where a state is offloaded."""
    named = str(recipe.values.get("deepspeed") or "")
    if named in ZERO_NAMES:
        return recipe.truth("use_cpu") or named.endswith("_offload")
    try:
        data = dict(json.loads(Path(named).read_text(encoding="utf-8")))
        zero = data.get("zero_optimization", {})
        offloaded = [zero.get(key) or {} for key in ("offload_optimizer", "offload_param")]
        return (
            recipe.truth("use_cpu")
            or "optimizer" in data
            or any(part.get("device", "none") != "none" for part in offloaded)
        )
    except (OSError, ValueError, TypeError, AttributeError):
        return False  # no file is named, or it is none of DeepSpeed's, which `zero_file_agrees` reports


def _folder(recipe: Recipe) -> Path:
    """Return where torch compiles extensions: the environment goes before the recipe, as in ms-swift."""
    named = {**recipe.env, **os.environ}.get("TORCH_EXTENSIONS_DIR")
    return Path(named) if named else user_cache_path("torch_extensions")


def _told(seconds: float) -> str:
    for unit, size in (("days", 86400), ("hours", 3600)):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds // 60)} minutes"
