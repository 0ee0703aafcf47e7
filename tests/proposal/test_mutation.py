"""The mutation engine: what it plants is found, it is the same for the same seed, and it covers every rule."""

from __future__ import annotations

import pytest

from proposal.checks import RULES
from proposal.mutation import Planter, mutation_kinds, mutations, planters
from tests.proposal.clean_cases import clean_cases

SLOW = {"overlong"}
"""Kinds whose text is so long that parsing it takes most of a second: planted once."""


@pytest.mark.slow
@pytest.mark.parametrize("planter", planters(), ids=lambda planter: planter.kind)
def test_what_is_planted_is_found(planter: Planter) -> None:
    planted = 0
    for seed, case in enumerate(clean_cases()):
        for mutation in case.mutations(seed, planter.kind):
            planted += 1
            assert case.new_findings(mutation), f"{case.name}, seed {seed}: {mutation.note}"
        if planted and planter.kind in SLOW:
            break
    assert planted, "no clean proposal has a place for this kind"


def test_every_rule_is_planted_by_some_kind() -> None:
    assert {planter.rule for planter in planters()} == {rule.id for rule in RULES}


def test_the_same_seed_plants_the_same() -> None:
    case = clean_cases()[0]
    kinds = [kind for kind in mutation_kinds() if kind not in SLOW]
    first, again, other = (
        list(
            mutations(
                case.text, template=case.template, evidence=case.evidence, brief=case.brief, seed=seed, kinds=kinds
            )
        )
        for seed in (3, 3, 4)
    )
    assert first == again
    assert first != other


def test_a_mutation_changes_the_text_or_the_evidence_and_says_where() -> None:
    for case in clean_cases():
        kinds = [kind for kind in mutation_kinds() if kind not in SLOW]
        for mutation in mutations(
            case.text, template=case.template, evidence=case.evidence, brief=case.brief, kinds=kinds
        ):
            assert mutation.text != case.text or mutation.evidence is not None, mutation.kind
            assert 0 <= mutation.start <= mutation.end <= len(mutation.text), mutation.kind
            assert mutation.note


def test_a_text_without_evidence_or_brief_can_be_mutated_too() -> None:
    case = clean_cases()[0]
    kinds = {
        m.kind for m in mutations(case.text, template=case.template, kinds=["delete_section", "change_digit", "loaded"])
    }
    assert kinds == {"delete_section", "loaded"}
