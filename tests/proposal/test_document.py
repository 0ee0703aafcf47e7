"""The document model: structure, sentences, inline parts, hidden text, hostile text."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proposal.document import Document, heading_key, parse, render
from tests.conftest import shared_proposals

ENGLISH = """---
title: Fund a creator rebate
status: Draft
---

# Fund a creator rebate

Opening words before the first section.

## 1. Summary

The DAO pays 45,000 USDC [E1]. Turnout was 37.5% [[E2]].

- first point
- second point with `code 99`

> The vote passed, a delegate said.

| Item | Amount (USDC) |
|------|--------------:|
| Team | 30,000 |
| Audit | 15,000 |

```solidity
uint256 fee = 45000; // [E9]
```

## Voting options

- For: pay the budget
- Against: no change
- Abstain
"""


PART_LISTS = (
    "sections", "blocks", "sentences", "amounts", "dates", "citations", "slots", "links", "addresses", "hashes",
    "quotes", "tables", "options", "obligations", "hidden",
)  # fmt: skip


def texts(parts: object) -> list[str]:
    assert isinstance(parts, tuple)
    return [part.text for part in parts]


def every_part(document: Document) -> list[Any]:
    cells = [cell for table in document.tables for row in (table.header, *table.rows) for cell in row]
    lists = [getattr(document, name) for name in PART_LISTS]
    return [part for parts in (*lists, cells) for part in parts]


# --- structure --------------------------------------------------------------------------------------------------------


def test_sections_run_from_heading_to_heading_and_hold_their_body() -> None:
    document = parse(ENGLISH)
    assert [(section.level, section.title) for section in document.sections] == [
        (0, ""), (1, "Fund a creator rebate"), (2, "1. Summary"), (2, "Voting options")]  # fmt: skip
    assert document.title == "Fund a creator rebate"
    assert document.body(document.sections[1]).strip() == "Opening words before the first section."
    assert document.text[document.sections[2].start :].startswith("## 1. Summary")
    assert [section.index for section in document.sections] == [0, 1, 2, 3]


def test_front_matter_is_read_as_it_is_written() -> None:
    document = parse("---\ntitle: Pay\ncreated: 2026-11-02\nauthors: [a, b]\nversion: 1.0\n---\n# Pay\n")
    assert document.front_matter == {"title": "Pay", "created": "2026-11-02", "authors": ["a", "b"], "version": "1.0"}
    assert document.blocks[0].kind == "front_matter"
    assert document.dates == ()


@pytest.mark.parametrize(
    "text",
    ["---\nno mapping\n---\ntext", "---\na: [1, 2\n---\ntext", "---\na: 1\ntext without an end", "---\n" * 5,
     "---\na: " + "[" * 3000 + "\n---\n", "---\na: &x [*x]\n---\n",
     "---\n? {a: 1}\n: 2\n---\n", "---\na: 2026-99-99\n---\n"],
)  # fmt: skip
def test_broken_front_matter_never_raises(text: str) -> None:
    assert isinstance(parse(text).front_matter, dict)


def test_blocks_have_kinds_and_lie_in_their_sections() -> None:
    document = parse(ENGLISH)
    kinds = [(block.kind, block.section) for block in document.blocks]
    assert kinds == [
        ("front_matter", 0), ("heading", 1), ("paragraph", 1), ("heading", 2), ("paragraph", 2), ("list_item", 2),
        ("list_item", 2), ("quote", 2), ("table", 2), ("code", 2), ("heading", 3), ("list_item", 3), ("list_item", 3),
        ("list_item", 3),
    ]  # fmt: skip


def test_a_list_item_begins_behind_its_marker() -> None:
    document = parse("1. first\n   more\n2. second\n\n> - quoted\n")
    assert [document.text[block.start : block.end] for block in document.blocks] == [
        "first\n   more", "second", "quoted"]  # fmt: skip
    assert [block.kind for block in document.blocks] == ["list_item", "list_item", "quote"]


def test_headings_inside_quotes_and_code_are_no_sections() -> None:
    assert [s.title for s in parse("# One\n\n> # Quoted\n\n```\n# code\n```\n\nTwo\n---\n").sections] == ["One", "Two"]


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        ("## 2. Motivation:", "Motivation"),
        ("### **MOTIVATION**", "motivation"),
        ("## 2.1 Motivation ##", "Motivation"),
        ("## 二、动机", "动机"),
        ("## ２．动机：", "动机"),
        ("## Simple  Summary", "simple summary"),
        ("## Non-Goals", "Non Goals"),
    ],
)
def test_a_section_is_found_whatever_its_case_spacing_and_numbering(heading: str, name: str) -> None:
    document = parse(f"# Title\n\n{heading}\n\nBody.\n")
    found = document.find_section(["Something else", name])
    assert found is not None
    assert document.body(found).strip() == "Body."
    assert document.find_section(name) == found
    assert document.find_section("Elsewhere") is None


def test_heading_keys_of_different_headings_differ() -> None:
    assert (
        len({heading_key(title) for title in ("Summary", "Simple Summary", "摘要", "动机", "Phase 2", "Phase 3")}) == 6
    )


def test_line_and_column_count_from_one_with_every_kind_of_line_end() -> None:
    document = parse("a\nb\r\nc\rd")
    assert [document.line_column(offset) for offset in (0, 2, 5, 7)] == [(1, 1), (2, 1), (3, 1), (4, 1)]
    assert document.line_column(3) == (2, 2)


def test_within_and_section_of_answer_by_offset() -> None:
    document = parse(ENGLISH)
    summary = document.sections[2]
    assert [amount.text for amount in document.within(document.amounts, summary.start, summary.end)] == [
        "45,000 USDC", "37.5%", "30,000", "15,000"]  # fmt: skip
    assert document.section_of(document.text.index("37.5%")) == summary
    assert document.within(document.amounts, summary.start, summary.body_start) == []


def test_tables_have_cells_with_places() -> None:
    document = parse(ENGLISH)
    [table] = document.tables
    assert [cell.text for cell in table.header] == ["Item", "Amount (USDC)"]
    assert [[cell.text for cell in row] for row in table.rows] == [["Team", "30,000"], ["Audit", "15,000"]]
    assert document.text[table.rows[1][1].start : table.rows[1][1].end] == "15,000"


def test_a_pipe_in_code_or_behind_a_backslash_separates_no_cells() -> None:
    [table] = parse("| a | b |\n|---|---|\n| x \\| y | `p|q` |\n| one |\n").tables
    assert [[cell.text for cell in row] for row in table.rows] == [["x \\| y", "`p|q`"], ["one"]]


# --- sentences --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It passed. It ran.", ["It passed.", "It ran."]),
        ("It cost 1.5 ETH. Then 2.", ["It cost 1.5 ETH.", "Then 2."]),
        ("Some fees, e.g. gas, fell. They fell i.e. Monday.", ["Some fees, e.g. gas, fell.", "They fell i.e. Monday."]),
        ("The U.S. vote passed. The next failed.", ["The U.S. vote passed.", "The next failed."]),
        ("It was made in the U.S. The vote passed.", ["It was made in the U.S.", "The vote passed."]),
        ("Deployed v1.2 in No. 3 by J. Smith. Done!", ["Deployed v1.2 in No. 3 by J. Smith.", "Done!"]),
        ("See https://a.example/x.y?z=1. It works? Yes.", ["See https://a.example/x.y?z=1.", "It works?", "Yes."]),
        ('He said "it passed." Then he left.', ['He said "it passed."', "Then he left."]),
        ("Wait... it ran. Done", ["Wait... it ran.", "Done"]),
        ("It fell [E1]. It rose. [E2] It ended.", ["It fell [E1].", "It rose. [E2]", "It ended."]),
        ("It fell.[E1][E2] It rose.", ["It fell.[E1][E2]", "It rose."]),
        ("It fell. [E1] shows why.", ["It fell.", "[E1] shows why."]),
        ("First line\nsame sentence. Next.", ["First line\nsame sentence.", "Next."]),
        ("A hard break  \nends it", ["A hard break", "ends it"]),
        ("提案通过。支持率为37.5%；共412票！", ["提案通过。", "支持率为37.5%；", "共412票！"]),
        ("通过了吗？是。", ["通过了吗？", "是。"]),
        ("他说：“通过了。”然后离开。", ["他说：“通过了。”", "然后离开。"]),
        ("支出4.5万[E1]。下一步[E2]。", ["支出4.5万[E1]。", "下一步[E2]。"]),
        ("支出4.5万。[E1]下一步", ["支出4.5万。[E1]", "下一步"]),
        ("It passed.结果公布。", ["It passed.", "结果公布。"]),
    ],
)  # fmt: skip
def test_sentences_end_where_a_reader_ends_them(text: str, expected: list[str]) -> None:
    assert texts(parse(text).sentences) == expected


def test_table_rows_and_list_items_are_sentences_and_headings_and_code_are_not() -> None:
    document = parse(ENGLISH)
    assert [(sentence.block_kind, sentence.text) for sentence in document.sentences][:8] == [
        ("paragraph", "Opening words before the first section."),
        ("paragraph", "The DAO pays 45,000 USDC [E1]."),
        ("paragraph", "Turnout was 37.5% [[E2]]."),
        ("list_item", "first point"),
        ("list_item", "second point with `code 99`"),
        ("quote", "The vote passed, a delegate said."),
        ("table_row", "Team | 30,000"),
        ("table_row", "Audit | 15,000"),
    ]


def test_a_repeated_sentence_has_the_same_fingerprint_whatever_its_markup() -> None:
    first, second, third = parse("The **budget** is 45%. The Budget is ４５％. The budget is 46%.").sentences
    assert first.fingerprint == second.fingerprint
    assert first.fingerprint != third.fingerprint


def test_claims_are_the_sentences_that_can_be_checked() -> None:
    text = "We value openness. Turnout was 37.5%. It began on 2026-11-02. This is shown in [E1]. Two groups agree."
    assert texts(parse(text).claims) == ["Turnout was 37.5%.", "It began on 2026-11-02.", "This is shown in [E1]."]


# --- inline parts -----------------------------------------------------------------------------------------------------


def test_citations_are_found_in_every_form_and_not_in_code() -> None:
    document = parse("One [E1], two [[E2]], both [E3, E4], 三【E5】, ［E6］, `[E7]`, [E8](https://a.example), [Ether]")
    assert [citation.id for citation in document.citations] == ["E1", "E2", "E3", "E4", "E5", "E6"]


def test_slots_are_found_with_their_body() -> None:
    document = parse("Pay {{P.budget}} or {{calc:sum(E1.a,E2.b)}}, {{ TBD:vendor quote }} and {{}}.")
    assert [slot.body for slot in document.slots] == ["P.budget", "calc:sum(E1.a,E2.b)", "TBD:vendor quote", ""]


def test_links_keep_target_and_visible_text() -> None:
    text = (
        "[post](https://a.example/1 'hover') ![chart](img.png) <https://b.example> https://c.example/x_(y). "
        "[![alt](p.png)](https://d.example) www.e.example, <a href='https://f.example'>x</a>\n\n[ref]: https://g.example\n"
    )
    document = parse(text)
    assert [(link.url, link.text) for link in document.links] == [
        ("https://a.example/1", "post"), ("img.png", "chart"), ("https://b.example", ""),
        ("https://c.example/x_(y)", ""),
        ("https://d.example", "alt"), ("p.png", "alt"), ("www.e.example", ""), ("https://f.example", ""),
        ("https://g.example", "ref"),
    ]  # fmt: skip
    assert [part.kind for part in document.hidden] == ["link_title", "html_tag", "html_tag"]


def test_a_figure_inside_the_text_of_a_link_is_still_an_amount() -> None:
    assert texts(parse("[45,000 USDC](https://a.example/99)").amounts) == ["45,000 USDC"]


def test_addresses_and_hashes_are_told_apart_by_length() -> None:
    address, digest = "0x" + "aB" * 20, "0x" + "12" * 32
    document = parse(f"Pay {address} in {digest}, not 0x1234 nor {address}ff.")
    assert texts(document.addresses) == [address]
    assert texts(document.hashes) == [digest]


def test_quotes_are_found_inside_their_marks() -> None:
    text = 'He said "it passed" and “it ran”. 他说「通过了」。\n\n> A whole\n> block.\n\nA 5" pipe and `"code"`.'
    document = parse(text)
    assert texts(document.quotes) == ["it passed", "it ran", "通过了", "A whole\n> block."]
    assert all(text[quote.start : quote.end] == quote.text for quote in document.quotes)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (ENGLISH, ["For: pay the budget", "Against: no change", "Abstain"]),
        ("## 投票选项\n\n- 赞成\n- 反对\n- 弃权\n", ["赞成", "反对", "弃权"]),
        ("## Vote\n\n**For:** pay\n\n**Against:** do not pay\n", ["For: pay", "Against: do not pay"]),
        ("- [ ] YAE\n- [ ] NAY\n", ["YAE", "NAY"]),
        ("## Option 1: Merge\n\nx\n\n## Option 2: Close\n\ny", ["Option 1: Merge", "Option 2: Close"]),
        ("Yes: go on\nNo: stop\n", ["Yes: go on", "No: stop"]),
        ("- Yes: a\n- No: b\n- Yes: c\n- No: d\n", []),
        ("For example: this is prose.\n\nNo options here.", []),
    ],
)
def test_voting_options_are_found_as_the_text_offers_them(text: str, options: list[str]) -> None:
    assert texts(parse(text).options) == options


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The foundation must publish a report.", [("must", "The foundation")]),
        ("If it passes, the team shall return 5 ETH.", [("shall", "the team")]),
        ("The grants council will report monthly.", [("will", "The grants council")]),
        ("This will help users.", []),
        ("It was at will, a must-have.", []),
        ("KPK is required to keep records.", [("required to", "KPK is")]),
        ("基金会应当在30天内公布报告。", [("应当", "基金会")]),
        ("提案人须披露利益冲突。", [("须", "提案人")]),
        ("若通过，委员会不得超支。", [("不得", "委员会")]),
        ("该应用响应良好，效应明显。", []),
    ],
)
def test_obligations_name_the_binding_word_and_who_is_bound(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(duty.modal, duty.actor) for duty in parse(text).obligations] == expected


# --- hidden text ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("Text <!-- ignore all rules --> more", ["comment"]),
        ("<!--\nwhole block\n-->\n\nText", ["comment"]),
        ("Text\n\n<!-- never closed\n\nall of it", ["comment"]),
        ("[//]: # (a comment in disguise)\n\nText", ["comment"]),
        ("pay\u200bment and pay\u00adment", ["zero_width", "zero_width"]),
        ("abc \u202etxet desrever", ["bidi"]),
        ("plain" + "".join(chr(0xE0000 + ord(sign)) for sign in "obey"), ["tag_characters"]),
        ("a <span style='display:none'>secret</span>", ["html_tag", "html_tag"]),
        ("`<!-- code -->` and `<b>`", []),
        ("family 👨\u200d👩\u200d👧 and ⚠️", []),
        ("\ufeff# Title", []),
    ],
)
def test_what_a_reader_cannot_see_is_reported(text: str, kinds: list[str]) -> None:
    assert [part.kind for part in parse(text).hidden] == kinds


def test_text_inside_comments_counts_for_nothing() -> None:
    document = parse("Seen 5 ETH.\n\n<!-- 7 ETH [E1] {{E2.x}} 2026-11-02. Hidden. -->\n")
    assert texts(document.amounts) == ["5 ETH"]
    assert (document.citations, document.slots, document.dates) == ((), (), ())
    assert texts(document.sentences) == ["Seen 5 ETH."]


def test_places_point_into_the_source_when_it_holds_invisible_signs() -> None:
    text = (
        "\u200b# Ti\u200btle\n\nPaid 45\u200b,000 US\u200bDC [E\u200b1] by 0x" + "ab" * 19 + "\u200bab. \u200bDone.\n"
    )
    document = parse(text)
    assert render(document) == text
    [amount], [citation], [address] = document.amounts, document.citations, document.addresses
    assert text[amount.start : amount.end] == "45\u200b,000 US\u200bDC"
    assert (text[citation.start : citation.end], citation.id) == ("[E\u200b1]", "E1")
    assert address.text == "0x" + "ab" * 20
    assert texts(document.sentences)[1] == "Done."
    assert document.sections[-1].title == "Title"


# --- whole texts ------------------------------------------------------------------------------------------------------

PIECES = (
    "# ", "## H\n", "- ", "1. ", "> ", "| a | b |\n", "|---|---|\n", "```\n", "~~~", "`", "``", "**", "_", "[",
    "]", "](", ")", "(", "[E1]", "[[E2]]", "{{E3.a}}", "{{", "}}", "<!--", "-->", "<b>", "<",
    "https://a.example/b", "0xab", "45,000 USDC", "3–5%", "$1.2M", "四十五万", "百分之五", "约", "一", "万",
    "twenty", " one", " half of ", "2026-11-02", "Q3 ", "May 2", "\n", "\n\n", "\r\n", "\r", "\t", "    ", " ",
    ".", "。", "？", "”", "“", '"', "\\", "\x00", "\x01", "\u200b", "\u202e", "\ufeff", "\ud800", "😀", "---\n",
    "a: b\n", "For: x\n", " must ", "应", "[a]: b\n", "&nbsp;", "No. ", "e.g. ", "Phase 2", "第3条", "５", "％",
    ":", "/", "-", "1", "-1", "^", "***", "\x0b", "\u2028",
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=40).map("".join))
@example("45,000 USDC四十五万")
def test_any_text_parses_and_renders_to_itself(text: str) -> None:
    document = parse(text)
    assert render(document) == text
    assert document.text == text
    assert document.sections[0].start == 0
    assert document.sections[-1].end == len(text)
    for part in every_part(document):
        assert 0 <= part.start <= part.end <= len(text)
    for sentence in document.sentences:
        assert text[sentence.start : sentence.end] == sentence.text
    for name in PART_LISTS:
        starts = [part.start for part in getattr(document, name)]
        assert starts == sorted(starts), name
    for left, right in zip(document.amounts, document.amounts[1:], strict=False):
        assert left.end <= right.start
    assert document.line_column(len(text))[0] >= 1


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=3).map("".join), st.integers(200, 3000))
def test_repetition_of_anything_stays_cheap(unit: str, times: int) -> None:
    text = unit * times
    started = time.process_time()
    parse.__wrapped__(text)
    assert time.process_time() - started < 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "unit",
    ["1.", "1 ", "1,111,", "２，", "百分之", "[[", "{{", "(((", "|||", "```\n", "`a ", "> ", "- ", "- a\n", "> - a\n",
     ">" * 50 + "a\n", "a\n", "<!--", "<a ", "](", "[a", '"a', "“", "http://", "0x1 ", "twenty-", "one hundred ",
     "must ", "应", "一 ",
     "May ", "a\u200b", "\r", "a\n===\n", "|a" * 100 + "|\n" + "|-" * 100 + "|\n" + "|\n" * 200, "EIP-1 ", "e.g. ",
     "Phase 1 and ", "[a]: b\n", "For: a\n"],
)  # fmt: skip
def test_a_megabyte_of_hostile_text_is_read_in_time(unit: str) -> None:
    text = (unit * (1_000_000 // len(unit) + 1))[:1_000_000]
    started = time.process_time()
    document = parse.__wrapped__(text)
    assert time.process_time() - started < 2, "the target is one second; twice that is a broken pattern"
    assert render(document) == text


def test_the_tail_of_a_text_beyond_the_limits_is_marked_as_unread() -> None:
    text = "Paid 5 ETH.\n\n" * 20_000
    document = parse.__wrapped__(text)
    assert document.read_to < len(text)
    assert document.blocks[-1].kind == "unread"
    assert document.blocks[-1].end == len(text)
    assert parse("Paid 5 ETH.").read_to == len("Paid 5 ETH.")


def test_text_nested_deeper_than_the_parser_goes_is_still_read() -> None:
    text = (
        "> " * 40
        + "Paid 5 ETH.\n"
        + "".join("  " * depth + "- item\n" for depth in range(40))
        + "  " * 40
        + "- Paid 6 ETH.\n"
    )
    assert texts(parse(text).amounts) == ["5 ETH", "6 ETH"]


@pytest.mark.slow
def test_every_shared_proposal_renders_to_the_same_bytes(shared_data: Path) -> None:
    between_blocks = re.compile(r"[\s>*+\-0-9.)\u200b-\u200f]*")
    count = 0
    for identifier, body in shared_proposals(shared_data):
        document = parse.__wrapped__(body)
        assert render(document).encode() == body.encode(), identifier
        assert document.read_to == len(body), identifier
        position = 0
        for block in document.blocks:
            assert block.start >= position, identifier
            assert between_blocks.fullmatch(body, position, block.start), identifier
            position = block.end
        count += 1
    assert count > 1_000


def test_the_part_before_the_limit_is_read_even_when_it_is_one_line() -> None:
    document = parse.__wrapped__("1 ETH, " * 100_000)
    assert document.read_to < len(document.text)
    assert len(document.amounts) > 10_000
    assert document.amounts[-1].end <= document.read_to


@pytest.mark.slow
def test_the_median_shared_proposal_parses_in_five_milliseconds(shared_data: Path) -> None:
    taken = []
    for _, body in list(shared_proposals(shared_data))[::5]:
        started = time.process_time()
        parse.__wrapped__(body)
        taken.append(time.process_time() - started)
    assert sorted(taken)[len(taken) // 2] <= 0.005
