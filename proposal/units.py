"""Units behind and currencies before a number, brought to one spelling.

Only known unit words count as units: an unknown word behind a number ("45 interesting") says
nothing about it. A token is any symbol in capitals, because every DAO has its own; acronyms that
often follow a number are not.
"""

from __future__ import annotations

import re

_NOUNS = """
day week month year hour minute second quarter vote voter delegate member wallet user holder
proposal token block transaction signer signature validator node project grant seat
contributor participant epoch time developer creator contract pool market asset round
milestone position loan liquidation vault chain network commit audit reviewer application
team share unit item operator engineer employee hotspot grantee recipient applicant account
integration partner event season cycle point slot page steward minipool
"""
# Spellings of each unit beside its singular and plural, in small letters.
_SPELLINGS = {
    "days": "d",
    "hours": "h hr hrs",
    "minutes": "min mins",
    "seconds": "s sec secs",
    "weeks": "w wk wks",
    "months": "mo mos",
    "years": "y yr yrs",
    "addresses": "address addresses",
    "transactions": "txs",
    "people": "people person persons",
    "entities": "entity entities",
    "communities": "community communities",
    "countries": "country countries",
    "votes": "vp",
    "bps": "bps bp",
    "%": "percent percents pct pp",
    "x": "x fold",
    "gas": "gas",
    "USD": "usd dollar dollars",
    "EUR": "eur euro euros",
    "CNY": "yuan rmb",
    "GBP": "pounds",
    "USDC": "usdc",
    "USDT": "usdt",
    "DAI": "dai",
    "ETH": "eth ether ethers",
    "WETH": "weth",
    "BTC": "btc bitcoin",
    "ARB": "arb",
    "gwei": "gwei",
    "wei": "wei",
    "nfts": "nft nfts",
    "FTE": "fte ftes",
}
WORDS: dict[str, str] = {
    spelling: unit
    for unit, spellings in [
        *((noun + "s", f"{noun} {noun}s") for noun in _NOUNS.split()),
        *_SPELLINGS.items(),
    ]
    for spelling in spellings.split()
}
"""Unit words in small letters → the one spelling."""

_GLUED_ONLY = {"d", "h", "s", "w", "y", "x", "min", "mo", "sec"}
"""Short units that only count directly behind the number ("24h"), never behind a space."""

_HAN_SPELLINGS = {
    "votes": "票",
    "days": "天 日 工作日 个工作日",
    "weeks": "周 星期 个星期",
    "months": "个月",
    "years": "年",
    "hours": "小时 个小时",
    "minutes": "分钟",
    "seconds": "秒",
    "addresses": "地址 个地址",
    "wallets": "个钱包",
    "users": "用户 名用户 位用户 个用户",
    "people": "名 位 人",
    "creators": "名创作者 位创作者",
    "blocks": "区块 个区块",
    "projects": "项目 个项目",
    "tokens": "枚 代币 枚代币 个代币",
    "CNY": "元 人民币 元人民币",
    "USD": "美元 美金",
    "EUR": "欧元",
    "HKD": "港元",
    "JPY": "日元",
    "times": "次",
    "x": "倍",
    "seats": "席 个席位",
    "transactions": "笔 笔交易",
    "bps": "基点 个基点",
    "%": "百分点 个百分点",
    "members": "名成员 位成员 名委员",
    "delegates": "名代表 位代表",
    "nodes": "个节点",
    "quarters": "个季度",
    "contributors": "名贡献者 位贡献者",
    "proposals": "项提案 个提案 份提案",
    "": "个 项 份 条 家 期",
}
_HAN = {word: unit for unit, words in _HAN_SPELLINGS.items() for word in words.split()}
_LONGEST_HAN = max(map(len, _HAN))
_MEASURES = {"枚", "个"}
"""Measure words that may stand between a number and a token symbol ("45万枚 ARB")."""

_SIGNS = {"%": "%", "‰": "‰", "×": "x", "$": "USD", "€": "EUR", "£": "GBP", "¥": "CNY"}

# Capitals that often follow a number and are no token.
_ACRONYMS = """
AM PM UTC GMT EST EDT CET PST PDT ET DAO DAOS NFT KPI KPIS AIP AIPS EIP EIPS API APIS APY
APR TVL LTV LT LB US EU UK CEO ID IDS OR AND OF IN TO RFC KYC TX YES NO YAE NAY FOR MAX MIN
FA AC AD BC EVM DEX EOA IPFS FAQ PDF URL VS II III IV VI L1 L2 V1 V2 V3 V4 TBD WG SC MC MIP
SIP HIP YIP LIP RPIP EP CIP BIP ERC ARFC TEMP NOT THE IS A I GB MB KB TB GHZ MHZ KWH MW GW
CPU GPU RAM SSD PR PRS Q1 Q2 Q3 Q4 H1 H2 TPS RF FDV OI DNS RWA IP JAN FEB MAR APR MAY JUN
JUL AUG SEP SEPT OCT NOV DEC INCH
"""
_NO_TOKEN = frozenset(_ACRONYMS.split())

_GAP = r"(?:[ \t]|&nbsp;){0,3}(?:\n[ \t]{0,3})?[*_]{0,3}[ ]?"
_BEHIND = re.compile(
    rf"(?P<gap>{_GAP}|-|\\?)(?:(?P<sign>[%‰×]|[$€£¥](?![A-Za-z0-9]))|(?P<token>\$?[a-z]{{0,5}}[A-Z][A-Z0-9]{{1,11}}(?:\.e|\+)?(?![A-Za-z0-9]))"
    r"|(?P<word>[A-Za-z]{1,16})(?![A-Za-z0-9_])|(?P<han>[\u4e00-\u9fff]{1,5}))"
)
_SECOND = re.compile(r"[ -]([a-z]{4,12})(?![A-Za-z])")
_AFTER_MEASURE = re.compile(r"[ ]?\$?([a-z]{0,5}[A-Z][A-Z0-9]{1,11})(?![A-Za-z0-9])")
_ADJECTIVES = """
business calendar working consecutive us unique active total token eligible new distinct
individual different additional independent registered full further
"""
_QUALIFIERS = frozenset(_ADJECTIVES.split())
# Things that are counted, never paid: behind them a symbol is a name ("412 ENS delegates").
_THINGS = """
delegates holders addresses members voters projects proposals pools markets validators nodes
hotspots stewards contributors signers users wallets accounts developers creators teams
reviewers chains networks contracts
"""
_COUNTED = frozenset(_THINGS.split())
_THING = re.compile(r"[ ](?:token[ ])?([a-z]{5,12})(?![A-Za-z])")

_CURRENCY_SIGNS = {
    "$": "USD",
    "€": "EUR",
    "£": "GBP",
    "¥": "CNY",
    "Ξ": "ETH",
    "₿": "BTC",
    "₩": "KRW",
    "₹": "INR",
}
_DOLLARS = {
    "US": "USD",
    "A": "AUD",
    "C": "CAD",
    "HK": "HKD",
    "S": "SGD",
    "NT": "TWD",
    "NZ": "NZD",
    "": "USD",
}
_BEFORE = re.compile(
    r"(?:(?<![A-Za-z])(?P<dollar>US|HK|NT|NZ|[ACS])?(?P<sign>[$€£¥Ξ₿₩₹])[ ]?"
    r"|(?<![A-Za-z0-9])(?P<code>USDC|USDT|USD|DAI|GHO|EUR|GBP|CHF|CNY|RMB|JPY)[ ]?)\Z"
)
_CURRENCY_ENDS = {*_CURRENCY_SIGNS, *"CTDIOHRPFNYB"}
"""Last signs of what can stand before a number as its currency."""
_CODES = {"RMB": "CNY"}

_APPROX_WORDS = frozenset(
    [
        "about",
        "around",
        "approximately",
        "approx.",
        "approx",
        "roughly",
        "nearly",
        "almost",
        "circa",
        "ca.",
        "some",
        "estimated",
    ]
)
_APPROX_HAN = re.compile(r"(?:(?<![合节契预公条盟])约(?:为|合|等于|是)?|(?<![最附])近|大概|接近)\Z")
_APPROX_BEHIND = re.compile(r"[ ]?(?:左右|上下|or so(?![A-Za-z]))")

Unit = tuple[str, int]
"""A normalised unit and where it ends in the text."""


def unit_behind(text: str, position: int) -> Unit:
    """Return the unit that stands behind a number ending at `position`; ("", position) when none is
    known.
    """
    match = _BEHIND.match(text, position)
    if match is None:
        return "", position
    if match["sign"]:
        return _SIGNS[match["sign"]], match.end()
    if match["han"]:
        return _chinese(text, match, position)
    if match["word"] and (known := _word(text, match)):
        return known
    if match["token"]:
        return _token(text, match, position)
    return "", position


def _word(text: str, match: re.Match[str]) -> Unit | None:
    word = match["word"]
    lower = word.lower()
    if lower in _GLUED_ONLY and (match["gap"] or word != lower):
        return None
    second = _SECOND.match(text, match.end())
    if second:
        if (lower, second[1]) in {("basis", "points"), ("basis", "point")}:
            return "bps", second.end()
        if (lower, second[1]) == ("per", "cent"):
            return "%", second.end()
        if lower in {"percentage", "percent"} and second[1] in {"points", "point"}:
            return "%", second.end()
        if lower in _QUALIFIERS and second[1] in WORDS:
            return WORDS[second[1]], second.end()
    return (WORDS[lower], match.end()) if lower in WORDS else None


def _token(text: str, match: re.Match[str], position: int) -> Unit:
    thing = _THING.match(text, match.end())
    if thing and thing[1] in _COUNTED:
        return thing[1], thing.end()
    symbol = match["token"].lstrip("$")
    if symbol.upper() in _NO_TOKEN or symbol[-3:].isdigit() or (not match["gap"] and len(symbol) < 3):
        return "", position
    known = WORDS.get(symbol.lower())
    return known or symbol, match.end()


def _chinese(text: str, match: re.Match[str], position: int) -> Unit:
    start = match.start("han")
    for length in range(_LONGEST_HAN, 0, -1):
        word = text[start : start + length]
        if len(word) == length and word in _HAN:
            break
    else:
        return "", position
    if word in _MEASURES:
        token = _AFTER_MEASURE.match(text, start + length)
        if token and token[1].upper() not in _NO_TOKEN:
            return WORDS.get(token[1].lower(), token[1]), token.end()
    unit = _HAN[word]
    return (unit, start + length) if unit else ("", position)


def currency_before(text: str, position: int) -> tuple[str, int]:
    """Return the currency directly before a number and where it starts; ("", position) when there
    is none.
    """
    sign = text[position - 1 : position]
    if (text[position - 2 : position - 1] if sign == " " else sign) not in _CURRENCY_ENDS:
        return "", position
    match = _BEFORE.search(text, max(0, position - 8), position)
    if match is None:
        return "", position
    if match["code"]:
        return _CODES.get(match["code"], match["code"]), match.start()
    if match["sign"] == "$":
        return _DOLLARS[match["dollar"] or ""], match.start()
    return _CURRENCY_SIGNS[match["sign"]], match.start("sign")


def is_currency(unit: str) -> bool:
    """Tell whether a normalised unit is money or a token (a symbol with capitals)."""
    return unit.lower() != unit and unit != "FTE"


def is_approximate(text: str, start: int, end: int) -> bool:
    """Tell whether the figure is printed as an approximation ("about 5%", 约五万, 45天左右)."""
    before = text[max(0, start - 18) : start].rstrip(" \n*_")
    last = before[-1:]
    if last.isascii():
        if last == "~" or (
            (last.isalpha() or last == ".") and before.split()[-1].lstrip('("“').lower() in _APPROX_WORDS
        ):
            return True
    elif last in "≈∼" or _APPROX_HAN.search(before):
        return True
    return _APPROX_BEHIND.match(text, end) is not None
