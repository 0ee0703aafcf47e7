"""The records of a governor's history: one walk along the pieces of the branch that the cursor ends in.

A proposal's scores are the sums of its votes, its state what the contract said at the last block, or the event that
ended it. Powers are exact: a sum of 256-bit numbers is never rounded.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from data_prep.history import ActionRecord, Dropped, ProposalRecord, Support, VoteRecord
from data_prep.sources.archive import Entry, Stream
from data_prep.sources.fetcher import parse
from data_prep.sources.governor_events import Event, decoded
from data_prep.sources.items import FieldError, Item, canonical
from data_prep.sources.outcomes import outcome_of
from data_prep.sources.source import Records
from proposal.errors import IntegrityError

if TYPE_CHECKING:
    from data_prep.sources.governor import GovernorSpec

STATES = ("Pending", "Active", "Canceled", "Defeated", "Succeeded", "Queued", "Expired", "Executed")
"""What `state(uint256)` returns, in the order of both contracts' enumeration."""

CHOICES = ("Against", "For", "Abstain")
"""What `support` 0, 1 and 2 mean in both contracts."""
_SUPPORT: tuple[Support, ...] = ("against", "for", "abstain")

_ENDED = {"ProposalExecuted": "Executed", "ProposalCanceled": "Canceled", "ProposalVetoed": "Vetoed"}
_TITLE = re.compile(r"^[ ]{0,3}#{1,2}[ \t]+(.+?)[ #]*$", re.MULTILINE)
_CLOCK_IS_TIME = 1_000_000_000
"""A governor's clock counts blocks or seconds (ERC-6372); no chain has as many blocks as there are seconds."""


@dataclass(frozen=True, slots=True)
class _Log:
    """One event with where it stands."""

    event: Event
    item: Item
    block: int
    at: dt.datetime

    @property
    def id(self) -> str:
        return f"{self.item.data['transactionHash']}/{int(self.item.data['logIndex'], 16)}"


@dataclass(slots=True)
class _Proposal:
    created: _Log
    scores: list[int] = field(default_factory=lambda: [0, 0, 0])
    votes: int = 0
    ended: str = ""
    state: str = ""
    block: int = 0


def read_history(spec: GovernorSpec, place: Stream, *, tip: str, states_known: bool) -> Records:
    """Yield events and votes as they come, then the proposals with what became of them.

    `states_known` says that the states of the proposals were asked for at the tip, so they have to be there.
    """
    proposals: dict[str, _Proposal] = {}
    for entry in _branch(spec, place, tip, states_known):
        if "states_at" in entry.request:
            _set_states(proposals, entry)
            continue
        for log in _logs(spec, entry):
            if isinstance(log, Dropped):
                yield log
                continue
            _follow(proposals, log)
            yield _action(spec, log)
            if log.event.name.startswith("VoteCast"):
                yield _vote(spec, log)
    for proposal in proposals.values():
        yield _record(spec, proposal)


def _branch(spec: GovernorSpec, place: Stream, tip: str, states_known: bool) -> Iterator[Entry]:
    """Yield the pieces from the first block to the tip, each with what was asked at its end."""
    pieces: dict[str, tuple[int, str, str]] = {}
    states: dict[str, str] = {}
    for entry in place.entries():
        request = entry.request
        if "states_at" in request:
            states[request["end"]] = max(states.get(request["end"], ""), entry.address)
        elif "from" in request:
            piece = (request["from"], request["parent"], entry.address)
            pieces[request["end"]] = min(pieces.get(request["end"], piece), piece)
    if states_known and tip not in states:
        raise _hole(place, "the states of the proposals")
    chosen: list[str] = []
    first = None
    while tip in pieces:
        if tip in states:
            chosen.append(states[tip])
        first, tip, address = pieces[tip]
        chosen.append(address)
    if first != spec.from_block:
        raise _hole(place, f"the blocks before {first}" if first is not None else "the last blocks")
    for address in reversed(chosen):
        yield place.get(address)


def _hole(place: Stream, what: str) -> IntegrityError:
    return IntegrityError(f"the archive lacks {what}", where=str(place.folder),
                          fix="remove this folder's cursor.json and fetch again")  # fmt: skip


def _logs(spec: GovernorSpec, entry: Entry) -> Iterator[_Log | Dropped]:
    times = {number: timestamp for number, _, timestamp in parse(entry.bodies[1])}
    for log in parse(entry.bodies[0])["result"]:
        number = int(log["blockNumber"], 16)
        item = Item(log, entry.retrieved_at)
        try:
            event = decoded(log)
            at = item.checked(dt.datetime.fromtimestamp(times[number], dt.UTC), "timestamp")
        except FieldError as error:
            where = f"{log['transactionHash']}/{int(log['logIndex'], 16)}"
            yield Dropped(error.reason, spec.name, where, error.detail)
        else:
            yield _Log(event, item, number, at)


def _follow(proposals: dict[str, _Proposal], log: _Log) -> None:
    event = log.event
    if event.name == "ProposalCreated":
        proposals.setdefault(event.proposal_id, _Proposal(log))
    found = proposals.get(event.proposal_id)
    if found is None:
        return
    found.block = log.block
    if event.name.startswith("VoteCast"):
        found.votes += 1
        if event.arguments["support"] < len(found.scores):
            found.scores[event.arguments["support"]] += event.arguments["weight"]
    elif event.name == "ProposalQueued":
        found.state = "Queued"
    found.ended = _ENDED.get(event.name, found.ended)


def _set_states(proposals: Mapping[str, _Proposal], entry: Entry) -> None:
    for body in entry.bodies:
        number, _, state = body.partition(" ")
        if number in proposals and 0 <= int(state) < len(STATES):
            proposals[number].state = STATES[int(state)]
            proposals[number].block = max(proposals[number].block, entry.request["states_at"])


def _action(spec: GovernorSpec, log: _Log) -> ActionRecord:
    return ActionRecord(
        **spec.origin(log.item, log.id),
        proposal_id=log.event.proposal_id,
        event=log.event.name,
        chain=spec.chain,
        contract=spec.contract.lower(),
        block=log.block,
        block_hash=log.item.data["blockHash"],
        tx=log.item.data["transactionHash"],
        log_index=int(log.item.data["logIndex"], 16),
        at=log.at,
        arguments=json.dumps({name: str(v) if isinstance(v, int) else v for name, v in log.event.arguments.items()}),
    )


def _vote(spec: GovernorSpec, log: _Log) -> VoteRecord:
    cast = log.event.arguments
    return VoteRecord(
        **spec.origin(log.item, log.id),
        proposal_id=log.event.proposal_id,
        voter=cast["voter"],
        choice=canonical(cast["support"]),
        support=_SUPPORT[cast["support"]] if cast["support"] < len(_SUPPORT) else "",
        power=_amount(cast["weight"], spec.decimals),
        reason=cast["reason"],
        cast_at=log.at,
        block=log.block,
        tx=log.item.data["transactionHash"],
    )


def _record(spec: GovernorSpec, proposal: _Proposal) -> ProposalRecord:
    log = proposal.created
    made = log.event.arguments
    status = proposal.ended or proposal.state
    by_time = made["voteStart"] >= _CLOCK_IS_TIME
    return ProposalRecord(
        **spec.origin(log.item, log.event.proposal_id),
        version=proposal.block,
        title=_title(made["description"]),
        body=made["description"],
        status=status,
        outcome=outcome_of(status),
        author=made["proposer"],
        created=log.at,
        vote_start=dt.datetime.fromtimestamp(made["voteStart"], dt.UTC) if by_time else None,
        vote_end=dt.datetime.fromtimestamp(made["voteEnd"], dt.UTC) if by_time else None,
        voting_type="basic",
        choices=CHOICES,
        scores=tuple(_amount(score, spec.decimals) for score in proposal.scores),
        scores_total=_amount(sum(proposal.scores), spec.decimals),
        votes=proposal.votes,
        symbol=spec.symbol,
        network=str(spec.chain_id),
        block=None if by_time else made["voteStart"],
    )


def _title(description: str) -> str:
    """Return the first heading, which front ends show as the title, else the first line."""
    heading = _TITLE.search(description)
    line = heading[1] if heading else next(filter(None, map(str.strip, description.splitlines())), "")
    return line.strip()[:200]


def _amount(units: int, decimals: int) -> Decimal:
    """Return token units as tokens, exactly: arithmetic on decimals would round to 28 digits."""
    return Decimal((0, tuple(map(int, str(units))), -decimals)) if units else Decimal(0)
