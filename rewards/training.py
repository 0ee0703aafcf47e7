"""One reward column of one batch, as a trainer asks for it: strict about our columns, tolerant of the model's text.

No trainer is imported here, so that all of it can be tested and debugged without one. Every completion gets a number:
a missing value would count as a penalty against its siblings.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from proposal.errors import nearest
from rewards import REWARDS, Reward, reward_version, score_all
from rewards.composition import stage_at
from rewards.gates import Stage
from rewards.rows import COLUMNS, ColumnError, read_task
from rewards.score import Score

LOG_VARIABLE = "DAO_REWARD_LOG"
"""Path of the JSONL file that keeps the reasons; each rank adds its number to the name."""
STAGES_VARIABLE = "DAO_REWARD_STAGES"
"""`run` follows the stages of the run by its step, `early`, `middle` or `late` (the default) fixes one."""

Stages = Literal["run", "early", "middle", "late"]
logger = logging.getLogger(__name__)


def reward_column(
    reward: Reward,
    completions: Sequence[Any],
    columns: Mapping[str, Any],
    *,
    stages: Stages = "late",
    log: Path | None = None,
) -> list[float]:
    """Return one value per completion; `columns` is what the trainer passes by keyword."""
    stage = _stage(columns.get("trainer_state"), stages)
    scores = [
        score_all(completion_text(completion), read_task(row, where=f"row {place}"), truncated=cut, stage=stage)[
            reward.name
        ]
        for place, (completion, row, cut) in enumerate(
            zip(completions, _rows(columns, len(completions)), _truncated(columns, len(completions)), strict=True)
        )
    ]
    if log is not None and reward.sixteenths:
        _write(log, reward, scores, columns)
    return [score.value for score in scores]


def check_command_line(arguments: Sequence[str]) -> None:
    """Check the rows of local data sets named on the trainer's command line, before a model is loaded.

    ms-swift hands the data set to a reward only in its first training step; what is missing there costs the start-up.
    """
    if not set(arguments) & {reward.name for reward in REWARDS}:
        return
    for name in _values_of("--dataset", arguments):
        path = Path(name.split("#")[0])
        if path.suffix == ".jsonl" and path.is_file():
            check_rows(path)


def check_rows(path: Path) -> int:
    """Read every row of a JSONL file as the rewards would; return how many there are."""
    count = 0
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                read_task(parse_row(line, where=f"{path}:{number}"), where=f"{path}:{number}")
                count += 1
    return count


def parse_row(line: str, *, where: str) -> dict[str, Any]:
    """Return the columns of one line of a JSONL file."""
    try:
        data = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ColumnError(f"the row is not valid JSON: {str(error)[:120]}", where=where) from None
    if not isinstance(data, dict):
        raise ColumnError(
            f"the row is {type(data).__name__}", where=where, expected="an object with one key per column"
        )
    return data


def _values_of(option: str, arguments: Sequence[str]) -> Iterator[str]:
    """Yield what follows an option up to the next one, as `--dataset a b` or `--dataset=a`."""
    taking = False
    for argument in arguments:
        if argument.startswith("--"):
            name, _, attached = argument.partition("=")
            taking = name == option and not attached
            if name == option and attached:
                yield attached
        elif taking:
            yield argument


def completion_text(completion: Any) -> str:
    """Return the text of a completion: multimodal turns carry a list of parts."""
    if isinstance(completion, str):
        return completion
    if isinstance(completion, list):
        return "\n".join(
            part["text"] for part in completion if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    return ""


def _rows(columns: Mapping[str, Any], count: int) -> list[dict[str, Any]]:
    """Return the columns row by row; a scheduler of multi-turn rollouts may name another section for its last turn."""
    for name in COLUMNS:
        values = columns.get(name)
        if values is None:
            near = nearest(name, [key for key in columns if key.startswith("dao_") and key not in COLUMNS])
            raise ColumnError(
                f"the column '{name}' is missing",
                where="data set",
                expected=f"columns {', '.join(COLUMNS)}",
                fix=f"rename '{near}'" if near else "run: dao-agent reward lint DATASET",
            )
        if isinstance(values, str) or len(values) != count:
            raise ColumnError(f"the column '{name}' has {len(values)} values for {count} completions", where="data set")
    rows = [{name: columns[name][place] for name in COLUMNS} for place in range(count)]
    for row, info in zip(rows, columns.get("rollout_infos") or [None] * count, strict=True):
        if isinstance(info, dict):
            row.update(
                {name: info[name] for name in ("dao_section", "dao_required") if isinstance(info.get(name), str)}
            )
    return rows


def _truncated(columns: Mapping[str, Any], count: int) -> list[bool]:
    flags = columns.get("is_truncated") or [None] * count
    finish = columns.get("finish_reason") or [None] * count
    return [bool(flag) or reason == "length" for flag, reason in zip(flags, finish, strict=True)]


def _stage(state: Any, stages: Stages) -> Stage:
    if stages != "run":
        return stages
    return stage_at(int(getattr(state, "global_step", 0) or 0), int(getattr(state, "max_steps", 0) or 0))


def stages_of(setting: str | None) -> Stages:
    """Return the setting of the stages; an unknown one fails before training."""
    known: dict[str, Stages] = {"run": "run", "early": "early", "middle": "middle", "late": "late"}
    if (setting or "late") not in known:
        raise ColumnError(f"'{setting}' is no stage", where=STAGES_VARIABLE, expected=f"one of: {', '.join(known)}")
    return known[setting or "late"]


def log_path(setting: str | None, rank: str | None) -> Path | None:
    """Return the sidecar of this rank, with its folder made; a path that cannot be written fails before training."""
    if not setting:
        return None
    path = Path(setting)
    path = path.with_name(f"{path.stem}.rank{rank or '0'}{path.suffix or '.jsonl'}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError as error:
        raise ColumnError(
            f"the reward log cannot be written: {error.strerror}",
            where=str(path),
            fix=f"correct or unset {LOG_VARIABLE}",
        ) from None
    return path


def _write(path: Path, reward: Reward, scores: Sequence[Score], columns: Mapping[str, Any]) -> None:
    """Append one line per completion; a full disk costs the log, not the run."""
    step = getattr(columns.get("trainer_state"), "global_step", None)
    ids = columns.get("request_id") or columns.get("prompt_id") or [None] * len(scores)
    lines = [
        json.dumps(
            {
                "step": step,
                "reward": reward.name,
                "id": item,
                "value": score.value,
                "version": reward_version(),
                "reasons": [[reason.code, reason.message] for reason in score.reasons],
            },
            ensure_ascii=False,
        )
        for item, score in zip(ids, scores, strict=True)
    ]
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
    except OSError as error:
        logger.warning("event=reward_log_failed path=%s error=%s", path, error.strerror)
