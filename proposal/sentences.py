"""Where sentences end, in English and Chinese.

A full stop ends a sentence unless it belongs to an abbreviation, a number, an initial or a list
marker; the masked text has already taken links and code out of the way. Markers that follow the
stop ("… rose. [E3]") stay with the sentence they support. A table row counts as one sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from proposal.inline import CITED
from proposal.parts import Block, Sentence, Table

_END = re.compile(
    r"[。！？；.!?\n](?:(?<=[。！？；])[。！？；”’」』）)\]*_]*"
    r"|(?<=[.!?])[.!?]*[\"”’)\]*_]*(?=[\s\x00-\x03]|[\u3400-\u9fff]|\Z)|(?<=[ ]{2}\n)|(?<=\\\n))"
)
_CITATIONS = re.compile(rf"[ ]?{CITED}(?:[ ]?{CITED})*(?P<stop>[.。])?")
_AFTER_CITATIONS = re.compile(r"\s*(?:[A-Z\"“\u3400-\u9fff]|\Z|\x00)|[ \t]*\n")
_NEXT = re.compile(r"[\s\"“(*_]*(\S?)(\S{0,12})")
_CONTENT = re.compile(r"[0-9A-Za-z\u00c0-\uffff\x01-\x03]")
# A comment or tag alone is nothing that a reader sees, so in HTML the filler does not count.
_WORDS = re.compile(r"[0-9A-Za-z\u00c0-\uffff\x02\x03]")
_LEAD = re.compile(r"[\s>]*")
_DOTTED = re.compile(r"(?:[A-Za-z]\.)+[A-Za-z]\Z|[A-Z]\Z")

# Abbreviations that never end a sentence, that sometimes do, and words that surely open one.
_INNER = """
e.g i.e eg ie vs cf approx ca est mr mrs ms dr prof st no nos nr fig figs sec sect art arts
eq ref refs vol pp op al dept gov min max incl excl resp viz ver v pt ch
"""
_EITHER = """
etc inc ltd corp co jr sr u.s u.k u.n e.u a.m p.m jan feb mar apr jun jul aug sep sept oct
nov dec llc
"""
_OPENERS = "the this that these those it we in a an if our as for on to however there they all"
_NEVER_LAST = frozenset(_INNER.split())
_SOMETIMES_LAST = frozenset(_EITHER.split())
_STARTERS = frozenset(_OPENERS.split())

_TEXT_KINDS = {"paragraph", "list_item", "quote", "html"}


def read_sentences(
    text: str, masked: str, *, blocks: tuple[Block, ...], tables: tuple[Table, ...]
) -> tuple[Sentence, ...]:
    """Return the sentences of all prose and the body rows of all tables, in order."""
    by_start = {table.start: table for table in tables}
    found: list[Sentence] = []
    for block in blocks:
        if block.kind in _TEXT_KINDS:
            content = _WORDS if block.kind == "html" else _CONTENT
            for start, end in _split(masked, block.start, block.end):
                if not content.search(masked, start, end):
                    continue
                found.append(Sentence(start, end, text[start:end], block.section, block.kind))
        elif block.kind == "table":
            for row in by_start[block.start].rows:
                if row:
                    start, end = row[0].start, row[-1].end
                    found.append(Sentence(start, end, text[start:end], block.section, "table_row"))
    return tuple(found)


def _split(masked: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    position = start
    for match in _END.finditer(masked, start, end):
        if match.start() < position or not _ends_sentence(masked, position, match, end):
            continue
        stop = _with_citations(masked, match.end(), end)
        yield from _trimmed(masked, position, stop)
        position = stop
    yield from _trimmed(masked, position, end)


def _trimmed(masked: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    lead = _LEAD.match(masked, start, end)
    start = lead.end() if lead else start
    while end > start and masked[end - 1] in " \t\r\n\\":
        end -= 1
    if start < end:
        yield start, end


def _ends_sentence(masked: str, start: int, match: re.Match[str], end: int) -> bool:
    mark = match[0]
    if mark[0] != ".":
        return mark[0] not in "!?" or not _goes_on(masked, match.end(), end)
    if len(mark) > 1 and mark[1] == ".":
        return not _goes_on(masked, match.end(), end)
    before = masked[max(start, match.start() - 16) : match.start()]
    words = before.split()
    word = words[-1].lstrip("(\"“'*_[").lower() if words and before[-1:].strip() else ""
    following = _NEXT.match(masked, match.end(), end)
    first, rest = (following[1], following[2]) if following else ("", "")
    if word in _NEVER_LAST:
        return not first or (word == "no" and not first.isdigit())
    if word in _SOMETIMES_LAST or _DOTTED.match(word.upper() if len(word) == 1 else word):
        return not first or (first + rest).rstrip(",").lower() in _STARTERS
    if word.isdigit() and len(word) <= 3 and not masked[start : match.start()].strip(" \n\t>*_" + word):
        return False
    return not first.islower()


def _goes_on(masked: str, position: int, end: int) -> bool:
    following = _NEXT.match(masked, position, end)
    return bool(following and following[1].islower())


def _with_citations(masked: str, position: int, end: int) -> int:
    """Move the end of a sentence behind markers that follow it and do not open the next."""
    match = _CITATIONS.match(masked, position, end)
    if not match:
        return position
    glued = masked[position] == CITED
    if glued or match["stop"] or _AFTER_CITATIONS.match(masked, match.end(), end):
        return match.end()
    return position
