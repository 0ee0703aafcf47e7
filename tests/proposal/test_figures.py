"""Amounts and dates in real-looking sentences of both languages, expected values worked out by hand."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from proposal.document import parse
from proposal.values import ZH_UNITS, Value, format_value


def figures(text: str) -> list[str]:
    """Return the amounts of a text as "value unit", in order."""
    return [f"{amount.value:f} {amount.unit}".strip() for amount in parse(text).amounts]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The DAO pays 45,000 USDC to the team.", ["45000 USDC"]),
        ("The budget is 1,234.5 USDC.", ["1234.5 USDC"]),
        ("A grant of $1.2M was approved.", ["1200000 USD"]),
        ("It raised US$ 3.4 million in a week.", ["3400000 USD"]),
        ("It costs €250k a year.", ["250000 EUR"]),
        ("A fee of £99.50 applies.", ["99.50 GBP"]),
        ("USD 5,000 and EUR 300", ["5000 USD", "300 EUR"]),
        ("Pay 100$ of debt and 1m$ more.", ["100 USD", "1000000 USD"]),
        ("About 45k was spent.", ["45000"]),
        ("The treasury holds 2.5bn tokens.", ["2500000000 tokens"]),
        ("A stake of 32 ETH is needed.", ["32 ETH"]),
        ("It lent 0.75 wstETH and 10 stETH.", ["0.75 wstETH", "10 stETH"]),
        ("The 5 eth deposit is returned.", ["5 ETH"]),
        ("Send 500ARB to the safe.", ["500 ARB"]),
        ("A reward of $ENS 3,500 or 3,500 $ENS", ["3500", "3500 ENS"]),
        ("**45,000** USDC and 45,000 **USDC**", ["45000 USDC", "45000 USDC"]),
        ("It holds $200’000 in total.", ["200000 USD"]),
        ("It holds 1_000_000 wei.", ["1000000 wei"]),
        ("Pay 45\u00a0000 USDC.", ["45000 USDC"]),
        ("Pay 23&nbsp;625 USDC.", ["23625 USDC"]),
        ("The price fell to $.75 today.", ["0.75 USD"]),
        ("A wallet with 2000 USDC in 2025", ["2000 USDC"]),
        ("The vault holds $45,000 USDC.", ["45000 USDC"]),
    ],
)
def test_money_is_read_with_its_currency_before_or_behind(text: str, expected: list[str]) -> None:
    assert figures(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Turnout was 37.5%.", ["37.5 %"]),
        ("Turnout was 37.5 % of supply.", ["37.5 %"]),
        ("It rose by 12 percent.", ["12 %"]),
        ("It rose by 12 per cent.", ["12 %"]),
        ("It moved 3 percentage points.", ["3 %"]),
        ("The fee is 50 bps.", ["50 bps"]),
        ("The fee is 25bps or 30 basis points.", ["25 bps", "30 bps"]),
        ("The rate fell by -3%.", ["-3 %"]),
        ("The share grew (12%) again.", ["12 %"]),
        ("A loss of -$5,000 was booked.", ["-5000 USD"]),
        ("Of these, .5% are lost.", ["0.5 %"]),
        ("an error of 2‰", ["2 ‰"]),
        ("It was **-1** and _45%_ then.", ["-1", "45 %"]),
    ],
)
def test_shares_keep_their_printed_number(text: str, expected: list[str]) -> None:
    assert figures(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The fee is 3–5% of volume.", ["3 %", "5 %"]),
        ("The fee is 3-5% of volume.", ["3 %", "5 %"]),
        ("The fee is 3% to 5% of volume.", ["3 %", "5 %"]),
        ("It costs $3-5M a year.", ["3000000 USD", "5000000 USD"]),
        ("It costs 5k–10k USDC.", ["5000 USDC", "10000 USDC"]),
        ("Voting lasts 3 to 5 days.", ["3 days", "5 days"]),
        ("It takes 10-15 minutes.", ["10 minutes", "15 minutes"]),
        ("费用为3至5%。", ["3 %", "5 %"]),
        ("投票持续3到5天。", ["3 days", "5 days"]),
        ("需要3～5个月。", ["3 months", "5 months"]),
    ],
)
def test_a_range_is_two_amounts_that_share_unit_and_scale(text: str, expected: list[str]) -> None:
    assert figures(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A timelock of 24h applies.", ["24 hours"]),
        ("A 7-day vote and a 12-month term", ["7 days", "12 months"]),
        ("Rewards were 1.5x higher.", ["1.5 x"]),
        ("The ratio is 5:1.", ["5.000000 x"]),
        ("In total 412 votes were cast by 96 delegates.", ["412 votes", "96 delegates"]),
        ("In total 412 ENS delegates voted.", ["412 delegates"]),
        ("It reached 1,024 unique addresses.", ["1024 addresses"]),
        ("The pause lasts 5 business days.", ["5 days"]),
        ("A 3/5 multisig holds it.", ["3", "5"]),
        ("A 3-of-5 multisig holds it.", ["3", "5"]),
        ("A 2/3 majority is needed.", ["0.67 fraction"]),
        ("Gas was 20 gwei for 21,000 gas.", ["20 gwei", "21000 gas"]),
        ("It is 412\nvotes in all.", ["412 votes"]),
        ("Some 45 interesting ideas", ["45"]),
    ],
)
def test_counts_durations_and_ratios(text: str, expected: list[str]) -> None:
    assert figures(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("支持率为37.5%。", ["37.5 %"]),
        ("共有412票，其中赞成301票。", ["412 votes", "301 votes"]),
        ("预算约45万枚ARB。", ["450000 ARB"]),
        ("预算为45万 USDC。", ["450000 USDC"]),
        ("国库持有1.2亿美元。", ["120000000 USD"]),
        ("国库持有1亿2000万元。", ["120000000 CNY"]),
        ("共3万5千人参与。", ["35000 people"]),
        ("支出￥3,000，其余以美元支付。", ["3000 CNY"]),
        ("期限为3个月，分6期支付。", ["3 months", "6"]),
        ("公示期为30天，每天24小时。", ["30 days", "24 hours"]),
        ("费率上调25个基点。", ["25 bps"]),
        ("参与率上升2.5个百分点。", ["2.5 %"]),
        ("成本是原来的2倍。", ["2 x"]),
        ("共1,024个地址领取。", ["1024 addresses"]),
        ("百分之12的代币被锁定。", ["12 %"]),
        ("共４１２票，占３７．５％。", ["412 votes", "37.5 %"]),
        ("支出４５万 USDC，第二期２０ 万。", ["450000 USDC", "200000"]),
        ("委员会由9名委员组成。", ["9 members"]),
    ],
)
def test_chinese_figures_are_read_beside_han_characters(text: str, expected: list[str]) -> None:
    assert figures(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "EIP-1559 changed the fee market.",
        "An ERC-20 token and an ERC 721 token",
        "See AIP-42, HIP 19 and SIPs 2035.",
        "Deployed on Aave v3 and v1.2.3.",
        "Phase 2 follows Phase 1.",
        "As Section 3, Step 4 and Option 5 say.",
        "Phases 1, 2 and 3 are done.",
        "See No. 3 and proposal #42.",
        "第3条与第 4 条",
        "阶段2完成后进入步骤3。",
        "The third quarter is Q3 2026.",
        "It starts on 2026-11-02.",
        "It started in 2026.",
        "Evidence E3 shows it [E4], [[E5]] and {{E6.turnout}}.",
        "The tx 0x" + "12" * 32 + " paid 0x" + "34" * 20 + ".",
        "A short form 0x1234…5678 or 0x1234...5678",
        "See https://example.org/2024/11/45000 for more.",
        "See [the post](https://example.org/t/15431/2).",
        "Call `setFee(45000)` there.",
        "1. first\n2. second",
        "(1) this, (2) that",
        "As others found [12] and noted [^3].",
        "The call is at 14:30 UTC, support is 24/7.",
        "It supports IPv6, 2FA and L2s, and swaps on 1inch.",
        "The value is 1e18 or 10^18 or 10**18.",
        "The version is 0.8.19.1.",
        "The id is 0b4dc7f1 and 4f9a.",
        "The number " + "7" * 50 + " is an id.",
        "一些人认为这十分重要，万一出错，进一步讨论。",
        "One of the options is good; no one objects.",
        "This third party and a second one agree.",
        "第三阶段与第十二条",
    ],
)
def test_names_dates_markers_and_code_are_no_amounts(text: str) -> None:
    assert figures(text) == []


def test_heading_numbers_are_no_amounts_but_figures_in_headings_are() -> None:
    assert figures("# Fund the team with 45,000 USDC\n\n## 2. Motivation\n\n## 3.1 Scope\n") == ["45000 USDC"]


def test_ordinals_are_marked_and_not_checkable() -> None:
    [amount] = parse("It is the 3rd vote.").amounts
    assert (amount.kind, amount.checkable) == ("ordinal", False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It costs forty-five thousand USDC.", ["45000 USDC"]),
        ("It costs half a million dollars.", ["500000 USD"]),
        ("One hundred and twenty-three delegates voted.", ["123 delegates"]),
        ("one point five million ARB", ["1500000 ARB"]),
        ("twelve million three hundred thousand forty-two", ["12300042"]),
        ("about twenty percent of supply", ["20 %"]),
        ("thirty basis points", ["30 bps"]),
        ("a dozen delegates", ["12 delegates"]),
        ("a hundred and five tokens", ["105 tokens"]),
        ("two thirds of the vote", ["0.666667 fraction"]),
        ("one-third of holders", ["0.333333 fraction"]),
        ("three quarters of the supply", ["0.750000 fraction"]),
        ("half of the treasury", ["0.5 fraction"]),
        ("a three-month pilot", ["3 months"]),
        ("The latter half of 2022 was quiet.", []),
        ("预算四十五万枚ARB。", ["450000 ARB"]),
        ("预算为四十五万。", ["450000"]),
        ("百分之五的代币", ["5 %"]),
        ("百分之十二点五", ["12.5 %"]),
        ("千分之三的费率", ["3 ‰"]),
        ("万分之三的费率", ["3 bps"]),
        ("三分之二多数", ["0.666667 fraction"]),
        ("五成选民赞成", ["50 %"]),
        ("一千二百三十四票", ["1234 votes"]),
        ("一千二元", ["1200 CNY"]),
        ("一亿二千万元", ["120000000 CNY"]),
        ("两万亿", ["2000000000000"]),
        ("一点五亿元", ["150000000 CNY"]),
        ("十五天", ["15 days"]),
        ("二十四小时内", ["24 hours"]),
        ("百万美元级别", ["1000000 USD"]),
        ("贰拾万元整", ["200000 CNY"]),
        ("为期一年零三个月", ["1 years", "3 months"]),
    ],
)
def test_number_words_of_both_languages_are_figures(text: str, expected: list[str]) -> None:
    assert figures(text) == expected


def test_small_number_words_are_not_checkable_and_large_ones_are() -> None:
    small, large = parse("The three delegates paid forty-five thousand USDC.").amounts
    assert (small.kind, small.checkable) == ("word", False)
    assert (large.kind, large.checkable) == ("word", True)


@pytest.mark.parametrize(
    "text",
    [
        "about 45 votes",
        "approximately 45 votes",
        "roughly 45 votes",
        "~45 votes",
        "≈ 45 votes",
        "nearly forty-five votes",
        "约45票",
        "大约45票",
        "约合45万美元",
        "近45票",
        "45票左右",
        "400多票",
        "约四十五票",
        "四十多票",
    ],
)
def test_approximations_are_marked(text: str) -> None:
    assert parse(text).amounts[0].approx


@pytest.mark.parametrize("text", ["最近3个月", "合约45个", "45 votes", "节约45万", "exactly 45 votes"])
def test_exact_figures_are_not_marked_as_approximate(text: str) -> None:
    assert not parse(text).amounts[0].approx


@pytest.mark.parametrize(
    ("text", "decimals", "scale", "tolerance"),
    [
        ("1.23M votes", 2, "1000000", "5000"),
        ("45,000 USDC", 0, "1", "0.5"),
        ("37.50%", 2, "1", "0.005"),
        ("4.5万票", 1, "10000", "500"),
        ("forty-five thousand votes", 0, "1000", "500"),
    ],
)
def test_printed_precision_is_kept(text: str, decimals: int, scale: str, tolerance: str) -> None:
    [amount] = parse(text).amounts
    assert amount.decimals == decimals
    assert amount.scale == Decimal(scale)
    assert amount.tolerance == Decimal(tolerance)


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("It paid $1.2M today.", "$1.2M"),
        ("It paid 45,000 USDC today.", "45,000 USDC"),
        ("共４５万枚 ARB。", "４５万枚 ARB"),
        ("a fall of -3% today", "-3%"),
        ("预算百分之12。", "百分之12"),
        ("forty-five thousand USDC", "forty-five thousand USDC"),
    ],
)
def test_the_span_covers_currency_scale_and_unit_as_printed(text: str, printed: str) -> None:
    [amount] = parse(text).amounts
    assert amount.text == printed
    assert text[amount.start : amount.end] == printed


@pytest.mark.parametrize(
    ("text", "value", "hidden"),
    [
        ("It paid 45,0\u200b00 USDC.", "45000", 1),
        ("It paid 4\u20605,000\u200d USDC.", "45000", 2),
        ("共4\ufeff5万票。", "450000", 1),
    ],
)
def test_invisible_signs_inside_a_number_are_skipped_and_reported(text: str, value: str, hidden: int) -> None:
    document = parse(text)
    assert [amount.value for amount in document.amounts] == [Decimal(value)]
    assert [part.kind for part in document.hidden] == ["zero_width"] * hidden
    [amount] = document.amounts
    assert text[amount.start] == "4"
    assert text[amount.end - 1] in "C票"


D = dt.date


@pytest.mark.parametrize(
    ("text", "date", "precision"),
    [
        ("It starts on 2026-11-02.", D(2026, 11, 2), "day"),
        ("It starts on 2026/11/2.", D(2026, 11, 2), "day"),
        ("At 2026-11-02T14:00:00Z it ends.", D(2026, 11, 2), "day"),
        ("on 2 November 2026", D(2026, 11, 2), "day"),
        ("on the 2nd of November 2026", D(2026, 11, 2), "day"),
        ("on November 2, 2026", D(2026, 11, 2), "day"),
        ("on Nov 2nd, 2026", D(2026, 11, 2), "day"),
        ("on Sept. 30, 2026", D(2026, 9, 30), "day"),
        ("in November 2026", D(2026, 11, 1), "month"),
        ("in 2026-11", D(2026, 11, 1), "month"),
        ("in Q3 2026", D(2026, 7, 1), "quarter"),
        ("in 2026 Q3", D(2026, 7, 1), "quarter"),
        ("in Q42026", D(2026, 10, 1), "quarter"),
        ("in H12026", D(2026, 1, 1), "half"),
        ("in H2 2026", D(2026, 7, 1), "half"),
        ("in 2026", D(2026, 1, 1), "year"),
        ("by mid-2026", D(2026, 1, 1), "year"),
        ("in FY2026", D(2026, 1, 1), "year"),
        ("on November 2", None, "month_day"),
        ("in Q3", None, "quarter"),
        ("on 11/02/2026", None, "day"),
        ("on 25/12/2026", D(2026, 12, 25), "day"),
        ("on 2026-02-30", None, "day"),
        ("于2026年11月2日开始", D(2026, 11, 2), "day"),
        ("于２０２６年１１月２日开始", D(2026, 11, 2), "day"),
        ("2026年11月", D(2026, 11, 1), "month"),
        ("2026年第三季度", D(2026, 7, 1), "quarter"),
        ("2026年下半年", D(2026, 7, 1), "half"),
        ("2026年", D(2026, 1, 1), "year"),
        ("二〇二六年十一月二日", D(2026, 11, 2), "day"),
        ("11月2日", None, "month_day"),
    ],
)
def test_dates_are_read_as_people_write_them(text: str, date: dt.date | None, precision: str) -> None:
    document = parse(text)
    [mention] = document.dates
    assert (mention.date, mention.precision) == (date, precision)
    assert document.amounts == ()


def test_a_year_like_number_with_a_unit_is_an_amount() -> None:
    document = parse("It paid 2000 USDC to 2025 addresses in 2024.")
    assert figures(document.text) == ["2000 USDC", "2025 addresses"]
    assert [mention.text for mention in document.dates] == ["2024"]


@pytest.mark.parametrize("text", ["Release .4.5 of the client.", "It is ...2.1 again.", "约 .2.75 USDC"])
def test_a_point_before_a_number_with_a_point_makes_no_figure(text: str) -> None:
    assert [amount.value for amount in parse(text).amounts] == []


@pytest.mark.parametrize("unit", [unit for unit in ZH_UNITS if f"{unit}s" not in ZH_UNITS])
def test_a_unit_that_is_printed_in_chinese_is_read_back_as_that_unit(unit: str) -> None:
    printed = format_value(Value(value=45, unit=unit), "zh")
    assert not any(letter.isascii() and letter.isalpha() for letter in printed)
    assert figures(f"合计为{printed}。") == [f"45 {unit}"]
