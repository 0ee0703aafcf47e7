"""Files and folders that a recipe names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from proposal.errors import nearest
from recipes.problems import Problem
from recipes.recipe import Recipe, file_part, is_hub_id

ZERO_NAMES = ("zero0", "zero1", "zero2", "zero2_offload", "zero3", "zero3_offload")
"""What ms-swift takes for its own DeepSpeed files."""

_PATHS = {
    "adapters": "an adapter folder",
    "ref_adapters": "an adapter folder",
    "external_plugins": "a Python file",
    "val_dataset": "a data file",
    "dataset": "a data file",
    "chord_sft_dataset": "a data file",
    "custom_dataset_info": "a JSON file",
}


def files_exist(recipe: Recipe) -> Iterator[Problem]:
    """Every file and folder of the recipe is there; nothing is silently looked for on a hub."""
    for key, what in _PATHS.items():
        for text in recipe.listed(key):
            if not Path(file_part(text)).exists():
                yield _missing(recipe, key, text, what)
    model = str(recipe.values.get("model", ""))
    if not model:
        yield Problem(f"{recipe.path}, model", "the recipe names no model", "add model: <folder or pinned id>")
    elif not is_hub_id(model) and not (Path(model) / "config.json").is_file():
        yield _missing(recipe, "model", model, "a checkpoint folder with config.json")
    zero = recipe.values.get("deepspeed")
    if isinstance(zero, str) and zero not in ZERO_NAMES and not Path(zero).is_file():
        yield _missing(recipe, "deepspeed", zero, f"a JSON file, or one of {', '.join(ZERO_NAMES)}")


def _missing(recipe: Recipe, key: str, text: str, what: str) -> Problem:
    path = Path(file_part(text))
    siblings = [item.name for item in path.parent.iterdir()] if path.parent.is_dir() else []
    near = nearest(path.name, siblings)
    fix = f"did you mean '{path.parent / near}'?" if near else f"make it, or set {key}=PATH"
    return Problem(recipe.where(key), f"'{text}' does not exist (needs {what})", fix)


def model_config(recipe: Recipe) -> dict[str, Any]:
    """Return `config.json` of a model that lies in a folder, its text part on top; of any other an empty one."""
    path = Path(str(recipe.values.get("model", ""))) / "config.json"
    try:
        config = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}
    text = config.get("text_config")
    return {**config, **text} if isinstance(text, dict) else config
