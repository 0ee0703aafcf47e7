"""What the server writes itself: tables of figures, parameters, options, clauses, the reference list.

All of it is slotted text, filled by the same `fill` as model text, so that a table cannot print another figure than a
sentence does. Text of the user is escaped: nothing in a brief or an evidence title can open a slot or break a table.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from proposal.brief import Brief
from proposal.evidence import Evidence, EvidenceSet
from proposal.slots import escape_slots
from proposal.template import Template
from proposal.values import Language

_WORDS: Mapping[Language, Mapping[str, str]] = {
    "en": {"author": "Authors", "no": "No.", "what": "What it states", "figure": "Figure", "date": "Date",
           "parameter": "Parameter", "value": "Value", "retrieved": "retrieved",
           "no_authors": "No author is named."},
    "zh": {"author": "作者", "no": "编号", "what": "内容", "figure": "数值", "date": "日期",
           "parameter": "参数", "value": "数值", "retrieved": "获取日期",
           "no_authors": "未列出作者。"},
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
    return _table([words["parameter"], words["value"]], rows) if rows else ""


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
