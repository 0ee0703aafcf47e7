"""The preflight: each mistake is found before anything is loaded, with its place and what to do."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from recipes.preflight import OF_THE_RECIPE, check
from recipes.preflight.sizes import world_size
from recipes.recipe import METHODS
from recipes.records import start_run
from tests.recipes.builders import ANSWER, SYSTEM, USER, a_checkpoint, a_recipe, a_row, loaded, spoilt, write_rows


@pytest.mark.parametrize("method", list(METHODS))
def test_a_good_recipe_has_no_problem(tmp_path: Path, method: str) -> None:
    recipe = spoilt(tmp_path, method)
    assert check(recipe, OF_THE_RECIPE) == []


def the_problem(recipe: Any, checks: Any = OF_THE_RECIPE) -> str:
    problems = check(recipe, checks)
    assert len(problems) == 1, "\n".join(map(str, problems))
    return str(problems[0])


# --- keys and values --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"lora_rnk": 8}, ["lora_rnk", "4.6.0 has no such key", "did you mean 'lora_rank'?"]),
        ({"num_generations": 4}, ["num_generations", "belongs to rlhf"]),
        ({"learn": 0.1}, ["learn", "did you mean 'learning_rate'?"]),
        ({"lora_rank": "eight"}, ["lora_rank", "'eight' is not a whole number"]),
        ({"learning_rate": "fast"}, ["learning_rate", "'fast' is not a number"]),
        ({"bf16": "perhaps"}, ["bf16", "'perhaps' is not a truth value"]),
        ({"seed": [1, 2]}, ["seed", "takes one value, not a list"]),
        ({"torch_dtype": "float23"}, ["torch_dtype", "is not one of", "did you mean 'float32'?"]),
    ],
)
def test_a_wrong_key_or_value_is_named(tmp_path: Path, changed: dict[str, Any], says: list[str]) -> None:
    problem = the_problem(spoilt(tmp_path, **changed))
    assert all(words in problem for words in says), problem


def test_an_empty_value_is_named_because_it_becomes_the_text_none(tmp_path: Path) -> None:
    path = a_recipe(tmp_path)
    path.write_text(path.read_text(encoding="utf-8") + "template:\n", encoding="utf-8")
    assert "reaches ms-swift as the text 'None'" in the_problem(loaded(path))


def test_a_key_of_the_command_line_is_named_as_such(tmp_path: Path) -> None:
    problem = the_problem(loaded(a_recipe(tmp_path), "sft", "max_step=3"))
    assert problem.startswith("command line, max_step: ")
    assert "did you mean 'max_steps'?" in problem


def test_the_wrong_launcher_for_a_method_is_named(tmp_path: Path) -> None:
    problem = the_problem(spoilt(tmp_path, "dpo", rlhf_type="kto"))
    assert "runs rlhf_type dpo or orpo or simpo or cpo, the recipe says 'kto'" in problem


def test_the_place_of_a_problem_is_its_line(tmp_path: Path) -> None:
    recipe = spoilt(tmp_path, lora_rnk=8)
    line = recipe.path.read_text(encoding="utf-8").splitlines().index("lora_rnk: 8") + 1
    assert the_problem(recipe).startswith(f"{recipe.path}:{line}, lora_rnk")


# --- files and rows ---------------------------------------------------------------------------------


def test_a_missing_data_file_names_the_nearest_one(tmp_path: Path) -> None:
    path = a_recipe(tmp_path)
    problem = the_problem(loaded(path, "sft", f"dataset=[{tmp_path}/stf.jsonl]"))
    assert "does not exist" in problem
    assert f"did you mean '{tmp_path}/sft.jsonl'?" in problem


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model", "no/such/model"),
        ("adapters", ["runs/nothing"]),
        ("external_plugins", ["rewards/nothing.py"]),
        ("deepspeed", "ds_configs/zero9.json"),
        ("val_dataset", ["nothing.jsonl"]),
    ],
)
def test_a_missing_file_is_named_with_its_key(tmp_path: Path, key: str, value: Any) -> None:
    problem = the_problem(spoilt(tmp_path, **{key: value}))
    assert f", {key}: " in problem
    assert "does not exist" in problem


@pytest.mark.parametrize("name", ["zero2", "zero3_offload"])
def test_the_names_of_ms_swifts_own_zero_files_are_no_paths(tmp_path: Path, name: str) -> None:
    assert check(spoilt(tmp_path, deepspeed=name, ENV={"NPROC_PER_NODE": 1}), OF_THE_RECIPE) == []


def test_a_hub_model_is_not_looked_for_on_the_disk(tmp_path: Path) -> None:
    assert check(spoilt(tmp_path, model="Qwen/Qwen3-4B-Instruct-2507"), OF_THE_RECIPE) == []


@pytest.mark.parametrize(
    ("method", "row", "says"),
    [
        ("sft", {"mesages": [USER, ANSWER]}, ["messages", "guesses the columns", "did you mean 'mesages'?"]),
        ("sft", {"messages": [SYSTEM, USER]}, ["messages[1].content", "ends without an answer"]),
        ("sft", {"messages": "text"}, ["messages", "has to be a list of turns"]),
        ("sft", {"messages": [USER, {"role": "asistant", "content": "x"}]}, ["did you mean 'assistant'?"]),
        ("sft", {"messages": [USER, {**ANSWER, "content": " "}]}, ["messages[1].content", "is empty"]),
        ("sft", {"messages": [USER, USER, ANSWER]}, ["messages[1]", "two user turns follow"]),
        ("sft", {"messages": [USER, ANSWER], "images": ["no.png"]}, ["images[0]", "no such file"]),
        ("dpo", {"messages": [USER, ANSWER], "rejected_respnse": "x"}, ["did you mean 'rejected_respnse'?"]),
        ("dpo", {"messages": [USER, ANSWER], "rejected_response": ANSWER["content"]}, ["both answers are the same"]),
        ("grpo", a_row("grpo", dao_evidence_json=[1]), ["dao_evidence_json", "has to be text"]),
        ("grpo", a_row("grpo", solution="x"), ["solution", "a meaning of its own", "dao_solution"]),
        ("grpo", a_row("grpo", messages=[SYSTEM, USER, ANSWER]), ["already ends with an answer"]),
        ("sft", '{"messages": [', ["not valid JSON"]),
        ("sft", "[1]", ["row 1", "has to be an object"]),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_trained_on_is_named(tmp_path: Path, method: str, row: Any, says: list[str]) -> None:
    rows = [a_row(method), row] if row != "[1]" else [row]
    problem = the_problem(spoilt(tmp_path, method, rows=rows))
    assert all(words in problem for words in says), problem
    if rows[0] != "[1]":
        assert f"{method}.jsonl:2 row 2" in problem


def test_many_bad_rows_are_counted_and_not_all_listed(tmp_path: Path) -> None:
    rows = [a_row()] + [{"messages": [USER]}] * 30
    problems = check(spoilt(tmp_path, rows=rows), OF_THE_RECIPE)
    assert len(problems) == 9
    assert "22 more row problems" in str(problems[-1])


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    recipe = spoilt(tmp_path, rows=[{"messages": [USER]}], lora_rnk=8, model="no/such/model", strict=None)
    assert len(check(recipe, OF_THE_RECIPE)) == 4


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"dao_evidence_json": None}, "the column 'dao_evidence_json' is missing"),
        ({"dao_section": "summry"}, "did you mean 'summary'?"),
        ({"dao_template": "generc"}, "dao_template"),
        ({"dao_required": '["E7"]'}, "'E7' is not in the evidence"),
        ({"dao_reference": "A unique chance."}, "the reference earns"),
    ],
)
def test_a_reward_column_that_would_fail_in_the_first_step_is_named(
    tmp_path: Path, changed: dict[str, Any], says: str
) -> None:
    problem = the_problem(spoilt(tmp_path, "grpo", rows=[a_row("grpo", **changed)]))
    assert says in problem
    assert "row 1" in problem


# --- sizes and traps --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"num_generations": 3}, "3 completions a prompt do not divide a batch of 4"),
        ({"num_generations": 1}, "a group of one completion has no advantage"),
        ({"per_device_train_batch_size": 2}, "do not divide a batch of 2"),
        ({"generation_batch_size": 10, "num_generations": 5}, "10 is no multiple of 4"),
        ({"reward_weights": [0.3]}, "0.3 is no multiple of 1/16"),
        ({"reward_weights": [0.5, 0.5]}, "2 weights for 1 rewards"),
        ({"reward_funcs": None}, "the recipe names no reward"),
    ],
)
def test_sizes_that_do_not_agree_are_named(tmp_path: Path, changed: dict[str, Any], says: str) -> None:
    assert says in the_problem(spoilt(tmp_path, "grpo", **changed))


def test_accumulated_steps_fill_a_group(tmp_path: Path) -> None:
    sizes = {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 4}
    assert check(spoilt(tmp_path, "grpo", **sizes), OF_THE_RECIPE) == []


def test_the_environment_decides_how_many_processes_train(tmp_path: Path) -> None:
    recipe = spoilt(tmp_path, ENV={"NPROC_PER_NODE": 2})
    assert world_size(recipe, {}) == 2
    assert world_size(recipe, {"NPROC_PER_NODE": "4", "NNODES": "2"}) == 8


@pytest.mark.parametrize(
    ("method", "changed", "says"),
    [
        ("sft", {"strict": None}, "deletes rows it cannot read"),
        ("sft", {"add_version": None}, "a name that changes"),
        ("sft", {"create_checkpoint_symlink": True}, "the run fails after training"),
        ("sft", {"packing": True}, "needs a flash attention kernel"),
        ("sft", {"use_galore": True}, "makes the optimizer without asking ms-swift"),
        ("sft", {"fp16": None}, "switches half-precision autocast on"),
        ("sft", {"ENV": {"NPROC_PER_NODE": 2}}, "do not share gradients"),
        ("sft", {"output_dir": None}, "names no run folder"),
        ("grpo", {"truncation_strategy": None}, "cuts the beginning of a long prompt"),
        ("sft", {"packing": True, "attn_impl": "flash_attn", "lazy_tokenize": True}, "does not go with packing"),
    ],
)  # fmt: skip
def test_a_known_trap_of_the_release_is_named(tmp_path: Path, method: str, changed: dict[str, Any], says: str) -> None:
    problem = the_problem(spoilt(tmp_path, method, **changed))
    assert says in problem
    assert "to do: " in problem


def test_a_run_folder_in_use_is_named_unless_the_run_goes_on(tmp_path: Path) -> None:
    path = a_recipe(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "args.json").write_text("{}", encoding="utf-8")
    assert "already holds a run" in the_problem(loaded(path))
    resumed = loaded(path).with_override("resume_from_checkpoint", str(a_checkpoint(tmp_path / "run")))
    assert check(resumed, OF_THE_RECIPE) == []


def test_a_run_does_not_go_on_with_other_rows(tmp_path: Path) -> None:
    path = a_recipe(tmp_path)
    start_run(loaded(path), ["swift"], versions={}, now=dt.datetime(2026, 11, 22, tzinfo=dt.UTC))
    resumed = loaded(path).with_override("resume_from_checkpoint", str(a_checkpoint(tmp_path / "run")))
    assert check(resumed, OF_THE_RECIPE) == []
    write_rows(tmp_path / "sft.jsonl", a_row(), a_row())
    assert "the run began with other rows" in the_problem(resumed)
