"""What the runs with real ms-swift share: one data cut and one tiny model, made once."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from platformdirs import user_cache_path

from data_prep.build import build

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Lab:
    """A folder with a cut and a tiny model, and the commands run in it."""

    folder: Path
    cut: Path
    model: Path

    def overrides(self, method: str, run: str) -> list[str]:
        """Return what makes a shipped recipe run on this cut and model."""
        return [
            f"model={self.model}",
            f"dataset=[{self.cut / f'{method}.jsonl'}]",
            f"output_dir={self.folder / run}",
        ]

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
