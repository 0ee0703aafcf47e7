"""Governor (OpenZeppelin and Bravo): the description, its hash, and the actions as typed objects.

A Governor identifies a proposal by a hash over targets, values, calldata and the hash of the
description, so one changed byte is another proposal. The description is therefore exported as the
bytes to paste, with the hash that the chain will compute. No transaction leaves here: nothing can
be signed or sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal

from eth_hash.auto import keccak
from pydantic import BaseModel, ConfigDict

from proposal.actions import Action, Call, encode, plain
from proposal.addresses import ZERO_ADDRESS, Address
from proposal.decisions import Review
from proposal.draft import Draft
from proposal.exports.result import Export, ExportProblem, check_limits, json_file, limits_for
from proposal.exports.text import normal, published_body, title_of
from proposal.template import Template

ARGUMENTS = {
    "openzeppelin": ("targets", "values", "calldatas", "description"),
    "bravo": ("targets", "values", "signatures", "calldatas", "description"),
}
"""What `propose` takes; for Bravo the calldata carries the selector and the signature is empty."""

_SUFFIX = re.compile(r"#proposer=0x[0-9a-fA-F]{40}\Z")
_NO_OPERATION = Call(ZERO_ADDRESS, 0, b"")


class GovernorOptions(BaseModel):
    """Settings of this venue.

    `proposer` adds the suffix that lets only this address submit the text (OpenZeppelin 4.9.1 and
    later). `signal` adds the empty call that a proposal without actions needs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    contract: Literal["openzeppelin", "bravo"] = "openzeppelin"
    proposer: Address | None = None
    signal: bool = False


def description_of(draft: Draft, review: Review, options: GovernorOptions) -> str:
    """Return the description: `# title`, the discussion link, the body, perhaps the suffix."""
    link = draft.brief.discussion_url
    parts = [f"# {title_of(draft)}", *([link] if link else []), published_body(draft, review)]
    suffix = f"\n\n#proposer={options.proposer}" if options.proposer else ""
    return normal("\n\n".join(parts)) + suffix


def description_hash(description: str) -> bytes:
    """Return the keccak-256 of the description's bytes.

    >>> description_hash("").hex()[:16]
    'c5d2460186f7233c'
    """
    return bytes(keccak(description.encode("utf-8")))


def proposal_id(calls: Sequence[Call], description: str) -> int:
    """Return the id that an OpenZeppelin Governor gives the proposal."""
    heads = 4 * 32
    targets = _array([_word(int(call.target, 16)) for call in calls])
    values = _array([_word(call.value) for call in calls])
    calldatas = _dynamic_array([_bytes(call.calldata) for call in calls])
    offsets = (heads, heads + len(targets), heads + len(targets) + len(values))
    encoded = b"".join(_word(offset) for offset in offsets) + description_hash(description)
    return int.from_bytes(keccak(encoded + targets + values + calldatas), "big")


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def _array(words: Sequence[bytes]) -> bytes:
    return _word(len(words)) + b"".join(words)


def _bytes(data: bytes) -> bytes:
    return _word(len(data)) + data.ljust(-(-len(data) // 32) * 32, b"\0")


def _dynamic_array(items: Sequence[bytes]) -> bytes:
    position, offsets = 32 * len(items), []
    for item in items:
        offsets.append(_word(position))
        position += len(item)
    return _word(len(items)) + b"".join(offsets) + b"".join(items)


def to_governor(draft: Draft, review: Review, *, template: Template, options: GovernorOptions) -> Export:
    """Return `governor/description.md` (the bytes to paste) and `governor/proposal.json`."""
    description = description_of(draft, review, options)
    actions = draft.brief.actions
    calls = [encode(action) for action in actions]
    if options.signal and not actions:
        calls = [_NO_OPERATION]
    has_id = bool(calls) and options.contract == "openzeppelin"
    sheet = {
        "title": title_of(draft),
        "contract": options.contract,
        "propose_takes": ARGUMENTS[options.contract],
        "description_file": "description.md",
        "description_hash": "0x" + description_hash(description).hex(),
        "proposer": options.proposer,
        "actions": [_sheet_row(action) for action in actions],
        "calls": [_call_row(call) for call in calls],
        "proposal_id": str(proposal_id(calls, description)) if has_id else None,
        "note": "Not a transaction: unsigned, and never sent by this software. Check every action "
        "against the text before you propose.",
    }
    files = {
        "governor/description.md": description.encode("utf-8"),
        "governor/proposal.json": json_file(sheet),
    }
    problems = (
        *_text_problems(draft, description, options),
        *_action_problems(actions, options),
        *_limit_problems(template, len(calls), options),
    )
    return Export("governor", files, problems)


def _sheet_row(action: Action) -> dict[str, object]:
    return {"does": plain(action), **action.model_dump(mode="json", exclude_defaults=False)}


def _call_row(call: Call) -> dict[str, str]:
    return {
        "target": call.target,
        "value_wei": str(call.value),
        "calldata": "0x" + call.calldata.hex(),
    }


def _text_problems(draft: Draft, description: str, options: GovernorOptions) -> Iterator[ExportProblem]:
    where = "governor/description.md"
    if normal(draft.text) != draft.text:
        yield ExportProblem(rule="EX-normalised", severity="info", where=where, message="the text "
                            "was brought to LF line ends and Unicode form NFC")  # fmt: skip
    if options.proposer is None and _SUFFIX.search(description):
        yield ExportProblem(rule="EX-proposer-suffix", severity="error", where=where, message=(
            "the text ends like a proposer suffix, so only that address could submit it: set "
            "'proposer' or change the end of the text"))  # fmt: skip


def _action_problems(actions: Sequence[Action], options: GovernorOptions) -> Iterator[ExportProblem]:
    if not actions and not options.signal:
        yield ExportProblem(rule="EX-no-action", severity="warning", where="governor/proposal.json", message=(
            "a Governor needs at least one action: give the brief actions, or set 'signal' for a proposal "
            "that only states a position"))  # fmt: skip


def _limit_problems(template: Template, count: int, options: GovernorOptions) -> Iterator[ExportProblem]:
    if options.contract == "bravo":
        limits = limits_for(template, "governor-bravo")
        yield from check_limits(limits, "actions", count, where="governor/proposal.json")
