"""Snapshot's hub: the queries fit its real schema, and the tables are the same whatever happens on the way."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.history import Dropped, ProposalRecord, SpaceRecord, VoteRecord
from data_prep.sources import SOURCES, Bound
from data_prep.sources.snapshot import QUERIES
from proposal.errors import UpstreamError
from tests.data_prep.sources.worlds import (
    NOW,
    FaultyLine,
    Hub,
    KilledError,
    fetched,
    hub_proposal,
    hub_vote,
    read,
    table,
)

SPEC = {"source": "snapshot", "name": "example", "dao": "Example", "licence": "unstated", "space": "example.eth"}
FAULTS = ["ok", "lost", "late", "killed", "twice", "429", "503", "page", "cut", "torn"]


def bound(**changed: object) -> Bound:
    source = SOURCES["snapshot"]
    return Bound(source, source.spec.model_validate(SPEC | changed))


def test_each_query_is_valid_against_the_hub_s_schema(shared_data: Path) -> None:
    import graphql

    schema = graphql.build_schema((shared_data / "schemas" / "snapshot_hub_schema.gql").read_text(encoding="utf-8"))
    errors = {field: graphql.validate(schema, graphql.parse(query)) for field, query in QUERIES.items()}
    assert errors == {"space": [], "proposals": [], "votes": []}


def test_a_space_becomes_settings_proposals_with_outcomes_and_votes(tmp_path: Path) -> None:
    first, second = hub_proposal(1, 1_700_000_000), hub_proposal(2, 1_700_100_000, scores=[1, 2, 0])
    hub = Hub([first, second], [hub_vote(1, 1_700_000_500, first), hub_vote(2, 1_700_000_600, first, choice=2)])
    fetched(bound(), tmp_path, hub)
    items = read(bound(), tmp_path)
    proposals = {item.title: item for item in items if isinstance(item, ProposalRecord)}
    assert {title: item.outcome for title, item in proposals.items()} == {
        "Proposal 1": "passed", "Proposal 2": "rejected"
    }  # fmt: skip
    assert proposals["Proposal 1"].scores == (Decimal("120.25"), Decimal(10), Decimal("0.5"))
    assert {item.support for item in items if isinstance(item, VoteRecord)} == {"for", "against"}
    assert [item.quorum for item in items if isinstance(item, SpaceRecord)] == [Decimal("100.5")]


def test_a_vote_of_one_second_fills_pages_and_none_is_lost(tmp_path: Path) -> None:
    proposal = hub_proposal(1, 1_700_000_000)
    hub = Hub([proposal], [hub_vote(number, 1_700_000_500 + number // 9, proposal) for number in range(20)])
    fetched(bound(page=2), tmp_path, hub)
    assert sum(isinstance(item, VoteRecord) for item in read(bound(), tmp_path)) == 20


def test_a_proposal_that_closed_since_is_read_again_with_its_votes(tmp_path: Path) -> None:
    running = hub_proposal(1, 1_700_000_000, state="active", scores_state="pending", scores=[])
    hub = Hub(
        [running, hub_proposal(2, 1_700_900_000)], [hub_vote(1, 1_700_000_500, running, vp=1, vp_state="pending")]
    )
    fetched(bound(), tmp_path, hub)
    assert {item.outcome for item in read(bound(), tmp_path) if isinstance(item, ProposalRecord)} == {
        "pending", "passed"
    }  # fmt: skip
    hub.proposals[0] = hub_proposal(1, 1_700_000_000)
    hub.votes[0] |= {"vp": 7, "vp_state": "final"}
    fetched(bound(), tmp_path, hub)
    items = read(bound(), tmp_path)
    assert {item.outcome for item in items if isinstance(item, ProposalRecord)} == {"passed"}
    assert [(item.power, item.power_final) for item in items if isinstance(item, VoteRecord)] == [(7, True)]


def test_what_cannot_be_a_record_is_a_drop_with_its_place(tmp_path: Path) -> None:
    ahead = int(NOW.timestamp()) + 200_000
    hub = Hub([hub_proposal(1, 1_700_000_000, title=None), hub_proposal(2, ahead)])
    fetched(bound(), tmp_path, hub)
    drops = [item for item in read(bound(), tmp_path) if isinstance(item, Dropped)]
    assert sorted((drop.reason, drop.where[-1]) for drop in drops) == [("future-date", "2"), ("missing-field", "1")]


def test_an_unknown_space_is_named(tmp_path: Path) -> None:
    with pytest.raises(UpstreamError, match=r"knows no space 'other\.eth'"):
        fetched(bound(space="other.eth"), tmp_path, Hub())


def world() -> Hub:
    proposals = [hub_proposal(number, 1_700_000_000 + number * 40_000) for number in range(4)]
    proposals.append(hub_proposal(9, 1_700_000_000, state="active", scores_state="pending"))
    return Hub(proposals, [hub_vote(number, 1_700_000_000 + number // 3, proposals[0]) for number in range(8)])


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(faults=st.lists(st.sampled_from(FAULTS), max_size=30), page=st.integers(1, 6))
def test_loss_repetition_and_kills_give_the_same_tables(faults: list[str], page: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        calm, stormy = Path(folder) / "calm", Path(folder) / "stormy"
        fetched(bound(), calm, world())
        line = FaultyLine(world(), iter(faults))
        for _ in range(len(faults) + 1):
            try:
                fetched(bound(page=page), stormy, line)
                break
            except (KilledError, UpstreamError):
                continue
        assert table(bound(), stormy) == table(bound(), calm)


@pytest.mark.parametrize("request_number", [0, 1, 4, 7])
def test_a_fetch_killed_at_any_request_goes_on_and_asks_nothing_twice(tmp_path: Path, request_number: int) -> None:
    line = FaultyLine(world(), iter(["ok"] * request_number + ["killed"]))
    with pytest.raises(KilledError):
        fetched(bound(page=3), tmp_path / "killed", line)
    fetched(bound(page=3), tmp_path / "killed", line)
    calm = FaultyLine(world())
    fetched(bound(page=3), tmp_path / "calm", calm)
    assert table(bound(), tmp_path / "killed") == table(bound(), tmp_path / "calm")
    assert line.asked == calm.asked + 1
