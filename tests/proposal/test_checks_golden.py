"""Each rule on its golden examples: what must pass, and what must be found, at which place and how strongly."""

from __future__ import annotations

import pytest

from proposal.checks import RULES
from tests.proposal.check_cases import GoldenCase, golden_cases

CASES = golden_cases()

UNIT_TESTED = {"ST-unread", "EV-hash"}
"""Rules whose failing example is made in a test: a text of many thousand lines, and evidence that no file can hold."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}/{case.name}")
def test_a_rule_finds_exactly_what_its_example_expects(case: GoldenCase) -> None:
    assert case.found() == case.expected


def test_the_name_of_an_example_tells_whether_it_passes() -> None:
    due = {False: "pass", True: "fail"}
    misnamed = [f"{case.rule}/{case.name}" for case in CASES if case.name.split("-")[0] != due[bool(case.expected)]]
    assert misnamed == []


def test_every_rule_has_a_passing_and_a_failing_example() -> None:
    kinds = {(case.rule, case.name.split("-")[0]) for case in CASES}
    wanted = {(rule.id, kind) for rule in RULES for kind in ("pass", "fail")}
    wanted -= {(rule, "fail") for rule in UNIT_TESTED}
    assert kinds == wanted
