"""The events of OpenZeppelin's Governor and of Governor Bravo, decoded from a chain's logs.

Both emit the same five events; OpenZeppelin adds two, Nouns one. An event is known by the hash of its signature, the
first topic of its log; its indexed arguments stand in the other topics, the rest in the data (the Solidity ABI).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eth_hash.auto import keccak

from data_prep.sources.items import FieldError


@dataclass(frozen=True, slots=True)
class EventForm:
    """The form of one event: its arguments as (ABI type, name), and how many of the first are indexed."""

    name: str
    arguments: tuple[tuple[str, str], ...]
    indexed: int = 0

    @property
    def topic(self) -> str:
        """Return the first topic of its logs."""
        return "0x" + bytes(keccak(f"{self.name}({','.join(kind for kind, _ in self.arguments)})".encode())).hex()


_CREATED = (
    ("uint256", "proposalId"), ("address", "proposer"), ("address[]", "targets"), ("uint256[]", "values"),
    ("string[]", "signatures"), ("bytes[]", "calldatas"), ("uint256", "voteStart"), ("uint256", "voteEnd"),
    ("string", "description"),
)  # fmt: skip
_CAST = (
    ("address", "voter"), ("uint256", "proposalId"), ("uint8", "support"), ("uint256", "weight"), ("string", "reason"),
)  # fmt: skip
_ID = (("uint256", "proposalId"),)

FORMS: tuple[EventForm, ...] = (
    EventForm("ProposalCreated", _CREATED),
    EventForm("VoteCast", _CAST, indexed=1),
    EventForm("VoteCastWithParams", (*_CAST, ("bytes", "params")), indexed=1),
    EventForm("ProposalQueued", (*_ID, ("uint256", "eta"))),
    EventForm("ProposalExecuted", _ID),
    EventForm("ProposalCanceled", _ID),
    EventForm("ProposalVetoed", _ID),
    EventForm("ProposalExtended", (*_ID, ("uint64", "extendedDeadline")), indexed=1),
)
BY_TOPIC: Mapping[str, EventForm] = {form.topic: form for form in FORMS}
ENDS = frozenset({"ProposalExecuted", "ProposalCanceled", "ProposalVetoed"})
"""Events after which nothing more happens to a proposal."""


@dataclass(frozen=True, slots=True)
class Event:
    """One decoded event; `arguments` holds whole numbers as int, addresses and bytes as 0x-text."""

    name: str
    arguments: Mapping[str, Any]

    @property
    def proposal_id(self) -> str:
        """Return the proposal's number in decimal digits."""
        return str(self.arguments["proposalId"])


def decoded(log: Mapping[str, Any]) -> Event:
    """Decode one log; one that does not have the form its topic promises is refused."""
    from eth_abi.abi import decode
    from eth_abi.exceptions import DecodingError

    topics = log.get("topics") or [""]
    form = BY_TOPIC.get(topics[0])
    if form is None or len(topics) != form.indexed + 1:
        raise FieldError("unknown-event", f"topic {topics[0]} with {len(topics) - 1} indexed arguments")
    kinds = [kind for kind, _ in form.arguments]
    try:
        values = [decode([kind], bytes.fromhex(topic[2:]))[0] for kind, topic in zip(kinds, topics[1:], strict=False)]
        values += decode(kinds[form.indexed :], bytes.fromhex(str(log["data"])[2:]))
    except (DecodingError, ValueError, KeyError, OverflowError) as error:
        raise FieldError("undecodable", f"{form.name}: {error}") from None
    return Event(form.name, {name: _plain(value) for (_, name), value in zip(form.arguments, values, strict=True)})


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value
