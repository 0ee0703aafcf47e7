"""Hands our rewards to ms-swift; the only file of ours that imports it.

    swift rlhf --rlhf_type grpo --external_plugins rewards/dao_swift_plugin.py \\
        --reward_funcs data_citation numeric_faithfulness … --reward_weights 0.3125 0.25 …

ms-swift imports this file by its path with its folder first on the path, so the project itself is looked up here, and
only if it is not installed. Each reward is a class of its own, because ms-swift names a metric by the class.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

if importlib.util.find_spec("rewards") is None:
    sys.path.append(str(Path(__file__).resolve().parent.parent))

from swift.rewards import ORM, orms

from rewards import REWARDS, Reward
from rewards.training import LOG_VARIABLE, STAGES_VARIABLE, check_command_line, log_path, reward_column, stages_of

_LOG = log_path(os.environ.get(LOG_VARIABLE), os.environ.get("RANK"))
_STAGES = stages_of(os.environ.get(STAGES_VARIABLE))

check_command_line(sys.argv)


def as_orm(reward: Reward) -> type[ORM]:
    """Return the class that ms-swift instantiates and calls for one reward."""

    def call(self: ORM, completions: list[Any], **columns: Any) -> list[float]:  # noqa: ARG001
        return reward_column(reward, completions, columns, stages=_STAGES, log=_LOG)

    return type(reward.metric, (ORM,), {"__call__": call, "__doc__": reward.function.__doc__})


for _reward in REWARDS:
    orms[_reward.name] = as_orm(_reward)
