"""Pairs of proposals by how they were voted on, matched so that little but the text differs.

The pairs teach a reward model and carry a margin. A vote is a weak and confounded signal about drafting, so two
proposals are compared only where DAO, kind, voting system, time, size of the ask and proposer are alike, both reached
the quorum and an ordinary turnout, and the count of voters agrees with the weight of their tokens: a whale decides no
pair. Formulas: logit with one average voter added to each side; the difference has to be at least log 2, the margin is
half of it up to 1 (rewards.md, section 4.2, after SHP: fewer and stronger pairs beat more).
"""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations

from data_prep.history import ProposalRecord, VoteRecord
from data_prep.inversion import proposal_type
from data_prep.published import published_turns
from data_prep.records import Drop, Message, RmRow
from data_prep.revisions import likeness, shingles
from proposal.document import parse

MAX_DAYS = 90
MAX_ASK = 0.3
"""Most that two asks may differ, in powers of ten."""
MIN_DIFFERENCE = math.log(2)
PAIRS_PER_PROPOSAL = 5
SHARE_PER_DAO = 0.10
SAME_TEXT = 0.8
"""Likeness of two texts from which they are one recurring proposal."""
OFTEN = 3
"""Proposals of one author in a DAO from which the author counts as a regular one."""

_MONEY = {"USD", "USDC", "USDT", "DAI", "EUR", "ETH"}


@dataclass(frozen=True, slots=True)
class Tally:
    """A result in both measures: weight of tokens and heads, for and against."""

    power_for: Decimal
    power_against: Decimal
    heads_for: int
    heads_against: int

    @property
    def by_power(self) -> float:
        """Return the logit of the share in favour by weight, one average voter added to each side."""
        one = (self.power_for + self.power_against) / max(1, self.heads)
        return math.log(float((self.power_for + one) / (self.power_against + one)))

    @property
    def by_heads(self) -> float:
        """Return the logit of the share in favour by voters, one voter added to each side."""
        return math.log((self.heads_for + 1) / (self.heads_against + 1))

    @property
    def heads(self) -> int:
        return self.heads_for + self.heads_against


@dataclass(frozen=True, slots=True)
class Voted:
    """A proposal with its result and what it is matched by; `ask` is its greatest sum of money, 0 for none."""

    record: ProposalRecord
    tally: Tally
    day: dt.date
    kind: str
    ask: float
    regular: bool
    grams: frozenset[int]


def tally(votes: Iterable[VoteRecord]) -> Tally:
    """Count ballots that say for or against; an abstention is in the turnout of the record and not here."""
    power = {"for": Decimal(0), "against": Decimal(0)}
    heads = {"for": 0, "against": 0}
    for vote in votes:
        if vote.support in ("for", "against"):
            power[vote.support] += vote.power
            heads[vote.support] += 1
    return Tally(power["for"], power["against"], heads["for"], heads["against"])


def matched_pairs(votes: Sequence[tuple[ProposalRecord, Tally]]) -> Iterator[RmRow | Drop]:
    """Pair the proposals of many DAOs; whatever may not be paired, and every pair over a limit, is a counted drop."""
    usable: list[Voted] = []
    for item in voted(votes):
        if isinstance(item, Drop):
            yield item
        else:
            usable.append(item)
    pairs: list[tuple[float, Voted, Voted]] = []
    for one, other in combinations(usable, 2):
        compared = compare(one, other)
        if isinstance(compared, Drop):
            yield compared
        elif compared is not None:
            pairs.append(compared)
    yield from _limited(sorted(pairs, key=lambda pair: (-pair[0], pair[1].record.key, pair[2].record.key)))


def voted(votes: Sequence[tuple[ProposalRecord, Tally]]) -> Iterator[Voted | Drop]:
    """Read what each proposal is matched by; leave out those without text, day, quorum or an ordinary turnout."""
    authors = Counter((record.dao, record.author) for record, _ in votes)
    turnout: dict[str, list[Decimal]] = {}
    for record, counted in votes:
        turnout.setdefault(record.dao, []).append(_turnout(record, counted))
    floors = {dao: sorted(values)[len(values) // 4] for dao, values in turnout.items()}
    seen: dict[str, list[frozenset[int]]] = {}
    for record, counted in votes:
        reason = _unusable(record, counted, floors[record.dao])
        grams = shingles(record.body)
        if not reason and any(likeness(grams, other) >= SAME_TEXT for other in seen.get(record.dao, ())):
            reason = ("duplicate", "a recurring proposal: nearly the text of an earlier one")
        if reason:
            yield Drop(reason[0], record.source_id, "rm", detail=reason[1])  # type: ignore[arg-type]
            continue
        seen.setdefault(record.dao, []).append(grams)
        assert record.created is not None
        yield Voted(record, counted, record.created.date(), proposal_type(record.title), _ask(record.body),
                    bool(record.author) and authors[record.dao, record.author] >= OFTEN, grams)  # fmt: skip


def _unusable(record: ProposalRecord, counted: Tally, floor: Decimal) -> tuple[str, str] | None:
    if not record.body.strip() or record.created is None:
        return "empty", "no body, or no day"
    if not counted.heads:
        return "no-outcome", "no ballot for or against"
    if record.quorum is not None and _turnout(record, counted) < record.quorum:
        return "quorum-missed", "the vote missed its quorum"
    if _turnout(record, counted) < floor:
        return "quorum-missed", "turnout in the lowest quarter of its DAO"
    return None


def _turnout(record: ProposalRecord, counted: Tally) -> Decimal:
    return record.scores_total if record.scores_total is not None else counted.power_for + counted.power_against


def _ask(body: str) -> float:
    sums = [float(amount.value) for amount in parse(body).amounts if amount.unit in _MONEY and amount.value > 0]
    return max(sums, default=0.0)


def compare(one: Voted, other: Voted) -> tuple[float, Voted, Voted] | Drop | None:
    """Return margin, better and worse; None where they do not match, a drop where the vote does not tell them apart."""
    if not matched(one, other):
        return None
    power = one.tally.by_power - other.tally.by_power
    heads = one.tally.by_heads - other.tally.by_heads
    source = f"{one.record.source_id}|{other.record.source_id}"
    if power * heads <= 0:
        return Drop("signals-disagree", source, "rm", detail="tokens and voters prefer different ones")
    difference = min(abs(power), abs(heads))
    if difference < MIN_DIFFERENCE:
        return Drop("close-vote", source, "rm", detail="the results differ by less than log 2")
    better, worse = (one, other) if power > 0 else (other, one)
    return min(difference, 2.0) / 2, better, worse


def matched(one: Voted, other: Voted) -> bool:
    """Tell whether little but the text differs between two proposals."""
    a, b = one.record, other.record
    return (
        a.dao == b.dao
        and one.kind == other.kind
        and a.voting_type == b.voting_type
        and one.regular == other.regular
        and abs((one.day - other.day).days) <= MAX_DAYS
        and _asks_alike(one.ask, other.ask)
    )


def _asks_alike(one: float, other: float) -> bool:
    if not one or not other:
        return one == other
    return abs(math.log10(one) - math.log10(other)) <= MAX_ASK


def _limited(pairs: Sequence[tuple[float, Voted, Voted]]) -> Iterator[RmRow | Drop]:
    """Keep the strongest pairs: few of one proposal, and no DAO with more than its share."""
    most = max(1, math.ceil(SHARE_PER_DAO * len(pairs)))
    uses: Counter[str] = Counter()
    daos: Counter[str] = Counter()
    many = len({pair[1].record.dao for pair in pairs}) > 1
    for margin, better, worse in pairs:
        keys, dao = (better.record.key, worse.record.key), better.record.dao
        if any(uses[key] >= PAIRS_PER_PROPOSAL for key in keys) or (many and daos[dao] >= most):
            yield Drop("over-share", f"{better.record.source_id}|{worse.record.source_id}", "rm",
                       detail="enough pairs of this proposal or DAO")  # fmt: skip
            continue
        uses.update(keys)
        daos[dao] += 1
        yield RmRow(messages=_turns(better.record), rejected_messages=_turns(worse.record),
                    margin=round(margin, 4), dao_pair="matched", dao_section="", dao_template="",
                    dao_source=f"{better.record.source_id}|{worse.record.source_id}")  # fmt: skip


def _turns(record: ProposalRecord) -> tuple[Message, ...]:
    return published_turns(record.dao, record.title, record.body)
