"""Placeholders: what is certainly one, what only may be one, and what is none."""

import pytest

from proposal.placeholders import find_gaps, is_lone_gap


def found(text: str) -> list[tuple[str, bool]]:
    return [(text[gap.start : gap.end], gap.sure) for gap in find_gaps(text, text.lower())]


@pytest.mark.parametrize(
    ("text", "gap"),
    [
        ("[to be completed]", "[to be completed]"),
        ("Amount: XX USDC", "XX"),
        ("within XX days", "XX"),
        ("金额：XX万元", "XX"),
        ("某某公司负责", "某某"),
        ("（此处补充）", "（此处补充）"),
        ("(To be provided upon further development.)", "(To be provided upon further development.)"),
        ("TODO", "TODO"),
    ],
)
def test_a_gap_is_found_with_its_place(text: str, gap: str) -> None:
    assert (gap, True) in found(text)


@pytest.mark.parametrize(
    "text",
    ["Season XX of the programme", "a decision to be determined by the council", "World Cup XXIV", "公司负责", "[E1]"],
)
def test_ordinary_words_are_no_gap(text: str) -> None:
    assert found(text) == []


def test_what_may_be_a_decision_is_not_called_certain() -> None:
    assert found("The date is to be determined.") == [("to be determined", False)]


@pytest.mark.parametrize("block", ["*Coming soon*", "to be added.", "待定", "稍后补充。"])
def test_a_block_that_says_nothing_else_is_a_gap(block: str) -> None:
    assert is_lone_gap(block.lower())
    assert not is_lone_gap(block.lower() + " by the council")
