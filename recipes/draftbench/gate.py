"""The promotion gate: may this model take the place of the one in use?

Limits are data (`recipes/configs/promotion.yaml`): what must hold of the candidate by itself, and what must not be
worse than today's model by more than a margin. A metric that was not measured does not pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from proposal.errors import ConfigError, InputError, nearest
from proposal.inputs import read_structured, validate
from recipes.draftbench.metrics import BY_NAME
from recipes.draftbench.report import Comparison

GATE_FILE = Path(__file__).resolve().parent.parent / "configs" / "promotion.yaml"


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Limit(_Closed):
    """What the mean of a metric may be at least and at most."""

    least: float | None = None
    most: float | None = None


class Gate(_Closed):
    """The limits of promotion; `not_worse` gives the margin that a metric may fall behind by."""

    items: int = Field(ge=1)
    must: dict[str, Limit]
    not_worse: dict[str, float]

    @model_validator(mode="after")
    def _known(self) -> Gate:
        for name in (*self.must, *self.not_worse):
            if name not in BY_NAME:
                near = nearest(name, BY_NAME)
                raise ValueError(f"'{name}' is no metric" + (f"; did you mean '{near}'?" if near else ""))
        return self


def load_gate(path: Path = GATE_FILE) -> Gate:
    """Read the limits; a wrong file is an error of the configuration."""
    try:
        return validate(Gate, read_structured(path), where=str(path))
    except InputError as error:
        raise ConfigError(error.message, where=error.where, expected=error.expected, fix=error.fix) from None


def objections(gate: Gate, found: Comparison, *, candidate: str) -> Iterator[str]:
    """Yield why a candidate must not be promoted; the row before it is the model in use, where there is one."""
    if found.items < gate.items:
        yield f"{found.items} items are too few: at least {gate.items}"
    for name, limit in gate.must.items():
        one = found.estimates[candidate][name]
        if one is None:
            yield f"{name} was not measured"
        elif limit.least is not None and one.mean < limit.least:
            yield f"{name} is {one.mean:.3f}, less than {limit.least:g}"
        elif limit.most is not None and one.mean > limit.most:
            yield f"{name} is {one.mean:.3f}, more than {limit.most:g}"
    for name, margin in gate.not_worse.items():
        change = found.changes.get(candidate, {}).get(name)
        if change is not None:
            worse = -change.low if BY_NAME[name].up else change.high
            if worse > margin:
                yield f"{name} may be worse by {worse:.3f} than the model in use, more than {margin:g}"
