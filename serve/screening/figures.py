"""What the figures of a sentence stand for, and what the checks say of the sentence once they are filled in."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from proposal.checks import run_checks
from proposal.slots import MARK, SLOT, fill, resolve
from proposal.template import SectionSpec
from proposal.units import is_currency
from rewards import Analysis, Task, analyse
from rewards.wording import terms
from serve.preparing import Prepared
from serve.screening.wording import unmarked

SENTENCE_RULES = frozenset(
    {"EV-uncited-claim", "EV-dangling", "EV-number", "NE-loaded", "NE-certainty", "NE-pressure", "IN-instruction"}
)
"""Findings that one sentence alone can cause and its removal cures."""

_HANGING = re.compile(r"(?<!\}\}) (?:or|and) (?P<slot>\{\{P\.[a-z0-9_]{1,40}\}\})")
"""A parameter that is joined to something that is no figure: "linked to the seller or 45,000 USDC"."""

_GOVERNS = frozenset(
    """of to at by from in on with for than over under above below about around between within until since after before
    per into through during towards via near up down beyond against as like and or nor but plus minus if whether either
    the a an this that these those its their his each every all any some both another no also only just exactly
    approximately roughly nearly almost least most fully full total additional further initial maximum minimum first
    last next is are was were be been being has have had
    requests costs totals pays receives reaches covers allocates equals requires takes lasts holds shows counts includes
    provides offers exceeds represents spends uses sets adds saves gives makes earns raises lowers means remains becomes
    grants returns cost total pay receive reach cover allocate equal require take last hold show count include provide
    offer exceed represent spend use set add save give make earn raise lower mean remain become cap limit fund grant
    return get spent paid grew fell rose drew held saw got met hit came made took won lost stood ran gave kept brought
    left""".split()  # noqa: SIM905 - a column of two hundred quoted words is harder to read
)
"""English words that a figure may stand behind; so may words in -ed, -ing and -ly. A noun does not govern a figure."""

_WORD_BEFORE = re.compile(r"([A-Za-z][A-Za-z'’-]*|\}\}|\]\])\s*\Z")
_ENDS_THERE = re.compile(
    r"(?: ?\[\[E\d+\]\])*\s*(?:[.,;:)]|\Z|(?:will|would|is|are|was|were|has|have|had|can|could|should|may|must)\b)"
)
"""What follows a figure that is no measure of the words behind it, as in "the 57 creators who signed"."""


def misplaced_figures(sentence: str, spec: SectionSpec, job: Prepared) -> list[str]:
    """Return the figures of a sentence that stand for something else than they measure, or for nothing that it names.

    A sentence that lists figures or cites other evidence than theirs is refused too. The judgement is that of the
    rewards (`rewards.analysis`); a fact that is left out for it is stated by the server.
    """
    statements = _analysed(sentence, spec, job).statements
    listing = ["lists figures" for statement in statements if statement.listing or statement.repeats]
    return (
        listing
        + stated_twice(sentence)
        + ungoverned(sentence, job)
        + unnamed_sums(sentence, job)
        + [
            f"{figure.part.text} {figure.verdict} {figure.meaning}"
            for statement in statements
            for figure in statement.figures
            if figure.meaning in ("wrong", "unnamed") or figure.verdict == "miscited"
        ]
    )


def stated_twice(sentence: str) -> list[str]:
    """Return the figures that a sentence states more than once."""
    return [slot for slot, count in Counter(SLOT.findall(sentence)).items() if count > 1]


def names_only(sentence: str, job: Prepared) -> bool:
    """Tell whether a sentence only names what a planned figure measures: "The creators who signed the request."."""
    if SLOT.search(sentence) or not (said := terms(unmarked(sentence))):
        return False
    return any(said <= terms(fact.subject) for facts in job.plan.values() for fact in facts)


def ungoverned(sentence: str, job: Prepared) -> list[str]:
    """Return the figures of an English sentence that hang on a noun or on another slot: "the price impact 4%.".

    A small model names what a figure measures and puts the figure behind it, without a verb or a preposition. A figure
    that measures the words behind it may follow a noun: "in the second round 31 applications were funded".
    """
    brief = job.request.brief
    if brief.language == "zh":
        return []
    found = []
    for slot in SLOT.finditer(sentence):
        value = resolve(slot[1], job.evidence, brief, brief.language).value
        before = _WORD_BEFORE.search(sentence[: slot.start()])
        if value is not None and value.is_number and before and not _may_govern(before[1].lower()):
            is_slot = not before[1][0].isalpha()
            if is_slot or _ENDS_THERE.match(sentence, slot.end()):
                found.append(f"{slot[1]} hangs on {'another slot' if is_slot else before[1]}")
    return found


def _may_govern(word: str) -> bool:
    return word in _GOVERNS or word.endswith(("ed", "ing", "ly"))


def restated(sentence: str, others: Iterable[str]) -> bool:
    """Tell whether other sentences of the section state every figure of a sentence already."""
    slots = set(SLOT.findall(sentence))
    return bool(slots) and slots <= {slot for other in others for slot in SLOT.findall(other)}


def unnamed_sums(sentence: str, job: Prepared) -> list[str]:
    """Return the brief's sums of money of which a sentence names nothing, and those joined to what is no figure.

    The rewards let an author tell figures of the brief in any words; a writer that puts one sum where another belongs
    is found by this only. A total is told by what pays it, so it needs no name. What is refused the server states.
    """
    brief = job.request.brief
    said = terms(unmarked(sentence))
    slots = [slot for slot in SLOT.findall(sentence) if slot.startswith("P.") and slot[2:] in brief.figures]
    sums = [slot for slot in slots if is_currency(brief.figures[slot[2:]].unit)]
    hanging = {match["slot"][2:-2] for match in _HANGING.finditer(sentence)}
    return [
        slot
        for slot in dict.fromkeys(sums)
        if slot in hanging or ((label := job.labels[slot]) and "=total" not in label and label.isdisjoint(said))
    ]


def faults(sentence: str, job: Prepared) -> list[str]:
    """Return the ids of the rules that one slotted sentence breaks."""
    brief = job.request.brief
    filled = fill(sentence, evidence=job.evidence, brief=brief, language=brief.language)
    findings = run_checks(
        filled.text,
        template=job.template,
        language=brief.language,
        evidence=job.evidence,
        brief=brief,
        only=SENTENCE_RULES,
    )
    rules = [finding.rule for finding in findings if finding.severity != "info"]
    return ["unknown-slot"] * len(filled.unknown) + rules


def without_needless_marks(sentence: str, spec: SectionSpec, job: Prepared) -> str:
    """Take the citations away that nothing in a sentence rests on; those of its slots are added again by themselves."""
    if not MARK.search(sentence):
        return sentence
    analysis = _analysed(sentence, spec, job)
    needless = {analysis.text[one.start : one.end].strip("[]") for one in analysis.counts.reasons
                if one.code == "needless"}  # fmt: skip
    kept = MARK.sub(lambda mark: "" if mark[1] in needless else mark[0], sentence)
    return re.sub(r" +(?=[.,;:!?。])", "", re.sub(r" {2,}", " ", kept)).strip() if needless else sentence


def _analysed(sentence: str, spec: SectionSpec, job: Prepared) -> Analysis:
    return analyse(sentence, Task(job.evidence, job.request.brief, job.template, spec, ()))
