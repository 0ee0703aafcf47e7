"""Draw the curves of a run, from its log, as `curves.svg` and `curves.png` in the run folder.

    .venv-model/bin/python -m recipes.curves runs/sft

The launcher calls it when a run has ended, well or not; it may be called at any time while one is running.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from proposal.errors import AgentError, InputError
from recipes.progress import LOG_FILE, Step, curve, read_log

CURVES = ("curves.svg", "curves.png")
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's colours, which readers with a colour deficiency tell apart."""
Line = tuple[str, list[int], list[float]]


def panels(steps: Sequence[Step]) -> list[tuple[str, list[Line]]]:
    """Return what there is to draw: a title and its lines; a panel without a value is left out."""
    rewards = sorted({name for step in steps for name in step.rewards})
    wanted = [
        ("loss", [_line(steps, "training", "loss"), _line(steps, "evaluation", "eval_loss")]),
        ("reward, all together", [_line(steps, "reward", "reward")]),
        ("rewards, mean of each", [_named_line(steps, "rewards", name) for name in rewards]),
        ("implicit reward of a pair's texts", [_named_line(steps, "pairs", name) for name in ("chosen", "rejected")]),
        ("share of pairs put right", [_named_line(steps, "pairs", "accuracies")]),
        ("learning rate", [_line(steps, "learning rate", "learning_rate")]),
        ("gradient norm", [_line(steps, "gradient norm", "grad_norm")]),
    ]
    drawn = [(title, [line for line in lines if line[1]]) for title, lines in wanted]
    return [(title, lines) for title, lines in drawn if lines]


def _line(steps: Sequence[Step], label: str, name: str) -> Line:
    points = [(step.number, getattr(step, name)) for step in steps if getattr(step, name) is not None]
    return label, [number for number, _ in points], [value for _, value in points]


def _named_line(steps: Sequence[Step], field: str, name: str) -> Line:
    points = [(step.number, getattr(step, field)[name]) for step in steps if name in getattr(step, field)]
    return name, [number for number, _ in points], [value for _, value in points]


def draw(run: Path) -> list[Path]:
    """Write the curves of a run and return the files; equal logs give equal bytes."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    shown = panels(curve(read_log(run / LOG_FILE)))
    if not shown:
        raise InputError("no step to draw", where=str(run / LOG_FILE), expected="lines with a loss", fix="let it run")
    columns = 2 if len(shown) > 1 else 1
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(6 * columns, 3.2 * rows), layout="constrained")
    figure.suptitle(run.name)
    for place, (title, lines) in enumerate(shown, 1):
        _draw_panel(figure.add_subplot(rows, columns, place), title, lines)
    written = [run / name for name in CURVES]
    with rc_context({"svg.hashsalt": "dao-curves"}):
        figure.savefig(written[0], metadata={"Date": None})
    figure.savefig(written[1], dpi=130)
    return written


def _draw_panel(axes: Any, title: str, lines: Sequence[Line]) -> None:
    from matplotlib.ticker import MaxNLocator

    for colour, (label, numbers, values) in zip(COLOURS * 4, lines, strict=False):
        few = len(numbers) < 40
        axes.plot(numbers, values, color=colour, label=label, linewidth=1.5, marker="o" if few else None, markersize=3)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("step", fontsize=9)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.grid(True, alpha=0.3)
    axes.tick_params(labelsize=8)
    if len(lines) > 1:
        axes.legend(fontsize=8)


def main(argv: Sequence[str] | None = None) -> int:
    """Draw the curves of one run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, help="a run folder, such as runs/sft")
    try:
        written = draw(parser.parse_args(argv).run)
    except AgentError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(" ".join(str(path) for path in written) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
