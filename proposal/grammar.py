"""The grammar of one request: what a model may write in one section, and nothing else.

Any prose without digits, links and markup, in which only this request's slots and ids can appear (an xgrammar
structural tag; why: `docs/decisions.md`, 2026-11-22).
"""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import lru_cache
from typing import Any

from proposal.slots import Vocabulary
from proposal.values import Language

_TBD = {"en": "TBD:[a-z][a-z ]{2,39}", "zh": "TBD:[\u4e00-\u9fa5]{2,20}"}


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


def slot_grammar(words: Vocabulary, language: Language) -> dict[str, Any]:
    """Return the `response_format` of a request: a structural tag for an OpenAI-compatible vLLM endpoint."""
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
