"""Keys of values: what a person would call a figure, a name or an address; never whichever words stand near."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.keys import MAX_KEY, figure_key, is_unnamed, reference_key
from proposal.brief import check_name
from proposal.values import Value

ADDRESS = "0x" + "00112233" * 5
HASH = "0x" + "00112233" * 8


def key_of(sentence: str, printed: str) -> str:
    start = sentence.index(printed)
    value = Value.model_validate({"value": printed, "unit": "count" if printed.isdigit() else ""})
    return reference_key(sentence, start, start + len(printed), value)


@pytest.mark.parametrize(
    ("sentence", "printed", "key"),
    [
        (f"Additionally {ADDRESS} becomes an admin of the pool.", ADDRESS, "address"),
        (f"Additionaly {ADDRESS} becomes an admin of the pool.", ADDRESS, "address"),
        (f"The treasury address is {ADDRESS} from then on.", ADDRESS, "treasury_address"),
        (f"Risk steward: {ADDRESS}", ADDRESS, "risk_steward_address"),
        (f"The transaction {HASH} paid it.", HASH, "transaction_hash"),
        ("The text builds on HIP-51 and others.", "HIP-51", "hip_51"),
        ("In V3's pools nothing changes.", "V3's", "v3"),
        ("They were routed by 9lives's pools.", "9lives's", "lives"),
        ("Freezing was described in SIP 83 before.", "83", "sip"),
        ("All of this belongs to Phase 2 of the plan.", "2", "phase"),
        ("It starts then, at 06:00 UTC.", "06:00", "time"),
        ("(2) Elections are held again.", "2", "item"),
        ("However, 1.20.3 follows.", "1.20.3", "version"),
        ("Simply put, 5G would follow.", "5G", "quantity"),
    ],
)
def test_what_states_nothing_is_called_by_its_name_or_by_the_noun_before_it(
    sentence: str, printed: str, key: str
) -> None:
    assert key_of(sentence, printed) == key


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ({"value": "2026-03-01"}, "date"),
        ({"value": 4, "unit": "%"}, "percentage"),
        ({"value": 14, "unit": "days"}, "duration"),
        ({"value": 30_000, "unit": "USD"}, "amount"),
        ({"value": 3, "unit": "count"}, "item"),
        ({"value": "2.5", "unit": "count"}, "number"),
    ],
)
def test_a_figure_that_no_noun_names_is_called_by_its_kind(value: dict[str, object], key: str) -> None:
    assert figure_key("", Value.model_validate(value)) == key


def test_a_figure_is_called_by_its_topic_cut_between_words() -> None:
    assert figure_key("the cost of the council's review", Value(value=1, unit="USD")) == "cost_council_review"
    long = figure_key("hotspot location assertion verification mapping", Value(value=1, unit="USD"))
    assert long == "hotspot_location_assertion"


def test_only_texts_without_name_and_kind_are_unnamed() -> None:
    assert [key for key in ("quantity", "reference_3", "address", "version_2", "hip_51") if is_unnamed(key)] == [
        "quantity",
        "reference_3",
    ]


@given(st.text(max_size=40), st.text(alphabet="abXY019.'’-/#é_%", min_size=1, max_size=30), st.text(max_size=20))
def test_any_key_is_a_name_that_leaves_room_for_a_number(before: str, printed: str, after: str) -> None:
    sentence = f"{before}{printed}{after}"
    key = reference_key(sentence, len(before), len(before) + len(printed), Value(value=f"x{printed}"))
    assert check_name(key)
    assert len(key) <= MAX_KEY
