"""Demands: points of the author that name what has to be stated, such as "state the cost of the audit".

A demand that no figure of the brief or the evidence answers is a gap, and the draft shows it as one instead of
passing over it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from proposal.brief import Brief
from proposal.evidence import EvidenceSet
from proposal.values import Language, Value

DEMAND: Mapping[Language, str] = {"en": "state the {}", "zh": "写明{}"}
"""How a point asks for a statement."""

_DEMAND: Mapping[Language, re.Pattern[str]] = {
    "en": re.compile(r"\s*state (?:the |an? )?(?P<what>.+?)\s*", re.IGNORECASE | re.DOTALL),
    "zh": re.compile(r"\s*写明(?P<what>.+?)\s*", re.DOTALL),
}
_POINT_ENDS: Mapping[Language, re.Pattern[str]] = {
    "en": re.compile(r";|\n|\.(?=\s|\Z)"),
    "zh": re.compile(r"[;；。\n]"),
}
_WORD = re.compile(r"[a-z]+|[0-9]+|[\u3400-\u9fff]")
_UNMEANING = frozenset({"the", "a", "an", "of"})


def demands(points: str, language: Language) -> tuple[str, ...]:
    """Return what an author's points ask to state.

    >>> demands("The office keeps the books; state the cost of the audit.", "en")
    ('cost of the audit',)
    """
    found = (_DEMAND[language].fullmatch(point) for point in _POINT_ENDS[language].split(points))
    return tuple(match["what"] for match in found if match)


def without_demands(points: str, language: Language) -> str:
    """Return the points that say something themselves, each ended as a sentence where several are left."""
    kept = [point.strip() for point in _POINT_ENDS[language].split(points)
            if point.strip() and not _DEMAND[language].fullmatch(point)]  # fmt: skip
    return {"en": ". ", "zh": "。"}[language].join(kept) if demands(points, language) else points


def unanswered(points: str, *, brief: Brief, evidence: EvidenceSet) -> tuple[str, ...]:
    """Return the demands that no figure answers: none whose label has every word of the demand as often."""
    figures: list[tuple[str, Value]] = [*brief.parameters.items()]
    figures += [pair for item in evidence.values() for pair in item.values.items()]
    labels = [_words(value.label_in(brief.language) or name) for name, value in figures]
    return tuple(
        demand for demand in demands(points, brief.language) if not any(_words(demand) <= label for label in labels)
    )


def _words(text: str) -> Counter[str]:
    return Counter(word for word in _WORD.findall(text.lower()) if word not in _UNMEANING)
