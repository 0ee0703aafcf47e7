"""Dates as people write them in proposals, English and Chinese.

A date is found before figures are, so that "2026-11-02" or "in 2026" never counts as an amount. A
form that names no single day for every reader (11/02/2026) is a mention without a date rather than
a guess.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator

from proposal.parts import DateMention, DatePrecision

_MONTH_NAMES = "jan feb mar apr may jun jul aug sep oct nov dec"
_LONG_MONTHS = "january february march april june july august september october november december"
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES.split(), start=1)}
_MONTH = (
    r"(?:[Jj]an(?:uary)?|[Ff]eb(?:ruary)?|[Mm]ar(?:ch)?|[Aa]pr(?:il)?|May|[Jj]une?|[Jj]uly?|[Aa]ug(?:ust)?"
    r"|[Ss]ept?(?:ember)?|[Oo]ct(?:ober)?|[Nn]ov(?:ember)?|[Dd]ec(?:ember)?"
    r"|JAN(?:UARY)?|FEB(?:RUARY)?|MARCH|APRIL|MAY|JUNE|JULY|AUG(?:UST)?|SEPT?(?:EMBER)?|OCT(?:OBER)?"
    r"|NOV(?:EMBER)?|DEC(?:EMBER)?)(?![A-Za-z])"
)
_YEAR = r"(?:19[5-9]|20[0-6])[0-9]"
_ZH_YEAR = r"(?:(?:19|20)[0-9]{2}|[二一][〇零○九][〇零○一二三四五六七八九]{2})"
_ZH_SMALL = r"(?:[0-9]{1,2}|[一二三四五六七八九十]{1,3})"

_DATE = re.compile(
    rf"""(?<![0-9A-Za-z$€£¥])(?<![0-9A-Za-z]_)(?<![0-9][.,/:])(?<![A-Z]-)(?:
    (?P<iso>{_YEAR}[-/.](?:1[0-2]|0?[1-9])[-/.](?:3[01]|[12][0-9]|0?[1-9])(?![0-9])(?:T[0-9:.]{{4,15}}Z?)?)
  | (?P<zh>{_ZH_YEAR}[ ]?年(?:[ ]?{_ZH_SMALL}[ ]?月(?:[份初底中]|[ ]?{_ZH_SMALL}[ ]?[日号])?
        |[ ]?第?[ ]?[1-4一二三四][ ]?季度|[ ]?[上下]半年|[ ]?Q[1-4])?)
  | (?P<zhmd>{_ZH_SMALL}[ ]?月[ ]?{_ZH_SMALL}[ ]?[日号])
  | (?P<dmy>[0-9]{{1,2}}(?:st|nd|rd|th)?[ ](?:of[ ])?{_MONTH}\.?(?:,?[ ]{_YEAR}(?![0-9]))?)
  | (?P<mdy>{_MONTH}\.?[ ][0-9]{{1,2}}(?:st|nd|rd|th)?(?![0-9A-Za-z%]|[.,][0-9])
        (?:,?[ ]{_YEAR}(?![0-9]))?)
  | (?P<my>{_MONTH}\.?,?[ ](?:of[ ])?{_YEAR}(?![0-9]))
  | (?P<qy>(?:Q[1-4]|H[12])[ /-]?(?:of[ ])?{_YEAR}(?![0-9]))
  | (?P<yq>{_YEAR}[ /-]?(?:Q[1-4]|H[12])(?![0-9A-Za-z]))
  | (?P<q>Q[1-4])(?![0-9A-Za-z.-])
  | (?P<fy>(?:FY|CY)[ ]?{_YEAR}(?![0-9]))
  | (?P<dm4>[0-9]{{1,2}}[/.][0-9]{{1,2}}[/.]{_YEAR}(?![0-9]))
  | (?P<ym>{_YEAR}-(?:1[0-2]|0[1-9])(?![0-9A-Za-z-]))
  | (?P<y>{_YEAR}(?:s(?![A-Za-z])|[-–/][0-9]{{2}}(?![0-9]))?(?![0-9A-Za-z_%‰])
        (?![.,:][0-9])(?!\.[a-z])(?!-[A-Za-z]))
    )""",
    re.VERBOSE,
)
# Where a date can begin: at a run of digits, at the name of a month, quarter or year right before it, or at Han signs.
_DIGITS = re.compile(r"[0-9]+")
_BEFORE_DIGITS = frozenset(" QHY")
_AFTER_DAY = frozenset(" snrt/.月")
_NAME_BEFORE = re.compile(r"(?:[A-Za-z]{3,9}[.,]{0,2}[ ](?:of[ ])?|[FC]Y[ ]?|[QH])\Z")
_LONGEST_NAME = 16
_NAME_ENDS = (*_MONTHS, "sept", *_LONG_MONTHS.split(), "of", "fy", "cy", "q", "h")
_HAN_START = re.compile(r"[一二三四五六七八九十][〇零○一二三四五六七八九十]*")
_COUNTED = re.compile(
    r"[ ]?(?:USDC|USDT|USD|DAI|GHO|EUR|W?ETH|W?BTC|ARB|UNI|AAVE|ENS|OP|COMP|LDO"
    r"|CRV|SNX|YFI|RPL|HNT|LPT|ATOM|ADA|NEAR|k|K|million|billion|thousand|bps|percent|basis"
    r"|votes?|voters?|tokens?|addresses|holders|users|days|hours|blocks"
    r"|wallets|seats|transactions|shares|dollars)(?![A-Za-z0-9])"
    r"|[ ]?(?:[万亿千百]|[枚个票元名位人天次笔条份项家倍]|美元|地址|区块)"
)
_PART = re.compile(r"([QH])([1-4])")
_WRITTEN_YEAR = re.compile(_YEAR)
_NUMBERED = re.compile(r"[A-Z]{1,6}IPs?[ ]\Z|#\Z")
_ZH_DIGITS = {sign: number for number, sign in enumerate("〇一二三四五六七八九")} | {
    "零": 0,
    "○": 0,
}


def read_dates(masked: str, *, printed: str) -> list[DateMention]:
    """Return the dates in `masked`, a text with its width folded and its links masked.

    `printed` is the same text as its author wrote it.
    """
    found: list[DateMention] = []
    read_to = 0
    for start in _candidates(masked):
        if start < read_to:
            continue
        match = _DATE.match(masked, start)
        kind = match.lastgroup or "" if match else ""
        if match is None or (kind == "y" and _is_number(masked, match)):
            continue
        read_to = match.end()
        day, precision = _READERS[kind](match[0])
        found.append(DateMention(match.start(), match.end(), printed[match.start() : match.end()], day, precision))
    return found


def _candidates(masked: str) -> Iterable[int]:
    """Return where a date may begin, in order: the long pattern is tried at these places only."""
    if masked.isascii():
        return _by_digits(masked)
    return sorted([*_by_digits(masked), *(match.start() for match in _HAN_START.finditer(masked))])


def _by_digits(masked: str) -> Iterator[int]:
    for match in _DIGITS.finditer(masked):
        start, end = match.span()
        if masked[start - 1 : start] in _BEFORE_DIGITS:
            first = max(0, start - _LONGEST_NAME)
            # Most numbers stand behind a word that names no date: its end tells, the pattern need not be tried.
            may_name = masked[first:start].rstrip(" .,").lower().endswith(_NAME_ENDS)
            if may_name and (name := _NAME_BEFORE.search(masked, first, start)):
                yield name.start()
        length = end - start
        if (length <= 2 and masked[end : end + 1] in _AFTER_DAY) or (length == 4 and masked[start] in "12"):
            yield start


def _is_number(masked: str, match: re.Match[str]) -> bool:
    """Tell whether four digits are a count ("2000 USDC") or a proposal's number ("SIP 2035") and no
    year.
    """
    start = match.start()
    return (
        _COUNTED.match(masked, match.end()) is not None
        or _NUMBERED.search(masked, max(0, start - 10), start) is not None
    )


_Reading = tuple[dt.date | None, DatePrecision]


def _day(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def _numbers(text: str) -> list[int]:
    return [int(part) for part in re.findall(r"[0-9]+", text)]


def _month_of(text: str) -> int:
    return next(_MONTHS[word[:3].lower()] for word in re.findall(r"[A-Za-z]{3,}", text) if word[:3].lower() in _MONTHS)


def _iso(text: str) -> _Reading:
    year, month, day = _numbers(text)[:3]
    return _day(year, month, day), "day"


def _named_month(text: str) -> _Reading:
    """Read "2 November 2026", "Nov 2nd, 2026", "November 2026", "2 November"."""
    numbers, month = _numbers(text), _month_of(text)
    years = [number for number in numbers if number > 31]
    days = [number for number in numbers if number <= 31]
    if not years:
        return None, "month_day"
    if not days:
        return dt.date(years[0], month, 1), "month"
    return _day(years[0], month, days[0]), "day"


def _slashed(text: str) -> _Reading:
    first, second, year = _numbers(text)
    if first > 12:
        return _day(year, second, first), "day"
    if second > 12 or first == second:
        return _day(year, first, second), "day"
    return None, "day"


def _year_part(text: str) -> _Reading:
    """Read a quarter or half with its year: "Q3 2026", "2026-H1"."""
    part, written = _PART.search(text), _WRITTEN_YEAR.search(text)
    if part is None or written is None:
        return None, "quarter"
    year = int(written[0])
    months, precision = (3, "quarter") if part[1] == "Q" else (6, "half")
    return dt.date(year, (int(part[2]) - 1) * months + 1, 1), precision  # type: ignore[return-value]


def _year_month(text: str) -> _Reading:
    year, month = _numbers(text)
    return dt.date(year, month, 1), "month"


def _year(text: str) -> _Reading:
    return dt.date(_numbers(text)[0], 1, 1), "year"


def _undated(_text: str) -> _Reading:
    return None, "month_day"


def _quarter(_text: str) -> _Reading:
    return None, "quarter"


def _chinese(text: str) -> _Reading:
    """Read 2026年11月2日, 2026年11月, 2026年第三季度, 2026年上半年, 2026年."""
    head, _, tail = text.replace(" ", "").partition("年")
    year = int(head) if head.isdigit() and head.isascii() else _digits(head)
    if "季度" in tail or "Q" in tail:
        quarter = _small(tail.strip("第季度Q"))
        return dt.date(year, quarter * 3 - 2, 1), "quarter"
    if "半年" in tail:
        return dt.date(year, 1 if tail[0] == "上" else 7, 1), "half"
    if "月" not in tail:
        return dt.date(year, 1, 1), "year"
    month, _, day = tail.partition("月")
    if day.strip("份初底中"):
        return _day(year, _small(month), _small(day.rstrip("日号"))), "day"
    return _day(year, _small(month), 1), "month"


def _digits(text: str) -> int:
    return int("".join(str(_ZH_DIGITS[sign]) for sign in text))


def _small(text: str) -> int:
    """Read 1 to 99 in Arabic or Chinese signs; 0 when it is neither."""
    if text.isascii():
        return int(text) if text.isdigit() else 0
    tens, ten, ones = text.rpartition("十")
    if any(sign not in _ZH_DIGITS for sign in tens + ones):
        return 0
    return ((_digits(tens) if tens else 1) * 10 if ten else 0) + (_digits(ones) if ones else 0)


_READERS = {
    "iso": _iso,
    "zh": _chinese,
    "zhmd": _undated,
    "dmy": _named_month,
    "mdy": _named_month,
    "my": _named_month,
    "qy": _year_part,
    "yq": _year_part,
    "q": _quarter,
    "fy": _year,
    "dm4": _slashed,
    "ym": _year_month,
    "y": _year,
}
