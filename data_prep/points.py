"""The author's points: what a section is about in bare words, so that a writer has the matter without the sentences.

A word with a digit is none of them as a whole: "HIP-51" would leave "HIP-", and an address its letters. A sentence that
leaves too few words makes no point.
"""

from __future__ import annotations

import re

from proposal.document import parse

MAX_SENTENCES = 8
MAX_POINT_WORDS = 9
MIN_POINT_WORDS = 3
"""Fewest words of a point: fewer are what is left of a heading, or of a sentence that lost its figures."""

MAX_POINTS = 1_200
"""Characters of the points of one section."""

STOP = frozenset(
    "a an the of to in on at by for and or with that which from as is are be been was were will would shall should "  # noqa: SIM905
    "this these those it its their our we they have has had not no can could may might must into than then also any all"
    "".split()
)
"""Words that tell of no matter."""

_WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|['’-](?=[^\W\d_])){0,30}")
_MARKS = re.compile(r"&(?:[a-z]+|#\d+);|\\[A-Za-z]+")


def points(prose: str) -> str:
    """Return the points of a section's prose, a sentence each; empty where no sentence makes one.

    >>> points("The council of HIP-51 replaced the old committee. See HIP-52.")
    'council replaced old committee'
    """
    made = [_point(sentence.text) for sentence in parse(prose).sentences[:MAX_SENTENCES]]
    kept: list[str] = []
    for point in dict.fromkeys(filter(None, made)):
        if len("; ".join([*kept, point])) > MAX_POINTS:
            break
        kept.append(point)
    return "; ".join(kept)


def _point(sentence: str) -> str:
    words = [word for word in _words(sentence) if word.lower() not in STOP and len(word) > 2]
    told = list(dict.fromkeys(words[:MAX_POINT_WORDS]))
    return " ".join(told) if len(told) >= MIN_POINT_WORDS else ""


def _words(sentence: str) -> list[str]:
    """Return the whole words of a sentence; what is left of a token with a digit is none, nor are marks of a page."""
    tokens = [token for token in _MARKS.sub(" ", sentence).split() if not any(map(str.isdigit, token))]
    return [match[0] for token in tokens for match in _WORD.finditer(token)]
