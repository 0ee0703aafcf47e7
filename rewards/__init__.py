"""What "good" is worth: pure scores of a completion, and the one visible tuple of them.

    from rewards import read_task, score_all
    scores = score_all(completion, read_task(row, where="row 0"))
    {name: score.value for name, score in scores.items()}

Everything here is deterministic, runs on a CPU without torch, and never raises on what a model wrote. The specification
of each component is the docstring of its module; `docs/rewards.md` is the guide.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from rewards.analysis import Analysis, _analyse, analyse
from rewards.brevity import brevity
from rewards.citation import data_citation
from rewards.compliance import compliance
from rewards.composition import SIXTEENTHS, geometric
from rewards.diagnostics import diag_coverage, diag_precision, diag_recall, diag_unsupported
from rewards.faithfulness import numeric_faithfulness
from rewards.gates import Stage
from rewards.rows import COLUMNS, ColumnError, Task, read_task
from rewards.score import Reason, Score
from rewards.structure import template_adherence
from rewards.tone import tone_neutrality

__all__ = [
    "COLUMNS",
    "COMPONENTS",
    "REWARDS",
    "Analysis",
    "ColumnError",
    "Reason",
    "Reward",
    "Score",
    "Task",
    "analyse",
    "forget",
    "read_task",
    "reward_version",
    "score_all",
]

MAX_SCORED = 1_024
"""Completions whose scores are kept: a trainer asks for one reward of a whole batch after the other."""


@dataclass(frozen=True, slots=True)
class Reward:
    """One reward function: its name in `reward_funcs`, the class that names its metric, its weight in sixteenths."""

    name: str
    metric: str
    sixteenths: int
    function: Callable[[Analysis], Score]

    def score(self, analysis: Analysis) -> Score:
        """Return the score of an analysed completion, computed once for each analysis."""
        known = analysis.scores.get(self.name)
        if known is None:
            known = analysis.scores[self.name] = self.function(analysis)
        return known


COMPONENTS: tuple[Reward, ...] = (
    Reward("data_citation", "DataCitation", SIXTEENTHS["data_citation"], data_citation),
    Reward("numeric_faithfulness", "NumericFaithfulness", SIXTEENTHS["numeric_faithfulness"], numeric_faithfulness),
    Reward("template_adherence", "TemplateAdherence", SIXTEENTHS["template_adherence"], template_adherence),
    Reward("compliance", "Compliance", SIXTEENTHS["compliance"], compliance),
    Reward("tone_neutrality", "ToneNeutrality", SIXTEENTHS["tone_neutrality"], tone_neutrality),
    Reward("brevity", "Brevity", SIXTEENTHS["brevity"], brevity),
)
"""What a completion is rewarded for."""


def dao_total(analysis: Analysis) -> Score:
    """Return the weighted geometric mean of the components, for runs that train on one column."""
    values = {reward.name: reward.score(analysis).value for reward in COMPONENTS}
    return Score(geometric(values, stage=analysis.stage))


REWARDS: tuple[Reward, ...] = (
    *COMPONENTS,
    Reward("diag_precision", "DiagPrecision", 0, diag_precision),
    Reward("diag_recall", "DiagRecall", 0, diag_recall),
    Reward("diag_coverage", "DiagCoverage", 0, diag_coverage),
    Reward("diag_unsupported", "DiagUnsupported", 0, diag_unsupported),
    Reward("dao_total", "DaoTotal", 0, dao_total),
)
"""Every reward function that the plugin registers."""


def score_all(completion: str, task: Task, *, truncated: bool = False, stage: Stage = "late") -> Mapping[str, Score]:
    """Return the scores of a completion by the names of the rewards; they are worked out once and kept.

    The analysis behind them is not kept: it is a thousand small objects, and every full garbage collection of the
    trainer would walk through those of a whole batch.
    """
    return _score_all(completion, task, truncated, stage)


@lru_cache(maxsize=MAX_SCORED)
def _score_all(completion: str, task: Task, truncated: bool, stage: Stage) -> Mapping[str, Score]:
    analysis = analyse(completion, task, truncated=truncated, stage=stage)
    return MappingProxyType({reward.name: reward.score(analysis) for reward in REWARDS})


def forget() -> None:
    """Drop what is kept of completions: who times the rewards or compares two runs of them begins anew."""
    _analyse.cache_clear()
    _score_all.cache_clear()


@lru_cache(maxsize=1)
def reward_version() -> str:
    """Return twelve hexadecimal digits that change with the rewards: their source, the tone weights, the checks."""
    from proposal.checks import rules_hash

    digest = hashlib.sha256(rules_hash().encode())
    for path in sorted(Path(__file__).parent.glob("*")):
        if path.suffix in {".py", ".npz", ".json"}:
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]
