"""Single components: form, statements of the type, wording, length."""

from __future__ import annotations

import pytest

from rewards import analyse
from rewards.citation import data_citation
from rewards.score import quantise
from rewards.structure import template_adherence
from rewards.tone import sentence_severity
from tests.rewards.drafts import EVIDENCE, WHOLE_EN, WHOLE_ZH, task, value

ALL = tuple(EVIDENCE)
MOTIVATION = WHOLE_EN.split("## Motivation\n\n")[1].split("\n\n##")[0] + (
    " The members on the forum said that a sale no longer covers its cost, and that a rebate for one quarter would "
    "show whether the fees are the reason [[E4]]."
)


def whole(name: str, text: str) -> float:
    return value(name, text, required=ALL)


# --- form ---------------------------------------------------------------------------------------------------------


def test_a_missing_section_lowers_the_form() -> None:
    head, _, tail = WHOLE_EN.partition("## Motivation")
    assert whole("template_adherence", head + "## Specification" + tail.partition("## Specification")[2]) < 0.75


def test_sections_in_another_order_lower_the_form() -> None:
    title, *sections = WHOLE_EN.split("## ")
    turned = title + "## " + "\n\n## ".join(section.strip() for section in reversed(sections))
    assert 0.3 < whole("template_adherence", turned) < 0.8


def test_a_section_that_stands_twice_lowers_the_form() -> None:
    assert whole("template_adherence", WHOLE_EN + "\n## Summary\n\nThe rebate for creators ends in March.") < 0.9


def test_a_section_the_template_does_not_know_lowers_the_form() -> None:
    assert whole("template_adherence", WHOLE_EN + "\n## Our vision\n\nThe rebate for creators ends in March.") < 0.95


def test_a_section_of_filler_counts_as_empty() -> None:
    before, _, rest = WHOLE_EN.partition("## Risks and alternatives\n\n")
    filler = "It is worth looking at the matter from several sides before a conclusion is drawn. " * 6
    assert (
        whole("template_adherence", f"{before}## Risks and alternatives\n\n{filler}\n\n## {rest.partition('## ')[2]}")
        < 0.9
    )


def test_headings_without_text_get_almost_nothing() -> None:
    headings = "\n\n".join(line for line in WHOLE_EN.splitlines() if line.startswith("#"))
    assert whole("template_adherence", headings) < 0.1


def test_the_text_of_one_section_gets_full_marks() -> None:
    assert value("template_adherence", MOTIVATION, section="motivation") == 1.0
    assert value("data_citation", MOTIVATION, section="motivation", required=("E1", "E5")) == 1.0


@pytest.mark.parametrize(
    ("change", "bound"),
    [
        ("## Motivation\n\n" + MOTIVATION, 0.65),
        ("\n".join(f"- {one}" for one in MOTIVATION.split(". ")), 0.85),
        (MOTIVATION + " More is told [here](https://forum.lumenloom.example.org/t/creator-rebate/812).", 0.85),
        (MOTIVATION + " The cost was 34,200 USDC in total and 129 creators were paid [E6].", 0.9),
        (MOTIVATION[:-60], 0.95),
        (MOTIVATION + " {{E1.sales_q3", 0.85),
        (MOTIVATION + " TODO", 0.85),
        (MOTIVATION[:120], 0.6),
        (MOTIVATION * 3, 0.1),
        ("".join(WHOLE_ZH.split("\n\n")[4]), 0.3),
    ],
    ids=["heading", "list", "link", "typed figures", "unfinished", "open slot", "to do", "short", "long", "language"],
)
def test_a_section_of_another_form_gets_less(change: str, bound: float) -> None:
    assert value("template_adherence", change, section="motivation") <= bound


def test_naming_a_missing_fact_is_free_but_a_text_of_gaps_is_not() -> None:
    gap = " The date is {{TBD:date of the audit}}."
    assert value("template_adherence", MOTIVATION + gap, section="motivation") == 1.0
    assert value("template_adherence", MOTIVATION + gap * 6, section="motivation") < 0.75


def test_a_section_without_evidence_needs_none_but_must_be_written() -> None:
    risks = (
        WHOLE_EN.split("## Risks and alternatives\n\n")[1]
        .split("\n\n##")[0]
        .replace(", as {{E6.refused}} refused claims showed in the spring [[E6]]", "")
    )
    assert value("data_citation", risks, section="risks", required=()) == 1.0
    assert value("data_citation", "", section="risks", required=()) == 0.0


# --- compliance -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sentence",
    [
        "Guaranteed returns await every holder of the token.",
        "The token price will skyrocket within a month.",
        "所有持币者都将获得稳赚不赔的收益。",
    ],
)
def test_a_promise_of_gain_lowers_compliance(sentence: str) -> None:
    assert whole("compliance", WHOLE_EN + "\n" + sentence) < whole("compliance", WHOLE_EN) - 0.2


def test_a_missing_statement_of_the_type_lowers_compliance() -> None:
    without = WHOLE_EN.replace("Unspent funds return to the treasury after the final report.", "")
    assert whole("compliance", without) <= whole("compliance", WHOLE_EN)
    assert whole("compliance", WHOLE_EN.split("## Specification")[0]) < 0.8


def test_a_specification_states_the_parameters_of_the_brief() -> None:
    text = WHOLE_EN.split("## Specification\n\n")[1].split("\n\n##")[0]
    some = value("compliance", text, section="specification")
    fewer = value("compliance", text.replace("{{P.cap_per_creator}}", "a cap"), section="specification")
    assert 0 < fewer < some


# --- tone -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sentence",
    [
        "The quorum minimum is four percent of the supply.",
        "In the worst case the attack drains the pool within one hour.",
        "The audit found one critical vulnerability and two of medium severity.",
        "Every proposal has a unique identifier.",
        "Leading zeros are removed before the value is hashed.",
        "The best-case estimate is shown in the second column.",
        "The risk-free rate is taken from the money market.",
        "An absolute majority of the council is needed.",
        "最终结果以链上记录为准。",
        "最低法定人数为总供应量的百分之四。",
        "第一阶段于三月开始。",
        "每项提案都有唯一标识符。",
        "绝对多数的委员同意后方可执行。",
        "最大回撤发生在第二季度。",
    ],
)
def test_plain_governance_prose_is_neutral(sentence: str) -> None:
    assert sentence_severity(sentence) == 0.0


@pytest.mark.parametrize(
    ("sentence", "wrong"),
    [
        ("第三季度活跃创作者人数为338，其中一些没有活跃的记录 [E2]。", 0),
        ("部分作品没有销售额，第三季度创作者销售额为401,000 USDC [E1]。", 0),
        ("第三季度有338名创作者不活跃 [E2]。", 1),
    ],
)
def test_a_denial_in_chinese_speaks_of_its_own_clause(sentence: str, wrong: int) -> None:
    figures = [figure for one in analyse(sentence, task(language="zh")).statements for figure in one.figures]
    assert figures
    assert sum(figure.meaning == "wrong" for figure in figures) == wrong


@pytest.mark.parametrize(
    "sentence",
    [
        "This revolutionary upgrade will skyrocket the value of our token!",
        "Any rational voter can see that this is a no-brainer.",
        "Only a fool would vote against it.",
        "Act now before it is too late.",
        "这是一个史无前例的革命性方案。",
        "毫无疑问，每个理性的持币者都应支持。",
        "机不可失，请务必投赞成票。",
    ],
)
def test_loaded_sentences_are_found(sentence: str) -> None:
    assert sentence_severity(sentence) >= 0.5


def test_filler_does_not_dilute_an_attack() -> None:
    attack = " Only corrupt delegates would vote against it."
    alone = whole("tone_neutrality", WHOLE_EN + attack)
    padded = whole("tone_neutrality", WHOLE_EN + attack + " The report is published every month." * 30)
    assert padded <= alone + 0.1 < 0.6


def test_a_loaded_word_in_a_quotation_weighs_less() -> None:
    said = whole("tone_neutrality", WHOLE_EN + " This is a revolutionary and world-class plan.")
    quoted = whole("tone_neutrality", WHOLE_EN + " A member called it “a revolutionary and world-class plan”.")
    assert said < quoted < 1.0


def test_an_empty_text_is_not_neutral() -> None:
    assert whole("tone_neutrality", "") == 0.0


# --- brevity --------------------------------------------------------------------------------------------------------


def test_a_text_of_twice_the_length_gets_nothing_for_brevity() -> None:
    long = (
        WHOLE_EN + "\n\nThe rebate for creators is paid from the treasury and reported by the office each month. " * 80
    )
    assert whole("brevity", long) <= 0.05


def test_repeating_a_paragraph_lowers_brevity() -> None:
    paragraph = WHOLE_EN.split("\n\n")[4]
    assert whole("brevity", WHOLE_EN + "\n\n" + paragraph) < 0.95


# --- score ----------------------------------------------------------------------------------------------------------


def test_scores_carry_reasons_that_point_into_the_analysed_text() -> None:
    analysis = analyse("Creator sales fell to 402,500 USDC in the third quarter [E1].", task())
    reason = next(reason for reason in data_citation(analysis).reasons if reason.code == "invented")
    assert analysis.text[reason.start : reason.end] == "402,500 USDC"


def test_a_missing_section_is_named_in_the_reasons() -> None:
    analysis = analyse(WHOLE_EN.replace("## Motivation", "## Story"), task(required=ALL))
    assert any("'Motivation' is missing" in reason.message for reason in template_adherence(analysis).reasons)


@pytest.mark.parametrize(
    ("number", "expected"), [(0.0, 0.0), (-1.0, 0.0), (2.0, 1.0), (float("nan"), 0.0), (1 / 3, 85 / 256)]
)
def test_values_are_rounded_to_steps(number: float, expected: float) -> None:
    assert quantise(number) == expected
