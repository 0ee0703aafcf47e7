"""Variants of a case: evidence that has nothing to do with it, and evidence that is missing.

A writer that has only ever seen fitting evidence cites whatever is there; one that has always had everything invents
what it lacks. What is taken or added follows from the case's key and a seed, so a cut is the same anywhere.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Mapping, Sequence, Set

from data_prep.records import Case
from proposal.brief import Brief
from proposal.demands import DEMAND
from proposal.evidence import Evidence
from proposal.plan import Fact
from proposal.slots import used_ids
from proposal.values import Language, Value

DISTRACTORS = 3
"""Items of other proposals that are mixed in."""

MAX_REASON = 38
"""Characters of a gap's reason."""

MAX_REASON_HAN = 20
"""Chinese characters of a gap's reason: what the grammar of drafting lets a writer say (`proposal.grammar`)."""

MAX_POINTS = 1_000
"""Characters of an author's points that stay before what is asked for besides."""

_BETWEEN: Mapping[Language, str] = {"en": "; ", "zh": "；"}


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
    """Return the case without some of what it states: these figures become visible gaps in the text.

    One of the items it cites is taken away, or, where it has only one, one figure of that. The author's points still
    ask for what is gone, so that a writer can know that something is missing. None where no item is cited, or where
    nothing would be left to state.
    """
    cited = sorted(set().union(*(used_ids(text) for text in case.sections.values()))) if case.sections else []
    cited = [item_id for item_id in cited if case.evidence[item_id].values]
    if not cited:
        return None
    gone = min(cited, key=lambda item_id: _rank(case, item_id, seed))
    item = case.evidence[gone]
    names = set(item.values)
    if len(case.evidence) < 2:
        if len(names) < 2:
            return None
        names = {min(names, key=lambda name: _rank(case, name, seed))}
    left = {name: value for name, value in item.values.items() if name not in names}
    evidence = {item_id: one for item_id, one in case.evidence.items() if item_id != gone}
    if left:
        evidence = {gone: item.model_copy(update={"values": left})}
    slots = {f"{gone}.{name}" for name in names}
    reasons = {name: _reason(name, item.values[name], case.brief.language) for name in names}
    sections = {key: _without(text, item, reasons, keep_mark=bool(left)) for key, text in case.sections.items()}
    facts: Mapping[str, tuple[Fact, ...]] = {
        key: tuple(fact for fact in stated if fact.slot not in slots) for key, stated in case.facts.items()
    }
    return Case(f"{case.key}#missing", _asking(case, slots), evidence, sections, facts)


def _asking(case: Case, gone: Set[str]) -> Brief:
    """Return the brief with the missing figures named among the points of the sections that stated them."""
    notes, language = dict(case.brief.notes), case.brief.language
    for key, facts in case.facts.items():
        wanted = [DEMAND[language].format(fact.subject) for fact in facts if fact.slot in gone]
        if wanted:
            own = notes.get(key, "")[:MAX_POINTS].rstrip("。")
            notes[key] = _BETWEEN[language].join(part for part in (own, *wanted) if part)
    return case.brief.model_copy(update={"notes": notes})


def _without(text: str, item: Evidence, reasons: Mapping[str, str], *, keep_mark: bool) -> str:
    """Put a gap that says what is missing in place of each of these figures, and take needless citations away."""
    for name, reason in reasons.items():
        text = text.replace(f"{{{{{item.id}.{name}}}}}", f"{{{{TBD:{reason}}}}}")
    if not keep_mark:
        return re.sub(rf"[ ]?\[\[{item.id}\]\]", "", text)
    return "".join(
        sentence if f"{{{{{item.id}." in sentence else re.sub(rf"[ ]?\[\[{item.id}\]\]", "", sentence)
        for sentence in re.split(r"(?<=[.!?])(?=\s)|(?<=[。！？])", text)
    )


def _reason(name: str, value: Value, language: Language) -> str:
    """Return what a gap says is missing: the words of the value's label."""
    if language == "zh":
        return "".join(re.findall(r"[\u4e00-\u9fa5]", value.label_in(language)))[:MAX_REASON_HAN] or "数字"
    return _shortened(re.findall(r"[a-z]+", (value.label or name).lower())) or "figure"


def _shortened(words: Sequence[str]) -> str:
    """Return as many of the words as a gap has room for."""
    room = itertools.accumulate(words, lambda used, word: used + 1 + len(word), initial=-1)
    return " ".join(word for word, used in zip(words, list(room)[1:], strict=True) if used <= MAX_REASON)


def _rank(case: Case, text: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}\0{case.key}\0{text}".encode()).hexdigest()
