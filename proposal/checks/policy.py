"""Policy: what a DAO forbids, on which track a proposal belongs, and what must not be published at all.

A DAO's prohibitions are data (`rule_packs.yaml`), each with its clause and source, because they differ by DAO and
change by vote. Personal data and secrets are matched by form and by their own check digits, so that a figure is not
taken for a phone number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from proposal.checks.conditional import type_of
from proposal.checks.framework import CheckContext, Hit, Rule
from proposal.checks.lexicons import hits, pack_hits
from proposal.checks.packs import pack_clauses
from proposal.checks.phrases import PhraseHit, Spans
from proposal.findings import Severity


def _broken(context: CheckContext, rule: str) -> Iterator[Hit]:
    """Yield the places where wording of a clause stands as the author's own statement."""
    quoted = Spans((quote.start, quote.end) for quote in context.document.quotes)
    for hit in pack_hits(context):
        clause = pack_clauses()[hit.phrase.tag]
        if clause.rule != rule or context.not_prose.covers(hit.start) or quoted.covers(hit.start):
            continue
        if clause.types and type_of(context) not in clause.types:
            continue
        words = " ".join(context.text[hit.start : hit.end].split())
        yield Hit(hit.start, hit.end, f"“{words[:100]}”: {clause.clause} ({clause.source})", clause.severity)


def forbidden_clauses(context: CheckContext) -> Iterator[Hit]:
    """Report wording that the DAO forbids."""
    yield from _broken(context, "PO-forbidden-clause")


def anti_mandates(context: CheckContext) -> Iterator[Hit]:
    """Report what the DAO has no power to decide."""
    yield from _broken(context, "PO-anti-mandate")


def wrong_track(context: CheckContext) -> Iterator[Hit]:
    """Report actions that belong on another track than the proposal's."""
    yield from _broken(context, "PO-track")


# --- bundles -----------------------------------------------------------------------------------------------------

MANY_SUBJECTS = 3
"""Unrelated kinds of action that make a bundle."""


def bundles(context: CheckContext) -> Iterator[Hit]:
    """Report proposals that decide three or more unrelated things at once."""
    first: dict[str, PhraseHit] = {}
    for group, hit in hits(context, "PO-bundle"):
        if group.says not in first and not context.not_prose.covers(hit.start) and _is_action(context, group.says, hit):
            first[group.says] = hit
    if len(first) >= MANY_SUBJECTS:
        last = sorted(first.values(), key=lambda hit: hit.start)[MANY_SUBJECTS - 1]
        yield Hit(last.start, last.end, f"one vote decides {', '.join(sorted(first))}")


def _is_action(context: CheckContext, subject: str, hit: PhraseHit) -> bool:
    """Tell whether a payment names a sum; the other kinds of action need no figure."""
    if subject != "a payment":
        return True
    start, end = context.paragraph_at(hit.start)
    amounts = context.document.within(context.document.amounts, start, end)
    return any(amount.kind == "money" for amount in amounts)


# --- what must not be published -----------------------------------------------------------------------------------

_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])([A-Za-z0-9._%+-]{1,64})@((?:[A-Za-z0-9-]{1,63}\.){1,5}[A-Za-z]{2,24})(?![A-Za-z0-9-])"
)
_ROLES = frozenset(
    [
        "info",
        "contact",
        "security",
        "support",
        "hello",
        "team",
        "admin",
        "legal",
        "press",
        "media",
        "governance",
        "grants",
        "office",
        "help",
        "hi",
        "mail",
        "noreply",
        "no-reply",
        "dao",
        "committee",
        "treasury",
        "council",
        "abuse",
        "privacy",
        "jobs",
        "partnerships",
        "dev",
        "developers",
        "community",
        "ops",
        "git",
        "example",
    ]
)
_PHONE = re.compile(r"(?<![A-Za-z0-9+])\+(?=[0-9])(?:[0-9][ ().-]{0,2}){9,14}[0-9](?![0-9A-Za-z])")
_CN_MOBILE = re.compile(r"(?<![0-9A-Za-z.,])1[3-9][0-9]{9}(?![0-9A-Za-z]|[.,][0-9])")
# A pattern that begins with a set of characters is searched much faster than one that begins by looking behind.
_CN_IDENTITY = re.compile(
    r"[1-9](?<![0-9A-Za-z].)[0-9]{5}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:[0-2][0-9]|3[01])[0-9]{3}[0-9Xx](?![0-9A-Za-z])"
)
_IBAN = re.compile(r"[A-Z](?<![A-Za-z0-9].)[A-Z][0-9]{2}(?:[ ]?[A-Z0-9]{4}){3,7}(?:[ ]?[A-Z0-9]{1,3})?(?![A-Za-z0-9])")
_SSN = re.compile(r"(?i:ssn|social security)(?:[^0-9\n]{0,20})[0-9]{3}-[0-9]{2}-[0-9]{4}(?![0-9])")
_PASSPORT = re.compile(
    r"(?i:passport (?:no\.?|number)|护照号码?|身份证号码?)[^A-Za-z0-9\n]{0,6}[A-Z0-9]{6,18}(?![A-Za-z0-9])"
)
_CONTACT_WORDS = re.compile(r"phone|tel|call|mobile|whatsapp|signal|contact|sms|手机|电话|联系|微信|致电")


def personal_data(context: CheckContext) -> Iterator[Hit]:
    """Report personal data: a vote is public for ever."""
    text = context.text
    # Whoever published a text may have put their own address there on purpose; in a draft of ours nobody did.
    contact: Severity | None = "warning" if context.brief is None else None
    for match in _EMAIL.finditer(text) if "@" in text else ():
        role = match[1].lower().split("+")[0]
        if role not in _ROLES and not match[2].lower().endswith(("example.org", "example.com", ".eth", ".example")):
            yield Hit(match.start(), match.end(), "a personal e-mail address", contact)
    for match in _PHONE.finditer(text) if "+" in text else ():
        if not context.not_prose.covers(match.start()):
            yield Hit(match.start(), match.end(), "a phone number", contact)
    for match in _CN_MOBILE.finditer(text) if context.mentions("电话", "手机", "联系", "phone", "call", "微信") else ():
        if _CONTACT_WORDS.search(context.folded, max(0, match.start() - 24), match.start()):
            yield Hit(match.start(), match.end(), "a phone number", contact)
    for match in _CN_IDENTITY.finditer(text) if "19" in text or "20" in text else ():
        if _is_cn_identity(match[0]):
            yield Hit(match.start(), match.end(), "a national identity number")
    for match in _IBAN.finditer(text):
        if _is_iban(match[0].replace(" ", "")):
            yield Hit(match.start(), match.end(), "a bank account (IBAN)")
    if context.mentions("ssn", "social security", "passport", "护照", "身份证"):
        for pattern, what in ((_SSN, "a social security number"), (_PASSPORT, "a number of an identity document")):
            for match in pattern.finditer(text):
                yield Hit(match.start(), match.end(), what)


def _is_cn_identity(number: str) -> bool:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    digits = [int(digit) for digit in number[:17]]
    return "10X98765432"[sum(d * w for d, w in zip(digits, weights, strict=True)) % 11] == number[17].upper()


def _is_iban(account: str) -> bool:
    if not 15 <= len(account) <= 34:
        return False
    return int("".join(str(int(character, 36)) for character in account[4:] + account[:4])) % 97 == 1


_SECRETS: tuple[tuple[str, re.Pattern[str], tuple[str, ...]], ...] = (
    ("a private key", re.compile(r"-----BEGIN (?:[A-Z]{1,12} ){0,3}PRIVATE KEY-----"), ("private key-",)),
    ("a private key", re.compile(
        r"(?i:private key|secret key|私钥)(?: is| =)?[^A-Za-z0-9\n]{1,6}(?:0x)?[0-9a-fA-F]{64}(?![0-9a-fA-F])"),
     ("private key", "secret key", "私钥")),
    ("a seed phrase", re.compile(
        r"(?i:seed phrase|mnemonic|recovery phrase|助记词)(?: is| are)?(?:：|:|=|是|为| )[ `\"'*]{0,4}"
        r"(?:[a-z]{3,8}[ ]{1,2}){11,23}[a-z]{3,8}(?![a-z])"),
     ("seed phrase", "mnemonic", "recovery phrase", "助记词")),
    ("an access key", re.compile(
        r"(?<![A-Za-z0-9])(?:AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36,60}|sk-[A-Za-z0-9_-]{20,80}|"
        r"xox[abprs]-[A-Za-z0-9-]{20,80}|glpat-[A-Za-z0-9_-]{20,40}|hf_[A-Za-z0-9]{30,40})(?![A-Za-z0-9])"),
     ("akia", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "sk-", "xox", "glpat-", "hf_")),
)  # fmt: skip


def secrets_left(context: CheckContext) -> Iterator[Hit]:
    """Report keys and seed phrases; the finding does not repeat them."""
    for what, pattern, marks in _SECRETS:
        for match in pattern.finditer(context.text) if context.mentions(*marks) else ():
            yield Hit(
                match.start(), match.start() + 4, f"{what} stands in the text: it must be replaced everywhere, now"
            )


def disclosure(context: CheckContext) -> Iterator[Hit]:
    """Report a draft of ours that does not say how it was made."""
    for _, hit in hits(context, "PO-ai-disclosure"):
        if context.block_at(hit.start) != "heading" and not context.not_prose.covers(hit.start):
            return
    yield Hit(len(context.text), len(context.text), "nothing says that a language model helped to write this text")


RULES: tuple[Rule, ...] = (
    Rule(
        id="PO-forbidden-clause", family="policy", severity="error", title="Something the DAO forbids",
        clause="A proposal holds nothing that its DAO's rule pack forbids; each message quotes the clause and source.",
        fix="Delete the sentence, or put what it asks for to the vote that the clause demands.",
        check=forbidden_clauses,
    ),
    Rule(
        id="PO-anti-mandate", family="policy", severity="error", title="Something the DAO may not decide",
        clause="A proposal stays within what the DAO's constitution lets it decide.",
        fix="Delete it; no vote makes it possible.", check=anti_mandates,
    ),
    Rule(
        id="PO-track", family="policy", severity="error", title="The wrong track",
        clause="A proposal takes the track that its actions demand (warns where only the type speaks against it).",
        fix="Move the action to a proposal on the right track.", check=wrong_track,
    ),
    Rule(
        id="PO-bundle", family="policy", severity="warning", title="Several decisions in one vote",
        clause="One vote decides one subject: three or more unrelated kinds of action warn.",
        fix="Split the proposal, so that each decision can fail alone.", check=bundles,
    ),
    Rule(
        id="PO-personal-data", family="policy", severity="error", title="Personal data",
        clause="A proposal holds no personal e-mail address, phone, identity or bank number.",
        fix="Delete it, or use the address of an office.", check=personal_data,
    ),
    Rule(
        id="PO-secret", family="policy", severity="error", title="A secret",
        clause="A proposal holds no private key, seed phrase or access key.",
        fix="Delete it and replace the key: whoever read the text has it.", check=secrets_left,
    ),
    Rule(
        id="PO-ai-disclosure", family="policy", severity="error", title="No disclosure of machine help",
        clause="A draft made with this system says that a language model helped to write it.",
        fix="Keep the disclosure that the server writes.", check=disclosure, needs=("brief",),
    ),
)  # fmt: skip
