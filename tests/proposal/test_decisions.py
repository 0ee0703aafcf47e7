"""Decisions: binding, chain and quorum."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from proposal.decisions import (
    FIRST_PREVIOUS_HASH,
    Decision,
    append_decision,
    chain_hash,
    check_chain,
    quorum,
    subject_of,
)
from proposal.template import ReviewProfile
from tests.proposal.builders import LATER, NOW, a_ballot, a_brief, a_chain, a_draft, a_review

TWO_OF_THREE = ReviewProfile(approvals=2, seats=3)


def state_of(*verdicts, draft=None, profile=TWO_OF_THREE, at=LATER):
    draft = draft or a_draft()
    ballots = [a_ballot(draft, name, verdict, profile=profile) for name, verdict in verdicts]
    subject = subject_of(draft, draft_id="d-1", version=1, profile=profile)
    return quorum(a_chain(*ballots), profile, subject=subject, authors=draft.brief.authors, at=at)


def test_two_approvals_of_three_seats_reach_the_quorum():
    state = state_of(("Grace", "approve"), ("Ken", "approve"))
    assert (state.reached, state.approvals, state.reasons) == (True, 2, ())


def test_one_approval_is_told_to_lack_one():
    state = state_of(("Grace", "approve"))
    assert not state.reached
    assert state.reasons == ("1 more approval needed (1 of 2)",)


def test_the_same_person_in_another_spelling_counts_once():
    state = state_of(("Grace", "approve"), ("  GRACE ", "approve"), ("Ｇrace", "approve"))
    assert state.approvals == 1


def test_an_author_does_not_count_in_any_spelling():
    draft = a_draft(brief=a_brief(authors=("Ada Lovelace",)))
    state = state_of(("ada  lovelace", "approve"), ("Ken", "approve"), draft=draft)
    assert (state.approvals, state.reached) == (1, False)


def test_an_author_counts_where_the_profile_says_so():
    profile = ReviewProfile(approvals=2, seats=3, authors_excluded=False)
    assert state_of(("Ada", "approve"), ("Ken", "approve"), profile=profile).reached


def test_the_latest_decision_of_a_reviewer_stands():
    state = state_of(("Grace", "approve"), ("Ken", "approve"), ("Grace", "request_changes"))
    assert (state.approvals, state.reached) == (1, False)


def test_a_rejection_blocks_although_enough_approve():
    state = state_of(("Grace", "approve"), ("Ken", "approve"), ("Mary", "reject"))
    assert state.approvals == 2
    assert state.reasons == ("Mary rejected this version",)


def test_asking_for_changes_does_not_block_the_others():
    assert state_of(("Grace", "approve"), ("Ken", "approve"), ("Mary", "request_changes")).reached


def test_more_people_than_seats_is_no_quorum():
    people = [(name, "approve") for name in ("Grace", "Ken", "Mary", "Barbara")]
    assert state_of(*people).reasons == ("4 people decided, but the profile has 3 seats",)


def test_the_review_stays_open_for_the_hours_of_the_profile():
    profile = ReviewProfile(approvals=1, seats=1, min_hours=24)
    early = state_of(("Grace", "approve"), profile=profile, at=NOW + dt.timedelta(hours=23))
    late = state_of(("Grace", "approve"), profile=profile, at=NOW + dt.timedelta(hours=24))
    assert early.reasons == ("the review stays open until 2026-11-03 09:30 UTC (24 hours)",)
    assert late.reached


@pytest.mark.parametrize("change", ["text", "evidence", "brief", "profile", "version"])
def test_an_approval_of_something_else_counts_for_nothing(change):
    draft, profile, version = a_draft(), TWO_OF_THREE, 1
    chain = a_chain(a_ballot(draft, "Grace", profile=profile), a_ballot(draft, "Ken", profile=profile))
    if change == "text":
        draft = draft.model_copy(update={"text": draft.text.replace("37.5", "38.5")})
    elif change == "evidence":
        draft = draft.model_copy(update={"evidence": draft.evidence[:1]})
    elif change == "brief":
        draft = draft.model_copy(update={"brief": a_brief(options=("Yes", "No"))})
    elif change == "profile":
        profile = ReviewProfile(approvals=1, seats=3)
    else:
        version = 2
    subject = subject_of(draft, draft_id="d-1", version=version, profile=profile)
    state = quorum(chain, profile, subject=subject, authors=(), at=LATER)
    assert (state.approvals, state.reached) == (0, False)


def test_a_correct_chain_has_no_problem_and_starts_at_zero():
    review = a_review(a_draft(), ("Grace", "approve"), ("Ken", "reject"), ("Ken", "approve"))
    assert review.decisions[0].previous_hash == FIRST_PREVIOUS_HASH == "0" * 64
    assert check_chain(review.decisions) == []


def test_a_stored_decision_keeps_its_hash():
    decision = a_review(a_draft()).decisions[1]
    again = Decision.model_validate_json(decision.model_dump_json())
    assert again.hash == chain_hash(again, again.previous_hash)


def test_a_time_without_a_zone_hashes_like_the_same_time_in_utc():
    draft = a_draft()
    stored = a_ballot(draft, decided_at=dt.datetime(2026, 11, 2, 10, 0, 0, 125_000))
    given = a_ballot(draft, decided_at=dt.datetime(2026, 11, 2, 10, 0, 0, 125_000, tzinfo=dt.UTC))
    assert chain_hash(stored, FIRST_PREVIOUS_HASH) == chain_hash(given, FIRST_PREVIOUS_HASH)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("reviewer", "Mallory"),
        ("verdict", "approve"),
        ("reason", "Other words."),
        ("version", 2),
        ("draft_id", "d-2"),
        ("text_hash", "f" * 64),
        ("evidence_hash", "f" * 64),
        ("context_hash", "f" * 64),
        ("decided_at", NOW),
        ("previous_hash", "f" * 64),
    ],
)
def test_changing_any_field_of_a_row_breaks_the_chain(field, value):
    chain = a_review(a_draft(), ("Grace", "reject"), ("Ken", "approve")).decisions
    changed = chain[0].model_copy(update={field: value})
    assert check_chain([changed, *chain[1:]])


def test_a_removed_or_moved_row_breaks_the_chain():
    chain = a_review(a_draft(), ("Grace", "reject"), ("Ken", "approve"), ("Mary", "approve")).decisions
    assert [one.code for one in check_chain(chain[1:])] == ["chain-order"]
    assert check_chain([chain[0], chain[2]])
    assert check_chain([chain[1], chain[0], chain[2]])


def test_a_chain_holds_one_draft_and_its_versions_in_order():
    draft = a_draft()
    other = a_chain(a_ballot(draft), a_ballot(draft, "Ken", draft_id="d-2"))
    back = a_chain(a_ballot(draft, version=2), a_ballot(draft, "Ken", version=1))
    assert [one.code for one in check_chain(other)] == ["chain-draft"]
    assert [one.code for one in check_chain(back)] == ["chain-version"]


@pytest.mark.parametrize("verdict", ["reject", "request_changes"])
def test_a_refusal_without_a_reason_is_refused(verdict):
    with pytest.raises(ValidationError, match="needs a reason"):
        a_ballot(a_draft(), verdict=verdict, reason="  ")


def test_a_reviewer_without_a_name_is_refused():
    with pytest.raises(ValidationError, match="has no name"):
        a_ballot(a_draft(), reviewer=" \u3000")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Ada", "Grace", "Ken", "Mary"]),
            st.sampled_from(["approve", "request_changes", "reject"]),
        ),
        max_size=8,
    )
)
def test_the_quorum_is_the_written_rule(pairs):
    draft = SHARED_DRAFT
    latest = {name: verdict for name, verdict in pairs if name != "Ada"}
    approvals = list(latest.values()).count("approve")
    rule = approvals >= 2 and "reject" not in latest.values() and len(latest) <= 3
    state = state_of(*pairs, draft=draft)
    assert (state.approvals, state.reached) == (approvals, rule)


SHARED_DRAFT = a_draft()


def test_appending_places_a_row_behind_the_last():
    first = append_decision(a_ballot(SHARED_DRAFT), previous=None)
    second = append_decision(a_ballot(SHARED_DRAFT, "Ken"), previous=first)
    assert second.previous_hash == first.hash
