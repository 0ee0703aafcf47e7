"""Rows from history: published texts, votes as labels, versions of one proposal, matched pairs."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from data_prep.history import ProposalRecord, VoteRecord
from data_prep.inversion import invert
from data_prep.published import cpt_rows, vote_rows
from data_prep.records import CptRow, DpoRow, Drop, RmRow, SftRow, VoteRow
from data_prep.revisions import likeness, revision_rows, shingles
from data_prep.rows import MAX_CHARACTERS, whole_rows
from data_prep.votes import MIN_DIFFERENCE, PAIRS_PER_PROPOSAL, Tally, matched_pairs, tally
from proposal.template import load_template
from tests.data_prep.builders import full_case
from tests.data_prep.test_inversion import BODY, a_proposal

GENERIC = load_template("generic")
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


# --- texts --------------------------------------------------------------------------------------------------------


def test_a_text_for_pre_training_is_one_assistant_turn_without_what_nobody_reads() -> None:
    body = "---\ntitle: x\nstatus: draft\n---\n<!-- delete me -->\n" + BODY + "\nAnd <!-- TODO --> more.\n"
    (row,) = cpt_rows(a_proposal(body))
    assert isinstance(row, CptRow)
    assert [turn.role for turn in row.messages] == ["assistant"]
    text = row.messages[0].content
    assert text.startswith("# Fund a creator rebate\n\n")
    assert "50% of the fee" in text
    assert not any(word in text for word in ("status: draft", "delete me", "TODO"))


def test_a_long_text_is_cut_between_sections_and_loses_nothing() -> None:
    sections = [f"## Part {n}\n\n" + f"Word{n} and other words. " * 300 for n in range(6)]
    rows = list(cpt_rows(a_proposal("\n\n".join(sections))))
    texts = [row.messages[0].content for row in rows if isinstance(row, CptRow)]
    assert len(texts) == len(rows) > 1
    assert all(len(text) <= MAX_CHARACTERS for text in texts)
    assert sum(text.count("and other words") for text in texts) == 6 * 300


def test_a_section_that_is_too_long_and_a_text_that_is_too_short_are_drops() -> None:
    (short,) = cpt_rows(a_proposal("Short."))
    assert isinstance(short, Drop)
    assert short.reason == "empty"
    made = list(cpt_rows(a_proposal("## A\n\n" + "Words again. " * 2_000)))
    assert [item.reason for item in made if isinstance(item, Drop)] == ["too-long"]


# --- whole proposals ----------------------------------------------------------------------------------------------


def test_a_whole_proposal_is_asked_for_and_answered_section_by_section() -> None:
    (row,) = whole_rows(full_case(), GENERIC)
    assert isinstance(row, SftRow)
    assert row.dao_section == ""
    prompt, answer = row.messages[1].content, row.messages[2].content
    headings = [line[3:] for line in answer.splitlines() if line.startswith("## ")]
    assert len(headings) >= 3
    places = [prompt.index(f"Section: {heading}") for heading in headings]
    assert places == sorted(places)


def test_two_sections_are_no_whole_proposal() -> None:
    case = full_case()
    keys = list(case.sections)[:2]
    (drop,) = whole_rows(replace(case, sections={key: case.sections[key] for key in keys}), GENERIC)
    assert isinstance(drop, Drop)
    assert (drop.reason, drop.method) == ("no-section", "sft")


# --- votes as labels ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("outcome", "label"), [("passed", True), ("rejected", False)])
def test_a_plain_result_becomes_a_label_that_says_it_was_a_vote(outcome: str, label: bool) -> None:
    rows = list(vote_rows(invert(a_proposal(), GENERIC).case, GENERIC, outcome))
    assert len(rows) == 3
    assert all(isinstance(row, VoteRow) and row.label is label for row in rows)


@pytest.mark.parametrize("outcome", ["withdrawn", "expired", "closed", "superseded", "unknown", "pending"])
def test_what_is_no_vote_is_no_label(outcome: str) -> None:
    (drop,) = vote_rows(invert(a_proposal(), GENERIC).case, GENERIC, outcome)
    assert isinstance(drop, Drop)
    assert drop.reason == "no-outcome"


# --- versions -----------------------------------------------------------------------------------------------------

FIRST = BODY.replace("with a budget of 45,000 USDC", "for a budget of 45,000 USDC in all, as we think")
LATER = {"id": "example-2", "created": dt.date(2026, 12, 1), "outcome": "passed"}


def test_a_passed_resubmission_is_preferred_to_the_rejected_text() -> None:
    made = list(revision_rows([a_proposal(FIRST, outcome="rejected"), a_proposal(BODY, **LATER)], GENERIC))
    (whole,) = [row for row in made if isinstance(row, RmRow)]
    assert (whole.dao_pair, whole.margin, whole.dao_source) == ("resubmission", 0.5, "example-2|example-1")
    assert whole.messages[:2] == whole.rejected_messages[:2]
    (section,) = [row for row in made if isinstance(row, DpoRow)]
    assert section.dao_section == "summary"
    assert "as we think" in section.rejected_response
    assert "{{P." in section.rejected_response
    reasons = [item.reason for item in made if isinstance(item, Drop)]
    assert set(reasons) == {"no-change"}


def test_a_final_text_is_preferred_to_its_temperature_check() -> None:
    early = a_proposal(FIRST, title="[Temp Check] Fund a creator rebate")
    (row, *_) = revision_rows([early, a_proposal(BODY, **{**LATER, "outcome": "unknown"})], GENERIC)
    assert isinstance(row, RmRow)
    assert row.dao_pair == "stage"


@pytest.mark.parametrize(
    ("first", "later", "reason"),
    [
        ({}, {"outcome": "unknown"}, "no-outcome"),
        ({"outcome": "rejected", "body": BODY}, {"body": BODY}, "no-change"),
        (
            {"outcome": "rejected", "body": "Something else entirely, about fees and nothing of this."},
            {},
            "other-matter",
        ),
    ],
)
def test_versions_without_a_reason_to_prefer_either_are_drops(
    first: dict[str, Any], later: dict[str, Any], reason: str
) -> None:
    pair = [a_proposal(**{"body": FIRST, **first}), a_proposal(**{"body": BODY, **LATER, **later})]
    (drop,) = revision_rows(pair, GENERIC)
    assert isinstance(drop, Drop)
    assert drop.reason == reason


def test_another_title_or_a_year_between_is_no_version() -> None:
    first = a_proposal(FIRST, outcome="rejected")
    assert not list(revision_rows([first, a_proposal(BODY, **LATER, title="Elect a council")], GENERIC))
    late = {**LATER, "created": dt.date(2027, 12, 1)}
    assert not list(revision_rows([first, a_proposal(BODY, **late)], GENERIC))


def test_likeness_counts_shared_shingles() -> None:
    assert likeness(shingles("a b c d e"), shingles("a b c d e")) == 1.0
    assert likeness(shingles("a b c d e"), shingles("a b c d f")) == pytest.approx(1 / 3)


# --- matched pairs ------------------------------------------------------------------------------------------------


def record(number: int, **changed: Any) -> ProposalRecord:
    words = " ".join(f"w{number}x{place}" for place in range(60))
    base: dict[str, Any] = {
        "source": "snapshot", "stream": "s", "source_id": f"p{number}", "dao": "D", "retrieved_at": NOW,
        "licence": "CC0-1.0", "raw_hash": "0" * 64, "title": f"Grant {number}", "body": f"Pay 45,000 USDC. {words}",
        "created": NOW + dt.timedelta(days=number), "voting_type": "basic", "quorum": Decimal(100),
        "scores_total": Decimal(1000),
    }  # fmt: skip
    return ProposalRecord(**{**base, **changed})


LOVED = Tally(Decimal(900), Decimal(100), 90, 10)
LIKED = Tally(Decimal(600), Decimal(400), 60, 40)


def reasons(*votes: tuple[ProposalRecord, Tally]) -> list[str]:
    return [item.reason for item in matched_pairs(votes) if isinstance(item, Drop)]


def test_a_matched_pair_has_the_formula_s_margin() -> None:
    (row,) = matched_pairs([(record(1), LOVED), (record(2), LIKED)])
    assert isinstance(row, RmRow)
    loved = math.log(910 / 110)
    expected = min(loved - math.log(610 / 410), math.log(91 / 11) - math.log(61 / 41)) / 2
    assert row.margin == pytest.approx(expected, abs=1e-4)
    assert row.dao_source == "p1|p2"
    assert row.messages[-1].content.startswith("Pay 45,000")
    assert row.rejected_messages[1].content == "Write a proposal for D: Grant 2"


@pytest.mark.parametrize(
    "changed",
    [
        {"dao": "Other"},
        {"title": "Elect a council"},
        {"voting_type": "weighted"},
        {"created": NOW + dt.timedelta(days=200)},
        {"body": "Pay 450,000 USDC. " + "other words " * 40},
        {"body": "Pay nothing. " + "other words " * 40},
    ],
)
def test_proposals_that_differ_in_more_than_their_text_make_no_pair(changed: dict[str, Any]) -> None:
    assert not list(matched_pairs([(record(1), LOVED), (record(2, **changed), LIKED)]))


def test_a_whale_decides_no_pair_and_a_close_vote_neither() -> None:
    whale = Tally(Decimal(990), Decimal(10), 5, 95)
    assert reasons((record(1), LIKED), (record(2), whale)) == ["signals-disagree"]
    assert reasons((record(1), LIKED), (record(2), replace(LIKED, heads_for=62, power_for=Decimal(620)))) == [
        "close-vote"
    ]
    assert pytest.approx(0.693, abs=1e-3) == MIN_DIFFERENCE


def test_a_missed_quorum_is_no_signal() -> None:
    assert "quorum-missed" in reasons((record(1), LOVED), (record(2, quorum=Decimal(2000)), LIKED))


def test_a_recurring_proposal_counts_once() -> None:
    assert "duplicate" in reasons((record(1), LOVED), (record(2, body=record(1).body), LIKED))


def test_one_proposal_is_in_few_pairs_and_one_dao_has_no_more_than_its_share() -> None:
    votes = [(record(1), LOVED), *((record(n), LIKED) for n in range(2, 12))]
    made = list(matched_pairs(votes))
    assert len([row for row in made if isinstance(row, RmRow)]) == PAIRS_PER_PROPOSAL
    assert reasons(*votes).count("over-share") == 5
    crowded = [(record(n, dao="D"), LOVED if n % 2 else LIKED) for n in range(1, 9)]
    other = [(record(n, dao="E"), LOVED if n % 2 else LIKED) for n in range(9, 11)]
    kept = [row for row in matched_pairs([*crowded, *other]) if isinstance(row, RmRow)]
    assert {row.messages[1].content.split()[4] for row in kept} == {"D:", "E:"}
    assert len(kept) == 3


def test_ballots_are_counted_by_weight_and_by_head() -> None:
    def vote(support: str, power: int) -> VoteRecord:
        return VoteRecord(source="s", stream="s", source_id=f"{support}{power}", dao="D", retrieved_at=NOW, licence="",
                          raw_hash="0" * 64, proposal_id="p1", voter="0x0", choice="1", power=Decimal(power),
                          support=support)  # type: ignore[arg-type] # fmt: skip

    counted = tally([vote("for", 5), vote("for", 7), vote("against", 1), vote("abstain", 100), vote("", 3)])
    assert counted == Tally(Decimal(12), Decimal(1), 2, 1)
