"""Variants of a case: evidence that has nothing to do with it, and evidence that is missing.

A writer that has only ever seen fitting evidence cites whatever is there; one that has always had everything invents
what it lacks. What is taken or added follows from the case's key and a seed, so a cut is the same anywhere.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence

from data_prep.records import Case
from proposal.brief import Brief
from proposal.evidence import Evidence
from proposal.plan import Fact
from proposal.slots import used_ids

DISTRACTORS = 3
"""Items of other proposals that are mixed in."""

MAX_POINTS = 1_000
"""Characters of an author's points that stay before what is asked for besides."""


def with_distractors(case: Case, others: Sequence[Evidence], *, seed: int, count: int = DISTRACTORS) -> Case | None:
    """Return the case with evidence of other proposals behind its own, or None where there is none to add."""
    ranked = sorted(others, key=lambda item: _rank(case, item.url + item.title, seed))[:count]
    if not ranked:
        return None
    first = 1 + max((int(item_id[1:]) for item_id in case.evidence), default=0)
    added = {f"E{number}": item.model_copy(update={"id": f"E{number}"}) for number, item in enumerate(ranked, first)}
    evidence = {**case.evidence, **added}
    return Case(f"{case.key}#distractors", case.brief, evidence, case.sections, case.facts)


def with_missing(case: Case, *, seed: int) -> Case | None:
    """Return the case without one of the items it cites: its figures become visible gaps in the text.

    The author's points still ask for these figures, so that a writer can know that something is missing. None where no
    item is cited, or where nothing would be left to state.
    """
    cited = sorted(set().union(*(used_ids(text) for text in case.sections.values()))) if case.sections else []
    cited = [item_id for item_id in cited if case.evidence[item_id].values]
    if not cited or len(case.evidence) < 2:
        return None
    gone = min(cited, key=lambda item_id: _rank(case, item_id, seed))
    sections = {key: _without(text, case.evidence[gone]) for key, text in case.sections.items()}
    facts: Mapping[str, tuple[Fact, ...]] = {
        key: tuple(fact for fact in stated if gone not in fact.ids) for key, stated in case.facts.items()
    }
    evidence = {item_id: item for item_id, item in case.evidence.items() if item_id != gone}
    return Case(f"{case.key}#missing", _asking(case, gone), evidence, sections, facts)


def _asking(case: Case, gone: str) -> Brief:
    """Return the brief with the missing figures named among the points of the sections that stated them."""
    notes = dict(case.brief.notes)
    for key, facts in case.facts.items():
        wanted = [f"state the {fact.subject}" for fact in facts if gone in fact.ids]
        if wanted:
            notes[key] = "; ".join(part for part in (notes.get(key, "")[:MAX_POINTS], *wanted) if part)
    return case.brief.model_copy(update={"notes": notes})


def _without(text: str, item: Evidence) -> str:
    """Put a gap that names what is missing in place of each figure of an item, and take its citations away."""
    for name, value in item.values.items():
        reason = " ".join(re.findall(r"[a-z]+", (value.label or name).lower()))[:38].strip()
        text = text.replace(f"{{{{{item.id}.{name}}}}}", f"{{{{TBD:{reason or 'figure'}}}}}")
    return re.sub(rf"[ ]?\[\[{item.id}\]\]", "", text)


def _rank(case: Case, text: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}\0{case.key}\0{text}".encode()).hexdigest()
