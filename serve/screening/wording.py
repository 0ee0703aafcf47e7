"""What a sentence is made of: whether it is one, whether it is neutral, and whether its words were said before."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from proposal.document import parse
from proposal.slots import MARK, SLOT
from proposal.values import Language
from rewards.repetition import RUN, runs_of
from rewards.tone import NOT_NEUTRAL, sentence_severity
from rewards.wording import terms, tokens

NEAR_DUPLICATE = 0.8
"""Jaccard similarity of word sets from which two sentences count as one (`rewards.md`, 1.4)."""

SAME_TERMS, MIN_SAID = 0.7, 4
"""Share of common terms (stems without function words) from which two sentences say the same, and the least of them."""

SAID_BEFORE: Mapping[Language, tuple[float, int]] = {"en": (0.8, 4), "zh": (0.8, 8)}
"""Share of a sentence's terms, without those that name its figures, that one other sentence has, and the least of them.

A pair of Chinese characters is half an English term.
"""

RERUN, MIN_RERUN = 0.2, 3
"""Share of a sentence's runs of four words that stand there already from which it goes in circles, and the least."""

MIN_ECHO = 6
"""Words of an instruction from which having most of them is no chance."""

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


def malformed(sentence: str) -> Iterator[str]:
    """Yield what keeps an English text from being a sentence of a proposal; Chinese text yields nothing."""
    patterns = (
        (_CUT_OFF, "cut off"),
        (_STUCK, "stuck on a word"),
        (_META, "addressed to the reader"),
        (_LOOSE_DATE, "a time without a slot"),
    )
    yield from (reason for pattern, reason in patterns if pattern.search(sentence))
    words = re.findall(r"[a-z]+", unmarked(sentence).lower())
    if len(words) >= 8 and sum(word in _FUNCTION_WORDS for word in words) < len(words) * MIN_FUNCTION_WORDS:
        yield "no English prose"


def loaded(sentence: str) -> list[str]:
    """Return that a sentence is not neutral by the judgement of the rewards: lists of phrases and the classifier.

    The check for loaded wording knows the phrases only, since it also judges what people write.
    """
    return ["loaded"] if sentence_severity(unmarked(sentence)) >= NOT_NEUTRAL else []


def echoes(sentence: str, guidance: str) -> bool:
    """Tell whether a sentence says the task again: whether it has most words of one of the guidance's sentences."""
    said = _word_set(sentence)
    asked = [_word_set(one.text) for one in parse(guidance).sentences]
    return any(len(words) >= MIN_ECHO and len(words & said) >= NEAR_DUPLICATE * len(words) for words in asked)


def repeats(sentence: str, others: Iterable[str]) -> bool:
    """Tell whether the sentence says nearly the same words as another one, or the same of the same figures."""
    words, figures, said = _word_set(sentence), SLOT.findall(sentence), terms(unmarked(sentence))
    return bool(words) and any(
        _jaccard(words, _word_set(other)) >= NEAR_DUPLICATE
        or (
            len(said) >= MIN_SAID
            and figures == SLOT.findall(other)
            and _jaccard(said, terms(unmarked(other))) >= SAME_TERMS
        )
        for other in others
    )


def says_again(sentence: str, others: Iterable[str], labels: Mapping[str, frozenset[str]], language: Language) -> bool:
    """Tell whether another sentence has what this one says beside naming its figures.

    `labels` holds the terms that name the figure of each slot. A small model puts a figure into a sentence that stands
    there already, or says the author's ask again in a worse order; both have new words only for the figure.
    """
    share, least = SAID_BEFORE[language]
    said = terms(unmarked(sentence)).difference(*(labels.get(slot, frozenset()) for slot in SLOT.findall(sentence)))
    return len(said) >= least and any(len(said & terms(unmarked(other))) >= share * len(said) for other in others)


def reruns(sentence: str, others: Iterable[str], language: Language) -> bool:
    """Tell whether a sentence is put together from runs of words of the others.

    A small model circles: "… while temporarily increasing the value will help to … while temporarily increasing the
    value". Of 4,762 sentences of real proposals one in a hundred does.
    """
    said = runs_of(tokens(unmarked(sentence)), RUN[language])
    before = {run for other in others for run in runs_of(tokens(unmarked(other)), RUN[language])}
    again = sum(run in before for run in said)
    return again >= MIN_RERUN and again >= RERUN * len(said)


def unmarked(sentence: str) -> str:
    """Return a slotted sentence without its slots and citations."""
    return SLOT.sub("", MARK.sub("", sentence))


def _word_set(text: str) -> frozenset[str]:
    plain = MARK.sub("", text).lower()
    return frozenset(re.findall(r"[a-z]{2,}|[\u4e00-\u9fa5]{2}|\{\{[^{}]{1,160}\}\}", plain))


def _jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / len(a | b) if a and b else 0.0
