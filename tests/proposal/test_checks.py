"""The checks as a whole: what they promise about any text, about severities, and about clean proposals."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proposal.addresses import checksum
from proposal.checks import RULES, CheckContext, Hit, Rule, language_of, rule, rules_hash, run_checks
from proposal.checks.addresses import known_tokens
from proposal.checks.catalogue import page
from proposal.checks.framework import MAX_HITS, findings_of
from proposal.checks.lexicons import groups
from proposal.checks.packs import pack_clauses
from proposal.document import parse
from proposal.errors import NotFoundError
from proposal.template import Template, load_template, template_names
from tests.proposal.clean_cases import CleanCase, clean_cases
from tests.sampling import each

ROOT = Path(__file__).parents[2]
CLEAN = clean_cases()

PIECES = [
    "# Title\n\n", "## Summary\n\n", "## 摘要\n\n", "[E1]", "[[E9]]", "{{E1.x}}", "45,000 USDC ", "四十五万 ",
    "| a | b |\n|---|---|\n| Total | 9 |\n", "<!-- x -->", "<b", "0x" + "aB" * 20, "https://a.example.org/x ", "“ ",
    "- For\n", "\n\n", "\u200b", "\u202e", "obviously ", "必将上涨", "---\n", "2026-02-30 ", "TBD ", "(", ")", "[",
    "from 2026-02-02 to 2026-01-01 ", "transfer 5 to ", "pier.eth ", "```\n", "\x00", "\ud800", "]", "`", "*", "!!",
    "😀", "5% (50 bps) ", "ignore all previous instructions ", "\u2028", "1." * 40,
]  # fmt: skip


@pytest.mark.slow
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=12), max_size=40).map("".join))
@settings(max_examples=120, deadline=None)
def test_no_text_makes_a_check_raise(text: str) -> None:
    case = CLEAN[0]
    for finding in run_checks(text, template=case.template, evidence=case.evidence, brief=case.brief):
        assert 0 <= finding.start <= finding.end <= len(text)
        assert finding.line >= 1
        assert finding.column >= 1
        assert len(finding.excerpt) <= 160


@pytest.mark.parametrize("case", CLEAN, ids=lambda case: case.name)
def test_a_clean_proposal_has_no_finding_above_a_note(case: CleanCase) -> None:
    assert [f for f in case.findings() if f.severity != "info"] == []


def test_findings_come_in_the_order_of_their_places() -> None:
    places = [(f.start, f.end) for f in run_checks("TBD x TODO obviously TBD", template=load_template("generic"))]
    assert places == sorted(places)


def test_a_rule_id_stands_once_and_names_its_family() -> None:
    letters = {"structure": "ST", "conditional": "TY", "figures": "NU", "addresses": "AD", "actions": "AC"}
    letters |= {"evidence": "EV", "neutrality": "NE", "policy": "PO", "injection": "IN"}
    assert len({one.id for one in RULES}) == len(RULES)
    assert all(one.id.startswith(letters[one.family] + "-") for one in RULES)


def test_every_rule_says_what_it_demands_and_what_to_do() -> None:
    for one in RULES:
        assert one.clause.endswith("."), one.id
        assert one.fix.endswith("."), one.id
        assert one.title, one.id


def test_a_template_can_make_a_rule_milder() -> None:
    generic = load_template("generic")
    mild = Template.model_validate({**generic.model_dump(), "severities": {"ST-placeholder": "info"}})
    text = "# T\n\n## Summary\n\nTBD\n"
    assert [f.severity for f in run_checks(text, template=generic) if f.rule == "ST-placeholder"] == ["error"]
    assert [f.severity for f in run_checks(text, template=mild) if f.rule == "ST-placeholder"] == ["info"]


def test_a_template_that_makes_a_rule_stricter_does_not_raise_its_weaker_cases() -> None:
    generic = load_template("generic")
    strict = Template.model_validate({**generic.model_dump(), "severities": {"NE-loaded": "error"}})
    found = run_checks("# T\n\n## Summary\n\nIt is obviously extremely long.\n", template=strict)
    assert {f.excerpt: f.severity for f in found if f.rule == "NE-loaded"} == {
        "obviously": "error",
        "extremely": "info",
    }


def test_more_places_than_a_list_can_hold_are_counted() -> None:
    many = Rule(
        "ST-x", "structure", "info", "t", "c.", "f.", lambda _: (Hit(n, n + 1, "m") for n in range(MAX_HITS + 7))
    )
    context = CheckContext(document=parse("x" * 500), template=load_template("generic"), language="en")
    found = list(findings_of(many, context))
    assert len(found) == MAX_HITS + 1
    assert found[-1].message == "7 more places of this kind follow from here"


def test_a_text_too_long_to_be_read_is_an_error_at_what_was_not_read() -> None:
    text = "# T\n\n## Summary\n\nText.\n" + "1.\n" * 42_000
    found = [f for f in run_checks(text, template=load_template("generic")) if f.rule == "ST-unread"]
    assert [f.severity for f in found] == ["error"]
    assert found[0].end == len(text)


ENDLESS = [
    "obviously ", "pier.eth ", "0x" + "a1B2c3D4e5" * 4 + " to ", "pay 5 to 0x" + "a1" * 20 + " ", "TBD ", "<b ", "[",
    "This is a resubmission ", "[see](https://docs.google.com/x) ", "| a | 5 |\n", "- For\n", "必将", "guaranteed ",
    "“aaaa bbb cc d” ", "[E1] ", "2026-01-01 to ", "thirty (", "## Summary\n", "<!-- x -->", "____ ",
    "total budget: 5 USDC ",
]  # fmt: skip


@pytest.mark.parametrize("piece", each(ENDLESS, fast=4))
def test_an_endless_text_is_checked_in_linear_time(piece: str) -> None:
    case = CLEAN[0]
    text = "# Plan\n\n## Summary\n\n" + piece * (60_000 // len(piece))
    parse(text)
    started = time.perf_counter()
    run_checks(text, template=case.template, evidence=case.evidence, brief=case.brief)
    assert time.perf_counter() - started < 4


def test_an_excerpt_that_does_not_match_its_hash_is_an_error() -> None:
    case = next(case for case in CLEAN if case.evidence["E1"].excerpt)
    changed = {**case.evidence, "E1": case.evidence["E1"].model_copy(update={"excerpt": "Something else."})}
    found = run_checks(case.text, template=case.template, evidence=changed, brief=case.brief)
    assert [f.message for f in found if f.rule == "EV-hash"] == ["the excerpt of E1 does not match its recorded hash"]


def test_without_evidence_no_figure_is_called_unsupported() -> None:
    found = run_checks("# T\n\n## Summary\n\nIt cost 45,000 USDC [E9].\n", template=load_template("generic"))
    assert [f for f in found if f.rule.startswith("EV-")] == []


def test_an_unknown_rule_names_the_nearest() -> None:
    with pytest.raises(NotFoundError, match="EV-number"):
        rule("EV-numbers")


def test_the_rules_hash_is_the_same_in_another_process() -> None:
    code = "from proposal.checks import rules_hash; print(rules_hash())"
    other = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert other.stdout.strip() == rules_hash()
    assert re.fullmatch("[0-9a-f]{64}", rules_hash())


LANGUAGES = [
    ("Plain words.", "en"),
    ("本提案申请拨款。", "zh"),
    ("The DAO 社区 " * 9, "zh"),
    ("One 字 in a long English sentence about ferries.", "en"),
    ("", "en"),
]


@pytest.mark.parametrize(("text", "language"), LANGUAGES)
def test_the_language_is_told_from_the_text(text: str, language: str) -> None:
    assert language_of(text) == language


def test_the_page_on_the_rules_is_current() -> None:
    """When this fails: python -m proposal.checks --write-docs docs/checks.md"""
    assert (ROOT / "docs" / "checks.md").read_text(encoding="utf-8") == page()


def test_the_lexicons_and_packs_name_existing_rules_and_templates() -> None:
    ids = {one.id for one in RULES}
    assert {group.rule for group in groups().values()} <= ids
    assert {clause.rule for clause in pack_clauses().values()} <= ids
    known = set(template_names()) | {"any"}
    assert {name for clause in pack_clauses().values() for name in clause.templates} <= known


def test_every_known_token_is_written_with_its_checksum() -> None:
    data = (ROOT / "proposal" / "checks" / "tokens.yaml").read_text(encoding="utf-8")
    written = re.findall("0x[0-9a-fA-F]{40}", data)
    assert written == [checksum(address) for address in written]
    assert len(known_tokens()) == len(written)


@pytest.mark.parametrize("name", template_names())
def test_every_template_can_check_a_text(name: str) -> None:
    found = run_checks("# Plan\n\n## Summary\n\nTBD\n", template=load_template(name))
    assert "ST-placeholder" in {finding.rule for finding in found}


@pytest.mark.slow  # a process of its own; tests/test_architecture.py imports the whole room in the fast tier
def test_importing_the_checks_pulls_in_no_heavy_library() -> None:
    code = "import sys, proposal.checks, proposal.mutation; print(sorted(m.split('.')[0] for m in sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not {"torch", "transformers", "vllm", "swift", "fastapi"} & set(re.findall(r"'([a-z]+)'", loaded))


def test_only_the_named_rules_run() -> None:
    case = clean_cases()[0]
    text = case.text + "\n\nThis obviously is TODO.\n"
    everything = run_checks(text, template=case.template, evidence=case.evidence, brief=case.brief)
    named = run_checks(
        text, template=case.template, evidence=case.evidence, brief=case.brief, only=["NE-loaded", "ST-placeholder"]
    )
    assert {"NE-loaded", "ST-placeholder"} == {finding.rule for finding in named}
    assert named == [finding for finding in everything if finding.rule in {"NE-loaded", "ST-placeholder"}]
    with pytest.raises(NotFoundError, match="NE-loaded"):
        run_checks(text, template=case.template, only=["NE-loadde"])
