"""Figures written as words: "forty-five thousand", "two thirds", 四十五万, 百分之五.

A grammar that allows no digit outside a slot still lets number words through, so they are read as
figures like any other. Small words without a unit ("one of the", 一些) are prose and not reported;
a single Han numeral is part of too many words (十分, 万一, 唯一) to mean a number without a unit
behind it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain

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
NUMBER_WORD = re.compile(
    r"[OoTtFfSsEeNnHhAaZ](?<![A-Za-z0-9_'’].)(?:"
    r"(?<=[Oo])ne|(?<=[Tt])(?:wo|hree|en|welve|hirteen|wenty|hirty)|(?<=[Ff])(?:our|ive|ourteen|ifteen|orty|ifty)"
    r"|(?<=[Ss])(?:ix|even|ixteen|eventeen|ixty|eventy)|(?<=[Ee])(?:ight|leven|ighteen|ighty)"
    r"|(?<=[Nn])(?:ine|ineteen|inety)|(?<=[Hh])alf"
    r"|(?<=[Aa])(?=[ ](?:hundred|thousand|million|billion|dozen|third|quarter))"
    r")(?![A-Za-z0-9_])"
)
_FIRST_WORDS = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fifteen", "twenty", "thirty", "forty", "fifty", "half", "a hundred", "a thousand", "a million", "a billion",
    "a dozen", "a third", "a quarter",
)  # fmt: skip
"""What every number word of the pattern begins with ("fourteen", "sixty" and their like begin with shorter ones)."""
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
    vague: bool = False


_Reader = Callable[[str, re.Match[str]], _Reading | None]


def read_number_words(masked: str, taken: list[Amount], *, printed: str) -> list[Amount]:
    """Return the figures written as words, outside the spans that are `taken` already.

    `printed` is the same text as its author wrote it.
    """
    found: list[Amount] = []
    spans = iter([*((amount.start, amount.end) for amount in taken), (len(masked) + 1, len(masked) + 1)])
    taken_start, taken_end = next(spans)
    free_from = 0
    for start, reading in _readings(masked):
        while taken_end <= start:
            free_from, (taken_start, taken_end) = taken_end, next(spans)
        if reading.end <= taken_start and (amount := _amount(masked, printed, (start, reading), free_from)):
            found.append(amount)
    return found


def _readings(masked: str) -> Iterator[tuple[int, _Reading]]:
    """Return every run of number words with its start, both languages in order."""
    if masked.isascii():
        yield from _runs(masked, _english_starts(masked), _read_english)
    else:
        english = _runs(masked, NUMBER_WORD.finditer(masked), _read_english)
        chinese = _runs(masked, _ZH_RUN.finditer(masked), _read_chinese)
        yield from sorted([*english, *chinese], key=lambda run: run[0])


def _english_starts(masked: str) -> Iterator[re.Match[str]]:
    """Yield what `NUMBER_WORD` finds; a plain search for each word first, because the pattern is tried at every second
    letter.
    """
    lowered = masked.lower()
    places: set[int] = set()
    for word in _FIRST_WORDS:
        at = lowered.find(word)
        while at >= 0:
            places.add(at)
            at = lowered.find(word, at + 1)
    for place in sorted(places):
        if match := NUMBER_WORD.match(masked, place):
            yield match


def _runs(masked: str, matches: Iterable[re.Match[str]], read: _Reader) -> Iterator[tuple[int, _Reading]]:
    position = 0
    for match in matches:
        if match.start() >= position:
            reading = read(masked, match)
            if reading is not None:
                position = reading.end
                yield match.start(), reading


def _amount(text: str, printed: str, run: tuple[int, _Reading], free_from: int) -> Amount | None:
    """Read the unit of a run of number words; what stands before `free_from` belongs to another figure."""
    start, reading = run
    unit, end = reading.unit, reading.end
    if not unit:
        unit, end = unit_behind(text, end)
        if not unit and _is_prose(text, start, reading):
            return None
    if not unit:
        currency, first = currency_before(text, start)
        unit, start = (currency, first) if first >= free_from else ("", start)
    scale = Decimal(f"1E{reading.exponent}") if reading.exponent else Decimal(1)
    value = Decimal(f"{reading.value:f}")
    approx = reading.vague or is_approximate(text, start, end)
    return Amount(start, end, printed[start:end], value, unit, scale, reading.decimals, approx, "word")


def _is_prose(text: str, start: int, reading: _Reading) -> bool:
    """Tell whether a number word without a unit is ordinary prose."""
    if reading.value <= LARGEST_SMALL_WORD and reading.value == reading.value.to_integral_value():
        return True
    run = text[start : reading.end]
    return not run[0].isascii() and (len(run) == 1 or run[0] in "百千万亿佰仟" or (run[-1] == "一" and len(run) == 2))


def _read_english(text: str, match: re.Match[str]) -> _Reading | None:
    words = _english_words(text, match)
    first, first_end = next(words)
    second = next(words, None)
    if second and second[0] in _PARTS:
        return _english_part(text, (first, *second))
    if first == "half":
        return _half(text, match, (second, next(words, None)))
    if first == "a" and second and second[0] == "dozen":
        return _Reading(second[1], Decimal(12))
    start = ("one" if first == "a" else first, first_end)
    return _english_number(chain([start], [second] if second else [], words))


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


def _english_part(text: str, words: tuple[str, str, int]) -> _Reading | None:
    """Read "two thirds", "one-third", "a quarter of", "three quarters of"."""
    counted, part, end = words
    count = _ONES.get(counted, 1 if counted == "a" else 0)
    surely = part in {"thirds", "third", "fifths", "tenths"} and counted != "a"
    if not 0 < count < _PARTS[part] or not (surely or _OF.match(text, end)):
        return None
    return _Reading(end, round(Decimal(count) / _PARTS[part], 6), decimals=2, unit="fraction")


def _half(text: str, match: re.Match[str], following: tuple[tuple[str, int] | None, ...]) -> _Reading | None:
    """Read "half a million" and "half of"; "the latter half of 2022" is a stretch of time."""
    article, scale = following
    if article and scale and article[0] == "a" and scale[0] in _SCALES:
        power = _SCALES[scale[0]]
        return _Reading(scale[1], Decimal(5).scaleb(power - 1), power, 1)
    start, end = match.span()
    if not _OF.match(text, end) or _STRETCH.search(text, max(0, start - 8), start):
        return None
    return _Reading(end, Decimal("0.5"), decimals=2, unit="fraction")


@dataclass(slots=True)
class _Count:
    """Adds up words as long as they make one number: "twenty five" does, "five twenty" is two."""

    total: int = 0
    current: int = 0
    exponent: int = 0
    lowest: int = 99

    def add(self, word: str) -> bool:
        """Take the next word; False when it does not belong to the number."""
        if word in _SCALES and self.current and _SCALES[word] < self.lowest:
            self.exponent = self.lowest = _SCALES[word]
            self.total += self.current * _power(self.exponent)
            self.current = 0
            return True
        if word in _ONES and self._fits(_ONES[word]):
            self.current += _ONES[word]
        elif word in _TENS and self.current % 100 == 0:
            self.current += _TENS[word]
        elif word == "hundred" and 0 < self.current < 100:
            self.current *= 100
        else:
            return False
        self.exponent = 0
        return True

    def _fits(self, number: int) -> bool:
        if self.current % 100 == 0:
            return True
        return self.current % 100 >= 20 and self.current % 10 == 0 and 0 < number < 10


def _english_number(words: Iterator[tuple[str, int]]) -> _Reading | None:
    count = _Count()
    end = 0
    for word, word_end in words:
        if word == "point" and end:
            return _decimals(words, _Reading(end, Decimal(count.total + count.current)))
        if not count.add(word):
            break
        end = word_end
    return _Reading(end, Decimal(count.total + count.current), count.exponent) if end else None


def _decimals(words: Iterator[tuple[str, int]], whole: _Reading) -> _Reading:
    """Read the digits behind "point", and the scale behind those ("one point five million")."""
    digits, end = "", whole.end
    for word, word_end in words:
        if digits and word in _SCALES:
            power = _SCALES[word]
            value = Decimal(f"{whole.value}.{digits}").scaleb(power)
            return _Reading(word_end, value, power, len(digits))
        if _ONES.get(word, 10) > 9:
            break
        digits, end = digits + str(_ONES[word]), word_end
    return _Reading(end, Decimal(f"{whole.value}.{digits or 0}"), 0, len(digits)) if digits else whole


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
        return _Reading(end, Decimal(whole).scaleb(power), power, vague=True)
    for sign in reversed(numerals):
        if sign not in _ZH_SCALES:
            break
        exponent += _ZH_SCALES[sign]
    return _Reading(end, Decimal(whole), exponent, vague=vague is not None)


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
    if numerals[0] in "零〇" and len(numerals) == 2:
        # "一年零三个月": the zero only joins.
        numerals = numerals[1]
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
