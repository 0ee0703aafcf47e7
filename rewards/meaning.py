"""Whether a figure stands in a sentence about what it measures: "turnout was 71.4 %" when that is the share in favour.

A figure may be right to the digit and still tell the wrong thing. Nobody can decide that by rule in general; what can
be decided is whether the words around a figure are those of its own label or those of another value of the same unit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from rewards.wording import PERIODS, terms

if TYPE_CHECKING:
    from rewards.ground import Known
    from rewards.statements import Figure, Statement

Meaning = Literal["right", "unnamed", "wrong", "unknown"]
"""`unnamed`: no word of the label stands in the sentence; `unknown`: there is nothing to compare with."""

_UP = re.compile(
    r"(?<![a-z])(?:rose|rise[sn]?|rising|grew|climb(?:s|ing)?|soared|surged|recovered|improved|grow[sn]?|growing|increas(?:ed?|es|ing)|climbed|gain(?:ed|s)?"
    r"|went up|jumped)(?![a-z])"
    r"|上升|增长|增加|上涨|提高|升至|增至|涨至|回升|攀升|升到|涨到"
)
_DOWN = re.compile(
    r"(?<![a-z])(?:fell|falls?|fallen|falling|dropp?(?:ed|s|ing)?|declin(?:ed?|es|ing)|decreas(?:ed?|es|ing)|shrank|lost"
    r"|went down|slid|reduc(?:ed?|es|ing))(?![a-z])|下降|减少|下滑|下跌|降低|降至|减至|跌至"
)
_FROM_TO = re.compile(r"(?<![a-z])from(?![a-z])|从|由")


def meanings(figures: Sequence[Figure], statement: Statement) -> None:
    """Decide for each figure from evidence whether its sentence speaks about what it measures.

    Figures of the brief may be told in the author's own words; of its dates, words that are another's are a fault.
    """
    backed = [figure for figure in figures if figure.verdict in {"cited", "derived"} and figure.known]
    for figure in backed:
        figure.meaning = _named(figure, statement)
    _check_negation(backed, statement)
    _check_single_direction(backed, statement)
    told = [figure for figure in figures if figure.verdict in {"cited", "derived", "brief"} and figure.known]
    for figure in told:
        is_date = figure.verdict == "brief" and all(known.value.unit == "date" for known in figure.known)
        if is_date and _named(figure, statement) == "wrong":
            figure.meaning = "wrong"
    if len(told) > 1:
        _check_exchanged(told, statement)
        _check_direction(backed, statement)


def _named(figure: Figure, statement: Statement) -> Meaning:
    named = [known for known in figure.known if known.topic]
    if not named:
        return "unknown"
    if any(known.rivals for known in named):
        stated = {known for other in statement.figures for known in other.known}
        if all(_is_about_rival(known, statement, stated) for known in named):
            return "wrong"
    said = statement.terms
    if any(not known.spoken.isdisjoint(said) for known in named):
        return "right"
    # A day is told by what happened on it ("went back to the treasury on …"), seldom by the words of its label.
    return "unknown" if all(known.value.unit == "date" for known in named) else "unnamed"


def _is_about_rival(known: Known, statement: Statement, stated: set[Known]) -> bool:
    """Tell whether the sentence has only words of another value, which itself is not printed in it."""
    said = statement.terms
    own = known.label & said
    return any(
        not theirs.isdisjoint(said)
        and ours.isdisjoint(said)
        and rival not in stated
        and own <= rival.label
        and len(rival.label & said) > len(own)
        for rival, theirs, ours in known.rivals
    )


def _check_exchanged(figures: Sequence[Figure], statement: Statement) -> None:
    """Find two figures of which each stands beside the other's words."""
    rivals = [
        (i, j, apart)
        for i, left in enumerate(figures)
        for j in range(i + 1, len(figures))
        if (apart := _words_apart(left, figures[j])) is not None
    ]
    if not rivals:
        return
    text, offset = statement.sentence.text, statement.sentence.start
    bounds = [(figure.part.start - offset, figure.part.end - offset) for figure in figures]
    before = [terms(text[(bounds[i - 1][1] if i else 0) : start]) for i, (start, _) in enumerate(bounds)]
    after = [
        terms(text[end : (bounds[i + 1][0] if i + 1 < len(bounds) else None)]) for i, (_, end) in enumerate(bounds)
    ]
    for i, j, (lefts, rights) in rivals:
        named = not before[i].isdisjoint(lefts) or not before[j].isdisjoint(rights)
        for near in (before,) if named else (before, after):
            if _only(near[i], rights, lefts) and _only(near[j], lefts, rights):
                figures[i].meaning = figures[j].meaning = "wrong"


def _only(near: frozenset[str], wanted: frozenset[str], other: frozenset[str]) -> bool:
    return not near.isdisjoint(wanted) and near.isdisjoint(other)


def _words_apart(left: Figure, right: Figure) -> tuple[frozenset[str], frozenset[str]] | None:
    """Return the words that only the left and only the right figure's label has, when their values are rivals."""
    if len(left.known) != 1 or len(right.known) != 1:
        return None
    for rival, theirs, ours in left.known[0].rivals:
        if rival is right.known[0]:
            return ours, theirs
    return None


_NOT = re.compile(
    r"(?<![a-z])(?:not|never|no longer|neither|without)[ ]+([a-z'-]+(?: [a-z'-]+)?)"
    r"|(?:不|未|没有|并非)([\u3400-\u9fff]{2,4})"
)
_NOT_WORDS = ("no", "never", "neither", "without", "不", "未", "没有", "并非")
_PERIOD_ORDER = {"=first": 1, "=second": 2, "=third": 3, "=fourth": 4}


def _check_negation(figures: Sequence[Figure], statement: Statement) -> None:
    """Find "338 creators were not active", when 338 counts the active ones."""
    text = statement.lowered
    for match in _NOT.finditer(text) if any(word in text for word in _NOT_WORDS) else ():
        denied = terms(match[1] or match[2]) - PERIODS
        for figure in figures:
            place = figure.part.start - statement.sentence.start
            between = text[match.end() : place] if place > match.end() else text[place : match.start()]
            if (
                len(between) < NEAR_FIGURE
                and not _CLAUSE_END.search(between)
                and any(denied & known.label and not denied & _denied_in_label(known) for known in figure.known)
            ):
                figure.meaning = "wrong"


_CLAUSE_END = re.compile(r"[;:；：，—]|,\s")
"""Ends what a denial speaks of: "may not be finished: 13 were finished"."""


def _denied_in_label(known: Known) -> frozenset[str]:
    """Return the terms that the label itself denies ("wallets not linked to the seller")."""
    label = f"{known.value.label} {known.value.label_zh}".lower()
    return frozenset().union(*(terms(match[1] or match[2]) for match in _NOT.finditer(label)))


def _check_single_direction(figures: Sequence[Figure], statement: Statement) -> None:
    """Find "climbed to 401,000" when the value of the period before was higher."""
    text = statement.lowered
    if not any(word in text for word in _TO_WORDS):
        return
    for figure in figures:
        if len(figure.known) != 1 or not figure.known[0].value.is_number:
            continue
        place = figure.part.start - statement.sentence.start
        before = text[max(0, place - 40) : place]
        if not _TO_BEFORE.search(before):
            continue
        up, down = _UP.search(before), _DOWN.search(before)
        earlier = _period_before(figure.known[0])
        if earlier is None or (up is None) == (down is None):
            continue
        value = figure.known[0].value.value
        if (up and value < earlier) or (down and value > earlier):  # type: ignore[operator]
            figure.meaning = "wrong"


_TO_BEFORE = re.compile(r"(?<![a-z])to[ ]+(?:[a-z]+[ ]+){0,1}$|(?:至|到)[约近]?$")
_TO_WORDS = ("to ", "至", "到")
NEAR_FIGURE = 60
"""Characters within which a denial is taken to speak of a figure."""


def _period_before(known: Known) -> Decimal | None:
    """Return the value of the quarter before, when the evidence states it in the same item and unit."""
    order = max((_PERIOD_ORDER.get(term, 0) for term in known.label), default=0)
    for rival, _, _ in known.rivals:
        theirs = max((_PERIOD_ORDER.get(term, 0) for term in rival.label), default=0)
        if rival.source == known.source and order and theirs == order - 1 and isinstance(rival.value.value, Decimal):
            return rival.value.value
    return None


def _check_direction(figures: Sequence[Figure], statement: Statement) -> None:
    """Find "rose from 612 to 401": two values of one unit in the order of time, and a verb against them."""
    if len(figures) < 2:
        return
    text = statement.lowered
    up, down = _UP.search(text), _DOWN.search(text)
    if (up is None) == (down is None) or not _FROM_TO.search(text):
        return
    first, second = figures[0], figures[1]
    if len(first.known) != 1 or len(second.known) != 1 or first.known[0].value.unit != second.known[0].value.unit:
        return
    start, end = first.known[0].value.value, second.known[0].value.value
    if not first.known[0].value.is_number or not second.known[0].value.is_number:
        return
    if (up and end < start) or (down and end > start):  # type: ignore[operator]
        first.meaning = second.meaning = "wrong"
