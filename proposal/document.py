"""The document model: a proposal's Markdown read once into typed parts with their places in the
source.

Checks, rewards, diffs, approvals, exports and the desk all read this and parse nothing themselves,
so that a figure means the same to all of them. Parsing never fails: text is data, often hostile,
and what cannot be understood stays prose. Invisible characters are reported in `hidden` and skipped
while reading.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from operator import attrgetter
from typing import Any, Protocol, TypeVar

import yaml

from proposal.blocks import Structure, find_line_starts, read_structure
from proposal.dates import read_dates
from proposal.figures import read_figures
from proposal.headings import normal_heading
from proposal.inline import OPAQUE, mask, read_inline
from proposal.invisible import SourceMap, find_invisible, fold_width
from proposal.number_words import read_number_words
from proposal.obligations import read_obligations
from proposal.options import read_options
from proposal.parts import (
    Address,
    Amount,
    Block,
    Cell,
    Citation,
    DateMention,
    HashMention,
    Hidden,
    Link,
    Obligation,
    Option,
    Quote,
    Section,
    Sentence,
    Slot,
    Table,
)
from proposal.sentences import read_sentences

__all__ = [
    "Address",
    "Amount",
    "Block",
    "Cell",
    "Citation",
    "DateMention",
    "Document",
    "HashMention",
    "Hidden",
    "Link",
    "Obligation",
    "Option",
    "Quote",
    "Section",
    "Sentence",
    "Slot",
    "Table",
    "heading_key",
    "parse",
    "render",
]

MAX_FRONT_MATTER = 16_000
_MAX_FLOW_DEPTH = 20


class _Placed(Protocol):
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


PartT = TypeVar("PartT", bound=_Placed)
_START = attrgetter("start")


@dataclass(frozen=True, slots=True)
class Document:
    """One parsed text. Every list is in source order; every offset is an offset into `text`.

    `read_to` is the offset up to which the text was read: its length, except for texts beyond the
    limits of `proposal.blocks`, whose tail is one block of the kind `unread`.
    """

    text: str
    front_matter: dict[str, Any]
    title: str
    sections: tuple[Section, ...]
    blocks: tuple[Block, ...]
    sentences: tuple[Sentence, ...]
    amounts: tuple[Amount, ...]
    dates: tuple[DateMention, ...]
    citations: tuple[Citation, ...]
    slots: tuple[Slot, ...]
    links: tuple[Link, ...]
    addresses: tuple[Address, ...]
    hashes: tuple[HashMention, ...]
    quotes: tuple[Quote, ...]
    tables: tuple[Table, ...]
    options: tuple[Option, ...]
    obligations: tuple[Obligation, ...]
    hidden: tuple[Hidden, ...]
    read_to: int
    line_starts: tuple[int, ...]

    def line_column(self, offset: int) -> tuple[int, int]:
        """Return the line and column of an offset, both counted from 1."""
        line = bisect_right(self.line_starts, max(0, offset))
        return line, max(0, offset) - self.line_starts[line - 1] + 1

    def within(self, items: Sequence[PartT], start: int, end: int) -> Sequence[PartT]:
        """Return the items of one of this document's lists that lie inside the span."""
        first = bisect_left(items, start, key=_START)
        last = bisect_left(items, end, first, key=_START)
        return [item for item in items[first:last] if item.end <= end]

    def section_of(self, offset: int) -> Section:
        """Return the section that holds an offset."""
        index = bisect_right(self.sections, offset, key=_START)
        return self.sections[max(0, index - 1)]

    def body(self, section: Section) -> str:
        """Return the text of a section without its heading."""
        return self.text[section.body_start : section.end]

    def find_section(self, names: str | Iterable[str]) -> Section | None:
        """Return the first section that carries one of the names, whatever its case, spacing and
        numbering.
        """
        wanted = {heading_key(name) for name in ([names] if isinstance(names, str) else names)}
        return next(
            (section for section in self.sections if section.level and heading_key(section.title) in wanted),
            None,
        )

    @property
    def claims(self) -> tuple[Sentence, ...]:
        """Return the sentences that state something checkable: a figure, a date, an address, a hash
        or a citation.
        """
        marks = sorted(
            [part.start for part in self.amounts if part.checkable]
            + [part.start for parts in (self.dates, self.addresses, self.hashes, self.citations) for part in parts]
        )
        return tuple(
            sentence
            for sentence in self.sentences
            if bisect_left(marks, sentence.start) < bisect_left(marks, sentence.end)
        )


@lru_cache(maxsize=4096)
def heading_key(title: str) -> str:
    """Return a heading reduced to what identifies it: no case, spacing, marks or numbering.

    >>> heading_key("2. **Motivation:**") == heading_key("MOTIVATION")
    True
    """
    return normal_heading(fold_width(title))


@lru_cache(maxsize=64)
def parse(text: str) -> Document:
    """Read a proposal's Markdown into its parts; never raises, whatever the text."""
    hidden = find_invisible(text)
    source = SourceMap(text) if hidden else None
    clean = source.clean if source else text
    structure = read_structure(clean)
    parts = _read_parts(clean, structure)
    if source:
        parts = {name: tuple(_moved(part, source, text) for part in items) for name, items in parts.items()}
        parts["hidden"] = tuple(sorted((*parts["hidden"], *hidden), key=lambda part: part.start))
    front_matter = _front_matter(clean[: structure.front_matter_end])
    sections: tuple[Section, ...] = parts["sections"]
    title = next((section.title for section in sections if section.level == 1), "")
    read_to = source.start(structure.read_to) if source else structure.read_to
    line_starts = find_line_starts(text) if source else structure.line_starts
    return Document(
        text=text,
        front_matter=front_matter,
        title=title or str(front_matter.get("title", "")),
        read_to=read_to,
        line_starts=line_starts,
        **parts,
    )


def _read_parts(text: str, structure: Structure) -> dict[str, tuple[Any, ...]]:
    folded = fold_width(text)
    inline = read_inline(folded, structure.blocks)
    dates = read_dates(inline.masked, printed=text)
    undated = mask(inline.masked, [(date.start, date.end, OPAQUE) for date in dates])
    figures = read_figures(undated, printed=text)
    amounts = sorted([*figures, *read_number_words(undated, figures, printed=text)], key=lambda amount: amount.start)
    sentences = read_sentences(text, inline.masked, blocks=structure.blocks, tables=structure.tables)
    options = read_options(text, blocks=structure.blocks, sections=structure.sections, key=heading_key)
    return {
        "sections": structure.sections,
        "blocks": structure.blocks,
        "tables": structure.tables,
        "sentences": sentences,
        "amounts": tuple(amounts),
        "dates": tuple(dates),
        "citations": tuple(inline.citations),
        "slots": tuple(inline.slots),
        "links": tuple(inline.links),
        "addresses": tuple(inline.addresses),
        "hashes": tuple(inline.hashes),
        "quotes": tuple(inline.quotes),
        "options": options,
        "obligations": read_obligations(inline.masked, sentences),
        "hidden": tuple(inline.hidden),
    }


def _moved(part: Any, source: SourceMap, text: str) -> Any:
    """Return a part of the clean text at its place in the source."""
    start, end = source.start(part.start), source.end(part.end)
    if isinstance(part, Section):
        following = source.start(part.end)
        start, body = (0, 0) if part.index == part.level == 0 else (start, source.start(part.body_start))
        return replace(part, start=start if part.index else 0, body_start=body, end=following)
    if isinstance(part, Table):
        header = tuple(_moved(cell, source, text) for cell in part.header)
        rows = tuple(tuple(_moved(cell, source, text) for cell in row) for row in part.rows)
        return replace(part, start=start, end=end, header=header, rows=rows)
    if isinstance(part, Sentence | Cell | Obligation):
        return replace(part, start=start, end=end, text=text[start:end])
    return replace(part, start=start, end=end)


def _front_matter(source: str) -> dict[str, Any]:
    """Read front matter as written (all scalars are text); anything but plain keys gives an empty
    mapping.
    """
    if not source or len(source) > MAX_FRONT_MATTER or source.count("[") + source.count("{") > _MAX_FLOW_DEPTH * 10:
        return {}
    inner = source.strip("\ufeff").strip().strip("-.")
    try:
        # The base loader builds text, lists and mappings only, never an object.
        data = yaml.load(inner, Loader=_LOADER)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return {str(key): value for key, value in data.items()} if isinstance(data, dict) else {}


_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def render(document: Document) -> str:
    """Rebuild the source from the blocks and what lies between them; the same bytes as the parsed
    text.
    """
    pieces: list[str] = []
    position = 0
    for block in document.blocks:
        pieces += (document.text[position : block.start], document.text[block.start : block.end])
        position = block.end
    pieces.append(document.text[position:])
    return "".join(pieces)
