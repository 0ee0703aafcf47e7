"""Does a printed figure state a value? The one answer that checks, rewards and claims use.

A figure states a value when both are of the same unit class and differ by no more than correct
rounding at the printed precision hides: "1.23M" states 1,234,567 and "1.3M" does not. Derived
figures (a sum, a difference, a ratio, a change) count only from values cited in the same sentence,
only with three significant digits and only beside a word that says what was done, because with
three citations and four operations a two-digit figure would match by luck once in twelve sentences.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import combinations, permutations

from proposal.brief import Brief
from proposal.document import parse
from proposal.evidence import Evidence
from proposal.parts import Amount, DateMention
from proposal.units import WORDS, is_currency
from proposal.values import Value

APPROXIMATE = Decimal("0.05")
"""What "about" widens the tolerance to, as a share of the value."""
MAX_DERIVED_FROM = 3
MIN_DERIVED_DIGITS = 3

_ONE, _HUNDRED = Decimal(1), Decimal(100)
_PER_PERCENT = {
    "%": Decimal(1),
    "bps": _HUNDRED,
    "‰": Decimal(10),
    "fraction": Decimal("0.01"),
    "ratio": Decimal("0.01"),
    "share": Decimal("0.01"),
}
"""How many of each unit make one percent."""
_TIMES = {"x", "times"}
# What a bare count may be printed with: "412 votes" states a count of 412, "45 days" does not.
_NOT_COUNTED = {
    "days",
    "weeks",
    "months",
    "years",
    "hours",
    "minutes",
    "seconds",
    "quarters",
    "x",
    "times",
    "gwei",
    "wei",
    "gas",
}
_NEVER_COUNTED = _NOT_COUNTED | set(_PER_PERCENT)
_TIMES_OR_BARE = _TIMES | {""}
_DAYS = {"days": Decimal(1), "weeks": Decimal(7)}

_SUM_WORDS = re.compile(
    r"total|sum|combined|together|altogether|overall|aggregate|合计|总计|共计|总共|总额|累计|之和|相加|总"
)
_DIFFERENCE_WORDS = re.compile(
    r"increas|decreas|differ|rose|rise|grew|grow|fell|fall|drop|declin|declin|gain|lost|loss|more|less|fewer|higher"
    r"|lower|remain|left|gap|reduc|net|surplus|deficit|exceed|over|under|below|above|chang|saving|save"
    r"|增|减|差|多|少|剩|升|降|涨|跌|高|低|净|超|变化|节省"
)
_RATIO_WORDS = re.compile(
    r"ratio|share|percent|per cent|%|times|fold|multiple|per|average|mean|half|double|triple"
    r"|represent|equal"
    r"|account"
    r"|portion|rate|比|占|倍|平均|每|率|％"
)


@dataclass(frozen=True, slots=True)
class Support:
    """Where a figure is stated: an evidence id or "P" (the brief), and the value's name.

    The name of an evidence item's text is "excerpt", of its block number "block", of its day
    "date".
    """

    source: str
    name: str


def states(value: Value, amount: Amount) -> bool:
    """Tell whether the printed amount states the value.

    >>> from proposal.document import parse
    >>> amount = parse("Turnout was 1.23M votes.").amounts[0]
    >>> states(Value(value=1234567, unit="votes"), amount)
    True
    >>> states(Value(value=1240000, unit="votes"), amount)
    False
    """
    if not isinstance(value.value, Decimal) or amount.kind == "ordinal":
        return False
    return _equal(value.value, value.unit, amount)


def matches_date(value: Value | dt.date, mention: DateMention) -> bool:
    """Tell whether a date as printed names the day, or the month, quarter or year that holds it."""
    day = value.value if isinstance(value, Value) else value
    if isinstance(day, dt.datetime):
        day = day.date()
    if not isinstance(day, dt.date) or mention.date is None:
        return False
    first = mention.date
    if mention.precision == "day":
        return day == first
    if day.year != first.year:
        return False
    months = {"month": 1, "quarter": 3, "half": 6, "year": 12}.get(mention.precision, 0)
    return first.month <= day.month < first.month + months


def derived(amount: Amount, values: Sequence[Value], sentence: str) -> bool:
    """Tell whether the amount is a sum, difference, ratio or change of up to three values cited in
    its sentence.

    `sentence` is the text that the amount stands in: it must hold a word that says what was
    computed.
    """
    numbers = [value for value in values if value.is_number]
    if not 1 < len(numbers) <= MAX_DERIVED_FROM or amount.digits < MIN_DERIVED_DIGITS:
        return False
    words = sentence.lower()
    return any(_equal(number, unit, amount) for number, unit in _derivations(numbers, words))


def supported_by(amount: Amount, items: Iterable[Evidence], brief: Brief | None) -> tuple[Support, ...]:
    """Return every place that states the amount: values, text and block of the evidence, parameters
    of the brief. A value that is text states what it prints.
    """
    found: list[Support] = []
    for item in items:
        found.extend(Support(item.id, name) for name, value in item.values.items() if _value_states(value, amount))
        if item.block is not None and amount.unit in {"", "blocks"} and amount.value == item.block:
            found.append(Support(item.id, "block"))
        if item.excerpt and _stated_in(item.excerpt, amount):
            found.append(Support(item.id, "excerpt"))
    if brief is not None:
        found.extend(Support("P", name) for name, value in brief.figures.items() if _value_states(value, amount))
    return tuple(found)


def _value_states(value: Value, amount: Amount) -> bool:
    """Tell whether a value states the amount: as a number, or as text that prints it ("40000 USDC")."""
    return _stated_in(value.value, amount) if isinstance(value.value, str) else states(value, amount)


def date_supported_by(mention: DateMention, items: Iterable[Evidence], brief: Brief | None) -> tuple[Support, ...]:
    """Return every place that states the date, in the same way."""
    found: list[Support] = []
    for item in items:
        found.extend(Support(item.id, name) for name, value in item.values.items() if _value_names(value, mention))
        if item.date is not None and matches_date(item.date, mention):
            found.append(Support(item.id, "date"))
        if item.excerpt and _dated_in(item.excerpt, mention):
            found.append(Support(item.id, "excerpt"))
    if brief is not None:
        found.extend(Support("P", name) for name, value in brief.figures.items() if _value_names(value, mention))
    return tuple(found)


def _value_names(value: Value, mention: DateMention) -> bool:
    return _dated_in(value.value, mention) if isinstance(value.value, str) else matches_date(value, mention)


def _dated_in(text: str, mention: DateMention) -> bool:
    return any(_same_date(mention, other) for other in _text_dates(text))


def _same_date(mention: DateMention, other: DateMention) -> bool:
    if mention.date is None or other.date is None:
        return mention.text == other.text
    if mention.precision == other.precision:
        return mention.date == other.date
    return other.precision == "day" and matches_date(other.date, mention)


@lru_cache(maxsize=512)
def _text_amounts(text: str) -> tuple[Amount, ...]:
    return tuple(amount for amount in parse(text).amounts if amount.kind != "ordinal")


@lru_cache(maxsize=512)
def _text_dates(text: str) -> tuple[DateMention, ...]:
    return parse(text).dates


def _stated_in(text: str, amount: Amount) -> bool:
    """Tell whether the text prints the figure, or a more exact one that rounds to it."""
    if amount.kind == "ordinal":
        return False
    return any(
        other.tolerance <= amount.tolerance and _equal(other.value, other.unit, amount) for other in _text_amounts(text)
    )


def _equal(number: Decimal, unit: str, amount: Amount) -> bool:
    """Compare within the amount's printed precision, both brought to one unit."""
    factor = _factor(_unit(unit), amount)
    if factor is None:
        return False
    wanted = number if factor is _ONE else number * factor
    if wanted == amount.value:
        return True
    tolerance = amount.tolerance
    if amount.approx:
        tolerance = max(tolerance, abs(wanted) * APPROXIMATE)
    # A fall of 5 % may be printed as "-5%" or as "fell by 5%".
    printed = amount.value if amount.value < 0 or wanted >= 0 else -amount.value
    return abs(wanted - printed) <= tolerance


@lru_cache(maxsize=1024)
def _unit(unit: str) -> str:
    return WORDS.get(unit.lower(), unit) if unit != "count" else ""


def _factor(unit: str, amount: Amount) -> Decimal | None:
    """Return what to multiply a value of `unit` by to compare it with the amount; None when they
    cannot be.
    """
    printed = amount.unit
    if unit == printed:
        return _ONE
    if unit in _PER_PERCENT:
        if printed in _PER_PERCENT:
            return _PER_PERCENT[printed] / _PER_PERCENT[unit]
        if printed == "" and (unit not in {"%", "bps", "‰"} or (amount.decimals and abs(amount.value) <= 1)):
            return _PER_PERCENT["fraction"] / _PER_PERCENT[unit]
        return _ONE if printed in _TIMES and unit == "ratio" else None
    if unit in _TIMES and printed in _TIMES_OR_BARE:
        return _ONE
    if unit in _DAYS and printed in _DAYS:
        return _DAYS[unit] / _DAYS[printed]
    if printed == "":
        return _ONE
    if unit == "":
        return None if printed in _NEVER_COUNTED or printed.lower() != printed else _ONE
    return _ONE if unit.lower() == printed.lower() else None


def _derivations(numbers: Sequence[Value], words: str) -> Iterator[tuple[Decimal, str]]:
    """Return the numbers that the sentence's own words allow to be computed, each with its unit."""
    sums, differences, ratios = (
        bool(pattern.search(words)) for pattern in (_SUM_WORDS, _DIFFERENCE_WORDS, _RATIO_WORDS)
    )
    if sums:
        for size in range(2, len(numbers) + 1):
            for chosen in combinations(numbers, size):
                if len({_unit(value.unit) for value in chosen}) == 1:
                    yield sum((_number(value) for value in chosen), Decimal(0)), chosen[0].unit
    for left, right in permutations(numbers, 2):
        same = _unit(left.unit) == _unit(right.unit)
        first, second = _number(left), _number(right)
        if differences and same and first >= second:
            yield first - second, left.unit
        if second and differences and same:
            yield (first - second) / second * _HUNDRED, "%"
        if second and ratios:
            yield first / second, "x"
            if same:
                yield first / second, "fraction"
            elif not is_currency(_unit(right.unit)):
                # So much for each: 45,000 USDC over 18 projects.
                yield first / second, left.unit


def _number(value: Value) -> Decimal:
    return value.value if isinstance(value.value, Decimal) else Decimal(0)
