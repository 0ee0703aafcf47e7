"""Starting a run: read the recipe, list every problem, or hand it to ms-swift and keep the record.

    python recipes/sft.py recipes/configs/sft.yaml [key=value …] [--dry-run] [--resume last]

Nothing about training is decided here. The run is `swift <command> <file> [--key value …]`, the
very command a user of ms-swift would type; the launcher adds checks before it and a record after
it. Exit codes: 0 the run (or dry run) went well, 2 a wrong command line or file, 6 the preflight
found problems, 130 interrupted, else the exit code of ms-swift.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from proposal.errors import AgentError, ConfigError, InputError
from recipes.environment import installed, run_environment, swift_command, training_python
from recipes.preflight import CHECKS, check
from recipes.preflight.sizes import processes
from recipes.problems import render
from recipes.recipe import Method, Recipe, as_arguments, load_recipe
from recipes.records import finish_run, last_checkpoint, start_run

INTERRUPTED = 130
PATIENCE = 60.0
"""Seconds that an interrupted run gets to end by itself."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for."""

    config: Path
    overrides: tuple[str, ...]
    dry_run: bool
    resume: str


def main(method: Method, about: str, argv: Sequence[str] | None = None) -> int:
    """Run one method as the command line asks; return the exit code."""
    request = read_command_line(about, argv)
    try:
        recipe = with_resume(load_recipe(request.config, method, request.overrides), request.resume)
        problems = check(recipe, CHECKS)
        if request.dry_run:
            sys.stdout.write(describe(recipe))
        if problems:
            sys.stderr.write(render(problems) + "\n")
            return ConfigError.exit_code
        if request.dry_run:
            return 0
        return run(recipe)
    except AgentError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code


def read_command_line(about: str, argv: Sequence[str] | None = None) -> Request:
    """Parse the command line; a misspelt flag ends here with the usage."""
    parser = argparse.ArgumentParser(
        description=about.strip().splitlines()[0],
        epilog="key=value sets a key of the recipe for this run, such as max_steps=3",
        allow_abbrev=False,
    )
    parser.add_argument("config", type=Path, help="the recipe, such as recipes/configs/sft.yaml")
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    parser.add_argument("--dry-run", action="store_true", help="check, print command and values, stop")
    parser.add_argument("--resume", default="", metavar="last|FOLDER", help="go on from the last whole checkpoint")
    found = parser.parse_intermixed_args(argv)
    return Request(found.config, tuple(found.overrides), found.dry_run, found.resume)


def with_resume(recipe: Recipe, resume: str) -> Recipe:
    """Return the recipe that goes on from a checkpoint, where the command line asks for it."""
    if not resume:
        return recipe
    folder = Path(str(recipe.values.get("output_dir", "")))
    checkpoint = last_checkpoint(folder) if resume == "last" else Path(resume)
    if checkpoint is None or not (checkpoint / "trainer_state.json").is_file():
        raise InputError(
            "no whole checkpoint to go on from",
            where=str(folder if resume == "last" else resume),
            expected="a checkpoint-N folder with trainer_state.json",
            fix="start without --resume",
        )
    return recipe.with_override("resume_from_checkpoint", str(checkpoint))


def command_of(recipe: Recipe, python: Path) -> list[str]:
    """Return the command of ms-swift that does the run."""
    return [
        *swift_command(python),
        recipe.method.command,
        str(recipe.path),
        *as_arguments(recipe.overrides),
    ]


def describe(recipe: Recipe) -> str:
    """Show what a dry run would start: the command, the environment and every value."""
    words = ["swift", recipe.method.command, str(recipe.path), *as_arguments(recipe.overrides)]
    values: Mapping[str, object] = {key: recipe.values[key] for key in sorted(recipe.values)}
    variables = {**recipe.env, **processes(recipe)}
    environment = " ".join(f"{name}={value}" for name, value in sorted(variables.items()))
    return (
        f"command: {shlex.join(words)}\n"
        f"environment: {environment or 'nothing set'}\n"
        f"values:\n{yaml.safe_dump(dict(values), sort_keys=True, allow_unicode=True)}"
    )


def run(recipe: Recipe) -> int:
    """Start ms-swift, wait for it, keep the record; return its exit code."""
    python = training_python()
    command = command_of(recipe, python)
    manifest = start_run(recipe, command, versions=installed(python), now=dt.datetime.now(dt.UTC))
    exit_code = run_to_end(command, run_environment({}))
    record = finish_run(recipe, manifest, exit_code=exit_code, now=dt.datetime.now(dt.UTC))
    folder = recipe.values["output_dir"]
    if record is not None:
        sys.stderr.write(f"{folder}: {record['kind']} {record['weights']}, record.json written\n")
    elif exit_code:
        sys.stderr.write(
            f"{folder}: ms-swift ended with exit code {exit_code}; its message stands above\n"
            "  to do: mend the cause, then go on with --resume last\n"
        )
    return exit_code


def run_to_end(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command and everything it starts as one group; an interrupt of ours ends the whole group.

    ms-swift starts further processes, and one that outlives its launcher holds the memory of the machine.
    """
    before = signal.signal(signal.SIGTERM, _interrupt)
    process = subprocess.Popen(command, env=dict(environment), start_new_session=True)
    try:
        return process.wait()
    except KeyboardInterrupt:
        _end_group(process)
        return INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(signum: int, frame: object) -> None:  # noqa: ARG001
    raise KeyboardInterrupt


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Ask a group of processes to end, and end it when it does not."""
    for sign in (signal.SIGINT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.wait(PATIENCE)
