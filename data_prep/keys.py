"""Keys of values: the name under which a figure, a date or a name with a digit stands in a brief or in evidence.

A key is what a person would call the value: a name is called as it stands ("hip_51"), a figure by the noun phrase that
its sentence gives it (`data_prep.naming`), an address by the noun before it and that it is one. What no noun names is
called by its kind ("date", "percentage", "item"), never by whichever words stand before it.
"""

from __future__ import annotations

import re
from decimal import Decimal

from data_prep.naming import name_reference
from data_prep.points import STOP
from proposal.units import is_currency
from proposal.values import Value

MAX_KEY = 32
"""Characters of a key, so that a number behind it leaves it a name (`proposal.brief.check_name`)."""

UNNAMED = ("quantity", "reference")
"""Keys of texts that no words name, of which no kind is known either."""

_HEX = re.compile(r"0x([0-9A-Fa-f]{8,})|\b([0-9a-f]{16,})\b")
_ADDRESS_DIGITS = 40
_OWNER = re.compile(r"['’]s?(?![a-z])")
_CLOCK = re.compile(r"\d{1,2}:\d\d(?::\d\d)?")
_VERSION = re.compile(r"\d+(?:\.\d+){2,}\Z")
_MIN_LETTERS = 3
_MAX_ITEM = 99
_LENGTHS = re.compile(r"(?:second|minute|hour|day|week|month|quarter|year)s?\Z", re.IGNORECASE)


def figure_key(topic: str, value: Value) -> str:
    """Return the key of a figure or date: its topic, else what kind of figure it is.

    >>> figure_key("cost of the review", Value(value=30_000, unit="USD"))
    'cost_review'
    >>> figure_key("", Value(value=5, unit="days"))
    'duration'
    """
    return _slug(topic) or _kind(value)


def reference_key(sentence: str, start: int, end: int, value: Value) -> str:
    """Return the key of what holds a digit and states nothing: a name, an address, the number of a step or proposal.

    >>> text = "Finally, 0x00112233445566778899aabbccddeeff00112233 becomes an admin."
    >>> reference_key(text, 9, 51, Value(value=text[9:51]))
    'address'
    """
    printed = sentence[start:end]
    if found := _HEX.search(printed):
        kind = "address" if len(found[1] or "") == _ADDRESS_DIGITS else "hash"
        name = _slug(name_reference(sentence, start, end))
        return name if kind in name.split("_") else f"{_cut(name, MAX_KEY - len(kind) - 1)}_{kind}".strip("_")
    if _CLOCK.match(printed):
        return "time"
    named = "_".join(re.findall(r"[a-z0-9]+", _OWNER.sub("", printed.lower()))).lstrip("0123456789_")
    if sum(map(str.isalpha, named)) >= _MIN_LETTERS or printed[0].isalpha():
        return _cut(named) or "name"
    return _slug(name_reference(sentence, start, end)) or _kind(value)


def is_unnamed(key: str) -> bool:
    """Tell whether a key says nothing of a text but that it is one: such a text is as nameless as a bare figure.

    >>> is_unnamed("quantity_2"), is_unnamed("address_2")
    (True, False)
    """
    return re.sub(r"_\d+\Z", "", key) in UNNAMED


def _kind(value: Value) -> str:
    if value.unit == "date":
        return "date"
    if not isinstance(value.value, Decimal):
        printed = str(value.value)
        return "version" if _VERSION.match(printed) else "quantity" if printed[:1].isdigit() else "reference"
    if value.unit == "%":
        return "percentage"
    if _LENGTHS.match(value.unit):
        return "duration"
    if is_currency(value.unit):
        return "amount"
    whole = value.value == int(value.value)
    return "item" if value.unit == "count" and whole and 0 < value.value <= _MAX_ITEM else "number"


def _slug(phrase: str) -> str:
    words = [word for word in re.findall(r"[a-z]+", _OWNER.sub("", phrase.lower())) if word not in STOP]
    return _cut("_".join(words))


def _cut(key: str, length: int = MAX_KEY) -> str:
    """Shorten a key to whole words where there is more than one."""
    if len(key) <= length:
        return key
    return key[: length + 1].rpartition("_")[0] or key[:length]
