"""Long parameter lists, of which the fast tier takes a few and `make test` all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def each(values: Iterable[Any], *, fast: int) -> list[Any]:
    """Return every value as a parameter; all but each `fast`-th, from the first on, are marked slow.

    >>> [part if isinstance(part, str) else part.values[0] for part in each("abcde", fast=3)]
    ['a', 'b', 'c', 'd', 'e']
    """
    return [value if not at % fast else pytest.param(value, marks=pytest.mark.slow) for at, value in enumerate(values)]
