"""Screening: which sentences of a model may stand in a draft, judged one by one before the whole text is checked.

A sentence is refused when a check that can judge one sentence finds something in it, when a figure in it stands for
something else than it measures, when it repeats another one or the task, when it names something that neither brief nor
evidence names or is about something else than they are, or is no sentence at all (cut off, stuck, addressed to the
reader).
Refusing a good sentence costs a rewrite; keeping a bad one costs the committee's trust.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from proposal.checks import run_checks
from proposal.document import parse
from proposal.slots import MARK, SLOT, fill
from proposal.template import SectionSpec
from proposal.units import is_currency
from proposal.values import Language
from rewards import Analysis, Task, analyse
from rewards.wording import GENERIC, terms
from serve.preparing import Prepared

SENTENCE_RULES = frozenset(
    {"EV-uncited-claim", "EV-dangling", "EV-number", "NE-loaded", "NE-certainty", "NE-pressure", "IN-instruction"}
)
"""Findings that one sentence alone can cause and its removal cures."""

NEAR_DUPLICATE = 0.8
"""Jaccard similarity of word sets from which two sentences count as one (`rewards.md`, 1.4)."""

SAME_TERMS, MIN_SAID = 0.7, 4
"""Share of common terms (stems without function words) from which two sentences say the same, and the least of them."""

MIN_ECHO = 6
"""Words of an instruction from which having most of them is no chance."""

GROUNDED: Mapping[Language, float] = {"en": 0.6, "zh": 0.4}
"""Share of a sentence's terms that brief, evidence or task must have, or the sentence is about something else.

Pairs of characters, which are the terms of Chinese, differ between two sentences that say the same. How the shares were
found: docs/decisions.md.
"""

MIN_FOREIGN = 2
"""Terms that are found nowhere from which they are no chance: the verb alone may be the writer's own."""

_META = re.compile(
    r"\b(?:I|you|your|my|we|our|us|paragraph|bullet|essay|blog|rewrite|sentence|prompt|the task|this section)\b",
    re.IGNORECASE,
)
"""Talk to or about the reader, the writer or the text itself: an assistant's habit, not a proposal's."""

_LOOSE_DATE = re.compile(
    r"\b(?:January|February|March|April|June|July|August|September|October|November|December|st|nd|rd|th)\b"
    r"|\b(?:this|last|next) (?:year|quarter|month|week)\b"
)
"""A time without a slot: under a grammar without digits it is half a date, and never from the evidence."""

_STUCK = re.compile(r"\b([a-z]{1,16})(?:[ ,]+\1\b){2}", re.IGNORECASE)
"""The same word three times in a row."""

_CUT_OFF = re.compile(
    r"(?:[ ,;](?:a|an|the|of|to|in|on|at|by|for|and|or|with|that|which|from|as|is|are|be|its|their|this)|[,;])\.\Z"
)

_FUNCTION_WORDS = frozenset(
    """the a an of to in and or for is are was be been has have will would may can by with on at from as that this
    these those it its their not no which who if than but because so any all each other more when while without into
    through""".split()  # noqa: SIM905 - a column of fifty quoted words is harder to read
)
MIN_FUNCTION_WORDS = 0.25
"""Share of function words under which a long sentence is no English prose; ordinary prose has 0.4 to 0.5."""


def objections(sentence: str, others: Sequence[str], spec: SectionSpec, job: Prepared) -> list[str]:
    """Return why a slotted sentence of a section may not stand beside the others; empty when it may."""
    reasons = [*malformed(sentence), *invented_names(sentence, job)]
    if repeats(sentence, others):
        reasons.append("repeats another sentence")
    if spec.guidance and echoes(sentence, spec.guidance.in_(job.request.brief.language)):
        reasons.append("repeats the task")
    return reasons or ungrounded(sentence, spec, job) or faults(sentence, job) or misplaced_figures(sentence, spec, job)


def echoes(sentence: str, guidance: str) -> bool:
    """Tell whether a sentence says the task again: whether it has most words of one of the guidance's sentences."""
    said = _word_set(sentence)
    asked = [_word_set(one.text) for one in parse(guidance).sentences]
    return any(len(words) >= MIN_ECHO and len(words & said) >= NEAR_DUPLICATE * len(words) for words in asked)


def ungrounded(sentence: str, spec: SectionSpec, job: Prepared) -> list[str]:
    """Return the terms of a sentence of which too many stand neither in brief and evidence nor in the section's task.

    Terms that any proposal may use count on neither side. Having the terms does not make a sentence true: this finds
    what cannot rest on anything that the author gave.
    """
    language = job.request.brief.language
    task = [spec.heading_in(language), spec.guidance.in_(language) if spec.guidance else ""]
    said = terms(_unmarked(sentence)) - GENERIC
    foreign = said - job.topics - terms(" ".join(task))
    grounded = len(said) - len(foreign)
    return sorted(foreign) if len(foreign) >= MIN_FOREIGN and grounded < GROUNDED[language] * len(said) else []


def misplaced_figures(sentence: str, spec: SectionSpec, job: Prepared) -> list[str]:
    """Return the figures of a sentence that stand for something else than they measure, or for nothing that it names.

    A sentence that lists figures or cites other evidence than theirs is refused too. The judgement is that of the
    rewards (`rewards.analysis`); a fact that is left out for it is stated by the server.
    """
    statements = _analysed(sentence, spec, job).statements
    listing = ["lists figures" for statement in statements if statement.listing or statement.repeats]
    return (
        listing
        + unnamed_parameters(sentence, job)
        + [
            f"{figure.part.text} {figure.verdict} {figure.meaning}"
            for statement in statements
            for figure in statement.figures
            if figure.meaning in ("wrong", "unnamed") or figure.verdict == "miscited"
        ]
    )


def unnamed_parameters(sentence: str, job: Prepared) -> list[str]:
    """Return the brief's sums of money of which a sentence names nothing, and figures that it states twice.

    The rewards let an author tell figures of the brief in any words; a writer that puts one sum where another belongs
    is found by this only. A total is told by what pays it, so it needs no name. What is refused the server states.
    """
    brief = job.request.brief
    slots = [match[1] for match in SLOT.finditer(sentence)]
    said = terms(_unmarked(sentence))
    sums = {slot: brief.figures[slot[2:]] for slot in slots if slot.startswith("P.") and slot[2:] in brief.figures}
    topics = {slot: terms(one.label_in(brief.language)) for slot, one in sums.items() if is_currency(one.unit)}
    unnamed = [slot for slot, topic in topics.items() if topic and "=total" not in topic and topic.isdisjoint(said)]
    return [slot for slot, count in Counter(slots).items() if count > 1] + unnamed


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


def malformed(sentence: str) -> Iterator[str]:
    """Yield what keeps an English text from being a sentence of a proposal; Chinese text yields nothing."""
    patterns = (
        (_CUT_OFF, "cut off"),
        (_STUCK, "stuck on a word"),
        (_META, "addressed to the reader"),
        (_LOOSE_DATE, "a time without a slot"),
    )
    yield from (reason for pattern, reason in patterns if pattern.search(sentence))
    words = re.findall(r"[a-z]+", _unmarked(sentence).lower())
    if len(words) >= 8 and sum(word in _FUNCTION_WORDS for word in words) < len(words) * MIN_FUNCTION_WORDS:
        yield "no English prose"


def invented_names(sentence: str, job: Prepared) -> list[str]:
    """Return capitalised words inside the sentence that stand nowhere in the brief, the evidence or the template."""
    inside = _unmarked(sentence).partition(" ")[2]
    return [name for name in re.findall(r"\b[A-Z][A-Za-z]+", inside) if name.lower() not in job.names]


def _unmarked(sentence: str) -> str:
    return SLOT.sub("", MARK.sub("", sentence))


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


def repeats(sentence: str, others: Iterable[str]) -> bool:
    """Tell whether the sentence says nearly the same words as another one, or the same of the same figures."""
    words, figures, said = _word_set(sentence), SLOT.findall(sentence), terms(_unmarked(sentence))
    return bool(words) and any(
        _jaccard(words, _word_set(other)) >= NEAR_DUPLICATE
        or (
            len(said) >= MIN_SAID
            and figures == SLOT.findall(other)
            and _jaccard(said, terms(_unmarked(other))) >= SAME_TERMS
        )
        for other in others
    )


def _word_set(text: str) -> frozenset[str]:
    plain = MARK.sub("", text).lower()
    return frozenset(re.findall(r"[a-z]{2,}|[\u4e00-\u9fa5]{2}|\{\{[^{}]{1,160}\}\}", plain))


def _jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / len(a | b) if a and b else 0.0
