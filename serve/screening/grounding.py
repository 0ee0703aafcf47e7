"""What a sentence is about: whether brief and evidence name it, and whether it tells of the right time."""

from __future__ import annotations

import re
from collections.abc import Mapping

from proposal.slots import SLOT, resolve
from proposal.template import SectionSpec
from proposal.values import Language
from rewards.wording import GENERIC, terms
from serve.preparing import Prepared
from serve.screening.wording import unmarked

GROUNDED: Mapping[Language, float] = {"en": 0.6, "zh": 0.4}
"""Share of a sentence's terms that brief, evidence or task must have, or the sentence is about something else.

Pairs of characters, which are the terms of Chinese, differ between two sentences that say the same. How the shares were
found: docs/decisions.md.
"""

MIN_FOREIGN = 2
"""Terms that are found nowhere from which they are no chance: the verb alone may be the writer's own."""

_PAST = re.compile(r"\b(?:was|were|had|(?:has|have) (?:[a-z]+ly )?(?:been|[a-z]+ed))\b", re.IGNORECASE)

_TO_COME = re.compile(r"\b(?:will|shall)(?: [a-z]+){0,3} \{\{(E\d+\.[a-z0-9_]+)\}\}")
"""A figure of evidence that the sentence says will be: "the turnout will be 71.4%"."""


def ungrounded(sentence: str, spec: SectionSpec, job: Prepared) -> list[str]:
    """Return the terms of a sentence of which too many stand neither in brief and evidence nor in the section's task.

    Terms that any proposal may use count on neither side. Having the terms does not make a sentence true: this finds
    what cannot rest on anything that the author gave.
    """
    language = job.request.brief.language
    task = [spec.heading_in(language), spec.guidance.in_(language) if spec.guidance else ""]
    said = terms(unmarked(sentence)) - GENERIC
    foreign = said - job.topics - terms(" ".join(task))
    grounded = len(said) - len(foreign)
    return sorted(foreign) if len(foreign) >= MIN_FOREIGN and grounded < GROUNDED[language] * len(said) else []


def invented_names(sentence: str, job: Prepared) -> list[str]:
    """Return capitalised words inside the sentence that stand nowhere in the brief, the evidence or the template."""
    inside = unmarked(sentence).partition(" ")[2]
    return [name for name in re.findall(r"\b[A-Z][A-Za-z]+", inside) if name.lower() not in job.names]


def told_as_past(sentence: str, job: Prepared) -> list[str]:
    """Return the slots of days of the brief that an English sentence tells as past though no evidence is as late.

    A brief states what is intended; "the programme has been published" on its first day was invented.
    """
    parameters = job.request.brief.parameters
    days = [slot for slot in SLOT.findall(sentence) if (day := parameters.get(slot[2:])) and day.unit == "date"]
    if not days or not _PAST.search(unmarked(sentence)):
        return []
    latest = max((item.retrieved_at.date().isoformat() for item in job.evidence.values()), default="")
    return [f"{slot} is told as past" for slot in days if slot[:2] == "P." and str(parameters[slot[2:]].value) > latest]


def told_as_to_come(sentence: str, job: Prepared) -> list[str]:
    """Return the slots of evidence that an English sentence tells as still to come: evidence states what is or was.

    A day may lie ahead ("the vote will end on …"), so dates are left alone.
    """
    brief = job.request.brief
    found = {slot: resolve(slot, job.evidence, brief, brief.language).value for slot in _TO_COME.findall(sentence)}
    return [f"{slot} is told as to come" for slot, value in found.items() if value is not None and value.unit != "date"]
