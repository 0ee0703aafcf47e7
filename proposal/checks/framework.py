"""What a rule is, what it sees, and how its hits become findings.

A rule is data plus one small function that yields places in the text. It never decides its own final severity: the
template may raise or lower it, so the same rule can block in one DAO and advise in another.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from operator import attrgetter
from typing import Any, Literal, TypeVar

from proposal.brief import Brief
from proposal.checks.phrases import PhraseHit, Spans, fold, has_han
from proposal.document import Address, Block, Document, HashMention, Section, Sentence
from proposal.evidence import EvidenceSet
from proposal.findings import Finding, Severity
from proposal.template import SectionSpec, Template, normal_heading
from proposal.values import Language

Family = Literal[
    "structure", "conditional", "figures", "addresses", "actions", "evidence", "neutrality", "policy", "injection"
]  # fmt: skip
"""Families in the order of the catalogue; the first two letters of a rule id name its family."""

MAX_HITS = 100
"""Findings one rule gives for one text; what is beyond is counted in a last finding, so that nothing hides."""

heading_name = lru_cache(maxsize=4096)(normal_heading)
"""A heading as headings are compared; the same few hundred are asked for in every text."""

_STRENGTH: dict[Severity, int] = {"info": 0, "warning": 1, "error": 2}

AROUND = 300
"""Characters to either side of a place that a rule reads of its sentence: a long one, and not all of an endless one."""

MAX_EXCERPT = 160
"""Characters of the text that a finding repeats."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One place where a rule is broken; `severity` is set where one rule has stronger and weaker cases."""

    start: int
    end: int
    message: str
    severity: Severity | None = None


@dataclass(frozen=True)
class CheckContext:
    """Everything a rule may look at: the parsed text, its template, and what it was drafted from (if known).

    `memory` holds what several rules work out from the same text.
    """

    document: Document
    template: Template
    language: Language
    evidence: EvidenceSet | None = None
    brief: Brief | None = None
    phrase_hits: dict[str, list[PhraseHit]] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return self.document.text

    @cached_property
    def folded(self) -> str:
        """The text as phrases are matched in it: same length, lower case."""
        return fold(self.text)

    def mentions(self, *parts: str) -> bool:
        """Tell whether any of the words stands in the folded text: a quick look before a slow one."""
        return any(part in self.folded for part in parts)

    @cached_property
    def code(self) -> Spans:
        """Code blocks: shown as they are, so most rules on wording leave them alone."""
        return Spans((block.start, block.end) for block in self.document.blocks if block.kind == "code")

    @cached_property
    def not_prose(self) -> Spans:
        """Code and link targets: text that nobody reads as a statement."""
        blocks = [(block.start, block.end) for block in self.document.blocks if block.kind == "code"]
        links = [(link.end - len(link.url) - 1, link.end) for link in self.document.links]
        return Spans(blocks + [(max(0, start), end) for start, end in links])

    @cached_property
    def addresses(self) -> tuple[Address, ...]:
        """Every address outside link targets, in code too: that is where most proposals print them."""
        return tuple(Address(*found) for found in self._hexadecimals(40))

    @cached_property
    def hashes(self) -> tuple[HashMention, ...]:
        """Every transaction hash outside link targets, in code too."""
        return tuple(HashMention(*found) for found in self._hexadecimals(64))

    def _hexadecimals(self, digits: int) -> Iterator[tuple[int, int, str]]:
        """Yield the numbers of 0x and this many digits, each with its place."""
        targets = Spans((max(0, link.end - len(link.url) - 1), link.end) for link in self.document.links)
        for match in _HEXADECIMAL.finditer(self.text) if "0x" in self.text else ():
            if len(match[0]) == digits + 2 and not targets.covers(match.start()):
                yield match.start(), match.end(), match[0]

    @cached_property
    def sections_by_key(self) -> dict[str, Section]:
        """The text's sections that the template knows, by the template's key (the first of each)."""
        return {spec.key: section for section, spec in reversed(self.known_sections)}

    @cached_property
    def known_sections(self) -> list[tuple[Section, SectionSpec]]:
        """The sections whose heading the template knows, in the order of the text.

        A heading such as "Abstract and Motivation" stands for two sections of the template and comes twice. The
        title may hold a word that is also a heading ("Non-Constitutional") and counts only as a whole.
        """
        found = []
        for section in self.document.sections:
            specs = self.template.specs_for_heading(section.title) if section.level else ()
            if section.level == 1 and section.title == self.document.title:
                name = heading_name(section.title)
                specs = tuple(spec for spec in specs if name in map(heading_name, spec.names()))
            found += [(section, spec) for spec in specs]
        return found

    def block_at(self, place: int) -> str:
        """Return the kind of the block a place lies in."""
        block = _holding(self.document.blocks, place)
        return block.kind if block else ""

    def paragraph_at(self, place: int) -> tuple[int, int]:
        """Return the span of the block a place lies in."""
        block = _holding(self.document.blocks, place)
        return (block.start, block.end) if block else (place, place)

    def around(self, place: int) -> str:
        """Return the folded words of a place's sentence, no further than `AROUND` to either side."""
        sentence = self.sentence_at(place)
        if sentence is None:
            return ""
        return self.folded[max(sentence.start, place - AROUND) : min(sentence.end, place + AROUND)]

    def sentence_at(self, place: int) -> Sentence | None:
        """Return the sentence or table row that holds a place."""
        return _holding(self.document.sentences, place)


_HEXADECIMAL = re.compile(r"(?<![A-Za-z0-9])0x[0-9a-fA-F]{40,64}(?![A-Za-z0-9])")

PartT = TypeVar("PartT", Block, Sentence)
_START = attrgetter("start")


def _holding(parts: Sequence[PartT], place: int) -> PartT | None:
    """Return the part that holds a place; parts are in order and do not overlap."""
    at = bisect_right(parts, place, key=_START) - 1
    return parts[at] if at >= 0 and place < parts[at].end else None


Check = Callable[[CheckContext], Iterable[Hit]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: stable id, what it demands (`clause`), how strongly by default, and what to do about a finding.

    `needs` names what must be known for the rule to run: without evidence no figure can be called unsupported.
    """

    id: str
    family: Family
    severity: Severity
    title: str
    clause: str
    fix: str
    check: Check
    needs: tuple[Literal["evidence", "brief"], ...] = ()

    def applies(self, context: CheckContext) -> bool:
        """Tell whether everything this rule needs is known."""
        return all(getattr(context, need) is not None for need in self.needs)


def findings_of(rule: Rule, context: CheckContext) -> Iterator[Finding]:
    """Run one rule and turn its hits into findings."""
    found = set(rule.check(context))
    if not found:
        return
    in_order = sorted(found, key=lambda hit: (hit.start, -hit.end, hit.message))
    hits = list(_outermost(in_order, rule.severity))
    for hit in hits[:MAX_HITS]:
        yield _finding(rule, hit, context)
    if len(hits) > MAX_HITS:
        more = hits[MAX_HITS]
        message = f"{len(hits) - MAX_HITS:,} more places of this kind follow from here"
        yield _finding(rule, Hit(more.start, more.end, message, more.severity), context)


def _outermost(hits: Iterable[Hit], default: Severity) -> Iterator[Hit]:
    """Drop hits inside another one that is as strong: “TBD” within “{{TBD:fee}}” is the same gap."""

    def strength(hit: Hit) -> int:
        return _STRENGTH[hit.severity or default]

    outer: Hit | None = None
    for hit in hits:
        if outer is not None and _is_inside(hit, outer) and strength(hit) <= strength(outer):
            continue
        yield hit
        if outer is None or hit.end > outer.end:
            outer = hit


def _is_inside(hit: Hit, outer: Hit) -> bool:
    """Tell whether a hit lies within a longer one; places without extent are inside nothing."""
    return hit.start < hit.end <= outer.end and (hit.start, hit.end) != (outer.start, outer.end)


def _finding(rule: Rule, hit: Hit, context: CheckContext) -> Finding:
    document = context.document
    length = len(document.text)
    start = min(max(hit.start, 0), length)
    end = min(max(hit.end, start), length)
    line, column = document.line_column(start)
    return Finding(
        rule=rule.id,
        severity=_severity(rule, hit, context),
        message=hit.message,
        start=start,
        end=end,
        line=line,
        column=column,
        section=document.section_of(start).title,
        excerpt=" ".join(document.text[start : min(end, start + 4 * MAX_EXCERPT)].split())[:MAX_EXCERPT],
    )


def _severity(rule: Rule, hit: Hit, context: CheckContext) -> Severity:
    """Return how strong a finding is: the template's word on the rule, and never more than the hit itself.

    A text without our brief is somebody else's, already published: a template may be milder with it.
    """
    general = context.template.severity(rule.id, rule.severity, published=context.brief is None)
    if hit.severity is None:
        return general
    return min(general, hit.severity, key=_STRENGTH.__getitem__)


def language_of(text: str) -> Language:
    """Tell the language of a text: Chinese when every tenth character or more is Chinese."""
    if not has_han(text):
        return "en"
    sample = text[:20_000]
    han = sum("\u3400" <= character <= "\u9fff" for character in sample)
    return "zh" if han * 10 >= len(sample) else "en"
