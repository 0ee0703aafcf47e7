"""Findings: what a check says, about which place, how strongly, and under which rule.

A finding is the only currency between checks and everybody who uses them: the desk shows it, the gate blocks on
it, the rewards count it. The rule's own data (clause, fix, default severity) lives with the rule
(`proposal.checks`), so a finding carries its id and nothing twice.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Severity = Literal["error", "warning", "info"]
"""`error` blocks approval and export, `warning` wants a look or a reason, `info` is a note."""


class Finding(BaseModel):
    """One result of a check: rule id, message, place in the text, severity."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str
    severity: Severity
    message: str
    start: int = Field(ge=0)
    end: int = Field(ge=0)
    line: int = Field(ge=1)
    column: int = Field(ge=1)
    section: str = ""
    excerpt: str = ""


def blocks(findings: list[Finding] | tuple[Finding, ...]) -> bool:
    """Tell whether any of the findings blocks approval and export."""
    return any(finding.severity == "error" for finding in findings)
