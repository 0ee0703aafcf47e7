"""Planters for slotted text: a figure in the wrong sentence, a vague word for a figure, a citation lost or exchanged.

A text that a model writes in service holds slots, so what can go wrong there is another choice of slot or citation and
never a wrong digit. Each planter takes a section's slotted text and returns the worse text, or None where the text has
no place for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from proposal.brief import Brief
from proposal.document import parse
from proposal.evidence import EvidenceSet
from proposal.slots import MARK, SLOT, resolve, vocabulary
from proposal.values import Value

SlotPlant = Callable[[str, EvidenceSet, Brief, Random], "str | None"]

_VAGUE = {"en": "a considerable amount", "zh": "相当可观的数额"}


def swap_figures(text: str, evidence: EvidenceSet, brief: Brief, choice: Random) -> str | None:  # noqa: ARG001
    """Exchange two figures that a reader could mistake for each other: same unit, other value.

    The citations stay where they are, so the sentences now state figures that their evidence does not.
    """
    slots = list(SLOT.finditer(text))
    for index, first in enumerate(slots):
        for second in slots[index + 1 :]:
            if _alike(_value(first[1], evidence, brief), _value(second[1], evidence, brief)):
                between = text[first.end() : second.start()]
                return text[: first.start()] + second[0] + between + first[0] + text[second.end() :]
    return None


def wrong_figure(text: str, evidence: EvidenceSet, brief: Brief, choice: Random) -> str | None:
    """Put another figure of the same unit, which the text does not state, in the place of one."""
    stated = {match[1] for match in SLOT.finditer(text)}
    spare = [body for body in (*vocabulary(evidence, brief).values, *(f"P.{name}" for name in brief.parameters))
             if body not in stated]  # fmt: skip
    slots = list(SLOT.finditer(text))
    for slot in choice.sample(slots, len(slots)):
        old = _value(slot[1], evidence, brief)
        fitting = [body for body in spare if _alike(old, _value(body, evidence, brief))]
        if fitting:
            return text[: slot.start()] + "{{" + choice.choice(fitting) + "}}" + text[slot.end() :]
    return None


def blur_figure(text: str, evidence: EvidenceSet, brief: Brief, choice: Random) -> str | None:  # noqa: ARG001
    """Put a vague word for a figure and take the citation behind it away."""
    places = list(re.finditer(rf"{SLOT.pattern}(?:[ \t]?{MARK.pattern}){{0,5}}", text))
    if not places:
        return None
    place = choice.choice(places)
    return text[: place.start()] + _VAGUE[brief.language] + text[place.end() :]


def drop_mark(text: str, evidence: EvidenceSet, brief: Brief, choice: Random) -> str | None:  # noqa: ARG001
    """Take one citation away, its figure staying."""
    marks = list(re.finditer(rf"[ ]?{MARK.pattern}", text))
    if not marks:
        return None
    mark = choice.choice(marks)
    return text[: mark.start()] + text[mark.end() :]


def swap_marks(text: str, evidence: EvidenceSet, brief: Brief, choice: Random) -> str | None:  # noqa: ARG001
    """Exchange two citations of different items, the figures staying."""
    marks = list(MARK.finditer(text))
    pairs = [(first, second) for index, first in enumerate(marks) for second in marks[index + 1 :]
             if first[1] != second[1]]  # fmt: skip
    if not pairs:
        return None
    first, second = choice.choice(pairs)
    return text[: first.start()] + second[0] + text[first.end() : second.start()] + first[0] + text[second.end() :]


def repeat_sentence(text: str, evidence: EvidenceSet, brief: Brief, choice: Random) -> str | None:  # noqa: ARG001
    """Say one sentence again at the end."""
    sentences = [sentence.text.strip() for sentence in parse(text).sentences if len(sentence.text.strip()) > 20]
    if not sentences:
        return None
    return text + ("" if brief.language == "zh" else " ") + choice.choice(sentences)


def _value(body: str, evidence: EvidenceSet, brief: Brief) -> Value | None:
    return resolve(body, evidence, brief, brief.language).value


def _alike(one: Value | None, other: Value | None) -> bool:
    return one is not None and other is not None and one.unit == other.unit and one.value != other.value


SLOT_CHANGES: tuple[tuple[str, SlotPlant], ...] = (
    ("swap_figures", swap_figures),
    ("wrong_figure", wrong_figure),
    ("blur_figure", blur_figure),
    ("drop_mark", drop_mark),
    ("swap_marks", swap_marks),
    ("repeat_sentence", repeat_sentence),
)
