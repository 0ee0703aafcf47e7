"""A score: a value in [0, 1] with the reasons that a person needs to understand it.

Values are multiples of 1/256. A reward that is constant within a group of completions must have an exactly zero spread:
ms-swift divides by the spread plus 1e-8, so a rounding error of one unit in the last place would be blown up into an
advantage that has the same sign for the whole group. Multiples of 1/256 and weights in sixteenths are exact in the
trainer's 32-bit floats, their sums too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

STEPS = 256
"""Distinct steps of a score between 0 and 1."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that moved a score: what it is about, in words, and where in the analysed text."""

    code: str
    message: str
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Score:
    """The value of one component for one completion, and why it is not 1."""

    value: float
    reasons: tuple[Reason, ...] = ()


def quantise(value: float) -> float:
    """Round to the nearest multiple of 1/256 within [0, 1]; anything that is no number becomes 0.

    >>> quantise(0.1), quantise(1.7), quantise(float("nan"))
    (0.1015625, 1.0, 0.0)
    """
    if not value > 0:
        return 0.0
    return min(1.0, math.floor(value * STEPS + 0.5) / STEPS)
