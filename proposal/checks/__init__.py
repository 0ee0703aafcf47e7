"""Static checks: what a proposal's text must and must not hold, as rules that are data plus one small function.

Only what can be decided from the text, its template, its evidence and its brief is a rule; what cannot is listed in
`docs/checks.md` instead of being guessed. A rule blocks (`error`), wants a reason (`warning`) or notes (`info`).
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from itertools import chain
from pathlib import Path

from proposal.brief import Brief
from proposal.checks import (
    actions,
    addresses,
    citations,
    conditional,
    figures,
    injection,
    markup,
    policy,
    structure,
    tone,
    venue,
)
from proposal.checks.framework import CheckContext, Family, Hit, Rule, findings_of, language_of
from proposal.document import parse
from proposal.errors import NotFoundError, nearest
from proposal.evidence import EvidenceSet
from proposal.findings import Finding
from proposal.hashing import sha256_data, sha256_text
from proposal.template import Template
from proposal.values import Language

__all__ = [
    "RULES", "CheckContext", "Family", "Hit", "Rule", "language_of", "rule", "rules_hash", "run_checks",
]  # fmt: skip

RULES: tuple[Rule, ...] = (
    *structure.RULES,
    *venue.RULES,
    *markup.RULES,
    *conditional.RULES,
    *figures.RULES,
    *addresses.RULES,
    *actions.RULES,
    *citations.RULES,
    *tone.RULES,
    *policy.RULES,
    *injection.RULES,
)
"""Every rule, in the order of the catalogue."""

_BY_ID = {rule.id: rule for rule in RULES}


def rule(rule_id: str) -> Rule:
    """Return the rule with this id."""
    found = _BY_ID.get(rule_id)
    if found is None:
        near = nearest(rule_id, _BY_ID)
        raise NotFoundError(f"there is no rule '{rule_id[:60]}'", expected="a rule id of docs/checks.md",
                            fix=f"did you mean '{near}'?" if near else None)  # fmt: skip
    return found


def run_checks(
    text: str,
    *,
    template: Template,
    language: Language | None = None,
    evidence: EvidenceSet | None = None,
    brief: Brief | None = None,
    only: Collection[str] | None = None,
) -> list[Finding]:
    """Run every rule (or `only` those with these ids) on a text; return the findings in the order of their places.

    Without evidence the rules that compare figures with evidence stay silent; without a brief those that need the
    type or the parameters do. The text may be anything: no text makes a check raise.
    """
    context = CheckContext(
        document=parse(text),
        template=template,
        language=language or (brief.language if brief else language_of(text)),
        evidence=evidence,
        brief=brief,
    )
    rules = RULES if only is None else tuple(rule(rule_id) for rule_id in only)
    findings = chain.from_iterable(findings_of(one, context) for one in rules if one.applies(context))
    return sorted(findings, key=lambda finding: (finding.start, finding.end, finding.rule, finding.message))


@lru_cache(maxsize=1)
def rules_hash() -> str:
    """Return the SHA-256 of the rules: their data, and the source and lexicons they decide by."""
    folder = Path(__file__).parent
    files = {path.name: sha256_text(path.read_text(encoding="utf-8"))
             for path in sorted(folder.iterdir()) if path.suffix in {".py", ".yaml"}}  # fmt: skip
    return sha256_data({"rules": [one.id for one in RULES], "files": files})
