"""What a running ms-swift writes into `logging.jsonl`, read as it comes and shown on standard error.

On a terminal a live display; elsewhere plain lines, a few a minute at most, so that the log of a cluster stays
readable. Nothing here touches the run: it can be left and looked at again.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

LOG_FILE = "logging.jsonl"
SECONDS_BETWEEN_LINES = 15.0
REWARD = "rewards/"
PAIRS = ("chosen", "rejected", "accuracies")


@dataclass(frozen=True, slots=True)
class Step:
    """One logged step. `tokens` counts all input tokens so far, where the recipe asks ms-swift to count them
    (`include_num_input_tokens_seen: true`); `seconds` is the mean time of a step so far. `rewards` are the means of
    GRPO's functions; `pairs` is what DPO and its kin log of a batch of pairs: implicit rewards of the chosen and the
    rejected text, and the share of pairs put right (`accuracies`).
    """

    number: int
    total: int
    loss: float | None = None
    learning_rate: float | None = None
    grad_norm: float | None = None
    eval_loss: float | None = None
    reward: float | None = None
    tokens: int | None = None
    seconds: float | None = None
    rewards: Mapping[str, float] = field(default_factory=dict)
    pairs: Mapping[str, float] = field(default_factory=dict)

    @property
    def seconds_left(self) -> float | None:
        return None if self.seconds is None else self.seconds * (self.total - self.number)


def step_of(entry: Mapping[str, Any]) -> Step | None:
    """Read one line of the log; the last lines, which sum a run up, are no step.

    >>> step_of({"loss": 2.0, "global_step/max_steps": "3/10", "rewards/Brevity/mean": 0.5}).rewards
    {'Brevity': 0.5}
    """
    number, _, total = str(entry.get("global_step/max_steps", "")).partition("/")
    if not (number.isdigit() and total.isdigit()) or "train_runtime" in entry:
        return None
    if "loss" not in entry and "eval_loss" not in entry:
        return None
    tokens = entry.get("num_input_tokens_seen")
    return Step(
        number=int(number),
        total=int(total),
        **{name: _number(entry, name) for name in ("loss", "learning_rate", "grad_norm", "eval_loss", "reward")},
        tokens=int(tokens) if isinstance(tokens, int | float) else None,
        seconds=_number(entry, "train_speed(s/it)"),
        rewards={
            name.removeprefix(REWARD).removesuffix("/mean"): float(value)
            for name, value in entry.items()
            if name.startswith(REWARD) and name.endswith("/mean") and isinstance(value, int | float)
        },
        pairs={name: value for name in PAIRS if (value := _number(entry, REWARD + name)) is not None},
    )


def _number(entry: Mapping[str, Any], name: str) -> float | None:
    value = entry.get(name)
    return float(value) if isinstance(value, int | float) else None


def curve(entries: Iterable[Mapping[str, Any]]) -> list[Step]:
    """Return the logged steps in order. A run that was killed and resumed logs the steps after its checkpoint twice;
    the later line is the one that counts.
    """
    found: dict[tuple[int, bool], Step] = {}
    for entry in entries:
        step = step_of(entry)
        if step is not None:
            found[step.number, step.eval_loss is not None] = step
    return [found[key] for key in sorted(found)]


class LogReader:
    """Reads what has been added to a log since the last time; a line that is half written waits."""

    def __init__(self, path: Path, *, from_end: bool = False) -> None:
        self._path = path
        self._offset = path.stat().st_size if from_end and path.is_file() else 0

    def new(self) -> list[dict[str, Any]]:
        if not self._path.is_file():
            return []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            whole, newline, _ = file.read().rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        return [entry for entry in map(_entry, whole.splitlines()) if entry]


def _entry(line: bytes) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}


def read_log(path: Path) -> list[dict[str, Any]]:
    """Return all entries of a log; a line that was cut off by a kill is passed over."""
    return LogReader(path).new()


class Throughput:
    """Tokens a second between two logged steps, by the clock of the reader."""

    def __init__(self) -> None:
        self._last: tuple[int, float] | None = None
        self.value: float | None = None

    def add(self, step: Step, now: float) -> None:
        if step.tokens is None:
            return
        if self._last is not None and now > self._last[1]:
            self.value = (step.tokens - self._last[0]) / (now - self._last[1])
        self._last = (step.tokens, now)


def duration(seconds: float) -> str:
    """Write a time left as people say it.

    >>> duration(59), duration(3700)
    ('59 s', '1 h 2 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def facts(step: Step, tokens_a_second: float | None) -> list[tuple[str, str]]:
    """Return what a step tells, as names and texts, in the order in which it is shown."""
    shown: list[tuple[str, str]] = []
    for name, value in (("loss", step.loss), ("eval loss", step.eval_loss), ("reward", step.reward)):
        if value is not None:
            shown.append((name, f"{value:.4f}"))
    if step.learning_rate is not None:
        shown.append(("lr", f"{step.learning_rate:.2e}"))
    if step.grad_norm is not None:
        shown.append(("grad norm", f"{step.grad_norm:.3f}"))
    if tokens_a_second is not None:
        shown.append(("tokens/s", f"{tokens_a_second:,.0f}"))
    shown += [(name, f"{value:.3f}") for name, value in step.rewards.items()]
    if step.seconds_left is not None:
        shown.append(("left", duration(step.seconds_left)))
    return shown


class Display(Protocol):
    """Something that shows the course of a run."""

    def start(self) -> None: ...
    def waiting(self, text: str) -> None: ...
    def step(self, step: Step, tokens_a_second: float | None) -> None: ...
    def say(self, text: str) -> None: ...
    def stop(self) -> None: ...


class PlainLines:
    """One line for the first and last step, and between them one every few seconds."""

    def __init__(self, stream: TextIO, *, every: float = SECONDS_BETWEEN_LINES) -> None:
        self._stream = stream
        self._every = every
        self._said = float("-inf")

    def start(self) -> None: ...

    def waiting(self, text: str) -> None: ...

    def step(self, step: Step, tokens_a_second: float | None) -> None:
        now = time.monotonic()
        if now - self._said < self._every and step.number < step.total:
            return
        self._said = now
        told = ", ".join(f"{name} {value}" for name, value in facts(step, tokens_a_second))
        self.say(f"step {step.number}/{step.total}: {told}")

    def say(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()

    def stop(self) -> None: ...


class LiveTable:
    """A bar and the newest figures, drawn over themselves."""

    def __init__(self, name: str, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("[bold]{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", markup=False), console=console,
        )  # fmt: skip
        self._task = self._bar.add_task(name, total=None, note="starting")
        self._live = Live(self._bar, console=console, refresh_per_second=2, transient=False)

    def start(self) -> None:
        self._live.start()

    def waiting(self, text: str) -> None:
        self._bar.update(self._task, note=text[: max(20, self._console.width - 60)])

    def step(self, step: Step, tokens_a_second: float | None) -> None:
        self._bar.update(self._task, total=step.total, completed=step.number, note="")
        table = Table.grid(padding=(0, 2))
        for name, value in facts(step, tokens_a_second):
            table.add_row(f"[dim]{name}", value)
        self._live.update(Group(self._bar, table))

    def say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False)

    def stop(self) -> None:
        self._live.stop()


def display_for(name: str, stream: TextIO | None = None) -> Display:
    """Return the live display on a terminal, and plain lines anywhere else."""
    stream = stream or sys.stderr
    if stream.isatty():
        return LiveTable(name, Console(file=stream))
    return PlainLines(stream)
