"""The light tone classifier: hashed words, their beginnings and pairs, with one signed byte of weight each.

It finds loaded wording that no phrase list names ("a dazzling feat of vision"). It only speaks when it is sure,
because a wrong finding on plain governance prose costs more trust than a missed one. Weights are committed with the
record of their training (`rewards/tone_model.json`); nothing here needs numpy, and the same text gives the same number
everywhere.
"""

from __future__ import annotations

import json
import math
import re
import sys
import zipfile
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise, repeat
from pathlib import Path
from zlib import crc32

from rewards.wording import kept_signs, split_ascii

SURE = 0.8
"""Probability from which the classifier speaks."""
LOWEST_WEIGHT, HIGHEST_WEIGHT = 0.25, 0.5
"""What it says weighs as much as a judging adverb, at most as much as a loaded phrase."""

FOLDER = Path(__file__).parent
WEIGHTS, RECORD = FOLDER / "tone_model.npz", FOLDER / "tone_model.json"

_MAX_REMEMBERED = 60_000
_MAX_SENTENCES = 8_000
"""Sentences remembered: completions of one prompt share many of theirs."""
_WORD = re.compile(r"[a-z]+(?:['’-][a-z]+){0,3}")
_WORDS_ALONE = kept_signs("'-")
_HAN_RUN = re.compile(r"[\u3400-\u9fff]{1,200}")
_SPOKEN = frozenset("你您咱俺吧呢啊嘛呀哦哈吗谁啧哪")
_HAN = re.compile(r"[\u3400-\u9fff]")


def bucket(feature: str) -> int:
    """Return the place of a feature's weight; CRC-32 is the same on every machine and in every process."""
    return crc32(_bytes(feature))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", errors="replace")


def word_features(word: str) -> Iterator[str]:
    """Yield an English word and its beginnings, which its other forms share (glory, glorious, gloriously)."""
    yield "w" + word
    for length in (5, 7):
        if len(word) >= length:
            yield "b" + word[:length]


def han_features(run: str) -> Iterator[str]:
    """Yield runs of two to four characters of a stretch of Chinese, and the particles of spoken language in it."""
    for sign in run:
        if sign in _SPOKEN:
            yield "s" + sign
    for size in (2, 3, 4):
        for start in range(len(run) - size + 1):
            yield "h" + run[start : start + size]


def features(text: str) -> dict[int, int]:
    """Return the places of all features of a sentence, each once, with how many features share the place."""
    found = _english(text.lower()) + _chinese(text)
    places: dict[int, int] = {}
    for feature in dict.fromkeys(found):
        place = bucket(feature)
        places[place] = places.get(place, 0) + 1
    return places


def _english(text: str) -> list[str]:
    words = _words(text)
    pairs = ["p" + left + " " + right for left, right in pairwise(words)]
    return [*pairs, *(feature for word in dict.fromkeys(words) for feature in word_features(word))]


def _words(text: str) -> list[str]:
    """Return the English words of a text; splitting a plain one at blanks is many times as fast as the pattern."""
    if not text.isascii():
        return _WORD.findall(text.lower())
    pieces = split_ascii(text, _WORDS_ALONE)
    if all(map(str.isalpha, pieces)):
        return pieces
    words: list[str] = []
    for piece in pieces:
        if piece.isalpha():
            words.append(piece)
        else:
            words += _WORD.findall(piece)
    return words


def _chinese(text: str) -> list[str]:
    if text.isascii():
        return []
    return [feature for run in _HAN_RUN.findall(text) for feature in han_features(run)]


@dataclass(frozen=True)
class ToneModel:
    """Weights with their scale, and per language the line that turns a sum into a probability."""

    weights: dict[int, int]
    scale: float
    lines: dict[str, tuple[float, float]]
    _sentences: dict[str, float] = field(default_factory=dict, repr=False, compare=False)
    _words: dict[str, int] = field(default_factory=dict, repr=False, compare=False)
    _ends: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)
    _starts: dict[str, int] = field(default_factory=dict, repr=False, compare=False)

    def probability(self, sentence: str) -> float:
        """Return how sure the classifier is that a sentence is not neutral."""
        slope, offset = self.lines["zh" if not sentence.isascii() and _HAN.search(sentence) else "en"]
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, slope * self.sum(sentence) + offset))))

    def weight(self, sentence: str) -> float:
        """Return what the sentence weighs as a tone hit: 0 unless the classifier is sure."""
        known = self._sentences.get(sentence)
        if known is None:
            if len(self._sentences) > _MAX_SENTENCES:
                self._sentences.clear()
            sure = self.probability(sentence)
            share = (HIGHEST_WEIGHT - LOWEST_WEIGHT) * (sure - SURE) / (1 - SURE)
            known = self._sentences[sentence] = 0.0 if sure < SURE else LOWEST_WEIGHT + share
        return known

    def sum(self, sentence: str) -> float:
        """Return the sum of the weights; words are remembered, because texts share most of theirs."""
        words = _words(sentence)
        each = set(words)
        self._remember(each)
        # Pairs are too many to remember: CRC-32 goes on from what the first word of a pair has given. Two pairs of one
        # sentence at the same place count once, where `features` counts two: one case in thousands of millions.
        pairs = set(map(crc32, map(self._ends.__getitem__, words[1:]), map(self._starts.__getitem__, words)))
        total = sum(map(self._words.__getitem__, each)) + sum(map(self.weights.get, pairs, repeat(0)))
        if not sentence.isascii():
            total += sum(self.weights.get(bucket(feature), 0) for feature in dict.fromkeys(_chinese(sentence)))
        return total * self.scale

    def _remember(self, words: set[str]) -> None:
        """Work out, for words not met before, what they weigh and what they give to the places of pairs."""
        if len(self._words) > _MAX_REMEMBERED:
            self._words.clear()
            self._ends.clear()
            self._starts.clear()
        for word in words.difference(self._words):
            self._words[word] = sum(self.weights.get(bucket(feature), 0) for feature in word_features(word))
            self._ends[word] = _bytes(word)
            self._starts[word] = bucket("p" + word + " ")


@lru_cache(maxsize=1)
def load_tone_model() -> ToneModel:
    """Return the committed classifier."""
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    with zipfile.ZipFile(WEIGHTS) as archive:
        places = _read_array(archive.read("places.npy"), "I")
        weights = _read_array(archive.read("weights.npy"), "b")
    lines = {language: (line["slope"], line["offset"]) for language, line in record["lines"].items()}
    return ToneModel(dict(zip(places, weights, strict=True)), record["scale"], lines)


def _read_array(data: bytes, code: str) -> array[int]:
    """Read a one-dimensional array of integers in the .npy format (version 1), which numpy reads as well."""
    header_length = int.from_bytes(data[8:10], "little")
    found: array[int] = array(code, data[10 + header_length :])
    if sys.byteorder == "big":
        found.byteswap()
    return found


def write_weights(weights: dict[int, int], path: Path) -> None:
    """Write the weights as .npz with fixed dates, so that equal weights give equal bytes."""
    places = sorted(weights)
    values_of = array("b", [weights[place] for place in places])
    arrays: dict[str, tuple[str, array[int]]] = {
        "places.npy": ("<u4", array("I", places)),
        "weights.npy": ("|i1", values_of),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, (kind, values) in arrays.items():
            header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': ({len(values)},), }}"
            padded = header + " " * (-(10 + len(header) + 1) % 64) + "\n"
            data = b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded.encode() + values.tobytes()
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED, 9)
