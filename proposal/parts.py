"""The parts a parsed document is made of, each with its place in the source.

Every part carries `start` and `end`, offsets into the text exactly as it was given
(`text[start:end]`), because a finding that points one character off is a finding nobody trusts.
Parts hold no reference to their document, so that they can be compared, hashed and counted.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Literal

BlockKind = Literal[
    "paragraph",
    "list_item",
    "table",
    "code",
    "quote",
    "html",
    "heading",
    "front_matter",
    "hr",
    "definition",
    "unread",
]
"""`definition` is a link definition (`[a]: https://…`); `unread` is the tail of a text beyond the
limits.
"""

AmountKind = Literal["number", "percent", "bps", "money", "ordinal", "word", "year"]
DatePrecision = Literal["day", "month", "quarter", "half", "year", "month_day"]
HiddenKind = Literal["comment", "zero_width", "bidi", "tag_characters", "html_tag", "link_title"]

LARGEST_SMALL_WORD = 12
"""Number words up to this one are ordinary prose ("two options"); larger ones are figures."""


@dataclass(frozen=True, slots=True)
class Section:
    """The stretch from one heading to the next heading of any level; `title` is without marks and
    closing #.
    """

    level: int
    title: str
    start: int
    body_start: int
    end: int
    index: int


@dataclass(frozen=True, slots=True)
class Block:
    """One leaf block; `section` is the index of its section. The marker of a list item or quote is
    outside.
    """

    kind: BlockKind
    start: int
    end: int
    section: int


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence or table row; `text` is the exact source slice and `section` the index of its
    section.
    """

    start: int
    end: int
    text: str
    section: int
    block_kind: str

    @property
    def fingerprint(self) -> str:
        """Return the sentence without case, markup, width and spacing: equal for a repeated
        sentence.
        """
        return fingerprint(self.text)


@lru_cache(maxsize=4096)
def fingerprint(text: str) -> str:
    """Return letters, digits and signs of `text` that carry meaning, folded to one form.

    >>> fingerprint("The **Budget** is ４５%.") == fingerprint("the budget is 45%")
    True
    """
    folded = text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
    return _MEANINGLESS.sub("", folded)


_MEANINGLESS = re.compile(r"(?:[^\w%$€£¥+/-]|_)+")


_HALVES = tuple(Decimal(5).scaleb(-decimals - 1) for decimals in range(20))


@dataclass(frozen=True, slots=True)
class Amount:
    """One figure as printed.

    `value` is the printed number times `scale` ("1.2M" → 1200000), `decimals` the digits behind the
    printed point ("1.2M" → 1), `unit` its normalised unit ("" when none is known), `approx` whether
    the text says "about". A percentage keeps its printed number: "12%" is 12 with the unit "%".
    """

    start: int
    end: int
    text: str
    value: Decimal
    unit: str
    scale: Decimal
    decimals: int
    approx: bool
    kind: AmountKind

    @property
    def checkable(self) -> bool:
        """Tell whether the figure is a claim: not an ordinal, and not a small number word such as
        "two".
        """
        if self.kind == "ordinal":
            return False
        return not (self.kind == "word" and self.unit not in {"%", "bps"} and _is_small(self.value))

    @property
    def tolerance(self) -> Decimal:
        """Return half a unit of the last printed digit: what correct rounding may hide."""
        half = _HALVES[self.decimals] if self.decimals < len(_HALVES) else Decimal(5).scaleb(-self.decimals - 1)
        return half if self.scale == 1 else half * self.scale

    @property
    def digits(self) -> int:
        """Return the number of significant digits as printed (leading zeros do not count)."""
        printed = abs(self.value / self.scale).scaleb(self.decimals)
        return len(str(int(printed))) if printed >= 1 else 0


def _is_small(value: Decimal) -> bool:
    return value == value.to_integral_value() and abs(value) <= LARGEST_SMALL_WORD


@dataclass(frozen=True, slots=True)
class DateMention:
    """A date as printed; `date` is its first day, or None when it names no single day (11/02/2026,
    30 February).
    """

    start: int
    end: int
    text: str
    date: dt.date | None
    precision: DatePrecision


@dataclass(frozen=True, slots=True)
class Citation:
    """A marker `[E3]` or `[[E3]]`; `id` is "E3"."""

    start: int
    end: int
    id: str


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot `{{body}}` that was not filled, or that the model wrote."""

    start: int
    end: int
    body: str


@dataclass(frozen=True, slots=True)
class Link:
    """A link or image; `text` is what the reader sees ("" for a bare address or an image without a
    name).
    """

    start: int
    end: int
    url: str
    text: str


@dataclass(frozen=True, slots=True)
class Address:
    """0x and 40 hexadecimal digits."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class HashMention:
    """0x and 64 hexadecimal digits: a transaction, or a Snapshot.org proposal."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Quote:
    """Words given as somebody's own: between quotation marks (marks outside the span), or a block
    quote.
    """

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One table cell without its padding."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """A pipe table; rows are as long as they are printed (no cells are made up)."""

    start: int
    end: int
    header: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Option:
    """One voting option."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Obligation:
    """A sentence that binds somebody: `modal` is its binding word, `actor` who is bound ("" when
    not named).
    """

    start: int
    end: int
    text: str
    modal: str
    actor: str
    section: int


@dataclass(frozen=True, slots=True)
class Hidden:
    """Something in the source that a reader of the rendered page does not see."""

    start: int
    end: int
    kind: HiddenKind
