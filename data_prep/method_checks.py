"""What a training method needs of a row: whether ms-swift could train on it, and on what it says.

The formats of files are `data_prep.formats`; here a row is in the one form that our recipes read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from data_prep.faults import Fault, shown
from data_prep.formats import NOTED, answer_of, check_label, check_margin
from data_prep.media import check_media
from data_prep.reading import RawRow
from data_prep.records import RESERVED_COLUMNS, REWARD_COLUMNS
from data_prep.turns import Report, Turn, check_last, check_text, check_turns, read_turns
from proposal.errors import nearest

Training = Literal["pt", "sft", "dpo", "kto", "grpo", "rm"]


def check_for(row: RawRow, training: Training, path: Path, *, images: Path = Path()) -> list[Fault]:
    """Return why ms-swift could not train on a row as the method needs, or would train something
    else than it says; `images` is the folder its relative image paths begin at.
    """
    faults: list[Fault] = []

    def report(code: str, where: str, message: str, **more: Any) -> None:
        faults.append(Fault(code, str(path), message, row.number, row.line, where, **more))

    data = row.data
    if "messages" not in data:
        near = nearest("messages", list(data)) or ""
        report(
            "missing-field",
            "messages",
            "without it ms-swift guesses the columns by their names",
            near=near,
            found=shown(data),
            fix="convert the file: dao-agent data convert FILE --to messages",
        )
        return faults
    turns = read_turns(data["messages"], "messages", report)
    if training == "pt":
        for turn in turns:
            check_text(turn.text, turn.field, report)
    else:
        check_turns(turns, report)
        check_last(turns, report, answer=training != "grpo")
    if training in {"dpo", "rm"}:
        _check_native_pair(data, turns, report)
        check_margin(data, report)
    if training == "kto":
        check_label(data, report)
    if training == "grpo":
        _check_reward_columns(data, report)
    check_media(data, turns, images, None, report)
    return [fault for fault in faults if fault.code not in NOTED]


def _check_native_pair(data: Mapping[str, Any], turns: Sequence[Turn], report: Report) -> None:
    name = next((name for name in ("rejected_response", "rejected_messages") if name in data), None)
    if name is None:
        near = nearest("rejected_response", list(data)) or ""
        report(
            "missing-field",
            "rejected_response",
            "the pair lacks the text that is not preferred",
            near=near,
            found=shown(data),
            fix="add 'rejected_response'",
        )
        return
    worse = answer_of(data[name], name, report)
    if worse is not None and turns and worse == turns[-1].text:
        report(
            "no-preference",
            name,
            "both answers are the same text",
            found=shown(worse),
            fix="remove the row",
        )


def _check_reward_columns(data: Mapping[str, Any], report: Report) -> None:
    """A column of ours has to be text, and none of the others may have a name that the trainer
    gives its own value.
    """
    for name in REWARD_COLUMNS:
        if name in data and not isinstance(data[name], str):
            report(
                "wrong-type",
                name,
                "has to be text (structured data as a JSON string)",
                found=shown(data[name]),
                fix="write it with json.dumps",
            )
    allowed = {
        "messages",
        "images",
        "videos",
        "audios",
        "tools",
        "objects",
        "chat_template_kwargs",
        "channel",
    }
    for name in data:
        if name in RESERVED_COLUMNS and name not in allowed:
            report(
                "reserved-column",
                name,
                "ms-swift gives this name a meaning of its own in GRPO",
                found=shown(data[name]),
                fix=f"name it 'dao_{name}'",
            )
