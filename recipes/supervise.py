"""The run's processes from start to end: what they print is kept, what they log is shown, a standstill is told.

    exit_code = supervise(command, environment, run=Path("runs/sft"), watch=Watching(stall_minutes=30))

ms-swift starts further processes, and one that outlives its launcher holds the memory of the machine: an interrupt of
ours ends all of them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from recipes.interrupts import terminable
from recipes.progress import LOG_FILE, Display, LogReader, Throughput, display_for, step_of
from recipes.stalls import (
    DEFAULT_MINUTES,
    STACKS_FOLDER,
    StallWatch,
    dump_stacks,
    live_processes,
    prepare_stacks,
    remove_unused_stacks,
    stall_message,
    with_stacks,
)

INTERRUPTED = 130
STALLED = 124
"""Exit code of a run that was ended because it stood still; that of `timeout`."""
PATIENCE = 60.0
"""Seconds that an interrupted run gets to end by itself."""
POLL = 0.5
OUTPUT_FILE = "swift.log"
LAST_LINES = 30


@dataclass(frozen=True, slots=True)
class Watching:
    """How a run is watched: minutes without a new line that count as a standstill (0: never), and what then."""

    stall_minutes: float = DEFAULT_MINUTES
    end_stalled: bool = False


def supervise(command: Sequence[str], environment: Mapping[str, str], *, run: Path, watch: Watching) -> int:
    """Run a command and everything it starts as one group until it ends; return its exit code."""
    stacks = prepare_stacks(run, node_name(STACKS_FOLDER))
    display = display_for(run.name)
    process: subprocess.Popen[bytes] | None = None
    try:
        reader = LogReader(run / LOG_FILE, from_end=True)
        with terminable(), (run / node_name(OUTPUT_FILE)).open("ab") as output:
            process = subprocess.Popen(
                command, env=with_stacks(environment, stacks), start_new_session=True, stdout=output,
                stderr=subprocess.STDOUT,
            )  # fmt: skip
            display.start()
            return _follow(process, run, stacks, reader, display, watch)
    except KeyboardInterrupt:
        if process is not None:
            end_group(process, stacks)
        return INTERRUPTED
    finally:
        display.stop()
        remove_unused_stacks(stacks)


def _follow(
    process: subprocess.Popen[bytes], run: Path, stacks: Path, reader: LogReader, display: Display, watch: Watching
) -> int:
    """Show what comes until the command ends."""
    stall, speed, at = StallWatch(_minutes(watch), time.monotonic()), Throughput(), "no step yet"
    while True:
        ended = _wait(process, POLL)
        now = time.monotonic()
        for entry in reader.new():
            stall.moved(now)
            step = step_of(entry)
            if step is not None:
                speed.add(step, now)
                display.step(step, speed.value)
                at = f"at step {step.number} of {step.total}"
        if ended is not None:
            return ended
        if at == "no step yet":
            display.waiting(last_line(run / node_name(OUTPUT_FILE)))
        if stall.is_stalled(now):
            display.say(stall_message(run, stall.minutes, at, dump_stacks(stacks)))
            if watch.end_stalled:
                end_group(process, stacks)
                return STALLED


def node_name(name: str) -> str:
    """Return a name in the run folder that is this node's own; several nodes share the folder."""
    node = int(os.environ.get("NODE_RANK") or 0)
    return f"{name}.node{node}" if node else name


def _minutes(watch: Watching) -> float:
    """Only the first node of several writes the log."""
    return 0.0 if int(os.environ.get("NODE_RANK") or 0) else watch.stall_minutes


def _wait(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(seconds)
    return None


def last_lines(path: Path, count: int = LAST_LINES) -> list[str]:
    """Return the last lines of what the run printed; a bar that was drawn over itself counts as its last state."""
    with path.open("rb") as file:
        _seek_near_end(file)
        text = file.read().decode("utf-8", errors="replace")
    lines = (line.rsplit("\r", 1)[-1].rstrip() for line in text.replace("\r\n", "\n").split("\n"))
    return list(deque((line for line in lines if line), maxlen=count))


def last_line(path: Path) -> str:
    """Return the last line that the run printed, or an empty text."""
    return next(reversed(last_lines(path, 1)), "") if path.is_file() else ""


def _seek_near_end(file: IO[bytes], size: int = 65_536) -> None:
    file.seek(0, os.SEEK_END)
    file.seek(max(0, file.tell() - size))


def end_group(process: subprocess.Popen[bytes], stacks: Path) -> None:
    """Ask all processes of a run to end, and end those that do not; torchrun's workers have sessions of their own."""
    for sign in (signal.SIGINT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.wait(PATIENCE)
    for left in live_processes(stacks):
        with contextlib.suppress(ProcessLookupError):
            os.kill(left, signal.SIGKILL)
