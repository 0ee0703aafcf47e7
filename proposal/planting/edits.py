"""Editing a text at a seeded place: what every planter does, and inserting a sentence of its language."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from proposal.addresses import checksum
from proposal.brief import Brief
from proposal.checks.addresses import known_tokens
from proposal.checks.framework import CheckContext
from proposal.document import Section
from proposal.evidence import EvidenceSet

Plant = Callable[[CheckContext, Random], "Planted | None"]


@dataclass(frozen=True, slots=True)
class Planted:
    """A changed text with the place of the change; `evidence` and `brief` are set when those were changed."""

    text: str
    start: int
    end: int
    note: str
    evidence: EvidenceSet | None = None
    brief: Brief | None = None

    def fields(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def put(context: CheckContext, start: int, end: int, new: str, note: str) -> Planted:
    """Return the text with one stretch replaced."""
    text = context.text
    return Planted(text[:start] + new + text[end:], start, start + len(new), note)


def inserting(sentences: Mapping[str, Sequence[str]], templates: Sequence[str] = ()) -> Plant:
    """Build the planter that inserts one of the sentences of the text's language.

    `templates` names those in which the sentence breaks a rule; none means all.
    """

    def plant(context: CheckContext, choice: Random) -> Planted | None:
        if templates and context.template.name not in templates:
            return None
        sentence = _filled(choice.choice(list(sentences[context.language])), choice)
        return insert(context, choice, sentence)

    return plant


def insert(context: CheckContext, choice: Random, sentence: str) -> Planted:
    """Put a sentence behind a paragraph of the prose, or as a paragraph of its own."""
    blocks = [block for block in prose_blocks(context) if block[1] > block[0]]
    if not blocks:
        return put(context, len(context.text), len(context.text), f"\n\n{sentence}\n", f"inserted: {sentence}")
    _, end = choice.choice(blocks)
    own = sentence.startswith("<") or sentence.startswith("[") or choice.random() < 0.5
    glue = "\n\n" if own else ("" if context.language == "zh" else " ")
    planted = put(context, end, end, glue + sentence, f"inserted: {sentence}")
    return Planted(planted.text, end + len(glue), planted.end, planted.note)


def prose_blocks(context: CheckContext) -> list[tuple[int, int]]:
    """Return the paragraphs under headings, without the list of references."""
    skipped = {section.index for section, spec in context.known_sections if "references" in spec.contents()}
    sections = context.document.sections
    return [
        (block.start, block.end)
        for block in context.document.blocks
        if block.kind == "paragraph" and block.section not in skipped and sections[block.section].level > 0
    ]


def span(context: CheckContext, section: Section) -> tuple[int, int]:
    """Return a section with the deeper sections under it."""
    following = context.document.sections[section.index + 1 :]
    end = next((other.start for other in following if other.level <= section.level), len(context.text))
    return section.start, end


def _filled(sentence: str, choice: Random) -> str:
    """Fill the gaps of a planted sentence with made-up but well-formed values."""
    address = checksum("0x" + f"{choice.getrandbits(160):040x}")
    twin = address[:6] + f"{choice.getrandbits(128):032x}" + address[-4:]
    day = dt.date(2026, 6, 1) + dt.timedelta(days=choice.randrange(300))
    gaps = {
        "{address}": address,
        "{other_address}": checksum("0x" + f"{choice.getrandbits(160):040x}"),
        "{twin}": checksum(twin),
        "{bad_checksum}": _wrong_case(address),
        "{short_address}": address[:-1],
        "{token}": checksum(choice.choice(sorted(known_tokens()))),
        "{hash}": "0x" + f"{choice.getrandbits(256):064x}",
        "{hex64}": f"{choice.getrandbits(256):064x}",
        "{digits}": str(choice.randrange(10_000, 99_999)),
        "{letters}": "".join(choice.choices("abcdefghijkmnpqrstuvwxyz23456789", k=36)),
        "{capitals}": "".join(choice.choices("ABCDEFGHJKLMNPQRSTUVWXYZ", k=16)),
        "{date}": day.isoformat(),
        "{past}": (day - dt.timedelta(days=choice.randrange(1, 90))).isoformat(),
    }
    for gap, value in gaps.items():
        sentence = sentence.replace(gap, value)
    return sentence


def _wrong_case(address: str) -> str:
    """Turn the case of one letter, so that the checksum no longer matches."""
    at = next(index for index in range(2, 42) if address[index].isalpha())
    return address[:at] + address[at].swapcase() + address[at + 1 :]
