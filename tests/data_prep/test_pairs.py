"""Preference pairs by mutation: the same prompt, a known change for the worse, sayable, and seen by the rewards."""

from __future__ import annotations

import functools
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from data_prep.cases import case_folders, read_case
from data_prep.pairs import PAIRS_PER_SECTION, TEXT_KINDS, mutation_pairs
from data_prep.records import DpoRow, Drop
from data_prep.rows import outside_grammar, prompts, required_ids
from proposal.hashing import canonical_json
from proposal.mutation import mutation_kinds, slot_kinds, slotted_mutation
from proposal.planting.slots import SLOT_CHANGES
from proposal.slots import MARK, SLOT
from proposal.template import load_template
from rewards import REWARDS, analyse, read_task
from tests.data_prep.builders import a_case, full_case

GENERIC = load_template("generic")
EXAMPLES = Path(__file__).parents[2] / "examples"
TEXT = "Sales fell from {{E1.sales_q2}} [[E1]] to {{E1.sales_q3}} [[E1]], and the budget is {{P.budget}}."


@functools.cache
def example_pairs() -> list[tuple[DpoRow, dict[str, str]]]:
    """Return every pair of the examples with the columns that the rewards need."""
    found = []
    for folder in case_folders(EXAMPLES):
        case = read_case(folder, root=EXAMPLES)
        template = load_template(case.brief.template)
        columns = {
            prompt.spec.key: {
                "dao_evidence_json": canonical_json([item.model_dump(mode="json") for item in case.evidence.values()]),
                "dao_brief_json": canonical_json(case.brief),
                "dao_template": case.brief.template,
                "dao_section": prompt.spec.key,
                "dao_required": required_ids(prompt),
            }
            for prompt in prompts(case, template)
        }
        found += [(r, columns[r.dao_section]) for r in mutation_pairs(case, template) if isinstance(r, DpoRow)]
    return found


def planted(kind: str, text: str = TEXT) -> str | None:
    case = a_case()
    return slotted_mutation(kind, text, heading="Summary", template=GENERIC, evidence=case.evidence, brief=case.brief)


def test_the_rewards_put_every_chosen_text_above_its_rejected_one() -> None:
    total = next(reward for reward in REWARDS if reward.name == "dao_total")
    pairs = example_pairs()
    assert len(pairs) >= 40
    for row, columns in pairs:
        better, worse = (
            total.score(analyse(text, read_task(columns, where="row"))).value
            for text in (row.messages[-1].content, row.rejected_response)
        )
        assert better > worse, (row.dao_source, row.dao_section, row.dao_pair)


def test_both_sides_can_be_written_in_service_and_a_section_has_few_and_different_pairs() -> None:
    each: Counter[tuple[str, str]] = Counter()
    for row, _ in example_pairs():
        assert not outside_grammar(row.rejected_response)
        assert row.rejected_response != row.messages[-1].content
        each[row.dao_source, row.dao_section] += 1
    assert max(each.values()) == PAIRS_PER_SECTION
    assert len({row.dao_pair for row, _ in example_pairs()}) >= 8


def test_every_kind_of_a_pair_is_in_the_one_catalogue() -> None:
    assert set(TEXT_KINDS) <= set(mutation_kinds())
    assert slot_kinds() == tuple(kind for kind, _ in SLOT_CHANGES)
    assert {row.dao_pair for row, _ in example_pairs()} <= {*TEXT_KINDS, *slot_kinds()}


def test_pairs_follow_from_case_and_seed() -> None:
    case = full_case()
    first, again, other = (list(mutation_pairs(case, GENERIC, seed=seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_swapped_figures_change_places_and_nothing_else() -> None:
    worse = planted("swap_figures")
    assert worse == TEXT.replace("sales_q2", "x").replace("sales_q3", "sales_q2").replace("x", "sales_q3")


def test_a_wrong_figure_has_the_unit_of_the_right_one() -> None:
    text = "The budget is {{P.budget}}."
    worse = planted("wrong_figure", text) or ""
    assert SLOT.findall(worse)[0] in {"E1.sales_q2", "E1.sales_q3"}
    assert SLOT.sub("#", worse) == SLOT.sub("#", text)


def test_a_blurred_figure_takes_its_citation_with_it() -> None:
    worse = planted("blur_figure", "It was {{E1.sales_q2}} [[E1]] once.")
    assert worse == "It was a considerable amount once."


def test_a_lost_citation_leaves_its_figure() -> None:
    worse = planted("drop_mark") or ""
    assert len(MARK.findall(worse)) == len(MARK.findall(TEXT)) - 1
    assert SLOT.findall(worse) == SLOT.findall(TEXT)


def test_exchanged_citations_need_two_items() -> None:
    assert planted("swap_marks") is None
    case = a_case()
    twin = case.evidence["E1"].model_copy(update={"id": "E2"})
    change = dict(SLOT_CHANGES)["swap_marks"]
    text = "One [[E1]] and two [[E2]]."
    assert change(text, {**case.evidence, "E2": twin}, case.brief, Random(1)) == "One [[E2]] and two [[E1]]."


def test_a_repetition_says_a_sentence_again() -> None:
    assert (planted("repeat_sentence") or "").count("the budget is") == 2


def test_a_kind_that_changes_something_else_than_the_text_is_none() -> None:
    assert planted("tamper") is None
    assert planted("verdict_title") is None


def test_a_text_without_figures_has_no_place_for_a_change_of_figures() -> None:
    assert [planted(kind, "No figure stands here at all.") for kind in slot_kinds()[:5]] == [None] * 5


def test_a_section_without_a_good_text_is_a_drop_with_its_reason() -> None:
    drops = [item for item in mutation_pairs(full_case(summary="No fact."), GENERIC) if isinstance(item, Drop)]
    assert ("summary", "fact-not-stated") in [(drop.section, drop.reason) for drop in drops]


def test_a_difference_that_the_rewards_do_not_see_is_a_counted_drop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data_prep.pairs.total", lambda text, prompt: 1.0)
    made = list(mutation_pairs(full_case(), GENERIC))
    assert {drop.reason for drop in made if isinstance(drop, Drop)} == {"not-better", "no-mutation"}
    assert not [row for row in made if isinstance(row, DpoRow)]
