"""Data formats: which one a file is in, and whether every row follows it.

    dao-agent data validate PATH

Known are alpaca, sharegpt, messages, preference, kto and text, the conversations also with images,
video or audio ("multimodal"). The format is found from the rows, never from the file's name; a row
in another format than the rest of its file is a fault, because trainers read the first row's
columns for all.
"""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from data_prep.faults import Fault, shown
from data_prep.media import check_media
from data_prep.reading import RawRow, read_rows
from data_prep.turns import (
    Report,
    Turn,
    broken_turn,
    called,
    check_last,
    check_text,
    check_turns,
    read_turn,
    read_turns,
)
from proposal.errors import nearest

Format = Literal["alpaca", "sharegpt", "messages", "preference", "kto", "text", "multimodal"]
FORMATS: tuple[Format, ...] = (
    "alpaca",
    "sharegpt",
    "messages",
    "preference",
    "kto",
    "text",
    "multimodal",
)

_CONVERSATIONS = {"messages": "messages", "conversations": "sharegpt", "conversation": "sharegpt"}
_ALPACA = ("instruction", "input", "output", "history")
_MEDIA = ("images", "videos", "audios", "image", "video", "audio")
_REJECTED = ("rejected", "rejected_response", "rejected_messages")
_LABELS = ("label", "kto_tag")
_BESIDE = (
    "system",
    "tools",
    "objects",
    "channel",
    "margin",
    "id",
    "source",
    "meta",
    "chat_template_kwargs",
)

KNOWN_FIELDS = frozenset(
    {
        *_CONVERSATIONS,
        *_ALPACA,
        *_MEDIA,
        *_REJECTED,
        *_LABELS,
        *_BESIDE,
        "chosen",
        "chosen_messages",
        "prompt",
        "text",
    }
)
MISSPELT = 0.8
"""How alike an unknown field must be to a known one to be taken for a slip of it rather than for a
column of its own.
"""

NOTED = frozenset({"doubtful-text"})
"""Codes that are worth knowing but no fault: such rows train as they are."""

_SAMPLE = 200


@dataclass(slots=True)
class Validation:
    """What was found in one file: its format, how many rows it has, every fault, and what is merely
    worth knowing.
    """

    file: str
    format: Format | None = None
    rows: int = 0
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.faults


def validate(
    path: Path,
    *,
    expect: Format | None = None,
    media: Path | None = None,
    columns: Mapping[str, str] | None = None,
) -> Validation:
    """Check every row of a data file.

    `media` is where images are looked for beside the file's own folder; `columns` maps field names of the file to
    those of the known formats.
    """
    result = Validation(str(path), expect)
    items = (_renamed(item, columns or {}) for item in read_rows(path))
    sample = list(islice(items, _SAMPLE))
    raw = [item for item in sample if isinstance(item, RawRow)]
    if result.format is None and raw:
        result.format = detect([row.data for row in raw])
        if result.format is None:
            result.faults.append(_unknown_format(path, raw[0]))
    tally = _Tally()
    for item in _chained(sample, items):
        if isinstance(item, Fault):
            result.faults.append(item)
            continue
        result.rows += 1
        if result.format is not None:
            found = [_named_back(fault, columns or {}) for fault in check_row(item, result.format, path, media=media)]
            result.faults += [fault for fault in found if fault.code not in NOTED]
            tally.add(item, found)
    _conclude(result, tally)
    return result


@dataclass(slots=True)
class _Tally:
    """What is counted over a file."""

    labels: Counter[str] = field(default_factory=Counter)
    extra: Counter[str] = field(default_factory=Counter)
    doubtful: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)

    def add(self, row: RawRow, found: Sequence[Fault]) -> None:
        self.labels[str(row.data.get("label", row.data.get("kto_tag")))] += 1
        self.extra.update(key for key in row.data if key not in KNOWN_FIELDS and not key.startswith("dao_"))
        self.rejected.update(name for name in _REJECTED if name in row.data)
        self.doubtful.update(fault.message for fault in found if fault.code in NOTED)


def _renamed(item: RawRow | Fault, columns: Mapping[str, str]) -> RawRow | Fault:
    if isinstance(item, Fault) or not columns:
        return item
    data = {columns.get(key, key): value for key, value in item.data.items()}
    return RawRow(item.number, item.line, data)


def _named_back(fault: Fault, columns: Mapping[str, str]) -> Fault:
    """Name the field as the file does."""
    for theirs, ours in columns.items():
        if fault.field == ours or fault.field.startswith((f"{ours}.", f"{ours}[")):
            return replace(fault, field=theirs + fault.field[len(ours) :])
    return fault


def _chained(sample: Sequence[RawRow | Fault], rest: Iterator[RawRow | Fault]) -> Iterator[RawRow | Fault]:
    yield from sample
    yield from rest


def _conclude(result: Validation, tally: _Tally) -> None:
    if result.format == "kto" and result.rows and not result.faults and len(tally.labels) < 2:
        result.faults.append(
            Fault(
                "one-label",
                result.file,
                f"every row has the label {next(iter(tally.labels))}",
                field="label",
                fix="KTO needs wanted and unwanted texts",
            )
        )
    mixed = mixed_pairs(result.file, tally.rejected)
    if mixed:
        result.faults.append(mixed)
    if tally.extra:
        named = ", ".join(f"{name} ({count} rows)" for name, count in tally.extra.most_common(8))
        result.notes.append(f"columns that no trainer reads: {named}")
    result.notes += [f"{message}: {count} rows" for message, count in tally.doubtful.most_common(8)]


def mixed_pairs(file: str, names: Counter[str]) -> Fault | None:
    """Return the fault of a file whose rows name the rejected text in several ways.

    Loaded together, each row gets the columns of all, empty where it has none, and ms-swift refuses the empty ones.
    """
    if len(names) < 2:
        return None
    counted = ", ".join(f"{name} ({count} rows)" for name, count in names.most_common())
    return Fault("mixed-columns", file, "rows name the rejected text in several ways", found=counted,
                 fix="convert the file: dao-agent data convert FILE --to messages")  # fmt: skip


def detect(rows: Sequence[Mapping[str, Any]]) -> Format | None:
    """Tell the format that most of the rows are in, a misspelt field taken for the one it is
    nearest to.
    """
    found = Counter(kind for row in rows if (kind := format_of({_meant(key) for key in row}, row)) is not None)
    return found.most_common(1)[0][0] if found else None


def _meant(key: str) -> str:
    return key if key in KNOWN_FIELDS else _slip(key, ()) or key


def format_of(keys: set[str], row: Mapping[str, Any]) -> Format | None:
    """Tell the format of one row from its fields, or None."""
    base: Format | None = None
    if keys & {"chosen", "chosen_messages", *_REJECTED}:
        return "preference"
    conversation = next((_CONVERSATIONS[key] for key in _CONVERSATIONS if key in keys), None)
    if conversation:
        base = "sharegpt" if conversation == "sharegpt" else "messages"
    elif "instruction" in keys or {"input", "output"} <= keys:
        base = "alpaca"
    if base and keys & set(_LABELS):
        return "kto"
    if base in {"messages", "sharegpt"} and (keys & set(_MEDIA) or _has_media_part(row)):
        return "multimodal"
    return base or ("text" if "text" in keys else None)


def _has_media_part(row: Mapping[str, Any]) -> bool:
    turns = row.get("messages") or row.get("conversations") or []
    return any(
        isinstance(part, dict) and str(part.get("type", "")).startswith(("image", "video", "audio"))
        for turn in (turns if isinstance(turns, list) else [])
        if isinstance(turn, dict) and isinstance(turn.get("content"), list)
        for part in turn["content"]
    )


def _unknown_format(path: Path, row: RawRow) -> Fault:
    return Fault(
        "unknown-format",
        str(path),
        "no known format has these fields",
        row.number,
        row.line,
        found=shown(row.data),
        fix="needs 'messages', 'conversations', 'instruction' and 'output', or 'text'",
    )


def check_row(row: RawRow, format_: Format, path: Path, *, media: Path | None = None) -> list[Fault]:
    """Return everything that is wrong with one row of a file in this format."""
    faults: list[Fault] = []

    def report(code: str, where: str, message: str, **more: Any) -> None:
        faults.append(Fault(code, str(path), message, row.number, row.line, where, **more))

    data = without_slips(row.data, format_, report)
    if not data:
        report("empty", "", "the row has no field", fix="remove the row")
        return faults
    kind = format_of(set(data), data)
    if kind != format_ and not {kind, format_} <= {"messages", "sharegpt", "multimodal"}:
        if not faults:
            report(
                "mixed-format",
                "",
                f"the row is in another format than its file ({format_})",
                found=shown(row.data),
                fix="keep one format in a file",
            )
        return faults
    if format_ == "text":
        _check_text_row(data, report)
    else:
        turns = _check_conversation(data, format_, report)
        check_media(data, turns, path.parent, media, report)
        _check_calls(turns, _check_tools(data, report), report)
    return faults


def without_slips(data: Mapping[str, Any], format_: Format, report: Report) -> dict[str, Any]:
    """Report misspelt fields, and return the row as it was meant, so that one slip is reported
    once.
    """
    meant: dict[str, Any] = {}
    for key, value in data.items():
        near = "" if key in KNOWN_FIELDS or key.startswith("dao_") else _slip(key, data)
        if near:
            report(
                "unknown-field",
                key,
                f"not a field of the format {format_}",
                near=near,
                fixable=True,
                fix=f"name it '{near}'",
            )
        meant[near or key] = value
    return meant


def _slip(key: str, taken: Collection[str]) -> str:
    """Return the known field that a key was probably meant to be, if the row does not have it
    besides.
    """
    free = sorted(KNOWN_FIELDS.difference(taken))
    folded = key.strip().lower()
    close = [folded] if folded in free else difflib.get_close_matches(folded, free, n=1, cutoff=MISSPELT)
    close = close or [name for name in free if len(name) > 3 and sorted(name) == sorted(folded)]
    return close[0] if close else ""


def _check_text_row(data: Mapping[str, Any], report: Report) -> None:
    text = data.get("text")
    if not isinstance(text, str):
        report("wrong-type", "text", "has to be text", found=shown(text))
        return
    check_text(text, "text", report)


def _check_conversation(data: Mapping[str, Any], format_: Format, report: Report) -> list[Turn]:
    """Check the turns of a row with what its format adds to them; return them."""
    if "chosen_messages" in data:
        turns = read_turns(data["chosen_messages"], "chosen_messages", report)
    else:
        turns = conversation(data, report)
    check_turns(turns, report)
    paired = "chosen" in data or ("chosen_messages" not in data and "rejected" in data)
    if turns:
        check_last(turns, report, answer=not paired)
    if format_ == "preference":
        _check_preference(data, turns, report)
        check_margin(data, report)
    if format_ == "kto":
        check_label(data, report)
    return turns


def conversation(data: Mapping[str, Any], report: Report) -> list[Turn]:
    """Read the turns of a row in any of the conversation formats, a `system` field first."""
    name = next((name for name in _CONVERSATIONS if name in data), None)
    head: list[Turn] = []
    if isinstance(data.get("system"), str) and data["system"].strip():
        head = [Turn("system", data["system"], "system")]
    if name is not None:
        turns = read_turns(data[name], name, report)
        if not turns or turns[0].role != "system":
            return head + turns
        if head and head[0].text.strip() != turns[0].text.strip():
            report("two-systems", "system", "the conversation has a system turn of its own, which says something else",
                   found=shown(head[0].text), fix="keep one of the two")  # fmt: skip
        return turns
    if "instruction" in data or "output" in data or "input" in data:
        return head + _alpaca_turns(data, report)
    if "prompt" in data:
        prompt = data["prompt"]
        return (
            read_turns(prompt, "prompt", report)
            if isinstance(prompt, list)
            else head + _text_turn(data, "prompt", "user", report)
        )
    report(
        "missing-field",
        "messages",
        "the row has no conversation",
        found=shown(dict(data)),
        fix="add 'messages', 'conversations', or 'instruction' and 'output'",
    )
    return []


def _alpaca_turns(data: Mapping[str, Any], report: Report) -> list[Turn]:
    turns: list[Turn] = []
    turns += _history_turns(data.get("history") or [], report)
    question = _text_turn(data, "instruction", "user", report)
    extra = data.get("input")
    if extra is not None and not isinstance(extra, str):
        report("wrong-type", "input", "has to be text", found=shown(extra))
    elif extra and extra.strip():
        question = [replace(question[0], text=f"{question[0].text}\n{extra}".strip())]
    turns += question
    if "chosen" not in data and "rejected" not in data:
        turns += _text_turn(data, "output", "assistant", report)
    return turns


def _history_turns(history: Any, report: Report) -> list[Turn]:
    """Read the earlier pairs of an alpaca row; each that is no pair of texts is named by its place."""
    turns: list[Turn] = []
    pair_wanted = "has to be a list of pairs [question, answer]"
    if not isinstance(history, list):
        report("wrong-type", "history", pair_wanted, found=shown(history))
        return turns
    for index, pair in enumerate(history):
        place = f"history[{index}]"
        if not isinstance(pair, list) or len(pair) != 2:
            report("wrong-type", place, "has to be a pair [question, answer]", found=shown(pair))
            continue
        for part, role in ((0, "user"), (1, "assistant")):
            if isinstance(pair[part], str):
                turns.append(Turn(role, pair[part], f"{place}[{part}]"))  # type: ignore[arg-type]
            else:
                report("wrong-type", f"{place}[{part}]", "has to be text", found=shown(pair[part]))
                turns.append(broken_turn(role, f"{place}[{part}]"))  # type: ignore[arg-type]
    return turns


def _text_turn(data: Mapping[str, Any], name: str, role: Literal["user", "assistant"], report: Report) -> list[Turn]:
    if name not in data:
        report("missing-field", name, "the row lacks this field", found=shown(dict(data)), fix=f"add '{name}'")
        return [broken_turn(role, name)]
    if not isinstance(data[name], str):
        report("wrong-type", name, "has to be text", found=shown(data[name]))
        return [broken_turn(role, name)]
    return [Turn(role, data[name], name)]


def _check_preference(data: Mapping[str, Any], turns: Sequence[Turn], report: Report) -> None:
    rejected = next((name for name in _REJECTED if name in data), None)
    if rejected is None:
        report(
            "missing-field",
            "rejected",
            "a preference row needs the text that is not preferred",
            found=shown(dict(data)),
            fix="add 'rejected' or 'rejected_response'",
        )
        return
    worse = answer_of(data[rejected], rejected, report)
    if "chosen" in data:
        better = answer_of(data["chosen"], "chosen", report)
    elif rejected == "rejected":
        report(
            "missing-field",
            "chosen",
            "a preference row needs the text that is preferred",
            found=shown(dict(data)),
            fix="add 'chosen'",
        )
        return
    else:
        better = turns[-1].text if turns else None
    if worse is not None and better is not None and worse.strip() == better.strip():
        report(
            "no-preference",
            rejected,
            "both answers are the same text",
            found=shown(worse),
            fix="remove the row: ms-swift refuses it",
        )


def answer_of(value: Any, name: str, report: Report) -> str | None:
    """Return the text of an answer that stands as text, as one turn or as a list of turns."""
    if isinstance(value, str):
        check_text(value, name, report)
        return value
    if not isinstance(value, list | dict):
        report(
            "wrong-type", name, "has to be text or turns", found=shown(value), fix="write the text, or remove the row"
        )
        return None
    turns = read_turns(value, name, report) if isinstance(value, list) else read_turn(value, name, report)
    if not turns:
        return None
    for turn in turns:
        if not turn.broken:
            check_text(turn.text, turn.field, report)
    check_last(turns, report, answer=True)
    return None if turns[-1].broken else turns[-1].text


def check_label(data: Mapping[str, Any], report: Report) -> None:
    name = "label" if "label" in data else "kto_tag"
    value = data.get(name)
    if isinstance(value, bool):
        return
    plain = str(value).strip().lower() in {"true", "false", "0", "1", "0.0", "1.0"}
    report(
        "label-type",
        name,
        "has to be true or false",
        found=shown(value),
        fixable=plain,
        fix="write true or false without quotes",
    )


def check_margin(data: Mapping[str, Any], report: Report) -> None:
    value = data.get("margin")
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or value < 0):
        report("wrong-type", "margin", "has to be a number from 0 on", found=shown(value),
               fix="write how much better the preferred text is, or remove the field")  # fmt: skip


def _check_tools(data: Mapping[str, Any], report: Report) -> list[str]:
    """Check the tools of a row; return their names."""
    tools = data.get("tools")
    if tools is None or tools == "":
        return []
    if isinstance(tools, str):
        try:
            tools = json.loads(tools)
        except ValueError as error:
            report("tools-json", "tools", f"has to be JSON: {error}", found=shown(tools))
            return []
    names: list[str] = []
    for index, tool in enumerate(tools if isinstance(tools, list) else [tools]):
        inner = tool.get("function", tool) if isinstance(tool, dict) else None
        if isinstance(inner, dict) and isinstance(inner.get("name"), str):
            names.append(inner["name"])
        else:
            report("tools-json", f"tools[{index}]", "a tool is an object with a name", found=shown(tool))
            return []
    return names


def _check_calls(turns: Sequence[Turn], tools: Sequence[str], report: Report) -> None:
    """Report a call of a tool that the row does not list."""
    for turn in turns if tools else ():
        for name in called(turn):
            if name not in tools:
                report("tool-unknown", turn.field, f"calls '{name}', which is not among the row's tools",
                       found=shown(", ".join(tools)), near=nearest(name, tools) or "",
                       fix="correct the name, or list the tool")  # fmt: skip
