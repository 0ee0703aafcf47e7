"""On the passed proposals of the shared data: few false blocks, and only those that are listed and explained."""

from __future__ import annotations

from pathlib import Path

import pytest

from proposal.checks import run_checks
from proposal.template import load_template
from tests.bench.bench_checks import FALSE_FINDINGS, passed_proposals

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "checks-false-findings.md"

READ_RULES = {
    "ST-req-section",
    "ST-empty-section",
    "ST-placeholder",
    "NU-budget-sum",
    "AD-checksum",
    "AD-length",
    "ST-bidi",
}
"""Rules whose blocking findings on these proposals were all read; another one is news."""


@pytest.fixture(scope="module")
def blocking(shared_data: Path) -> dict[str, set[str]]:
    """Return the rules that block each passed proposal."""
    found = {}
    for proposal_id, name, text in passed_proposals(shared_data):
        findings = run_checks(text, template=load_template(name))
        found[proposal_id] = {finding.rule for finding in findings if finding.severity == "error"}
    return found


def test_at_most_one_passed_proposal_in_twenty_is_blocked_by_a_false_finding(blocking: dict[str, set[str]]) -> None:
    false = [one for one, rules in blocking.items() if any((one, rule) in FALSE_FINDINGS for rule in rules)]
    assert len(false) <= 0.05 * len(blocking)


def test_only_rules_whose_findings_were_read_block(blocking: dict[str, set[str]]) -> None:
    assert set().union(*blocking.values()) <= READ_RULES


def test_every_listed_false_finding_still_occurs(blocking: dict[str, set[str]]) -> None:
    gone = {(one, rule) for one, rule in FALSE_FINDINGS if not blocking[one] & {"ST-req-section", rule}}
    assert gone == set()


def test_every_listed_false_finding_is_explained() -> None:
    page = PAGE.read_text(encoding="utf-8")
    missing = [one for one, _ in FALSE_FINDINGS if one not in page and f"-{one.rsplit('-', 1)[1]}" not in page]
    assert missing == []
