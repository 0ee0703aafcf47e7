"""From what a model wrote to what a reader would see: reasoning dropped, disguises undone, slots filled, text parsed.

Everything that could make a checker see another text than a reader does is undone here, once: digits of other scripts,
letters that only look Latin, invisible characters, code marks around a figure. Chinese punctuation is kept, because
full NFKC would turn the comma of "共12，450人" into a thousands separator.
"""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from string import ascii_letters

from proposal.document import Document, parse
from proposal.slots import Filled, fill
from rewards.rows import Task, length_band

MAX_CHARACTERS = 32_000
MIN_SIGNS, CHARACTERS_PER_SIGN = 1_200, 16
"""What is read of a completion at most: characters, and signs that are neither letters nor spaces (a run of digits is
one). A long draft has a third of either; scoring time is bounded by them."""
TABLES = 4_000
"""Characters that tables, clauses and references may take beside the text that is asked for."""

_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_ODD = re.compile(
    r"[^\x00-\x7f\u2014\u2018-\u201d\u2026\u3001\u3002\u3008-\u3011\u4e00-\u9fff\uff08\uff09\uff0c\uff1a\uff1b\uff1f\uff01]"
)
_CODE_MARK = re.compile(r"(?<!`)`(?!`)([^`\n]{1,200})`(?!`)")
_GROUPED_LETTER = re.compile(
    r"(?<![0-9A-Za-z.,])(?=[0-9OolI]{0,3}[0-9])[0-9OolI]{1,3}(?:,[0-9OolI]{3}){1,5}(?![0-9A-Za-z])"
)
_GROUP_SIGNS = "0123456789OolI"
_INVISIBLE = re.compile(r"[\u00ad\u034f\u200b-\u200d\u2060-\u2064\ufeff]+")
_HAN = re.compile(r"[\u3400-\u9fff]")
_NO_SIGNS = f"{ascii_letters} \t".encode()
_SIGN = re.compile(r"[0-9]+|[^A-Za-z\u3400-\u9fff \t]")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,8});")
_SPLIT_NUMBER = re.compile(
    r"(\{\{[^{}]*\}\})|(?<=[0-9])[*_]{1,3}(?=[0-9.,][0-9*_])|(?<=[0-9][.,])[*_]{1,3}(?=[0-9])|(?<=[0-9])[*_]{1,3}(?=[0-9])"
)
"""Emphasis between the digits of a number; a slot is matched first, since `{{P.hip_39_2}}` is a name and no number."""
_LOOKALIKE = str.maketrans("OolI", "0011")

# Letters of other scripts that look Latin: Cyrillic and Greek, the ones that readers cannot tell apart.
_CONFUSABLE = dict(
    zip(
        "АВЕЅІЈКМНОРСТУХаеорсухіѕјһԁԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧοα",
        "ABESIJKMHOPCTYXaeopcyxisjhdqwABEZHIKMNOPTYXoa",
        strict=True,
    )
)
_KEPT_CATEGORIES = {"So", "Sk", "Cs", "Co"}


@dataclass(frozen=True, slots=True)
class Reading:
    """The text as a reader sees it, parsed, with what was undone on the way."""

    document: Document
    filled: Filled
    slotted: bool
    disguises: tuple[str, ...]
    cut: bool

    @property
    def text(self) -> str:
        return self.document.text


def read(completion: str, task: Task) -> Reading:
    """Return the reading of a completion; any text gives one."""
    text, disguises = undisguise(without_thoughts(completion[: 3 * MAX_CHARACTERS]))
    chinese = not text.isascii() and 2 * len(_HAN.findall(text[:2_000])) > min(len(text), 2_000)
    end = _readable(text, readable_characters(task, chinese=chinese))
    cut = end < len(text) or len(completion) > 3 * MAX_CHARACTERS
    text = text[:end].strip()
    slotted = "{{" in text or "[[" in text
    filled = (
        fill(text, evidence=task.evidence, brief=task.brief, language=task.brief.language) if slotted else Filled(text)
    )
    return Reading(parse(filled.text), filled, slotted, disguises, cut)


def readable_characters(task: Task, *, chinese: bool) -> int:
    """Return how much of a completion is read: three times the longest text that is asked for, and tables."""
    _, longest = length_band(task)
    words = longest * 5 // 8 if task.brief.language == "zh" else longest
    return min(MAX_CHARACTERS, TABLES + words * (8 if chinese else 24))


def _readable(text: str, characters: int) -> int:
    """Return up to where the text is read."""
    signs = max(MIN_SIGNS, characters // CHARACTERS_PER_SIGN)
    # Counted in bytes first, which is quick and never too few: hardly any text has so many signs.
    if len(text[:characters].encode("utf-8", "replace").translate(None, _NO_SIGNS)) <= signs:
        return min(len(text), characters)
    beyond = next(islice(_SIGN.finditer(text, 0, characters), signs, None), None)
    return beyond.start() if beyond else min(len(text), characters)


def without_thoughts(text: str) -> str:
    """Drop the reasoning of thinking models: closed, never closed, or opened by the prompt.

    >>> without_thoughts("<think>a</think>b"), without_thoughts("a</think>b"), without_thoughts("<think>a")
    ('b', 'b', '')
    """
    if "think>" not in text:
        return text
    text = _THOUGHT.sub("", text)
    return text.rpartition("</think>")[2]


def undisguise(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the text with look-alike characters in their plain form, and which kinds of hiding were found.

    >>> undisguise("[Е3] ４５ ٤٥")[0]
    '[E3] 45 45'
    """
    found: set[str] = set()
    if not text.isascii():
        text = _INVISIBLE.sub("", text)
        odd = set(_ODD.findall(text))
        if odd:
            found = {kind for kind in map(_hiding, odd) if kind}
            text = _ODD.sub(lambda match: _plain(match[0]), text)
    if "`" in text:
        text = _CODE_MARK.sub(r"\1", text)
    if "&" in text:
        text = _ENTITY.sub(_decoded, text)
    if "*" in text or "_" in text:
        text = _SPLIT_NUMBER.sub(r"\1", text)
    if _has_grouped_letter(text):
        text = _GROUPED_LETTER.sub(lambda match: match[0].translate(_LOOKALIKE), text)
    return text, tuple(sorted(found))


def _has_grouped_letter(text: str) -> bool:
    """Tell whether a letter may stand for a digit of a grouped number: a quick look at the commas before a slow one."""
    at = text.find(",")
    while at >= 0:
        group = text[at + 1 : at + 4]
        if len(group) == 3 and not group.strip(_GROUP_SIGNS):
            head = text[max(0, at - 3) : at]
            if not (head[len(head.rstrip(_GROUP_SIGNS)) :] + group).isdecimal():
                return True
        at = text.find(",", at + 1)
    return False


def _decoded(match: re.Match[str]) -> str:
    """Return what an HTML entity shows, when that is a letter, digit or part of a figure; markup stays as it is."""
    shown = html.unescape(match[0])
    return shown if len(shown) == 1 and (shown.isalnum() or shown in "\u00a0 .,%$€£¥+-/") else match[0]


@lru_cache(maxsize=8192)
def _plain(character: str) -> str:
    """Return the plain form of one unusual character: ASCII where it stands for a letter or digit, or nothing."""
    if character in _CONFUSABLE:
        return _CONFUSABLE[character]
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category in {"Cf", "Mn", "Me", "Cc"}:
        return ""
    if category == "Zs":
        return " "
    if category in {"Zl", "Zp"}:
        return "\n"
    if category in _KEPT_CATEGORIES:
        return character
    folded = unicodedata.normalize("NFKC", character)
    return folded if folded.isascii() else character


def _hiding(character: str) -> str:
    code = ord(character)
    if 0xE0000 <= code <= 0xE0FFF:
        return "tag characters"
    if character in "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069":
        return "bidirectional controls"
    return ""
