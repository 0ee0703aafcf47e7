"""What stands inside the blocks: citations, slots, links, addresses, hashes, comments, tags,
quotations.

The result also holds the *masked* text: as long as the source, with everything that is not prose
(code, link targets, hashes, markers) replaced by filler, so that the scanners for figures and
sentences need no exceptions. All patterns are bounded or stop at their own opening sign, so time
grows linearly with the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from proposal.parts import Address, Block, Citation, HashMention, Hidden, Link, Quote, Slot

GAP = "\x00"
"""Filler for what lies between blocks, and for whole blocks that are not prose."""
OPAQUE = "\x01"
"""Filler for code, link targets, hashes and tags inside prose."""
CITED = "\x02"
"""Filler for citation markers."""
FILLED = "\x03"
"""Filler for slots."""

_PROSE = {"paragraph", "list_item", "quote", "heading", "table", "html"}
_CODE_FENCE = re.compile(r"``*")
# Every alternative begins with a plain letter or sign, which lets the regex engine skip to the next
# candidate.
_URL = (
    r"[^\s<>\"'`\[\]{}()|，。；、）」』】“”\x00-\x03]{1,2000}"
    r"(?:\([^\s<>\"'`\[\]{}()|]{1,300}\)[^\s<>\"'`\[\]{}()|，。；、）」』】“”\x00-\x03]{0,2000})?"
)
_INLINE = re.compile(
    rf"""
    \{{\{{(?P<slot>[^{{}}\n]{{0,400}})\}}\}}
  | \[(?:\[(?P<double>E[0-9]{{1,4}})\]\]
        |(?P<cites>E[0-9]{{1,4}}(?:[ ]?[,;、，][ ]?E[0-9]{{1,4}}){{0,9}})\](?!\())
  | 【(?P<han>E[0-9]{{1,4}})】
  | \](?P<target>\((?:<(?P<angle>[^<>\n]{{0,2000}})>
        |(?P<plain>[^\s()<>]{{0,2000}}(?:\([^\s()<>]{{0,300}}\)[^\s()<>]{{0,300}}){{0,2}}))
        (?:[ \t\n]{{1,3}}(?P<title>"[^"\n]{{0,300}}"|'[^'\n]{{0,300}}'))?[ \t]{{0,3}}\))
  | <(?:(?P<auto>(?:https?|ipfs|mailto):[^\s<>]{{1,2000}})
        |(?P<tag>/?[A-Za-z][A-Za-z0-9-]{{0,20}}(?:[\s/][^<>]{{0,1000}})?))>
  | h(?P<http>ttps?://{_URL}) | H(?P<upper>TTPS?://{_URL}) | w(?P<www>ww\.{_URL}) | i(?P<ipfs>pfs://{_URL})
  | 0(?P<hex>[xX][0-9A-Za-z]+)
    """,
    re.VERBOSE,
)
_TAG_LINK = re.compile(r"""(?:src|href)\s{0,3}=\s{0,3}["']?([^\s"'<>]{1,1000})""")
_TRAILING = ".,;:!?*_~"
_HEX = re.compile(r"0x[0-9a-fA-F]+\Z")
_QUOTED = re.compile(
    r"“([^“”\x00]{1,2000})”|「([^「」\x00]{1,2000})」|『([^『』\x00]{1,2000})』"
    r"|«([^«»\x00]{1,2000})»|\"(?<![0-9A-Za-z=]\")(?=\S)([^\"\x00]{1,2000})\"(?![0-9A-Za-z])"
)
_DEFINITION = re.compile(r"\[([^\[\]\n]{1,300})\]:\s{0,5}<?([^\s<>]{0,2000})>?(.{0,500})")
_HEADING_NUMBER = re.compile(
    r"#{0,6}[ \t]*((?:[0-9]{1,3}[.):、:]|[0-9]{1,2}(?:\.[0-9]{1,2}){1,5}[.):]?)(?=\s|[^\x00-\x7f])"
    r"|[0-9]{1,2}(?=[ ]{1,3}[A-Z][a-z]))"
)


@dataclass(slots=True)
class Inline:
    """Inline parts of a text, each list in source order, and the masked text."""

    masked: str = ""
    citations: list[Citation] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    addresses: list[Address] = field(default_factory=list)
    hashes: list[HashMention] = field(default_factory=list)
    hidden: list[Hidden] = field(default_factory=list)
    quotes: list[Quote] = field(default_factory=list)


Region = tuple[int, int, str]


def read_inline(text: str, blocks: tuple[Block, ...]) -> Inline:
    """Scan the prose of `text` (width already folded); code and front matter are left alone."""
    found = Inline()
    masked = mask(text, _between(text, blocks))
    if "`" in masked:
        masked = mask(masked, list(_code_spans(masked, blocks)))
    if "<!--" in masked:
        comments = list(_comments(masked, blocks))
        found.hidden.extend(Hidden(start, end, "comment") for start, end, _ in comments)
        masked = mask(masked, comments)
    regions: list[Region] = []
    for match in _INLINE.finditer(masked):
        regions.append(_take(masked, match, found))
    found.masked = mask(masked, regions)
    for block in blocks:
        if block.kind == "definition":
            _take_definition(text, block, found)
        elif block.kind == "quote":
            found.quotes.append(Quote(block.start, block.end, text[block.start : block.end]))
    _take_quotes(text, found)
    found.hidden.sort(key=lambda part: part.start)
    found.links.sort(key=lambda part: part.start)
    return found


def mask(text: str, regions: Iterable[Region]) -> str:
    """Replace each region (in order, not overlapping) by its filler; the length stays the same."""
    pieces: list[str] = []
    position = 0
    for start, end, filler in regions:
        pieces += (text[position:start], filler * (end - start))
        position = end
    pieces.append(text[position:])
    return "".join(pieces)


def _between(text: str, blocks: tuple[Block, ...]) -> Iterator[Region]:
    """Return what is not prose: the stretches between blocks, blocks of code, and numbers of
    headings.
    """
    position = 0
    for block in blocks:
        if block.kind not in _PROSE:
            continue
        start = block.start
        if block.kind == "heading":
            number = _HEADING_NUMBER.match(text, block.start, block.end)
            start = number.end(1) if number else start
        yield position, start, GAP
        position = block.end
    yield position, len(text), GAP


def _code_spans(text: str, blocks: tuple[Block, ...]) -> Iterator[Region]:
    """Return code spans: a run of backticks up to the next run of the same length in the same
    block.
    """
    for block in blocks:
        runs = [(match.start(), match.end()) for match in _CODE_FENCE.finditer(text, block.start, block.end)]
        if len(runs) < 2:
            continue
        later: dict[int, list[int]] = {}
        for index in range(len(runs) - 1, -1, -1):
            later.setdefault(runs[index][1] - runs[index][0], []).append(index)
        index = 0
        while index < len(runs):
            start, end = runs[index]
            same = later[end - start]
            while same and same[-1] <= index:
                same.pop()
            if same:
                closing = same.pop()
                yield start, runs[closing][1], OPAQUE
                index = closing
            index += 1


def _comments(text: str, blocks: tuple[Block, ...]) -> Iterator[Region]:
    """Return HTML comments; one that is never closed hides the rest of its HTML block."""
    ends = {block.start: block.end for block in blocks if block.kind == "html"}
    position = text.find("<!--")
    while position >= 0:
        closing = text.find("-->", position + 4)
        if closing < 0:
            if position in ends:
                yield position, ends[position], OPAQUE
            return
        yield position, closing + 3, OPAQUE
        position = text.find("<!--", closing + 3)


def _take(text: str, match: re.Match[str], found: Inline) -> Region:
    """Record one inline part and return the region that it masks."""
    start, end = match.span()
    if match["slot"] is not None:
        found.slots.append(Slot(start, end, match["slot"].strip()))
        return start, end, FILLED
    cited = match["double"] or match["cites"] or match["han"]
    if cited:
        for identifier in re.finditer(r"E[0-9]{1,4}", cited):
            found.citations.append(Citation(start, end, identifier[0]))
        return start, end, CITED
    if match["target"]:
        _take_target(text, match, found)
    elif match["auto"]:
        found.links.append(Link(start, end, match["auto"], ""))
    elif match["tag"]:
        found.hidden.append(Hidden(start, end, "html_tag"))
        target = _TAG_LINK.search(match["tag"])
        if target:
            found.links.append(Link(start, end, target[1], ""))
    elif match["hex"]:
        _take_hex(match, found)
    else:
        end = start + len(match[0].rstrip(_TRAILING))
        found.links.append(Link(start, end, text[start:end], ""))
    return start, end, OPAQUE


def _take_target(text: str, match: re.Match[str], found: Inline) -> None:
    close = match.start()
    url = match["angle"] if match["angle"] is not None else match["plain"]
    previous = found.links[-1] if found.links else None
    if previous is not None and previous.end == close and text[previous.start - 1 : previous.start] == "[":
        # A picture that is itself a link: [![name](picture)](target).
        found.links.append(Link(previous.start - 1, match.end(), url, previous.text))
    else:
        opening = text.rfind("[", max(0, close - 500), close)
        if opening >= 0 and GAP not in text[opening:close]:
            start = opening - 1 if text[opening - 1 : opening] == "!" else opening
            found.links.append(Link(start, match.end(), url, text[opening + 1 : close]))
    if match["title"]:
        found.hidden.append(Hidden(match.start("title"), match.end("title"), "link_title"))


def _take_hex(match: re.Match[str], found: Inline) -> None:
    digits = match[0]
    if _HEX.match(digits):
        if len(digits) == 42:
            found.addresses.append(Address(match.start(), match.end(), digits))
        elif len(digits) == 66:
            found.hashes.append(HashMention(match.start(), match.end(), digits))


def _take_definition(text: str, block: Block, found: Inline) -> None:
    """Record the links of a definition block; `[//]: # (text)` is a comment in disguise."""
    for match in _DEFINITION.finditer(text, block.start, block.end):
        label, url = match[1], match[2]
        if url in {"#", ""}:
            found.hidden.append(Hidden(match.start(), match.end(), "comment"))
        else:
            found.links.append(Link(match.start(), match.end(), url, label))


def _take_quotes(text: str, found: Inline) -> None:
    for match in _QUOTED.finditer(found.masked):
        group = match.lastindex or 0
        start, end = match.span(group)
        found.quotes.append(Quote(start, end, text[start:end]))
    found.quotes.sort(key=lambda part: part.start)
