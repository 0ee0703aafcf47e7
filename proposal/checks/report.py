"""Findings as text for a terminal, JSON for programs and SARIF 2.1.0 for code hosts and editors.

Three writers of the same findings: none of them decides anything, so a committee, a pipeline and a pull request see
the same list. SARIF columns count UTF-16 units by default; ours count characters, and the run says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from proposal.checks import RULES, Rule, rules_hash
from proposal.checks.waivers import WaivedFinding, excerpt_hash
from proposal.findings import Finding, Severity
from proposal.hashing import sha256_text

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
HELP_PAGE = "docs/checks.md"

_SARIF_LEVEL: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "note"}
_COUNTED: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "note"}
_RULES = {rule.id: rule for rule in RULES}


def to_text(findings: Sequence[Finding], *, file: str = "") -> str:
    """Return one line for each finding, as compilers print them, and a line that counts them."""
    where = f"{file}:" if file else ""
    lines = [
        f"{where}{finding.line}:{finding.column}: {_word(finding)} {finding.rule}: {finding.message}"
        for finding in findings
    ]
    return "\n".join([*lines, summary(findings)]) + "\n"


def _word(finding: Finding) -> str:
    return f"waived {finding.severity}" if isinstance(finding, WaivedFinding) else finding.severity


def summary(findings: Iterable[Finding]) -> str:
    """Return the count of findings in words.

    >>> summary([])
    'no findings'
    """
    standing: Counter[Severity] = Counter()
    waived = 0
    for finding in findings:
        if isinstance(finding, WaivedFinding):
            waived += 1
        else:
            standing[finding.severity] += 1
    parts = [
        f"{standing[severity]} {name}{'s' if standing[severity] > 1 else ''}"
        for severity, name in _COUNTED.items()
        if standing[severity]
    ]
    return ", ".join(parts + ([f"{waived} waived"] if waived else [])) or "no findings"


def to_json(findings: Sequence[Finding], *, file: str = "") -> dict[str, Any]:
    """Return the findings with the rules they break, as data for `json.dumps`."""
    broken = sorted({finding.rule for finding in findings})
    return {
        "file": file,
        "rules_hash": rules_hash(),
        "blocking": any(f.severity == "error" and not isinstance(f, WaivedFinding) for f in findings),
        "findings": [{**f.model_dump(mode="json"), "excerpt_hash": excerpt_hash(f)} for f in findings],
        "rules": {rule_id: _rule_data(_RULES[rule_id]) for rule_id in broken if rule_id in _RULES},
    }


def _rule_data(rule: Rule) -> dict[str, str]:
    return {
        "family": rule.family,
        "severity": rule.severity,
        "title": rule.title,
        "clause": rule.clause,
        "fix": rule.fix,
        "help": f"{HELP_PAGE}#{rule.id.lower()}",
    }


def to_sarif(findings: Sequence[Finding], *, file: str, text: str, version: str = "0.1.0") -> dict[str, Any]:
    """Return a SARIF 2.1.0 log of one run over one file, as data for `json.dumps`.

    `text` is the text that was checked: the end of each region is computed from it.
    """
    indexes = {rule.id: index for index, rule in enumerate(RULES)}
    driver = {
        "name": "dao-agent check",
        "version": version,
        "rules": [_sarif_rule(rule) for rule in RULES],
        "properties": {"rulesHash": rules_hash()},
    }
    return {
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "artifacts": [{"location": {"uri": file}, "hashes": {"sha-256": sha256_text(text)}}],
                "results": [_sarif_result(f, file, text, indexes.get(f.rule)) for f in findings],
            }
        ],
    }


def _sarif_rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.clause},
        "help": {"text": rule.fix},
        "defaultConfiguration": {"level": _SARIF_LEVEL[rule.severity]},
        "properties": {"family": rule.family},
    }


def _sarif_result(finding: Finding, file: str, text: str, index: int | None) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "level": _SARIF_LEVEL[finding.severity],
        "message": {"text": finding.message},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": file}, "region": _region(finding, text)}}],
        "partialFingerprints": {"rulePlace/v1": sha256_text(f"{finding.rule}\n{finding.section}\n{finding.excerpt}")},
    }
    if index is not None:
        result["ruleIndex"] = index
    if isinstance(finding, WaivedFinding):
        reasons = "; ".join(f"{waiver.by}: {waiver.reason}" for waiver in finding.waivers)
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": reasons}]
    return result


def _region(finding: Finding, text: str) -> dict[str, int]:
    """Return the place of a finding; the end column lies behind the last character."""
    inside = text[finding.start : finding.end]
    breaks = inside.count("\n")
    last = len(inside) - inside.rfind("\n") - 1 if breaks else finding.column - 1 + len(inside)
    return {
        "startLine": finding.line,
        "startColumn": finding.column,
        "endLine": finding.line + breaks,
        "endColumn": last + 1,
        "charOffset": finding.start,
        "charLength": finding.end - finding.start,
    }
