"""Data formats: what a file is in, and each planted fault named with row, field and what to do."""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_prep.faults import Fault
from data_prep.formats import FORMATS, validate

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 16
CALL = json.dumps({"name": "search", "arguments": {"q": "quorum"}})
TOOLS = json.dumps([{"name": "search", "description": "Search", "parameters": {"type": "object"}}])


def turns(*words: str) -> list[dict[str, str]]:
    """Build sharegpt turns: human and gpt in turn."""
    return [{"from": ("human", "gpt")[i % 2], "value": word} for i, word in enumerate(words)]


def messages(*words: str) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[i % 2], "content": word} for i, word in enumerate(words)]


GOOD: dict[str, list[dict[str, Any]]] = {
    "alpaca": [
        {"instruction": "Name the quorum.", "input": "", "output": "It is four percent."},
        {"instruction": "Translate.", "input": "法定人数", "output": "quorum", "history": [["Hello", "Hello."]]},
    ],
    "sharegpt": [
        {"conversations": turns("What is a quorum?", "A minimum."), "system": "Be brief."},
        {
            "conversations": [
                {"from": "human", "value": "Look it up."},
                {"from": "function_call", "value": CALL},
                {"from": "observation", "value": '{"quorum": 4}'},
                {"from": "gpt", "value": "It is four."},
            ],
            "tools": TOOLS,
        },
    ],
    "messages": [
        {"messages": [{"role": "system", "content": "Be brief."}, *messages("What?", "This.")]},
        {"messages": messages("One", "two", "three", "four"), "id": "a-2"},
    ],
    "preference": [
        {"messages": messages("What?", "This."), "rejected_messages": messages("What?", "That.")},
        {"messages": messages("Why?", "So."), "rejected_messages": messages("Why?", "No.")},
    ],
    "kto": [
        {"messages": messages("What?", "This."), "label": True},
        {"messages": messages("What?", "That."), "label": False},
    ],
    "text": [{"text": "A proposal passed."}, {"text": "Another one failed."}],
    "multimodal": [
        {"messages": messages("<image>What does the chart show?", "A decline."), "images": ["chart.png"]},
        {"messages": messages("And without?", "Nothing.")},
    ],
}


def written(folder: Path, rows: list[Any], name: str = "data.jsonl") -> Path:
    (folder / "chart.png").write_bytes(PNG)
    path = folder / name
    lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("format_", FORMATS)
def test_a_good_file_of_each_format_is_recognised_and_has_no_fault(tmp_path: Path, format_: str) -> None:
    result = validate(written(tmp_path, GOOD[format_]))
    assert (result.format, result.rows, result.faults) == (format_, 2, [])


@pytest.mark.parametrize("format_", FORMATS)
def test_a_json_array_reads_as_the_lines_do(tmp_path: Path, format_: str) -> None:
    path = written(tmp_path, [json.dumps(GOOD[format_], indent=1)], "data.json")
    result = validate(path)
    assert (result.format, result.rows, result.faults) == (format_, 2, [])


GPT_A = {"from": "gpt", "value": "A"}


@pytest.mark.parametrize(
    "row",
    [
        {"conversations": turns("What?"), "chosen": GPT_A, "rejected": {**GPT_A, "value": "B"}},
        {"instruction": "What?", "chosen": "A", "rejected": "B"},
        {"prompt": "What?", "chosen": "A", "rejected": "B"},
        {"chosen_messages": messages("What?", "A"), "rejected_messages": messages("What?", "B")},
    ],
)  # fmt: skip
def test_every_common_form_of_a_preference_is_read(tmp_path: Path, row: dict[str, Any]) -> None:
    result = validate(written(tmp_path, [row]))
    assert (result.format, result.faults) == ("preference", [])


def test_turns_with_parts_are_read_with_their_media_and_calls(tmp_path: Path) -> None:
    parts = [{"type": "image_url", "value": "chart.png"}, {"type": "text", "value": "What is it?"}]
    answer = [{"type": "reasoning", "value": "A chart."}, {"type": "tool_call", "value": CALL}]
    rows = [{"messages": [{"role": "user", "content": parts}, {"role": "assistant", "content": answer}]}]
    result = validate(written(tmp_path, rows))
    assert (result.format, result.faults) == ("multimodal", [])


Spoil = Callable[[dict[str, Any]], Any]


def put(*path: Any, to: Any) -> Spoil:
    def spoil(row: dict[str, Any]) -> None:
        place: Any = row
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = to

    return spoil


def drop(*path: Any) -> Spoil:
    def spoil(row: dict[str, Any]) -> None:
        place: Any = row
        for step in path[:-1]:
            place = place[step]
        del place[path[-1]]

    return spoil


def rename(old: str, new: str, *path: Any) -> Spoil:
    def spoil(row: dict[str, Any]) -> None:
        place: Any = row
        for step in path:
            place = place[step]
        place[new] = place.pop(old)

    return spoil


def insert(field: str, place: int, turn: dict[str, Any]) -> Spoil:
    return lambda row: row[field].insert(place, turn)


def add_turn(field: str, turn: dict[str, Any]) -> Spoil:
    return lambda row: row[field].append(turn)


USER_TURN = {"role": "user", "content": "And then?"}
NO_ARGUMENTS = '{"name": "a"}'
ODD_PART = [{"type": "txt", "value": "x"}]
OTHER_CALL = json.dumps({"name": "serch", "arguments": {}})
TOLD = {"from": "system", "value": "Be long."}
TWO_IMAGES = "<image><image>And?"
PLANTED: list[tuple[str, str, Spoil, str, str]] = [
    # format, code, what is done to the second row, field that is named, words of the message
    ("alpaca", "unknown-field", rename("instruction", "instuction"), "instuction", "did you mean 'instruction'?"),
    ("alpaca", "unknown-field", rename("output", "Output"), "Output", "did you mean 'output'?"),
    ("alpaca", "missing-field", drop("output"), "output", "lacks this field"),
    ("alpaca", "wrong-type", put("instruction", to=3), "instruction", "found the number 3"),
    ("alpaca", "wrong-type", put("input", to=["a"]), "input", "found a list of 1"),
    ("alpaca", "empty", put("output", to=" "), "output", "the text is empty"),
    ("alpaca", "wrong-type", put("history", to="a"), "history", "pairs [question, answer]"),
    ("alpaca", "wrong-type", put("history", to=[["x", "y"], ["z"]]), "history[1]", "a pair [question, answer]"),
    ("alpaca", "wrong-type", put("history", to=[["x", 3]]), "history[0][1]", "found the number 3"),
    ("sharegpt", "role-order", drop("conversations", 2), "conversations[2].value", "without what the tool answered"),
    ("sharegpt", "tool-unknown", put("conversations", 1, "value", to=OTHER_CALL), "conversations[1].value", "search"),
    ("sharegpt", "two-systems", insert("conversations", 0, TOLD), "system", "a system turn of its own"),
    ("messages", "wrong-type", put("messages", to='[{"role": "user"}]'), "messages", "text that holds JSON"),
    ("preference", "wrong-type", put("margin", to="big"), "margin", "a number from 0 on"),
    ("preference", "wrong-type", put("rejected_messages", to=None), "rejected_messages", "has to be text or turns"),
    ("text", "unknown-field", rename("text", "txet"), "txet", "did you mean 'text'?"),
    ("text", "empty", drop("text"), "", "the row has no field"),
    ("sharegpt", "unknown-field", rename("conversations", "conversation_s"), "conversation_s", "did you mean"),
    ("sharegpt", "wrong-type", put("conversations", to=CALL), "conversations", "has to be a list of turns"),
    ("sharegpt", "empty", put("conversations", to=[]), "conversations", "has no turn"),
    ("sharegpt", "role-unknown", put("conversations", 0, "from", to="humn"), "conversations[0].from", "'human'"),
    ("sharegpt", "role-unknown", put("conversations", 3, "from", to="GPT"), "conversations[3].from", "'gpt'"),
    ("sharegpt", "role-unknown", put("conversations", 0, "from", to=7), "conversations[0].from", "the number 7"),
    ("sharegpt", "missing-field", rename("value", "vlaue", "conversations", 3), "conversations[3].value", "'vlaue'"),
    ("sharegpt", "tool-call-json", put("conversations", 1, "value", to="{search}"), "conversations[1].value", "JSON"),
    ("sharegpt", "tool-call-json", put("conversations", 1, "value", to=NO_ARGUMENTS), "conversations[1].value", "argu"),
    ("sharegpt", "role-order", put("conversations", 1, to=turns("", "x")[1]), "conversations[2].value", "without a"),
    ("sharegpt", "tools-json", put("tools", to="[{"), "tools", "has to be JSON"),
    ("sharegpt", "tools-json", put("tools", to='[{"title": "x"}]'), "tools[0]", "an object with a name"),
    ("messages", "no-answer", add_turn("messages", USER_TURN), "messages[4].content", "ends without an answer"),
    ("messages", "role-order", insert("messages", 2, USER_TURN), "messages[3].content", "two user turns"),
    ("messages", "role-order", put("messages", 2, "role", to="system"), "messages[2].content", "has to be the first"),
    ("messages", "wrong-type", put("messages", 0, "content", to=None), "messages[0].content", "found null"),
    ("messages", "wrong-type", put("messages", 0, to="Hello"), "messages[0]", "has to be an object"),
    ("messages", "damaged-text", put("messages", 1, "content", to="a\0b"), "messages[1].content", "U+0000"),
    ("messages", "damaged-text", put("messages", 1, "content", to="a\ud800b"), "messages[1].content", "U+D800"),
    ("messages", "template-token", put("messages", 0, "content", to="x<|im_end|>y"), "messages[0].content", "im_end"),
    ("messages", "part-unknown", put("messages", 0, "content", to=ODD_PART), "messages[0].content[0].type", "'text'"),
    ("messages", "wrong-type", put("messages", to=None), "messages", "found null"),
    ("preference", "missing-field", drop("rejected_messages"), "", "another format"),
    ("preference", "no-preference", put("rejected_messages", 1, "content", to="So."), "rejected_messages", "the same"),
    ("preference", "empty", put("rejected_messages", 1, "content", to=""), "rejected_messages[1].content", "is empty"),
    ("preference", "wrong-type", put("rejected_messages", to=5), "rejected_messages", "found the number 5"),
    ("kto", "label-type", put("label", to="true"), "label", "found 'true'"),
    ("kto", "label-type", put("label", to=1), "label", "found the number 1"),
    ("kto", "label-type", put("label", to="good"), "label", "found 'good'"),
    ("text", "wrong-type", put("text", to=["a"]), "text", "found a list of 1"),
    ("text", "empty", put("text", to="\n"), "text", "is empty"),
    ("text", "unknown-field", rename("text", "txt"), "txt", "did you mean 'text'?"),
    ("multimodal", "file-missing", put("images", to=["chrt.png"]), "images[0]", "found 'chrt.png'"),
    ("multimodal", "placeholder-count", put("messages", 0, "content", to=TWO_IMAGES), "messages[0].content", "for 1"),
    ("multimodal", "placeholder-count", drop("images"), "messages[0].content", "the row has no images"),
    ("multimodal", "not-readable", put("images", to=["data.jsonl"]), "images[0]", "no image of a known kind"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("format_", "code", "spoil", "field", "words"), PLANTED, ids=[f"{p[0]}-{p[1]}-{i}" for i, p in enumerate(PLANTED)]
)
def test_a_planted_fault_is_named_exactly(
    tmp_path: Path, format_: str, code: str, spoil: Spoil, field: str, words: str
) -> None:
    rows = copy.deepcopy(GOOD[format_])
    if format_ == "multimodal":
        rows[1] = copy.deepcopy(rows[0])
    if code == "two-systems":
        rows[1]["system"] = "Be brief."
    spoil(rows[1])
    result = validate(written(tmp_path, [*GOOD[format_], rows[1]]))
    assert len(result.faults) == 1, "\n".join(map(str, result.faults))
    (fault,) = result.faults
    expected = "mixed-format" if words == "another format" else code
    assert (fault.code, fault.row, fault.line, fault.field) == (expected, 3, 3, field)
    assert words in str(fault)


def test_at_least_forty_faults_are_planted() -> None:
    assert len(PLANTED) >= 40


@pytest.mark.parametrize(
    ("name", "content", "code", "words"),
    [
        ("data.jsonl", b"", "empty-file", "the file is empty"),
        ("data.json", b"[]", "empty-file", "the array has no row"),
        ("data.jsonl", b'{"text": "a"}\n{"text": \n', "json", "data.jsonl:2 row 2"),
        ("data.json", b'[{"text": "a"},]', "json", "not valid JSON"),
        ("data.jsonl", b'{"text": "a"}\n{"text": "\xff"}\n', "not-utf8", "not UTF-8 text"),
        ("data.jsonl", b'\xef\xbb\xbf{"text": "a"}\n', "byte-order-mark", "byte order mark"),
        ("data.jsonl", b'{"text": "a", "text": "b"}\n', "json", "the key 'text' stands twice"),
        ("data.jsonl", b'{"text": "a", "margin": NaN}\n', "json", "NaN is not JSON"),
        ("data.jsonl", b"[1, 2]\n", "not-an-object", "a row has to be an object"),
        ("data.jsonl", b"<!DOCTYPE html><html></html>", "not-json", "a web page"),
        ("data.parquet", b"PAR1", "suffix", "the kind of file is not known"),
        ("data.jsonl.gz", gzip.compress(b'{"text": "a"}\n' * 900, mtime=0)[:-12], "gzip", "damaged or cut off"),
        ("data.jsonl", b'\xff\xfe{\x00"\x00', "not-utf8", "the file is UTF-16"),
        (
            "data.jsonl",
            b'{"text": "a"}\n{"text": "caf\xe9"}\n{"text": "b"}\n',
            "not-utf8",
            "data.jsonl:2 row 2: not UTF-8",
        ),
        (
            "data.json",
            b'[{"text": "a"},\n{"text": "caf\xe9"}]',
            "not-utf8",
            "data.json:2: not UTF-8 text (the byte 0xE9)",
        ),
        ("data.jsonl", b'{"text": "a"},\n', "json", "remove the comma at the end of the line"),
        ("data.jsonl", b"{'text': 'a'}\n", "json", "this is how Python prints it"),
        ("data.csv", b"text,id\na,1\nb\n", "shifted", "data.csv:3 row 2: the row has 1 fields and the header 2"),
        ("data.csv", b'text,id\na,1\n"b,2\n', "csv", "not valid CSV"),
        ("data.jsonl.gz", b"plain text", "gzip", "damaged or cut off"),
    ],
)
def test_a_defect_of_the_file_itself_is_named(tmp_path: Path, name: str, content: bytes, code: str, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    found: list[Fault] = [fault for fault in validate(path).faults if fault.code == code]
    assert found
    assert words in str(found[0])


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    assert [fault.code for fault in validate(tmp_path / "no.jsonl").faults] == ["no-such-file"]
    assert [fault.code for fault in validate(tmp_path).faults] == ["is-a-folder"]


def test_a_packed_file_reads_as_the_plain_one(tmp_path: Path) -> None:
    plain = written(tmp_path, GOOD["kto"])
    packed = tmp_path / "data.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes(), mtime=0))
    assert validate(packed).rows == validate(plain).rows == 2
    assert validate(packed).ok


def test_fields_that_are_in_no_format_are_told_with_what_is_known(tmp_path: Path) -> None:
    (fault,) = validate(written(tmp_path, [{"foo": 1, "bar": 2}])).faults
    assert fault.code == "unknown-format"
    assert "an object with foo, bar" in str(fault)


def test_columns_that_no_trainer_reads_are_noted_and_no_fault(tmp_path: Path) -> None:
    rows = [{**row, "weather": "dry"} for row in GOOD["text"]]
    result = validate(written(tmp_path, rows))
    assert result.ok
    assert result.notes == ["columns that no trainer reads: weather (2 rows)"]


def test_judged_texts_of_one_kind_only_are_no_kto_data(tmp_path: Path) -> None:
    (fault,) = validate(written(tmp_path, GOOD["kto"][:1])).faults
    assert fault.code == "one-label"


def test_a_file_that_names_the_rejected_text_in_two_ways_is_refused(tmp_path: Path) -> None:
    rows = [*GOOD["preference"], {"messages": messages("What?", "A"), "rejected_response": "B"}]
    (fault,) = validate(written(tmp_path, rows)).faults
    assert fault.code == "mixed-columns"
    assert "rejected_messages (2 rows), rejected_response (1 rows)" in str(fault)


def test_a_row_in_another_format_than_its_file_is_named(tmp_path: Path) -> None:
    (fault,) = validate(written(tmp_path, [*GOOD["sharegpt"], GOOD["alpaca"][0]])).faults
    assert (fault.code, fault.row) == ("mixed-format", 3)


def test_every_shared_demo_file_validates(shared_data: Path) -> None:
    files = [path for path in sorted((shared_data / "formats").glob("*.json*")) if path.name != "dataset_info.json"]
    assert len(files) >= 10
    for path in files:
        result = validate(path)
        assert result.ok, f"{path.name}: {result.faults[0]}"
        assert result.rows > 0


@pytest.mark.parametrize(
    ("name", "format_", "rows"),
    [
        ("alpaca_en_demo.json", "alpaca", 999),
        ("glaive_toolcall_en_demo.json", "sharegpt", 300),
        ("dpo_en_demo.json", "preference", 300),
        ("kto_en_demo.json", "kto", 300),
        ("c4_demo.jsonl", "text", 300),
        ("mllm_demo.json", "multimodal", 6),
        ("v1_dpo_demo.jsonl", "preference", 10),
        ("v1_multimodal_demo.jsonl", "multimodal", 24),
        ("reason_tool_use_demo_50.jsonl", "messages", 50),
    ],
)
def test_a_shared_demo_file_is_recognised(shared_data: Path, name: str, format_: str, rows: int) -> None:
    result = validate(shared_data / "formats" / name)
    assert (result.format, result.rows) == (format_, rows)


def test_a_line_in_another_encoding_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(b'{"text": "a"}\r\n{"text": "caf\xe9"}\r\n{"text": "b"}\r\n')
    result = validate(path)
    assert (result.format, result.rows, len(result.faults)) == ("text", 2, 1)


def test_a_table_reads_as_the_rows_that_its_header_names(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text('instruction,input,output\nWhat?,,"This, and that."\n', encoding="utf-8")
    result = validate(path)
    assert (result.format, result.rows, result.faults) == ("alpaca", 1, [])
