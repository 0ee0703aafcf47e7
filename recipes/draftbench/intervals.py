"""Intervals and differences of DraftBench: paired bootstrap over DAOs.

Proposals of one DAO resemble each other, so whole DAOs are drawn with replacement and not single items; where a set has
fewer than three DAOs the items are drawn, and the report says so. Two systems are compared on the items both have.
Source: paired bootstrap after Koehn (2004), cluster bootstrap after Cameron, Gelbach and Miller (2008), family-wise
correction after Holm (1979).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

RESAMPLES = 10_000
MIN_CLUSTERS = 3
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95 % interval over `items` items."""

    mean: float
    low: float
    high: float
    items: int


@dataclass(frozen=True, slots=True)
class Difference:
    """The mean paired difference of two systems with its interval, and the two-sided bootstrap p-value."""

    mean: float
    low: float
    high: float
    p: float
    items: int


def estimate(values: Mapping[str, float], clusters: Mapping[str, str], *, seed: int) -> Estimate | None:
    """Return the mean of the values by item id, with its interval; None without values."""
    if not values:
        return None
    drawn = _resampled(values, clusters, seed=seed)
    low, high = _interval(drawn)
    return Estimate(sum(values.values()) / len(values), low, high, len(values))


def difference(
    after: Mapping[str, float], before: Mapping[str, float], clusters: Mapping[str, str], *, seed: int
) -> Difference | None:
    """Return what changed from `before` to `after` on the items both have; None where they share none."""
    both = {item: after[item] - before[item] for item in after if item in before}
    if not both:
        return None
    drawn = _resampled(both, clusters, seed=seed)
    low, high = _interval(drawn)
    below, above = float((drawn <= 0).mean()), float((drawn >= 0).mean())
    p = min(1.0, 2 * max(min(below, above), 1 / RESAMPLES))
    return Difference(sum(both.values()) / len(both), low, high, p, len(both))


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return p-values corrected for their number, so that one in twenty tables has a chance finding, not each.

    >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
    {'a': 0.03, 'c': 0.06, 'b': 0.06}
    """
    corrected: dict[str, float] = {}
    worst = 0.0
    ordered = sorted(p_values, key=lambda name: p_values[name])
    for place, name in enumerate(ordered):
        worst = max(worst, min(1.0, p_values[name] * (len(ordered) - place)))
        corrected[name] = round(worst, 12)
    return corrected


def _resampled(values: Mapping[str, float], clusters: Mapping[str, str], *, seed: int) -> np.ndarray[Any, Any]:
    """Return the means of the resamples: clusters are drawn, and all items of a drawn one come with it."""
    import numpy as np

    items = sorted(values)
    groups = [clusters[item] for item in items]
    if len(set(groups)) < MIN_CLUSTERS:
        groups = items
    names = sorted(set(groups))
    place = {name: number for number, name in enumerate(names)}
    sums, counts = np.zeros(len(names)), np.zeros(len(names))
    for item, group in zip(items, groups, strict=True):
        sums[place[group]] += values[item]
        counts[place[group]] += 1
    random = np.random.default_rng(seed)
    weights = random.multinomial(len(names), np.full(len(names), 1 / len(names)), size=RESAMPLES)
    return np.asarray((weights @ sums) / (weights @ counts))


def _interval(drawn: np.ndarray[Any, Any]) -> tuple[float, float]:
    import numpy as np

    tail = (1 - LEVEL) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return float(low), float(high)


def clustered(values: Mapping[str, float], clusters: Mapping[str, str]) -> bool:
    """Tell whether whole DAOs are drawn: there are enough of them."""
    return len({clusters[item] for item in values}) >= MIN_CLUSTERS


def known(scores: Mapping[str, Mapping[str, float | None]], metric: str) -> dict[str, float]:
    """Return one metric by item id, without the items in which it has nothing to measure."""
    return {item: value for item, of in scores.items() if (value := of[metric]) is not None}


def common(systems: Sequence[Mapping[str, Mapping[str, float | None]]]) -> set[str]:
    """Return the items that every system drafted."""
    return set.intersection(*(set(system) for system in systems)) if systems else set()
