"""Starting a run: read the recipe, list every problem, or hand it to ms-swift and keep the record.

    python recipes/sft.py recipes/configs/sft.yaml [key=value …] [--dry-run] [--resume last]

Nothing about training is decided here. The run is `swift <command> <file> [--key value …]`, the
very command a user of ms-swift would type; the launcher adds checks before it and a record after
it. Exit codes: 0 the run (or dry run) went well, 2 a wrong command line or file, 5 the record is not whole, 6 the
preflight found problems, 124 ended because it stood still, 130 interrupted, else the exit code of ms-swift.
"""

from __future__ import annotations

import argparse
import datetime as dt
import itertools
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from proposal.errors import AgentError, ConfigError, InputError, IntegrityError
from recipes.elsewhere import LOCAL, write_job
from recipes.elsewhere.command_line import add_options, job_of
from recipes.elsewhere.job import NOT_RUN
from recipes.environment import installed, run_environment, swift_command, training_python
from recipes.preflight import CHECKS, OF_THE_RECIPE, check
from recipes.preflight.run_folder import output_is_free, resumes_the_same_run
from recipes.preflight.sizes import processes
from recipes.problems import render
from recipes.progress import LOG_FILE
from recipes.recipe import Method, Recipe, as_arguments, file_part, is_hub_id, load_recipe
from recipes.record_checks import record_problems
from recipes.records import RUN_FILE, finish_run, last_checkpoint, start_run
from recipes.stalls import DEFAULT_MINUTES
from recipes.supervise import INTERRUPTED, OUTPUT_FILE, Watching, last_lines, supervise

_RESUME_HELP = "go on from the newest whole checkpoint, or a given one; auto: begin where there is none"


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for."""

    config: Path
    overrides: tuple[str, ...]
    dry_run: bool
    resume: str
    watch: Watching
    elsewhere: argparse.Namespace


def main(method: Method, about: str, argv: Sequence[str] | None = None) -> int:
    """Run one method as the command line asks; return the exit code."""
    request = read_command_line(about, argv)
    try:
        recipe = load_recipe(request.config, method, request.overrides)
        if request.elsewhere.launcher != LOCAL:
            return hand_over(recipe, request)
        recipe = with_resume(recipe, request.resume)
        problems = check(recipe, CHECKS) if is_first_node() else []
        if request.dry_run:
            sys.stdout.write(describe(recipe))
        if problems:
            sys.stderr.write(render(problems) + "\n")
            return ConfigError.exit_code
        if request.dry_run:
            return 0
        return run(recipe, request.watch)
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
    parser.add_argument("--resume", default="", metavar="last|auto|FOLDER", help=_RESUME_HELP)
    parser.add_argument(
        "--stall-minutes", type=float, default=DEFAULT_MINUTES, metavar="N",
        help="without a new logged step for so long, tell where all processes stand (default %(default)g; 0: never)",
    )  # fmt: skip
    parser.add_argument("--end-stalled", action="store_true", help="end such a run, with exit code 124")
    add_options(parser)
    found = parser.parse_intermixed_args(argv)
    watch = Watching(found.stall_minutes, found.end_stalled)
    return Request(found.config, tuple(found.overrides), found.dry_run, found.resume, watch, found)


def is_first_node() -> bool:
    """Tell whether this is the node that checks, logs and keeps the record; the others only train."""
    return int(os.environ.get("NODE_RANK") or 0) == 0


def hand_over(recipe: Recipe, request: Request) -> int:
    """Write the specification of a job for other machines, after the checks that hold there too."""
    problems = check(recipe, [one for one in OF_THE_RECIPE if one not in (output_is_free, resumes_the_same_run)])
    if problems:
        sys.stderr.write(render(problems) + "\n")
        return ConfigError.exit_code
    written = write_job(job_of(recipe, request.elsewhere), request.elsewhere.launcher, request.elsewhere.out)
    sys.stdout.write("".join(f"{path}\n" for path in written))
    sys.stderr.write(f"{request.elsewhere.launcher}: written and {NOT_RUN}\n")
    return 0


def with_resume(recipe: Recipe, resume: str) -> Recipe:
    """Return the recipe that goes on from a checkpoint, where the command line asks for it."""
    if not resume:
        return recipe
    folder = Path(str(recipe.values.get("output_dir", "")))
    checkpoint = last_checkpoint(folder) if resume in ("last", "auto") else Path(resume)
    if checkpoint is None and resume == "auto":
        if is_first_node():
            set_aside(folder)
        return recipe
    if checkpoint is None or not (checkpoint / "trainer_state.json").is_file():
        raise InputError(
            "no whole checkpoint to go on from",
            where=str(folder if resume in ("last", "auto") else resume),
            expected="a checkpoint-N folder with trainer_state.json",
            fix="start without --resume",
        )
    return recipe.with_override("resume_from_checkpoint", str(checkpoint))


def set_aside(folder: Path) -> None:
    """Move what a run left that ended before its first checkpoint out of the way of the next attempt."""
    if not (folder / RUN_FILE).is_file():
        return
    number = next(n for n in itertools.count(1) if not folder.with_name(f"{folder.name}.attempt-{n}").exists())
    folder.rename(folder.with_name(f"{folder.name}.attempt-{number}"))


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


def run(recipe: Recipe, watch: Watching) -> int:
    """Start ms-swift, show its course, keep the record; return its exit code."""
    python = training_python()
    command = command_of(recipe, python)
    folder = Path(str(recipe.values["output_dir"]))
    if not is_first_node():
        folder.mkdir(parents=True, exist_ok=True)
        return supervise(command, run_environment(offline(recipe)), run=folder, watch=watch)
    manifest = start_run(recipe, command, versions=installed(python), now=dt.datetime.now(dt.UTC))
    exit_code = supervise(command, run_environment(offline(recipe)), run=folder, watch=watch)
    record = finish_run(recipe, manifest, exit_code=exit_code, now=dt.datetime.now(dt.UTC))
    draw_curves(python, folder)
    if record is None:
        return failed(folder, exit_code)
    problems = record_problems(folder)
    if problems:
        sys.stderr.write(render(problems, "in the record") + "\n")
        return IntegrityError.exit_code
    sys.stderr.write(f"{folder}: {record['kind']} {record['weights']}, record.json written\n")
    return 0


def offline(recipe: Recipe) -> dict[str, str]:
    """Return what keeps the libraries from asking a hub, where the recipe needs none: without it a machine that has no
    way out waits for each of their look-ups to time out.
    """
    asks = is_hub_id(str(recipe.values.get("model", ""))) or recipe.truth("use_hf")
    asks = asks or any(not Path(file_part(text)).exists() for text in recipe.listed("dataset"))
    return {} if asks else dict.fromkeys(("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"), "1")


def draw_curves(python: Path, folder: Path) -> None:
    """Draw what has been logged; a run is not spoilt by a plot that could not be drawn."""
    if not (folder / LOG_FILE).is_file():
        return
    command = [str(python), "-m", "recipes.curves", str(folder)]
    done = subprocess.run(command, env=run_environment({}), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(f"{folder}: no curves were drawn: {last_words(done.stderr)}\n")


def last_words(text: str) -> str:
    return (text.strip().splitlines() or ["nothing was said"])[-1]


def failed(folder: Path, exit_code: int) -> int:
    """Say how a run ended that left no record, with the last of what ms-swift printed."""
    told = "\n".join(f"  | {line}" for line in last_lines(folder / OUTPUT_FILE))
    if exit_code == INTERRUPTED:
        told = "  interrupted"
    why = f"ms-swift ended with exit code {exit_code}" if exit_code else "ms-swift left no whole checkpoint"
    sys.stderr.write(
        f"{told}\n{folder}: {why}; all it printed is in {folder / OUTPUT_FILE}\n"
        "  to do: mend the cause, then go on with --resume last\n"
    )
    return exit_code or 1
