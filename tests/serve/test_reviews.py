"""Reviews: who may decide what, when the export opens, and that no decision is lost, doubled or changed."""

from __future__ import annotations

import datetime as dt
import itertools
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from proposal.decisions import Verdict, check_chain
from proposal.errors import (
    AgentError,
    ConflictError,
    ForbiddenError,
    GateError,
    InputError,
    IntegrityError,
    NotFoundError,
)
from proposal.people import person_key
from proposal.template import ReviewProfile
from serve.reviews import Reviews, Status, Vote, find_draft, status_of
from serve.store import Reviewer, Store
from tests.serve.builders import NOON, a_draft, a_store, add_draft, add_finished


def person(name: str) -> Reviewer:
    return Reviewer(person_key(name), name)


ADA, GRACE, LIN = person("Ada"), person("Grace"), person("Lin")


def vote(verdict: Verdict, reason: str = "", seen: int = 1) -> Vote:
    reason = reason or ("" if verdict == "approve" else "the recipient is not named")
    return Vote(verdict=verdict, reason=reason, seen_version=seen)


def status(store: Store, draft_id: str = "d-1") -> Status:
    with store.read() as tx:
        row = find_draft(tx, draft_id)
        return status_of(row, Reviews(store).review(tx, row))


def trail(store: Store, draft_id: str = "d-1") -> list[tuple[str, str]]:
    with store.read() as tx:
        chain = tx.decisions(draft_id)
    assert check_chain(chain) == []
    return [(decision.reviewer, decision.verdict) for decision in chain]


def test_two_approvals_of_three_seats_open_the_export(store: Store) -> None:
    add_finished(store)
    reviews = Reviews(store)
    assert status(store) == "drafted"
    reviews.decide("d-1", ADA, vote("approve"))
    assert status(store) == "in_review"
    with pytest.raises(GateError, match="the export is closed: 1 more approval is needed"):
        reviews.export("d-1")
    reviews.decide("d-1", GRACE, vote("approve"))
    assert status(store) == "approved"
    export = reviews.export("d-1")
    assert export.text == a_draft().text
    assert export.filename == "creator-rebate-programme-for-one-quarter-1-v1.md"


def test_a_rejection_keeps_the_export_closed_until_it_is_withdrawn(store: Store) -> None:
    add_finished(store)
    reviews = Reviews(store)
    for who, verdict in ((ADA, "approve"), (GRACE, "approve"), (LIN, "reject")):
        reviews.decide("d-1", who, vote(verdict))
    assert status(store) == "rejected"
    with pytest.raises(GateError, match="Lin rejected this version"):
        reviews.export("d-1")
    reviews.decide("d-1", LIN, vote("approve"))
    assert status(store) == "approved"
    assert reviews.export("d-1").text


def test_a_reviewer_changes_their_mind_by_a_row_that_supersedes(store: Store) -> None:
    add_finished(store)
    reviews = Reviews(store)
    reviews.decide("d-1", ADA, vote("approve"))
    reviews.decide("d-1", GRACE, vote("approve"))
    reviews.decide("d-1", ADA, vote("request_changes", "the budget table lost a row"))
    assert trail(store) == [("Ada", "approve"), ("Grace", "approve"), ("Ada", "request_changes")]
    assert status(store) == "changes_requested"
    with pytest.raises(GateError, match="1 more approval"):
        reviews.export("d-1")


def test_the_same_decision_sent_twice_is_recorded_once(store: Store) -> None:
    add_finished(store)
    reviews = Reviews(store)
    first = reviews.decide("d-1", ADA, vote("reject", "no budget"))
    assert reviews.decide("d-1", ADA, vote("reject", " no budget\n")) == first
    assert trail(store) == [("Ada", "reject")]


@pytest.mark.parametrize("name", ["Ines Calder", "ines calder", "  INES   Calder", "Ｉｎｅｓ Calder"])
def test_an_author_does_not_review_however_the_name_is_written(store: Store, name: str) -> None:
    add_finished(store)
    with pytest.raises(ForbiddenError, match="authors of a proposal do not review it"):
        Reviews(store).decide("d-1", person(name), vote("approve"))
    assert trail(store) == []


def test_whoever_ordered_the_draft_does_not_review_it(store: Store) -> None:
    add_draft(store, submitted_by="reviewer:ada")
    with store.write() as tx:
        tx.add_version("d-1", a_draft(), profile=ReviewProfile())
    with pytest.raises(ForbiddenError, match="you ordered this draft"):
        Reviews(store).decide("d-1", ADA, vote("approve"))


def test_authors_review_where_the_profile_lets_them(store: Store) -> None:
    profile = ReviewProfile(approvals=1, seats=1, authors_excluded=False)
    add_finished(store, profile=profile)
    Reviews(store).decide("d-1", person("Ines Calder"), vote("approve"))
    assert status(store) == "approved"


def test_nobody_approves_over_a_finding_that_blocks(store: Store) -> None:
    add_finished(store, draft=a_draft(flaws=[("45,000 USDC", "error")]))
    reviews = Reviews(store)
    with pytest.raises(GateError, match="1 finding blocks approval and export"):
        reviews.decide("d-1", ADA, vote("approve"))
    reviews.decide("d-1", ADA, vote("request_changes"))
    assert trail(store) == [("Ada", "request_changes")]
    with pytest.raises(GateError, match="1 finding blocks"):
        reviews.export("d-1")


def test_warnings_do_not_block(store: Store) -> None:
    add_finished(store, draft=a_draft(flaws=[("45,000 USDC", "warning"), ("quarter", "info")]))
    for who in (ADA, GRACE):
        Reviews(store).decide("d-1", who, vote("approve"))
    assert status(store) == "approved"


@pytest.mark.parametrize("verdict", ["request_changes", "reject"])
def test_a_refusal_needs_a_reason(store: Store, verdict: Verdict) -> None:
    add_finished(store)
    with pytest.raises(InputError, match="a reason is needed"):
        Reviews(store).decide("d-1", ADA, Vote(verdict=verdict, reason=" \n ", seen_version=1))


def test_a_reason_has_a_length(store: Store) -> None:
    add_finished(store)
    with pytest.raises(InputError, match="longer than 4000"):
        Reviews(store).decide("d-1", ADA, vote("reject", "x" * 4001))


def test_a_decision_on_a_version_that_was_replaced_is_refused(store: Store) -> None:
    add_finished(store)
    with store.write() as tx:
        tx.add_version("d-1", a_draft(text="# New\n"), profile=ReviewProfile())
    with pytest.raises(ConflictError, match=r"you saw version 1, now it is version 2"):
        Reviews(store).decide("d-1", ADA, vote("approve", seen=1))


def test_a_new_version_voids_the_approvals_of_the_old_one(store: Store) -> None:
    add_finished(store)
    reviews = Reviews(store)
    for who in (ADA, GRACE):
        reviews.decide("d-1", who, vote("approve"))
    with store.write() as tx:
        tx.add_version("d-1", a_draft(text="# New\n\nOther words.\n"), profile=ReviewProfile())
    assert status(store) == "drafted"
    with pytest.raises(GateError, match="2 more approvals are needed"):
        reviews.export("d-1")
    for who in (ADA, LIN):
        reviews.decide("d-1", who, vote("approve", seen=2))
    assert reviews.export("d-1").text == "# New\n\nOther words.\n"
    assert [name for name, _ in trail(store)] == ["Ada", "Grace", "Ada", "Lin"]


def test_the_seats_of_a_review_run_out(store: Store) -> None:
    add_finished(store)
    reviews = Reviews(store)
    for who in (ADA, GRACE, LIN):
        reviews.decide("d-1", who, vote("request_changes"))
    with pytest.raises(GateError, match="all 3 seats of this review are taken"):
        reviews.decide("d-1", person("Mo"), vote("approve"))
    reviews.decide("d-1", LIN, vote("approve"))
    assert len(trail(store)) == 4


def test_a_review_can_ask_for_time(tmp_path: Path) -> None:
    now = NOON + dt.timedelta(hours=1)
    store = a_store(tmp_path, clock=lambda: now)
    add_finished(store, profile=ReviewProfile(approvals=1, seats=1, min_hours=48))
    reviews = Reviews(store)
    reviews.decide("d-1", ADA, vote("approve"))
    with pytest.raises(GateError, match=r"stays open until 2026-11-04 12:00 UTC"):
        reviews.export("d-1")
    now = NOON + dt.timedelta(hours=48)
    assert reviews.export("d-1").text
    assert status(store) == "approved"


def test_an_unfinished_draft_is_not_decided_on(store: Store) -> None:
    add_draft(store)
    with pytest.raises(ConflictError, match="this draft is not finished"):
        Reviews(store).decide("d-1", ADA, vote("approve"))
    with pytest.raises(ConflictError, match="this draft is not finished"):
        Reviews(store).export("d-1")
    with pytest.raises(NotFoundError, match="there is no draft 'd-2'"):
        Reviews(store).decide("d-2", ADA, vote("approve"))


def test_a_decision_changed_behind_our_back_closes_the_export(tmp_path: Path) -> None:
    store = approved(tmp_path)
    tamper(store, "decisions", "UPDATE decisions SET reason = 'bribed' WHERE reviewer = 'Ada'")
    with pytest.raises(IntegrityError, match="the decisions were changed: row 1 the decision of Ada"):
        Reviews(store).export("d-1")


def test_a_text_changed_behind_our_back_closes_the_export(tmp_path: Path) -> None:
    store = approved(tmp_path)
    change = "UPDATE versions SET draft = replace(draft, '45,000 USDC', '95,000 USDC')"
    tamper(store, "versions", change)
    with pytest.raises(IntegrityError, match="version 1 is not what was decided on"):
        Reviews(store).export("d-1")


def test_a_lowered_gate_closes_the_export(tmp_path: Path) -> None:
    store = approved(tmp_path)
    change = """UPDATE versions SET profile = replace(profile, '"approvals":2', '"approvals":1')"""
    tamper(store, "versions", change)
    with pytest.raises(IntegrityError, match="version 1 is not what was decided on"):
        Reviews(store).export("d-1")


def approved(folder: Path) -> Store:
    store = a_store(folder)
    add_finished(store)
    for who in (ADA, GRACE):
        Reviews(store).decide("d-1", who, vote("approve"))
    return store


def tamper(store: Store, table: str, statement: str) -> None:
    """Change a row as somebody with the file in hands would: without the trigger."""
    with store.connection(write=True) as one:
        one.execute(sa.text(f"DROP TRIGGER {table}_no_update"))
        assert one.exec_driver_sql(statement).rowcount == 1


def all_at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """Run the calls in threads that start together and return what each gave or raised."""
    start = threading.Barrier(len(calls))
    results: list[Any] = [None] * len(calls)

    def run(place: int) -> None:
        start.wait()
        try:
            results[place] = calls[place]()
        except Exception as error:
            results[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.slow
def test_of_eight_reviewers_at_once_none_is_lost_and_none_counts_twice(store: Store) -> None:
    add_finished(store, profile=ReviewProfile(approvals=5, seats=8))
    reviews = Reviews(store)
    people = [person(f"Reviewer {number}") for number in range(8)]
    calls = [lambda who=who: reviews.decide("d-1", who, vote("approve")) for who in people * 3]
    results = all_at_once(calls)
    assert [one for one in results if isinstance(one, Exception)] == []
    assert sorted(trail(store)) == sorted((who.name, "approve") for who in people)


def test_eight_reviewers_at_once_take_three_seats(store: Store) -> None:
    add_finished(store)
    reviews = Reviews(store)
    people = [person(f"Reviewer {number}") for number in range(8)]
    calls = [lambda who=who: reviews.decide("d-1", who, vote("approve")) for who in people]
    results = all_at_once(calls)
    refused = [one for one in results if isinstance(one, AgentError)]
    assert [type(one).__mro__[2] for one in refused] == [GateError] * 5
    assert len(trail(store)) == 3
    assert status(store) == "approved"


def test_every_order_of_three_reviewers_changing_their_minds_ends_the_same(tmp_path: Path) -> None:
    steps = [(ADA, "reject"), (GRACE, "approve"), (LIN, "request_changes"), (ADA, "approve")]
    store = a_store(tmp_path)
    reviews = Reviews(store)
    orders = [o for o in itertools.permutations(steps) if o.index(steps[0]) < o.index(steps[3])]
    assert len(orders) == 12
    for number, order in enumerate(orders):
        draft_id = f"d-{number}"
        add_finished(store, draft_id)
        for who, verdict in order:
            reviews.decide(draft_id, who, vote(verdict))
        assert status(store, draft_id) == "approved"
        assert reviews.export(draft_id).text


@pytest.fixture(scope="module")
def shared_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return a_store(tmp_path_factory.mktemp("votes"))


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from([ADA, GRACE, LIN]),
            st.sampled_from(["approve", "request_changes", "reject"]),
        ),
        max_size=8,
    )
)
def test_the_export_opens_exactly_when_the_standing_votes_say_so(
    steps: list[tuple[Reviewer, Verdict]], shared_store: Store
) -> None:
    draft_id = f"d-{uuid.uuid4().hex}"
    add_finished(shared_store, draft_id)
    reviews = Reviews(shared_store)
    latest: dict[str, str] = {}
    for who, verdict in steps:
        reviews.decide(draft_id, who, vote(verdict))
        latest[who.key] = verdict
        verdicts = list(latest.values())
        expected = verdicts.count("approve") >= 2 and "reject" not in verdicts
        try:
            reviews.export(draft_id)
            opened = True
        except GateError:
            opened = False
        assert opened == expected
