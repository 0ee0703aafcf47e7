"""What the runs with real ms-swift share: one data cut and one tiny model, made once."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from platformdirs import user_cache_path

from data_prep.build import build
from recipes.recipe import SFT, as_arguments, load_recipe
from recipes.smoke_rows import write_smoke_rows

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Lab:
    """A folder with a cut and a tiny model, and the commands run in it."""

    folder: Path
    cut: Path
    model: Path

    @property
    def adapter(self) -> Path:
        """The adapter of a finished SFT run on the tiny model, trained when first asked for."""
        folder = self.folder / "first-adapter"
        if not folder.is_dir():
            from swift import sft_main

            recipe = load_recipe(ROOT / "recipes" / "configs" / "smoke_sft.yaml", SFT)
            values = {**recipe.values, **self.inputs("sft"), "output_dir": str(folder), "max_steps": 1}
            sft_main(as_arguments(values))
        return folder / "checkpoint-1"

    def rows(self, method: str) -> Path:
        """Return the rows of a method: of the cut, or those made for smoke runs where the examples have none."""
        made = {"cpt": self.cut / "sft.jsonl", "rm": self.cut / "dpo.jsonl"}
        if method in {"kto", "sft_multimodal"}:
            folder = self.folder / "smoke"
            if not folder.is_dir():
                write_smoke_rows(self.cut / "dpo.jsonl", folder)
            return folder / f"{method}.jsonl"
        return made.get(method, self.cut / f"{method}.jsonl")

    @property
    def vision_model(self) -> Path:
        """A tiny Qwen3-VL, built when first asked for."""
        folder = self.folder / "tiny-qwen3-vl"
        if not folder.is_dir():
            from recipes.tiny_model import build_tiny_vision_model, texts_of

            build_tiny_vision_model(folder, list(texts_of(self.cut / "sft.jsonl")))
        return folder

    def inputs(self, method: str) -> dict[str, Any]:
        """Return model and data of a method, as keys of a recipe."""
        if method == "sft_multimodal":
            seeing = {"model": str(self.vision_model), "model_type": "qwen3_vl", "template": "qwen3_vl"}
            return {**seeing, "dataset": [str(self.rows(method))]}
        return {"model": str(self.model), "dataset": [str(self.rows(method))]}

    def overrides(self, method: str, run: str) -> list[str]:
        """Return what makes a shipped recipe run on this cut and model."""
        inputs = self.inputs(method)
        return [f"model={inputs['model']}", f"dataset=[{inputs['dataset'][0]}]", f"output_dir={self.folder / run}"]

    def start(self, *words: object) -> subprocess.CompletedProcess[str]:
        """Run a command at the root of the project, with caches of its own; compiled extensions are kept."""
        caches = {name: str(self.folder / "cache") for name in ("XDG_CACHE_HOME", "HF_HOME", "MODELSCOPE_CACHE")}
        caches["TORCH_EXTENSIONS_DIR"] = str(user_cache_path("torch_extensions"))
        return subprocess.run(
            [str(word) for word in words],
            cwd=ROOT,
            env={**os.environ, **caches},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    def launch(self, method: str, config: str, run: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Start one of our launchers on a shipped recipe."""
        recipe = ROOT / "recipes" / "configs" / config
        return self.start(sys.executable, f"recipes/{method}.py", recipe, *self.overrides(method, run), *words)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """Build the cut of the examples and a tiny Qwen3 with a tokenizer learnt from it."""
    from recipes.tiny_model import build_tiny_model, texts_of

    folder = tmp_path_factory.mktemp("lab")
    now = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
    cut = build([ROOT / "examples"], out=folder / "cuts", name="examples", now=now)
    model = build_tiny_model(folder / "tiny-qwen3", list(texts_of(cut / "sft.jsonl")))
    return Lab(folder, cut, model)
