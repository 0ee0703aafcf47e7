"""The plots of a data card, as SVG: the same bytes from the same figures, and text that stays text."""

from __future__ import annotations

import io
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from proposal.whole_files import write_whole

INK = "#1f2933"
COLOURS = ("#2f6f9f", "#d98c3f", "#4f9d69", "#8a6bb1", "#b0515c", "#6b7a89", "#c2a83e")
"""One for each row set, told apart in lightness too."""

MOST = 14
"""Bars of a plot: more are added up as one."""


def draw_all(data: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """Draw what the card shows; return the file of each plot by name."""
    files = {}
    for name, title in (("dao", "Rows by DAO"), ("outcome", "Rows by outcome"), ("language", "Rows by language")):
        if data[f"rows_by_{name}"]:
            files[name] = _stacked(data[f"rows_by_{name}"], title, folder / f"rows_by_{name}.svg")
    if data["lengths"]:
        files["lengths"] = _ranges(data, folder / "lengths.svg")
    reasons = {what: counts for what, counts in data["dropped"].items() if counts}
    if reasons:
        files["dropped"] = _stacked(reasons, "Drops by reason", folder / "dropped.svg")
    return files


def _figure(rows: int) -> tuple[Any, Any]:
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 1.5 + 0.32 * rows), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK)
    return figure, axes


def _save(figure: Any, path: Path) -> str:
    """Write a figure without date or random ids, so that equal figures are equal bytes."""
    import matplotlib as mpl

    out = io.BytesIO()
    with (
        mpl.rc_context({"svg.hashsalt": path.name, "svg.fonttype": "none", "font.family": ["DejaVu Sans"]}),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", "Glyph .* missing")  # text stays text: the reader's own font draws it
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    write_whole(path, out.getvalue())
    return path.name


def _stacked(counts: Mapping[str, Mapping[str, int]], title: str, path: Path) -> str:
    """Draw one bar for each value, its parts by row set, with the total behind it."""
    total: Counter[str] = Counter()
    for values in counts.values():
        total.update(values)
    names = [name for name, _ in total.most_common(MOST)]
    rest = f"{len(total) - MOST} others" if len(total) > MOST else ""
    shown = [*names, *([rest] if rest else [])]
    figure, axes = _figure(len(shown))
    left = [0] * len(shown)
    for (part, values), colour in zip(counts.items(), COLOURS, strict=False):
        widths = [values.get(name, 0) for name in names]
        if rest:
            widths.append(sum(values.values()) - sum(widths))
        axes.barh(shown, widths, left=left, color=colour, label=part, height=0.72)
        left = [before + width for before, width in zip(left, widths, strict=True)]
    for place, value in enumerate(left):
        axes.text(value, place, f" {value:,}", va="center", ha="left", color=INK, fontsize=9)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_title(title, color=INK, loc="left")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.legend(frameon=False, fontsize=8, ncols=len(counts), loc="upper left", bbox_to_anchor=(0, -0.4 / len(shown)))
    return _save(figure, path)


def _ranges(data: Mapping[str, Any], path: Path) -> str:
    """Draw the lengths of each row set: least to most, the middle 90 % and 50 %, and the median."""
    from matplotlib.ticker import LogLocator, NullFormatter

    unit = "tokens" if data["tokenizer"] else "characters"
    lengths = {method: kinds[unit] for method, kinds in data["lengths"].items() if unit in kinds}
    figure, axes = _figure(len(lengths) * 2)
    for place, (values, colour) in enumerate(zip(lengths.values(), COLOURS, strict=False)):
        for low, high, width in (("min", "max", 1.2), ("p5", "p95", 5), ("p25", "p75", 12)):
            axes.plot([values[low], values[high]], [place, place], color=colour, linewidth=width,
                      solid_capstyle="butt")  # fmt: skip
        axes.plot([values["p50"]], [place], marker="|", markersize=16, color=INK)
        axes.text(values["max"], place, f"  {values['max']:,}", va="center", color=INK, fontsize=9)
    _name_rows(axes, list(lengths))
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.margins(x=0.1)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_xlabel(f"{unit} of a row (log scale): least to most, 5 to 95 %, 25 to 75 %, median", color=INK)
    axes.set_title("Length of rows", color=INK, loc="left")
    return _save(figure, path)


def _name_rows(axes: Any, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
