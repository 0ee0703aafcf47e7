"""Governance history as sources yield it: one frozen record per proposal, vote, post, on-chain event, metric and space.

These are the tables of the lake. A record says only what its source says, with where it stood: which source and id,
when it was read, under which licence, and the hash of the raw item. Amounts are exact decimals: voting power on a
chain has up to 78 digits, more than a float or a 128-bit decimal column holds.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, Literal, get_args

Outcome = Literal[
    "passed", "rejected", "withdrawn", "expired", "closed", "draft", "pending", "superseded", "unknown"
]  # fmt: skip
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
"""What became of a proposal, in one vocabulary for all sources. A vote result is no judgement of the writing."""

Support = Literal["for", "against", "abstain", ""]
PostKind = Literal["forum", "social", "web", "analysis"]
Table = Literal["proposals", "votes", "posts", "actions", "metrics", "spaces"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What every record has. `source` and `source_id` name it for good; times are aware and in UTC.

    `source` is the kind of system, `stream` the name that the spec gave this one. `raw_hash` is the SHA-256 of the
    raw item in canonical JSON, so it does not depend on how the source cut its pages. `version` is the source's own
    mark of a change (an edit number, a time in seconds): of two records with one key the higher is the newer.
    Missing text is empty, a missing number or time is None.
    """

    table: ClassVar[Table]

    source: str
    stream: str
    source_id: str
    dao: str
    retrieved_at: dt.datetime
    licence: str
    raw_hash: str
    url: str = ""
    version: int = 0

    @property
    def key(self) -> str:
        """Return the natural key: unique in its table over all sources."""
        return f"{self.source}/{self.stream}/{self.source_id}"

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON-compatible data: decimals as text, times in ISO form."""
        return {name: _plain(value) for name, value in dataclasses.asdict(self).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dt.datetime):
        return value.isoformat()
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalRecord(Record):
    """A published proposal, with its result where the source has one.

    `status` is the source's own word, `outcome` ours. `scores` go with `choices`, in units of `symbol`; `votes` counts
    ballots. `block` is the block at which voting power is measured.
    """

    table: ClassVar[Table] = "proposals"

    title: str
    body: str
    status: str = ""
    outcome: Outcome = "unknown"
    author: str = ""
    created: dt.datetime | None = None
    vote_start: dt.datetime | None = None
    vote_end: dt.datetime | None = None
    voting_type: str = ""
    choices: tuple[str, ...] = ()
    scores: tuple[Decimal, ...] = ()
    scores_total: Decimal | None = None
    quorum: Decimal | None = None
    votes: int | None = None
    symbol: str = ""
    network: str = ""
    block: int | None = None
    discussion_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteRecord(Record):
    """One ballot. `proposal_id` is the `source_id` of the proposal in the same stream; `choice` as cast, in JSON.

    `support` is filled where the choice is one of for, against, abstain.
    """

    table: ClassVar[Table] = "votes"

    proposal_id: str
    voter: str
    choice: str
    power: Decimal
    support: Support = ""
    power_final: bool = True
    reason: str = ""
    cast_at: dt.datetime | None = None
    block: int | None = None
    tx: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostRecord(Record):
    """A piece of writing about governance: a forum post in markdown, a social post, a web page.

    `thread` groups posts and `number` orders them in it; `reply_to` is the number that is answered.
    """

    table: ClassVar[Table] = "posts"

    kind: PostKind
    body: str
    title: str = ""
    author: str = ""
    created: dt.datetime | None = None
    thread: str = ""
    number: int = 0
    reply_to: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRecord(Record):
    """One on-chain event of a governor, final at the depth the spec asks for. `arguments` is a JSON object."""

    table: ClassVar[Table] = "actions"

    proposal_id: str
    event: str
    chain: str
    contract: str
    block: int
    block_hash: str
    tx: str
    log_index: int
    at: dt.datetime
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRecord(Record):
    """One value of one series: `value` in `unit` of `metric` of `subject` on the day or at the time `at`."""

    table: ClassVar[Table] = "metrics"

    subject: str
    metric: str
    unit: str
    at: dt.datetime
    value: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceRecord(Record):
    """The settings of a DAO on a voting platform; times in seconds."""

    table: ClassVar[Table] = "spaces"

    name: str
    about: str = ""
    symbol: str = ""
    network: str = ""
    created: dt.datetime | None = None
    quorum: Decimal | None = None
    voting_delay: int | None = None
    voting_period: int | None = None
    proposals: int | None = None
    followers: int | None = None


TABLES: dict[Table, type[Record]] = {
    record.table: record for record in (ProposalRecord, VoteRecord, PostRecord, ActionRecord, MetricRecord, SpaceRecord)
}

DroppedReason = Literal[
    "missing-field",
    "wrong-type",
    "not-json",
    "not-a-row",
    "shifted-row",
    "undecodable",
    "future-date",
    "no-body",
    "too-long",
    "duplicate-id",
    "no-front-matter",
    "unknown-event",
    "deleted",
]
"""Why something that a source holds did not become a record."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """An item that did not become a record: why, from which stream, where it stood, and what was found."""

    reason: DroppedReason
    stream: str
    where: str
    detail: str = ""


@dataclass(slots=True)
class Tally:
    """Counts of what a stream gave: records by table, and items left out by reason."""

    records: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)

    def add(self, item: Record | Dropped) -> None:
        """Count one item."""
        if isinstance(item, Dropped):
            self.dropped[item.reason] += 1
        else:
            self.records[item.table] += 1
