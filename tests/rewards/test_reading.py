"""Reading: the checker sees what a reader sees."""

from __future__ import annotations

import pytest

from rewards.reading import MAX_CHARACTERS, read, readable_characters, undisguise, without_thoughts
from tests.rewards.drafts import HONEST_EN, task


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("４５,０００ USDC", "45,000 USDC"),
        ("𝟒𝟓,𝟎𝟎𝟎 USDC", "45,000 USDC"),
        ("٤٥", "45"),
        ("[Е1] [Ｅ2]", "[E1] [E2]"),
        ("4\u200b5\u00ad,0\u206000", "45,000"),
        ("45,OOO USDC", "45,000 USDC"),
        ("&#52;5,000&nbsp;USDC", "45,000\u00a0USDC"),
        ("4**5**,000", "45,000"),
        ("**45,000** USDC", "**45,000** USDC"),
        ("`45,000 USDC`", "45,000 USDC"),
        ("①", "1"),
        ("h\u0336y\u0336p\u0336e", "hype"),
        ("共12，450人，其余不变。", "共12，450人，其余不变。"),
        ("&lt;script&gt;", "&lt;script&gt;"),
        ("`0x5b1f0c7e9a3d48e26f7b90c41d2a8e35f6079bc1`", "0x5b1f0c7e9a3d48e26f7b90c41d2a8e35f6079bc1"),
    ],
)
def test_disguises_are_undone(written: str, seen: str) -> None:
    assert undisguise(written)[0] == seen


@pytest.mark.parametrize("text", ["Plain text.", "数字为45。", "It’s “quoted” – once…", "naïve café Übersicht"])
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert undisguise(text) == (text, ())


def test_hiding_characters_are_reported() -> None:
    assert undisguise("a\u202eb")[1] == ("bidirectional controls",)
    assert undisguise("a\U000e0041b")[1] == ("tag characters",)


@pytest.mark.parametrize("thought", ["<think>99,999 USDC [E77]</think>", "99,999 USDC</think>"])
def test_reasoning_is_not_read(thought: str) -> None:
    assert read(thought + HONEST_EN, task()).text == HONEST_EN


def test_reasoning_that_never_ends_leaves_nothing() -> None:
    assert without_thoughts("<think>" + HONEST_EN) == ""


def test_only_the_beginning_of_an_endless_text_is_read() -> None:
    reading = read("a sentence. " * 100_000, task())
    assert reading.cut
    assert len(reading.text) <= readable_characters(task(), chinese=False) <= MAX_CHARACTERS


def test_slots_are_filled_and_cited() -> None:
    reading = read("Sales fell to {{E1.sales_q3}}.", task())
    assert reading.text == "Sales fell to 401,000 USDC [E1]."


def test_a_name_with_numbers_in_a_slot_is_no_split_number() -> None:
    assert undisguise("It was {{P.hip_39_2}} and 4*5*0.")[0] == "It was {{P.hip_39_2}} and 450."
