"""Turns of a conversation, whatever a file calls them, and the rules that hold for turns in every
format.

A turn remembers the place it came from (`messages[2].content`), so a fault names the user's own
field and not our word for it. The rules are those under which a trainer and a chat template do what
the author of the data meant: a template that puts a turn in the wrong place raises nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from data_prep.faults import shown
from proposal.errors import nearest

Role = Literal["system", "user", "assistant", "tool_call", "tool_response", "unknown"]

ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "bot": "assistant",
    "tool_call": "tool_call",
    "function_call": "tool_call",
    "tool_response": "tool_response",
    "tool": "tool_response",
    "observation": "tool_response",
    "function_response": "tool_response",
}
"""Every name that a role goes by in the known formats, and ms-swift's name for it."""

MEDIA_OF_PART = {
    "image": "images",
    "image_url": "images",
    "video": "videos",
    "video_url": "videos",
    "audio": "audios",
    "audio_url": "audios",
}
TEXT_PARTS = ("text", "reasoning", "tool_call")
PLACEHOLDERS = {"images": "<image>", "videos": "<video>", "audios": "<audio>"}

_DAMAGE = re.compile("[\x00\ud800-\udfff]")
_DOUBT = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]")
_TEMPLATE_TOKEN = re.compile(r"<\|(?:im_start|im_end|endoftext|eot_id|start_header_id|end_header_id)\|>")

Report = Callable[..., None]
"""Takes code, field and message of a fault, and `found`, `near`, `fix`, `fixable` by name."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn: ms-swift's role, its text, the field it stands in, and the media that stand inside it.

    A `broken` turn was reported already; it keeps its place, so that nothing else is blamed for its absence.
    """

    role: Role
    text: str
    field: str
    media: tuple[tuple[str, str], ...] = ()
    broken: bool = False


def broken_turn(role: Role, field: str) -> Turn:
    """Return what stands in for a turn that could not be read."""
    return Turn(role, "", field, broken=True)


def read_turns(value: Any, field: str, report: Report) -> list[Turn]:
    """Read a list of turns; whatever is not a turn is reported and leaves a broken one."""
    if not isinstance(value, list):
        inside = listed_in(value)
        report("wrong-type", field, "has to be a list of turns", found=shown(value), fixable=inside is not None,
               fix="write it as a list; text that holds JSON is not a list")  # fmt: skip
        return []
    if not value:
        report("empty", field, "has no turn", fix="give it at least one turn")
    turns: list[Turn] = []
    for index, item in enumerate(value):
        turns += read_turn(item, f"{field}[{index}]", report)
    return turns


def listed_in(value: Any) -> list[Any] | None:
    """Return the list that a text holds as JSON, or None.

    >>> listed_in('[{"role": "user"}]')
    [{'role': 'user'}]
    """
    try:
        found = json.loads(value) if isinstance(value, str) and value.lstrip().startswith("[") else None
    except ValueError:
        return None
    return found if isinstance(found, list) and found and all(isinstance(item, dict) for item in found) else None


def called(turn: Turn) -> Iterator[str]:
    """Yield the names of the tools that a turn calls."""
    if turn.role != "tool_call" or turn.broken:
        return
    try:
        calls = json.loads(turn.text)
    except ValueError:
        return
    for call in calls if isinstance(calls, list) else [calls]:
        if isinstance(call, dict) and isinstance(call.get("name"), str) and "arguments" in call:
            yield call["name"]


def read_turn(item: Any, field: str, report: Report) -> list[Turn]:
    """Read one turn; one that carries a tool call beside its text becomes two."""
    if not isinstance(item, dict):
        report("wrong-type", field, "a turn has to be an object", found=shown(item))
        return [broken_turn("unknown", field)]
    role_key, text_key = ("role", "content") if "role" in item or "content" in item else ("from", "value")
    if not _has(item, role_key, field, report):
        return [broken_turn("unknown", field)]
    role = _role(item[role_key], f"{field}.{role_key}", report)
    if not item.get("tool_calls") and not _has(item, text_key, field, report):
        return [broken_turn(role, field)]
    return _contents(item, role, f"{field}.{text_key}", report)


def _has(item: Mapping[str, Any], name: str, field: str, report: Report) -> bool:
    if name in item:
        return True
    near = nearest(name, [str(key) for key in item]) or ""
    report("missing-field", f"{field}.{name}", "the turn lacks this field", found=shown(item), near=near,
           fixable=bool(near), fix=f"name it '{name}'" if near else f"add '{name}'")  # fmt: skip
    return False


def _role(word: Any, field: str, report: Report) -> Role:
    if isinstance(word, str) and word in ROLES:
        return ROLES[word]
    folded = word.strip().lower().replace("-", "_") if isinstance(word, str) else ""
    near = folded if folded in ROLES else nearest(folded, ROLES) if folded else None
    report("role-unknown", field, "not a role", found=shown(word), near=near or "", fixable=near is not None,
           fix=f"use one of: {', '.join(ROLES)}")  # fmt: skip
    return ROLES[near] if near else "unknown"


def _contents(item: Mapping[str, Any], role: Role, field: str, report: Report) -> list[Turn]:
    content = item.get(field.rpartition(".")[2])
    calls = [
        Turn("tool_call", json.dumps(call.get("function", call), ensure_ascii=False), f"{field[:-8]}.tool_calls")
        for call in item.get("tool_calls") or []
        if isinstance(call, dict)
    ]
    if content in (None, "") and calls:
        return calls
    if isinstance(content, dict | list) and role in {"tool_call", "tool_response"} and not _is_parts(content):
        return [Turn(role, json.dumps(content, ensure_ascii=False), field)]
    if isinstance(content, str):
        return [Turn(role, content, field), *calls]
    if isinstance(content, list):
        return [*_parts(content, role, field, report), *calls]
    report("wrong-type", field, "has to be text", found=shown(content), fix="write the content as text")
    return [broken_turn(role, field), *calls]


def _is_parts(content: Any) -> bool:
    return isinstance(content, list) and all(isinstance(part, dict) and "type" in part for part in content)


def _parts(parts: Sequence[Any], role: Role, field: str, report: Report) -> list[Turn]:
    """Join the parts of one turn: text stays text, media become placeholders, a tool call becomes its own turn."""
    texts: list[str] = []
    media: list[tuple[str, str]] = []
    calls: list[Turn] = []
    kinds: list[str] = []
    for index, part in enumerate(parts):
        place = f"{field}[{index}]"
        kind, value = _part(part, place, report)
        kinds.append(kind)
        if kind == "tool_call":
            calls.append(Turn("tool_call", value, place))
        elif kind in MEDIA_OF_PART:
            column = MEDIA_OF_PART[kind]
            media.append((column, value))
            texts.append(PLACEHOLDERS[column])
        else:
            texts.append(f"<think>\n{value}\n</think>\n\n" if kind == "reasoning" else value)
    text = "".join(texts)
    turn = Turn(role, text, field, tuple(media), broken="" in kinds)
    return [turn, *calls] if text.strip() or not calls else calls


def _part(part: Any, field: str, report: Report) -> tuple[str, str]:
    if not isinstance(part, dict):
        report("wrong-type", field, "a part has to be an object", found=shown(part))
        return "", ""
    kind = part.get("type")
    if kind not in TEXT_PARTS and kind not in MEDIA_OF_PART:
        near = nearest(str(kind), [*TEXT_PARTS, *MEDIA_OF_PART])
        report(
            "part-unknown",
            f"{field}.type",
            "not a kind of part",
            found=shown(kind),
            near=near or "",
            fixable=near is not None,
            fix=f"use one of: {', '.join([*TEXT_PARTS, *MEDIA_OF_PART])}",
        )
        return "", ""
    value = next((part[name] for name in ("value", "text", kind, "url", "path") if name in part), None)
    if isinstance(value, dict):
        value = value.get("url", value.get("path"))
    if not isinstance(value, str):
        report("wrong-type", f"{field}.value", "has to be text", found=shown(value))
        return "", ""
    return str(kind), value


def check_turns(turns: Sequence[Turn], report: Report) -> None:
    """Report what is wrong with texts and order of turns, apart from what the last one has to be."""
    for turn in turns:
        if not turn.broken:
            check_text(turn.text, turn.field, report)
            if turn.role == "tool_call":
                _check_call(turn, report)
    _check_order(turns, report)


def _check_order(turns: Sequence[Turn], report: Report) -> None:
    """Report the first turn that is out of order; those behind it are so by consequence."""
    last = "start"
    for position, turn in enumerate(turns, 1):
        problem = _order_problem(last, turn.role)
        if problem:
            report("role-order", turn.field, problem, found=f"turn {position} of {len(turns)} is '{turn.role}'",
                   fix="put the turns in the order system, user, assistant, user, assistant, …")  # fmt: skip
            return
        if turn.role != "system":
            last = turn.role


def _order_problem(last: str, role: Role) -> str:
    """Say why a turn may not follow the last one that was no system turn."""
    if "unknown" in (last, role):
        return ""
    if role == "system":
        return "" if last == "start" else "a system turn has to be the first one"
    if role == "user":
        return "two user turns follow each other" if last == "user" else ""
    if role == "assistant":
        if last == "start":
            return "the conversation begins with the assistant"
        if last == "tool_call":
            return "an answer follows a tool call without what the tool answered"
        return "two assistant turns follow each other" if last == "assistant" else ""
    if role == "tool_response":
        return "" if last in {"tool_call", "tool_response"} else "a tool's answer without a call before it"
    return "the conversation begins with a tool call" if last == "start" else ""


def check_text(text: str, field: str, report: Report) -> None:
    """Report an empty text, one that cannot be stored or was read in the wrong encoding, and marks
    of a template.
    """
    if not text.strip():
        report("empty", field, "the text is empty", fix="write the text, or remove the row")
    damage = _DAMAGE.search(text)
    if damage:
        report(
            "damaged-text",
            field,
            f"holds the character U+{ord(damage[0]):04X} at {damage.start()}",
            fix="read the source again in its own encoding",
        )
    doubt = _DOUBT.search(text)
    if doubt:
        report("doubtful-text", field, f"holds the character U+{ord(doubt[0]):04X}")
    token = _TEMPLATE_TOKEN.search(text)
    if token:
        report(
            "template-token",
            field,
            "holds a mark of a chat template, which would end the turn there",
            found=shown(token[0]),
            fix="remove the mark",
        )


def _check_call(turn: Turn, report: Report) -> None:
    try:
        call = json.loads(turn.text)
    except ValueError as error:
        report(
            "tool-call-json",
            turn.field,
            f"a tool call has to be JSON: {error}",
            found=shown(turn.text),
        )
        return
    for item in call if isinstance(call, list) else [call]:
        if not isinstance(item, dict) or "name" not in item or "arguments" not in item:
            near = nearest("arguments", [str(key) for key in item]) if isinstance(item, dict) else None
            report(
                "tool-call-json",
                turn.field,
                "a tool call has a name and arguments",
                found=shown(item),
                near=near or "",
                fix='write {"name": …, "arguments": {…}}',
            )
            return


def check_last(turns: Sequence[Turn], report: Report, *, answer: bool) -> None:
    """Report a conversation that does not end as its format needs: with the answer, or with what is
    to be answered.
    """
    if not turns or turns[-1].role == "unknown":
        return
    last = turns[-1]
    is_answer = last.role in {"assistant", "tool_call"}
    if answer and not is_answer:
        report(
            "no-answer",
            last.field,
            "the conversation ends without an answer, so nothing would be learnt",
            found=f"a last turn of '{last.role}'",
            fix="add the assistant's turn, or remove the row",
        )
    if not answer and is_answer:
        report(
            "answer-in-prompt",
            last.field,
            "the prompt already ends with an answer",
            found=f"a last turn of '{last.role}'",
            fix="move the last turn out of the prompt",
        )


def placeholders(turns: Sequence[Turn], column: str) -> Iterator[str]:
    """Yield the field of every placeholder of one kind of media."""
    for turn in turns:
        yield from [turn.field] * turn.text.count(PLACEHOLDERS[column])
