"""Rows that a small model imitates first: short, whole, and given full marks by every reward that judges them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from data_prep.records import BestRow, Drop
from data_prep.rows import prompts
from data_prep.worth import LEAST, MAX_CHARACTERS, analysed, best_rows
from proposal.template import load_template
from rewards import COMPONENTS
from tests.data_prep.builders import a_case

GENERIC = load_template("generic")
GOOD = (
    "The proposal asks the members to approve a rebate of the marketplace fee for creators, paid from the treasury. "
    "Creator sales were {{E1.sales_q2}} in the second quarter and {{E1.sales_q3}} in the third quarter [[E1]]. "
    "The change of sales from the second to the third quarter was {{calc:pct_change(E1.sales_q2,E1.sales_q3)}} [[E1]]. "
    "The budget is {{P.budget}}, and a public report on every payment follows after each month of the programme."
)


def only(summary: str, key: str = "") -> BestRow | Drop:
    """Return what becomes of a case whose one section is the summary."""
    case = a_case(summary=summary)
    made = {item.dao_section if isinstance(item, BestRow) else item.section: item
            for item in best_rows(replace(case, key=key or case.key), GENERIC)}  # fmt: skip
    return made["summary"]


def test_a_short_text_with_full_marks_is_a_row() -> None:
    row = only(GOOD)
    assert isinstance(row, BestRow)
    assert sum(len(turn.content) for turn in row.messages) <= MAX_CHARACTERS
    prompt = next(one for one in prompts(a_case(summary=GOOD), GENERIC) if one.spec.key == "summary")
    scores = {reward.name: reward.score(analysed(GOOD, prompt)).value for reward in COMPONENTS}
    assert all(scores[name] >= least for name, least in LEAST.items())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (" ".join(sentence + "." for sentence in GOOD.split(". ")[1:3]), "template_adherence"),
        (
            GOOD.replace("{{P.budget}},", "{{E1.sales_q2}} [[E1]],").replace("a public", "{{P.budget}} for a public"),
            "numeric_faithfulness",
        ),
        (GOOD.replace("The proposal asks", "This groundbreaking, visionary and unmatched proposal asks"), "a loaded"),
    ],
    ids=["too short for its section", "another figure for the budget", "loaded"],
)
def test_a_text_that_a_reward_marks_down_is_a_drop_with_the_reward_named(text: str, reason: str) -> None:
    drop = only(text)
    assert isinstance(drop, Drop)
    assert drop.reason == "not-worth"
    assert reason in drop.detail


def test_a_long_row_is_left_to_larger_models() -> None:
    drop = only(GOOD + " " + GOOD * (1 + MAX_CHARACTERS // len(GOOD)))
    assert isinstance(drop, Drop)
    assert drop.reason == "too-long"


def test_a_variant_that_states_nothing_is_not_taught_twice() -> None:
    plain = " ".join(["The proposal asks the members to approve a rebate of the marketplace fee for creators."] * 4)
    drop = only(plain, key="case#distractors")
    assert isinstance(drop, Drop)
    assert drop.reason in ("duplicate", "fact-not-stated")


def test_a_figure_that_no_words_name_is_not_taught_first() -> None:
    case = a_case(summary=GOOD)
    item = case.evidence["E1"]
    bare = {name: value.model_copy(update={"label": "", "label_zh": ""}) for name, value in item.values.items()}
    nameless = replace(case, evidence={**case.evidence, "E1": item.model_copy(update={"values": bare})})
    drop = next(one for one in best_rows(nameless, GENERIC) if isinstance(one, Drop) and one.section == "summary")
    assert drop.reason == "not-worth"
    assert "E1.sales_q2" in drop.detail
