"""The made Chinese items of DraftBench: enough of them, the same anywhere, good by our own rewards, told as made."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from data_prep.bench_zh import FILE, PREFIX, load_scenarios, made_cases, made_items
from data_prep.draftbench import template_for
from data_prep.inversion import Inverted
from data_prep.variants import with_missing
from proposal.errors import InputError
from proposal.evidence import index_evidence
from proposal.slots import resolve
from proposal.template import builtin_template
from rewards import COMPONENTS, Task, analyse

ITEMS = made_items(120, seed=7)
CASES = made_cases(120, seed=7)
SPECS = {spec.key: spec for spec in builtin_template("generic").sections}


def test_there_are_a_hundred_and_more_and_no_two_are_alike() -> None:
    assert len({item.id for item in ITEMS}) == len(ITEMS) == 120
    assert len({"".join(item.reference.values()) for item in ITEMS}) == 120
    assert all(item.id.startswith(PREFIX) and item.brief.language == "zh" for item in ITEMS)
    assert Counter(Counter(item.dao for item in ITEMS).values()) == {10: 12}


def test_items_follow_from_the_seed() -> None:
    assert made_items(24, seed=7) == made_items(24, seed=7)
    assert made_items(24, seed=7) != made_items(24, seed=8)
    assert {item.id for item in made_items(24, seed=8)} <= {item.id for item in ITEMS}


def test_every_fact_of_a_plan_can_be_stated_from_the_item() -> None:
    for item in ITEMS:
        evidence = index_evidence(item.evidence, where=item.id)
        facts = [fact for stated in item.plan.values() for fact in stated]
        assert facts
        for fact in facts:
            assert resolve(fact.slot, evidence, item.brief, "zh").known
            assert re.search(r"[\u4e00-\u9fff]", fact.subject)
        assert not any("$" in text or "{{" in text or "[[" in text for text in item.reference.values())


def test_a_tenth_lacks_evidence_that_its_points_ask_for_in_chinese() -> None:
    missing = [item for item in ITEMS if item.kind == "missing"]
    assert len(missing) == 12
    for item in missing:
        own = {value.value for one in item.evidence if one.id not in item.foreign for value in one.values.values()} | {
            value.value for value in item.brief.parameters.values()
        }
        assert item.absent
        for printed, subject in item.absent.items():
            assert any(f"写明{subject}" in note for note in item.brief.notes.values())
            assert printed.split()[0].replace(",", "") not in {str(value) for value in own}


def test_a_gap_says_in_chinese_what_is_missing() -> None:
    case = with_missing(CASES[0].case, seed=7)
    assert case is not None
    gaps = re.findall(r"\{\{TBD:([^}]*)\}\}", "".join(case.sections.values()))
    assert gaps
    assert all(re.fullmatch(r"[\u4e00-\u9fa5]{2,20}", gap) for gap in gaps)


def test_foreign_evidence_is_another_daos() -> None:
    own = {(one.title, tuple(one.values)) for case in CASES for one in case.case.evidence.values()}
    for item in ITEMS:
        assert item.foreign
        assert 0.25 <= len(item.foreign) / len(item.evidence) <= 0.4
        for one in item.evidence:
            assert (one.title, tuple(one.values)) in own
            assert one.publisher.startswith(item.dao) == (one.id not in item.foreign)


def low_scores(cases: Sequence[Inverted]) -> list[tuple[str, str, str, float]]:
    """Return the rewards of the reference sections that are below 0.9, with where they are."""
    low = []
    for case in (one.case for one in cases):
        for key, text in case.sections.items():
            required = tuple(dict.fromkeys(owner for fact in case.facts[key] for owner in fact.ids))
            task = Task(case.evidence, case.brief, builtin_template("generic"), SPECS[key], required)
            analysis = analyse(text, task)
            assert analysis.gate == 1
            scores = {reward.name: reward.score(analysis).value for reward in COMPONENTS}
            low += [(case.key, key, name, value) for name, value in scores.items() if value < 0.9]
    return low


def test_the_reference_of_each_family_gets_high_rewards() -> None:
    assert low_scores(CASES[:12]) == []


@pytest.mark.slow
def test_every_reference_gets_high_rewards() -> None:
    assert low_scores(CASES) == []


def test_the_template_of_a_made_item_has_all_written_sections() -> None:
    keys = [spec.key for spec in template_for(ITEMS[0]).sections if spec.writer == "model"]
    assert keys == ["summary", "motivation", "specification", "risks", "timeline"]


def test_a_family_that_cannot_be_drawn_is_named(tmp_path: Path) -> None:
    path = tmp_path / "scenarios.yaml"
    text = FILE.read_text(encoding="utf-8")
    path.write_text(text.replace("unit: months, least: 6, most: 12}", "unit: months, least: 6}", 1), encoding="utf-8")
    with pytest.raises(InputError, match="资助期限"):
        load_scenarios(path)
