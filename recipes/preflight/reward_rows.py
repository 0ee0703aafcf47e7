"""Rewards of a recipe against the columns of its rows and against text that is known to be good."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from data_prep.method_checks import check_for
from data_prep.reading import RawRow, read_rows
from proposal.errors import AgentError
from recipes.preflight.keys import is_float
from recipes.preflight.rows import MAX_SHOWN
from recipes.problems import Problem
from recipes.recipe import Recipe, file_part
from rewards import REWARDS, Analysis, Reward, analyse, read_task

REFERENCE_SCORE = 0.9
"""What a text that is known to be good has to earn from the rewards of a recipe."""


def rewards_have_columns(recipe: Recipe) -> Iterator[Problem]:
    """Every row carries what our rewards read, and known good text earns what it should.

    A missing column is a TypeError in the first step; a reference that scores low means that the
    rewards would teach the model away from it.
    """
    rewards = [reward for reward in REWARDS if reward.name in recipe.listed("reward_funcs")]
    shown = 0
    for text in recipe.listed("dataset") if rewards else ():
        path = Path(file_part(text))
        for item in read_rows(path) if path.is_file() else ():
            if isinstance(item, RawRow) and shown < MAX_SHOWN and not check_for(item, "grpo", path):
                for problem in _task_problems(item, path, rewards):
                    shown += 1
                    yield problem


def _task_problems(row: RawRow, path: Path, rewards: Sequence[Reward]) -> Iterator[Problem]:
    where = f"{path}:{row.line} row {row.number}"
    try:
        task = read_task(row.data, where=where)
    except AgentError as error:
        yield Problem(error.where or where, error.message, error.fix or "build the rows again")
        return
    reference = row.data.get("dao_reference")
    if isinstance(reference, str) and reference:
        yield from _reference_problems(analyse(reference, task), rewards, where)


def _reference_problems(analysis: Analysis, rewards: Sequence[Reward], where: str) -> Iterator[Problem]:
    scores = {reward: reward.score(analysis) for reward in rewards if not reward.name.startswith("diag_")}
    weight = sum(reward.sixteenths or 1 for reward in scores)
    earned = sum(score.value * (reward.sixteenths or 1) for reward, score in scores.items())
    if not scores or earned / weight >= REFERENCE_SCORE:
        return
    worst = min(scores, key=lambda reward: scores[reward].value)
    reasons = "; ".join(reason.message for reason in scores[worst].reasons[:3])
    yield Problem(
        f"{where}, dao_reference",
        f"the reference earns {earned / weight:.2f}; least from {worst.name}: {reasons or 'no reason'}",
        "correct the reference, or the reward that judges it wrongly",
    )


def rewards_have_weights(recipe: Recipe) -> Iterator[Problem]:
    """As many weights as rewards, each a multiple of 1/16: other weights make constant rewards look
    informative.
    """
    names, weights = recipe.listed("reward_funcs"), recipe.listed("reward_weights")
    if recipe.rlhf_type != "grpo":
        return
    if not names:
        yield Problem(f"{recipe.path}, reward_funcs", "the recipe names no reward", "add reward_funcs: […]")
    if weights and len(weights) != len(names) + len(recipe.listed("reward_model")):
        yield Problem(
            recipe.where("reward_weights"),
            f"{len(weights)} weights for {len(names)} rewards",
            "give one for each",
        )
    for weight in weights:
        if is_float(weight) and float(weight) * 16 != round(float(weight) * 16):
            yield Problem(
                recipe.where("reward_weights"),
                f"{weight} is no multiple of 1/16",
                f"write {round(float(weight) * 16) / 16}",
            )
