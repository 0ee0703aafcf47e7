"""The grammar of one request: what a model may write in one section, and nothing else.

Two styles, built from the same vocabulary (`docs/decisions.md`, 2026-11-22):

- `free`, for models trained on slots: any prose without digits, in which only this request's slots and ids can appear
  (xgrammar structural tag);
- `guided`, for a raw model that has never seen a slot: bounded sentences of plain words, between which the planned
  facts stand, each begun by the server and finished by the model's choice (EBNF).

Neither admits a digit outside a slot, a link, markup, or an id that does not exist.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal

from proposal.plan import VERBS, Fact
from proposal.slots import Vocabulary
from proposal.values import Language

Style = Literal["free", "guided"]

_TBD = {"en": "TBD:[a-z][a-z ]{2,39}", "zh": "TBD:[\u4e00-\u9fa5]{2,20}"}

# A Chinese figure can be written with characters alone, so the guided style leaves those characters out.
_ZH_NUMERALS = "二三四五六七八九十百千万亿两零〇壹贰叁肆伍陆柒捌玖拾佰仟萬億兆"


# How a raw model may begin an English sentence, by section: left free, it drifts into chat ("You can…").
_OPENERS = {
    "risks": ("One risk of the proposal is that", "Another risk is that", "The proposal", "Members", "The DAO"),
    "timeline": ("The proposal", "The programme", "Progress", "The report", "The DAO"),
}  # fmt: skip
_ANY_OPENERS = ("This proposal", "The proposal", "The DAO", "Members", "Without it, the DAO", "If approved, it")


@lru_cache(maxsize=1)
def numeral_characters() -> tuple[str, ...]:
    """Return every Unicode character that shows a number without being a Han character.

    Full-width and other decimal digits, superscripts, fractions, circled and Roman numerals: all of them would let a
    figure past a ban on 0–9.
    """
    return tuple(
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(character) in {"Nd", "No", "Nl"}
    )


def free_grammar(words: Vocabulary, language: Language) -> dict[str, Any]:
    """Return the `response_format` of the free style: a structural tag for an OpenAI-compatible vLLM endpoint."""
    bodies = [re.escape(body) for body in (*words.parameters, *words.values, *words.calculations)]
    slots = "|".join([*bodies, _TBD[language]])
    tags = [_tag("{{", slots, "}}")]
    if words.ids:
        tags.append(_tag("[[E", "|".join(item_id[1:] for item_id in words.ids), "]]"))
    return {
        "type": "structural_tag",
        "format": {
            "type": "triggered_tags",
            "triggers": [tag["begin"] for tag in tags],
            "excludes": [*numeral_characters(), "http", "](", "<", "`", "#", "|"],
            "tags": tags,
            "at_least_one": False,
            "stop_after_first": False,
        },
    }


def _tag(begin: str, pattern: str, end: str) -> dict[str, Any]:
    return {
        "type": "tag",
        "begin": begin,
        "content": {"type": "regex", "pattern": pattern},
        "end": end,
    }


def guided_grammar(facts: Sequence[Fact], language: Language, *, sentences: int, section: str = "") -> str:
    """Return an EBNF grammar: plain sentences, each fact once and in order, and a plain one to close from three up.

    Chinese plain sentences have no numeral characters; English number words are left to the checks. English ones begin
    as the section (by its key) lets them.
    """
    space = ' " " ' if language == "en" else " "
    closing = 1 if facts and sentences >= 3 else 0
    named = [f"fact{index}" for index in range(len(facts))]
    root = space.join([*["plain"] * (sentences - closing), *named, *["plain"] * closing])
    rules = [f"root ::= {root}", *_plain_rules(language, section)]
    rules += [f"{name} ::= {_fact_rule(fact, language)}" for name, fact in zip(named, facts, strict=True)]
    return "\n".join(rules) + "\n"


def _plain_rules(language: Language, section: str) -> list[str]:
    if language == "zh":
        return ['plain ::= clause ("，" clause){0,2} "。"', f"clause ::= [{_plain_han()}]{{4,24}}"]
    openers = " | ".join(_literal(opener) for opener in _OPENERS.get(section, _ANY_OPENERS))
    return [
        f'plain ::= ({openers}) (" " word){{6,34}} "."',
        'word ::= [A-Za-z] [a-z]{0,15} ("-" [a-z]{2,12})? [,;]?',
    ]


@lru_cache(maxsize=1)
def _plain_han() -> str:
    """Return the Han characters that are no numerals, as the ranges of a character class."""
    ranges: list[str] = []
    start = 0x4E00
    for banned in [*sorted(map(ord, _ZH_NUMERALS)), 0x9FA6]:
        if 0x4E00 <= banned <= 0x9FA6 and banned > start:
            ranges.append(f"{chr(start)}-{chr(banned - 1)}")
        start = max(start, banned + 1)
    return "".join(ranges)


def _fact_rule(fact: Fact, language: Language) -> str:
    verbs = " | ".join(_literal(verb) for verb in VERBS[fact.kind][language])
    begin, end = fact.frame(language)
    return f"{_literal(begin)} ({verbs}) {_literal(end)}"


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    return f'"{escaped}"'
