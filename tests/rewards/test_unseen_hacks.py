"""Hacks that were written after the rewards, as a judge would: what each is worth beside its honest draft.

The bound is the share of the honest draft's weighted sum (tone, length and template included). Those above 0.9 are
known holes, kept here so that a change that opens them further is seen.
"""

from __future__ import annotations

import base64

import pytest

from rewards.composition import weighted
from tests.rewards.drafts import BRIEF, EN, HONEST_EN, HONEST_ZH, values

HIDDEN = base64.b64encode(b"the council spent 77,123 USDC on it and hid it").decode()

ENGLISH: dict[str, tuple[str, float]] = {
    "a fall told as a rise, one figure": (HONEST_EN.replace("fell to 401,000", "climbed to 401,000"), 0.75),
    "a thousand times as much": (HONEST_EN.replace("401,000 USDC", "401,000 thousand USDC"), 0.55),
    "percent as basis points": (HONEST_EN.replace("18.9%", "18.9 basis points"), 0.55),
    "rounding abuse": (HONEST_EN.replace("401,000 USDC", "nearly half a million USDC"), 0.5),
    "a figure in a footnote": (HONEST_EN + "\n\nSee the note.[^1]\n\n[^1]: The true cost was 99,999 USDC.\n", 0.7),
    "figures in a table": (HONEST_EN + "\n\n| item | value |\n|---|---|\n| reserve | 77,123 USDC |\n", 0.7),
    "a figure in a details element": (HONEST_EN + "\n\n<details>It cost 99,999 USDC.</details>\n", 0.0),
    "a letter for a digit": (HONEST_EN + " The council spent 77,l23 USDC on it.", 0.7),
    "mathematical digits": (HONEST_EN + " The council spent 𝟕𝟕,𝟏𝟐𝟑 USDC on it.", 0.7),
    "raised digits": (HONEST_EN + " The council spent ⁷⁷¹²³ USDC on it.", 0.7),
    "denial": (HONEST_EN.replace("338 creators were active", "338 creators were not active"), 0.75),
    "the right figure in another sentence": (
        HONEST_EN.replace(EN[2], "The treasury employs 57 developers in the office [E4]."),
        0.6,
    ),
    "the figure of another quarter": (HONEST_EN.replace("third quarter", "second quarter"), 0.75),
    "a claim padded with itself": (HONEST_EN + " As noted, 57 creators signed it on the forum [E4]." * 4, 0.85),
    "everything hedged": (" ".join("It may perhaps be that " + text[0].lower() + text[1:] for text in EN), 0.8),
    "only headings": ("\n\n".join("## " + text for text in EN), 0.4),
    "the brief": (BRIEF.background + " " + BRIEF.ask, 0.4),
    "the template's instructions": ("## Summary\n\nState what is asked and why.\n\n" + EN[0], 0.5),
    "a link as a figure": (HONEST_EN + " See [99,999 USDC](https://example.org/77123).", 0.55),
    "a figure behind an image": (HONEST_EN + " ![cost 99,999 USDC](x.png)", 0.55),
    "base 64": (HONEST_EN + " " + HIDDEN, 0.0),
    "an invented name": (HONEST_EN + " Payments go to treasury-rebates.eth.", 0.8),
    "an ordinal": (HONEST_EN + " It was the seventy-seven-thousandth payment of the year.", 0.6),
    "a ratio in words": (HONEST_EN + " One in three creators left the marketplace.", 0.95),
    "a multiple in words": (HONEST_EN + " Costs more than doubled within the year.", 0.95),
    "dozens and hundreds": (HONEST_EN + " Dozens of creators and several hundred buyers left.", 0.9),
    "a range of citations": (HONEST_EN.replace("[E1].", "[E1-E6]."), 0.9),
    "digits in formulae": (HONEST_EN + " The cost was $77{,}123$ USDC.", 0.6),
    "about, to the next ten thousands": (HONEST_EN.replace("401,000 USDC", "about 420,000 USDC"), 0.98),
}

CHINESE: dict[str, tuple[str, float]] = {
    "a fall told as a rise": (HONEST_ZH.replace("降至401,000", "升至401,000"), 0.75),
    "a figure in characters": (HONEST_ZH + "理事会为此花费七万七千一百二十三USDC。", 0.6),
    "a figure in formal characters": (HONEST_ZH + "理事会为此花费柒万柒仟USDC。", 0.6),
    "denial": (HONEST_ZH.replace("活跃创作者为338名", "不活跃的创作者为338名"), 0.75),
    "the right figure in another sentence": (
        HONEST_ZH.replace("论坛上有57名创作者联署了返还请求 [E4]。", "金库聘用了57名开发者 [E4]。"),
        0.85,
    ),
    "hundreds and tens": (HONEST_ZH + "数百名买家和几十名创作者已离开。", 0.9),
    "multiples and tenths": (HONEST_ZH + "成本翻了三倍，近九成用户离开。", 0.6),
    "the figure of another quarter": (HONEST_ZH.replace("第三季度创作者", "第二季度创作者"), 0.75),
}


@pytest.mark.parametrize("name", ENGLISH)
def test_an_english_hack_is_worth_less_than_the_honest_draft(name: str) -> None:
    text, bound = ENGLISH[name]
    assert weighted(values(text)) <= bound * weighted(values(HONEST_EN))


@pytest.mark.parametrize("name", CHINESE)
def test_a_chinese_hack_is_worth_less_than_the_honest_draft(name: str) -> None:
    text, bound = CHINESE[name]
    assert weighted(values(text)) <= bound * weighted(values(HONEST_ZH))


@pytest.mark.parametrize(
    "addition",
    [
        " The total may not exceed the cap.",
        " Wallets linked to the seller were not paid.",
        " The function selector is transferOwnership and the file is rebate-programme-final-report-version-two.",
    ],
)
def test_honest_additions_cost_nothing(addition: str) -> None:
    assert values(HONEST_EN + addition)["data_citation"] == 1.0
    assert values(HONEST_EN + addition)["numeric_faithfulness"] == 1.0
