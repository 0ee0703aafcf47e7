"""Figures written as words: "forty-five thousand", "two thirds", 四十五万, 百分之五.

A grammar that allows no digit outside a slot still lets number words through, so they are read as
figures like any other. Small words without a unit ("one of the", 一些) are prose and not reported;
a single Han numeral is part of too many words (十分, 万一, 唯一) to mean a number without a unit
behind it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from proposal.parts import LARGEST_SMALL_WORD, Amount
from proposal.units import currency_before, is_approximate, unit_behind

_ONE_WORDS = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen
fifteen sixteen seventeen eighteen nineteen
"""
_TEN_WORDS = "twenty thirty forty fifty sixty seventy eighty ninety"
_ONES = {word: number for number, word in enumerate(_ONE_WORDS.split())}
_TENS = {word: number * 10 for number, word in enumerate(_TEN_WORDS.split(), start=2)}
_SCALES = {"thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_PARTS = {
    "half": 2,
    "halves": 2,
    "third": 3,
    "thirds": 3,
    "quarter": 4,
    "quarters": 4,
    "fourth": 4,
    "fourths": 4,
    "fifth": 5,
    "fifths": 5,
    "tenth": 10,
    "tenths": 10,
}

# A first letter of a number word at the start of a word, then the rest: cheap to refuse at every
# other place.
_START = re.compile(
    r"[OoTtFfSsEeNnHhAaZ](?<![A-Za-z0-9_'’].)(?:"
    r"(?<=[Oo])ne|(?<=[Tt])(?:wo|hree|en|welve|hirteen|wenty|hirty)|(?<=[Ff])(?:our|ive|ourteen|ifteen|orty|ifty)"
    r"|(?<=[Ss])(?:ix|even|ixteen|eventeen|ixty|eventy)|(?<=[Ee])(?:ight|leven|ighteen|ighty)"
    r"|(?<=[Nn])(?:ine|ineteen|inety)|(?<=[Hh])alf"
    r"|(?<=[Aa])(?=[ ](?:hundred|thousand|million|billion|dozen|third|quarter))"
    r")(?![A-Za-z0-9_])"
)
_WORD = re.compile(r"(?:[ ]and[ ]|[ ]|-|\n)([A-Za-z]{1,9})(?![A-Za-z0-9_])")
_OF = re.compile(r"[ \n]of(?![a-z])|[ \n]?-?majority|[ ]majority|[ ]super")
# "the latter half of 2022" is a stretch of time, not a share.
_STRETCH = re.compile(r"(?:latter|first|second|last|other|back|top) \Z")
_MAX_WORDS = 16

_ZH_ONES = {sign: number for number, sign in enumerate("零一二三四五六七八九")} | {
    "〇": 0,
    "两": 2,
    "壹": 1,
    "贰": 2,
    "叁": 3,
    "肆": 4,
    "伍": 5,
    "陆": 6,
    "柒": 7,
    "捌": 8,
    "玖": 9,
}
_ZH_UNITS = {"十": 1, "拾": 1, "百": 2, "佰": 2, "千": 3, "仟": 3}
_ZH_SCALES = {"万": 4, "亿": 8}
_ZH_SIGNS = "".join((*_ZH_ONES, *_ZH_UNITS, *_ZH_SCALES))
_ZH_RUN = re.compile(
    f"[{_ZH_SIGNS}半¼½¾⅓⅔](?:(?<=百)分之(?P<percent>[{_ZH_SIGNS}]{{1,12}})|(?<=千)分之(?P<mille>[{_ZH_SIGNS}]{{1,12}})"
    f"|(?<=万)分之(?P<bps>[{_ZH_SIGNS}]{{1,12}})|[{_ZH_SIGNS}]{{0,24}})"
    f"(?:分之(?P<share>[{_ZH_SIGNS}]{{1,8}}))?(?:点(?P<point>[零〇一二三四五六七八九]{{1,8}})(?P<scale>[万亿]{{0,2}}))?"
    "(?P<vague>[多余几](?=[万亿百千个名位票枚天年元美人次家项])[万亿百千]?)?"
)
_TENTHS = re.compile(r"成(?![为员功本果立就熟长效了绩])")
_VULGAR = {"¼": "0.25", "½": "0.5", "¾": "0.75", "⅓": "0.333333", "⅔": "0.666667"}
_MAX_ZH = 24


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a run of number words says: its value, the power of ten it is rounded to, its decimals
    and unit.
    """

    end: int
    value: Decimal
    exponent: int = 0
    decimals: int = 0
    unit: str = ""


_Reader = Callable[[str, re.Match[str]], _Reading | None]


def read_number_words(masked: str, taken: list[Amount]) -> list[Amount]:
    """Return the figures written as words, outside the spans that are `taken` already."""
    found: list[Amount] = []
    spans = iter([*((amount.start, amount.end) for amount in taken), (len(masked) + 1, len(masked) + 1)])
    taken_start, taken_end = next(spans)
    for start, reading in _readings(masked):
        while taken_end <= start:
            taken_start, taken_end = next(spans)
        if reading.end <= taken_start and (amount := _amount(masked, start, reading)):
            found.append(amount)
    return found


def _readings(masked: str) -> Iterator[tuple[int, _Reading]]:
    """Return every run of number words with its start, both languages in order."""
    english = _runs(masked, _START, _read_english)
    if masked.isascii():
        yield from english
    else:
        yield from sorted([*english, *_runs(masked, _ZH_RUN, _read_chinese)], key=lambda run: run[0])


def _runs(masked: str, pattern: re.Pattern[str], read: _Reader) -> Iterator[tuple[int, _Reading]]:
    position = 0
    for match in pattern.finditer(masked):
        if match.start() >= position:
            reading = read(masked, match)
            if reading is not None:
                position = reading.end
                yield match.start(), reading


def _amount(text: str, start: int, reading: _Reading) -> Amount | None:
    unit, end = reading.unit, reading.end
    if not unit:
        unit, end = unit_behind(text, end)
        if not unit and _is_prose(text, start, reading):
            return None
    if not unit:
        unit, start = currency_before(text, start)
    scale = Decimal(f"1E{reading.exponent}") if reading.exponent else Decimal(1)
    value = Decimal(f"{reading.value:f}")
    approx = is_approximate(text, start, end)
    return Amount(start, end, text[start:end], value, unit, scale, reading.decimals, approx, "word")


def _is_prose(text: str, start: int, reading: _Reading) -> bool:
    """Tell whether a number word without a unit is ordinary prose."""
    if reading.value <= LARGEST_SMALL_WORD and reading.value == reading.value.to_integral_value():
        return True
    run = text[start : reading.end]
    return not run[0].isascii() and (len(run) == 1 or run[0] in "百千万亿佰仟" or (run[-1] == "一" and len(run) == 2))


def _read_english(text: str, match: re.Match[str]) -> _Reading | None:
    words = list(_english_words(text, match))
    first = words[0][0]
    part = _english_part(text, words)
    if part is not None:
        return part
    if first == "half":
        if len(words) > 2 and words[1][0] in {"a"} and words[2][0] in _SCALES:
            return _Reading(words[2][1], Decimal(5).scaleb(_SCALES[words[2][0]] - 1), _SCALES[words[2][0]], 1)
        return (
            _Reading(words[0][1], Decimal("0.5"), decimals=2, unit="fraction") if _OF.match(text, words[0][1]) else None
        )
    if first in {"a", "an"}:
        if len(words) > 1 and words[1][0] == "dozen":
            return _Reading(words[1][1], Decimal(12))
        words[0] = ("one", words[0][1])
    return _english_number(words)


def _english_words(text: str, match: re.Match[str]) -> Iterator[tuple[str, int]]:
    """Return the words of a run, in small letters, each with its end."""
    position = match.end()
    yield match[0].lower(), position
    for _ in range(_MAX_WORDS):
        word = _WORD.match(text, position)
        if not word:
            return
        position = word.end()
        yield word[1].lower(), position


def _english_part(text: str, words: list[tuple[str, int]]) -> _Reading | None:
    """Read "two thirds", "one-third", "a quarter of", "three quarters of"."""
    if len(words) < 2 or words[1][0] not in _PARTS:
        return None
    count = _ONES.get(words[0][0], 1 if words[0][0] == "a" else 0)
    part, end = words[1]
    surely = part in {"thirds", "third", "fifths", "tenths"} and words[0][0] != "a"
    if not 0 < count < _PARTS[part] or not (surely or _OF.match(text, end)):
        return None
    return _Reading(end, round(Decimal(count) / _PARTS[part], 6), decimals=2, unit="fraction")


def _english_number(words: list[tuple[str, int]]) -> _Reading | None:
    """Add up words as long as they make one number; "twenty five" does, "five twenty" is two."""
    total = current = exponent = 0
    lowest = 99
    end = 0
    decimals = ""
    for position, (word, word_end) in enumerate(words):
        if decimals or (word == "point" and end):
            digit = (
                _ONES.get(words[position + 1][0], 10)
                if word == "point" and position + 1 < len(words)
                else _ONES.get(word, 10)
            )
            if digit > 9:
                break
            if word != "point":
                decimals += str(digit)
                end = word_end
            else:
                decimals = decimals or "."
            continue
        if word in _ONES and _fits(current, _ONES[word]):
            current, exponent = current + _ONES[word], 0
        elif word in _TENS and current % 100 == 0:
            current, exponent = current + _TENS[word], 0
        elif word == "hundred" and 0 < current < 100:
            current, exponent = current * 100, 0
        elif word in _SCALES and current and _SCALES[word] < lowest:
            exponent = lowest = _SCALES[word]
            total, current = total + current * _power(exponent), 0
        else:
            break
        end = word_end
    return _with_decimals(words, (total + current, end), decimals, exponent) if end else None


def _fits(current: int, number: int) -> bool:
    if current % 100 == 0:
        return True
    return current % 100 >= 20 and current % 10 == 0 and 0 < number < 10


def _with_decimals(words: list[tuple[str, int]], number: tuple[int, int], decimals: str, exponent: int) -> _Reading:
    """Finish a number, reading the scale behind "one point five million"."""
    whole, end = number
    digits = decimals.lstrip(".")
    if not digits:
        return _Reading(end, Decimal(whole), exponent)
    value = Decimal(f"{whole}.{digits}")
    for position, (_, word_end) in enumerate(words[:-1]):
        following = words[position + 1]
        if word_end == end and following[0] in _SCALES:
            power = _SCALES[following[0]]
            return _Reading(following[1], value.scaleb(power), power, len(digits))
    return _Reading(end, value, 0, len(digits))


def _read_chinese(text: str, match: re.Match[str]) -> _Reading | None:
    start, end = match.span()
    before = text[start - 1 : start]
    if before and (before in "第几数周" or text[max(0, start - 2) : start] in {"星期", "礼拜"}):
        return None
    run = match[0]
    if run in _VULGAR:
        return _Reading(end, Decimal(_VULGAR[run]), decimals=2, unit="fraction")
    for group, unit in (("percent", "%"), ("mille", "‰"), ("bps", "bps")):
        if match[group]:
            return _chinese_share(match, match[group], unit)
    if match["share"]:
        return _chinese_fraction(match)
    numerals = run[: len(run) - len(match["vague"] or "")].partition("点")[0]
    if numerals == "一" and text[end : end + 1] == "半":
        return _Reading(end + 1, Decimal("0.5"), decimals=2, unit="fraction")
    whole = chinese_number(numerals)
    if whole is None:
        return None
    return _chinese_figure(text, match, whole)


def _chinese_figure(text: str, match: re.Match[str], whole: int) -> _Reading | None:
    end = match.end()
    numerals = match[0]
    if match["point"]:
        power = sum(_ZH_SCALES[sign] for sign in match["scale"])
        digits = match["point"]
        value = Decimal(f"{whole}.{''.join(str(_ZH_ONES[sign]) for sign in digits)}").scaleb(power)
        return _Reading(end, value, power, len(digits))
    tenths = _TENTHS.match(text, end)
    if tenths and 0 < whole < 10:
        return _Reading(tenths.end(), Decimal(whole * 10), unit="%")
    exponent = 0
    vague = match["vague"]
    if vague and len(vague) == 2:
        power = (_ZH_UNITS | _ZH_SCALES)[vague[1]]
        return _Reading(end, Decimal(whole).scaleb(power), power)
    for sign in reversed(numerals):
        if sign not in _ZH_SCALES:
            break
        exponent += _ZH_SCALES[sign]
    return _Reading(end, Decimal(whole), exponent)


def _chinese_share(match: re.Match[str], numerals: str, unit: str) -> _Reading | None:
    whole = chinese_number(numerals)
    if whole is None:
        return None
    digits = "".join(str(_ZH_ONES[sign]) for sign in match["point"] or "")
    return _Reading(
        match.end(),
        Decimal(f"{whole}.{digits}" if digits else whole),
        decimals=len(digits),
        unit=unit,
    )


def _chinese_fraction(match: re.Match[str]) -> _Reading | None:
    whole, share = chinese_number(match[0].partition("分之")[0]), chinese_number(match["share"])
    if not whole or share is None:
        return None
    return _Reading(match.end(), round(Decimal(share) / whole, 6), decimals=2, unit="fraction")


def chinese_number(numerals: str) -> int | None:
    """Return the value of Han numerals, or None when they are no number.

    >>> chinese_number("四十五万"), chinese_number("一千二"), chinese_number("二〇二六")
    (450000, 1200, 2026)
    >>> chinese_number("五六") is None
    True
    """
    if not numerals or len(numerals) > _MAX_ZH or "半" in numerals:
        return None
    if all(sign in _ZH_ONES for sign in numerals):
        positional = len(numerals) == 1 or len(numerals) > 2
        return int("".join(str(_ZH_ONES[sign]) for sign in numerals)) if positional else None
    total = section = digit = 0
    last_power = 0
    for sign in numerals:
        if sign in _ZH_ONES:
            if digit:
                return None
            digit = _ZH_ONES[sign]
            last_power = 1 if sign in "零〇" else last_power
        elif sign in _ZH_UNITS:
            section += (digit or 1) * _power(_ZH_UNITS[sign])
            digit, last_power = 0, _ZH_UNITS[sign]
        elif sign in _ZH_SCALES:
            power = _ZH_SCALES[sign]
            total, section = _scaled(total, section + digit, power), 0
            digit, last_power = 0, power
    # "一千二" is 1,200: a last digit right behind a unit counts tenths of that unit.
    return total + section + digit * _power(max(0, last_power - 1))


def _power(exponent: int) -> int:
    return int(10**exponent)


def _scaled(total: int, section: int, power: int) -> int:
    """Apply 万 or 亿: to what stands since the last larger one, or to everything (万亿)."""
    if section == 0:
        return (total or 1) * _power(power)
    return (
        (total + section) * _power(power) if power == 8 and total and total < 10**8 else total + section * _power(power)
    )
