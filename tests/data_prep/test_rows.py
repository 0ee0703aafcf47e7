"""Rows: the prompt that serving renders, texts that can be said in service, nothing left out unsaid."""

from __future__ import annotations

import json

import pytest

from data_prep.records import (
    RESERVED_COLUMNS,
    REWARD_COLUMNS,
    ROW_OF,
    DpoRow,
    Drop,
    GrpoRow,
    KtoRow,
    SftRow,
)
from data_prep.rows import (
    clean,
    edit_pairs,
    grpo_rows,
    kto_rows,
    outside_grammar,
    prompts,
    sft_rows,
)
from proposal.draft import DraftRequest
from proposal.prompt import section_messages
from proposal.slots import fill
from proposal.template import load_template
from rewards.rows import read_task
from tests.data_prep.builders import a_case, a_draft, full_case, reviewed

GENERIC = load_template("generic")


def only(items, kind):
    return [item for item in items if isinstance(item, kind)]


def test_a_prompt_of_a_row_is_the_prompt_that_serving_sends() -> None:
    from serve.preparing import prepare

    case = full_case()
    job = prepare(DraftRequest(brief=case.brief, evidence=tuple(case.evidence.values())))
    served = {
        spec.key: section_messages(
            spec, job.plan[spec.key], brief=case.brief, evidence=job.evidence, template=job.template
        )
        for spec in job.sections
        if spec.writer == "model"
    }
    trained = {
        row.dao_section: [turn.model_dump() for turn in row.messages[:-1]]
        for row in only(sft_rows(case, GENERIC), SftRow)
    }
    assert trained == served


def test_a_reference_section_becomes_a_row_with_its_slots() -> None:
    case = full_case()
    rows = only(sft_rows(case, GENERIC), SftRow)
    assert [row.messages[-1].role for row in rows] == ["assistant"] * len(rows)
    assert "{{E1.sales_q2}}" in rows[0].messages[-1].content


def test_every_text_of_a_row_fills_without_an_unknown_slot() -> None:
    case = full_case()
    for row in only(sft_rows(case, GENERIC), SftRow):
        text = row.messages[-1].content
        assert not fill(text, evidence=case.evidence, brief=case.brief, language="en").unknown


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Sales were {{E9.sales}}.", "unknown-slot"),
        ("Sales were 120,000 USDC.", "outside-grammar"),
        ("Sales fell by ５ percent.", "outside-grammar"),
        ("See [the data](https://data.example.org).", "outside-grammar"),
        ("Sales fell.", "fact-not-stated"),
        ("", "empty"),
        ("word " * 4_000, "too-long"),
    ],
)
def test_a_text_that_must_not_be_taught_is_dropped_with_its_reason(text: str, reason: str) -> None:
    drops = only(sft_rows(full_case(summary=text), GENERIC), Drop)
    assert [(drop.section, drop.reason) for drop in drops] == [("summary", reason)]


def test_a_section_that_the_template_does_not_have_is_a_drop() -> None:
    drops = only(sft_rows(full_case(summery="Text."), GENERIC), Drop)
    assert [(drop.section, drop.reason) for drop in drops] == [("summery", "not-a-model-section")]


def test_rows_and_drops_together_cover_every_model_section() -> None:
    case = a_case(summary="Sales fell.")
    seen = sorted(item.dao_section if isinstance(item, SftRow) else item.section
                  for item in sft_rows(case, GENERIC))  # fmt: skip
    assert seen == sorted(prompt.spec.key for prompt in prompts(case, GENERIC))


def test_a_grpo_row_ends_with_the_question_and_carries_what_the_rewards_read() -> None:
    row = only(grpo_rows(full_case(), GENERIC), GrpoRow)[0]
    data = row.model_dump(mode="json")
    assert data["messages"][-1]["role"] == "user"
    assert all(isinstance(data[name], str) for name in REWARD_COLUMNS)
    task = read_task(data, where="row 1")
    assert (task.template.name, task.required, list(task.evidence)) == ("generic", ("E1",), ["E1"])
    assert json.loads(data["dao_evidence_json"])[0]["id"] == "E1"


def test_a_reference_that_must_not_be_taught_is_left_out_of_a_grpo_row() -> None:
    rows = only(grpo_rows(full_case(summary="Sales fell by 30 percent."), GENERIC), GrpoRow)
    assert [row.dao_section for row in rows if not row.dao_reference] == ["summary"]


def test_no_column_of_ours_has_a_reserved_name() -> None:
    ours = {name for row in ROW_OF.values() for name in row.model_fields if name.startswith("dao_")}
    standard = {"messages", "rejected_response", "rejected_messages", "label", "images", "margin"}
    assert not ours & RESERVED_COLUMNS
    assert {name for row in ROW_OF.values() for name in row.model_fields} - ours == standard


@pytest.mark.parametrize(
    ("verdicts", "labels"),
    [
        ({"Grace": "approve", "Ken": "approve"}, {True}),
        ({"Grace": "approve", "Ken": "reject"}, {False}),
        ({"Grace": "request_changes"}, {False}),
        ({"Grace": "approve"}, set()),
        ({"Ada": "reject", "Grace": "approve", "Ken": "approve"}, {True}),
        ({}, set()),
    ],
)
def test_what_the_committee_decided_labels_the_texts(verdicts: dict[str, str], labels: set[bool]) -> None:
    items = list(kto_rows(reviewed(a_draft(full_case()), verdicts), GENERIC))
    assert {row.label for row in only(items, KtoRow)} == labels
    if not labels:
        assert [drop.reason for drop in only(items, Drop)] == ["undecided"]


def test_a_judged_text_is_what_the_model_wrote_without_the_servers_tables() -> None:
    draft = a_draft(full_case())
    assert any("|" in section.slotted for section in draft.sections)
    rows = only(kto_rows(reviewed(draft, {"Grace": "reject"}), GENERIC), KtoRow)
    assert len(rows) == len(draft.sections)
    assert not any("|" in row.messages[-1].content for row in rows)


def test_a_chain_that_was_tampered_with_yields_only_its_drop() -> None:
    good = reviewed(a_draft(full_case()), {"Grace": "reject", "Ken": "approve"})
    changed = good.review.decisions[0].model_copy(update={"verdict": "approve", "reason": ""})
    review = good.review.model_copy(update={"decisions": (changed, *good.review.decisions[1:])})
    items = list(kto_rows(good.model_copy(update={"review": review}), GENERIC))
    assert [item.reason for item in items if isinstance(item, Drop)] == ["decision-chain-broken"]
    assert len(items) == 1


def test_an_edit_prefers_the_later_text_of_each_changed_section() -> None:
    before = full_case(risks="Nothing can go wrong.")
    after = full_case(risks="The rebate may be claimed for linked wallets.")
    pairs = list(
        edit_pairs(
            reviewed(a_draft(before), {}),
            reviewed(a_draft(after, writer="person"), {}, version=2),
            GENERIC,
        )
    )
    rows = only(pairs, DpoRow)
    assert [(row.dao_section, row.dao_pair) for row in rows] == [("risks", "edit")]
    assert rows[0].messages[-1].content == "The rebate may be claimed for linked wallets."
    assert rows[0].rejected_response == "Nothing can go wrong."
    assert {drop.reason for drop in only(pairs, Drop)} == {"no-change"}


def test_an_edit_that_the_committee_refused_is_no_preference() -> None:
    before, after = full_case(), full_case(risks="It is a unique chance.")
    pairs = list(
        edit_pairs(
            reviewed(a_draft(before), {}),
            reviewed(a_draft(after), {"Ken": "reject"}, version=2),
            GENERIC,
        )
    )
    assert [item.reason for item in pairs if isinstance(item, Drop)] == ["undecided"]


def test_paragraphs_stay_and_wrapped_lines_join() -> None:
    assert clean("One\n  line.\n\n\nNext  one.\n") == "One line.\n\nNext one."


@pytest.mark.parametrize("text", ["{{P.budget}} [[E1]]", "{{calc:sum(E1.a,E1.b)}}", "全文无数字。"])
def test_slots_marks_and_prose_are_inside_the_grammar(text: str) -> None:
    assert not outside_grammar(text)
