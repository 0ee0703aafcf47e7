"""Whether a run folder is a whole model record: what serving, a reviewer or a later run needs is there and agrees.

    python -m recipes.record_checks runs/sft
    python -m recipes.record_checks runs/sft --accept 200    # a run that was stopped, as far as its step 200

Exit codes: 0 whole, 2 no such record or checkpoint, 5 incomplete or changed.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from proposal.errors import AgentError, InputError, IntegrityError
from recipes.card import SECTIONS
from recipes.problems import Problem, render
from recipes.records import CARD_FILE, RECORD_FILE, RECORD_FORM, RUN_FILE, accept_run, weights_hash

NEEDED = (
    "name", "kind", "method", "weights", "weights_sha256", "base_model", "base_licence", "created_at", "data",
    "prompt_hash", "reward_version", "environment", "machine", "resolved", "metrics", "global_step",
)  # fmt: skip
"""Fields of `record.json` that have to be there and not empty."""
PACKAGES = ("python", "ms-swift", "torch", "transformers")
RESUME_FILES = ("optimizer.pt", "scheduler.pt", "rng_state.pth")
"""What a checkpoint holds for going on, and nothing but that."""


def read_record(folder: Path) -> dict[str, Any]:
    """Read the record of a run folder."""
    path = folder / RECORD_FILE
    if not path.is_file():
        expected = "a run that has ended well" if (folder / RUN_FILE).is_file() else "a run folder"
        raise InputError("there is no model record", where=str(path), expected=expected, fix="finish the run first")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise IntegrityError(f"is not JSON: {error}", where=str(path), fix="run again") from error
    if not isinstance(record, dict) or record.get("form") != RECORD_FORM:
        raise IntegrityError("is no model record", where=str(path), expected=f'"form": "{RECORD_FORM}"')
    return record


def record_problems(folder: Path) -> list[Problem]:
    """Return everything that is missing in a record or does not agree with the files beside it."""
    record = read_record(folder)
    return [*_field_problems(folder, record), *_weight_problems(folder, record), *_card_problems(folder, record)]


def _field_problems(folder: Path, record: Mapping[str, Any]) -> Iterator[Problem]:
    where = f"{folder / RECORD_FILE}"
    for name in NEEDED:
        if record.get(name) in (None, "", {}, [], 0):
            yield Problem(f"{where}, {name}", "is missing or empty", "run again with the launcher of this version")
    for name in PACKAGES:
        if name not in (record.get("environment") or {}):
            yield Problem(f"{where}, environment", f"names no version of {name}", "run again in the train environment")
    for item in record.get("data") or ():
        if not item.get("rows") or len(str(item.get("sha256"))) != 64:
            yield Problem(f"{where}, data", f"'{item.get('file')}' has no rows or no hash", "run again on a data cut")
    for name, value in (record.get("metrics") or {}).items():
        if not math.isfinite(value):
            yield Problem(f"{where}, metrics.{name}", f"is {value}", "the run has diverged: lower the learning rate")


def _weight_problems(folder: Path, record: Mapping[str, Any]) -> Iterator[Problem]:
    weights = folder / str(record.get("weights") or "")
    if not any(weights.glob("*.safetensors")):
        yield Problem(str(weights), "holds no weights (*.safetensors)", "take the record from where it was made")
        return
    if record.get("weights_sha256") != weights_hash(weights):
        yield Problem(str(weights), "the weights are not those of the record", "take the record from where it was made")
    config = "adapter_config.json" if record.get("kind") == "adapter" else "config.json"
    if not (weights / config).is_file():
        yield Problem(str(weights / config), "is missing", "take the record from where it was made")


def _card_problems(folder: Path, record: Mapping[str, Any]) -> Iterator[Problem]:
    path = folder / CARD_FILE
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    for section in SECTIONS:
        if f"\n{section}\n" not in text:
            yield Problem(str(path), f"has no section '{section.removeprefix('## ')}'", "run again, or write it")
    if text and str(record.get("weights_sha256")) not in text:
        yield Problem(str(path), "is of other weights", "run again")


def drop_resume_files(folder: Path) -> int:
    """Remove what the checkpoints of a whole record hold only for going on; return the bytes that became free."""
    problems = record_problems(folder)
    if problems:
        raise IntegrityError("the record is not whole, so its run may have to go on", where=str(folder))
    files = [file for name in RESUME_FILES for file in folder.glob(f"checkpoint-*/{name}")]
    freed = sum(file.stat().st_size for file in files)
    for file in files:
        file.unlink()
    return freed


def main(argv: Sequence[str] | None = None) -> int:
    """Check one record; where it is asked for, write it first, or make it smaller."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, help="a run folder, such as runs/sft")
    parser.add_argument("--drop-resume-files", action="store_true", help="remove optimizer states of a whole record")
    parser.add_argument("--accept", type=int, metavar="STEP", help="first write the record of a run that was stopped")
    request = parser.parse_args(argv)
    try:
        if request.accept is not None:
            accept_run(request.run, request.accept)
        problems = record_problems(request.run)
        freed = drop_resume_files(request.run) if request.drop_resume_files and not problems else None
    except AgentError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    if problems:
        sys.stderr.write(render(problems, "in the record") + "\n")
        return IntegrityError.exit_code
    sys.stdout.write(f"{request.run}: a whole model record" + (f", {freed:,} bytes freed" if freed else "") + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
