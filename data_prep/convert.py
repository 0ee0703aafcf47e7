"""From one data format to another, and the repair of what is mechanical.

    dao-agent data convert FILE --to messages --out FILE

A row is read into turns as the validator reads it and written again; what the target cannot say (a tool call in alpaca)
is a fault and no silent loss. A repair changes names and spellings only, never what a text says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from data_prep.faults import Fault
from data_prep.formats import KNOWN_FIELDS, NOTED, Format, check_row, conversation, without_slips
from data_prep.media import locate
from data_prep.reading import RawRow
from data_prep.turns import PLACEHOLDERS, ROLES, Report, Turn, listed_in, read_turn, read_turns

Target = Literal["messages", "sharegpt", "alpaca"]
TARGETS: tuple[Target, ...] = ("messages", "sharegpt", "alpaca")

_SHAREGPT_ROLES = {
    "system": "system",
    "user": "human",
    "assistant": "gpt",
    "tool_call": "function_call",
    "tool_response": "observation",
}


@dataclass(slots=True)
class Example:
    """One row, whatever format it was in."""

    turns: list[Turn]
    rejected: list[Turn] = field(default_factory=list)
    label: bool | None = None
    tools: str = ""
    media: dict[str, list[str]] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)


def convert_row(row: RawRow, format_: Format, target: Target, path: Path) -> dict[str, Any] | list[Fault]:
    """Return the row in the target format, or why it cannot be."""
    faults = [fault for fault in check_row(row, format_, path) if fault.code not in NOTED]
    if faults:
        return faults

    def report(code: str, where: str, message: str, **more: Any) -> None:
        faults.append(Fault(code, str(path), message, row.number, row.line, where, **more))

    example = read_example(row.data, format_, path, report)
    written = WRITERS[target](example, report)
    return faults or written


def read_example(row: Mapping[str, Any], format_: Format, path: Path, report: Report) -> Example:
    """Read a row that was found to have no fault."""
    data = without_slips(row, format_, report)
    example = Example(_turns(data, format_, report))
    if "chosen" in data:
        example.turns += _answer(data["chosen"], "chosen", report)
    rejected = next((name for name in ("rejected", "rejected_response", "rejected_messages") if name in data), None)
    if rejected:
        example.rejected = _answer(data[rejected], rejected, report)
    label = data.get("label", data.get("kto_tag"))
    example.label = label if isinstance(label, bool) else None
    tools = data.get("tools")
    example.tools = tools if isinstance(tools, str) else json.dumps(tools, ensure_ascii=False) if tools else ""
    for column in PLACEHOLDERS:
        paths = _media_paths(data, column, example.turns)
        if paths:
            example.media[column] = [_readable(item, path.parent) for item in paths]
    example.extra = {key: value for key, value in data.items() if key not in KNOWN_FIELDS or key in {"id", "channel"}}
    return example


def _turns(data: Mapping[str, Any], format_: Format, report: Report) -> list[Turn]:
    if format_ == "text":
        return [Turn("assistant", data["text"], "text")]
    if "chosen_messages" in data:
        return read_turns(data["chosen_messages"], "chosen_messages", report)
    return conversation(data, report)


def _answer(value: Any, name: str, report: Report) -> list[Turn]:
    if isinstance(value, str):
        return [Turn("assistant", value, name)]
    return read_turns(value, name, report) if isinstance(value, list) else read_turn(value, name, report)


def _media_paths(data: Mapping[str, Any], column: str, turns: Sequence[Turn]) -> list[str]:
    listed = data.get(column, data.get(column[:-1])) or []
    items = listed if isinstance(listed, list) else [listed]
    paths = [item.get("path", "") if isinstance(item, dict) else str(item) for item in items]
    return paths + [path for turn in turns for kind, path in turn.media if kind == column]


def _readable(path: str, folder: Path) -> str:
    """Return the path as a run anywhere can read it; ms-swift reads a relative one from where it was started."""
    found = locate(path, folder, None)
    return str(found.resolve()) if found else path


# --- writing ----------------------------------------------------------------------------------------------------------


def _as_messages(example: Example, report: Report) -> dict[str, Any]:  # noqa: ARG001
    """Write ms-swift's own form; the rejected text always as turns, because a file has to say it in one way."""
    row: dict[str, Any] = {"messages": [{"role": turn.role, "content": turn.text} for turn in example.turns]}
    if example.rejected:
        prompt = example.turns[:-1] if len(example.rejected) == 1 else []
        row["rejected_messages"] = [{"role": turn.role, "content": turn.text} for turn in [*prompt, *example.rejected]]
    return {**row, **_beside(example)}


def _as_sharegpt(example: Example, report: Report) -> dict[str, Any]:  # noqa: ARG001
    turns = [{"from": _SHAREGPT_ROLES[turn.role], "value": turn.text} for turn in example.turns]
    row: dict[str, Any] = {"conversations": turns}
    if example.rejected:
        row["chosen"] = turns.pop()
        row["rejected"] = {"from": "gpt", "value": example.rejected[-1].text}
    return {**row, **_beside(example)}


def _as_alpaca(example: Example, report: Report) -> dict[str, Any]:
    turns = list(example.turns)
    row: dict[str, Any] = {}
    if turns and turns[0].role == "system":
        row["system"] = turns.pop(0).text
    pairs = list(zip(turns[::2], turns[1::2], strict=False))
    plain = len(turns) % 2 == 0 and all((a.role, b.role) == ("user", "assistant") for a, b in pairs)
    if not pairs or not plain or example.media:
        report("not-expressible", "", "the format alpaca has pairs of plain question and answer only",
               found=", ".join(turn.role for turn in example.turns), fix="convert to messages")  # fmt: skip
        return {}
    question, answer = pairs[-1]
    row |= {"instruction": question.text, "input": ""}
    row |= (
        {"chosen": answer.text, "rejected": example.rejected[-1].text} if example.rejected else {"output": answer.text}
    )
    if len(pairs) > 1:
        row["history"] = [[a.text, b.text] for a, b in pairs[:-1]]
    return {**row, **_beside(example)}


def _beside(example: Example) -> dict[str, Any]:
    row: dict[str, Any] = dict(example.media)
    if example.label is not None:
        row["label"] = example.label
    if example.tools:
        row["tools"] = example.tools
    return {**row, **example.extra}


WRITERS: Mapping[Target, Callable[[Example, Report], dict[str, Any]]] = {
    "messages": _as_messages,
    "sharegpt": _as_sharegpt,
    "alpaca": _as_alpaca,
}


# --- repair -----------------------------------------------------------------------------------------------------------

_STEP = re.compile(r"([^.\[\]]+)|\[([0-9]+)\]")
_TRUE = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


def repaired(data: dict[str, Any], faults: Sequence[Fault]) -> dict[str, Any]:
    """Return the row with its mechanical faults mended; the others are left as they are."""
    row: dict[str, Any] = json.loads(json.dumps(data))
    for fault in faults:
        if fault.fixable:
            _mend(row, fault)
    return row


def _mend(row: dict[str, Any], fault: Fault) -> None:
    if fault.code == "unknown-field":
        row[fault.near] = row.pop(fault.field)
        return
    *parents, last = _steps(fault.field)
    place: Any = row
    for step in parents:
        place = place[step]
    if fault.code == "missing-field":
        place[last] = place.pop(fault.near)
    elif fault.code in {"role-unknown", "part-unknown"}:
        place[last] = _like(place[last], fault.near)
    elif fault.code == "wrong-type":
        place[last] = listed_in(place[last])
    elif fault.code == "label-type":
        place[last] = _TRUE[str(place[last]).strip().lower()]


def _like(word: Any, near: str) -> str:
    """Return the word that was meant; where only case or spaces differ, the user's own word without them."""
    folded = str(word).strip().lower()
    return folded if folded in ROLES else near


def _steps(field_path: str) -> Iterator[str | int]:
    for name, number in _STEP.findall(field_path):
        yield name or int(number)
