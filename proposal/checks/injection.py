"""Injection: text that speaks to a model, and claims that rest on a page nobody has kept.

A committee and its tools read the same text, so an instruction to a model is an attack on the review, wherever it
stands: in prose, in a comment, in code, or in the excerpt of an evidence item.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from proposal.checks.framework import CheckContext, Hit, Rule
from proposal.checks.lexicons import find, hits
from proposal.checks.phrases import fold
from proposal.evidence import Evidence
from proposal.findings import Severity

_CHAT_MARK = re.compile(
    r"<\|[a-z_]{2,20}\|>|\[/?inst\]|<</?sys>>|</?(?:system|assistant|think|tool_call)>|"
    r"(?m:^[ \t]{0,3}(?:#{1,4}[ ]?)?(?:assistant|(?:system|human|user)[ ](?:prompt|message)|"
    r"(?P<role>system|human|user))[ ]?:[ ]{0,3}\S)"
)
_CHAT_WORDS = ("<|", "inst]", "sys>>", "system", "assistant", "human", "user", "<think", "think>", "tool_call>")
"""One of these stands in every mark of a chat format; looking for them first is far cheaper."""


def instructions(context: CheckContext) -> Iterator[Hit]:
    """Report instructions to a model in the text and in the evidence."""
    for group, hit in hits(context, "IN-instruction"):
        words = " ".join(context.text[hit.start : hit.end].split())
        yield Hit(hit.start, hit.end, f"{group.says}: “{words[:100]}”")
    for mark in _chat_marks(context.folded):
        # "User: whoever holds a token" may define a word: in somebody else's text it is no certain sign.
        unsure: Severity | None = "warning" if mark["role"] and context.brief is None else None
        yield Hit(*mark.span(), f"a mark of a chat format: {context.text[slice(*mark.span())][:40]}", unsure)
    for identity, item in (context.evidence or {}).items():
        said = _said_to_a_model(item)
        if said:
            place = next((c for c in context.document.citations if c.id == identity), None)
            start, end = (place.start, place.end) if place else (0, 0)
            yield Hit(start, end, f"{identity} speaks to a model: “{said}”")


def _chat_marks(folded: str) -> list[re.Match[str]]:
    if not any(word in folded for word in _CHAT_WORDS):
        return []
    return list(_CHAT_MARK.finditer(folded))


def _said_to_a_model(item: Evidence) -> str:
    """Return the first words of an item that speak to a model, or nothing."""
    labels = [value.label for value in item.values.values()]
    texts = [str(value.value) for value in item.values.values() if not value.is_number]
    words = "\n".join((item.title, item.title_zh, item.publisher, item.excerpt, *texts, *labels))
    return _first_instruction(words)


@lru_cache(maxsize=1024)
def _first_instruction(words: str) -> str:
    folded = fold(words)
    spans = [(hit.start, hit.end) for _, hit in find(folded, "IN-instruction")] or [
        mark.span() for mark in _chat_marks(folded)
    ]
    return " ".join(words[slice(*spans[0])].split())[:80] if spans else ""


_RESTS_ON = re.compile(
    r"(?<![a-z])(?:see|refer to|available (?:at|in|here)|found (?:at|in|here)|described (?:at|in|here)|"
    r"defined (?:at|in)|specified (?:at|in)|set out in|listed (?:at|in)|details|full|breakdown|"
    r"according to|as per|per|spreadsheet|sheet)(?![a-z])|详见|参见|见|载于|列于|依据|根据"
)
_MUTABLE = re.compile(
    r"(?i:docs\.google\.com|drive\.google\.com|sheets\.google|notion\.(?:so|site)|hackmd\.io|dropbox\.com|"
    r"airtable\.com|miro\.com|figma\.com|docs\.qq\.com|feishu\.cn|yuque\.com|larksuite\.com|t\.me/|discord\.(?:gg|com))"
)


def unarchived_pages(context: CheckContext) -> Iterator[Hit]:
    """Report sentences that leave what they say to a page its owner can change."""
    for link in context.document.links:
        if not _MUTABLE.search(link.url):
            continue
        if _RESTS_ON.search(context.around(link.start)):
            yield Hit(link.start, link.end, "what is decided here stands on a page that its owner can change")


RULES: tuple[Rule, ...] = (
    Rule(
        id="IN-instruction", family="injection", severity="error", title="An instruction to a model",
        clause="Neither the text nor its evidence speaks to a model that reads, writes or reviews it.",
        fix="Delete the sentence; if the evidence holds it, quote another part.", check=instructions,
    ),
    Rule(
        id="IN-link-content", family="injection", severity="warning", title="A claim that rests on a changing page",
        clause="What is decided stands in the proposal or in a page that cannot be changed after the vote.",
        fix="Copy what matters into the text, or link an archived or committed version.", check=unarchived_pages,
    ),
)  # fmt: skip
