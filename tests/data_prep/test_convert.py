"""Conversion and repair: nothing lost in silence, nothing changed that is no mere spelling."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from data_prep.cli import data_app
from data_prep.convert import TARGETS, convert_row, repaired
from data_prep.faults import Fault
from data_prep.formats import check_row, detect, validate
from data_prep.reading import RawRow
from proposal.errors import InputError
from tests.data_prep.test_formats import CALL, GOOD, TOOLS, messages, turns, written

run = CliRunner()


def app() -> typer.Typer:
    """Mount the commands as `dao-agent data` has them."""
    return data_app


def converted(row: dict[str, Any], target: str, path: Path) -> dict[str, Any]:
    format_ = detect([row])
    assert format_ is not None
    result = convert_row(RawRow(1, 1, row), format_, target, path)  # type: ignore[arg-type]
    assert isinstance(result, dict), [str(fault) for fault in result]
    return result


@pytest.mark.parametrize("format_", [name for name in GOOD if name != "text"])
@pytest.mark.parametrize("target", TARGETS)
def test_what_a_format_can_say_comes_back_the_same(tmp_path: Path, format_: str, target: str) -> None:
    path = written(tmp_path, GOOD[format_])
    for row in GOOD[format_]:
        base = converted(row, "messages", path)
        there = convert_row(RawRow(1, 1, row), format_, target, path)  # type: ignore[arg-type]
        if isinstance(there, list):
            assert [fault.code for fault in there] == ["not-expressible"]
            continue
        back = converted(there, "messages", path)
        assert _said(back) == _said(base)


def _said(row: dict[str, Any]) -> list[Any]:
    rejected = row.get("rejected_messages", [{"content": None}])[-1]["content"]
    return [row["messages"], rejected, row.get("label"), row.get("tools"), row.get("images")]


def test_alpaca_becomes_turns_with_its_history_first(tmp_path: Path) -> None:
    row = converted(GOOD["alpaca"][1], "messages", tmp_path / "x.jsonl")
    assert [turn["content"] for turn in row["messages"]] == ["Hello", "Hello.", "Translate.\n法定人数", "quorum"]


def test_a_tool_call_cannot_be_said_in_alpaca(tmp_path: Path) -> None:
    result = convert_row(RawRow(2, 2, GOOD["sharegpt"][1]), "sharegpt", "alpaca", tmp_path / "x.jsonl")
    assert isinstance(result, list)
    assert [(fault.code, fault.row) for fault in result] == [("not-expressible", 2)]


def test_text_becomes_an_answer_without_a_question(tmp_path: Path) -> None:
    row = converted({"text": "A proposal passed."}, "messages", tmp_path / "x.jsonl")
    assert row == {"messages": [{"role": "assistant", "content": "A proposal passed."}]}


def test_images_get_a_path_that_a_run_anywhere_can_read(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD["multimodal"])
    row = converted(GOOD["multimodal"][0], "messages", path)
    assert row["images"] == [str((tmp_path / "chart.png").resolve())]


def test_columns_of_the_users_own_are_kept(tmp_path: Path) -> None:
    row = converted({**GOOD["sharegpt"][0], "id": "r-1", "weather": "dry"}, "messages", tmp_path / "x.jsonl")
    assert (row["id"], row["weather"]) == ("r-1", "dry")


# --- any conversation, there and back -----------------------------------------------------------------------------

WORDS = st.text(alphabet="ab ,.?数", min_size=1, max_size=12).filter(lambda text: text.strip() == text)


@st.composite
def conversations(draw: st.DrawFn) -> dict[str, Any]:
    """Build a row of the format messages: with or without system, tools, label, rejected text, own columns."""
    words = draw(st.lists(WORDS, min_size=2, max_size=6).filter(lambda found: len(found) % 2 == 0))
    row: dict[str, Any] = {"messages": messages(*words)}
    if draw(st.booleans()):
        row["messages"].insert(0, {"role": "system", "content": draw(WORDS)})
    kind = draw(st.sampled_from(["plain", "label", "rejected", "tools"]))
    if kind == "label":
        row["label"] = draw(st.booleans())
    elif kind == "rejected":
        worse = draw(WORDS.filter(lambda text: text != words[-1]))
        row["rejected_messages"] = [*row["messages"][:-1], {"role": "assistant", "content": worse}]
    elif kind == "tools":
        call = [{"role": "tool_call", "content": CALL}, {"role": "tool_response", "content": draw(WORDS)}]
        row["messages"] = [*row["messages"][:-1], *call, row["messages"][-1]]
        row["tools"] = TOOLS
    if draw(st.booleans()):
        row["dao_source"] = draw(WORDS)
    return row


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(row=conversations(), first=st.sampled_from(TARGETS), second=st.sampled_from(TARGETS))
def test_any_conversation_comes_back_from_any_pair_of_formats_or_the_loss_is_named(
    row: dict[str, Any], first: str, second: str
) -> None:
    path = Path("x.jsonl")
    there: Any = row
    for target in (first, second):
        format_ = detect([there])
        assert format_ is not None
        found = convert_row(RawRow(1, 1, there), format_, target, path)  # type: ignore[arg-type]
        if isinstance(found, list):
            assert target == "alpaca"
            assert [fault.code for fault in found] == ["not-expressible"]
            assert any(turn["role"].startswith("tool") for turn in row["messages"])
            return
        there = found
    back = converted(there, "messages", path)
    assert _said(back) == _said(row)
    assert back.get("dao_source") == row.get("dao_source")


ASKED = {"messages": messages("What?", "This.")}


@pytest.mark.parametrize(
    ("row", "mended"),
    [
        ({"instuction": "What?", "output": "This."}, {"instruction": "What?", "output": "This."}),
        (
            {"messages": [{"role": "User", "content": "What?"}, {"role": "asistant", "content": "This."}]},
            {"messages": messages("What?", "This.")},
        ),
        (
            {"conversations": [turns("What?")[0], {"from": "gpt", "vlaue": "This."}]},
            {"conversations": turns("What?", "This.")},
        ),
        ({**ASKED, "label": "True"}, {**ASKED, "label": True}),
        ({"messages": json.dumps(ASKED["messages"])}, ASKED),
    ],
)  # fmt: skip
def test_a_mechanical_fault_is_mended(tmp_path: Path, row: dict[str, Any], mended: dict[str, Any]) -> None:
    format_ = detect([row])
    assert format_ is not None
    faults = check_row(RawRow(1, 1, row), format_, tmp_path / "x.jsonl")
    assert faults
    assert all(fault.fixable for fault in faults)
    assert repaired(row, faults) == mended
    assert not check_row(RawRow(1, 1, mended), format_, tmp_path / "x.jsonl")


def test_what_is_not_mechanical_stays_as_it_is(tmp_path: Path) -> None:
    row = {"messages": messages("What?", " ")}
    faults = check_row(RawRow(1, 1, row), "messages", tmp_path / "x.jsonl")
    assert [fault.fixable for fault in faults] == [False]
    assert repaired(row, faults) == row


# --- the commands ---------------------------------------------------------------------------------


def test_validate_lists_faults_and_ends_with_two(tmp_path: Path) -> None:
    path = written(tmp_path, [*GOOD["text"], {"txt": "x"}])
    done = run.invoke(app(), ["validate", str(path)])
    assert done.exit_code == 2
    assert f"{path}:3 row 3, txt: not a field of the format text; did you mean 'text'?" in done.stdout
    assert f"{path}: text, 3 rows, 1 faults" in done.stdout


def test_validate_says_so_when_there_is_no_fault(tmp_path: Path) -> None:
    done = run.invoke(app(), ["validate", str(written(tmp_path, GOOD["kto"]))])
    assert done.exit_code == 0
    assert "kto, 2 rows, no fault" in done.stdout


def test_validate_prints_one_json_object(tmp_path: Path) -> None:
    path = written(tmp_path, [{"text": ""}])
    done = run.invoke(app(), ["validate", str(path), "--json"])
    (file,) = json.loads(done.stdout)["files"]
    assert (file["format"], file["faults"][0]["code"], file["faults"][0]["row"]) == ("text", "empty", 1)


def test_validate_mends_beside_the_file_and_says_what_is_left(tmp_path: Path) -> None:
    path = written(tmp_path, [GOOD["text"][0], {"txt": "x"}, {"text": ""}])
    before = path.read_bytes()
    done = run.invoke(app(), ["validate", str(path), "--fix"])
    fixed = tmp_path / "data.fixed.jsonl"
    assert f"{fixed}: 1 rows mended, 1 faults are left" in done.stdout
    assert path.read_bytes() == before
    assert [fault.code for fault in validate(fixed).faults] == ["empty"]


def test_an_expected_format_is_held_to(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD["text"])
    done = run.invoke(app(), ["validate", str(path), "--expect", "kto"])
    assert done.exit_code == 2
    assert "the row is in another format than its file (kto)" in done.stdout


def test_a_misspelt_format_names_the_nearest(tmp_path: Path) -> None:
    done = run.invoke(app(), ["validate", str(written(tmp_path, GOOD["text"])), "--expect", "mesages"])
    assert isinstance(done.exception, InputError)
    assert "did you mean 'messages'?" in str(done.exception)


def test_convert_writes_rows_that_validate(tmp_path: Path) -> None:
    out = tmp_path / "out" / "rows.jsonl"
    done = run.invoke(app(), ["convert", str(written(tmp_path, GOOD["alpaca"])), "--out", str(out)])
    assert done.exit_code == 0, done.stdout
    assert "2 rows from alpaca to messages, 0 faults" in done.stdout
    assert (validate(out).format, validate(out).rows, validate(out).faults) == ("messages", 2, [])


def test_convert_names_what_it_left_out(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD["sharegpt"])
    done = run.invoke(app(), ["convert", str(path), "--to", "alpaca", "--out", str(tmp_path / "o.jsonl")])
    assert done.exit_code == 2
    assert "1 rows from sharegpt to alpaca, 1 faults" in done.stdout


@pytest.mark.slow
def test_build_reports_its_counts(tmp_path: Path) -> None:
    examples = Path(__file__).parents[2] / "examples"
    done = run.invoke(app(), ["build", "--from", str(examples), "--out", str(tmp_path), "--json"])
    assert json.loads(done.stdout)["rows"]["sft"] >= 15


# --- folders --------------------------------------------------------------------------------------


def test_a_folder_with_rows_in_dataset_json_is_read_as_it_is(tmp_path: Path) -> None:
    written(tmp_path, [json.dumps(GOOD["sharegpt"])], "dataset.json")
    done = run.invoke(app(), ["validate", str(tmp_path)])
    assert done.exit_code == 0, done.stdout
    assert "dataset.json: sharegpt, 2 rows, no fault" in done.stdout


def test_a_folder_with_an_index_checks_what_it_names(tmp_path: Path) -> None:
    written(tmp_path, [{"frage": "What?", "antwort": "This."}, {"frage": "", "antwort": "That."}], "own.jsonl")
    columns = {"prompt": "frage", "response": "antwort"}
    index = {"own": {"file_name": "own.jsonl", "columns": columns}, "far": {"hf_hub_url": "someone/set"}}
    (tmp_path / "dataset.json").write_text(json.dumps(index), encoding="utf-8")
    done = run.invoke(app(), ["validate", str(tmp_path)])
    assert "own.jsonl:2 row 2, frage: the text is empty" in done.stdout
    assert "own.jsonl: alpaca, 2 rows, 1 faults" in done.stdout
    assert "1 entries are not files here (far …)" in done.stdout


def test_an_index_that_names_a_missing_file_says_the_nearest(tmp_path: Path) -> None:
    written(tmp_path, GOOD["text"], "corpus.jsonl")
    (tmp_path / "dataset.json").write_text(json.dumps({"c": {"file_name": "corpse.jsonl"}}), encoding="utf-8")
    done = run.invoke(app(), ["validate", str(tmp_path)])
    assert done.exit_code == 2
    assert "c.file_name: no such file (found 'corpse.jsonl'); did you mean 'corpus.jsonl'?" in done.stdout


def test_an_empty_folder_says_what_belongs_there(tmp_path: Path) -> None:
    done = run.invoke(app(), ["validate", str(tmp_path)])
    assert done.exit_code == 2
    assert "no data file is in this folder" in done.stdout


def test_the_shared_folder_validates_as_it_is(shared_data: Path) -> None:
    done = run.invoke(app(), ["validate", str(shared_data / "formats")])
    assert done.exit_code == 0, done.stdout
    assert done.stdout.count("no fault") == 11


def test_a_fault_tells_everything_it_knows_in_one_line() -> None:
    fault = Fault("code", "a.jsonl", "is wrong", 2, 3, "text", found="'x'", near="y", fix="do it")
    assert str(fault) == "a.jsonl:3 row 2, text: is wrong (found 'x'); did you mean 'y'?\n  to do: do it"
