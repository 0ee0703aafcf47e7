"""Values with units: how a figure is stored, compared and printed.

A printed figure must never differ from the value it stands for, so there is one function that prints
(`format_value`) and everything that shows a number to a person goes through it. Numbers are `Decimal`: a budget is
recomputed exactly, and 0.1 + 0.2 is 0.3.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Language = Literal["en", "zh"]
"""The languages that drafts are written in."""

# Units that are printed directly behind the number, without a space.
_ATTACHED_UNITS = {"%", "x", "‰"}
# Units that carry no printed name: the label of the value says what is counted.
_SILENT_UNITS = {"count", "date", "text"}

# Words that scale a number and are no unit: 250 "million" would be compared as 250.
_SCALES = {"hundred", "thousand", "million", "billion", "trillion", "mn", "bn", "千", "万", "萬", "百万", "亿", "億"}

MAX_EXPONENT = 40
"""Digits a figure may have: uint256 token amounts fit twice over, and printing 1e999999999 cannot fill the memory."""

ZH_UNITS = {
    "seconds": "秒", "minutes": "分钟", "minute": "分钟", "hours": "小时", "hour": "小时", "days": "天", "day": "天",
    "weeks": "周", "week": "周", "months": "个月", "month": "个月", "quarters": "个季度", "years": "年", "year": "年",
    "people": "人", "users": "名用户", "creators": "名创作者", "contributors": "名贡献者", "members": "名成员",
    "delegates": "名代表", "seats": "席", "votes": "票", "times": "次", "addresses": "个地址", "wallets": "个钱包",
    "blocks": "个区块", "nodes": "个节点", "projects": "个项目", "proposals": "项提案", "tokens": "枚代币",
    "transactions": "笔交易",
}  # fmt: skip
"""Units that are printed in Chinese words; each is read back as the same unit."""


def _to_decimal(value: Any) -> Any:
    """Read ints, floats and numeric text as exact decimals (a YAML float is taken as it is written)."""
    if isinstance(value, bool):
        raise ValueError("true/false is not a figure")
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, str):
        if _is_iso_date(value):
            return dt.date.fromisoformat(value)
        try:
            return Decimal(value.replace("_", "").replace(",", ""))
        except InvalidOperation:
            return value
    return value


Figure = Annotated[Decimal | dt.date | str, BeforeValidator(_to_decimal)]
"""A number, a calendar date, or a short text such as a token symbol."""


class Value(BaseModel):
    """One named figure with its unit: what a slot such as `{{E3.turnout}}` stands for.

    A number needs a unit ("USDC", "%", "bps", "days", "count" for bare counts). A date has the unit "date" and a
    short text the unit "text"; both are filled in when left out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: Figure
    unit: str = Field(default="", max_length=24)
    label: str = Field(default="", max_length=160)
    label_zh: str = Field(default="", max_length=160)
    exact: bool = True

    @model_validator(mode="before")
    @classmethod
    def _fill_unit(cls, data: Any) -> Any:
        if isinstance(data, dict) and not data.get("unit"):
            value = data.get("value")
            if isinstance(value, dt.date) or _is_iso_date(value):
                return {**data, "unit": "date"}
        return data

    @model_validator(mode="after")
    def _check_unit(self) -> Value:
        if isinstance(self.value, Decimal):
            if not self.unit:
                raise ValueError(f"the number {self.value} has no unit")
            if self.unit in {"date", "text"}:
                raise ValueError(f"the number {self.value} cannot have the unit '{self.unit}'")
            if self.unit.lower() in _SCALES:
                raise ValueError(f"'{self.unit}' scales the number {self.value} and is no unit: write the whole number")
            if not self.value.is_finite():
                raise ValueError("not a finite number")
            if abs(self.value.adjusted()) > MAX_EXPONENT or len(self.value.as_tuple().digits) > MAX_EXPONENT:
                raise ValueError(f"a number has at most {MAX_EXPONENT} digits before and behind the point")
        elif isinstance(self.value, dt.date):
            if self.unit != "date":
                raise ValueError(f"a date has the unit 'date', not '{self.unit}'")
        elif self.unit == "date":
            raise ValueError(f"'{self.value}' is not a date (write YYYY-MM-DD)")
        elif self.unit not in {"", "text"}:
            raise ValueError(f"'{self.value}' is not a number, so it cannot have the unit '{self.unit}'")
        return self

    @property
    def is_number(self) -> bool:
        return isinstance(self.value, Decimal)

    def label_in(self, language: Language) -> str:
        """Return the label in the language, falling back to the other one."""
        return (self.label_zh or self.label) if language == "zh" else (self.label or self.label_zh)


def _is_iso_date(value: Any) -> bool:
    if not isinstance(value, str) or len(value) != 10:
        return False
    try:
        dt.date.fromisoformat(value)
    except ValueError:
        return False
    return True


def format_number(number: Decimal) -> str:
    """Print an exact decimal with thousands separators and no exponent.

    >>> format_number(Decimal("1234567.50"))
    '1,234,567.50'
    """
    return f"{number:,f}"


def format_value(value: Value, language: Language) -> str:
    """Print a value with its unit as a reader of the language expects it.

    >>> format_value(Value(value=45000, unit="USDC"), "en")
    '45,000 USDC'
    >>> format_value(Value(value="37.5", unit="%"), "zh")
    '37.5%'
    >>> format_value(Value(value=3, unit="months"), "zh")
    '3个月'
    """
    if isinstance(value.value, dt.date):
        return value.value.isoformat()
    if isinstance(value.value, str):
        return value.value
    number = format_number(value.value)
    if value.unit in _SILENT_UNITS:
        return number
    if value.unit in _ATTACHED_UNITS:
        return number + value.unit
    if language == "zh" and value.unit in ZH_UNITS:
        return number + ZH_UNITS[value.unit]
    return f"{number} {value.unit}"
