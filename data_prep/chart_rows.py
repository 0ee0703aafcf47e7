"""Rows that teach a vision model to read charts: the structured reading, one question, and what a DAO's rule calls for.

Every answer follows from the reading, and the reading from the values drawn. A rule is asked about only where its limit
is so far from what was read that a reader who is one step off still answers the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from random import Random

from data_prep.charts import Chart, draw
from data_prep.records import ChartRow, Drop, Message
from data_prep.series import ChartData, Direction
from proposal.chart_reading import (
    ACTION,
    READING,
    ChartAction,
    Number,
    SeriesReading,
    chart_messages,
    is_clear,
    plain,
)
from proposal.errors import InputError
from proposal.values import Language, format_number

IMAGE_FOLDER = "images"
"""Folder of the pictures beside the file of the rows. ms-swift reads their paths below `ROOT_IMAGE_DIR`, so that a cut
has the same bytes wherever it lies."""

MARGIN = 3
"""Steps that can be read off between a rule's limit and what was read."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that rows name: its path beside the file of the rows, and its bytes."""

    path: str
    data: bytes


def chart_rows(data: ChartData, *, language: Language, seed: int) -> Iterator[ChartRow | Drop | Picture]:
    """Draw one chart and yield its picture, then its rows; a chart or row that cannot be made is a drop."""
    try:
        chart = draw(data, language=language, seed=seed)
    except InputError as error:
        yield Drop("not-drawable", data.key, "sft_multimodal", detail=error.message)
        return
    doubtful = next((line.name for line in data.lines if not is_clear(line.values, float(chart.resolution))), None)
    if doubtful:
        yield Drop("not-decidable", data.key, "sft_multimodal", detail=f"the trend of '{doubtful}' is seen two ways")
        return
    picture = Picture(f"{IMAGE_FOLDER}/{chart.name}", chart.image)
    choice = Random(f"{seed}:ask:{data.key}:{language}")
    yield picture
    yield _row(chart, picture, "reading", READING[language], chart.reading.model_dump_json())
    yield _row(chart, picture, "question", *_question(chart, choice))
    yield _action(chart, picture, choice)


def _row(chart: Chart, picture: Picture, task: str, question: str, answer: str) -> ChartRow:
    turns = [*chart_messages(question, chart.language), {"role": "assistant", "content": answer}]
    return ChartRow(
        messages=tuple(Message.model_validate(turn) for turn in turns),
        images=(picture.path,),
        dao_source=chart.data.key,
        dao_section=f"chart-{task}",
        dao_template="",
        dao_chart_json=chart.reading.model_dump_json(),
    )


# --- a question in words ----------------------------------------------------------------------------------------------

_ASK = {
    "en": {
        "end": "What does {name} read at the end of the period?",
        "change": "How did {name} change from the beginning to the end of the period?",
        "axis": "Does the value axis of this chart begin at zero?",
        "most": "Which series is highest at the end of the period?",
    },
    "zh": {
        "end": "{name}在期末读数是多少？",
        "change": "{name}从期初到期末如何变化？",
        "axis": "此图的数值轴是否从零开始？",
        "most": "期末数值最高的是哪个系列？",
    },
}
_SAY = {
    "en": {
        "end": "At {end} it reads about {value}.",
        "rose": "It rose from about {start} to about {value}, by {change}.",
        "fell": "It fell from about {start} to about {value}, by {change}.",
        "same": "It reads about {value} at both ends.",
        "zero": "Yes, it begins at zero.",
        "cut": "No, it begins at {low}, so differences look larger than they are.",
        "most": "{name}, with about {value}.",
        "note": " The axis begins at {low}, not at zero.",
    },
    "zh": {
        "end": "{end}时约为{value}。",
        "rose": "由约{start}升至约{value}，上升{change}。",
        "fell": "由约{start}降至约{value}，下降{change}。",
        "same": "期初与期末均约为{value}。",
        "zero": "是，从零开始。",
        "cut": "否，从{low}开始，因此差异看起来比实际更大。",
        "most": "{name}，约为{value}。",
        "note": "数值轴从{low}开始，而非从零开始。",
    },
}
_UNITS = {"USD": "美元", "EUR": "欧元"}


def _question(chart: Chart, choice: Random) -> tuple[str, str]:
    """Ask one thing that the reading answers, and answer it; a cut axis is named in every answer about values."""
    language = chart.language
    kinds = ["end", "change", "axis"]
    ends = sorted((series.end for series in chart.reading.series), reverse=True)
    if len(ends) > 1 and Decimal(str(ends[0])) - Decimal(str(ends[1])) >= MARGIN * chart.resolution:
        kinds.append("most")
    kind = choice.choice(kinds)
    series = choice.choice(chart.reading.series)
    if kind == "most":
        series = max(chart.reading.series, key=lambda series: series.end)
    question = _ASK[language][kind].format(name=series.name if language == "zh" else f"'{series.name}'")
    return question, _answer(chart, kind, series)


def _answer(chart: Chart, kind: str, series: SeriesReading) -> str:
    say, axis = _SAY[chart.language], chart.reading.axis
    said = {
        "name": series.name,
        "start": _printed(series.start, chart),
        "value": _printed(series.end, chart),
        "change": _printed(abs(series.change), chart, points=True),
        "low": _printed(axis.min, chart),
        "end": chart.reading.period.end,
    }
    if kind == "axis":
        return say["cut" if axis.truncated else "zero"].format(**said)
    if kind == "change":
        kind = "rose" if series.change > 0 else "fell" if series.change < 0 else "same"
    return say[kind].format(**said) + (say["note"].format(**said) if axis.truncated else "")


def _printed(value: Number, chart: Chart, *, points: bool = False) -> str:
    number, unit = format_number(Decimal(str(value))), chart.data.unit
    if unit == "%":
        if points:
            return f"{number}个百分点" if chart.language == "zh" else f"{number} percentage points"
        return f"{number}%"
    if unit == "count":
        return number
    return f"{number}{_UNITS.get(unit, f' {unit}')}" if chart.language == "zh" else f"{number} {unit}"


# --- what a rule of the DAO calls for ---------------------------------------------------------------------------------

_RULE = {
    "en": "if {name} {when} by more than {limit} over the period, {action}; otherwise propose nothing.",
    "zh": "若{name}在期间内{when}超过{limit}，则{action}；否则不作提议。",
}
_WHEN: dict[Language, dict[Direction, str]] = {
    "en": {"rises": "rises", "falls": "falls"},
    "zh": {"rises": "上升", "falls": "下降"},
}
_REVIEW = {"en": "Propose a review of the figures behind it", "zh": "提议审查相关数据"}


def _action(chart: Chart, picture: Picture, choice: Random) -> ChartRow | Drop:
    """Ask what a rule calls for; its limit is set well above or well below the change that was read."""
    data, language = chart.data, chart.language
    series = choice.choice(chart.reading.series)
    when: Direction = data.rule.when if data.rule else "falls"
    action = _REVIEW[language]
    if data.rule:
        action = (data.rule.action_zh or data.rule.action) if language == "zh" else data.rule.action
    moved = Decimal(str(series.change if when == "rises" else -series.change))
    room = MARGIN * chart.resolution
    applies = moved >= 2 * room and choice.random() < 0.6
    limit = moved - room if applies else max(moved, Decimal(0)) + room
    if limit <= 0:
        return Drop("not-decidable", data.key, "sft_multimodal", "chart-action", "too small a change to set a limit")
    rule = _RULE[language].format(
        name=series.name if language == "zh" else f"'{series.name}'",
        when=_WHEN[language][when],
        limit=_printed(plain(limit), chart, points=True),
        action=action if language == "zh" else action[0].lower() + action[1:],
    )
    answer = ChartAction(series=series.name, trend=series.trend, change=series.change, rule_applies=applies,
                         action=action if applies else None)  # fmt: skip
    return _row(chart, picture, "action", ACTION[language].format(rule=rule), answer.model_dump_json())
