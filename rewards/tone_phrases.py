"""The wording that the reward on tone notices beyond what `proposal.checks` reports to people.

A reward may see more than a linter may complain about: a run of idioms costs a draft some of its reward, but nobody
wants a warning for each. The lists are `tone_phrases_en.yaml` and `tone_phrases_zh.yaml`, in the language of phrases of
`proposal.checks.phrases`. Chinese has no spaces, so its phrases are found by their first two characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

from proposal.checks.phrases import Phrase, PhraseBook, fold

FOLDER = Path(__file__).parent
FILES = {language: FOLDER / f"tone_phrases_{language}.yaml" for language in ("en", "zh")}

_GAP = "[^。!?;\n]{0,12}?"
_NEARBY = 24
"""How far around a hit an exception may begin."""


@dataclass(frozen=True, slots=True)
class Wording:
    """A group of phrases: what a reason calls them, what one weighs, and what makes the same words harmless."""

    says: str
    weight: float
    phrases: tuple[str, ...]
    unless: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WordingHit:
    """A phrase found in a folded text."""

    start: int
    end: int
    wording: Wording


@lru_cache(maxsize=2)
def wordings(language: str) -> tuple[Wording, ...]:
    """Return the groups of one language."""
    data = yaml.safe_load(FILES[language].read_text(encoding="utf-8"))
    return tuple(
        Wording(
            entry["says"],
            float(entry["weight"]),
            (*_forms(entry.get("words", "").split(), language), *map(str, entry.get("phrases", ()))),
            tuple(map(str, entry.get("unless", ()))),
        )
        for entry in data
    )


def _forms(words: list[str], language: str) -> Iterator[str]:
    """Yield the words with the endings they may take; an ending that makes no word is never found either."""
    for word in words:
        yield word
        if language == "en" and len(word) > 4 and word.isalpha():
            stem = word[:-1] if word.endswith("e") else word
            yield from (word + "s", word + "ly", stem + "ed", stem + "ing")


@lru_cache(maxsize=1)
def _english() -> PhraseBook:
    return PhraseBook(
        Phrase(str(place), text, wording.unless)
        for place, wording in enumerate(wordings("en"))
        for text in wording.phrases
    )


@dataclass(frozen=True, slots=True)
class _Entry:
    text: str
    wording: Wording

    @property
    def pattern(self) -> re.Pattern[str]:
        """The phrase's pattern, compiled when a text first has its beginning: most phrases are never met."""
        return _compiled(self.text)


@lru_cache(maxsize=1)
def _chinese() -> dict[str, tuple[_Entry, ...]]:
    """Index the Chinese phrases by the first two characters they can begin with."""
    index: dict[str, list[_Entry]] = {}
    for wording in wordings("zh"):
        for text in dict.fromkeys(wording.phrases):
            entry = _Entry(text, wording)
            for key in dict.fromkeys(_beginnings(_places(text))):
                index.setdefault(key, []).append(entry)
    return {key: tuple(entries) for key, entries in index.items()}


def _places(phrase: str) -> list[list[str]]:
    return [place.split("|") for place in fold(phrase).split()]


@lru_cache(maxsize=20_000)
def _compiled(phrase: str) -> re.Pattern[str]:
    parts = []
    for words in _places(phrase):
        longest_first = sorted(words, key=lambda word: (-len(word), word))
        parts.append(_GAP if words == ["*"] else "(?:" + "|".join(map(re.escape, longest_first)) + ")")
    return re.compile("".join(parts))


def _beginnings(places: list[list[str]]) -> Iterator[str]:
    """Yield the first two characters of every text the phrase can begin with; one where a gap follows it."""
    for first in places[0]:
        if len(first) > 1 or len(places) == 1 or places[1] == ["*"]:
            yield first[:2]
        else:
            yield from (first + second[:1] for second in places[1])


def english_hits(folded: str) -> Iterator[WordingHit]:
    """Yield the English phrases in a folded text."""
    groups = wordings("en")
    for hit in _english().find(folded):
        yield WordingHit(hit.start, hit.end, groups[int(hit.phrase.tag)])


def chinese_hits(folded: str) -> Iterator[WordingHit]:
    """Yield the Chinese phrases in a folded text; of those that begin together and mean the same, the longest."""
    index = _chinese()
    for place, pair in enumerate(map(str.__add__, folded, folded[1:])):
        entries = index.get(pair, ()) + index.get(pair[0], ()) if pair in index or pair[0] in index else ()
        best: dict[str, WordingHit] = {}
        for entry in entries:
            match = entry.pattern.match(folded, place)
            if match is None or _is_excepted(entry, folded, place, match.end()):
                continue
            known = best.get(entry.wording.says)
            if known is None or known.end < match.end():
                best[entry.wording.says] = WordingHit(place, match.end(), entry.wording)
        yield from best.values()


def _is_excepted(entry: _Entry, folded: str, start: int, end: int) -> bool:
    return any(
        found.start() < end and found.end() > start
        for text in entry.wording.unless
        for found in _compiled(text).finditer(folded, max(0, start - _NEARBY), end + _NEARBY)
    )
