"""What can go wrong at an edge, and the exit code each kind ends a command with.

A message always tells what was wrong, where, what was expected and what to do, so that the person who reads it
can mend the file without opening our source. Exit codes are part of the command line's contract
(`docs/cli.md`): 1 failure, 2 usage, 3 gate not met, 4 upstream unavailable, 5 integrity, 6 configuration.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AgentError(Exception):
    """A failure that a person can act on; rendered as text by the CLI and as one JSON shape by the API."""

    exit_code = 1
    status = 500
    code = "failure"

    def __init__(
        self,
        message: str,
        *,
        where: str | None = None,
        expected: str | None = None,
        fix: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.expected = expected
        self.fix = fix

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.message}" if self.where else self.message]
        if self.expected:
            lines.append(f"  expected: {self.expected}")
        if self.fix:
            lines.append(f"  to do: {self.fix}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, str | None]:
        """Return the one error shape that every endpoint and `--json` command prints."""
        return {
            "code": self.code,
            "message": self.message,
            "where": self.where,
            "expected": self.expected,
            "fix": self.fix,
        }


class InputError(AgentError):
    """A file, field or argument that the user gave is wrong."""

    exit_code = 2
    status = 422
    code = "input"


class NotFoundError(AgentError):
    """Something named by the user does not exist (a draft, a template, a version)."""

    exit_code = 2
    status = 404
    code = "not_found"


class ConflictError(AgentError):
    """The thing changed, or was decided, since the user last looked at it."""

    exit_code = 1
    status = 409
    code = "conflict"


class GateError(AgentError):
    """A gate or quorum is not met, so the step may not be taken."""

    exit_code = 3
    status = 409
    code = "gate"


class ForbiddenError(AgentError):
    """The person is known but may not do this."""

    exit_code = 3
    status = 403
    code = "forbidden"


class UpstreamError(AgentError):
    """The model endpoint or another service could not be reached or answered wrongly."""

    exit_code = 4
    status = 503
    code = "upstream"


class IntegrityError(AgentError):
    """Bytes do not match the hash that was recorded for them."""

    exit_code = 5
    status = 500
    code = "integrity"


class ConfigError(AgentError):
    """A setting or template file of the installation is invalid."""

    exit_code = 6
    status = 500
    code = "config"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word closest to `word`, or None when nothing is near.

    >>> nearest("topc", ["topic", "ask"])
    'topic'
    """
    matches = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None
