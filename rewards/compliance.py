"""compliance: the text says what its type must say and nothing that a DAO may not be told.

A whole proposal is held against the rules of `proposal.checks`: what the template requires of its type (total,
recipient, reporting, …) counts as a share, what is forbidden (promises of gain, denied risks, forbidden clauses)
as a factor. The text of one section is held against the same forbidden things, and must state the
parameters or dates of the brief where that is the section's job.

    value  share of what must be said · 0.6^errors · 0.9^warnings · gate
"""

from __future__ import annotations

from functools import lru_cache

from proposal.checks import RULES, Rule
from proposal.checks.framework import CheckContext, findings_of
from proposal.document import parse
from proposal.findings import Finding
from rewards.analysis import Analysis
from rewards.rows import Task
from rewards.score import Reason, Score, quantise

ERROR, WARNING = 0.6, 0.9
"""What one forbidden thing costs, by the severity of its finding."""
MAX_FINDINGS = 8
MIN_WORDS = 12
"""A text shorter than this says nothing that could comply: an empty one must not be the best one."""
EXPECTED_WEIGHT = 0.5
"""What a type's expected statement counts beside a required one."""

_FORBIDDEN = frozenset(
    {
        "NE-certainty",
        "NE-pressure",
        "PO-forbidden-clause",
        "PO-anti-mandate",
        "AD-swapped",
        "AD-zero",
        "AD-look-alike",
        "AD-recipient-is-token",
    }
)
_FORBIDDEN_WHOLE = frozenset({"NE-drawbacks", "NE-options", "NE-title", "ST-len-title", "ST-len-choices"})
_SERVER_SAYS = {"TY-coi": "conflicts", "TY-funding-budget": "parameters"}
"""Requirements that the server's own sections meet, by the content that meets them."""


@lru_cache(maxsize=512)
def forbidden(task: Task) -> tuple[Rule, ...]:
    """Return the rules on what may not be said."""
    names = _FORBIDDEN | (_FORBIDDEN_WHOLE if task.whole else frozenset())
    return tuple(rule for rule in RULES if rule.id in names)


@lru_cache(maxsize=512)
def requirements(task: Task) -> tuple[tuple[Rule, float], ...]:
    """Return what the proposal's type must say, with weights: the rules that an empty text breaks."""
    if not task.whole:
        return ()
    written = {content for spec in task.template.sections_for(task.brief) for content in spec.contents()}
    nothing = CheckContext(parse("# -"), task.template, task.brief.language, task.evidence, task.brief)
    needed = []
    for rule in RULES:
        if rule.family != "conditional" or not rule.applies(nothing) or _SERVER_SAYS.get(rule.id) in written:
            continue
        missing = list(findings_of(rule, nothing))
        if missing:
            needed.append((rule, EXPECTED_WEIGHT if missing[0].severity != "error" else 1.0))
    return tuple(needed)


def compliance(analysis: Analysis) -> Score:
    """Score what must be said and what must not."""
    words = sum(len(one.words) for one in analysis.statements)
    said, reasons = _parameters(analysis) if analysis.task.section else _statements(analysis)
    found = [finding for rule in forbidden(analysis.task) for finding in findings_of(rule, analysis.context)]
    errors = min(MAX_FINDINGS, sum(finding.severity == "error" for finding in found))
    warnings = min(MAX_FINDINGS, sum(finding.severity == "warning" for finding in found))
    value = said * min(1.0, words / MIN_WORDS) * ERROR**errors * WARNING**warnings * analysis.gate
    reasons += [_reason(finding) for finding in found if finding.severity != "info"]
    return Score(quantise(value), (*reasons, *analysis.gate_reasons))


def _statements(analysis: Analysis) -> tuple[float, list[Reason]]:
    """Return the share of the statements that the type needs."""
    needed = requirements(analysis.task)
    missing = [(rule, weight) for rule, weight in needed if any(True for _ in rule.check(analysis.context))]
    total = sum(weight for _, weight in needed)
    share = 1 - sum(weight for _, weight in missing) / total if total else 1.0
    return share, [Reason(rule.id, rule.title) for rule, _ in missing]


def _parameters(analysis: Analysis) -> tuple[float, list[Reason]]:
    """Return the share of the brief's parameters that this section must state and does."""
    section, brief = analysis.task.section, analysis.task.brief
    assert section is not None
    dates = section.key == "timeline"
    if not dates and "parameters" not in section.append:
        return 1.0, []
    wanted = [
        name
        for name, value in brief.parameters.items()
        if (value.unit == "date") == dates and not isinstance(value.value, str) and (value.label or value.label_zh)
    ]
    stated = {
        known.name
        for statement in analysis.statements
        for figure in statement.figures
        for known in figure.known
        if known.source == "P"
    }
    missing = [name for name in wanted if name not in stated]
    share = 1 - len(missing) / len(wanted) if wanted else 1.0
    return share, [Reason("parameter", f"does not state {', '.join(missing)} of the brief")] if missing else []


def _reason(finding: Finding) -> Reason:
    return Reason(finding.rule, finding.message, finding.start, finding.end)
