"""A small phrase language and an index that finds thousands of phrases in one pass over a text.

Lexicons and a DAO's forbidden clauses are written by people who do not write regular expressions, so they write
phrases: words in order, `a|b` for one of several words, `a_b` for two words in the place of one, `*` for a short gap.
The text is tokenised once and each pair of words looks up only the phrases that begin with it: cost grows with the
text, not with the lexicon.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

_UPPER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_FULL_WIDTH |= {code: code - 0xFEE0 + 32 for code in range(0xFF21, 0xFF3B)}
_FOLD = _UPPER | {0x2019: "'", 0x2018: "'", 0xA0: " ", 0x2011: "-", 0x2010: "-", 0x3000: " "}
_FOLD_WIDTH = _FOLD | _FULL_WIDTH

_BLANK = bytes(code if chr(code) in "abcdefghijklmnopqrstuvwxyz0123456789$%'" else 32 for code in range(256))
_OPENING = re.compile(r"(?<= )'+")
_HAN = re.compile(r"[\u3400-\u9fff]")
_JOIN = r"[ \t\r\n*_>-]{1,6}"
"""What may stand between two words of a phrase: space, a line break, Markdown emphasis, a hyphen."""
_GAP = r"(?:[a-z0-9$%'’,]{1,24}" + _JOIN + r"){0,4}?"
_HAN_GAP = r"[^。！？；\n]{0,12}?"
_NEARBY = 80
"""How far around a hit an exception may begin: longer than any phrase of the lexicons."""


def fold(text: str) -> str:
    """Return the text in the form phrases are matched in: lower case, plain apostrophes, the same length.

    >>> fold("It’s ＯＫ。")
    "it's ok。"
    """
    return text.translate(_FOLD if text.isascii() else _FOLD_WIDTH)


def _words_alone(folded: str) -> str:
    """Return a folded text with a space before it and for every sign outside its words, so that `f" {word} "` stands
    at the place of the word; a word begins with a letter, a digit, $ or %.

    >>> _words_alone("it's 'so' – ok")
    " it's  so'   ok "
    """
    spaced = f" {folded} ".encode("ascii", "replace").translate(_BLANK).decode("ascii")
    return _OPENING.sub(lambda match: " " * len(match[0]), spaced) if " '" in spaced else spaced


def has_han(text: str) -> bool:
    """Tell whether the text has any Chinese character."""
    return _HAN.search(text) is not None


@dataclass(frozen=True, slots=True)
class Phrase:
    """One phrase with what it stands for; `unless` lists phrases that make the same words harmless."""

    tag: str
    text: str
    unless: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PhraseHit:
    """A phrase found in a text."""

    phrase: Phrase
    start: int
    end: int


class _Entry:
    """A phrase with its patterns, compiled when a text first has its beginning: most phrases are never met."""

    __slots__ = ("_exceptions", "_pattern", "phrase")

    def __init__(self, phrase: Phrase) -> None:
        self.phrase = phrase
        self._pattern: re.Pattern[str] | None = None
        self._exceptions: tuple[re.Pattern[str], ...] | None = None

    @property
    def pattern(self) -> re.Pattern[str]:
        if self._pattern is None:
            self._pattern = _compile(self.phrase.text)
        return self._pattern

    @property
    def exceptions(self) -> tuple[re.Pattern[str], ...]:
        if self._exceptions is None:
            self._exceptions = tuple(map(_compile, self.phrase.unless))
        return self._exceptions


_ANY = ""
"""Stands in the index for a second word that may be anything."""

_NONE: dict[str, list[_Entry]] = {}


class PhraseBook:
    """An index of phrases; `find` reports every one that stands in a folded text."""

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        self.phrases = tuple(phrases)

    @cached_property
    def _by_words(self) -> dict[str, dict[str, list[_Entry]]]:
        """Index the phrases by their first word (or Chinese character), and under it by their second."""
        index: dict[str, dict[str, list[_Entry]]] = {}
        for phrase in self.phrases:
            entry = _Entry(phrase)
            for first, second in dict.fromkeys(_beginnings(phrase.text)):
                index.setdefault(first, {}).setdefault(second, []).append(entry)
        return index

    @cached_property
    def _han_first(self) -> re.Pattern[str] | None:
        keys = sorted(key for key in self._by_words if _HAN.match(key))
        return re.compile("[" + "".join(keys) + "]") if keys else None

    def find(self, folded: str) -> list[PhraseHit]:
        """Return the hits in order of place; of two that begin together the longer one stays."""
        best: dict[tuple[str, int], PhraseHit] = {}
        for entry, at in self._candidates(folded):
            match = entry.pattern.match(folded, at)
            if match is None or (entry.phrase.unless and _excepted(entry, folded, match.start(), match.end())):
                continue
            key = (entry.phrase.tag, at)
            known = best.get(key)
            if known is None or known.end < match.end():
                best[key] = PhraseHit(entry.phrase, match.start(), match.end())
        return sorted(best.values(), key=lambda hit: (hit.start, hit.end))

    def _candidates(self, folded: str) -> Iterator[tuple[_Entry, int]]:
        index = self._by_words
        spaced = _words_alone(folded)
        start, seconds = -1, _NONE
        for word in spaced.split():
            if word in seconds:
                for entry in seconds[word]:
                    yield entry, start
            seconds = index.get(word, _NONE)
            if seconds:
                # Every word of the index is met in order, so the next place of this one is its place.
                start = spaced.find(f" {word} ", start + 1)
                for entry in seconds.get(_ANY, ()):
                    yield entry, start
        if self._han_first is not None and not folded.isascii():
            for character in self._han_first.finditer(folded):
                for entry in index[character.group()].get(_ANY, ()):
                    yield entry, character.start()


def _excepted(entry: _Entry, folded: str, start: int, end: int) -> bool:
    """Tell whether an exception covers the hit or part of it."""
    low, high = max(0, start - _NEARBY), end + _NEARBY
    return any(
        found.start() < end and found.end() > start
        for pattern in entry.exceptions
        for found in pattern.finditer(folded, low, high)
    )


def _places(phrase: str) -> list[list[list[str]]]:
    """Split a phrase into places, each a list of alternatives, each a list of words."""
    return [[re.split(r"[_-]", word) for word in place.split("|")] for place in fold(phrase).split()]


def _beginnings(phrase: str) -> Iterator[tuple[str, str]]:
    """Yield the pairs of words a phrase can begin with; the second is `_ANY` where a gap or nothing follows."""
    first, *rest = _places(phrase)
    seconds = [_ANY]
    if rest and rest[0] != [["*"]] and not has_han(phrase):
        seconds = [words[0] for words in rest[0]]
    for words in first:
        if has_han(words[0]):
            yield words[0][0], _ANY
        elif len(words) > 1:
            yield words[0], words[1]
        else:
            for second in seconds:
                yield words[0], second


@lru_cache(maxsize=20_000)
def _compile(phrase: str) -> re.Pattern[str]:
    """Turn a phrase into a pattern whose every repetition is bounded.

    >>> bool(_compile("guaranteed return|profit").match("guaranteed **profit**"))
    True
    >>> bool(_compile("必将 上涨|暴涨").match("必将暴涨"))
    True
    """
    places = _places(phrase)
    if has_han(phrase):
        return re.compile("".join(_HAN_GAP if place == [["*"]] else _alternatives(place, "") for place in places))
    pattern, glue = "", ""
    for place in places:
        pattern += glue + (_GAP if place == [["*"]] else _alternatives(place, _JOIN))
        glue = "" if place == [["*"]] else _JOIN
    return re.compile(r"(?<![a-z0-9])" + pattern + r"(?![a-z0-9])")


def _alternatives(place: Sequence[Sequence[str]], join: str) -> str:
    words = [join.join(map(re.escape, parts)) for parts in sorted(place, key=lambda parts: -len("".join(parts)))]
    return words[0] if len(words) == 1 else "(?:" + "|".join(words) + ")"


class Spans:
    """Spans that never overlap, asked often whether they cover a place."""

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        merged: list[tuple[int, int]] = []
        for start, end in sorted(spans):
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], end))
            else:
                merged.append((start, end))
        self._starts = [start for start, _ in merged]
        self._ends = [end for _, end in merged]

    def covers(self, place: int) -> bool:
        """Tell whether the place lies inside one of the spans."""
        at = bisect_right(self._starts, place) - 1
        return at >= 0 and place < self._ends[at]
