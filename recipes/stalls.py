"""A run that stands still: noticing it, and telling where each of its processes stands.

A hang in a collective operation says nothing and costs by the hour. The watch knows only that no new line came into
ms-swift's log; the stacks say why.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

STACKS_VARIABLE = "DAO_STACKS"
STACKS_FOLDER = "stacks"
DEFAULT_MINUTES = 30.0
WRITING_SECONDS = 2.0
"""How long the processes get to write their stacks."""


@dataclass(slots=True)
class StallWatch:
    """Tells when nothing has come for `minutes`, once for each standstill; 0 switches it off.

    >>> watch = StallWatch(minutes=1, since=0.0)
    >>> watch.is_stalled(59.0), watch.is_stalled(60.0), watch.is_stalled(90.0)
    (False, True, False)
    >>> watch.moved(100.0)
    >>> watch.is_stalled(160.0)
    True
    """

    minutes: float
    since: float
    told: bool = field(default=False)

    def moved(self, now: float) -> None:
        """Note that the run went on."""
        self.since, self.told = now, False

    def is_stalled(self, now: float) -> bool:
        """Tell of a standstill the first time it is seen."""
        if not self.minutes or self.told or now - self.since < self.minutes * 60:
            return False
        self.told = True
        return True


def prepare_stacks(run: Path, name: str = STACKS_FOLDER) -> Path:
    """Make the folder that the run's processes write their stacks into, empty."""
    folder = (run / name).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.glob("*.txt"):
        file.unlink()
    return folder


def with_stacks(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return the environment in which every Python process registers itself."""
    hook = str(Path(__file__).with_name("stacks"))
    paths = [hook, *filter(None, [environment.get("PYTHONPATH", "")])]
    return {**environment, STACKS_VARIABLE: str(folder), "PYTHONPATH": os.pathsep.join(paths)}


def live_processes(folder: Path) -> list[int]:
    """Return the processes of the run that registered themselves and still run.

    A number may meanwhile belong to somebody else's process, so its environment has to name our folder.
    """
    mark = f"{STACKS_VARIABLE}={folder}".encode()
    found = []
    for file in sorted(folder.glob("*.txt")):
        try:
            variables = Path(f"/proc/{file.stem}/environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if mark in variables:
            found.append(int(file.stem))
    return found


def dump_stacks(folder: Path) -> list[Path]:
    """Ask every process of the run for its stacks; return the files they are in."""
    asked = {process: folder / f"{process}.txt" for process in live_processes(folder)}
    before = {file: file.stat().st_size for file in asked.values()}
    for process in asked:
        os.kill(process, signal.SIGUSR1)
    deadline = time.monotonic() + WRITING_SECONDS
    while any(file.stat().st_size == size for file, size in before.items()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return list(asked.values())


def remove_unused_stacks(folder: Path) -> None:
    """Remove the files of processes that were never asked; a folder with stacks in it stays."""
    for file in folder.glob("*.txt"):
        if file.read_text(encoding="utf-8", errors="replace").count("\n") <= 1:
            file.unlink()
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def innermost(file: Path) -> str:
    """Return who a stack is of and where its main thread stands.

    The handler writes the most recent call first, and the main thread last.
    """
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    who = lines[0].partition(":")[0] if lines else file.stem
    threads = [number for number, line in enumerate(lines) if line.startswith(("Thread ", "Current thread "))]
    frames = [line.strip() for line in lines[threads[-1] + 1 :]] if threads else []
    return f"{who}: {frames[0] if frames else 'no stack was written'}"


def stall_message(run: Path, minutes: float, step: str, files: list[Path]) -> str:
    """Say that the run stands still, where its processes stand, and what to do."""
    places = "".join(f"\n  {innermost(file)}" for file in files) or "\n  no process of the run answers"
    return (
        f"{run}: no new line in logging.jsonl for {minutes:g} minutes ({step}){places}\n"
        f"  stacks of all threads: {run / STACKS_FOLDER}\n"
        "  to do: if all stand in the same collective operation, look for the one that is missing; end with Ctrl-C and "
        "go on with --resume last"
    )
