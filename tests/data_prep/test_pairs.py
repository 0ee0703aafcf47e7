"""Preference pairs by mutation: the same prompt, one known change for the worse, still sayable."""

from __future__ import annotations

from data_prep.pairs import MUTATIONS, mutation_pairs
from data_prep.records import DpoRow, Drop
from data_prep.rows import outside_grammar
from proposal.slots import MARK, SLOT
from proposal.template import load_template
from tests.data_prep.builders import full_case

GENERIC = load_template("generic")


def rows(**changed: str) -> dict[str, DpoRow]:
    pairs = mutation_pairs(full_case(**changed), GENERIC)
    return {row.dao_pair: row for row in pairs if isinstance(row, DpoRow) and row.dao_section == "summary"}


def test_every_mutation_applies_to_a_section_with_two_figures() -> None:
    assert list(rows()) == [name for name, _ in MUTATIONS]


def test_both_sides_of_a_pair_can_be_written_in_service_and_differ() -> None:
    for row in rows().values():
        assert not outside_grammar(row.rejected_response)
        assert row.rejected_response != row.messages[-1].content


def test_swapped_figures_change_places_and_nothing_else() -> None:
    row = rows()["swapped-figures"]
    chosen, rejected = row.messages[-1].content, row.rejected_response
    assert sorted(SLOT.findall(chosen)) == sorted(SLOT.findall(rejected))
    assert SLOT.sub("#", chosen) == SLOT.sub("#", rejected)
    assert SLOT.findall(chosen) != SLOT.findall(rejected)


def test_figures_of_different_units_are_not_swapped() -> None:
    text = "The budget is {{P.budget}} and the change {{calc:pct_change(E1.sales_q2,E1.sales_q3)}}."
    case_rows = rows(summary=text + " {{E1.sales_q2}} {{E1.sales_q3}}")
    assert "{{calc:pct_change(E1.sales_q2,E1.sales_q3)}}." in case_rows["swapped-figures"].rejected_response


def test_a_blurred_figure_takes_its_citation_with_it() -> None:
    row = rows()["blurred-figure"]
    assert len(SLOT.findall(row.rejected_response)) == len(SLOT.findall(row.messages[-1].content)) - 1
    assert len(MARK.findall(row.rejected_response)) == len(MARK.findall(row.messages[-1].content)) - 1
    assert "a considerable amount" in row.rejected_response


def test_a_repetition_says_the_first_sentence_again() -> None:
    row = rows()["repetition"]
    assert row.rejected_response.count("This section on the summary is plain.") == 2


def test_a_section_without_a_good_text_is_a_drop_with_its_reason() -> None:
    drops = [item for item in mutation_pairs(full_case(summary="No fact."), GENERIC) if isinstance(item, Drop)]
    assert [(drop.section, drop.reason) for drop in drops] == [("summary", "fact-not-stated")]
