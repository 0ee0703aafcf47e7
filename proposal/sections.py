"""What the server writes itself: tables of figures, parameters, options, clauses, the reference list.

All of it is slotted text, filled by the same `fill` as model text, so that a table cannot print another figure than a
sentence does. Text of the user is escaped: nothing in a brief or an evidence title can open a slot or break a table.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from proposal.actions import CustomCall, Erc20Transfer, called
from proposal.brief import Brief, action_name
from proposal.evidence import Evidence, EvidenceSet
from proposal.slots import escape_slots
from proposal.template import Template
from proposal.values import Language

_WORDS: Mapping[Language, Mapping[str, str]] = {
    "en": {"author": "Authors", "no": "No.", "what": "What it states", "figure": "Figure", "date": "Date",
           "parameter": "Parameter", "value": "Value", "retrieved": "retrieved",
           "no_authors": "No author is named.",
           "actions": "Once the proposal has passed, these on-chain actions follow:",
           "send": "Send {amount} to {recipient}", "token": " (token contract {token})", "stop": ".",
           "call": "Call {call} of the contract {contract}"},
    "zh": {"author": "作者", "no": "编号", "what": "内容", "figure": "数值", "date": "日期",
           "parameter": "参数", "value": "数值", "retrieved": "获取日期",
           "no_authors": "未列出作者。", "actions": "提案通过后执行以下链上操作：",
           "send": "向 {recipient} 发送 {amount}", "token": "（代币合约 {token}）", "stop": "。",
           "call": "调用合约 {contract} 的 {call}"},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Material:
    """Everything server-written text is made from; `cited` holds the ids that the draft cites so far."""

    brief: Brief
    evidence: EvidenceSet
    template: Template
    cited: Collection[str] = ()

    @property
    def language(self) -> Language:
        return self.brief.language


def server_text(content: str, material: Material) -> str:
    """Return the slotted text of one kind of server-written content (`authors`, `parameters`, …, `clause:<name>`)."""
    if content.startswith("clause:"):
        return _clause(content.removeprefix("clause:"), material)
    writers = {
        "authors": _authors,
        "parameters": _parameters,
        "evidence": _evidence,
        "options": _options,
        "conflicts": _conflicts,
        "disclosure": lambda material: _clause("ai_disclosure", material),
        "references": _references,
    }
    return writers[content](material)


def plain(text: str) -> str:
    """Make one line of user text safe in Markdown prose and tables: no slot, no pipe, no line break, no markup."""
    escaped = escape_slots(" ".join(text.split()))
    for character in "\\|`*_<>#[]":
        escaped = escaped.replace(character, "\\" + character)
    return escaped


def _clause(name: str, material: Material) -> str:
    return material.template.clause(name, material.language, dao=plain(material.brief.dao))


def _authors(material: Material) -> str:
    words = _WORDS[material.language]
    names = ("、" if material.language == "zh" else ", ").join(plain(name) for name in material.brief.authors)
    return f"{words['author']}: {names}" if names else words["no_authors"]


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _parameters(material: Material) -> str:
    words, brief = _WORDS[material.language], material.brief
    rows = [
        [plain(value.label_in(material.language) or name.replace("_", " ")), f"{{{{P.{name}}}}}"]
        for name, value in brief.parameters.items()
    ]
    table = _table([words["parameter"], words["value"]], rows) if rows else ""
    return "\n\n".join(part for part in (table, _actions(material)) if part)


def _actions(material: Material) -> str:
    """List what the proposal does on the chain, each amount by its slot."""
    words, brief = _WORDS[material.language], material.brief
    lines = []
    for number, action in enumerate(brief.actions, start=1):
        if isinstance(action, CustomCall):
            line = words["call"].format(call=_code(called(action)), contract=_code(action.contract))
        else:
            slot = f"{{{{P.{action_name(number)}}}}}"
            line = words["send"].format(amount=slot, recipient=_code(action.recipient))
        if isinstance(action, Erc20Transfer):
            line += words["token"].format(token=_code(action.token))
        lines.append(f"- {line}{words['stop']}")
    return "\n".join([words["actions"], "", *lines]) if lines else ""


def _code(text: str) -> str:
    """Print an address or a call as code: nothing of it can be read as markup or a slot."""
    return f"`{escape_slots(text)}`"


def _evidence(material: Material) -> str:
    words, language = _WORDS[material.language], material.language
    rows = []
    for item in material.evidence.values():
        for name, value in item.values.items():
            label = plain(value.label_in(language) or name.replace("_", " "))
            rows.append([f"[[{item.id}]]", label, f"{{{{{item.id}.{name}}}}}", _date(item)])
    return _table([words["no"], words["what"], words["figure"], words["date"]], rows) if rows else ""


def _date(item: Evidence) -> str:
    return f"{{{{{item.id}.date}}}}" if item.date else ""


def _options(material: Material) -> str:
    options = material.brief.options or material.template.voting.default.in_(material.language)
    return "\n".join(f"- {plain(option)}" for option in options)


def _conflicts(material: Material) -> str:
    return plain(material.brief.conflicts_of_interest) or _clause("conflicts_unknown", material)


def _references(material: Material) -> str:
    """List the evidence that the draft cites, in id order as in the user's file."""
    lines = [_reference(item, material.language) for item in material.evidence.values() if item.id in material.cited]
    return "\n".join(lines)


def _reference(item: Evidence, language: Language) -> str:
    words = _WORDS[language]
    stop, comma = ("。", "，") if language == "zh" else (". ", ", ")
    publisher = plain(item.publisher) + comma if item.publisher else ""
    retrieved = f"{words['retrieved']} {item.retrieved_at.date().isoformat()}"
    return f"- [[{item.id}]] {plain(item.title_in(language))}{stop}{publisher}{retrieved}{stop.strip()} <{item.link}>"
