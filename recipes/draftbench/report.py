"""The report of an evaluation: a table with a row a system, the changes between rows, a plot, and all figures as JSON.

Nothing is rounded away: the JSON holds every score of every item, so that anybody can compute the table again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from recipes.draftbench.intervals import (
    LEVEL,
    RESAMPLES,
    Difference,
    Estimate,
    clustered,
    common,
    difference,
    estimate,
    holm,
    known,
)
from recipes.draftbench.metrics import METRICS, Scores

SEED = 7
HEADLINE = ("citation_f1", "coverage", "missing_honesty", "adherence", "non_neutral_rate", "chrf")
"""Metrics that are drawn; the table has all."""


@dataclass(frozen=True, slots=True)
class System:
    """One row of the table: its name, what it was made with, and the scores of its drafts by item id."""

    name: str
    made: Mapping[str, str]
    scores: Mapping[str, Scores]
    against: str = ""
    """The row it is compared with; empty for the one before it."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What each system measures, and what it changed against the row before it."""

    items: int
    estimates: Mapping[str, Mapping[str, Estimate | None]]
    changes: Mapping[str, Mapping[str, Difference | None]]
    corrected: Mapping[str, Mapping[str, float]]
    by_dao: bool


def compare(systems: Sequence[System], clusters: Mapping[str, str]) -> Comparison:
    """Compare systems on the items that all of them drafted.

    A row that was asked for fewer items (`items:` in the plan) is measured on those, and each row is compared with the
    one before it, or with the one that it names (`against:`), on the items that both have.
    """
    most = max(len(system.scores) for system in systems)
    shared = common([system.scores for system in systems if len(system.scores) == most])
    kept = {
        system.name: {item: system.scores[item] for item in sorted(shared) if item in system.scores}
        for system in systems
    }
    estimates = {
        name: {metric.name: estimate(known(of, metric.name), clusters, seed=SEED) for metric in METRICS}
        for name, of in kept.items()
    }
    changes: dict[str, dict[str, Difference | None]] = {}
    for before, after in pairwise(systems):
        base = kept[after.against if after.against in kept else before.name]
        changes[after.name] = {
            metric.name: difference(known(kept[after.name], metric.name), known(base, metric.name), clusters, seed=SEED)
            for metric in METRICS
        }
    corrected = {name: holm({metric: one.p for metric, one in of.items() if one}) for name, of in changes.items()}
    by_dao = clustered(dict.fromkeys(shared, 0.0), clusters)
    return Comparison(len(shared), estimates, changes, corrected, by_dao)


def to_markdown(systems: Sequence[System], found: Comparison, *, about: Mapping[str, str]) -> str:
    """Return the report as Markdown."""
    drawn = "whole DAOs" if found.by_dao else "items (there are fewer than three DAOs)"
    lines = [
        "# DraftBench",
        "",
        f"{found.items} items; intervals of {LEVEL:.0%} by {RESAMPLES:,} paired bootstrap resamples of {drawn}.",
        "",
        *(f"- {name}: {value}" for name, value in about.items()),
        "",
        *_table(systems, found),
        "",
        "↑ more is better, ↓ less is better. A dash: nothing to measure.",
        "",
        "## What each row changed against the one before it, or the one it names",
        "",
        *_changes(systems, found),
        "",
        "## How each row was made",
        "",
        *_made(systems),
        "",
        "## What the metrics mean",
        "",
        *(f"- `{metric.name}`: {metric.says}" for metric in METRICS),
    ]
    return "\n".join(lines) + "\n"


def _table(systems: Sequence[System], found: Comparison) -> list[str]:
    names = [f"{one.name}{_fewer(len(one.scores), found.items)}" for one in systems]
    head = "| metric | " + " | ".join(names) + " |"
    rows = [
        f"| {metric.name} {'↑' if metric.up else '↓'} | "
        + " | ".join(_cell(found.estimates[system.name][metric.name]) for system in systems)
        + " |"
        for metric in METRICS
    ]
    return [head, "|---" * (len(systems) + 1) + "|", *rows]


def _fewer(items: int, of: int) -> str:
    return f" ({items} items)" if items < of else ""


def _cell(one: Estimate | None) -> str:
    if one is None:
        return "–"
    if one.high >= 10:
        return f"{one.mean:.0f} ({one.low:.0f}–{one.high:.0f})"
    return f"{one.mean:.3f} ({one.low:.3f}–{one.high:.3f})"


def _changes(systems: Sequence[System], found: Comparison) -> list[str]:
    lines = ["| row | against | metric | change | interval | p (Holm) | items |", "|---|---|---|---|---|---|---|"]
    for before, system in pairwise(systems):
        for metric in METRICS:
            one = found.changes[system.name][metric.name]
            if one is None or one.low <= 0 <= one.high:
                continue
            better = "better" if (one.mean > 0) == metric.up else "worse"
            lines.append(
                f"| {system.name} | {system.against or before.name} | {metric.name} | {one.mean:+.3f} ({better}) "
                f"| {one.low:+.3f} to {one.high:+.3f} | {found.corrected[system.name][metric.name]:.4f} "
                f"| {one.items} |"
            )
    return lines if len(lines) > 2 else ["No interval excludes zero."]


def _made(systems: Sequence[System]) -> list[str]:
    keys = list(dict.fromkeys(key for system in systems for key in system.made))
    rows = [f"| {system.name} | " + " | ".join(system.made.get(key, "–") for key in keys) + " |" for system in systems]
    return ["| row | " + " | ".join(keys) + " |", "|---" * (len(keys) + 1) + "|", *rows]


def to_data(systems: Sequence[System], found: Comparison, *, about: Mapping[str, str]) -> dict[str, Any]:
    """Return everything as one JSON object: the comparison, and the scores of every item."""
    return {
        "form": "dao-agent-draftbench/1",
        "about": dict(about),
        "comparison": asdict(found),
        "systems": [{"name": one.name, "made": dict(one.made), "scores": one.scores} for one in systems],
    }


def draw(systems: Sequence[System], found: Comparison, path: Path) -> None:
    """Draw the headline metrics with their intervals, one panel each, as SVG."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    names = [system.name for system in systems]
    with matplotlib.rc_context({"svg.hashsalt": "draftbench", "svg.fonttype": "none"}):
        figure, panels = pyplot.subplots(
            1, len(HEADLINE), figsize=(3.0 * len(HEADLINE), 0.45 * len(names) + 1.4), sharey=True
        )
        for panel, metric in zip(panels, HEADLINE, strict=True):
            for place, name in enumerate(names):
                one = found.estimates[name][metric]
                if one is not None:
                    panel.plot([one.low, one.high], [place, place], color="#888888", linewidth=2)
                    panel.plot([one.mean], [place], marker="o", color="#1f4e79")
            panel.set_title(metric, fontsize=9)
            panel.set_yticks(range(len(names)), names, fontsize=8)
            panel.tick_params(axis="x", labelsize=8)
            panel.grid(axis="x", color="#dddddd")
        panels[0].invert_yaxis()
        figure.tight_layout()
        figure.savefig(path, metadata={"Date": None})
        pyplot.close(figure)
