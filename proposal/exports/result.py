"""What an export is: files of bytes and the problems that were found before they were made.

An export never shortens a text to make it fit. A venue's limit is checked on the whole text, and a
text that is too long is a problem that names the limit, the length and the source of the limit; the
person decides what to cut.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from proposal.findings import Severity
from proposal.template import Limit, Template, venue_limits

MAX_LINK = 8_000
"""Longest link that common servers and browsers carry: the request line of a stock nginx is 8 KiB."""


class ExportProblem(BaseModel):
    """One thing that stands against an export: rule, severity, message, and the limit behind it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str
    severity: Severity
    message: str
    where: str
    limit: int | None = None
    length: int | None = None
    source: str = ""

    def __str__(self) -> str:
        source = f"; {self.source}" if self.source else ""
        return f"{self.where}: {self.message} ({self.rule}{source})"


@dataclass(frozen=True, slots=True)
class Export:
    """The files of one venue by name, and what stands against them."""

    venue: str
    files: dict[str, bytes]
    problems: tuple[ExportProblem, ...] = ()

    @property
    def blocked(self) -> bool:
        """Tell whether a problem forbids handing the files out."""
        return any(problem.severity == "error" for problem in self.problems)


def length_of(text: str) -> int:
    """Count as the venues do: in UTF-16 units, so an emoji counts two.

    >>> length_of("ab"), length_of("😀")
    (2, 2)
    """
    return len(text) + sum(char > "\uffff" for char in text)


def limits_for(template: Template, venue: str) -> tuple[Limit, ...]:
    """Return the limits of a venue: what the template states, else what is known of the venue."""
    return template.limits_of(venue) or venue_limits(venue)


def check_limits(limits: Iterable[Limit], field: str, value: str | int, *, where: str) -> Iterator[ExportProblem]:
    """Yield what a text (or a number of items) does to the limits of one field.

    Above `max` or below `min` blocks, above `warn` warns.
    """
    length = value if isinstance(value, int) else length_of(value)
    for limit in limits:
        if limit.field != field:
            continue
        text = ""
        severity: Severity = "error"
        if limit.max is not None and length > limit.max:
            text, bound = f"the limit is {limit.max:,}", limit.max
        elif limit.min is not None and length < limit.min:
            text, bound = f"at least {limit.min:,} needed", limit.min
        elif limit.warn is not None and length > limit.warn:
            text, bound, severity = f"close to the limit ({limit.warn:,})", limit.warn, "warning"
        if text:
            live = "; the venue can change it: ask there" if limit.fetch_live else ""
            yield ExportProblem(
                rule=f"ST-len-{field}",
                severity=severity,
                message=f"the {field} has {length:,} {limit.unit}, {text} on {limit.venue}{live}",
                where=where,
                limit=bound,
                length=length,
                source=limit.source,
            )


def json_file(data: Any) -> bytes:
    """Write JSON as every exported file has it: readable, UTF-8, keys in the given order."""
    return (json.dumps(data, ensure_ascii=False, indent=2) + "\n").encode("utf-8")
