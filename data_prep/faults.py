"""A fault in a data file: which file, row and field, what stands there, and what to do.

One shape for everything that can be wrong with training data, so that the command line, the
preflight and the tests speak of the same thing. `fixable` faults are mechanical: `--fix` repairs
them without a guess about meaning.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

MAX_FOUND = 80
"""Characters of what was found that are shown: enough to recognise it, never a whole document."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong. `row` counts records from 1 and is 0 for the file itself; `line` is 0 where
    lines mean nothing.
    """

    code: str
    file: str
    message: str
    row: int = 0
    line: int = 0
    field: str = ""
    found: str = ""
    near: str = ""
    fix: str = ""
    fixable: bool = False

    def __str__(self) -> str:
        place = self.file
        if self.line:
            place += f":{self.line}"
        if self.row:
            place += f" row {self.row}"
        if self.field:
            place += f", {self.field}"
        text = f"{place}: {self.message}"
        if self.found:
            text += f" (found {self.found})"
        if self.near:
            text += f"; did you mean '{self.near}'?"
        return f"{text}\n  to do: {self.fix}" if self.fix else text

    def to_dict(self) -> dict[str, Any]:
        """Return the fault for `--json`."""
        return asdict(self)


def shown(value: Any) -> str:
    """Describe a value as it was found: its type, and text or number as it is, cut short.

    >>> shown(3)
    'the number 3'
    >>> shown(["a"])
    'a list of 1'
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"the truth value {str(value).lower()}"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return f"an object with {', '.join(map(str, list(value)[:6])) or 'no keys'}"
    text = str(value)
    return f"'{text[:MAX_FOUND]}…'" if len(text) > MAX_FOUND else f"'{text}'"
