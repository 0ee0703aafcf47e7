"""Nothing later than a proposal enters its prompt, and no text tells what became of its own proposal."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from data_prep.inversion import invert
from data_prep.records import Case, Drop
from data_prep.row_sets import rows_of_proposal
from data_prep.timing import as_of, known_by, tells_outcome
from proposal.evidence import Evidence
from tests.conftest import shared_proposals
from tests.data_prep.builders import a_case, full_case
from tests.data_prep.test_inversion import GENERIC, a_proposal

DAY = dt.date(2026, 11, 1)


def evidence_of(day: dt.date, number: int = 1) -> Evidence:
    return Evidence.model_validate(
        {
            "id": f"E{number}",
            "kind": "metric",
            "title": f"Planted on {day}",
            "url": f"https://data.example.org/{day}",
            "retrieved_at": f"{day}T12:00:00Z",
            "values": {"turnout": {"value": "61.2", "unit": "%", "label": "turnout"}},
        }
    )


def test_evidence_of_the_day_is_known_and_of_the_next_day_is_not() -> None:
    items = [evidence_of(DAY), evidence_of(DAY + dt.timedelta(days=1), 2)]
    assert known_by(items, DAY) == items[:1]


def test_later_evidence_leaves_a_case_and_a_text_that_cites_it_is_dropped() -> None:
    later = evidence_of(DAY + dt.timedelta(days=1), 2)
    case = full_case()
    planted = Case(case.key, case.brief, {**case.evidence, "E2": later}, case.sections)
    kept = as_of(planted, DAY)
    assert isinstance(kept, Case)
    assert set(kept.evidence) == {"E1"}
    citing = Case(case.key, case.brief, planted.evidence, {"summary": "Turnout came to {{E2.turnout}} [[E2]]."})
    drop = as_of(citing, DAY)
    assert isinstance(drop, Drop)
    assert (drop.reason, "E2" in drop.detail) == ("later-evidence", True)


def test_evidence_planted_later_is_in_no_prompt_and_no_column_of_any_row() -> None:
    """The last link of the line: whatever the rows are made of, what is later cannot be in them."""
    planted = [evidence_of(DAY - dt.timedelta(days=1), 1), evidence_of(DAY + dt.timedelta(days=1), 2)]
    made, _ = rows_of_proposal(a_proposal(created=DAY), planted, seed=7)
    rows = [row.model_dump_json() for row in made if not isinstance(row, Drop)]
    assert any(planted[0].url in row for row in rows)
    assert not any(planted[1].url in row for row in rows)


@pytest.mark.parametrize(
    "text",
    [
        "This proposal passed on April 25, 2021 at 7:00 UTC with 99.97% voting for.",
        "## Status\n\nThis YIP has been approved.",
        "title: A\nstatus: Approved\ncreated: today",
        "| **Status** | Rejected |",
        "The vote failed with 43.1% in favour.",
    ],
)
def test_a_text_that_tells_its_outcome_is_found(text: str) -> None:
    assert tells_outcome(text)


@pytest.mark.parametrize(
    "text",
    [
        "If this proposal is approved, the cap rises to 5,000.",
        "Once this proposal has passed, the multisig pays.",
        "YIP-41 was approved by YFI holders, and the council executed it.",
        "An approval rate of 43.1% was seen before. Status: Draft",
    ],
)
def test_a_text_about_other_votes_or_the_future_is_none(text: str) -> None:
    assert not tells_outcome(text)


def test_the_shared_proposals_that_tell_their_outcome_are_found(shared_data: Path) -> None:
    named = {"synthetix-stps-1", "helium-hip-149", "yearn-yip-61"}
    assert named <= {key for key, body in shared_proposals(shared_data) if key in named and tells_outcome(body)}


def test_an_inverted_proposal_has_evidence_of_its_own_day_only() -> None:
    case = invert(a_proposal(), GENERIC).case
    assert as_of(case, DAY) == case
    assert a_case().evidence
