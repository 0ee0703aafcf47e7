"""Recipes: the file as ms-swift reads it, the command line on top, and where each value came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from proposal.errors import InputError
from recipes.launch import command_of, describe, read_command_line
from recipes.recipe import SFT, as_arguments, is_hub_id, load_recipe
from recipes.swift_keys import COMMANDS, load_keys
from tests.recipes.builders import a_recipe, loaded


def test_a_key_of_the_command_line_goes_before_the_file(tmp_path: Path) -> None:
    recipe = loaded(a_recipe(tmp_path), "sft", "max_steps=5", "target_modules=[q_proj, v_proj]")
    assert recipe.values["max_steps"] == 5
    assert recipe.overrides == {"max_steps": 5, "target_modules": ["q_proj", "v_proj"]}
    assert recipe.where("max_steps") == "command line, max_steps"
    assert recipe.where("model") == f"{recipe.path}:1, model"


def test_the_run_is_the_command_a_user_of_ms_swift_would_type(tmp_path: Path) -> None:
    recipe = loaded(a_recipe(tmp_path), "sft", "max_steps=5")
    command = command_of(recipe, Path("env/bin/python"))
    assert command[-4:] == ["sft", str(recipe.path), "--max_steps", "5"]


def test_the_environment_block_is_not_a_key(tmp_path: Path) -> None:
    recipe = loaded(a_recipe(tmp_path, ENV={"OMP_NUM_THREADS": 2}))
    assert recipe.env == {"OMP_NUM_THREADS": "2"}
    assert "ENV" not in recipe.values
    assert "environment: OMP_NUM_THREADS=2" in describe(recipe)


def test_values_reach_the_command_line_as_ms_swift_writes_them() -> None:
    words = as_arguments({"strict": True, "dataset": ["a", "b"], "lr_scheduler_kwargs": {"min_lr": 1}})
    assert words == ["--strict", "True", "--dataset", "a", "b", "--lr_scheduler_kwargs", '{"min_lr": 1}']


@pytest.mark.parametrize("text", ["model: a\nmodel: b\n", "- a\n", "", "model: [\n"])
def test_a_file_that_is_no_recipe_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"bad\.yaml"):
        load_recipe(path, SFT)


def test_a_word_without_an_equals_sign_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'max_steps' is not key=value"):
        loaded(a_recipe(tmp_path), "sft", "max_steps")


def test_flags_may_stand_among_the_overrides() -> None:
    request = read_command_line("Train.", ["x.yaml", "--dry-run", "a=1", "--resume", "last", "b=2"])
    assert (request.overrides, request.dry_run, request.resume) == (("a=1", "b=2"), True, "last")


def test_a_misspelt_flag_ends_with_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        read_command_line("Train.", ["x.yaml", "--dry"])
    assert ended.value.code == 2
    assert "--dry" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("model", "hub"),
    [
        ("Qwen/Qwen3-4B", True),
        ("runs/models/tiny", False),
        ("./Qwen/Qwen3-4B", False),
        ("model", False),
        ("recipes/configs", False),
    ],
)
def test_a_hub_id_is_told_from_a_folder(model: str, hub: bool) -> None:
    assert is_hub_id(model) is hub


def test_the_committed_keys_know_what_each_command_takes() -> None:
    keys = load_keys()
    assert keys.release == "4.6.0"
    assert "num_generations" in keys.of("rlhf")
    assert "num_generations" not in keys.of("sft")
    assert all({"model", "dataset", "strict", "output_dir"} <= set(keys.of(name)) for name in COMMANDS)
