"""Injection: text that speaks to a model, and claims that rest on a page nobody has kept.

A committee and its tools read the same text, so an instruction to a model is an attack on the review, wherever it
stands: in prose, in a comment, in code, or in the excerpt of an evidence item.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from proposal.checks.framework import CheckContext, Hit, Rule
from proposal.checks.lexicons import find, hits
from proposal.checks.phrases import fold

_CHAT_MARK = re.compile(
    r"<\|[a-z_]{2,20}\|>|\[/?INST\]|<</?SYS>>|</?(?:system|assistant|think|tool_call)>|"
    r"(?m:^[ \t]{0,3}(?:#{1,4}[ ]?)?(?:system|assistant|human|user)[ ]?(?:prompt|message)?[ ]?:[ ]{0,3}\S)",
    re.IGNORECASE,
)


def instructions(context: CheckContext) -> Iterator[Hit]:
    """Report instructions to a model in the text and in the evidence."""
    for group, hit in hits(context, "IN-instruction"):
        words = " ".join(context.text[hit.start : hit.end].split())
        yield Hit(hit.start, hit.end, f"{group.says}: “{words[:100]}”")
    for match in _CHAT_MARK.finditer(context.text):
        yield Hit(match.start(), match.end(), f"a mark of a chat format: {match[0][:40]}")
    yield from _in_evidence(context)


def _in_evidence(context: CheckContext) -> Iterator[Hit]:
    for identity, item in (context.evidence or {}).items():
        words = "\n".join((item.title, item.title_zh, item.publisher, item.excerpt,
                           *(str(value.value) for value in item.values.values() if not value.is_number),
                           *(value.label for value in item.values.values())))  # fmt: skip
        found = find(fold(words), "IN-instruction")
        mark = _CHAT_MARK.search(words)
        if not found and not mark:
            continue
        said = words[found[0][1].start : found[0][1].end] if found else mark[0] if mark else ""
        place = next((c for c in context.document.citations if c.id == identity), None)
        start, end = (place.start, place.end) if place else (0, 0)
        yield Hit(start, end, f"{identity} speaks to a model: “{' '.join(said.split())[:80]}”")


_RESTS_ON = re.compile(
    r"(?<![a-z])(?:see|refer to|available (?:at|in|here)|found (?:at|in|here)|described (?:at|in|here)|"
    r"defined (?:at|in)|specified (?:at|in)|set out in|listed (?:at|in)|details|full|breakdown|according to|as per|per|spreadsheet|sheet)"
    r"(?![a-z])|详见|参见|见|载于|列于|依据|根据"
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
        sentence = context.sentence_at(link.start)
        if sentence is not None and _RESTS_ON.search(context.folded[sentence.start : sentence.end]):
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
