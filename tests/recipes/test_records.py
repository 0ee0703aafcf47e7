"""What a run leaves behind, and which checkpoint a killed run goes on from."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from proposal.errors import InputError, IntegrityError
from recipes.launch import with_resume
from recipes.record_checks import drop_resume_files, record_problems
from recipes.records import accept_run, finish_run, last_checkpoint, last_metrics, start_run
from tests.recipes.builders import a_recipe, loaded

NOW = dt.datetime(2026, 11, 22, 10, 0, tzinfo=dt.UTC)


def checkpoint(run: Path, step: int, *, whole: bool = True) -> Path:
    folder = run / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text("{}", encoding="utf-8")
    (folder / "adapter_model.safetensors").write_bytes(bytes([step]))
    if whole:
        state = json.dumps({"global_step": step, "log_history": []})
        (folder / "trainer_state.json").write_text(state, encoding="utf-8")
    return folder


def test_the_last_checkpoint_is_the_newest_by_number(tmp_path: Path) -> None:
    for step in (2, 10, 9):
        checkpoint(tmp_path, step)
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-10"


def test_a_checkpoint_that_was_cut_off_is_passed_over(tmp_path: Path) -> None:
    checkpoint(tmp_path, 2)
    checkpoint(tmp_path, 3, whole=False)
    half = checkpoint(tmp_path, 4)
    (half / "trainer_state.json").write_text('{"global_st', encoding="utf-8")
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-2"


def test_nothing_to_resume_is_said_with_what_was_looked_for(tmp_path: Path) -> None:
    recipe = loaded(a_recipe(tmp_path))
    with pytest.raises(InputError, match="no whole checkpoint") as caught:
        with_resume(recipe, "last")
    assert "trainer_state.json" in str(caught.value)


def test_resume_last_sets_the_flag_of_ms_swift(tmp_path: Path) -> None:
    recipe = loaded(a_recipe(tmp_path))
    folder = checkpoint(tmp_path / "run", 2)
    resumed = with_resume(recipe, "last")
    assert resumed.overrides["resume_from_checkpoint"] == str(folder)


def test_the_manifest_is_there_before_the_run_and_says_what_it_is(tmp_path: Path) -> None:
    recipe = loaded(a_recipe(tmp_path), "sft", "max_steps=5")
    start_run(recipe, ["swift", "sft"], versions={"ms-swift": "4.6.0"}, now=NOW)
    manifest = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert manifest["overrides"] == ["--max_steps", "5"]
    assert manifest["data"][0]["rows"] == 1
    assert len(manifest["data"][0]["sha256"]) == 64
    assert "finished_at" not in manifest


def test_a_run_that_ended_well_becomes_a_model_record(tmp_path: Path) -> None:
    recipe = loaded(a_recipe(tmp_path))
    manifest = start_run(recipe, ["swift"], versions={"ms-swift": "4.6.0"}, now=NOW)
    checkpoint(tmp_path / "run", 2)
    (tmp_path / "run" / "logging.jsonl").write_text('{"loss": 2.0}\n{"loss": 1.5}\n', encoding="utf-8")
    record = finish_run(recipe, manifest, exit_code=0, now=NOW)
    assert record is not None
    assert (record["kind"], record["weights"], record["global_step"]) == ("adapter", "checkpoint-2", 2)
    assert record["metrics"] == {"loss": 1.5}
    card = (tmp_path / "run" / "README.md").read_text(encoding="utf-8")
    assert "| loss | 1.5 |" in card
    assert record["weights_sha256"] in card
    assert str(tmp_path) not in card


def test_a_later_stage_names_the_stages_it_went_on_from(tmp_path: Path) -> None:
    recipe = loaded(a_recipe(tmp_path))
    manifest = start_run(recipe, ["swift"], versions={"ms-swift": "4.6.0"}, now=NOW)
    first = checkpoint(tmp_path / "run", 2)
    assert finish_run(recipe, manifest, exit_code=0, now=NOW + dt.timedelta(minutes=30)) is not None
    later = loaded(a_recipe(tmp_path), "sft", f"adapters={first}", f"output_dir={tmp_path / 'later'}")
    manifest = start_run(later, ["swift"], versions={"ms-swift": "4.6.0"}, now=NOW)
    checkpoint(tmp_path / "later", 5)
    record = finish_run(later, manifest, exit_code=0, now=NOW + dt.timedelta(minutes=7))
    assert record is not None
    (stage,) = record["stages_before"]
    assert (stage["name"], stage["method"], stage["global_step"], stage["seconds"]) == ("run", "sft", 2, 1_800)
    card = (tmp_path / "later" / "README.md").read_text(encoding="utf-8")
    assert "| SFT | 2 | 30 |" in card
    assert "| SFT | 5 | 7 |" in card


def test_a_run_that_was_stopped_is_accepted_as_far_as_a_checkpoint(tmp_path: Path) -> None:
    recipe, run = loaded(a_recipe(tmp_path)), tmp_path / "run"
    manifest = start_run(recipe, ["swift"], versions={"ms-swift": "4.6.0"}, now=NOW)
    checkpoint(run, 2), checkpoint(run, 4)
    logged = '{"loss": 2.0, "global_step/max_steps": "2/9"}\n{"loss": 1.5, "global_step/max_steps": "4/9"}\n'
    (run / "logging.jsonl").write_text(logged, encoding="utf-8")
    with pytest.raises(InputError, match="killed, or goes on"):
        accept_run(run, 2)
    assert finish_run(recipe, manifest, exit_code=130, now=NOW + dt.timedelta(minutes=3)) is None
    with pytest.raises(InputError, match="no whole checkpoint of that step") as caught:
        accept_run(run, 3)
    assert "checkpoint-2, checkpoint-4" in str(caught.value)
    record = accept_run(run, 2)
    assert (record["weights"], record["global_step"], record["seconds"]) == ("checkpoint-2", 2, 180)
    assert record["metrics"]["loss"] == 2.0
    assert json.loads((run / "run.json").read_text(encoding="utf-8"))["exit_code"] == 130


def test_a_run_that_failed_leaves_its_manifest_and_no_record(tmp_path: Path) -> None:
    recipe = loaded(a_recipe(tmp_path))
    manifest = start_run(recipe, ["swift"], versions={}, now=NOW)
    checkpoint(tmp_path / "run", 2)
    assert finish_run(recipe, manifest, exit_code=1, now=NOW) is None
    assert not (tmp_path / "run" / "record.json").exists()
    ended = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert (ended["exit_code"], ended["global_step"]) == (1, 2)


def test_a_log_line_that_was_cut_off_is_passed_over(tmp_path: Path) -> None:
    log = tmp_path / "logging.jsonl"
    log.write_text('{"loss": 2.0, "global_step/max_steps": "1/3"}\n{"loss": 1.', encoding="utf-8")
    assert last_metrics(log) == {"loss": 2.0}


# --- is a record whole? -----------------------------------------------------------------------------------------------


def whole_record(tmp_path: Path) -> Path:
    """Finish a run and return its folder."""
    recipe = loaded(a_recipe(tmp_path))
    versions = {"ms-swift": "4.6.0", "python": "3.11.7", "torch": "2.13.0", "transformers": "5.19.0"}
    manifest = start_run(recipe, ["swift"], versions=versions, now=NOW)
    run = tmp_path / "run"
    saved = checkpoint(run, 2)
    (saved / "optimizer.pt").write_bytes(bytes(1_000))
    (run / "logging.jsonl").write_text('{"loss": 1.5}\n', encoding="utf-8")
    assert finish_run(recipe, manifest, exit_code=0, now=NOW) is not None
    return run


def changed(run: Path, **fields: object) -> list[str]:
    """Change the record on disk and return what is then found."""
    path = run / "record.json"
    record = {**json.loads(path.read_text(encoding="utf-8")), **fields}
    path.write_text(json.dumps(record), encoding="utf-8")
    return [str(problem) for problem in record_problems(run)]


def test_a_finished_run_is_a_whole_record(tmp_path: Path) -> None:
    assert record_problems(whole_record(tmp_path)) == []


@pytest.mark.parametrize("name", ["resolved", "data", "reward_version", "environment", "machine", "prompt_hash"])
def test_a_record_without_one_of_its_parts_is_named_so(tmp_path: Path, name: str) -> None:
    assert f"{name}: is missing or empty" in "\n".join(changed(whole_record(tmp_path), **{name: None}))


def test_a_loss_that_is_no_number_is_no_record(tmp_path: Path) -> None:
    assert "metrics.loss: is nan" in "\n".join(changed(whole_record(tmp_path), metrics={"loss": float("nan")}))


def test_weights_that_were_changed_or_lost_are_found(tmp_path: Path) -> None:
    run = whole_record(tmp_path)
    weights = run / "checkpoint-2" / "adapter_model.safetensors"
    weights.write_bytes(b"other")
    assert "the weights are not those of the record" in str(record_problems(run)[0])
    weights.unlink()
    assert "holds no weights" in str(record_problems(run)[0])


@pytest.mark.parametrize("section", ["Limits", "Licences"])
def test_a_card_without_limits_or_licences_is_refused(tmp_path: Path, section: str) -> None:
    run = whole_record(tmp_path)
    card = run / "README.md"
    card.write_text(card.read_text(encoding="utf-8").replace(f"## {section}", "## Other"), encoding="utf-8")
    assert [problem.message for problem in record_problems(run)] == [f"has no section '{section}'"]


def test_a_run_that_has_not_ended_is_no_record(tmp_path: Path) -> None:
    start_run(loaded(a_recipe(tmp_path)), ["swift"], versions={}, now=NOW)
    with pytest.raises(InputError, match="there is no model record"):
        record_problems(tmp_path / "run")


def test_a_whole_record_can_be_freed_of_what_only_resuming_needs(tmp_path: Path) -> None:
    run = whole_record(tmp_path)
    assert drop_resume_files(run) == 1_000
    assert record_problems(run) == []


def test_of_an_incomplete_record_nothing_is_removed(tmp_path: Path) -> None:
    run = whole_record(tmp_path)
    (run / "README.md").unlink()
    with pytest.raises(IntegrityError, match="is not whole"):
        drop_resume_files(run)
    assert (run / "checkpoint-2" / "optimizer.pt").is_file()
