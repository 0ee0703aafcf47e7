"""Charts with known truth: a picture drawn from series, and the reading that is computed from the very values drawn.

A reading is rounded to what the axis lets one read (a fifth or a quarter of a step), so a model is never asked for a
digit that is not in the picture; where the axis leaves zero out, the reading says so. Words that overlap, leave the
picture, or have no glyph in the font make the layout fail and the next one is tried, so a drawn chart can be read.
Equal data, language and seed give equal bytes with the pinned libraries and the same font.
"""

from __future__ import annotations

import datetime as dt
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations
from math import ceil, floor, log10
from random import Random
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from data_prep.chart_fonts import families
from data_prep.chart_style import Look, look_of
from data_prep.images import bounded, encoded
from data_prep.series import ChartData
from proposal.chart_reading import Axis, ChartReading, Period, plain, read_series
from proposal.errors import InputError
from proposal.hashing import sha256_bytes
from proposal.values import Language

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from PIL import Image

DPI = 100
STEPS = 6
"""Most steps of a value axis."""
LABELS = (7, 5, 4, 3, 2)
"""Labels of the time axis: as many as fit, tried in this order; the first and last day are always among them."""


@dataclass(frozen=True, slots=True)
class Chart:
    """One drawn chart: its picture as PNG, its truth, and how it looks."""

    data: ChartData
    language: Language
    image: bytes
    reading: ChartReading
    resolution: Decimal
    look: Look

    @property
    def name(self) -> str:
        """Return the name of the picture's file, which follows from its bytes."""
        return f"{sha256_bytes(self.image)[:24]}.png"


@dataclass(frozen=True, slots=True)
class Scale:
    """The value axis in exact numbers: its ends, its step, and the finest part that can be read off."""

    low: Decimal
    high: Decimal
    step: Decimal
    resolution: Decimal

    @property
    def ticks(self) -> list[float]:
        count = int((self.high - self.low) / self.step)
        return [float(self.low + self.step * number) for number in range(count + 1)]


def draw(data: ChartData, *, language: Language, seed: int) -> Chart:
    """Draw a chart in a look chosen by the seed; `InputError` where its words do not fit in any layout."""
    choice = Random(f"{seed}:{data.key}:{language}")
    look = look_of(data, choice)
    scale = scale_of(data, truncated=look.truncated)
    problem = ""
    for labels in LABELS:
        picture, problem = _drawn(data, language, look, scale, labels)
        if not problem:
            image = _worn(picture, look, choice)
            return Chart(data, language, image, reading_of(data, language, look, scale), scale.resolution, look)
    raise InputError(f"cannot be drawn so that it can be read: {problem}", where=data.key,
                     expected="titles and names that fit into a picture", fix="shorten them")  # fmt: skip


def reading_of(data: ChartData, language: Language, look: Look, scale: Scale) -> ChartReading:
    """Compute what a careful reader reads off: the truth of the picture."""
    read = [
        read_series(line.name_in(language), line.values, resolution=scale.resolution, percent=data.unit == "%")
        for line in data.lines
    ]
    axis = Axis(min=plain(scale.low), max=plain(scale.high), step=plain(scale.step), truncated=scale.low > 0)
    return ChartReading(chart=look.kind, unit=data.unit, axis=axis, series=tuple(read),
                        period=Period(start=_iso(data.days[0], data), end=_iso(data.days[-1], data)))  # fmt: skip


def scale_of(data: ChartData, *, truncated: bool) -> Scale:
    """Choose the ends and the step of the value axis; an axis can leave zero out only where all values are far off."""
    values = [value for line in data.lines for value in line.values]
    low, high = min(values), max(values)
    span = high - low
    base = max(0.0, low - 0.15 * max(span, 0.02 * high)) if truncated else 0.0
    step = _step((high - base) or 1.0)
    if data.unit == "count":
        step = max(step, Decimal(1))
    first = Decimal(floor(Decimal(repr(base)) / step)) * step
    last = Decimal(ceil(Decimal(repr(high)) / step)) * step
    if last == first or last - Decimal(repr(high)) < step / 20:
        last += step
    return Scale(first, last, step, _resolution(step, data.unit))


def _resolution(step: Decimal, unit: str) -> Decimal:
    """Return what can be read off: a quarter of a step of two, a fifth of any other; never a part of a whole thing."""
    twos = step.normalize().as_tuple().digits == (2,)
    part = step / (4 if twos else 5)
    return max(part, Decimal(1)) if unit == "count" else part


def _step(span: float) -> Decimal:
    """Return the least of 1, 2, 2.5 and 5 times a power of ten that needs at most `STEPS` steps."""
    power = Decimal(10) ** floor(log10(span / STEPS))
    mantissas = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))
    return next((m * power for m in mantissas if float(m * power) * STEPS >= span), 10 * power)


# --- drawing ----------------------------------------------------------------------------------------------------------


def _drawn(data: ChartData, language: Language, look: Look, scale: Scale, labels: int) -> tuple[Image.Image, str]:
    """Draw one layout; return the picture and what is wrong with it, or nothing."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    with matplotlib.rc_context(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        matplotlib.rcParams.update(matplotlib.rcParamsDefault)
        matplotlib.rcParams.update(cast(Any, _settings(look, families(language, look.font))))
        figure = Figure(figsize=(look.size[0] / DPI, look.size[1] / DPI), dpi=DPI, layout="constrained")
        canvas = FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        _series(axes, data, language, look)
        _time_axis(axes, data, language, labels)
        _value_axis(axes, data, language, look, scale)
        _titles(figure, axes, data, language, look)
        canvas.draw()  # type: ignore[no-untyped-call]
        problem = _unreadable(figure)
        pixels = bytes(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
        picture = Image.frombytes("RGBA", canvas.get_width_height(), pixels).convert("RGB")
    lacking = next((str(warning.message) for warning in caught if "Glyph" in str(warning.message)), "")
    return picture, problem or lacking


def _settings(look: Look, fonts: list[str]) -> dict[str, Any]:
    theme = look.theme
    return {
        "font.family": fonts,
        "font.size": look.font_size,
        "axes.unicode_minus": False,
        "axes.facecolor": theme.plot,
        "axes.edgecolor": theme.ink,
        "axes.labelcolor": theme.ink,
        "axes.titlecolor": theme.ink,
        "text.color": theme.ink,
        "xtick.color": theme.ink,
        "ytick.color": theme.ink,
        "figure.facecolor": theme.paper,
        "savefig.facecolor": theme.paper,
        "grid.color": theme.grid,
        "xtick.major.pad": 0.7 * look.font_size,  # so that its first label stays clear of the lowest one of the values
        "axes.axisbelow": True,
        "axes.spines.top": look.frame,
        "axes.spines.right": look.frame,
    }


def _series(axes: Axes, data: ChartData, language: Language, look: Look) -> None:
    places = list(range(len(data.days)))
    count = len(data.lines)
    for number, line in enumerate(data.lines):
        colour = look.theme.colours[number]
        label = line.name_in(language)
        if look.kind == "bar":
            width = 0.8 / count
            at = [place + (number - (count - 1) / 2) * width for place in places]
            axes.bar(at, line.values, width * 0.92, color=colour, label=label)
            continue
        style = ("-", "--", "-.")[number] if look.dashes else "-"
        marker = ("o", "s", "^")[number] if look.markers else ""
        axes.plot(places, line.values, color=colour, label=label, linestyle=style, marker=marker,
                  linewidth=look.width, markersize=4.5)  # fmt: skip
        if look.kind == "area":
            axes.fill_between(places, line.values, color=colour, alpha=0.25, linewidth=0)


def _time_axis(axes: Axes, data: ChartData, language: Language, labels: int) -> None:
    last = len(data.days) - 1
    most = min(labels, last + 1)
    shown = next((count for count in range(most, 2, -1) if last % (count - 1) == 0), most)
    places = sorted({round(number * last / (shown - 1)) for number in range(shown)})
    axes.set_xticks(places, [_label(data.days[place], data, language) for place in places])
    axes.margins(x=0.03)


def _value_axis(axes: Axes, data: ChartData, language: Language, look: Look, scale: Scale) -> None:
    divisor, prefix = _magnitude(scale.high, language, data.unit)
    decimals = max(0, -int((scale.step / divisor).normalize().as_tuple().exponent))
    axes.set_ylim(float(scale.low), float(scale.high))
    axes.set_yticks(scale.ticks, [f"{Decimal(repr(tick)) / divisor:,.{decimals}f}" for tick in scale.ticks])
    if look.minor:
        parts = round(scale.step / scale.resolution)
        minor = [tick + float(scale.resolution) * part for tick in scale.ticks[:-1] for part in range(1, parts)]
        axes.set_yticks(minor, minor=True)
    if look.grid:
        axes.grid(visible=True, axis="y", linewidth=0.8)
    axes.set_ylabel(
        f"{prefix}{_unit(data.unit, language)}" if language == "zh" else _unit(data.unit, language) + prefix
    )


def _magnitude(high: Decimal, language: Language, unit: str) -> tuple[Decimal, str]:
    """Return what the axis divides by, and the words for it beside the unit."""
    steps = (("亿", 10**8), ("万", 10**4)) if language == "zh" else (
        (" (billions)", 10**9), (" (millions)", 10**6), (" (thousands)", 10**3))  # fmt: skip
    if unit != "%":
        for words, size in steps:
            if high >= 2 * size:
                return Decimal(size), words
    return Decimal(1), ""


_ZH_UNITS = {"USD": "美元", "EUR": "欧元", "count": "数量", "days": "天"}


def _unit(unit: str, language: Language) -> str:
    if language == "zh":
        return _ZH_UNITS.get(unit, unit)
    return "Number" if unit == "count" else unit


_Place = Literal["outside upper center", "outside lower center", "outside right center"]
_LEGEND: Final[dict[str, _Place]] = {
    "above": "outside upper center",
    "below": "outside lower center",
    "beside": "outside right center",
}


def _titles(figure: Figure, axes: Axes, data: ChartData, language: Language, look: Look) -> None:
    if look.titled:
        axes.set_title(data.title_in(language), fontsize=look.font_size + 2.5, pad=0.8 * look.font_size)
    if len(data.lines) > 1 or not look.titled:
        columns = 1 if look.legend == "beside" else len(data.lines)
        handles, names = axes.get_legend_handles_labels()
        figure.legend(handles, names, loc=_LEGEND[look.legend], ncols=columns, frameon=False, labelcolor=look.theme.ink)


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _label(day: dt.date, data: ChartData, language: Language) -> str:
    month = _MONTHS[day.month - 1]
    if _by_day(data.days):
        return f"{day.month}月{day.day}日\n{day.year}" if language == "zh" else f"{day.day} {month}\n{day.year}"
    return f"{day.year}年{day.month}月" if language == "zh" else f"{month} {day.year}"


def _iso(day: dt.date, data: ChartData) -> str:
    return day.isoformat() if _by_day(data.days) else f"{day:%Y-%m}"


def _by_day(days: Sequence[dt.date]) -> bool:
    return any(day.day != 1 for day in days)


def _unreadable(figure: Figure) -> str:
    """Return the first word that leaves the picture or lies on another one, or nothing."""
    from matplotlib.text import Text

    paper = figure.bbox
    shown = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    boxes = [(text.get_text(), text.get_window_extent()) for text in shown]
    for words, box in boxes:
        if box.x0 < paper.x0 or box.y0 < paper.y0 or box.x1 > paper.x1 or box.y1 > paper.y1:
            return f"'{words}' leaves the picture"
    for (words, box), (other, there) in combinations(boxes, 2):
        if box.x0 < there.x1 and there.x0 < box.x1 and box.y0 < there.y1 and there.y0 < box.y1:
            return f"'{words}' lies on '{other}'"
    return ""


def _worn(picture: Image.Image, look: Look, choice: Random) -> bytes:
    """Let the picture suffer what pictures suffer on their way into a forum, then write it plainly."""
    import numpy
    from PIL import Image

    if look.shrink < 1:
        size = (int(picture.width * look.shrink), int(picture.height * look.shrink))
        picture = picture.resize(size, Image.Resampling.BICUBIC)
    if look.grain:
        noise = numpy.random.Generator(numpy.random.PCG64(choice.getrandbits(64)))
        pixels = numpy.asarray(picture, dtype=numpy.float64)
        grain = noise.normal(0.0, look.grain, pixels.shape)
        picture = Image.fromarray(numpy.clip(pixels + grain, 0, 255).astype(numpy.uint8))
    if look.jpeg:
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=look.jpeg)
        picture = Image.open(io.BytesIO(out.getvalue())).convert("RGB")
    return encoded(bounded(picture))
