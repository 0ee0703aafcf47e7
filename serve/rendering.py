"""Draft text as safe HTML, with each finding marked where it stands.

Marks are put in while the parsed text is written out, between two characters of running text: never
into the Markdown source, where a mark could break a heading, a table or a link, and never across a
block. A place that is not running text (the `##` of a heading, a link's address) carries no mark;
its finding still stands in the list.

The text comes from a model that read strangers' forum posts. No HTML of it survives, no image is
loaded, and a link is one only when its address is an evidence item's own; any other is shown as
text with its host.
"""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup
from mdit_py_plugins.front_matter import front_matter_plugin

from proposal.findings import Finding

_MARKDOWN = (
    MarkdownIt("commonmark", {"html": False})
    .enable(["table", "strikethrough"])
    .disable(["image", "text_join"])
    .use(front_matter_plugin)
)
_TAGS = {
    *("p", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "hr", "br"),
    *("ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td"),
    *("a", "code", "strong", "em", "s", "mark", "span"),
}
_ATTRIBUTES = {
    "a": {"href", "class", "aria-label"},
    "mark": {"class", "id", "title"},
    "span": {"class", "id"},
    "pre": {"class"},
    "ol": {"start"},
    **{f"h{level}": {"id"} for level in range(2, 7)},
}
_CITATION = re.compile(r"\[(E[1-9][0-9]{0,2})\]")
_HALVES = re.compile("[\ud800-\udfff]")
_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_WEIGHT = {"error": 2, "warning": 1, "info": 0}
_SEARCH_WINDOW = 4_000


@dataclass(frozen=True, slots=True)
class Rendered:
    """A draft's title and body as HTML; `marked` numbers the findings that have a mark in them."""

    title: Markup
    body: Markup
    marked: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Mark:
    number: int
    finding: Finding


@dataclass(slots=True)
class _Piece:
    """A run of characters under the same marks; `refs` are the findings that end with it."""

    text: str
    marks: tuple[_Mark, ...] = ()
    cites: str = ""
    code: bool = False
    starts: list[_Mark] = field(default_factory=list)
    refs: list[_Mark] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    text: str


@dataclass(frozen=True, slots=True)
class References:
    """What the text may point to: evidence ids on the page, and addresses that may be links."""

    ids: Collection[str] = ()
    urls: Collection[str] = ()


def render(text: str, *, findings: Sequence[Finding] = (), to: References) -> Rendered:
    """Return the text as HTML; findings are numbered from 1 in the order given."""
    text = _HALVES.sub("\N{REPLACEMENT CHARACTER}", text)  # half a character has no bytes
    marks = [_Mark(number, finding) for number, finding in enumerate(findings, start=1)]
    writer = _Writer(text, [mark for mark in marks if mark.finding.start < mark.finding.end], to)
    tokens = _MARKDOWN.parse(text)
    pieces = [writer.read(token) for token in tokens]
    _place_references(pieces)
    title: list[str] = []
    body: list[str] = []
    for token, found in zip(tokens, pieces, strict=True):
        in_title = writer.is_title(token)
        (title if in_title else body).append(writer.write(token, found, title=in_title))
    marked = frozenset(mark.number for found in pieces for _, piece in found if piece for mark in piece.refs)
    return Rendered(_clean("".join(title)), _clean("".join(body)), marked)


def _clean(markup: str) -> Markup:
    """Allow only what we write ourselves; what the renderer escaped stays escaped."""
    return Markup(
        nh3.clean(
            markup,
            tags=_TAGS,
            attributes=_ATTRIBUTES,
            url_schemes={"http", "https"},
            link_rel="noopener noreferrer nofollow ugc",
        )
    )


_Read = list[tuple[Token, _Piece | None]]


class _Writer:
    """One rendering: knows where each character of running text stands in the source."""

    def __init__(self, text: str, marks: Sequence[_Mark], to: References) -> None:
        self._lines = [_Line(found.start(), found.group().rstrip("\r\n")) for found in _LINES.finditer(text)]
        self._marks = sorted(marks, key=lambda mark: mark.finding.start)
        self._ids = to.ids
        self._urls = {_MARKDOWN.normalizeLink(url) for url in to.urls}
        self._cells: dict[int, int] = {}
        self._title: tuple[Token, ...] | None = None
        self._headings = 0
        self._previous: Token | None = None

    # Reading: which source characters a token shows

    def read(self, token: Token) -> _Read:
        """Return the parts of a block token, text as pieces cut at marks and citations."""
        if self._title is None and token.type == "inline" and self._previous and self._previous.tag == "h1":
            self._title = (self._previous, token)
        self._previous = token
        if token.type == "inline":
            return list(self._read_inline(token))
        if token.type in {"fence", "code_block", "front_matter"}:
            return [(token, piece) for piece in self._read_code(token)]
        return [(token, None)]

    def is_title(self, token: Token) -> bool:
        """Tell whether the token belongs to the first heading of level 1, which the page shows
        above the text.
        """
        if self._title is None:
            return False
        if token is self._title[0] or token is self._title[1]:
            return True
        if token.type == "heading_close" and len(self._title) == 2:
            self._title = (*self._title, token)
        return len(self._title) > 2 and token is self._title[2]

    def _read_inline(self, token: Token) -> Iterator[tuple[Token, _Piece | None]]:
        places = self._places(token)
        cursor, in_link = 0, 0
        for child in token.children or []:
            if child.type == "link_open":
                in_link += 1
            elif child.type == "link_close":
                in_link -= 1
                cursor = _behind_link(token.content, cursor, child)
            raw = _raw(child)
            if not raw:
                yield child, None
                continue
            found = token.content.find(raw, cursor, cursor + len(raw) + _SEARCH_WINDOW)
            start = _source_of(places, found) if found >= 0 else None
            cursor = found + len(raw) if found >= 0 else cursor
            for piece in self._cut(child, start, citable=not in_link and child.type == "text"):
                yield child, piece

    def _places(self, token: Token) -> list[tuple[int, int]]:
        """Return pairs (offset in the token's content, offset in the source), one for each line
        that is found.
        """
        first = token.map[0] if token.map else 0
        places, offset = [], 0
        for index, content in enumerate(token.content.split("\n"), start=first):
            if index < len(self._lines):
                line = self._lines[index]
                at = line.text.find(content.rstrip(), self._cells.get(index, 0))
                if at >= 0:
                    places.append((offset, line.start + at))
                    self._cells[index] = at + len(content.rstrip())
            offset += len(content) + 1
        return places

    def _read_code(self, token: Token) -> Iterator[_Piece]:
        first = (token.map[0] if token.map else 0) + (token.type != "code_block")
        for index, content in enumerate(token.content.splitlines(), start=first):
            start = None
            if index < len(self._lines) and (at := self._lines[index].text.find(content)) >= 0:
                start = self._lines[index].start + at
            yield from self._cut(Token("text", "", 0, content=content), start, citable=False)
            yield _Piece("\n")

    def _cut(self, token: Token, start: int | None, *, citable: bool) -> Iterator[_Piece]:
        """Cut shown text at the edges of marks and citations; `start` is its place in the source,
        if known.
        """
        text, code = token.content, token.type == "code_inline"
        if start is None or token.type == "text_special":
            marks = () if start is None else self._over(start, start + len(token.markup))
            yield _Piece(text, marks, code=code)
            return
        edges = {0, len(text)}
        for mark in self._over(start, start + len(text)):
            edges |= {mark.finding.start - start, mark.finding.end - start}
        cites = {}
        for found in _CITATION.finditer(text) if citable else ():
            if found.group(1) in self._ids:
                edges = {edge for edge in edges if not found.start() < edge < found.end()}
                edges |= {found.start(), found.end()}
                cites[found.start()] = found.group(1)
        cuts = sorted(edge for edge in edges if 0 <= edge <= len(text))
        for left, right in itertools.pairwise(cuts):
            marks = self._over(start + left, start + right)
            yield _Piece(text[left:right], marks, cites.get(left, ""), code)

    def _over(self, start: int, end: int) -> tuple[_Mark, ...]:
        return tuple(mark for mark in self._marks if mark.finding.start < end and mark.finding.end > start)

    # Writing

    def write(self, token: Token, parts: _Read, *, title: bool) -> str:
        """Return the HTML of one block token."""
        if token.type == "inline":
            return self._write_inline(parts)
        if token.type in {"fence", "code_block", "front_matter"}:
            shown = "".join(_markup(piece) for _, piece in parts if piece)
            kind = ' class="front-matter"' if token.type == "front_matter" else ""
            return f"<pre{kind}><code>{shown}</code></pre>"
        if title:
            return ""
        if token.type == "heading_open":
            self._headings += 1
            return f'<{_heading(token.tag)} id="s-{self._headings}">'
        if token.type == "heading_close":
            return f"</{_heading(token.tag)}>"
        if token.type == "hr":
            return "<hr>"
        if token.hidden or not token.tag:
            return ""
        start = token.attrGet("start")
        opened = f' start="{int(start)}"' if start else ""
        return f"<{token.tag}{opened}>" if token.nesting >= 0 else f"</{token.tag}>"

    def _write_inline(self, parts: _Read) -> str:
        out: list[str] = []
        links: list[str] = []
        waiting: list[_Mark] = []
        for token, piece in parts:
            if token.type == "link_open":
                href = str(token.attrGet("href") or "")
                links.append(href)
                out.append(f'<a href="{html.escape(href)}">' if href in self._urls else "")
            elif token.type == "link_close":
                href = links.pop()
                out.append("</a>" if href in self._urls else _host(href, shown=token.info != "auto"))
                out.extend(_reference(mark) for mark in waiting)
                waiting = []
            elif piece is None:
                out.append(_plain(token))
            elif links:
                out.append(_markup(piece, references=False))
                waiting += piece.refs
            else:
                out.append(_markup(piece))
        return "".join(out)


def _raw(token: Token) -> str:
    """Return how a token's shown text stands in the source, empty when it shows none."""
    if token.type == "text_special":
        return token.markup
    return token.content if token.type in {"text", "code_inline"} else ""


def _behind_link(content: str, cursor: int, token: Token) -> int:
    """Return the place behind a link's address, so that text is never looked for inside it."""
    if token.info == "auto" or content[cursor : cursor + 1] != "]":
        return cursor
    place, depth, quote = cursor + 1, 0, ""
    if content[place : place + 1] == "[":
        end = content.find("]", place)
        return end + 1 if end >= 0 else place
    while place < len(content):
        char = content[place]
        if char == "\\":
            place += 1
        elif quote:
            quote = "" if char == quote else quote
        elif char in "\"'<" and depth:
            quote = ">" if char == "<" else char
        elif char in "()":
            depth += 1 if char == "(" else -1
            if depth == 0:
                return place + 1
        elif not depth:
            return cursor + 1
        place += 1
    return cursor + 1


def _source_of(places: Sequence[tuple[int, int]], offset: int) -> int | None:
    """Return where a character of a token's content stands in the source."""
    before = [place for place in places if place[0] <= offset]
    return None if not before else before[-1][1] + offset - before[-1][0]


def _place_references(pieces: Sequence[_Read]) -> None:
    """Let each finding begin at its first piece and be numbered behind its last."""
    last: dict[int, tuple[_Mark, _Piece]] = {}
    for found in pieces:
        for _, piece in found:
            for mark in piece.marks if piece else ():
                assert piece is not None
                if mark.number not in last:
                    piece.starts.append(mark)
                last[mark.number] = (mark, piece)
    for mark, piece in last.values():
        piece.refs.append(mark)


def _markup(piece: _Piece, *, references: bool = True) -> str:
    shown = html.escape(piece.text, quote=False)
    if piece.code:
        shown = f"<code>{shown}</code>"
    if piece.cites:
        shown = f'<a class="cite" href="#{piece.cites}">{shown}</a>'
    if piece.marks:
        top = max(piece.marks, key=lambda mark: _WEIGHT[mark.finding.severity])
        says = "; ".join(f"{mark.finding.rule}: {mark.finding.message}" for mark in piece.marks)
        shown = f'<mark class="{top.finding.severity}" title="{html.escape(says)}">{shown}</mark>'
    for mark in piece.starts:
        shown = f'<span id="mark-{mark.number}">{shown}</span>'
    return shown + ("".join(map(_reference, piece.refs)) if references else "")


def _reference(mark: _Mark) -> str:
    says = html.escape(f"{mark.number}: {mark.finding.message}")
    kind = mark.finding.severity
    return f'<a class="ref {kind}" href="#finding-{mark.number}" aria-label="{says}">{mark.number}</a>'


def _plain(token: Token) -> str:
    """Return the HTML of an inline token that shows no text of its own."""
    if token.type == "softbreak":
        return "\n"
    if token.type == "hardbreak":
        return "<br>"
    if not token.tag:
        return ""
    return f"<{token.tag}>" if token.nesting >= 0 else f"</{token.tag}>"


def _heading(tag: str) -> str:
    return "h2" if tag == "h1" else tag


def _host(href: str, *, shown: bool) -> str:
    host = host_of(href)
    return f' <span class="host">({html.escape(host)})</span>' if shown and host else ""


def host_of(url: str) -> str:
    """Return the host of an address, for people to judge it by; empty when it has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
