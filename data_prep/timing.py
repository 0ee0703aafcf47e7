"""What was known on the day of a proposal: nothing dated later may enter its prompt."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable

from data_prep.records import Case, Drop
from proposal.evidence import Evidence
from proposal.slots import used_ids

_OUTCOME = (
    r"(?:passed|approved|accepted|rejected|defeated|failed|declined|executed|implemented|enacted|withdrawn|ratified)"
)
_OWN = re.compile(
    rf"\b[Tt]his (?:(?:[A-Za-z]{{2,12}} )?(?:[Pp]roposal|[Vv]ote)|[A-Z]{{2,6}})(?:[ -]?[0-9.]{{1,8}})? "
    rf"(?:has been |has |was |had been |did not )?(?:formally |not )?{_OUTCOME}\b(?! as\b)"
)
_STATUS = re.compile(
    rf"^[ \t>*_|-]{{0,8}}status[*_ \t]{{0,4}}[:|][ \t*_`|]{{0,6}}{_OUTCOME}\b[^A-Za-z\n]{{0,6}}$", re.I | re.M
)
_TALLY = re.compile(
    rf"\b(?:proposal|vote|poll|it) {_OUTCOME}(?: on [A-Za-z0-9, ]{{4,30}}?)?(?: at [0-9: A-Z]{{3,12}}?)?"
    r" with (?:over |about |nearly )?[0-9][0-9.,]{0,12} ?%",
    re.IGNORECASE,
)
_OPEN = re.compile(
    r"\b(?:if|once|when|whether|after|before|should|unless|until|assuming|provided|case|that|were|as soon as)\b"
    r"[^.;:\n]{0,24}\Z",
    re.IGNORECASE,
)


def known_by(items: Iterable[Evidence], day: dt.date) -> list[Evidence]:
    """Return the evidence that existed on a day: what was retrieved on it or before."""
    return [item for item in items if item.retrieved_at.astimezone(dt.UTC).date() <= day]


def as_of(case: Case, day: dt.date) -> Case | Drop:
    """Return a case without evidence that is later than its proposal; a text that cites such evidence is a drop."""
    known = {item.id: item for item in known_by(case.evidence.values(), day)}
    later = sorted(set(case.evidence) - set(known))
    if not later:
        return case
    cited = set().union(*(used_ids(text) for text in case.sections.values())) & set(later)
    if cited:
        return Drop("later-evidence", case.key, "sft", detail=f"cites {', '.join(sorted(cited))}, dated after {day}")
    return Case(case.key, case.brief, known, case.sections, case.facts)


def tells_outcome(text: str) -> str:
    """Return the words by which a text tells what became of its own proposal, or an empty string.

    >>> tells_outcome("This proposal passed on April 25, 2021 with 99.97% voting for.")
    'This proposal passed'
    >>> tells_outcome("If this proposal is approved, the cap rises.")
    ''
    """
    for pattern in (_OWN, _STATUS, _TALLY):
        for match in pattern.finditer(text):
            if not _OPEN.search(text[max(0, match.start() - 40) : match.start()]):
                return match[0].strip()
    return ""
