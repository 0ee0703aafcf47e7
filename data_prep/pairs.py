"""Preference pairs on one prompt by a known change for the worse: the reference is preferred to its mutation.

The prompt is the same on both sides, so a pair teaches the difference and nothing else. The changes come from the
catalogue that also measures the checks (`proposal.mutation`); each result can be written under the serving grammar, for
a pair against something that cannot be said teaches nothing, and the rewards put the reference above it: where they do
not see the difference, the pair is a counted drop.
"""

from __future__ import annotations

from collections.abc import Iterator

from data_prep.records import Case, DpoRow, Drop
from data_prep.rows import Prompt, answered, clean, fault, outside_grammar, prompts
from data_prep.worth import total
from proposal.hashing import sha256_text
from proposal.mutation import slot_kinds, slotted_mutation
from proposal.template import Template

PAIRS_PER_SECTION = 3
"""Pairs of one section: fewer and different ones teach more than every variation of one text."""

MAX_STRETCH = 2.5
"""How many times longer the worse text may be: beyond that a pair teaches length alone."""

TEXT_KINDS = (
    "certainty",
    "loaded",
    "pressure",
    "forbidden",
    "uncited_figure",
    "placeholder",
    "stretch_section",
    "deny_risks",
    "drop_reporting",
    "drop_dated_milestone",
    "drop_rollback",
    "drop_budget_total",
    "drop_recipient",
    "drop_kpi",
    "drop_accountable_party",
)
"""Kinds of the catalogue that words without digits, links and markup can carry, and that a section can suffer alone."""


def mutation_pairs(case: Case, template: Template, *, seed: int = 0) -> Iterator[DpoRow | Drop]:
    """Pair each reference section with known changes for the worse; a section that none changes is a drop."""
    for prompt in prompts(case, template):
        chosen = clean(case.sections.get(prompt.spec.key, ""))
        problem = fault(chosen, prompt)
        if problem:
            yield Drop(problem[0], case.key, "dpo", prompt.spec.key, problem[1])
        else:
            yield from _pairs(chosen, prompt, seed)


def _pairs(chosen: str, prompt: Prompt, seed: int) -> Iterator[DpoRow | Drop]:
    made = 0
    for kind, rejected in _mutated(chosen, prompt, seed):
        if made == PAIRS_PER_SECTION:
            return
        if total(chosen, prompt) <= total(rejected, prompt):
            detail = f"the rewards do not put the reference above its '{kind}'"
            yield Drop("not-better", prompt.key, "dpo", prompt.spec.key, detail)
            continue
        made += 1
        yield _row(prompt, chosen, rejected, kind)
    if not made:
        yield Drop("no-mutation", prompt.key, "dpo", prompt.spec.key, "no known change applies to this text")


def _mutated(chosen: str, prompt: Prompt, seed: int) -> Iterator[tuple[str, str]]:
    """Yield the kinds that apply, slots and words in turn, each half in an order that follows from text and seed."""
    case = prompt.case
    for kind in _order(f"{seed}:{chosen}"):
        worse = slotted_mutation(kind, chosen, heading=prompt.spec.heading_in(case.brief.language),
                                 template=prompt.template, evidence=case.evidence, brief=case.brief,
                                 seed=seed)  # fmt: skip
        rejected = clean(worse or "")
        short = len(rejected) <= MAX_STRETCH * len(chosen)
        if rejected not in ("", chosen) and short and not outside_grammar(rejected):
            yield kind, rejected


def _order(identity: str) -> list[str]:
    slots, texts = (sorted(kinds, key=lambda kind: sha256_text(f"{identity}:{kind}"))
                    for kinds in (slot_kinds(), TEXT_KINDS))  # fmt: skip
    mixed: list[str] = []
    while slots or texts:
        mixed += [half.pop(0) for half in (slots, texts) if half]
    return mixed


def _row(prompt: Prompt, chosen: str, rejected: str, kind: str) -> DpoRow:
    return DpoRow(
        messages=answered(prompt, chosen),
        rejected_response=rejected,
        dao_pair=kind,
        dao_source=prompt.key,
        dao_section=prompt.spec.key,
        dao_template=prompt.case.brief.template,
    )
