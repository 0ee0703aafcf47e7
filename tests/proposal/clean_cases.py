"""Clean proposals of our own, in which no rule finds anything above a note: what mutations are planted into."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from proposal.brief import Brief, load_brief
from proposal.checks import run_checks
from proposal.evidence import Evidence, load_evidence
from proposal.findings import Finding
from proposal.mutation import Mutation, mutations
from proposal.template import Template, load_template

FOLDER = Path(__file__).parents[1] / "cases" / "clean"


@dataclass(frozen=True)
class CleanCase:
    """One clean proposal with the brief and evidence that it was written from."""

    name: str
    text: str
    brief: Brief
    evidence: dict[str, Evidence]
    template: Template

    def findings(self) -> list[Finding]:
        return run_checks(self.text, template=self.template, evidence=self.evidence, brief=self.brief)

    @cached_property
    def known(self) -> Counter[tuple[str, str, str]]:
        return Counter(_key(finding) for finding in self.findings())

    def mutations(self, seed: int, kind: str) -> Iterator[Mutation]:
        return mutations(self.text, template=self.template, evidence=self.evidence, brief=self.brief, seed=seed,
                         kinds=[kind])  # fmt: skip

    def new_findings(self, mutation: Mutation) -> list[Finding]:
        """Return the findings of the mutation's rule that the clean text does not have."""
        found = run_checks(
            mutation.text,
            template=self.template,
            evidence=mutation.evidence or self.evidence,
            brief=mutation.brief or self.brief,
        )
        of_rule = [finding for finding in found if finding.rule == mutation.rule]
        fresh = Counter(_key(finding) for finding in of_rule) - self.known
        return [finding for finding in of_rule if _key(finding) in fresh]


def _key(finding: Finding) -> tuple[str, str, str]:
    return finding.rule, finding.message, finding.excerpt


@lru_cache(maxsize=1)
def clean_cases() -> tuple[CleanCase, ...]:
    """Read all clean proposals."""
    return tuple(_case(folder) for folder in sorted(FOLDER.iterdir()) if folder.is_dir())


def _case(folder: Path) -> CleanCase:
    brief = load_brief(folder / "brief.yaml")
    return CleanCase(
        name=folder.name,
        text=(folder / "input.md").read_text(encoding="utf-8"),
        brief=brief,
        evidence=load_evidence(folder / "evidence.yaml"),
        template=load_template(brief.template),
    )


def is_placed(mutation: Mutation, findings: list[Finding]) -> bool:
    """Tell whether a finding lies at the planted place (a deletion has no place: any finding will do)."""
    if mutation.start == mutation.end:
        return bool(findings)
    return any(finding.start <= mutation.end and finding.end >= mutation.start for finding in findings)
