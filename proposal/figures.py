"""Amounts: every printed figure with its value, unit, scale and printed precision.

Digits are found first and their surroundings read around them, because what is *not* an amount is
decided by neighbours: "EIP-1559", "v1.2", "Phase 2", "第3条", "1." at the start of a line. Classes
are ASCII: to a Python pattern Han characters are word characters, and "共有412票" would have no
number
in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise

from proposal.inline import GAP
from proposal.labels import continues_label, label_before
from proposal.parts import Amount, AmountKind
from proposal.units import currency_before, is_approximate, is_currency, unit_behind

MAX_DIGITS = 40
"""A longer run of digits is an identifier, not a figure."""

_NUMBER = re.compile(
    r"[0-9][0-9]*(?:(?:(?:,|&nbsp;)[0-9]{3}){1,12}(?![0-9])|(?:['’_][0-9]{3}){1,12}(?![0-9A-Za-z]))?(?:\.[0-9]+)*"
)
_GROUPING = re.compile(r"[,_'’]|&nbsp;")
_SCALE = re.compile(
    r"[*_]{0,3}(?:(?P<glued>mm|mn|bn|tn|[kKmMbBtT])(?![A-Za-z0-9])"
    r"|(?:[ \u00a0\n-]|&nbsp;)?(?P<word>hundred|thousand|million|billion|trillion|mn|bn"
    r"|Hundred|Thousand|Million|Billion|Trillion|HUNDRED|THOUSAND|MILLION|BILLION)s?(?![A-Za-z])"
    r"|[ ](?P<spaced>[KMB])(?=[ ]\$?[A-Z]{2})"
    r"|[ ]?(?P<han>万亿|千万|百万|十万|十亿|百亿|千亿|[十百千万亿])(?!分))"
)
_EXPONENTS = {
    "k": 3,
    "m": 6,
    "mm": 6,
    "mn": 6,
    "b": 9,
    "bn": 9,
    "t": 12,
    "tn": 12,
    "hundred": 2,
    "thousand": 3,
    "million": 6,
    "billion": 9,
    "trillion": 12,
    "十": 1,
    "百": 2,
    "千": 3,
    "万": 4,
    "亿": 8,
    "万亿": 12,
    "千万": 7,
    "百万": 6,
    "十万": 5,
    "十亿": 9,
    "百亿": 10,
    "千亿": 11,
}
_ONE = Decimal(1)

_NAMES = re.compile(r"(?:1INCH|3CRV|2CRV|3DNS|3AC|3POOL|2FA|51[ ]?[aA]ttack)", re.ASCII)
_SHARES = {"百分之": "%", "千分之": "‰", "万分之": "bps"}
_ORDINAL = re.compile(r"(?:st|nd|rd|th|ST|ND|RD|TH)(?![A-Za-z0-9])")
_TIME = re.compile(r":[0-5][0-9](?::[0-5][0-9])?(?![0-9])")
_CLOCK = re.compile(r"[ ]?(?:[AaPp]\.?[Mm]\b|UTC|GMT|点|时(?!间))", re.ASCII)
_RATIO = re.compile(r"[ ]?:[ ]?([0-9]{1,6}(?:\.[0-9]{1,6})?)(?![0-9:])")
_FRACTION = re.compile(r"([1-9])/([2-9]|10)(?:rds|ths|rd|th)?(?=[ ](?:of[ ]|(?:super)?majority|quorum|vote|consensus))")
_POWER = re.compile(r"\^\{?[0-9]{1,3}\}?|\*\*[0-9]{1,3}|[eE][0-9]{1,3}(?![0-9A-Za-z])")
_BRACKETED = {"(": ")", "[": "]", "（": "）", "【": "】"}
_IDENTIFIER = re.compile(r"[A-Za-z0-9_]|\.[a-z]{2}")
_RANGE = re.compile(r"[ ]?(?:-|–|—|~|～|至|到|to)[ ]?\Z")
_VAGUE = set("多余来几")
_APPROX_INSIDE = re.compile(r"[多余来几](?=[万亿千百个名位票枚天年元美人次家项])")


@dataclass(slots=True)
class _Found:
    """A number on its way to becoming an amount; `number_end` is where its digits and scale end."""

    start: int
    number_end: int
    end: int
    digits: str
    exponent: int
    unit: str
    kind: AmountKind
    approx: bool
    negative: bool

    @property
    def bare(self) -> bool:
        """Tell whether the number has no unit and no scale."""
        return not self.unit and not self.exponent


def read_figures(masked: str, *, printed: str) -> list[Amount]:
    """Return the amounts written in digits; `masked` has its width folded and its dates masked.

    `printed` is the same text as its author wrote it.
    """
    found: list[_Found] = []
    label_end = -1
    position = 0
    for match in _NUMBER.finditer(masked):
        start, end = match.span()
        if start < position:
            continue
        label = label_before(masked, start)
        if label_end >= 0 and continues_label(masked, label_end, start) and _plain(masked, end):
            label_end = end
            continue
        last = found[-1] if found else None
        figure = None if label == "name" else _figure(masked, match, last.end if last else -1)
        if figure is None or (label and figure.bare):
            label_end = end if label else label_end
            continue
        if last and last.number_end == start and last.end == start and _continues(last, figure):
            figure = _composed(last, figure)
            found.pop()
        found.append(figure)
        position = figure.end
    _join_ranges(masked, found)
    return [_amount(printed, figure) for figure in found]


def _continues(left: _Found, right: _Found) -> bool:
    """Tell whether two adjoining figures are one: 1亿2000万, 3万5千."""
    return left.exponent > right.exponent and left.exponent >= 4 and "." not in left.digits + right.digits


def _composed(left: _Found, right: _Found) -> _Found:
    tail = Decimal(f"{right.digits}E{right.exponent}")
    exponent = right.exponent or (left.exponent - 1 if len(right.digits) == 1 else 0)
    if exponent != right.exponent:
        tail = Decimal(f"{right.digits}E{exponent}")
    total = Decimal(f"{left.digits}E{left.exponent}") + tail
    return replace(
        right,
        start=left.start,
        digits=f"{total.scaleb(-exponent):f}",
        exponent=exponent,
        approx=left.approx or right.approx,
        negative=left.negative,
    )


def _figure(text: str, match: re.Match[str], last_end: int) -> _Found | None:
    """Read one number with its surroundings; None when it is not an amount."""
    start, end = match.span()
    digits = _GROUPING.sub("", match[0])
    if len(digits) > MAX_DIGITS or digits.count(".") > 1:
        return None
    prefix = _prefix(text, start, last_end)
    if prefix is None or _NAMES.match(text, start):
        return None
    first, currency, negative, point = prefix
    if point and "." in digits:
        return None  # a version, such as " .4.5"
    if point:
        digits = "0." + digits
    ratio = _special(text, start, end)
    if ratio is not None:
        return ratio if ratio.digits else None
    ordinal = _ORDINAL.match(text, end)
    if ordinal:
        return _Found(start, end, ordinal.end(), digits, 0, "", "ordinal", False, False)
    return _measured(text, (first, end), (digits, currency, negative))


def _measured(text: str, span: tuple[int, int], number: tuple[str, str, bool]) -> _Found | None:
    """Read the scale and unit behind a number and decide whether it is an amount at all."""
    first, end = span
    digits, currency, negative = number
    vague = _APPROX_INSIDE.match(text, end) if text[end : end + 1] in _VAGUE else None
    number_end = vague.end() if vague else end
    scale = _SCALE.match(text, number_end)
    exponent = 0
    if scale:
        exponent = _EXPONENTS[(scale["glued"] or scale["word"] or scale["spaced"] or scale["han"]).lower()]
        number_end = scale.end()
        if not vague:
            vague = _APPROX_INSIDE.match(text, number_end)
            number_end = vague.end() if vague else number_end
    unit, unit_end = unit_behind(text, number_end)
    if unit_end == number_end == end and _IDENTIFIER.match(text, end):
        return None
    bare = not currency and not scale and not unit
    if bare and _is_marker(text, first, end):
        return None
    if currency and (not unit or not is_currency(unit) or not unit.startswith(("USD", "DAI", "GHO"))):
        unit, unit_end = currency, number_end if not is_currency(unit) else unit_end
    if not unit and text[first - 3 : first] in _SHARES and not currency:
        unit, first = _SHARES[text[first - 3 : first]], first - 3
    approx = vague is not None or is_approximate(text, first, unit_end)
    return _Found(first, number_end, unit_end, digits, exponent, unit, _kind(unit), approx, negative)


def _kind(unit: str) -> AmountKind:
    if unit in {"%", "‰"}:
        return "percent"
    if unit == "bps":
        return "bps"
    return "money" if is_currency(unit) else "number"


def _prefix(text: str, start: int, last_end: int) -> tuple[int, str, bool, bool] | None:
    """Read what stands before the digits: (first offset, currency, negative, leading point); None:
    no amount.
    """
    point = text[start - 1 : start] == "." and text[max(0, start - 2)] in _BEFORE_POINT
    first = start - 1 if point else start
    before = text[first - 1] if first else GAP
    if before.isascii() and (before.isalpha() or before in "_#@^&.…\\"):
        emphasised = before == "_" and not text[first - 2 : first - 1].isalnum()
        if not emphasised and not currency_before(text, first)[0]:
            return None
    if before in "…\x01":
        return None
    earlier = text[first - 2 : first - 1] if first > 1 else ""
    if before == "/" and not (earlier.isdigit() or earlier in {"", " ", "%"}):
        return None
    currency, first = currency_before(text, first)
    sign = text[first - 1] if first else GAP
    if sign not in "-–":
        return first, currency, False, point
    further = text[first - 2] if first > 1 else GAP
    if last_end == first - 1 or further.isdigit() or further in "%$)":
        return first, currency, False, point
    if text[max(0, first - 4) : first] == "-of-":
        return first, currency, False, point
    if sign == "-" and further.isascii() and further.isalpha() and not currency:
        return None
    if further in " \t\n(（|~*_" + GAP or not further.isascii():
        return first - 1, currency, True, point
    return first, currency, False, point


# What a decimal without a leading zero may follow; its own point stands for the start of the text.
_BEFORE_POINT = " \t\n(（$€£|<>~≈*." + GAP
_NOTHING = _Found(0, 0, 0, "", 0, "", "number", False, False)


def _special(text: str, start: int, end: int) -> _Found | None:
    """Read times (no amount), powers of ten and ratios; None when the number is an ordinary one."""
    following = text[end : end + 1]
    if following == ":":
        if end - start <= 2 and int(text[start:end]) < 24 and _TIME.match(text, end):
            return _NOTHING
        ratio = _RATIO.match(text, end)
        if ratio and Decimal(ratio[1]):
            return _ratio(text, (start, end), ratio)
    if text[max(0, start - 2) : start] == "**" and text[max(0, start - 3) : start - 2].isdigit():
        return _NOTHING
    if text[start - 1 : start] == ":" and text[start - 2 : start - 1].isdigit():
        return _NOTHING
    if following in {"^", "*", "e", "E"} and _POWER.match(text, end):
        return _NOTHING
    if following == "/" and (fraction := _FRACTION.match(text, start)):
        return _fraction(fraction)
    if text[start:end] == "24" and text[end : end + 2] == "/7":
        return _NOTHING
    if text[start:end] == "7" and text[start - 3 : start] == "24/":
        return _NOTHING
    return _NOTHING if following in {":", " "} and _CLOCK.match(text, end) else None


def _ratio(text: str, span: tuple[int, int], match: re.Match[str]) -> _Found:
    value = Decimal(_GROUPING.sub("", text[span[0] : span[1]])) / Decimal(match[1])
    return _Found(span[0], match.end(), match.end(), f"{value:.6f}", 0, "x", "number", False, False)


def _fraction(match: re.Match[str]) -> _Found | None:
    """Read "2/3 majority", "1/4 of"; other pairs ("3/5 multisig") stay two numbers."""
    part, whole = int(match[1]), int(match[2])
    if not 0 < part < whole:
        return None
    end = match.end()
    return _Found(
        match.start(),
        end,
        end,
        f"{Decimal(part) / whole:.2f}",
        0,
        "fraction",
        "number",
        False,
        False,
    )


def _plain(text: str, end: int) -> bool:
    """Tell whether nothing that makes an amount follows the number (a unit, a scale)."""
    return not _SCALE.match(text, end) and not unit_behind(text, end)[0]


def _is_marker(text: str, start: int, end: int) -> bool:
    """Tell whether a short bare number is a list marker, an item "(1)" or a footnote "[12]"."""
    if end - start > 3:
        return False
    following = text[end : end + 1]
    before = text[start - 1] if start else GAP
    if before in _BRACKETED and following == _BRACKETED[before] and (end - start < 3 or before in "[【"):
        return True
    if following not in {".", ")", "、", "）", ":"} or text[end + 1 : end + 2].isdigit():
        return False
    position = start - 1
    while position >= 0 and text[position] in " \t>(#*|（":
        position -= 1
    return position < 0 or text[position] in "\n\r" + GAP


def _join_ranges(text: str, found: list[_Found]) -> None:
    """Let the two ends of a range share scale, unit and currency: "3–5%" is 3% to 5%."""
    for left, right in pairwise(found):
        between = right.start - left.end
        if not 0 < between <= 4 or not _RANGE.fullmatch(text, left.end, right.start):
            continue
        if "ordinal" in {left.kind, right.kind}:
            continue
        if not left.exponent and right.exponent and (not left.unit or is_currency(left.unit)):
            left.exponent = right.exponent
        if not left.unit or not right.unit:
            unit = left.unit or right.unit
            left.unit = right.unit = unit
            left.kind = right.kind = _kind(unit)
        right.approx = right.approx or left.approx


def _amount(text: str, figure: _Found) -> Amount:
    sign = "-" if figure.negative else ""
    decimals = len(figure.digits.partition(".")[2])
    scale = Decimal(f"1E{figure.exponent}") if figure.exponent else _ONE
    value = Decimal(f"{sign}{figure.digits}")
    if figure.exponent:
        # Written out, because a reader of a message wants 1200000 and not 1.2E+6; text keeps every
        # digit exact.
        value = Decimal(f"{Decimal(f'{value}E{figure.exponent}'):f}")
    return Amount(
        figure.start,
        figure.end,
        text[figure.start : figure.end],
        value,
        figure.unit,
        scale,
        decimals,
        figure.approx,
        figure.kind,
    )
