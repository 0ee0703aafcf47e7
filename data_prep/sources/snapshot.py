"""Snapshot.org's hub: the proposals of a space with their results, its votes and its settings, over GraphQL.

Pages are cut by time of creation, never by `skip`: what is added meanwhile cannot push an item past the reader. The
second on which a page ends is read again, and only where one second alone fills a page is it paged by `skip`. A later
run begins a day before the last item, asks again for proposals that were still open, and reads the votes of those that
closed once more, because a vote's power is final only then.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from data_prep.history import Outcome, ProposalRecord, Record, SpaceRecord, VoteRecord
from data_prep.sources.archive import Entry, Stream
from data_prep.sources.fetcher import BadAnswerError, Fetcher, parse
from data_prep.sources.items import FieldError, Item, canonical, moment, number, objects, recorded
from data_prep.sources.outcomes import outcome_of, support_of, vote_outcome
from data_prep.sources.source import NetworkSpec, Records, Source, State, Step

HUB = "https://hub.snapshot.org/graphql"
PAGE = 1000
"""Most items the hub gives at once."""
OVERLAP_S = 86_400
"""Seconds before the last item from which a later run reads again: items arrive with an earlier time than now."""
OPEN_AT_ONCE = 100

SPACE_QUERY = """query Space($id: String!) {
  space(id: $id) { id name about network symbol created proposalsCount followersCount verified
    voting { delay period quorum quorumType type } }
}"""

_PROPOSAL_FIELDS = """{ id ipfs author created updated space { id } network symbol type title body discussion choices
    labels start end quorum quorumType privacy snapshot state link app scores scores_state scores_total scores_updated
    votes flagged }"""

PROPOSALS_QUERY = f"""query Proposals($where: ProposalWhere!, $first: Int!, $skip: Int!) {{
  proposals(where: $where, first: $first, skip: $skip, orderBy: "created", orderDirection: asc) {_PROPOSAL_FIELDS}
}}"""

VOTES_QUERY = """query Votes($where: VoteWhere!, $first: Int!, $skip: Int!) {
  votes(where: $where, first: $first, skip: $skip, orderBy: "created", orderDirection: asc)
    { id voter created proposal { id type choices } choice reason app vp vp_state }
}"""

QUERIES = {"space": SPACE_QUERY, "proposals": PROPOSALS_QUERY, "votes": VOTES_QUERY}
"""What is asked of the hub, by the field that the answer stands under; a test holds them against the hub's schema."""


class SnapshotSpec(NetworkSpec):
    """One space of the hub; `votes: false` reads proposals alone, `key_env` names the variable with an API key."""

    tuning: ClassVar[frozenset[str]] = NetworkSpec.tuning | {"key_env", "page"}

    space: str = Field(min_length=1, max_length=120)
    votes: bool = True
    hub: str = HUB
    page: int = Field(default=PAGE, ge=1, le=PAGE)
    key_env: str = ""


def begin(_: SnapshotSpec, last: State | None) -> State:
    """Begin with the space's settings; a later run a day before what the last one saw, and with what was open then."""
    seen = (last or {}).get("seen", {})
    return {
        "phase": "space",
        "since": {name: max(0, int(seen.get(name, 0)) - OVERLAP_S) for name in ("proposals", "votes")},
        "skip": 0,
        "seen": dict(seen),
        "open": list((last or {}).get("open", [])),
        "ask": sorted((last or {}).get("open", [])),
        "recount": list((last or {}).get("recount", [])),
        "recount_since": 0,
    }


def step(spec: SnapshotSpec, state: State, fetcher: Fetcher) -> Step | None:
    """Read the next page: settings, new proposals, proposals that were open, new votes, votes of those that closed."""
    phase = state["phase"]
    if phase == "space":
        return _asked(spec, state, fetcher, "space", {"id": spec.space}, {"phase": "proposals"})
    if phase == "proposals":
        where = {"space": spec.space, "created_gte": state["since"]["proposals"]}
        return _page(spec, state, fetcher, "proposals", where, then="open")
    if phase == "open":
        if not state["ask"]:
            return step(spec, {**state, "phase": "votes"}, fetcher)
        ids = state["ask"][:OPEN_AT_ONCE]
        variables = {"where": {"space": spec.space, "id_in": ids}, "first": OPEN_AT_ONCE, "skip": 0}
        return _asked(spec, state, fetcher, "proposals", variables, {"ask": state["ask"][OPEN_AT_ONCE:]})
    if phase == "votes" and spec.votes:
        where = {"space": spec.space, "created_gte": state["since"]["votes"]}
        return _page(spec, state, fetcher, "votes", where, then="recount")
    if phase == "recount" and spec.votes and state["recount"]:
        where = {"proposal": state["recount"][0], "created_gte": state["recount_since"]}
        return _recount(spec, state, fetcher, where)
    return None


def _page(
    spec: SnapshotSpec, state: State, fetcher: Fetcher, field: str, where: Mapping[str, Any], *, then: str
) -> Step:
    step, items = _items(spec, state, fetcher, field, where)
    last = max((_created(item) for item in items), default=0)
    since, skip = _moved(state, items, state["since"][field], last)
    following = {**state, "skip": skip, "since": {**state["since"], field: since},
                 "seen": {**state["seen"], field: max(last, int(state["seen"].get(field, 0)))}}  # fmt: skip
    if len(items) < spec.page:
        following |= {"phase": then, "skip": 0}
    if field == "proposals":
        following = _noted(following, items)
    return Step(step.request, step.bodies, following, step.note)


def _recount(spec: SnapshotSpec, state: State, fetcher: Fetcher, where: Mapping[str, Any]) -> Step:
    step, items = _items(spec, state, fetcher, "votes", where)
    last = max((_created(item) for item in items), default=0)
    since, skip = _moved(state, items, state["recount_since"], last)
    following = {**state, "recount_since": since, "skip": skip}
    if len(items) < spec.page:
        following |= {"recount": state["recount"][1:], "recount_since": 0, "skip": 0}
    return Step(step.request, step.bodies, following, step.note)


def _moved(state: State, items: list[Any], since: int, last: int) -> tuple[int, int]:
    """Return from which second and how far into it the next page begins."""
    if last > since:
        return last, 0
    return since, state["skip"] + len(items)


def _items(
    spec: SnapshotSpec, state: State, fetcher: Fetcher, field: str, where: Mapping[str, Any]
) -> tuple[Step, list[Any]]:
    variables = {"where": dict(where), "first": spec.page, "skip": state["skip"]}
    step = _asked(spec, state, fetcher, field, variables, {})
    return step, list(objects(parse(step.bodies[0]), "data", field))


def _asked(
    spec: SnapshotSpec, state: State, fetcher: Fetcher, field: str, variables: Mapping[str, Any],
    moves: Mapping[str, Any],
) -> Step:  # fmt: skip
    body = {"query": QUERIES[field], "variables": variables}
    answer = fetcher.post(spec.hub, body, spec.policy, spec.key_header("x-api-key", spec.key_env))
    data = answer.data.get("data") if isinstance(answer.data, dict) else None
    if not isinstance(data, dict) or answer.data.get("errors") or field not in data:
        raise BadAnswerError(f"the hub refuses the query for {field}: {canonical(answer.data)[:300]}", where=spec.hub)
    if data[field] is None:
        raise BadAnswerError(f"the hub knows no space '{spec.space}'", where=spec.hub,
                             fix="check `space` in the spec: the name in the address of the space's page")  # fmt: skip
    following = {**state, **moves}
    if field == "proposals" and moves:
        following = _noted(following, list(objects(data, field)))
    count = len(data[field]) if isinstance(data[field], list) else 1
    return Step({"field": field, "variables": variables}, (answer.text,), following, f"{count} {field}")


def _noted(state: Mapping[str, Any], items: list[Any]) -> dict[str, Any]:
    """Keep track of which proposals are open, and of which closed since they were last seen."""
    still, closed = set(state["open"]), list(state["recount"])
    for item in items:
        if not isinstance(item, dict) or not isinstance(item.get("id"), str):
            continue
        if item.get("state") != "closed" or item.get("scores_state") == "pending":
            still.add(item["id"])
        elif item["id"] in still:
            still.discard(item["id"])
            closed.append(item["id"])
    return {**state, "open": sorted(still), "recount": closed}


def _created(item: Any) -> int:
    try:
        return int(number(item.get("created"), "created"))
    except (FieldError, AttributeError):
        return 0


# --- records ---------------------------------------------------------------------------------------------------------


def records(spec: SnapshotSpec, place: Stream) -> Records:
    """Read every archived page."""
    for entry in place.entries():
        yield from _entry_records(spec, entry)


def _entry_records(spec: SnapshotSpec, entry: Entry) -> Records:
    field = entry.request["field"]
    readers = {"space": _space, "proposals": _proposal, "votes": _vote}
    data = parse(entry.bodies[0])["data"]

    def read(item: Item) -> Record:
        return readers[field](spec, item)

    for item in [data[field]] if field == "space" else objects(data, field):
        where = f"{field} {item.get('id', '') if isinstance(item, dict) else ''}".strip()
        yield recorded(read, item, at=entry.retrieved_at, stream=spec.name, where=where)


def _proposal(spec: SnapshotSpec, item: Item) -> Record:
    choices = tuple(str(choice) for choice in item.data.get("choices") or ())
    scores = tuple(number(score, "scores") for score in item.data.get("scores") or ())
    state = item.text("state", default="")
    flagged = item.data.get("flagged") is True
    return ProposalRecord(
        **spec.origin(item, item.text("id")),
        url=item.text("link", default=""),
        version=item.whole("updated") or 0,
        title=item.text("title").strip(),
        body=item.text("body"),
        status=f"{state}, flagged" if flagged else state,
        outcome=_outcome(item, state, choices, scores),
        author=item.text("author", default=""),
        created=item.time("created"),
        vote_start=_planned(item, "start"),
        vote_end=_planned(item, "end"),
        voting_type=item.text("type", default=""),
        choices=choices,
        scores=scores,
        scores_total=item.number("scores_total"),
        quorum=item.number("quorum"),
        votes=item.whole("votes"),
        symbol=item.text("symbol", default=""),
        network=item.text("network", default=""),
        block=item.whole("snapshot"),
        discussion_url=item.text("discussion", default=""),
    )


def _planned(item: Item, name: str) -> dt.datetime | None:
    """Return a time that may lie ahead: the end of a vote that runs."""
    value = item.data.get(name)
    return None if value is None else moment(value, name)


def _outcome(item: Item, state: str, choices: tuple[str, ...], scores: tuple[Any, ...]) -> Outcome:
    if state != "closed":
        return outcome_of(state)
    if item.data.get("scores_state") != "final" or item.text("quorumType", default="default") not in {"default", ""}:
        return "unknown"
    if item.text("type", default="") not in {"basic", "single-choice"}:
        return "unknown"
    return vote_outcome(choices, scores, item.number("quorum"))


def _vote(spec: SnapshotSpec, item: Item) -> Record:
    proposal = item.data.get("proposal")
    if not isinstance(proposal, dict) or not isinstance(proposal.get("id"), str):
        raise FieldError("missing-field", "proposal.id is missing")
    choice = item.data.get("choice")
    if choice is None:
        raise FieldError("missing-field", "choice is missing")
    labels = proposal.get("choices") or []
    single = isinstance(choice, int) and 1 <= choice <= len(labels)
    power = item.number("vp")
    if power is None:
        raise FieldError("missing-field", "vp is missing")
    return VoteRecord(
        **spec.origin(item, item.text("id")),
        proposal_id=proposal["id"],
        voter=item.text("voter"),
        choice=canonical(choice),
        support=support_of(str(labels[choice - 1])) if single else "",
        power=power,
        power_final=item.text("vp_state", default="final") == "final",
        reason=item.text("reason", default=""),
        cast_at=item.time("created"),
    )


def _space(spec: SnapshotSpec, item: Item) -> Record:
    voting = Item(item.data.get("voting") or {}, item.retrieved_at)
    return SpaceRecord(
        **spec.origin(item, item.text("id")),
        name=item.text("name"),
        about=item.text("about", default=""),
        symbol=item.text("symbol", default=""),
        network=item.text("network", default=""),
        created=item.time("created"),
        quorum=voting.number("quorum"),
        voting_delay=voting.whole("delay"),
        voting_period=voting.whole("period"),
        proposals=item.whole("proposalsCount"),
        followers=item.whole("followersCount"),
    )


SNAPSHOT = Source("snapshot", SnapshotSpec, begin, step, records)
