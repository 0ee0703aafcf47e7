"""Reading raw items into fields: typed or a counted drop, never a guess.

A source's reader names each field it takes once; a field that is missing or of another type raises `FieldError`, which
`recorded` turns into a drop with the place it stood at.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from data_prep.faults import shown
from data_prep.history import Dropped, DroppedReason, Record
from proposal.dates import read_dates
from proposal.hashing import sha256_text

FUTURE = dt.timedelta(days=1)
"""How far a date may lie ahead of the reading: a time zone, no more."""
MAX_TEXT = 1_000_000
"""Characters of one text; a longer one is no proposal and no post."""


MAX_DATE = 60
"""Characters in which one date is looked for: a field, not a text with a date in it."""


class FieldError(Exception):
    """A field that cannot be used: why, and what stood there."""

    def __init__(self, reason: DroppedReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Item:
    """A raw item with the names its source gives its fields, and when it was read."""

    data: Mapping[str, Any]
    retrieved_at: dt.datetime

    def text(self, name: str, *, default: str | None = None) -> str:
        """Return a text; a number or a truth value is not one. Null counts as missing."""
        value = self.data.get(name)
        if value is None:
            if default is None:
                raise FieldError("missing-field", f"{name} is missing")
            return default
        if not isinstance(value, str):
            raise FieldError("wrong-type", f"{name} has to be text (found {shown(value)})")
        if len(value) > MAX_TEXT:
            raise FieldError("too-long", f"{name} has {len(value):,} characters")
        return value.replace("\x00", "")

    def whole(self, name: str) -> int | None:
        """Return a whole number, also one written as text, or None where it is missing."""
        number = self.number(name)
        if number is None:
            return None
        if number != number.to_integral_value():
            raise FieldError("wrong-type", f"{name} has to be a whole number (found {shown(self.data[name])})")
        return int(number)

    def number(self, name: str) -> Decimal | None:
        """Return an exact number, or None where it is missing."""
        value = self.data.get(name)
        return None if value is None or value == "" else number(value, name)

    def time(self, name: str) -> dt.datetime | None:
        """Return a time in UTC, or None where it is missing; a date in the future is a defect of the source."""
        value = self.data.get(name)
        return None if value is None or value == "" else self.checked(moment(value, name), name)

    def checked(self, value: dt.datetime, name: str) -> dt.datetime:
        """Return a time unless it lies ahead of the reading."""
        if value > self.retrieved_at + FUTURE:
            raise FieldError("future-date", f"{name} is {value.isoformat()}, after it was read")
        return value


def number(value: Any, name: str) -> Decimal:
    """Read an exact, finite number from JSON or text."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise FieldError("wrong-type", f"{name} has to be a number (found {shown(value)})")
    try:
        result = Decimal(str(value).strip())
    except InvalidOperation:
        raise FieldError("wrong-type", f"{name} has to be a number (found {shown(value)})") from None
    if not result.is_finite() or abs(result.adjusted()) > 100:
        raise FieldError("wrong-type", f"{name} has to be a finite number (found {shown(value)})")
    return result


def moment(value: Any, name: str) -> dt.datetime:
    """Read seconds since 1970, an ISO 8601 date or time, or the one day that a date in words names; UTC if unsaid.

    >>> moment("February 23rd, 2021", "created").date().isoformat()
    '2021-02-23'
    """
    try:
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            return dt.datetime.fromtimestamp(int(value), dt.UTC)
        if isinstance(value, str):
            text = value.strip()
            if text.isdecimal() and len(text) in {9, 10}:
                return dt.datetime.fromtimestamp(int(text), dt.UTC)
            read = dt.datetime.fromisoformat(text)
            return (read if read.tzinfo else read.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except (ValueError, OverflowError, OSError):
        if isinstance(value, str) and len(value) <= MAX_DATE:
            days = {found.date for found in read_dates(value, printed=value) if found.precision == "day" and found.date}
            if len(days) == 1:
                return dt.datetime.combine(days.pop(), dt.time(), dt.UTC)
    raise FieldError("wrong-type", f"{name} has to be a date (found {shown(value)})")


def canonical(value: Any) -> str:
    """Write raw data in one canonical form; exact decimals as they are written."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_decimal)


def _decimal(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} is not raw data")


def raw_hash(item: Any) -> str:
    """Return the hash of a raw item, whatever page it stood on."""
    return sha256_text(canonical(item))


def recorded(
    read: Callable[[Item], Record], data: Any, *, at: dt.datetime, stream: str, where: str
) -> Record | Dropped:
    """Read one raw item; what cannot be read is a drop that says where it stood."""
    if not isinstance(data, Mapping):
        return Dropped("not-a-row", stream, where, f"found {shown(data)}")
    try:
        return read(Item(data, at))
    except FieldError as error:
        return Dropped(error.reason, stream, where, error.detail)


def objects(data: Any, *path: str) -> Iterator[Any]:
    """Yield the items of the list at a path in an answer; nothing where there is none."""
    for name in path:
        data = data.get(name) if isinstance(data, Mapping) else None
    if isinstance(data, list):
        yield from data
