"""One analysis of a completion, shared by all rewards.

It reads the text once, settles what every figure and citation rests on, and counts. The components only turn these
counts into numbers, so that they can never disagree about what the text says.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from proposal.checks.framework import CheckContext
from rewards.gates import Stage, dumped, gate, violations
from rewards.ground import Ground, ground_of
from rewards.reading import Reading, read
from rewards.repetition import near_duplicates
from rewards.rows import Task
from rewards.score import Reason, Score
from rewards.statements import Cite, Figure, Statement, outside_sentences, statements_of

MAX_CACHED = 16
"""Analyses kept, for a caller that asks about a text in several steps; of a batch the scores are kept."""

GAP = re.compile(r"\[(?:needs: |待补充：)")
"""A marked gap as slots print it: naming what is missing is about the proposal too."""

QUALITATIVE_OVERLAP = 0.2
"""Share of a sentence's weighted topic that the cited item must share when no figure ties them."""

_BAD = frozenset({"invented", "miscited", "uncited"})

MAX_REASONS = 60
"""Reasons kept for one completion; what is beyond only repeats them."""

SHORT_SENTENCE = 8
"""Words up to which one topical word is enough to be about the proposal."""

FREE_REPEATS = 2
"""How often a figure may be stated again (summary, body, timeline) before repeating counts against the text."""


@dataclass(slots=True)
class Counts:
    """What the citation components count."""

    supported: float = 0.0
    claims: float = 0.0
    needed: int = 0
    needless: int = 0
    unresolved: int = 0
    decorative: int = 0
    miscited: int = 0
    invented: int = 0
    written_out: int = 0
    wrong_meaning: int = 0
    unnamed: int = 0
    vague: int = 0
    ids: set[str] = field(default_factory=set)
    taken_on_trust: set[str] = field(default_factory=set)
    known_figures: set[tuple[str, str]] = field(default_factory=set)
    reasons: list[Reason] = field(default_factory=list)

    def say(self, code: str, message: str, place: object) -> None:
        if len(self.reasons) < MAX_REASONS:
            self.reasons.append(Reason(code, message, getattr(place, "start", 0), getattr(place, "end", 0)))


@dataclass(frozen=True, eq=False)
class Analysis:
    """A completion, read against its task."""

    task: Task
    ground: Ground
    reading: Reading
    context: CheckContext
    statements: tuple[Statement, ...]
    headings: tuple[Figure, ...]
    counts: Counts
    violations: tuple[Reason, ...]
    truncated: bool
    stage: Stage
    scores: dict[str, Score] = field(default_factory=dict, repr=False)

    @property
    def text(self) -> str:
        """The text that places of reasons refer to: slots filled, disguises undone."""
        return self.reading.text

    @property
    def gate(self) -> float:
        return gate(len({reason.code for reason in self.violations}), truncated=self.truncated, stage=self.stage)

    @cached_property
    def gate_reasons(self) -> tuple[Reason, ...]:
        cut = (Reason("truncated", "the text was cut off before its end"),) if self.truncated else ()
        return (*self.violations, *cut)

    @cached_property
    def substance(self) -> int:
        """Words of sentences that speak about the task: filler adds none."""
        prose = (one for one in self.statements if not one.row and not one.reference)
        return sum(len(one.words) for one in prose if self.has_substance(one))

    def has_substance(self, statement: Statement) -> bool:
        """Tell whether a sentence says something about this proposal and not about any."""
        if statement.substance is None:
            statement.substance = self._decide_substance(statement)
        return statement.substance

    def _decide_substance(self, statement: Statement) -> bool:
        if statement.repeats or statement.listing:
            return False
        if statement.figures:
            return True
        topical = len(statement.terms & self.ground.substance)
        if topical >= (2 if len(statement.words) > SHORT_SENTENCE else 1):
            return True
        return "[" in statement.sentence.text and GAP.search(statement.sentence.text) is not None


def analyse(completion: str, task: Task, *, truncated: bool = False, stage: Stage = "late") -> Analysis:
    """Return the analysis of a completion; equal arguments give the same object while it is cached."""
    return _analyse(completion if isinstance(completion, str) else "", task, truncated, stage)


@lru_cache(maxsize=MAX_CACHED)
def _analyse(completion: str, task: Task, truncated: bool, stage: Stage) -> Analysis:
    ground = ground_of(task)
    reading = read(completion, task)
    statements = statements_of(reading, ground)
    prose = [one for one in statements if not one.row and not one.reference]
    for place in near_duplicates([one.words for one in prose], [_marks(one) for one in prose]):
        prose[place].repeats = True
    context = CheckContext(
        document=reading.document,
        template=task.template,
        language=task.brief.language,
        evidence=task.evidence,
        brief=task.brief,
    )
    headings = tuple(outside_sentences(reading, ground))
    counts = _count(statements, headings, ground)
    for body in reading.filled.unknown:
        counts.unresolved += 1
        counts.say("unresolved", f"there is no slot or evidence '{body[:60]}'", None)
    found = [*violations(reading, ground, context), *dumped(statements)]
    return Analysis(task, ground, reading, context, tuple(statements), headings, counts, tuple(found), truncated, stage)


def _marks(statement: Statement) -> frozenset[tuple[str, str]]:
    return frozenset(figure.key for figure in statement.figures)


def _count(statements: Sequence[Statement], headings: Sequence[Figure], ground: Ground) -> Counts:
    counts = Counts()
    seen: dict[tuple[str, str], int] = {}
    for statement in statements:
        _mark_again(statement, seen)
        _count_figures(statement.figures, counts)
        for words in statement.vague:
            counts.vague += 1
            counts.say("vague", f"an amount without a number: “{words}”", statement.sentence)
        for quote in statement.quotes_invented:
            counts.invented += 1
            counts.say("quote-invented", f"nobody said this: “{quote.text[:60]}”", quote)
        if statement.reference:
            _count_unresolved(statement.cites, counts)
        else:
            _count_statement(statement, ground, counts)
    _count_figures(headings, counts)
    return counts


def _mark_again(statement: Statement, seen: dict[tuple[str, str], int]) -> None:
    """Mark a statement that only repeats figures stated before; too many repeats count against the text."""
    if statement.row or statement.reference or not statement.figures:
        return
    keys = {figure.key for figure in _from_evidence(statement)}
    if not keys:
        return
    times = [seen.get(key, 0) for key in keys]
    if all(times):
        if max(times) > FREE_REPEATS:
            statement.repeats = True
        else:
            statement.again = True
    seen.update((key, before + 1) for key, before in zip(keys, times, strict=True))


def _from_evidence(statement: Statement) -> list[Figure]:
    return [figure for figure in statement.figures if figure.verdict != "brief"]


def _count_figures(figures: Sequence[Figure], counts: Counts) -> None:
    for figure in figures:
        if figure.verdict == "invented":
            counts.invented += 1
            counts.say("invented", f"no evidence states “{figure.part.text}”", figure.part)
        else:
            counts.known_figures.add(figure.key)
        if figure.written_out:
            counts.written_out += 1
            counts.say("written-out", f"a figure in words: “{figure.part.text}”", figure.part)
        if figure.meaning == "wrong":
            counts.wrong_meaning += 1
            counts.say("meaning", f"“{figure.part.text}” stands for something else", figure.part)
        if figure.meaning == "unnamed":
            counts.unnamed += 1
            counts.say("unnamed", f"no word around “{figure.part.text}” says what it measures", figure.part)


def _count_unresolved(cites: Sequence[Cite], counts: Counts) -> None:
    for cite in cites:
        if not cite.id:
            counts.unresolved += 1
            counts.say("unresolved", "leads to nothing in the evidence", cite)


def _count_statement(statement: Statement, ground: Ground, counts: Counts) -> None:
    """Count one statement's claim and citations."""
    _count_unresolved(statement.cites, counts)
    figures = _from_evidence(statement)
    if not figures and (not statement.cites or _is_translated(statement, ground, counts)):
        return
    bad = any(figure.verdict in _BAD or figure.meaning == "wrong" for figure in figures)
    stray = any(not cite.id for cite in statement.cites)
    if statement.row and not bad and not stray:
        _count_row_cites(statement, figures, counts)
        return
    unnamed = any(figure.meaning == "unnamed" for figure in figures)
    if statement.again and not bad and not stray and not unnamed:
        return
    used = {} if statement.repeats or statement.listing else _used(statement, figures, ground, bad=bad)
    needed = _count_cites(statement, used, figures, counts)
    weight = max(1, len(needed))
    counts.claims += weight
    counts.supported += weight * _support(statement, figures, bool(used)) * min(1.0, 3 / max(1, len(statement.cited)))
    counts.ids |= needed
    if any(figure.verdict == "miscited" for figure in figures):
        counts.miscited += 1
        counts.say(
            "miscited", "the evidence cited here does not state the figure, other evidence does", statement.sentence
        )
    if any(figure.verdict == "uncited" for figure in figures):
        counts.say("uncited", "a figure from the evidence stands here without its citation", statement.sentence)
    if statement.repeats or statement.listing:
        what = (
            "repeats a sentence or figure" if statement.repeats else "lists evidence without saying anything about it"
        )
        counts.say("repeat" if statement.repeats else "listing", what, statement.sentence)


def _count_row_cites(statement: Statement, figures: Sequence[Figure], counts: Counts) -> None:
    """Count the citations of a right table row that none of its figures rests on; the others earn nothing there."""
    carrying = {item for figure in figures for item in figure.ids}
    for item in statement.cited:
        if figures and item not in carrying:
            counts.needless += 1
            counts.say("needless", f"nothing in the row rests on {item}", statement.sentence)


def _used(statement: Statement, figures: Sequence[Figure], ground: Ground, *, bad: bool) -> dict[str, int]:
    """Return the cited ids that something in the statement rests on, with how many figures each carries.

    A sentence with a wrong figure may not be saved by its topic.
    """
    used: Counter[str] = Counter()
    for figure in figures:
        if not _credit(figure):
            continue
        ids = figure.ids if figure.verdict == "derived" else (min(figure.ids, key=lambda one: (one not in used, one)),)
        used.update(ids)
    if bad or statement.quotes_invented:
        return dict(used)
    for item_id in statement.cited:
        if item_id not in used and item_id in statement.quotes_found:
            used[item_id] += 1
    for item_id in statement.cited:
        if item_id not in used and _about(statement, item_id, used, ground):
            used[item_id] += 1
    return dict(used)


def _about(statement: Statement, item_id: str, used: Counter[str], ground: Ground) -> bool:
    """Tell whether a citation without a figure is needed: the sentence tells what the item's text says.

    Words of titles and labels do not count, or naming a source would be as good as using it.
    """
    said = ground.excerpts.get(item_id)
    if said is None or ground.languages[item_id] != _language(statement):
        return False
    rest = statement.terms
    for other in used:
        rest = rest - ground.topics[other]
    shared = rest & said
    unknown = max(ground.weights.values(), default=1.0)
    total = sum(ground.weights.get(term, unknown) for term in statement.terms) or 1.0
    weight = sum(ground.weights[term] for term in shared)
    telling = sum(1 for term in shared if ground.weights[term] > unknown / 3)
    return weight / total >= QUALITATIVE_OVERLAP and telling >= (3 if _language(statement) == "zh" else 2)


def _is_translated(statement: Statement, ground: Ground, counts: Counts) -> bool:
    """Tell whether a sentence without figures only cites texts of another language; each may be cited so once."""
    cited = statement.cited
    if not cited or not all(
        _unverifiable(statement, item, ground) and item not in counts.taken_on_trust for item in cited
    ):
        return False
    counts.taken_on_trust.update(cited)
    return True


def _language(statement: Statement) -> str:
    return "zh" if any("\u3400" <= term[0] <= "\u9fff" for term in statement.terms) else "en"


def _unverifiable(statement: Statement, item_id: str, ground: Ground) -> bool:
    """Tell whether the item's text is in another language than the sentence: nobody can compare them by rule."""
    return ground.languages.get(item_id, _language(statement)) != _language(statement)


def _count_cites(statement: Statement, used: dict[str, int], figures: Sequence[Figure], counts: Counts) -> set[str]:
    """Count needed and needless citations of a statement; return the needed ids."""
    needed: set[str] = set()
    marks: Counter[str] = Counter()
    for cite in statement.cites:
        if not cite.id:
            continue
        marks[cite.id] += 1
        if cite.id in used and cite.id not in needed:
            needed.add(cite.id)
            counts.needed += 1
        elif cite.id in used and marks[cite.id] <= max(used[cite.id], 1 if cite.mark else 2):
            continue
        else:
            counts.needless += 1
            counts.say("needless", f"nothing in the sentence rests on {cite.id}", cite)
            if not used and not figures:
                counts.decorative += 1
    return needed


def _support(statement: Statement, figures: Sequence[Figure], used: bool) -> float:
    """Return the share of the statement that its citations carry."""
    if statement.repeats or statement.listing or statement.quotes_invented:
        return 0.0
    if not figures:
        return float(used)
    return sum(_credit(figure) for figure in figures) / len(figures)


def _credit(figure: Figure) -> float:
    if figure.verdict not in {"cited", "derived"} or figure.written_out or figure.meaning == "wrong":
        return 0.0
    if figure.meaning == "unnamed":
        return 0.25
    return 0.5 if figure.stretched else 1.0
