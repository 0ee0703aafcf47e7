"""What a run leaves behind: the manifest of the run, and when it has finished the model record.

`run.json` is written before ms-swift starts, so that a run which dies still tells what it was.
`record.json` and its card are written when it has ended well: with them the run folder is a model
record, which is all that serving needs to know of training.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from proposal.errors import InputError
from proposal.prompt import prompt_hash
from proposal.whole_files import write_whole
from recipes.card import base_licence, card
from recipes.environment import machine
from recipes.progress import LOG_FILE, read_log, step_of
from recipes.recipe import Recipe, as_arguments, as_list, file_part
from rewards import reward_version

RUN_FILE = "run.json"
RECORD_FILE = "record.json"
CARD_FILE = "README.md"
RUN_FORM = "dao-agent-run/1"
RECORD_FORM = "dao-agent-model/1"

_CHECKPOINT = re.compile(r"checkpoint-([0-9]{1,9})\Z")


def last_checkpoint(folder: Path) -> Path | None:
    """Return the newest checkpoint that was written whole; the trainer's state is its last file.

    A run that was killed while saving leaves a newer folder without it.
    """
    for path in sorted(folder.glob("checkpoint-*"), key=_step, reverse=True):
        if _CHECKPOINT.match(path.name) and read_state(path):
            return path
    return None


def _step(path: Path) -> int:
    match = _CHECKPOINT.match(path.name)
    return int(match[1]) if match else -1


def read_state(checkpoint: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def start_run(
    recipe: Recipe, command: Sequence[str], *, versions: Mapping[str, str], now: dt.datetime
) -> dict[str, Any]:
    """Write the manifest of a run that is about to start, and return it."""
    manifest = {
        "form": RUN_FORM,
        "method": recipe.method.name,
        "config": recipe.path.as_posix(),
        "config_sha256": _file_hash(recipe.path),
        "overrides": as_arguments(recipe.overrides),
        "resolved": dict(recipe.values),
        "env": dict(recipe.env),
        "command": list(command),
        "data": list(data_files(recipe)),
        "prompt_hash": prompt_hash(),
        "reward_version": reward_version(),
        "environment": dict(versions),
        "machine": machine(),
        "started_at": now.astimezone(dt.UTC).isoformat(timespec="seconds"),
    }
    _write(_folder(recipe) / RUN_FILE, manifest)
    return manifest


def finish_run(
    recipe: Recipe, manifest: Mapping[str, Any], *, exit_code: int, now: dt.datetime
) -> dict[str, Any] | None:
    """Complete the manifest; after a run that ended well, write the model record and return it."""
    folder = _folder(recipe)
    checkpoint = last_checkpoint(folder)
    state = read_state(checkpoint) if checkpoint else {}
    ended = {
        **manifest,
        "finished_at": now.astimezone(dt.UTC).isoformat(timespec="seconds"),
        "exit_code": exit_code,
        "global_step": state.get("global_step", 0),
        "metrics": last_metrics(folder / LOG_FILE),
    }
    _write(folder / RUN_FILE, ended)
    if exit_code or checkpoint is None:
        return None
    return _write_record(folder, ended, checkpoint)


def accept_run(folder: Path, step: int) -> dict[str, Any]:
    """Write the model record of a run that was stopped, of its checkpoint at that step, and return it.

    Stopping is a judgement (the loss on rows that are watched rises, or the time is over) that ms-swift reports as a
    failure. The record says at which step; its metrics are those logged until then, its seconds those of
    the whole run. Raises InputError where there is no run, or no whole checkpoint of that step.
    """
    run = _read_run(folder)
    checkpoint = folder / f"checkpoint-{step}"
    if not read_state(checkpoint):
        there = [path.name for path in sorted(folder.glob("checkpoint-*"), key=_step) if read_state(path)]
        raise InputError("no whole checkpoint of that step", where=str(checkpoint),
                         expected=", ".join(there) or "a run that saved one")  # fmt: skip
    stopped = {**run, "global_step": step, "metrics": last_metrics(folder / LOG_FILE, until=step)}
    return _write_record(folder, stopped, checkpoint)


def _read_run(folder: Path) -> dict[str, Any]:
    path = folder / RUN_FILE
    try:
        run = dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise InputError("no run was started here", where=str(path)) from None
    if "finished_at" not in run:
        raise InputError("the run was killed, or goes on", where=str(path), expected="a run that ended",
                         fix="stop it with Ctrl-C, or go on with --resume last")  # fmt: skip
    return run


def _write_record(folder: Path, run: Mapping[str, Any], checkpoint: Path) -> dict[str, Any]:
    record = _record(folder, run, checkpoint)
    _write(folder / RECORD_FILE, record)
    write_whole(folder / CARD_FILE, card(record).encode())
    return record


def _record(folder: Path, run: Mapping[str, Any], checkpoint: Path) -> dict[str, Any]:
    values = run["resolved"]
    is_adapter = (checkpoint / "adapter_config.json").is_file()
    kept = (
        "method",
        "data",
        "prompt_hash",
        "reward_version",
        "environment",
        "machine",
        "resolved",
        "metrics",
        "global_step",
    )
    return {
        "form": RECORD_FORM,
        "name": folder.name,
        "kind": "adapter" if is_adapter else "checkpoint",
        "weights": checkpoint.name,
        "weights_sha256": weights_hash(checkpoint),
        "base_model": str(values.get("model", "")),
        "base_licence": base_licence(str(values.get("model", ""))),
        "created_at": run["finished_at"],
        **{key: run[key] for key in kept},
        "seconds": _seconds(run),
        "stages_before": _stages_before(values),
    }


def _stages_before(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what the adapter that a run went on from was trained by, the first stage first.

    Empty where the run began with the model itself, or with an adapter that has no record beside it.
    """
    started_from = next(iter(as_list(values.get("adapters"))), "")
    path = Path(started_from).parent / RECORD_FILE
    if not started_from or not path.is_file():
        return []
    record = json.loads(path.read_text(encoding="utf-8"))
    stage = {key: record.get(key) for key in ("name", "method", "global_step", "seconds", "data", "weights_sha256")}
    return [*record.get("stages_before", ()), stage]


def _seconds(run: Mapping[str, Any]) -> float:
    """Return how long a run took, from its start to its end."""
    started, finished = (dt.datetime.fromisoformat(run[key]) for key in ("started_at", "finished_at"))
    return (finished - started).total_seconds()


def last_metrics(log: Path, *, until: int | None = None) -> dict[str, float]:
    """Return the last value of every number in ms-swift's log, as far as a step where one is given."""
    metrics: dict[str, float] = {}
    for entry in read_log(log):
        if until is not None and (step := step_of(entry)) and step.number > until:
            break
        metrics.update({name: value for name, value in entry.items() if isinstance(value, int | float)})
    return metrics


def data_files(recipe: Recipe) -> Iterator[dict[str, Any]]:
    """Describe each data file by what it really is: a link to the newest cut is followed."""
    for text in [*recipe.listed("dataset"), *recipe.listed("val_dataset")]:
        path = Path(file_part(text)).resolve()
        if path.is_file():
            manifest = path.parent / "manifest.json"
            cut = json.loads(manifest.read_text(encoding="utf-8")) if manifest.is_file() else {}
            with path.open("rb") as lines:
                rows = sum(1 for line in lines if line.strip())
            yield {
                "file": f"{path.parent.name}/{path.name}",
                "sha256": _file_hash(path),
                "rows": rows,
                "cut": cut.get("id", ""),
                "licences": cut.get("licences", {}),
            }


def weights_hash(folder: Path) -> str:
    """Return one hash over the weight files of a checkpoint, by name and content."""
    return _hash_files(sorted(folder.glob("*.safetensors")))


def _hash_files(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}\0{_file_hash(file)}\n".encode())
    return digest.hexdigest()


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _folder(recipe: Recipe) -> Path:
    return Path(str(recipe.values["output_dir"]))


def _write(path: Path, data: Mapping[str, Any]) -> None:
    text = json.dumps(data, indent=2, ensure_ascii=False, default=str)
    write_whole(path, f"{text}\n".encode())
