"""Addresses: checksums, recipients that swallow money, names and addresses that belong together.

A transfer to the contract of a token once lost a DAO half a million (product.md 2), and nobody who voted saw it: so
what stands behind "to" in a sentence about a payment is compared with every token contract that is known or that the
text itself names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

import yaml

from proposal.addresses import ZERO_ADDRESS, checksum
from proposal.checks.framework import CheckContext, Hit, Rule
from proposal.checks.phrases import fold
from proposal.document import Address, Table

LOOK_BACK = 240
"""Characters around an address in which the words that it belongs to are looked for: a long sentence, and no more, so
that a text of one endless sentence is still read in linear time."""

NEAR = 12
"""Characters behind an address in which a Chinese sentence has its verb."""

_NOBODY = frozenset({ZERO_ADDRESS, "0x000000000000000000000000000000000000dead", "0x" + "dead" * 10})
_NATIVE = "0x" + "e" * 40
"""The address that stands for the chain's own coin in many contracts: neither a token nor a recipient."""


@lru_cache(maxsize=1)
def known_tokens() -> Mapping[str, str]:
    """Return the symbol of each well-known token contract, by its address in small letters."""
    data = yaml.safe_load((Path(__file__).parent / "tokens.yaml").read_text(encoding="utf-8"))
    return {str(address).lower(): str(symbol) for address, symbol in data.items()}


def checksums(context: CheckContext) -> Iterator[Hit]:
    """Report addresses whose capitals do not match their checksum."""
    for address in context.addresses:
        digits = address.text[2:]
        if digits in (digits.lower(), digits.upper()):
            if address.text.lower() not in _NOBODY and any(d.isalpha() for d in digits):
                yield Hit(address.start, address.end,
                          "the address has no checksum: a typing slip would go unnoticed", "info")  # fmt: skip
        elif address.text != checksum(address.text):
            yield Hit(address.start, address.end, "the address does not match its checksum: a digit is wrong")


_NEARLY = re.compile(r"(?<![A-Za-z0-9_/=&?#-])0x([0-9a-fA-F]{36,39}|[0-9a-fA-F]{41,43})(?![A-Za-z0-9_])")


_CAPITAL = re.compile(r"(?<![A-Za-z0-9_/=&?#-])0X[0-9a-fA-F]{40}(?![A-Za-z0-9_])")


def lengths(context: CheckContext) -> Iterator[Hit]:
    """Report what looks like an address with a digit too many or too few."""
    for match in _NEARLY.finditer(context.text) if "0x" in context.text else ():
        if not context.not_prose.covers(match.start()):
            yield Hit(match.start(), match.end(), f"{len(match[1])} digits: an address has 40")
    for match in _CAPITAL.finditer(context.text) if "0X" in context.text else ():
        if not context.not_prose.covers(match.start()):
            yield Hit(match.start(), match.end(), "an address begins with 0x: no wallet takes this", "warning")


def look_alikes(context: CheckContext) -> Iterator[Hit]:
    """Report two addresses that agree at both ends and differ between: the mark of a poisoned address."""
    seen: dict[tuple[str, str], Address] = {}
    for address in context.addresses:
        digits = address.text[2:].lower()
        if len(set(digits)) < 6:
            continue
        first = seen.setdefault((digits[:4], digits[-4:]), address)
        if first.text.lower() != address.text.lower():
            line = context.document.line_column(first.start)[0]
            yield Hit(address.start, address.end, f"looks like the address on line {line} at both ends, and differs")


# --- recipients --------------------------------------------------------------------------------------------------

_TRANSFER = re.compile(
    r"(?<![a-z])(?:transfer(?:s|red|ring)?|send(?:s|ing)?|sent|pay(?:s|ing|ment|able)?|paid|grant(?:s|ed)?|disburse[ds]?|stream"
    r"(?:s|ed|ing)?|distribut(?:e|ed|es|ing)|allocat(?:e|ed|es|ing)|award(?:s|ed)?|fund(?:s|ed|ing)?|withdraw(?:s|n)?|"
    r"return(?:s|ed)?|move(?:s|d)?|mint(?:s|ed)?)(?![a-z])|转账|转给|转至|转入|支付|拨付|发放|划拨|汇入|拨款|打款|发送|付款|付给|汇给"
)
_TO = re.compile(
    r"(?<![a-z])(?:to|into|recipient|payee|beneficiary|receiver|destination)(?![a-z])|至|到|给|向|收款(?:人|方|地址)?|接收地址"
)
_NOT_A_PAYEE = re.compile(
    r"(?<![a-z])(?:spend|use|using|swap|buy|sell|call|calls|from|approve|allow|be|set|via|through|of|for|on|by|with|in|"
    r"token|list|add|redeem|deposit|borrow|supply|support|transfer|withdraw|claim|send|pay)(?![a-z])|0x|[|]|代币|合约"
)
_COLUMN = re.compile(
    r"(?<![a-z])(?:to|recipient|payee|beneficiary|receiver|destination|wallet|pay to)(?![a-z])|收款|接收|受益"
)
_BURN = re.compile(
    r"(?<![a-z])(?:burn|burns|burned|burnt|burning|destroy|destroyed|remove from supply|renounce[ds]?)(?![a-z])"
    r"|销毁|燃烧|放弃"
)


def recipients(context: CheckContext) -> list[Address]:
    """Return the addresses that something is paid to, as the sentence or the column of a table says."""
    if "recipients" not in context.memory:
        context.memory["recipients"] = [
            address for address in context.addresses
            if _is_payee(context, address) or _is_in_payee_column(context, address)
        ]  # fmt: skip
    found: list[Address] = context.memory["recipients"]
    return found


def _is_payee(context: CheckContext, address: Address) -> bool:
    sentence = context.sentence_at(address.start)
    if sentence is None:
        return False
    before = context.folded[max(sentence.start, address.start - LOOK_BACK) : address.start]
    to = next(reversed(list(_TO.finditer(before))), None)
    if to is None or len(before) - to.end() > 60 or _NOT_A_PAYEE.search(before[to.end() :]):
        return False
    if to[0] in {"向", "给"} and _TRANSFER.search(context.folded, address.end, min(sentence.end, address.end + NEAR)):
        return True  # 向0x…转账: the verb stands behind the recipient
    labelled = to[0] not in {"to", "into", "至", "到", "给", "向"}
    return labelled or _TRANSFER.search(before) is not None


def _is_in_payee_column(context: CheckContext, address: Address) -> bool:
    table = _table_at(context, address.start)
    if table is None:
        return False
    for row in table.rows:
        for column, cell in enumerate(row[: len(table.header)]):
            if cell.start <= address.start < cell.end:
                named = _COLUMN.search(fold(table.header[column].text)) or (
                    len(row) == 2 and _COLUMN.search(fold(row[0].text))
                )
                return named is not None and named is not False
    return False


def _table_at(context: CheckContext, place: int) -> Table | None:
    return next((table for table in context.document.tables if table.start <= place < table.end), None)


_SYMBOL = re.compile(
    r"(?:(?<![A-Za-z0-9])\$?([A-Z][A-Za-z0-9.]{1,9})(?: token| contract| token contract| address| token address)?|"
    r"(?i:token contract|token address|erc-?20 contract|token|代币合约|代币地址))"
    r"[ ]?(?:is|at|:|=|：|为)?[ ]?[(\[`（]{0,3}\Z"
)
_NOT_SYMBOLS = frozenset({"DAO", "USD", "TO", "SAFE", "EOA", "THE", "AT"})


def named_tokens(context: CheckContext) -> Mapping[str, str]:
    """Return the token contracts that the text itself names ("USDC (0x…)"), with the well-known ones."""
    found = dict(known_tokens())
    symbols = set(known_tokens().values()) | {a.unit for a in context.document.amounts if a.kind == "money"}
    for address in context.addresses:
        match = _SYMBOL.search(context.text[max(0, address.start - 40) : address.start])
        if match and (match[1] is None or (match[1] in symbols and match[1] not in _NOT_SYMBOLS)):
            found.setdefault(address.text.lower(), match[1] or "token")
    return found


def token_as_recipient(context: CheckContext) -> Iterator[Hit]:
    """Report payments to the contract of a token: such money is lost."""
    paid = [address for address in recipients(context) if address.text.lower() != _NATIVE]
    tokens = named_tokens(context) if paid else {}
    for address in paid:
        symbol = tokens.get(address.text.lower())
        if symbol:
            yield Hit(address.start, address.end,
                      f"the recipient is the contract of {symbol}: what is sent there is lost")  # fmt: skip


def nobody_as_recipient(context: CheckContext) -> Iterator[Hit]:
    """Report payments to the zero address, unless the sentence speaks of burning."""
    for address in recipients(context):
        if address.text.lower() in _NOBODY and not _BURN.search(context.around(address.start)):
            yield Hit(address.start, address.end, "the recipient is an address that nobody holds")


# --- what the brief and the evidence say ---------------------------------------------------------------------------

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}(?![0-9a-fA-F])")


def unknown_addresses(context: CheckContext) -> Iterator[Hit]:
    """Report addresses that neither the evidence nor the brief holds."""
    texts = [item.model_dump_json() for item in (context.evidence or {}).values()] if context.addresses else []
    if context.brief is not None and context.addresses:
        texts.append(context.brief.model_dump_json())
    known = {found.lower() for text in texts for found in _ADDRESS.findall(text)} | set(known_tokens())
    for address in context.addresses:
        if address.text.lower() not in known and address.text.lower() not in _NOBODY:
            yield Hit(address.start, address.end, "neither the evidence nor the brief holds this address")


def swapped_addresses(context: CheckContext) -> Iterator[Hit]:
    """Report a sentence that names a parameter or value and gives it another address."""
    if not context.addresses:
        return
    labelled: dict[str, str] = {}
    values = list(context.brief.parameters.values()) if context.brief else []
    values += [value for item in (context.evidence or {}).values() for value in item.values.values()]
    for value in values:
        label = fold(value.label_in(context.language))
        if label and isinstance(value.value, str) and _ADDRESS.fullmatch(value.value):
            labelled[label] = value.value.lower()
    for address in context.addresses if labelled else ():
        sentence = context.sentence_at(address.start)
        if sentence is None:
            continue
        before = context.folded[max(sentence.start, address.start - LOOK_BACK) : address.start]
        at, label = max(((before.rfind(label), label) for label in labelled), default=(-1, ""))
        if at >= 0 and labelled[label] != address.text.lower() and not _ADDRESS.search(before, at):
            yield Hit(address.start, address.end, f"the address of “{label[:60]}” is {checksum(labelled[label])}")


_ENS = re.compile(r"(?<![A-Za-z0-9.@/-])((?:[a-z0-9-]{1,60}\.){1,5}eth)(?![A-Za-z0-9-]|\.[a-z])")
_ENS_PAIR = re.compile(r"(?:[ ]?[(（\[:=`-]{1,3}[ ]?|[ ]is[ ]|\][(][^()\n]{0,120})[`\[(]{0,3}\Z")


def ens_names(context: CheckContext) -> Iterator[Hit]:
    """Report one name with two addresses, and payments to a name without its address."""
    pairs: dict[str, str] = {}
    if ".eth" not in context.folded:
        return
    ends = {match.end(): match[1] for match in _ENS.finditer(context.folded)}
    for address in context.addresses:
        gap = next((end for end in range(address.start, max(0, address.start - 12), -1) if end in ends), None)
        if gap is None or not re.fullmatch(r"[ ]?[(（\[:=`-]{0,3}[ ]?[`\[]{0,2}", context.text[gap : address.start]):
            continue
        name = ends[gap]
        known = pairs.setdefault(name, address.text.lower())
        if known != address.text.lower():
            yield Hit(address.start, address.end, f"{name} has another address before: {checksum(known)}")
    yield from _unpinned_names(context, set(pairs))


_PAID_NAME = re.compile(r"(?<![a-z])(?:to|pays?|paying)[ ](?:the )?[*_`\[(]{0,3}\Z|[至到给][ ]?\Z")


def _unpinned_names(context: CheckContext, pinned: set[str]) -> Iterator[Hit]:
    for match in _ENS.finditer(context.folded):
        if match[1] in pinned or context.not_prose.covers(match.start()):
            continue
        sentence = context.sentence_at(match.start())
        if sentence is None:
            continue
        low, high = max(sentence.start, match.start() - LOOK_BACK), min(sentence.end, match.end() + LOOK_BACK)
        if "0x" in context.folded[low:high]:
            continue
        before = context.folded[low : match.start()]
        if _TRANSFER.search(before) and _PAID_NAME.search(before):
            yield Hit(
                match.start(),
                match.end(),
                f"{match[1]} is paid by name: whoever controls the name receives it",
                "warning",
            )


RULES: tuple[Rule, ...] = (
    Rule(
        id="AD-checksum", family="addresses", severity="error", title="An address with a wrong checksum",
        clause="An address with capital letters matches its checksum (one without any is noted).",
        fix="Copy the address again from its source.", check=checksums,
    ),
    Rule(
        id="AD-length", family="addresses", severity="error", title="An address with a wrong length",
        clause="An address has 40 digits after 0x.",
        fix="Copy the address again from its source.", check=lengths,
    ),
    Rule(
        id="AD-look-alike", family="addresses", severity="error", title="Two addresses that look alike",
        clause="No two different addresses of a text begin and end alike.",
        fix="Compare both with their source, digit by digit.", check=look_alikes,
    ),
    Rule(
        id="AD-recipient-is-token", family="addresses", severity="error", title="A token contract as recipient",
        clause="Nothing is paid to the contract of a token.",
        fix="Replace it by the address of the person or body that is to be paid.", check=token_as_recipient,
    ),
    Rule(
        id="AD-zero", family="addresses", severity="error", title="Nobody as recipient",
        clause="Nothing is paid to the zero address or another that nobody holds, unless it is to be burnt.",
        fix="Replace it by the recipient's address, or say that the tokens are burnt.", check=nobody_as_recipient,
    ),
    Rule(
        id="AD-unknown", family="addresses", severity="warning", title="An address from nowhere",
        clause="Every address of a draft stands in its evidence or its brief.",
        fix="Add the address to the evidence, or delete it.", check=unknown_addresses, needs=("evidence",),
    ),
    Rule(
        id="AD-swapped", family="addresses", severity="error", title="Another address than the brief names",
        clause="What brief or evidence gives an address to has that address in the text.",
        fix="Use the address that the message names, or correct the brief.", check=swapped_addresses,
    ),
    Rule(
        id="AD-ens-resolved", family="addresses", severity="error", title="A name and its address",
        clause="A name stands for one address, and a payment to a name prints that address (its absence warns).",
        fix="Print the address behind the name, as in name.eth (0x…).", check=ens_names,
    ),
)  # fmt: skip
