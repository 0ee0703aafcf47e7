"""A Markdown section reduced to the prose that a writer in service can produce, with every edit reported.

Serving admits no link, emphasis, code, list or table in a section's text, so these are taken out here: a link leaves
its words and is remembered as a source, marks leave their words, and blocks that are no paragraph are left out whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from proposal.document import Document, Section

_LINK = re.compile(r"!?\[([^\[\]\n]{0,300})\]\(([^()\s]{1,2000})(?:\s[^()\n]{0,200})?\)")
_REFERENCE = re.compile(r"\[([^\[\]\n]{1,300})\]\[[^\[\]\n]{0,200}\]")
_BARE = re.compile(r"<?https?://[^\s<>()]{1,2000}>?")
_FOOTNOTE = re.compile(r"\[\^[^\[\]\s]{1,40}\]:?")
_MARKS = re.compile(r"\*{1,3}|(?<![A-Za-z0-9])_{1,3}(?=\S)|(?<=\S)_{1,3}(?![A-Za-z0-9])|`{1,3}|~~")
_TAG = re.compile(r"</?[A-Za-z][^<>\n]{0,200}>|<!--[^\n]{0,2000}?-->")


@dataclass(frozen=True, slots=True)
class Edit:
    """One thing that was taken out or reduced: its kind, and the text as it stood."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Source:
    """A link of the prose: the words it stood on, and where it led."""

    words: str
    url: str


@dataclass(frozen=True, slots=True)
class Prose:
    """The plain paragraphs of a section, their links, and every edit that was made."""

    paragraphs: tuple[str, ...]
    sources: tuple[Source, ...]
    edits: tuple[Edit, ...]

    @property
    def text(self) -> str:
        return "\n\n".join(self.paragraphs)


def prose_of(document: Document, section: Section) -> Prose:
    """Return the prose of one section of a document."""
    paragraphs: list[str] = []
    sources: list[Source] = []
    edits: list[Edit] = []
    for block in document.within(document.blocks, section.body_start, section.end):
        source = document.text[block.start : block.end]
        if block.kind != "paragraph":
            edits.append(Edit(f"block-{block.kind}", source))
            continue
        plain = _plain(source, sources, edits)
        if plain:
            paragraphs.append(plain)
    return Prose(tuple(paragraphs), tuple(sources), tuple(edits))


def _plain(text: str, sources: list[Source], edits: list[Edit]) -> str:
    def link(match: re.Match[str]) -> str:
        edits.append(Edit("link", match[0]))
        words = "" if match[0].startswith("!") or _BARE.fullmatch(match[1]) else match[1]
        if match[2].startswith(("http://", "https://")):
            sources.append(Source(words.strip(), match[2].rstrip(".,;")))
        return words

    def bare(match: re.Match[str]) -> str:
        edits.append(Edit("bare-link", match[0]))
        sources.append(Source("", match[0].strip("<>").rstrip(".,;")))
        return ""

    def reference(match: re.Match[str]) -> str:
        edits.append(Edit("link", match[0]))
        return match[1]

    text = _BARE.sub(bare, _REFERENCE.sub(reference, _LINK.sub(link, text)))
    for kind, pattern in (("tag", _TAG), ("footnote", _FOOTNOTE), ("mark", _MARKS)):
        edits += [Edit(kind, found) for found in _found(pattern, text)]
        text = pattern.sub("", text)
    return " ".join(re.sub(r"\(\s*\)", "", text).split())


def _found(pattern: re.Pattern[str], text: str) -> Iterator[str]:
    return (match[0] for match in pattern.finditer(text))
