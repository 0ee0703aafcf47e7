"""Characters that change what is read without being seen, and the folding that lets scanners ignore
them.

A number with a zero-width space inside is the same number to a reader, so scanners work on a copy
without such characters and every place is mapped back to the source. Width is folded by a table
that keeps the length (NFKC does not), so a full-width digit stays where it is.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import islice

from proposal.parts import Hidden, HiddenKind

_ZERO_WIDTH = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200d\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0"
)
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_TAGS = "\U000e0000-\U000e0fff"
_INVISIBLE = re.compile(f"[{_ZERO_WIDTH}{_BIDI}{_TAGS}]+")
_BIDI_SIGN = re.compile(f"[{_BIDI}]")
_TAG_SIGN = re.compile(f"[{_TAGS}]")
_JOINER = "\u200d"
_FIRST_EMOJI = 0x2190

MAX_RUNS = 1_000
"""Runs of invisible characters that are reported one by one."""

# Chinese sentence marks keep their meaning: '，' separates numbers, it never groups their digits.
_KEPT = "，；！？（）"
_FOLDED = {chr(0xFF01 + shift): chr(0x21 + shift) for shift in range(94) if chr(0xFF01 + shift) not in _KEPT}
_FOLDED |= {"￥": "¥"} | dict.fromkeys("\u00a0\u3000\u2009\u202f\u2007", " ") | dict.fromkeys("−‐‑", "-")
# A narrow space between digits groups them (45 000 printed with U+00A0); an underscore does the
# same in ASCII.
_GROUP_SPACE = re.compile("(?<=[0-9])[\u00a0\u2009\u202f\u2007](?=[0-9]{3}(?![0-9]))")
_FOLDABLE = re.compile(f"[{re.escape(''.join(_FOLDED))}]")


def fold_width(text: str) -> str:
    """Return `text` with full-width signs in their ASCII form, at the same offsets.

    >>> fold_width("４５％")
    '45%'
    """
    return text if text.isascii() else _FOLDABLE.sub(_folded, _GROUP_SPACE.sub("_", text))


def _folded(match: re.Match[str]) -> str:
    return _FOLDED[match[0]]


def find_invisible(text: str) -> list[Hidden]:
    """Return the runs of invisible characters; the joiners inside emoji and a leading byte-order
    mark are not.

    Beyond `MAX_RUNS` the last entry stands for all the rest.
    """
    if text.isascii():
        return []
    runs = (match for match in _INVISIBLE.finditer(text) if not _harmless(text, match))
    found = [Hidden(match.start(), match.end(), _kind(match[0])) for match in islice(runs, MAX_RUNS)]
    rest = next(runs, None)
    return [*found, Hidden(rest.start(), len(text), _kind(rest[0]))] if rest else found


def _kind(run: str) -> HiddenKind:
    if _TAG_SIGN.search(run):
        return "tag_characters"
    return "bidi" if _BIDI_SIGN.search(run) else "zero_width"


def _harmless(text: str, match: re.Match[str]) -> bool:
    if match[0] == "\ufeff" and match.start() == 0:
        return True
    if match[0] != _JOINER or not match.start() or match.end() == len(text):
        return False
    return ord(text[match.start() - 1]) >= _FIRST_EMOJI and ord(text[match.end()]) >= _FIRST_EMOJI


class SourceMap:
    """Maps places in the text without invisible characters (`clean`) back to the source."""

    def __init__(self, text: str) -> None:
        self._gaps: list[int] = []
        self._shifts: list[int] = [0]
        for match in _INVISIBLE.finditer(text):
            self._gaps.append(match.start() - self._shifts[-1])
            self._shifts.append(self._shifts[-1] + match.end() - match.start())
        self._length = len(text)
        self.clean = _INVISIBLE.sub("", text)

    def start(self, offset: int) -> int:
        """Return the source offset of the sign at `offset`."""
        return offset + self._shifts[bisect_right(self._gaps, offset)] if offset < len(self.clean) else self._length

    def end(self, offset: int) -> int:
        """Return the source offset just behind the sign before `offset`."""
        return self.start(offset - 1) + 1 if offset else 0
