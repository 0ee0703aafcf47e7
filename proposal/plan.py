"""Which evidence a section states: the plan that the server makes before a model writes.

Coverage is decided here, not hoped for: every evidence item goes to one model-written section, in the order of the
user's file (the user's order is an argument). A section that requires evidence and gets none is told to say so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from proposal.brief import Brief
from proposal.evidence import Evidence, EvidenceSet
from proposal.slots import quotation
from proposal.template import SectionSpec
from proposal.values import Language, Value

_PLAIN: dict[str, dict[Language, str]] = {
    "number": {"en": "{subject} came to {tail}.", "zh": "{subject}为{tail}。"},
    "parameter": {"en": "{subject} would be {tail}.", "zh": "{subject}为{tail}。"},
    "change": {"en": "{subject} was {tail}.", "zh": "{subject}为{tail}。"},
    "date": {"en": "{subject} is {tail}.", "zh": "{subject}为{tail}。"},
    "text": {"en": "{subject} is {tail}.", "zh": "{subject}为{tail}。"},
    "quote": {"en": "{subject} states {tail}.", "zh": "{subject}指出{tail}。"},
}
"""The plainest statement of each kind; none judges, and those of numbers suit singular and plural."""

_DETERMINED = re.compile(r"(?:the|an?|this|that|these|those|each|every|all|both|no|any)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fact:
    """One statement that a section has to make: how it may begin, and the slot and citation it ends with."""

    subject: str
    slot: str
    ids: tuple[str, ...]
    kind: str

    @property
    def tail(self) -> str:
        """Return the slot with its citations, as it must stand in slotted text."""
        return "{{" + self.slot + "}}" + "".join(f" [[{item_id}]]" for item_id in self.ids)

    def sentence(self, language: Language) -> str:
        """Return the plainest sentence that states the fact, for a writer that left it out."""
        named = language == "zh" or self.kind == "quote" or _DETERMINED.match(self.subject)
        subject = self.subject if named else f"the {self.subject}"
        sentence = _PLAIN[self.kind][language].format(subject=subject, tail=self.tail)
        return sentence[:1].upper() + sentence[1:]


def facts_of(item: Evidence, language: Language) -> tuple[Fact, ...]:
    """List the statements of one evidence item that prose makes: its first value; the evidence table shows them all.

    Two values named as a series (`sales_q2`, `sales_q3`: same stem, same unit) are stated both, with their change.
    """
    names = list(item.values)[:2]
    if len(names) == 2 and _is_series(item, names):
        change = f"calc:pct_change({item.id}.{names[0]},{item.id}.{names[1]})"
        first, second = (value_fact(item, name, language) for name in names)
        subject = {"en": f"the change from {first.subject} to {second.subject}",
                   "zh": f"从{first.subject}到{second.subject}的变化"}[language]  # fmt: skip
        return first, second, Fact(subject, change, (item.id,), "change")
    if names:
        return (value_fact(item, names[0], language),)
    if item.excerpt_language == language and quotation(item):
        return (Fact(item.title_in(language), f"{item.id}.quote", (item.id,), "quote"),)
    return ()


def value_fact(item: Evidence, name: str, language: Language) -> Fact:
    """Return the statement that one value of evidence makes, by its label, else by its key, else its title.

    A word of a key that holds a digit ("sales_2026") is left out: as prose it would be a figure that nothing states.
    """
    value = item.values[name]
    words = [word for word in name.split("_") if word and not any(map(str.isdigit, word))]
    label = value.label_in(language) or " ".join(words) or item.title_in(language)
    return Fact(label, f"{item.id}.{name}", (item.id,), _kind(value))


def _kind(value: Value) -> str:
    return "number" if value.is_number else value.unit or "text"


def parameter_fact(brief: Brief, name: str) -> Fact | None:
    """Return the statement of a parameter that the author labelled: its numbers are intended, not measured."""
    value = brief.parameters[name]
    label = value.label_in(brief.language)
    return Fact(label, f"P.{name}", (), "parameter" if value.is_number else _kind(value)) if label else None


def _is_series(item: Evidence, names: Sequence[str]) -> bool:
    first, second = (item.values[name] for name in names)
    stems = {name.rpartition("_")[0] for name in names}
    return item.kind in {"metric", "chart"} and len(stems) == 1 and stems != {""} and (
        first.is_number and second.is_number and first.unit == second.unit
    )  # fmt: skip


def plan_facts(sections: Sequence[SectionSpec], *, evidence: EvidenceSet, brief: Brief) -> dict[str, tuple[Fact, ...]]:
    """Give each model-written section its facts: items are dealt in file order, to sections that require evidence.

    Where there are several such sections the first one, a summary, gets the first item only.

    The brief's parameters go to the section that their table follows, its dates to the timeline where there is one.
    Returns a mapping from section key to facts; a section without facts is present with an empty tuple.
    """
    writers = [section for section in sections if section.writer == "model"]
    open_to = [section for section in writers if section.evidence == "required"] or [
        section for section in writers if section.evidence == "allowed"
    ]
    plan: dict[str, list[Fact]] = {section.key: [] for section in writers}
    for section, items in zip(open_to, _deal(list(evidence.values()), len(open_to)), strict=True):
        for item in items:
            plan[section.key] += facts_of(item, brief.language)
    for name, fact in _parameter_facts(brief):
        home = _home(writers, is_date=brief.parameters[name].unit == "date")
        if home is not None:
            plan[home.key].append(fact)
    return {key: tuple(facts) for key, facts in plan.items()}


def _parameter_facts(brief: Brief) -> list[tuple[str, Fact]]:
    """State each parameter that the author labelled; one without a label stands in the table only."""
    return [(name, fact) for name in brief.parameters if (fact := parameter_fact(brief, name))]


def _home(writers: Sequence[SectionSpec], *, is_date: bool) -> SectionSpec | None:
    timelines = [section for section in writers if section.key == "timeline"]
    tables = [section for section in writers if "parameters" in section.append]
    return next(iter((timelines if is_date else []) + tables + timelines), None)


def _deal(items: list[Evidence], hands: int) -> list[list[Evidence]]:
    if hands <= 1:
        return [items] * hands
    rest, others = items[1:], hands - 1
    return [items[:1], *(rest[i * len(rest) // others : (i + 1) * len(rest) // others] for i in range(others))]
