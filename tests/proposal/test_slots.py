"""Slots: printed figures are the evidence's own, citations follow, and what is unknown stays visible."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proposal.brief import Brief
from proposal.evidence import Evidence
from proposal.slots import cite_slots, escape_slots, fill, resolve, used_ids, vocabulary
from proposal.values import Value

NOW = dt.datetime(2026, 11, 2, tzinfo=dt.UTC)
SALES = Evidence(
    id="E1", kind="metric", title="Creator sales", url="https://data.example.org/s", retrieved_at=NOW,
    values={"sales_q2": Value(value=1_600_000, unit="USDC"), "sales_q3": Value(value=1_234_567, unit="USDC"),
            "sellers": Value(value=412, unit="count")},
)  # fmt: skip
POST = Evidence(
    id="E2", kind="forum_post", title="A seller's post", url="https://forum.example.org/t/9", retrieved_at=NOW,
    date=dt.date(2026, 10, 7), excerpt="Fees take most of my margin. I list less.",
)  # fmt: skip
EVIDENCE = {"E1": SALES, "E2": POST}
BRIEF = Brief(topic="Creator rebates", ask="Fund a rebate.", type="funding", dao="Lantern DAO",
              parameters={"budget": Value(value=45_000, unit="USDC")})  # fmt: skip


def filled(text: str, language: str = "en") -> str:
    return fill(text, evidence=EVIDENCE, brief=BRIEF, language=language).text  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("slotted", "text"),
    [
        ("Sales reached {{E1.sales_q3}} [[E1]].", "Sales reached 1,234,567 USDC [E1]."),
        ("Sales reached {{E1.sales_q3}}.", "Sales reached 1,234,567 USDC [E1]."),
        ("It asks for {{P.budget}}.", "It asks for 45,000 USDC."),
        ("The change was {{calc:pct_change(E1.sales_q2,E1.sales_q3)}}.", "The change was -22.8% [E1]."),
        ("The sum is {{calc:sum(E1.sales_q2,E1.sales_q3)}}.", "The sum is 2,834,567 USDC [E1]."),
        ("The gap is {{calc:diff(E1.sales_q2,E1.sales_q3)}}.", "The gap is 365,433 USDC [E1]."),
        ("A post reads {{E2.quote}}.", "A post reads “Fees take most of my margin.” [E2]."),
        ("It is dated {{E2.date}}.", "It is dated 2026-10-07 [E2]."),
        ("A quote is missing: {{TBD:vendor quote}}.", "A quote is missing: [needs: vendor quote]."),
        ("One {{E1.sales_q2}}, two {{E1.sales_q3}} [[E1]].", "One 1,600,000 USDC, two 1,234,567 USDC [E1]."),
        ("Plain text stays.", "Plain text stays."),
    ],
)
def test_slots_print_what_they_stand_for(slotted: str, text: str) -> None:
    assert filled(slotted) == text


def test_chinese_sentences_are_cited_before_their_full_stop() -> None:
    assert filled("销售额为{{E1.sales_q3}}。其余不变。", "zh") == "销售额为1,234,567 USDC [E1]。其余不变。"


@pytest.mark.parametrize(
    "body",
    ["E9.sales", "E1.nothing", "P.nothing", "calc:sum(E1.sales_q2,E1.sellers)", "calc:exec(E1.sales_q2,E1.sales_q3)",
     "E1", "nonsense", "E1.quote"],
)  # fmt: skip
def test_what_cannot_be_filled_is_printed_as_a_visible_gap(body: str) -> None:
    resolved = resolve(body, EVIDENCE, BRIEF, "en")
    assert not resolved.known
    assert resolved.printed == f"[needs: {body}]"


def test_a_mark_without_evidence_does_not_become_a_citation() -> None:
    result = fill("So they say [[E9]].", evidence=EVIDENCE, brief=BRIEF, language="en")
    assert result.text == "So they say [needs: E9]."
    assert result.unknown == ("E9",)


def test_the_vocabulary_lists_every_slot_and_each_of_them_fills() -> None:
    words = vocabulary(EVIDENCE, BRIEF)
    assert words.ids == ("E1", "E2")
    assert "E1.sales_q3" in words
    assert "E2.quote" in words
    assert "E1.quote" not in words
    for body in (*words.values, *words.parameters, *words.calculations):
        assert resolve(body, EVIDENCE, BRIEF, "en").known, body


def test_calculations_are_offered_only_between_values_of_one_unit() -> None:
    assert not any("sellers" in body for body in vocabulary(EVIDENCE, BRIEF).calculations)


def test_every_use_points_at_its_printed_text() -> None:
    result = fill("A {{P.budget}} and {{E1.sellers}} [[E1]] end.", evidence=EVIDENCE, brief=BRIEF, language="en")
    assert [result.text[use.start : use.end] for use in result.uses] == ["45,000 USDC", "412"]
    assert [use.ids for use in result.uses] == [(), ("E1",)]


def test_citing_twice_changes_nothing() -> None:
    once = cite_slots("Sales fell to {{E1.sales_q3}}. More. {{TBD:a. b}} and {{E2.date}}")
    assert cite_slots(once) == once
    assert used_ids(once) == {"E1", "E2"}


@given(st.text(alphabet="{}[]EP.:12abc _|\n。", max_size=80))
def test_text_of_the_user_can_never_open_a_slot(text: str) -> None:
    result = fill(escape_slots(text), evidence=EVIDENCE, brief=BRIEF, language="en")
    assert not result.uses
    assert not result.unknown


@given(st.text(max_size=200))
def test_no_text_makes_filling_fail(text: str) -> None:
    fill(text, evidence=EVIDENCE, brief=BRIEF, language="zh")
