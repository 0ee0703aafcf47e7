"""Which printed figure states which value: rounding, units, approximations, derived figures, support."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proposal.brief import Brief
from proposal.document import Amount, parse
from proposal.evidence import Evidence
from proposal.matching import Support, date_supported_by, derived, matches_date, states, supported_by
from proposal.values import Value, format_value


def amount_in(text: str) -> Amount:
    [amount] = parse(text).amounts
    return amount


def value(number: str | int, unit: str) -> Value:
    return Value(value=str(number), unit=unit)


def evidence(identifier: str = "E1", **fields: object) -> Evidence:
    base = {"id": identifier, "kind": "metric", "title": "Sales", "url": "https://data.example.org/1",
            "retrieved_at": "2026-10-01T00:00:00Z", "excerpt": "Nothing to count."}  # fmt: skip
    return Evidence.model_validate(base | fields)


def brief(**parameters: dict[str, object]) -> Brief:
    return Brief.model_validate({"topic": "Creator rebate", "ask": "Pay a rebate", "type": "funding", "dao": "Example",
                                 "parameters": parameters})  # fmt: skip


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        ("1234567", "votes", "1.23M votes"),
        ("1234567", "votes", "1,234,567 votes"),
        ("1234567", "USDC", "123.46万 USDC"),
        ("45000", "USDC", "45,000 USDC"),
        ("45000", "USDC", "45k USDC"),
        ("45000", "USDC", "forty-five thousand USDC"),
        ("45000", "USDC", "四万五千 USDC"),
        ("45000", "USDC", "45,000"),
        ("45000.4", "USDC", "45,000 USDC"),
        ("37.5", "%", "37.5%"),
        ("37.52", "%", "37.5%"),
        ("37.5", "%", "百分之三十七点五"),
        ("0.375", "fraction", "37.5%"),
        ("0.375", "ratio", "37.5%"),
        ("37.5", "%", "3,750 bps"),
        ("50", "bps", "0.5%"),
        ("5", "%", "0.05"),
        ("66.67", "%", "two thirds"),
        ("1.5", "x", "1.5x"),
        ("1.5", "x", "1.5 times"),
        ("412", "count", "412 votes"),
        ("412", "count", "412"),
        ("412", "votes", "412票"),
        ("14", "days", "2 weeks"),
        ("3", "months", "3个月"),
        ("10", "ETH", "10 eth"),
        ("1000", "USDC", "about 1,040 USDC"),
        ("412", "votes", "约400票"),
        ("-5", "%", "-5%"),
        ("-5", "%", "5%"),
    ],
)
def test_a_correct_print_states_its_value(number: str, unit: str, text: str) -> None:
    assert states(value(number, unit), amount_in(text))


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        ("1234567", "votes", "1.3M votes"),
        ("1234567", "votes", "1.24M votes"),
        ("45000", "USDC", "45,001 USDC"),
        ("45000", "USDC", "45,000 DAI"),
        ("45000", "USDC", "$45,000"),
        ("45000", "USDC", "45,000 votes"),
        ("37.5", "%", "37.4%"),
        ("37.5", "%", "37.5 bps"),
        ("37.5", "%", "37.5 USDC"),
        ("37.5", "%", "37.5"),
        ("5", "%", "5"),
        ("412", "count", "412 days"),
        ("412", "count", "412 USDC"),
        ("412", "votes", "412 addresses"),
        ("3", "months", "3 weeks"),
        ("1000", "USDC", "about 1,100 USDC"),
        ("1000", "USDC", "1,040 USDC"),
        ("5", "%", "-5%"),
        ("3", "count", "the 3rd vote"),
        ("1.5", "x", "1.5%"),
    ],
)
def test_a_wrong_print_does_not(number: str, unit: str, text: str) -> None:
    assert not states(value(number, unit), amount_in(text))


def test_a_text_or_date_value_is_stated_by_no_amount() -> None:
    assert not states(Value(value="ARB"), amount_in("45 ARB"))
    assert not states(Value(value="2026-11-02"), amount_in("45 ARB"))


UNITS = ("%", "bps", "count", "votes", "days", "months", "years", "hours", "USDC", "ETH", "wstETH", "UNI", "USD", "x",
         "addresses", "users", "creators", "blocks", "projects", "fraction", "ratio", "vp", "delegates", "tokens",
         "lots")  # fmt: skip


@given(
    st.decimals(min_value=Decimal("0.001"), max_value=Decimal("1e12"), places=3),
    st.sampled_from(UNITS),
    st.sampled_from(("en", "zh")),
    st.sampled_from(("It was {} in all.", "共{}，通过。", "- {}\n", "Text ({}) here", "**{}**")),
)
def test_whatever_format_value_prints_states_the_value(number: Decimal, unit: str, language: str, frame: str) -> None:
    printed = Value(value=number, unit=unit)
    [amount] = parse(frame.format(format_value(printed, language))).amounts  # type: ignore[arg-type]
    assert states(printed, amount)


@given(st.integers(100, 10**9), st.sampled_from(UNITS))
def test_the_next_number_never_states_the_value(number: int, unit: str) -> None:
    [amount] = parse(f"It was {format_value(value(number + 1, unit), 'en')} in all.").amounts
    assert not states(value(number, unit), amount)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("on 2 November 2026", True),
        ("in November 2026", True),
        ("in Q4 2026", True),
        ("in H2 2026", True),
        ("in 2026", True),
        ("2026年11月2日", True),
        ("on 3 November 2026", False),
        ("in October 2026", False),
        ("in Q3 2026", False),
        ("in 2025", False),
        ("on 2 November", False),
        ("on 11/02/2026", False),
    ],
)
def test_a_date_is_matched_at_its_printed_precision(text: str, expected: bool) -> None:
    [mention] = parse(text).dates
    assert matches_date(Value(value="2026-11-02"), mention) is expected
    assert matches_date(dt.date(2026, 11, 2), mention) is expected


SALES = (value(120000, "USDC"), value(90000, "USDC"))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Sales of both quarters total 210,000 USDC.", SALES),
        ("Sales fell by 30,000 USDC.", SALES),
        ("Sales fell by 25.0%.", SALES),
        ("Sales were 1.33 times as high.", SALES),
        ("The share was 75.0% of the first.", SALES),
        ("两季合计210,000 USDC。", SALES),
        ("销售额下降25.0%。", SALES),
        ("In total 412 votes were cast.", (value(301, "votes"), value(100, "votes"), value(11, "votes"))),
        ("Each of them got 2,500 USDC on average.", (value(45000, "USDC"), value(18, "projects"))),
    ],
)
def test_a_derived_figure_is_recognised_beside_its_operator_word(text: str, values: tuple[Value, ...]) -> None:
    assert derived(amount_in(text), values, text)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Sales were 210,000 USDC.", SALES),
        ("Sales total 210,001 USDC.", SALES),
        ("Sales total 210,000 DAI.", SALES),
        ("Sales fell by 25%.", SALES),
        ("Sales total 210,000 USDC.", SALES[:1]),
        ("Sales total 210,000 USDC.", (*SALES, value(1, "USDC"), value(2, "USDC"))),
        ("The total is 120,412.", (value(120000, "USDC"), value(412, "votes"))),
    ],
)
def test_other_figures_are_not_taken_for_derived_ones(text: str, values: tuple[Value, ...]) -> None:
    assert not derived(amount_in(text), values, text)


def test_support_names_every_place_that_states_the_amount() -> None:
    items = [
        evidence("E1", values={"spent": {"value": 45000, "unit": "USDC"}, "turnout": {"value": "37.5", "unit": "%"}}),
        evidence("E2", excerpt="The committee approved 45,000 USDC on 2 November 2026."),
        evidence("E3", block=18_000_000),
    ]
    asked = brief(budget={"value": 45000, "unit": "USDC"}, length={"value": 3, "unit": "months"})
    assert supported_by(amount_in("45,000 USDC"), items, asked) == (
        Support("E1", "spent"), Support("E2", "excerpt"), Support("P", "budget"))  # fmt: skip
    assert supported_by(amount_in("37.5%"), items, None) == (Support("E1", "turnout"),)
    assert supported_by(amount_in("at 18,000,000 blocks"), items, asked) == (Support("E3", "block"),)
    assert supported_by(amount_in("44,000 USDC"), items, asked) == ()


def test_an_excerpt_supports_a_coarser_print_but_never_a_finer_one() -> None:
    fine, coarse = evidence(excerpt="It was 1,234,567 votes."), evidence(excerpt="It was 1.2M votes.")
    assert supported_by(amount_in("1.2M votes"), [fine], None) == (Support("E1", "excerpt"),)
    assert supported_by(amount_in("1,234,567 votes"), [coarse], None) == ()


def test_dates_are_supported_by_values_the_day_of_the_evidence_and_its_text() -> None:
    items = [
        evidence("E1", values={"ends": {"value": "2026-11-02"}}),
        evidence("E2", date="2026-11-02"),
        evidence("E3", excerpt="It closed on November 2, 2026."),
    ]
    [mention] = parse("2026年11月2日").dates
    assert date_supported_by(mention, items, brief(end={"value": "2026-11-02"})) == (
        Support("E1", "ends"), Support("E2", "date"), Support("E3", "excerpt"), Support("P", "end"))  # fmt: skip
    [other] = parse("2026-11-03").dates
    assert date_supported_by(other, items, None) == ()
