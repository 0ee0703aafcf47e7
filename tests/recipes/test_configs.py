"""Every shipped configuration: loads, has the header a stranger needs, and passes what can be checked here."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest

from data_prep.build import build
from recipes.launch import describe
from recipes.preflight import OF_THE_RECIPE, check
from recipes.recipe import METHODS, Recipe, load_recipe
from tests.recipes.builders import ROOT

CONFIGS = sorted((ROOT / "recipes" / "configs").glob("*.yaml"))
PARTS = ("Needs ", "Tested ", "Expect ", "If OOM ")


def method_of(path: Path) -> str:
    return next(name for name in METHODS if name in path.stem.split("_"))


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    now = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
    return build([ROOT / "examples"], out=tmp_path_factory.mktemp("cuts"), name="examples", now=now)


def prepared(path: Path, cut: Path, tmp_path: Path) -> Recipe:
    """Load a configuration with the data of this test, and a stand-in where its model lies on a disk."""
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    method = method_of(path)
    words = [f"dataset=[{cut}/{method}.jsonl]", f"output_dir={tmp_path / 'run'}"]
    made = load_recipe(path, METHODS[method]).values
    for key in ("model", "adapters", "ref_adapters"):  # what earlier steps make stands in by an empty folder
        if "runs/" in str(made.get(key, "")):
            words.append(f"{key}={tmp_path}")
    return load_recipe(path, METHODS[method], words)


def test_there_is_a_smoke_tier_and_a_real_one_of_each_kind() -> None:
    names = {path.stem for path in CONFIGS}
    assert {"smoke_sft", "smoke_dpo", "smoke_grpo", "sft", "grpo", "sft_qwen3", "grpo_qwen3"} <= names


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_configuration_has_no_problem_once_its_inputs_are_there(path: Path, cut: Path, tmp_path: Path) -> None:
    assert check(prepared(path, cut, tmp_path), OF_THE_RECIPE) == []


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_configuration_can_be_shown_as_a_dry_run_shows_it(path: Path, cut: Path, tmp_path: Path) -> None:
    shown = describe(prepared(path, cut, tmp_path))
    assert shown.startswith("command: swift ")
    assert "strict: true" in shown


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_header_tells_a_stranger_everything(path: Path) -> None:
    header = re.match(r"(?:#.*\n)+", path.read_text(encoding="utf-8"))
    assert header is not None
    method = method_of(path)
    command = METHODS[method].command
    relative = path.relative_to(ROOT).as_posix()
    assert f"python recipes/{method}.py {relative}" in header[0]
    assert f"swift {command} {relative}" in header[0]
    assert all(f"# {part}" in header[0] for part in PARTS)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_configuration_for_a_cpu_has_the_settings_every_cpu_run_needs(path: Path) -> None:
    recipe = load_recipe(path, METHODS[method_of(path)])
    if not recipe.truth("use_cpu"):
        pytest.skip("for a GPU")
    assert recipe.values["torch_dtype"] == "float32"
    assert not recipe.truth("fp16", True)
    assert not recipe.truth("check_model", True)
    assert not recipe.truth("gradient_checkpointing", True)
    assert recipe.env == {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "2"}


def test_the_page_names_every_configuration_and_no_other() -> None:
    page = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    table = page.split("## Configurations")[1]
    named = set(re.findall(r"`([a-z0-9_]+)\.yaml`", table))
    assert named == {path.stem for path in CONFIGS}
