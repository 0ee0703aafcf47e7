"""The phrase language that lexicons and rule packs are written in."""

from __future__ import annotations

import time

import pytest

from proposal.checks.lexicons import find, groups
from proposal.checks.phrases import Phrase, PhraseBook, Spans, fold


def found(phrase: str, text: str, *unless: str) -> list[str]:
    folded = fold(text)
    return [folded[hit.start : hit.end] for hit in PhraseBook([Phrase("t", phrase, unless)]).find(folded)]


@pytest.mark.parametrize(
    ("phrase", "text", "expected"),
    [
        ("no-brainer", "It is a No Brainer.", ["no brainer"]),
        ("no-brainer", "It is a no-brainer.", ["no-brainer"]),
        ("guaranteed return|profit", "a guaranteed **profit** is", ["guaranteed **profit"]),
        ("will * price", "will soon raise the price", ["will soon raise the price"]),
        ("will * price", "will one two three four five price", []),
        ("at_least|up_to ten", "up to ten", ["up to ten"]),
        ("game-changer|must-have", "a must-have", ["must-have"]),
        ("it's over", "it’s over", ["it's over"]),
        ("risk", "risky brisk risk-free", ["risk"]),
        ("act now", "act.\n\nnow", []),
        ("必将 上涨|暴涨", "代币必将暴涨。", ["必将暴涨"]),
        ("不经 * 表决", "不经成员表决", ["不经成员表决"]),
        ("不经 * 表决", "不经。表决", []),
        ("ai 助手", "ＡＩ助手", ["ai助手"]),
    ],
)
def test_a_phrase_finds_what_it_says(phrase: str, text: str, expected: list[str]) -> None:
    assert found(phrase, text) == expected


def test_an_exception_makes_a_phrase_harmless_only_where_it_overlaps() -> None:
    assert found("risk-free", "the risk-free rate", "risk-free rate") == []
    assert found("risk-free", "a rate. It is risk-free.", "risk-free rate") == ["risk-free"]


def test_of_two_phrases_that_begin_together_the_longer_stays() -> None:
    book = PhraseBook([Phrase("t", "vote yes"), Phrase("t", "vote yes now")])
    assert [(hit.start, hit.end) for hit in book.find("vote yes now")] == [(0, 12)]


def test_folding_keeps_every_place() -> None:
    text = "İstanbul’s ＰＲＩＣＥ ǅ ß 必涨"
    assert len(fold(text)) == len(text)


def test_spans_cover_their_inside_and_not_their_end() -> None:
    spans = Spans([(5, 8), (2, 6), (20, 21)])
    assert [place for place in range(25) if spans.covers(place)] == [2, 3, 4, 5, 6, 7, 20]


def test_a_long_hostile_text_is_searched_in_linear_time() -> None:
    started = time.perf_counter()
    for text in ("will " * 60_000, "guaranteed " * 30_000, "必将" * 100_000, "- " * 150_000, "a" * 300_000):
        find(text, "NE-certainty")
    assert time.perf_counter() - started < 20


def test_every_phrase_of_the_lexicons_finds_itself() -> None:
    """A place that holds spaces instead of underscores breaks a phrase in two; its own words then no longer match."""
    for group in groups().values():
        for phrase in group.phrases:
            words = " ".join("" if place == "*" else place.split("|")[-1] for place in phrase.split())
            text = words.replace("_", " ") if words.isascii() else words.replace(" ", "").replace("_", "")
            assert found(phrase, text), f"{group.tag}: {phrase}"


NEUTRAL_EN = (
    "The quorum minimum is four percent. In the worst case the auction fails; in the best case it ends early. "
    "A critical vulnerability was reported and an attack drained the pool. The leading zero of the unique id is kept. "
    "The greedy algorithm is replaced. Follow the best practice. The risk-free rate is a parameter. "
    "Returns are not guaranteed. The cap cannot fail silently. Arbitrageurs earn risk-free profits from the bug. "
    "The largest holders may vote. The council clearly defines its mandate. Depositors could lose money."
)  # fmt: skip
NEUTRAL_ZH = (
    "最终结果以最近一次投票为准。最低法定人数为百分之四。最大回撤发生在第一阶段。唯一标识符保持不变。完全稀释后的供应量不变。"
    "需要绝对多数。这是首次调整。领先节点出块。遵循最佳实践。收益不作保证。无风险利率为参数。攻击者套利获利。"
)


@pytest.mark.parametrize("text", [NEUTRAL_EN, NEUTRAL_ZH], ids=["en", "zh"])
@pytest.mark.parametrize("rule", ["NE-loaded", "NE-pressure", "NE-title"])
def test_neutral_sentences_of_governance_are_left_alone(text: str, rule: str) -> None:
    assert [text[hit.start : hit.end] for group, hit in find(fold(text), rule) if group.severity != "info"] == []
