"""The author's points: whole words of sentences that say something, no remains of names with digits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.points import MAX_POINT_WORDS, MAX_SENTENCES, MIN_POINT_WORDS, points

WORDS = [
    "The",
    "fee",
    "council’s",
    "HIP-51",
    "SIP-",
    "(as",
    "agreed)",
    "0xAbc",
    "votes",
    "5",
    "pools:",
    "{{E1.x}}",
    "A.",
]


@pytest.mark.parametrize(
    ("prose", "told"),
    [
        ("The council of HIP-51 replaced the old committee.", "council replaced old committee"),
        ("The owner 0x12ab34cdEF gives up every remaining role.", "owner gives every remaining role"),
        ("Stakers' rewards re-4 reach the holders’ accounts.", "Stakers rewards reach holders accounts"),
        ("Fees &nbsp; fall where \\frac costs fall too.", "Fees fall where costs too"),
        ("See HIP-52.", ""),
        ("Specifically:", ""),
        ("The vote closes early. SIP-9 added. The vote closes early.", "vote closes early"),
    ],
)
def test_a_point_holds_whole_words_and_is_left_out_where_it_says_nothing(prose: str, told: str) -> None:
    assert points(prose) == told


@given(st.lists(st.sampled_from(WORDS)))
def test_any_point_has_enough_words_and_none_of_them_ends_in_a_mark(words: list[str]) -> None:
    told = points(" ".join(words))
    made = told.split("; ") if told else []
    assert len(made) <= MAX_SENTENCES
    assert all(MIN_POINT_WORDS <= len(point.split()) <= MAX_POINT_WORDS for point in made)
    assert all(word[-1].isalpha() and word[0].isalpha() for point in made for word in point.split())
