"""A problem that the preflight found, and how all of them are shown together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that would make a run fail, or train something else than its recipe says."""

    where: str
    message: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" + (f"\n  to do: {self.fix}" if self.fix else "")


def render(problems: Sequence[Problem], found: str = "found before the start") -> str:
    """Show all problems, the count first."""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return "\n".join([f"{count} {found}:", *map(str, problems)])
