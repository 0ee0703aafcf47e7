"""The published text of a draft: its title, its body, and the statement of how it was made.

The bytes matter: reviewers approved a hash of them, so the approved text is published as it is. The
statement (drafted
with AI, who approved it) stands behind the text of every venue, because forums ask for it and a
reader of the published text has no other way to learn it.
"""

from __future__ import annotations

import re
import unicodedata

from proposal.decisions import QuorumState, Review
from proposal.draft import Draft
from proposal.values import Language

RULE = "\n\n---\n\n"
"""What separates the approved text from the statement behind it."""

_MARKUP = re.compile(r"([\\`*_\[\]<>#|~!])")
_WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "made": "**How this text was made.** ",
        "drafted": "Drafted with AI ({model}) by software that took the figures from the evidence "
        "cited beside them and from the proposer's brief.",
        "approved": "Reviewed and approved by {count} people: {names}.",
        "approved_by_one": "Reviewed and approved by 1 person: {names}.",
        "open": "Not approved: {count} of {needed} approvals{rejected}, review still open.",
        "rejected": ", rejected by {names}",
        "chain": "Not submitted on-chain by this software: it holds no key and signs nothing.",
        "join": ", ",
        "space": " ",
    },
    "zh": {
        "made": "**本文如何产生**：",
        "drafted": "由人工智能（{model}）协助起草，文中数字由软件取自其旁所引证据与提案人的提案要点。",
        "approved": "经{count}人审阅并批准：{names}。",
        "approved_by_one": "经1人审阅并批准：{names}。",
        "open": "未获批准：需要{needed}票批准，现有{count}票{rejected}，审阅尚未结束。",
        "rejected": "，{names}已否决",
        "chain": "本软件未将其提交上链：不持有密钥，不作任何签名。",
        "join": "、",
        "space": "",
    },
}


def normal(text: str) -> str:
    """Return the text with LF line ends and in form NFC.

    >>> normal("a\\r\\nb")
    'a\\nb'
    """
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str) -> str:
    """Return the text on one line, so that a name or title cannot open a heading of its own."""
    return " ".join(text.split())


def title_of(draft: Draft) -> str:
    """Return the title on one line."""
    return one_line(draft.title)


def body_of(draft: Draft) -> str:
    """Return the text without its title line: venues print the title themselves."""
    text = draft.text
    first, _, rest = text.partition("\n")
    if first.startswith("# ") and one_line(first[2:]) == title_of(draft):
        text = rest
    return text.strip("\n")


def visible(text: str) -> str:
    """Return a person's name on one line without characters that hide or reorder what is
    printed.
    """
    return "".join(char for char in one_line(text) if char.isprintable())


def escape(text: str) -> str:
    """Print foreign text (a person's or model's name) on one line and without markup.

    >>> escape("a*b*\\n# c")
    'a\\\\*b\\\\* \\\\# c'
    """
    return _MARKUP.sub(r"\\\1", visible(text))


def approvers(state: QuorumState) -> tuple[str, ...]:
    """Return who stands as approving, in the order of their decisions."""
    return tuple(visible(one.reviewer) for one in state.standing if one.verdict == "approve")


def model_of(draft: Draft) -> str:
    """Name the model as a reader can look it up: name, adapter and the start of the hash."""
    manifest = draft.manifest
    adapter = f" + {manifest.adapter}" if manifest.adapter else ""
    mark = f", {manifest.model_hash[:19]}" if manifest.model_hash else ""
    return f"{manifest.model}{adapter}{mark}"


def reviewed(draft: Draft, state: QuorumState) -> str:
    """Say who approved, or how far the review has come."""
    words = _WORDS[draft.language]
    names = [escape(name) for name in approvers(state)]
    if state.reached:
        form = words["approved_by_one" if len(names) == 1 else "approved"]
        return form.format(count=len(names), names=words["join"].join(names))
    refused = [escape(one.reviewer) for one in state.standing if one.verdict == "reject"]
    rejected = words["rejected"].format(names=words["join"].join(refused)) if refused else ""
    return words["open"].format(count=state.approvals, needed=state.needed, rejected=rejected)


def statement(draft: Draft, review: Review) -> str:
    """Return one paragraph: drafted with AI, approved by whom (or not), not submitted on-chain."""
    words = _WORDS[draft.language]
    drafted = words["drafted"].format(model=escape(model_of(draft)))
    parts = (drafted, reviewed(draft, review.state(draft)), words["chain"])
    return words["made"] + words["space"].join(parts)


def published_body(draft: Draft, review: Review) -> str:
    """Return the body with the statement behind it: what a venue with its own title field gets."""
    return body_of(draft) + RULE + statement(draft, review)


def published_text(draft: Draft, review: Review) -> str:
    """Return the whole text, title line included, with the statement behind it."""
    return draft.text.rstrip("\n") + RULE + statement(draft, review) + "\n"
