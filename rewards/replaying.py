"""What a run's own log says about its rewards: spread within groups, saturation, correlation, drift.

ms-swift writes `completions.jsonl` with one JSON object per step, each key a list. The numbers there are those that
trained the model; scoring the same completions again with today's code shows whether the rewards have changed since.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, pstdev, variance
from typing import Any

from proposal.errors import InputError
from rewards import COMPONENTS, REWARDS, score_all
from rewards.rows import Task

SATURATED_AT = 0.98
LIVELY_SPREAD = 0.03
"""A component whose spread within groups is below this teaches nothing."""

MANY_VOID = 0.2
"""Share of the last completions with 0 from every reward from which, if it has doubled, something drives them there."""

FALL, FALL_ERRORS = 0.05, 2.0
"""A fall over a run is told from this size, and from so many standard errors of the difference."""


@dataclass(frozen=True, slots=True)
class Logged:
    """One completion of a run, with the values it was given, by metric name."""

    step: int
    prompt: str
    completion: str
    values: dict[str, float]


@dataclass(frozen=True, slots=True)
class ComponentReport:
    """What one reward column did over a run.

    `first` and `last` are means over the first and the last tenth; `drift_error` is the standard error of their
    difference, infinite where a tenth is one completion.
    """

    metric: str
    mean: float
    first: float
    last: float
    drift_error: float
    group_spread: float
    flat_groups: float
    saturated: float


def read_log(path: Path) -> list[Logged]:
    """Read `completions.jsonl`, or a file with one completion per line and a key for each reward."""
    found: list[Logged] = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", where=str(path), expected="completions.jsonl of a run") from None
    for number, line in enumerate(lines, start=1):
        if line.strip():
            found += _logged(_object(line, f"{path}:{number}"), f"{path}:{number}")
    if not found:
        raise InputError("holds no completions", where=str(path), fix="train with log_completions: true")
    return found


def _object(line: str, where: str) -> dict[str, Any]:
    try:
        data = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"not valid JSON: {error}", where=where) from None
    if not isinstance(data, dict) or "completion" not in data:
        raise InputError("has no key 'completion'", where=where, expected="an object of completions.jsonl")
    return data


def _logged(data: Mapping[str, Any], where: str) -> Iterator[Logged]:
    table = {key: value if isinstance(value, list) else [value] for key, value in data.items()}
    count = len(table["completion"])
    metrics = {reward.metric for reward in REWARDS} | {reward.name for reward in REWARDS}
    columns = {key: value for key, value in table.items() if key in metrics}
    if any(len(value) != count for value in columns.values()):
        raise InputError("has columns of different lengths", where=where)
    steps = table.get("step", [0] * count)
    prompts = table.get("prompt", [""] * count)
    for place in range(count):
        values = {_metric(key): float(value[place]) for key, value in columns.items() if value[place] is not None}
        yield Logged(int(float(steps[place] or 0)), str(prompts[place]), str(table["completion"][place]), values)


def _metric(key: str) -> str:
    return next((reward.metric for reward in REWARDS if reward.name == key), key)


def groups_of(logged: Sequence[Logged]) -> list[list[Logged]]:
    """Return the completions of one prompt and step together."""
    groups: dict[tuple[int, str], list[Logged]] = {}
    for one in logged:
        groups.setdefault((one.step, one.prompt), []).append(one)
    return list(groups.values())


def report(logged: Sequence[Logged]) -> list[ComponentReport]:
    """Return what each reward did."""
    groups = [group for group in groups_of(logged) if len(group) > 1]
    found = []
    for metric in [reward.metric for reward in REWARDS if any(reward.metric in one.values for one in logged)]:
        values = [one.values[metric] for one in logged if metric in one.values]
        spreads = [pstdev([one.values.get(metric, 0.0) for one in group]) for group in groups]
        tenth = max(1, len(values) // 10)
        first, last = values[:tenth], values[-tenth:]
        found.append(
            ComponentReport(
                metric,
                fmean(values),
                fmean(first),
                fmean(last),
                math.sqrt((variance(first) + variance(last)) / tenth) if tenth > 1 else math.inf,
                fmean(spreads) if spreads else 0.0,
                fmean([float(spread == 0) for spread in spreads]) if spreads else 1.0,
                fmean([float(value >= SATURATED_AT) for value in values]),
            )
        )
    return found


def void_shares(logged: Sequence[Logged]) -> tuple[float, float]:
    """Return the shares of the first and the last tenth that every reward gave 0: cut off, or refused by a gate."""
    void = [float(not any(one.values.values())) for one in logged]
    tenth = max(1, len(void) // 10)
    return fmean(void[:tenth]), fmean(void[-tenth:])


def advice(reports: Sequence[ComponentReport], void: tuple[float, float] = (0.0, 0.0)) -> list[str]:
    """Return what the numbers suggest, in words; `void` as `void_shares` gives it."""
    names = {reward.metric: reward for reward in REWARDS}
    found = []
    if void[1] > max(MANY_VOID, 2 * void[0]):
        found.append(
            f"{void[1]:.0%} of the last completions have 0 from every reward, {void[0]:.0%} of the first: they run into"
            " max_completion_length, which overlong_filter keeps from being punished, or into a gate that `reward"
            " explain` names"
        )
    for one in reports:
        if not names[one.metric].sixteenths:
            continue
        if one.saturated > 0.9:
            found.append(f"{one.metric} is full in {one.saturated:.0%} of the completions: halve its weight")
        elif one.group_spread < LIVELY_SPREAD:
            found.append(f"{one.metric} hardly differs within groups: it teaches nothing now")
        if one.flat_groups > 0.3:
            found.append(f"{one.metric} is equal within {one.flat_groups:.0%} of the groups: raise the temperature")
        if one.first - one.last > max(FALL, FALL_ERRORS * one.drift_error):
            found.append(f"{one.metric} falls from {one.first:.2f} to {one.last:.2f}: the others may be bought with it")
    return found


def correlations(logged: Sequence[Logged]) -> list[tuple[str, str, float]]:
    """Return how the components go together, strongest first; near −1 they fight, near 1 one of them is idle."""
    metrics = [reward.metric for reward in COMPONENTS]
    rows = [one.values for one in logged if all(metric in one.values for metric in metrics)]
    found = [
        (left, right, correlation([row[left] for row in rows], [row[right] for row in rows]))
        for place, left in enumerate(metrics)
        for right in metrics[place + 1 :]
    ]
    return sorted(found, key=lambda item: -abs(item[2]))


def correlation(left: Sequence[float], right: Sequence[float]) -> float:
    """Return Pearson's correlation, 0 where one side does not vary."""
    if len(left) < 2:
        return 0.0
    a, b = fmean(left), fmean(right)
    over = sum((x - a) * (y - b) for x, y in zip(left, right, strict=True))
    under = math.sqrt(sum((x - a) ** 2 for x in left) * sum((y - b) ** 2 for y in right))
    return over / under if under else 0.0


def rank_correlation(left: Sequence[float], right: Sequence[float]) -> float:
    """Return Spearman's correlation; equal values share their rank, and equal rankings agree even where all are tied.

    >>> rank_correlation([1, 2, 3], [10, 20, 15])
    0.5
    """
    a, b = ranks(left), ranks(right)
    return 1.0 if a == b else round(correlation(a, b), 9)


def ranks(values: Sequence[float]) -> list[float]:
    """Return the rank of each value, ties at their mean.

    >>> ranks([5, 1, 5])
    [1.5, 0.0, 1.5]
    """
    places: dict[float, list[int]] = {}
    for rank, value in enumerate(sorted(values)):
        places.setdefault(value, []).append(rank)
    return [fmean(places[value]) for value in values]


def score_again(logged: Sequence[Logged], tasks: Mapping[str, Task]) -> list[Logged]:
    """Return the same completions with today's values; completions of unknown prompts are left out."""
    found = []
    for one in logged:
        task = tasks.get(one.prompt)
        if task is not None:
            scores = score_all(one.completion, task)
            values = {reward.metric: scores[reward.name].value for reward in REWARDS}
            found.append(Logged(one.step, one.prompt, one.completion, values))
    return found


def cut_off(before: Sequence[Logged], after: Sequence[Logged]) -> list[int]:
    """Return the places of completions that a run voided though their text earns something now.

    A text that ran into `max_completion_length` gets 0 from every reward, and the log does not say which did.
    """
    return [
        place
        for place, (old, new) in enumerate(zip(before, after, strict=True))
        if not any(old.values.values()) and any(new.values.get(metric) for metric in old.values)
    ]


def compare(left: Sequence[Logged], right: Sequence[Logged]) -> list[tuple[str, float, float, float]]:
    """Return, for every metric both have: mean of the left, mean of the right, rank correlation."""
    if len(left) != len(right) or any(a.completion != b.completion for a, b in zip(left, right, strict=True)):
        raise InputError("the two logs hold different completions", expected="the same completions in the same order")
    shared = [reward.metric for reward in REWARDS if all(reward.metric in one.values for one in (*left, *right))]
    return [
        (
            metric,
            fmean(a := [one.values[metric] for one in left]),
            fmean(b := [one.values[metric] for one in right]),
            rank_correlation(a, b),
        )
        for metric in shared
    ]
