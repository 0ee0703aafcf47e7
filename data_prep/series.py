"""What a chart is drawn from: series of one unit over the same days, given or made up.

A made-up series is told apart by its key (`made/…`) and has a course (rising, falling, flat, mixed) and noise of its
own; what a row says about it is computed from the values that are drawn, never from the course that was wished for.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from data_prep.history import MetricRecord
from proposal.inputs import parse_structured, validate
from proposal.values import Language

MAX_POINTS = 60
MAX_LINES = 3
LEAST_VALUE = 1e-9
"""Least value above zero: what is smaller has no axis that anybody could read."""

Direction = Literal["rises", "falls"]


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rule(_Closed):
    """When a course of a metric calls for a proposal, and for which."""

    when: Direction
    action: str
    action_zh: str = ""


class Line(_Closed):
    """One series of a chart: its name and a value for each day of the chart."""

    name: str = Field(min_length=1, max_length=40)
    name_zh: str = Field(default="", max_length=20)
    values: tuple[Annotated[float, Field(allow_inf_nan=False)], ...] = Field(min_length=2, max_length=MAX_POINTS)

    def name_in(self, language: Language) -> str:
        return self.name_zh or self.name if language == "zh" else self.name


class ChartData(_Closed):
    """The series of one chart, of one unit and over the same days; `key` says where they are from."""

    key: str = Field(min_length=1, max_length=120)
    title: str = Field(min_length=1, max_length=80)
    title_zh: str = Field(default="", max_length=40)
    unit: str = Field(min_length=1, max_length=12)
    days: tuple[dt.date, ...] = Field(min_length=2, max_length=MAX_POINTS)
    lines: tuple[Line, ...] = Field(min_length=1, max_length=MAX_LINES)
    rule: Rule | None = None

    @model_validator(mode="after")
    def _fits(self) -> ChartData:
        if any(later <= earlier for earlier, later in zip(self.days, self.days[1:], strict=False)):
            raise ValueError("the days do not follow each other")
        for line in self.lines:
            if len(line.values) != len(self.days):
                raise ValueError(f"'{line.name}' has {len(line.values)} values for {len(self.days)} days")
            if any(value < 0 for value in line.values):
                raise ValueError(f"'{line.name}' has a value below zero, which these charts do not draw")
            if any(0 < value < LEAST_VALUE for value in line.values):
                raise ValueError(f"'{line.name}' has a value below {LEAST_VALUE:g}: write it in a smaller unit")
        if len({line.name for line in self.lines}) < len(self.lines):
            raise ValueError("two series have the same name")
        return self

    def title_in(self, language: Language) -> str:
        return self.title_zh or self.title if language == "zh" else self.title


def read_chart_data(path: Path) -> list[ChartData]:
    """Read charts to be drawn from a JSON Lines file, one a line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [
        validate(ChartData, parse_structured(line, where=f"{path}:{number}", as_json=True), where=f"{path}:{number}")
        for number, line in enumerate(lines, 1)
        if line.strip()
    ]


def charts_of(metrics: Iterable[MetricRecord]) -> Iterator[ChartData]:
    """Turn the metrics of the lake into charts to be drawn: one for each metric of a subject, its newest days.

    Where a day has several values the last one read counts; a series of fewer than two days, or with a value below
    zero, is not drawn.
    """
    series: dict[tuple[str, str, str], dict[dt.date, float]] = defaultdict(dict)
    for record in sorted(metrics, key=lambda record: (record.at, record.retrieved_at)):
        series[record.subject, record.metric, record.unit][record.at.date()] = float(record.value)
    for (subject, metric, unit), by_day in sorted(series.items()):
        days = sorted(by_day)[-MAX_POINTS:]
        values = tuple(by_day[day] for day in days)
        if len(days) >= 2 and min(values) >= 0:
            name = f"{subject} {metric}"
            yield ChartData(key=f"metrics/{subject}/{metric}"[:120], title=name[:80], unit=unit[:12], days=tuple(days),
                            lines=(Line(name=name[:40], values=values),))  # fmt: skip


# --- made up ----------------------------------------------------------------------------------------------------------

_SUBJECTS: tuple[tuple[str, str, str, float, float, Direction, str, str], ...] = (
    # title, in Chinese, unit, least and greatest typical value, when to act, action, in Chinese
    ("Treasury balance", "资金库余额", "USD", 2e5, 9e7, "falls", "Propose a review of spending", "提议审查支出"),
    ("Voter turnout", "投票参与率", "%", 3, 60, "falls", "Propose a longer notice period", "提议延长公示期"),
    ("Active delegates", "活跃代表人数", "count", 20, 900, "falls",
     "Propose a review of delegate compensation", "提议审查代表报酬"),
    ("Protocol fees", "协议手续费", "USD", 2e4, 6e6, "falls",
     "Propose a review of the fee parameters", "提议审查费率参数"),
    ("Total value locked", "总锁仓量", "USD", 1e6, 4e9, "falls", "Propose a review of incentives", "提议审查激励措施"),
    ("Grant payments", "资助拨款", "USDC", 5e3, 9e5, "rises", "Propose a cap on grant payments", "提议设定资助上限"),
    ("Bad debt", "坏账", "USD", 1e3, 5e6, "rises", "Propose a lower loan-to-value ratio", "提议下调贷款价值比"),
    ("Borrow utilisation", "借款利用率", "%", 20, 95, "rises",
     "Propose a steeper interest rate curve", "提议调高利率曲线斜率"),
    ("Token emissions", "代币释放量", "TOKEN", 1e4, 8e6, "rises", "Propose a lower emission rate", "提议降低释放速度"),
    ("New proposals", "新增提案数", "count", 2, 60, "rises", "Propose a higher proposal threshold", "提议提高提案门槛"),
)  # fmt: skip
_NAMES = (
    ("Ethereum", "以太坊"), ("Arbitrum", "Arbitrum"), ("Base", "Base"), ("Polygon", "Polygon"),
    ("Optimism", "Optimism"),
)  # fmt: skip
_POINTS = (5, 6, 7, 9, 12, 13, 18, 24, 25)


def made_up(number: int, seed: int) -> ChartData:
    """Return the chart of this number: the same for the same seed, anywhere."""
    choice = Random(f"{seed}:series:{number}")
    title, title_zh, unit, least, greatest, when, action, action_zh = choice.choice(_SUBJECTS)
    days = _days(choice, choice.choice(_POINTS))
    count = 1 if choice.random() < 0.55 else choice.randint(2, MAX_LINES)
    level = math.exp(choice.uniform(math.log(least), math.log(greatest)))
    names = choice.sample(_NAMES, count) if count > 1 else [(title, title_zh)]
    lines = tuple(
        Line(name=name, name_zh=name_zh, values=_values(choice, level, len(days), unit)) for name, name_zh in names
    )
    return ChartData(key=f"made/{seed}/{number}", title=title, title_zh=title_zh, unit=unit, days=days, lines=lines,
                     rule=Rule(when=when, action=action, action_zh=action_zh))  # fmt: skip


def _days(choice: Random, count: int) -> tuple[dt.date, ...]:
    """Return the first days of consecutive months or quarters, or days a week apart."""
    step = choice.choice((1, 1, 3, 0))
    year, month = choice.randint(2018, 2019 if step == 3 else 2023), choice.randint(1, 12)
    if step == 0:
        first = dt.date(year, month, choice.randint(1, 28))
        return tuple(first + dt.timedelta(weeks=week) for week in range(count))
    months = [year * 12 + (month - 1 if step == 1 else (month - 1) // 3 * 3) + step * place for place in range(count)]
    return tuple(dt.date(number // 12, number % 12 + 1, 1) for number in months)


def _values(choice: Random, level: float, count: int, unit: str) -> tuple[float, ...]:
    """Return a course with noise, rounded to four digits, counts to whole ones: what is drawn is what is stored."""
    ceiling = 100.0 if unit == "%" else math.inf
    level *= choice.uniform(0.6, 1.4)
    course = choice.choice(("rising", "falling", "flat", "mixed", "step"))
    change = choice.uniform(0.15, 0.75)
    noise = choice.uniform(0.0, 0.08)
    periods, at = choice.uniform(1.0, 2.5), choice.uniform(0.25, 0.75)
    values = []
    for place in range(count):
        x = place / (count - 1)
        shape = {
            "rising": change * x,
            "falling": -change * x,
            "flat": 0.0,
            "mixed": change / 2 * math.sin(2 * math.pi * periods * x),
            "step": -change if x > at else 0.0,
        }[course]
        value = level * (1 + shape + choice.gauss(0, noise if course != "flat" else 0.004))
        kept = min(max(value, level * 0.02), ceiling)
        values.append(float(round(kept)) if unit == "count" else _four_digits(kept))
    return tuple(values)


def _four_digits(value: float) -> float:
    return float(f"{value:.4g}")
