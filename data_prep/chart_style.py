"""How a chart looks: everything that a seed decides and the values do not.

The looks cover what people put into forum posts: light and dark, with and without grid, a legend above, below or beside
the plot, an axis that leaves zero out, a picture that went through a messenger. A look never decides what is true.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

from data_prep.chart_fonts import LATIN
from data_prep.series import ChartData

Kind = Literal["line", "bar", "area"]
KINDS: tuple[Kind, ...] = ("line", "bar", "area")

MAX_BARS = 14
"""Days for which bars are drawn: more would be too thin to tell apart."""


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours: of the paper, the plot, the words, the grid, and of the series in their order."""

    name: str
    paper: str
    plot: str
    ink: str
    grid: str
    colours: tuple[str, ...]


THEMES = (
    Theme("light", "#ffffff", "#ffffff", "#222222", "#d9d9d9", ("#1f77b4", "#d95f02", "#2a9d4b")),
    Theme("dark", "#14181f", "#1b212b", "#e6e6e6", "#3a4454", ("#4cc9f0", "#ffb703", "#80ed99")),
    Theme("grey", "#f2f2f2", "#e5e5e5", "#333333", "#ffffff", ("#e24a33", "#348abd", "#6a4c93")),
    Theme("paper", "#fbf6ea", "#fbf6ea", "#3b3228", "#e0d5bd", ("#8c2f39", "#2f5d62", "#b08900")),
    Theme("mono", "#ffffff", "#ffffff", "#000000", "#cccccc", ("#000000", "#777777", "#b0b0b0")),
    Theme("night", "#000000", "#000000", "#c8c8c8", "#333333", ("#00e5a0", "#ff5d8f", "#f4d35e")),
)

SIZES = ((640, 400), (720, 420), (800, 450), (800, 500), (860, 520), (900, 480), (600, 480), (960, 540))
"""Width and height in pixels, each within the pixel budget."""


@dataclass(frozen=True, slots=True)
class Look:
    """The looks of one chart; `jpeg` is the quality of a lossy copy in between, 0 for none, `grain` of its noise."""

    kind: Kind
    theme: Theme
    font: str
    font_size: float
    size: tuple[int, int]
    truncated: bool
    grid: bool
    minor: bool
    frame: bool
    legend: Literal["above", "below", "beside"]
    markers: bool
    dashes: bool
    width: float
    titled: bool
    jpeg: int
    grain: float
    shrink: float


def look_of(data: ChartData, choice: Random) -> Look:
    """Choose a look that suits the data: bars for few days only, lines where there are many."""
    kinds: tuple[Kind, ...] = KINDS if len(data.days) <= MAX_BARS else ("line", "line", "area")
    kind = choice.choice(kinds)
    theme = choice.choice(THEMES)
    return Look(
        kind=kind,
        theme=theme,
        font=choice.choice(LATIN),
        font_size=choice.uniform(9.0, 12.0),
        size=choice.choice(SIZES),
        truncated=choice.random() < (0.2 if kind == "bar" else 0.45),
        grid=choice.random() < 0.75,
        minor=choice.random() < 0.5,
        frame=choice.random() < 0.5,
        legend=choice.choice(("above", "below", "beside")),
        markers=choice.random() < 0.4,
        dashes=choice.random() < 0.3 or theme.name == "mono",
        width=choice.uniform(1.2, 2.8),
        titled=choice.random() < 0.85,
        jpeg=choice.choice((0, 0, 0, 85, 65, 45)),
        grain=choice.choice((0.0, 0.0, 0.0, 2.0, 5.0)),
        shrink=choice.choice((1.0, 1.0, 1.0, 0.85)),
    )
