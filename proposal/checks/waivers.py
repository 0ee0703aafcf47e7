"""Waivers: a named person lets a finding stand, with a reason that is kept.

A warning is waived by one person, an error by two different ones and only where the DAO allows it: its template lists
the rules under `review.overridable`. A waiver names the
words it was given for by their hash, so that it does not cover a later finding of the same rule in other words.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from proposal.findings import Finding
from proposal.hashing import sha256_text
from proposal.inputs import read_structured, validate
from proposal.people import person_key

ERROR_WAIVERS = 2
"""People who must waive an error; one alone could undo the gate."""


class Waiver(BaseModel):
    """One person's decision to let a finding of a rule stand.

    `excerpt_hash` is `excerpt_hash(finding)`; without it the waiver covers every warning of the rule, and no error.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str = Field(min_length=4, max_length=60)
    reason: str = Field(min_length=3, max_length=2_000)
    by: str = Field(min_length=1, max_length=120)
    excerpt_hash: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")


class _WaiverFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    waivers: tuple[Waiver, ...] = Field(max_length=500)


def load_waivers(path: Path) -> tuple[Waiver, ...]:
    """Read waivers from YAML or JSON: a mapping with `waivers:`; every mistake is named with its field."""
    return validate(_WaiverFile, read_structured(path), where=str(path)).waivers


class WaivedFinding(Finding):
    """A finding that was let stand, with the waivers that cover it: shown, stored, and no longer blocking."""

    waivers: tuple[Waiver, ...] = Field(min_length=1)


def excerpt_hash(finding: Finding) -> str:
    """Return the hash that ties a waiver to a finding: its rule, section, words and message, not its place.

    The place is left out so that an edit elsewhere does not void the waiver; the message is in so that two findings
    on missing text, which have no words, stay two.
    """
    return sha256_text("\n".join((finding.rule, finding.section, finding.excerpt, finding.message)))


def apply_waivers(
    findings: Sequence[Finding], waivers: Iterable[Waiver], *, overridable: Collection[str] = ()
) -> list[Finding]:
    """Return the findings, each that is covered as a `WaivedFinding`; `overridable` names the rules whose errors two
    people may let stand.

    >>> finding = Finding(rule="NE-loaded", severity="warning", message="m", start=0, end=1, line=1, column=1)
    >>> waived = apply_waivers([finding], [Waiver(rule="NE-loaded", reason="name of a product", by="Ada")])
    >>> standing(waived)
    []
    """
    given = tuple(waivers)
    return [_waived(finding, given, overridable) for finding in findings]


def covering(finding: Finding, waivers: Iterable[Waiver]) -> tuple[Waiver, ...]:
    """Return the waivers that were given for a finding, enough of them or not."""
    exact, is_error = excerpt_hash(finding), finding.severity == "error"
    return tuple(
        waiver
        for waiver in waivers
        if waiver.rule == finding.rule
        and (waiver.excerpt_hash == exact or (waiver.excerpt_hash is None and not is_error))
    )


def waivable(finding: Finding, overridable: Collection[str]) -> bool:
    """Tell whether people may let a finding stand: a warning, or an error of a rule that the DAO lets them override."""
    return finding.severity == "warning" or (finding.severity == "error" and finding.rule in overridable)


def _waived(finding: Finding, waivers: tuple[Waiver, ...], overridable: Collection[str]) -> Finding:
    given = covering(finding, waivers)
    needed = ERROR_WAIVERS if finding.severity == "error" else 1
    if not waivable(finding, overridable) or len({person_key(waiver.by) for waiver in given}) < needed:
        return finding
    return WaivedFinding(**finding.model_dump(), waivers=given)


def standing(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings that nobody has waived: what a gate counts."""
    return [finding for finding in findings if not isinstance(finding, WaivedFinding)]
