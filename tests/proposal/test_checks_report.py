"""Findings as text, JSON and SARIF, and waivers."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from proposal.checks import RULES, run_checks
from proposal.checks.report import summary, to_json, to_sarif, to_text
from proposal.checks.waivers import WaivedFinding, Waiver, apply_waivers, excerpt_hash, standing
from proposal.findings import Finding, blocks
from proposal.template import load_template

TEXT = "# Plan\n\n## Summary\n\nThe 预算 is TBD and obviously fine.\n\n<!-- two\nlines -->\n"
FINDINGS = run_checks(TEXT, template=load_template("generic"))


def of(rule: str) -> Finding:
    return next(finding for finding in FINDINGS if finding.rule == rule)


def test_text_has_a_line_for_each_finding_and_counts_them() -> None:
    lines = to_text(FINDINGS, file="plan.md").splitlines()
    assert "plan.md:5:11: error ST-placeholder: a mark for work to do was left: TBD" in lines
    assert lines[-1] == summary(FINDINGS)
    assert len(lines) == len(FINDINGS) + 1


def test_findings_are_counted_in_words() -> None:
    assert summary([of("ST-placeholder"), of("NE-loaded"), of("NE-loaded")]) == "1 error, 2 warnings"


def test_no_findings_are_said_in_words() -> None:
    assert to_text([]) == "no findings\n"


def test_json_explains_the_rules_that_were_broken() -> None:
    data = json.loads(json.dumps(to_json(FINDINGS, file="plan.md")))
    assert data["blocking"] is True
    assert data["rules"]["ST-placeholder"]["fix"]
    assert data["rules"]["ST-placeholder"]["help"] == "docs/checks.md#st-placeholder"
    assert [finding["rule"] for finding in data["findings"]] == [finding.rule for finding in FINDINGS]


def test_sarif_has_what_the_standard_requires() -> None:
    log = json.loads(json.dumps(to_sarif(FINDINGS, file="plan.md", text=TEXT)))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"]
    assert [rule["id"] for rule in driver["rules"]] == [rule.id for rule in RULES]
    assert len(run["results"]) == len(FINDINGS)
    for result in run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in {"error", "warning", "note"}
        assert result["message"]["text"]
        region = result["locations"][0]["physicalLocation"]["region"]
        assert region["startLine"] >= 1
        assert (region["endLine"], region["endColumn"]) >= (region["startLine"], region["startColumn"])


def test_a_sarif_region_marks_the_words_of_the_finding() -> None:
    log = to_sarif([of("ST-placeholder"), of("ST-html")], file="plan.md", text=TEXT)
    placeholder, comment = (r["locations"][0]["physicalLocation"]["region"] for r in log["runs"][0]["results"])
    assert TEXT[placeholder["charOffset"] :][: placeholder["charLength"]] == "TBD"
    assert (placeholder["startColumn"], placeholder["endColumn"]) == (11, 14)
    assert (comment["startLine"], comment["endLine"], comment["endColumn"]) == (7, 8, 10)


def test_a_warning_is_waived_by_one_person_with_a_reason() -> None:
    loaded = of("NE-loaded")
    waived = apply_waivers([loaded], [Waiver(rule="NE-loaded", reason="name of the product", by="Ada")])
    assert isinstance(waived[0], WaivedFinding)
    assert standing(waived) == []
    assert to_text(waived).startswith("5:19: waived warning NE-loaded")
    assert summary(waived) == "1 waived"


def test_an_error_needs_two_different_people_the_exact_words_and_the_permission_of_the_dao() -> None:
    error = of("ST-placeholder")
    exact = excerpt_hash(error)
    ada, bob = (Waiver(rule=error.rule, reason="the date is open", by=by, excerpt_hash=exact) for by in ("Ada", "Bob"))
    again = Waiver(rule=error.rule, reason="still open", by=" ada ", excerpt_hash=exact)
    loose = [Waiver(rule=error.rule, reason="any of them", by=by) for by in ("Ada", "Bob")]
    assert blocks(standing(apply_waivers([error], [ada, bob])))
    assert blocks(standing(apply_waivers([error], [ada, again], overridable=[error.rule])))
    assert blocks(standing(apply_waivers([error], loose, overridable=[error.rule])))
    assert not blocks(standing(apply_waivers([error], [ada, bob], overridable=[error.rule])))


def test_a_waiver_for_some_words_does_not_cover_others() -> None:
    loaded = of("NE-loaded")
    waiver = Waiver(rule="NE-loaded", reason="a quotation", by="Ada", excerpt_hash="0" * 64)
    assert standing(apply_waivers([loaded], [waiver])) == [loaded]


def test_a_waiver_without_a_reason_is_refused() -> None:
    with pytest.raises(ValidationError):
        Waiver(rule="NE-loaded", reason="", by="Ada")


def test_a_waived_finding_is_a_suppressed_result_in_sarif() -> None:
    waived = apply_waivers([of("NE-loaded")], [Waiver(rule="NE-loaded", reason="name of the product", by="Ada")])
    (result,) = to_sarif(waived, file="plan.md", text=TEXT)["runs"][0]["results"]
    assert result["suppressions"][0]["justification"] == "Ada: name of the product"
