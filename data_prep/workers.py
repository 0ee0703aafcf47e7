"""Running tasks in N processes so that a build can be killed at any moment and goes on where it stopped.

A task writes one file, whole or not at all, and what it writes depends on nothing but the task: so it does not matter
which process runs it, in which order, or whether an earlier run did.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from proposal.errors import AgentError

POLL_S = 0.1

Note = Callable[[str, int, int], None]
"""Told as a stage goes on: its name, how many tasks are done, and how many there are."""


class Task(Protocol):
    """A piece of work that leaves one file."""

    @property
    def target(self) -> Path: ...

    def run(self) -> None: ...


def run_tasks(stage: str, tasks: Sequence[Task], *, processes: int, note: Note) -> None:
    """Run the tasks whose file is not there yet."""
    waiting = [task for task in tasks if not task.target.is_file()]
    note(stage, len(tasks) - len(waiting), len(tasks))
    if processes <= 1 or len(waiting) <= 1:
        for done, task in enumerate(waiting, len(tasks) - len(waiting) + 1):
            task.run()
            note(stage, done, len(tasks))
        return
    _spread(stage, tasks, waiting, min(processes, len(waiting)), note)


def _spread(stage: str, tasks: Sequence[Task], waiting: Sequence[Task], processes: int, note: Note) -> None:
    """Deal the tasks out and wait; no queue, so that a killed parent leaves no process waiting for ever."""
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_work, args=(waiting[number::processes],)) for number in range(processes)]
    for worker in workers:
        worker.start()
    try:
        while any(worker.is_alive() for worker in workers):
            time.sleep(POLL_S)
            note(stage, sum(task.target.is_file() for task in tasks), len(tasks))
            if any(worker.exitcode for worker in workers):
                break
    finally:
        for worker in workers:
            if any(other.exitcode for other in workers):
                worker.terminate()
            worker.join()
    failed = [worker.exitcode for worker in workers if worker.exitcode]
    if failed:
        raise AgentError(f"a process of the stage '{stage}' ended with {failed[0]}", where="data_prep.build",
                         fix="see its message above; the same command goes on where this one stopped")  # fmt: skip


def _work(tasks: Sequence[Task]) -> None:
    parent = multiprocessing.parent_process()
    for task in tasks:
        if parent is not None and not parent.is_alive():
            return
        try:
            task.run()
        except AgentError as error:
            sys.stderr.write(f"{error}\n")
            sys.exit(error.exit_code)


class Progress:
    """Writes progress to stderr: a line that is renewed on a terminal, else one for every tenth."""

    def __init__(self) -> None:
        self._last = ("", -1)

    def __call__(self, stage: str, done: int, total: int) -> None:
        step = done if sys.stderr.isatty() else (done * 10 // total if total else 10)
        if (stage, step) == self._last:
            return
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\033[K{stage}: {done} of {total}" + ("\n" if done == total else ""))
        else:
            sys.stderr.write(f"{stage}: {done} of {total}\n")
        sys.stderr.flush()
        self._last = (stage, step)


def silent(_stage: str, _done: int, _total: int) -> None:
    """Tell nobody."""
