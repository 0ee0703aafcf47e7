"""Inversion: what people wrote comes back exactly from its slots, and what was taken out is told."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.build import build
from data_prep.inversion import Inverted, find_spans, invert, restore
from data_prep.proposals import Proposal, read_proposals, to_proposal
from data_prep.prose import prose_of
from data_prep.reading import RawRow
from data_prep.records import Drop, SftRow
from data_prep.rows import outside_grammar, sft_rows
from data_prep.variants import with_distractors, with_missing
from proposal.document import parse
from proposal.evidence import EvidenceSet
from proposal.slots import SLOT, fill, used_ids
from proposal.template import load_template
from proposal.values import format_value

GENERIC = load_template("generic")
BODY = """# Creator rebate

## Summary

We propose a rebate of 50% of the fee for three months, with a budget of 45,000 USDC. Sales fell to 401,000 USDC
in the third quarter of 2026, as [the analytics page](https://data.example.org/q/314) shows for Base V2 markets.

## Motivation

The **request** was signed by 57 creators on 2026-10-11. A sale costs more than it brings, they write, and listings
are `fewer` every month; the vote on an earlier rebate reached 18.9% turnout ([vote](https://vote.example.org/41)).

- one point
- another point

## Specification

The treasury pays 45,000 USDC to the contract 0x52908400098527886E0F7030069857D2E4169EE7 and the cap per creator is
600 USDC, which the programme office checks against linked wallets before any payment is made at all.
"""


def a_proposal(body: str = BODY, **changed: object) -> Proposal:
    base = {
        "id": "example-1",
        "dao": "Example DAO",
        "title": "Fund a creator rebate",
        "body": body,
        "created": dt.date(2026, 11, 1),
        "url": "https://forum.example.org/t/812",
        "licence": "MIT",
    }
    return Proposal(**{**base, **changed})  # type: ignore[arg-type]


def inverted(body: str = BODY) -> Inverted:
    return invert(a_proposal(body), GENERIC)


def test_filling_the_slots_gives_the_prose_back_exactly() -> None:
    result = inverted()
    assert set(result.sections) == {"summary", "motivation", "specification"}
    for section in result.sections.values():
        assert SLOT.search(section.slotted)
        assert restore(section.slotted, result.case) == section.original


def test_no_digit_is_left_outside_a_slot() -> None:
    for section in inverted().sections.values():
        assert not outside_grammar(section.slotted)


def test_a_figure_beside_a_link_is_evidence_with_that_link() -> None:
    case = inverted().case
    items = {item.url: item for item in case.evidence.values()}
    shown = {format_value(value, "en") for value in items["https://vote.example.org/41"].values.values()}
    assert shown == {"18.9%"}
    assert items["https://vote.example.org/41"].kind == "document"
    assert items["https://forum.example.org/t/812"].kind == "forum_post"


def test_the_authors_own_figures_are_parameters_also_where_they_stand_elsewhere() -> None:
    result = inverted()
    printed = {format_value(value, "en"): name for name, value in result.case.brief.parameters.items()}
    assert {"45,000 USDC", "600 USDC"} <= set(printed)
    assert f"{{{{P.{printed['45,000 USDC']}}}}}" in result.sections["summary"].slotted


def test_a_name_that_holds_a_digit_needs_no_source() -> None:
    result = inverted()
    names = [name for name, value in result.case.brief.parameters.items() if format_value(value, "en") == "V2"]
    assert len(names) == 1


def test_numbers_keep_their_unit_and_text_stays_text() -> None:
    values = {format_value(v, "en"): v for v in inverted().case.brief.parameters.values()}
    assert values["600 USDC"].is_number
    assert not values["0x52908400098527886E0F7030069857D2E4169EE7"].is_number


def test_what_was_taken_out_is_reported() -> None:
    result = inverted()
    kinds = [edit.kind for edit in result.sections["motivation"].edits]
    assert kinds.count("link") == 1
    assert kinds.count("block-list_item") == 2
    assert "mark" in kinds
    assert ("link", "[the analytics page](https://data.example.org/q/314)") in [
        (edit.kind, edit.text) for edit in result.sections["summary"].edits
    ]


def test_sections_that_are_missing_or_hold_no_prose_are_drops_with_their_reason() -> None:
    result = inverted("## Summary\n\nToo short.\n\n## Motivation\n\n- only\n- a list\n")
    reasons = {drop.section: drop.reason for drop in result.drops}
    assert not result.sections
    assert (reasons["summary"], reasons["motivation"], reasons["timeline"]) == ("no-prose", "no-prose", "no-section")


WORDS = "We ask the members to decide on a rebate for creators who listed at least one item in the last quarter, " \
        "because listings fell."  # fmt: skip


def test_the_first_heading_of_a_section_that_has_prose_is_taken() -> None:
    result = inverted(f"## Simple Summary\n\nA rebate.\n\n## Abstract\n\n{WORDS}\n")
    assert result.sections["summary"].original == WORDS


def test_text_before_the_first_heading_is_the_summary_where_there_is_none() -> None:
    assert inverted(f"{WORDS}\n\n## Other\n\nMore.\n").sections["summary"].original == WORDS
    assert inverted(WORDS).sections["summary"].original == WORDS
    kept = inverted(f"Preface, {WORDS}\n\n## Summary\n\n{WORDS}\n").sections["summary"].original
    assert kept == WORDS


FIGURES = st.sampled_from(
    ["45,000 USDC", "18.9%", "2026-10-11", "V3", "0.25", "3 months", "12th", "$1.2M", "(57)", "1/3"]
)
LINKED = st.sampled_from(["", " ([source](https://data.example.org/q/1))", " ([vote](https://vote.example.org/4))"])


VERBS = st.sampled_from(["fell to", "cost", "were set at"])


@settings(max_examples=40, deadline=None)
@given(
    sentences=st.lists(st.tuples(FIGURES, LINKED, VERBS), min_size=3, max_size=7),
    seed=st.integers(0, 99),
)
def test_any_section_comes_back_byte_for_byte_or_is_a_counted_drop_and_so_do_its_variants(
    sentences: list[tuple[str, str, str]], seed: int
) -> None:
    text = " ".join(f"The fees of that market {verb} {figure} then{link}." for figure, link, verb in sentences)
    result = inverted(f"## Summary\n\n{text}\n")
    if "summary" not in result.sections:
        assert {drop.reason for drop in result.drops if drop.section == "summary"} <= {"not-invertible", "round-trip"}
        return
    section, case = result.sections["summary"], result.case
    assert restore(section.slotted, case) == section.original
    assert not outside_grammar(section.slotted)
    others = list(invert(a_proposal(BODY, id="other"), GENERIC).case.evidence.values())
    distracted = with_distractors(case, others, seed=seed)
    assert distracted is not None
    assert restore(distracted.sections["summary"], distracted) == section.original
    assert not set(distracted.evidence) - set(case.evidence) & used_ids(distracted.sections["summary"])
    missing = with_missing(case, seed=seed)
    if missing is not None:
        gone = stated(case.evidence) - stated(missing.evidence)
        slotted = missing.sections["summary"]
        assert gone
        assert slotted.count("{{TBD:") == sum(section.slotted.count(f"{{{{{slot}}}}}") for slot in gone)
        assert used_ids(slotted) <= set(missing.evidence)
        assert not fill(slotted, evidence=missing.evidence, brief=missing.brief, language="en").unknown


def stated(evidence: EvidenceSet) -> set[str]:
    return {f"{item.id}.{name}" for item in evidence.values() for name in item.values}


def test_an_inverted_case_gives_rows_whose_prompt_asks_for_their_facts() -> None:
    result = inverted()
    rows = [row for row in sft_rows(result.case, GENERIC) if isinstance(row, SftRow)]
    assert {row.dao_section for row in rows} == set(result.sections)
    for row in rows:
        text = row.messages[-1].content
        assert not fill(text, evidence=result.case.evidence, brief=result.case.brief, language="en").unknown
        assert all(f"{{{{{body}}}}}" in row.messages[1].content for body in SLOT.findall(text))


def test_nothing_later_than_the_proposal_enters_its_prompt() -> None:
    for item in inverted().case.evidence.values():
        assert item.retrieved_at.date() <= dt.date(2026, 11, 1)


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="ab1234,.%$ 年()\n-/x€", max_size=80))
def test_any_paragraph_is_cut_so_that_it_comes_back_or_is_refused(text: str) -> None:
    paragraph = " ".join(text.split())
    spans = find_spans(paragraph)
    for span in spans or ():
        assert format_value(span.value, "en") == paragraph[span.start : span.end]
    if spans is not None:
        rest = list(paragraph)
        for span in spans:
            rest[span.start : span.end] = " " * (span.end - span.start)
        assert not any(character in "0123456789" for character in "".join(rest))


def test_prose_keeps_words_and_drops_marks() -> None:
    document = parse("## A\n\nSee **the** [page](https://x.example.org/a_b) and `code_x_y`, <https://y.example.org>.\n")
    prose = prose_of(document, document.sections[1] if document.sections[0].level == 0 else document.sections[0])
    assert prose.text == "See the page and code_x_y, ."
    assert [source.url for source in prose.sources] == ["https://x.example.org/a_b", "https://y.example.org"]


def test_the_words_of_a_reference_link_stay_without_its_target() -> None:
    document = parse("## A\n\nAs in [HIP-51][hip-51] and [the plan][].\n")
    prose = prose_of(document, document.sections[-1])
    assert prose.text == "As in HIP-51 and the plan."
    assert [edit.text for edit in prose.edits] == ["[HIP-51][hip-51]", "[the plan][]"]


def test_parameters_have_names_and_points_no_remains_of_numbers() -> None:
    admin = "0x" + "00112233" * 5
    body = f"""## Specification

Additionally {admin} becomes the emission admin for the pool, as the council of HIP-51 asked in its last report.
Everything else stays as it is in the pool until the members of the council decide on it again.
"""
    result = invert(a_proposal(body=body), GENERIC)
    assert sorted(result.case.brief.parameters) == ["address", "hip_51"]
    assert result.case.brief.notes["specification"].startswith("Additionally becomes emission admin pool council asked")


# --- variants -------------------------------------------------------------------------------------


def test_foreign_evidence_gets_ids_of_its_own_and_is_never_cited() -> None:
    case = inverted().case
    others = list(invert(a_proposal(BODY.replace("57", "58"), id="other"), GENERIC).case.evidence.values())
    variant = with_distractors(case, others, seed=7)
    assert variant is not None
    added = set(variant.evidence) - set(case.evidence)
    assert added
    assert variant.sections == case.sections
    assert not any(f"[[{item_id}]]" in text for item_id in added for text in variant.sections.values())


def test_missing_evidence_leaves_a_gap_that_names_what_is_missing() -> None:
    case = inverted().case
    variant = with_missing(case, seed=7)
    assert variant is not None
    (gone,) = set(case.evidence) - set(variant.evidence)
    joined = " ".join(variant.sections.values())
    assert "{{TBD:" in joined
    assert gone not in joined
    rows = list(sft_rows(variant, GENERIC))
    assert all(isinstance(row, SftRow) for row in rows)


def test_a_variant_follows_from_case_and_seed() -> None:
    case = inverted().case
    assert with_missing(case, seed=1) == with_missing(case, seed=1)


# --- reading --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"body": " "}, "empty"),
        ({"title": "x"}, "empty"),
        ({"licence": "proprietary"}, "licence"),
        ({"created": None}, "undated"),
    ],
)
def test_a_proposal_that_may_not_be_used_is_a_drop(changed: dict[str, object], reason: str) -> None:
    row = {"id": "a-1", "dao": "D", "title": "A title", "body": "Text", "created": "2024-05-01", "licence": "MIT"}
    item = to_proposal(RawRow(1, 1, {**row, **changed}), Path("p.jsonl"))
    assert isinstance(item, Drop)
    assert item.reason == reason


def written(path: Path, *bodies: str) -> Path:
    rows = [
        {"id": f"p-{n}", "dao": "D", "title": f"Rebate {n}", "body": body, "created": "2024-05-01", "licence": "MIT"}
        for n, body in enumerate(bodies)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.slow
def test_a_file_of_proposals_becomes_a_cut_with_its_licences(tmp_path: Path) -> None:
    source = written(tmp_path / "p.jsonl", BODY, BODY.replace("57", "58"), "")
    now = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
    folder = build([source], out=tmp_path / "cuts", name="p", now=now)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["rows"]["sft"], manifest["rows"]["grpo"], manifest["rows"]["cpt"]) == (8, 6, 2)
    assert manifest["licences"] == {"MIT": 2}
    assert manifest["dropped"]["sft:empty"] == 1
    more = build([source], out=tmp_path / "cuts", name="v", now=now, variant_seed=7)
    varied = json.loads((more / "manifest.json").read_text(encoding="utf-8"))
    assert varied["rows"]["sft"] > manifest["rows"]["sft"]


@pytest.mark.slow
def test_most_shared_proposals_invert_and_every_kept_section_comes_back(shared_data: Path) -> None:
    """A sample of each DAO; docs/training.md has the figures of the whole."""
    tried = kept = 0
    for path in sorted((shared_data / "proposals").glob("*.jsonl")):
        usable = [item for item in read_proposals(path) if isinstance(item, Proposal)][:8]
        for proposal in usable:
            result = invert(proposal, GENERIC)
            tried += 1
            kept += bool(result.sections)
            for section in result.sections.values():
                assert restore(section.slotted, result.case) == section.original
    assert tried >= 50
    assert kept / tried >= 0.7
