"""The page of documentation on the rules, written from the rules themselves so that it cannot fall behind.

What text alone cannot decide is no rule: it stands at the end of the page with the reason, instead of a check that
guesses.
"""

from __future__ import annotations

from collections.abc import Iterator

from proposal.checks import RULES, Rule
from proposal.checks.packs import pack_clauses

_FAMILIES = {
    "structure": "Structure",
    "conditional": "What a type of proposal must state",
    "figures": "Numbers and dates",
    "addresses": "Addresses",
    "actions": "On-chain actions",
    "evidence": "Evidence",
    "neutrality": "Neutrality",
    "policy": "Policy",
    "injection": "Injection",
}

_NEEDS = {"evidence": "the evidence is given", "brief": "the brief is given"}

NOT_CHECKED: tuple[tuple[str, str], ...] = (
    ("AC-limit", "the number of on-chain actions: known where the actions are, in the export of the venue"),
    ("AC-privileged", "calls such as `upgradeTo`, `grantRole` or an unlimited `approve`: the desk shows every call "
                      "with its arguments; which of them a DAO fears is not written down anywhere"),
    ("AC-unverifiable", "contracts without verified source: needs a block explorer"),
    ("EV-hash of the page", "whether the page at a link still holds what was retrieved: needs the network; the stored "
                            "excerpt is compared with its recorded hash instead (EV-hash)"),
    ("EV-uncited-claim of opinions", "factual sentences without figure, date or quotation: which of them need a source "
                                     "is a matter of reading; a model may point at them, no rule does"),
    ("AD-ens-resolved against the chain", "whether a name resolves to the printed address today: needs a node; only "
                                          "agreement inside the text is checked"),
    ("PO-sanctions", "whether a recipient is on a sanctions list: the lists change weekly and have to be asked for at "
                     "the time of payment"),
    ("NE-options by sentiment", "whether one option sounds better than another: only presence, length, loaded words "
                                "and the DAO's own demands are decided; the rest is for the committee"),
    ("NU-consistent by meaning", "whether two differently worded sentences mean the same figure: only the total of the "
                                 "ask, words beside digits and parameters of the brief are decided"),
    ("ST-len-body at the venue", "limits that a venue sets for each space or forum: the stored one only warns; ask the "
                                 "venue"),
)  # fmt: skip
"""What product.md 4.2 names and text alone does not decide, with the reason."""

_HEAD = """\
# Checks

Written from the rules by `python -m proposal.checks --write-docs docs/checks.md`; do not edit by hand.

A rule looks at the text, its template, and (where given) the evidence and the brief. An **error** blocks approval and
export, a **warning** wants a look or a reason, a **note** informs. A template may change the severity of a rule under
`severities`. Findings can be waived with a reason that is kept: a warning by one person, an error by two different
people where the DAO allows it. A model may warn beside these rules; it never lifts a finding.

Each rule has passing and failing examples in `tests/cases/checks/<rule id>/`.
"""


def page() -> str:
    """Return the whole page as Markdown."""
    return "\n".join(_lines()).rstrip() + "\n"


def _lines() -> Iterator[str]:
    yield _HEAD
    yield "| rule | severity | what it finds |"
    yield "|---|---|---|"
    for rule in RULES:
        yield f"| [{rule.id}](#{rule.id.lower()}) | {_severity(rule)} | {rule.title} |"
    yield ""
    for family, heading in _FAMILIES.items():
        yield f"## {heading}\n"
        for rule in RULES:
            if rule.family == family:
                yield from _rule(rule)
    yield from _packs()
    yield "## Not checked, and why\n"
    for name, reason in NOT_CHECKED:
        yield f"- **{name}**: {reason}."


def _severity(rule: Rule) -> str:
    return "note" if rule.severity == "info" else rule.severity


def _rule(rule: Rule) -> Iterator[str]:
    yield f"### {rule.id}\n"
    yield f"{rule.title} ({_severity(rule)}).\n"
    yield f"- Demands: {rule.clause}"
    yield f"- To do: {rule.fix}"
    if rule.needs:
        yield f"- Runs only when {' and '.join(_NEEDS[need] for need in rule.needs)}."
    yield ""


def _packs() -> Iterator[str]:
    yield "## Rule packs\n"
    yield "Clauses that PO-forbidden-clause, PO-anti-mandate and PO-track enforce, from `rule_packs.yaml`.\n"
    yield "| clause | templates | rule | demands | source |"
    yield "|---|---|---|---|---|"
    for clause in pack_clauses().values():
        templates = ", ".join(clause.templates) + (f" (types: {', '.join(clause.types)})" if clause.types else "")
        yield f"| {clause.id} | {templates} | {clause.rule} | {clause.clause} | {clause.source} |"
    yield ""
