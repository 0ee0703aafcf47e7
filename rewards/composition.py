"""How components become one judgement: weights in sixteenths, a geometric total, and the stages of a run.

Two modes. With `scale_rewards: gdpo` each component is its own column and ms-swift adds them up after normalising each
(reference weights). With `scale_rewards: group` the single column `dao_total` is a weighted geometric mean: a component
near zero cannot be bought back by the others. Weights are sixteenths, because only dyadic numbers keep equal rewards
exactly equal in the trainer's arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from rewards.gates import Stage
from rewards.score import STEPS, quantise

SIXTEENTHS: Mapping[str, int] = {
    "data_citation": 5,
    "numeric_faithfulness": 4,
    "template_adherence": 2,
    "compliance": 2,
    "tone_neutrality": 2,
    "brevity": 1,
}
"""The reference weights."""

_BY_STAGE: Mapping[Stage, Mapping[str, int]] = {
    "early": {
        "data_citation": 5,
        "numeric_faithfulness": 2,
        "template_adherence": 6,
        "compliance": 1,
        "tone_neutrality": 1,
        "brevity": 1,
    },
    "middle": {
        "data_citation": 6,
        "numeric_faithfulness": 5,
        "template_adherence": 2,
        "compliance": 1,
        "tone_neutrality": 1,
        "brevity": 1,
    },
    "late": SIXTEENTHS,
}
"""Form and resolvable citations first, then figures, then everything."""

MIDDLE_FROM, LATE_FROM = 0.15, 0.60
"""Shares of a run at which the stages begin."""
SATURATED = 0.95
"""A component above this counts as full in the total: the last points of one must not outweigh the others."""


def stage_at(step: int, steps: int) -> Stage:
    """Return the stage of a step; the same for a whole batch, so that siblings are judged alike.

    >>> stage_at(0, 100), stage_at(15, 100), stage_at(60, 100)
    ('early', 'middle', 'late')
    """
    share = step / steps if steps > 0 else 1.0
    if share < MIDDLE_FROM:
        return "early"
    return "middle" if share < LATE_FROM else "late"


def weighted(values: Mapping[str, float], *, stage: Stage = "late") -> float:
    """Return the weighted sum of component values.

    >>> weighted(dict.fromkeys(SIXTEENTHS, 0.5))
    0.5
    """
    return sum(share * values[name] for name, share in _BY_STAGE[stage].items()) / 16


def geometric(values: Mapping[str, float], *, stage: Stage = "late") -> float:
    """Return the weighted geometric mean of component values, quantised; 0 when every component is 0.

    >>> geometric(dict.fromkeys(SIXTEENTHS, 1.0))
    1.0
    """
    if not any(values[name] for name in SIXTEENTHS):
        return 0.0
    exponent = sum(
        share * math.log(max(min(values[name] / SATURATED, 1.0), 1 / STEPS)) for name, share in _BY_STAGE[stage].items()
    )
    return quantise(math.exp(exponent / 16))


def reference_configuration() -> dict[str, object]:
    """Return the ms-swift arguments that these rewards were made for (mode GDPO, eight completions a prompt)."""
    from rewards import REWARDS

    return {
        "external_plugins": ["rewards/dao_swift_plugin.py"],
        "reward_funcs": [reward.name for reward in REWARDS if reward.name != "dao_total"],
        "reward_weights": [reward.sixteenths / 16 for reward in REWARDS if reward.name != "dao_total"],
        "scale_rewards": "gdpo",
        "num_generations": 8,
        "beta": 0.02,
        "epsilon": 0.2,
        "epsilon_high": 0.28,
        "loss_type": "dapo",
        "temperature": 1.0,
        "overlong_filter": True,
        "truncation_strategy": "delete",
        "log_completions": True,
    }
