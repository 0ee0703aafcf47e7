"""Demands: what an author asks to state is answered by a figure, or is a gap."""

from __future__ import annotations

from pathlib import Path

import pytest

from proposal.brief import load_brief
from proposal.demands import DEMAND, demands, unanswered, without_demands
from proposal.evidence import load_evidence

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(
    ("language", "points", "wanted"),
    [
        ("en", "state the total budget; sellers may buy their own work", ("total budget",)),
        ("en", "Sellers may buy their own work. State an audit fee.", ("audit fee",)),
        ("en", "The proposers state the total budget in the forum.", ()),
        ("zh", "金库资金有限；写明审计费用", ("审计费用",)),
        ("zh", "提案写明期限。", ()),
        ("en", "", ()),
    ],
)
def test_only_a_point_that_begins_so_is_a_demand(language: str, points: str, wanted: tuple[str, ...]) -> None:
    assert demands(points, language) == wanted  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("what", "is_open"),
    [
        ("total budget", False),
        ("checks against wash trading", False),
        ("share of voting power for the spring rebate", False),
        ("cost of an audit", True),
        ("total budget of the spring rebate", True),
    ],
)
def test_a_demand_is_answered_by_a_figure_whose_label_has_all_its_words(what: str, is_open: bool) -> None:
    brief = load_brief(EXAMPLES / "creator-rebate" / "brief.yaml")
    evidence = load_evidence(EXAMPLES / "creator-rebate" / "evidence.yaml")
    assert bool(unanswered(DEMAND["en"].format(what), brief=brief, evidence=evidence)) is is_open


def test_the_change_from_one_value_does_not_answer_for_the_other() -> None:
    """Labels of inverted proposals differ in one small word: the value before and the value after."""
    brief = load_brief(EXAMPLES / "creator-rebate" / "brief.yaml")
    label = brief.parameters["budget_total"].model_copy(update={"label": "share of inflation to the fund (from)"})
    brief = brief.model_copy(update={"parameters": {"before": label}})
    assert unanswered("state the inflation to the fund (to)", brief=brief, evidence={}) != ()
    assert unanswered("state the inflation to the fund (from)", brief=brief, evidence={}) == ()


def test_what_is_left_of_the_points_is_what_says_something() -> None:
    assert without_demands("金库资金有限；写明审计费用", "zh") == "金库资金有限"
    assert without_demands("写明审计费用", "zh") == ""
    assert without_demands("Two risks; neither is new.", "en") == "Two risks; neither is new."
