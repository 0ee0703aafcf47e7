"""The offline verifier: whatever is changed in a bundle is found, and its sentence is named."""

from __future__ import annotations

import datetime as dt
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proposal.assemble import claims_of
from proposal.decisions import Review
from proposal.draft import Draft
from proposal.errors import IntegrityError
from proposal.evidence import evidence_hash
from proposal.exports import VenueOptions, to_bundle, write_bundle, zip_bytes
from proposal.exports.bundle import build_files, file_record
from proposal.exports.result import json_file
from proposal.hashing import sha256_text
from proposal.verify import REQUIRED, verify_bundle, verify_files
from tests.proposal.builders import (
    LATER,
    TEXT,
    a_ballot,
    a_brief,
    a_chain,
    a_draft,
    a_review,
    a_template,
    an_evidence,
    some_evidence,
)
from tests.proposal.test_bundle import VENUES
from tests.sampling import each

TEMPLATE = a_template()
OPTIONS = VenueOptions.model_validate(VENUES)
NO_VENUES = VenueOptions()


def bundle_of(draft: Draft, review: Review, options=NO_VENUES) -> dict[str, bytes]:
    """Build the files as an attacker can: the gate is not asked."""
    return build_files(draft, review, template=TEMPLATE, options=options).files


def a_good_pair(text=TEXT, **fields):
    draft = a_draft(text, **fields)
    return draft, a_review(draft)


DRAFT, REVIEW = a_good_pair()
GOOD = bundle_of(DRAFT, REVIEW, OPTIONS)
SMALL = bundle_of(DRAFT, REVIEW)


def codes(files) -> set[str]:
    return {problem.code for problem in verify_files(files).problems}


def rehashed(files: dict[str, bytes]) -> dict[str, bytes]:
    """Recompute the hashes of the manifest, as somebody who hides a change does."""
    manifest = json.loads(files["manifest.json"])
    manifest["files"] = {
        name: file_record(data).model_dump() for name, data in sorted(files.items()) if name != "manifest.json"
    }
    return {**files, "manifest.json": json_file(manifest)}


def changed_draft(draft: Draft, text: str, **fields: object) -> Draft:
    """Carry a changed text through the whole draft: sections, claims and the draft's own hashes."""
    made = a_draft(text, **fields)
    return made.model_copy(update={"title": draft.title})


# --- what holds ---------------------------------------------------------------------------------


def test_a_bundle_as_it_was_exported_holds():
    report = verify_files(GOOD)
    assert (report.ok, report.problems) == (True, ())
    assert report.counts["figures"] >= 4
    assert report.counts["approvals"] == 2


@pytest.mark.parametrize("name", ["bundle", "bundle.zip"])
def test_a_bundle_on_disk_holds(tmp_path, name):
    draft, review = a_good_pair()
    files = to_bundle(draft, review, template=TEMPLATE, options=OPTIONS).files
    report = verify_bundle(write_bundle(files, tmp_path / name))
    assert report.ok
    report.require("bundle")


def test_a_bundle_whose_venue_was_over_its_limit_holds():
    draft, review = a_good_pair(TEXT + "\nLong. " * 2_000)
    files = to_bundle(draft, review, template=TEMPLATE, options=OPTIONS).files
    assert verify_files(files).problems == ()


def test_the_history_of_a_review_does_not_disturb():
    draft = a_draft()
    earlier = a_ballot(a_draft(TEXT.replace("at length", "twice")), "Mary", "reject")
    ballots = [earlier, *(a_ballot(draft, name, version=2)
                          for name in ("Grace", "Ken"))]  # fmt: skip
    review = Review(draft_id="d-1", version=2, profile=TEMPLATE.review,
                    decisions=a_chain(*ballots), asked_at=LATER)  # fmt: skip
    assert verify_files(bundle_of(draft, review)).problems == ()


def test_a_draft_with_an_empty_line_end_and_with_front_matter_holds():
    template = a_template(front_matter={"fields": [
        {"key": "title", "required": True, "fill": "title"}]})  # fmt: skip
    draft = a_draft(template=template)
    review = a_review(draft, profile=template.review)
    files = to_bundle(draft, review, template=template, options=OPTIONS).files
    assert files["proposal.md"].startswith(b"---\ntitle: Fund")
    assert verify_files(files).problems == ()


# --- one byte, one digit, one approval ----------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", ["proposal.md", "evidence.jsonl", "review.json"])
@pytest.mark.parametrize("hide", [False, True], ids=["plain", "rehashed"])
def test_a_flipped_byte_anywhere_is_found(name, hide):
    # The time of the export is the exporter's own word: a hidden change of it proves nothing false.
    end = SMALL[name].find(b'"asked_at"') if hide and name == "review.json" else len(SMALL[name])
    passed = []
    for at in range(0, end, 17 if hide else 5):
        data = SMALL[name]
        files = {**SMALL, name: data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]}
        if verify_files(rehashed(files) if hide else files).ok:
            passed.append(at)
    assert passed == []


@pytest.mark.slow
@settings(max_examples=250, deadline=None)
@given(st.data())
def test_no_change_of_any_file_passes(data):
    name = data.draw(st.sampled_from(sorted(GOOD)))
    content = GOOD[name]
    at = data.draw(st.integers(0, len(content) - 1))
    piece = data.draw(st.binary(max_size=6))
    length = data.draw(st.integers(0, 6))
    changed = content[:at] + piece + content[at + length :]
    files = {**GOOD, name: changed}
    if name not in {"manifest.json", "review.json"} and data.draw(st.booleans()):
        files = rehashed(files)
    assert verify_files(files).ok is (changed == content)


def digits_of(text: str) -> list[int]:
    return [at for at, char in enumerate(text) if char in "0123456789"]


@pytest.mark.parametrize("at", each(digits_of(DRAFT.text), fast=8))
def test_a_digit_changed_everywhere_it_stands_is_caught_by_the_approvals(at):
    text = DRAFT.text[:at] + str((int(DRAFT.text[at]) + 1) % 10) + DRAFT.text[at + 1 :]
    files = bundle_of(changed_draft(DRAFT, text), REVIEW, OPTIONS)
    report = verify_files(files)
    assert "decision-binding" in {problem.code for problem in report.problems}
    assert "quorum" in {problem.code for problem in report.problems}


FIGURES = [("45,000", "45,001"), ("120,000", "170,000"), ("90,000", "90,000,000"),
           ("37.5%", "73.5%"), ("37.5%", "37.5 USDC"),
           ("45,000", "forty-six thousand")]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), FIGURES)
def test_a_changed_figure_is_named_with_its_sentence_although_every_hash_was_recomputed(old, new):
    draft = changed_draft(DRAFT, DRAFT.text.replace(old, new))
    review = a_review(draft)  # even the approvals are forged
    report = verify_files(bundle_of(draft, review))
    figures = [problem for problem in report.problems if problem.code == "figure"]
    assert len(figures) == 1
    assert new in figures[0].sentence
    assert (figures[0].file, figures[0].place.split(":")[0].isdigit()) == ("proposal.md", True)
    line = int(figures[0].place.split(":")[0])
    assert new in draft.text.split("\n")[line - 1]


def test_a_figure_that_is_recorded_as_supported_is_still_compared():
    draft = changed_draft(DRAFT, DRAFT.text.replace("37.5%", "73.5%"))
    honest = [claim.model_copy(update={"verdict": "supported", "reason": ""})
              for claim in draft.claims]  # fmt: skip
    draft = draft.model_copy(update={"claims": tuple(honest)})
    found = codes(bundle_of(draft, a_review(draft)))
    assert {"figure", "claim-changed"} <= found


def test_evidence_and_text_changed_together_are_caught_by_the_approvals():
    evidence = (some_evidence()[0], an_evidence(
        "E2", kind="vote", title="Vote on the rebate", publisher="Example Votes",
        url="https://vote.example.org/12", values={"turnout": ("73.5", "%")}))  # fmt: skip
    draft = changed_draft(DRAFT, DRAFT.text.replace("37.5%", "73.5%"), evidence=evidence)
    report = verify_files(bundle_of(draft, REVIEW, OPTIONS))
    messages = [problem.message for problem in report.problems]
    assert "Grace decided on another text than the one in the bundle" in messages
    assert "Grace decided on another evidence than the one in the bundle" in messages
    assert "figure" not in {problem.code for problem in report.problems}


@pytest.mark.parametrize(
    "change",
    [{"options": ("Yes", "No")}, {"authors": ("Nobody",)}, {"parameters": {}}, {"ask": "More"}],
    ids=str,
)
def test_a_brief_changed_after_the_votes_is_caught_by_the_approvals(change):
    draft = changed_draft(DRAFT, DRAFT.text, brief=a_brief(**change))
    assert "decision-binding" in codes(bundle_of(draft, REVIEW, OPTIONS))


def test_a_gate_lowered_after_the_votes_is_caught():
    draft = a_draft()
    one = a_review(draft, ("Grace", "approve"))
    lowered = TEMPLATE.review.model_copy(update={"approvals": 1})
    review = one.model_copy(update={"profile": lowered})
    assert {"profile", "decision-binding", "quorum"} <= codes(bundle_of(draft, review))


@pytest.mark.parametrize(
    ("row", "change"),
    [
        (0, {"reviewer": "Mallory"}),
        (0, {"verdict": "reject", "reason": "No."}),
        (1, {"reason": "I was never asked."}),
        (1, {"decided_at": LATER - dt.timedelta(minutes=1)}),
        (0, {"text_hash": "0" * 64}),
        (1, {"hash": "0" * 64}),
    ],
)
def test_a_changed_approval_breaks_the_chain(row, change):
    rows = list(REVIEW.decisions)
    rows[row] = rows[row].model_copy(update=change)
    review = REVIEW.model_copy(update={"decisions": tuple(rows)})
    report = verify_files(bundle_of(DRAFT, review))
    assert {"chain-hash", "chain-order"} & {problem.code for problem in report.problems}
    assert any(problem.place.startswith("decision ") for problem in report.problems)


def test_a_removed_approval_is_caught():
    review = REVIEW.model_copy(update={"decisions": REVIEW.decisions[1:]})
    assert {"chain-order", "quorum"} <= codes(bundle_of(DRAFT, review))


def test_a_decision_after_the_export_is_caught():
    early = REVIEW.model_copy(update={"asked_at": REVIEW.decisions[0].decided_at})
    late = a_chain(a_ballot(DRAFT, "Grace"),
                   a_ballot(DRAFT, "Ken", decided_at=LATER))  # fmt: skip
    review = early.model_copy(update={"decisions": late})
    assert "decision-time" in codes(bundle_of(DRAFT, review))


def test_a_wholly_forged_bundle_has_another_root():
    """Without signatures a forger may rewrite everything: the published root is what tells."""
    sales = an_evidence(values={"before": (1, "USDC"), "after": (2, "USDC")})
    evidence = (sales, some_evidence()[1])
    text = TEXT.replace("120,000", "1").replace("90,000", "2").replace("fell", "rose")
    draft, review = a_good_pair(text, evidence=evidence)
    forged = verify_files(bundle_of(draft, review, OPTIONS))
    assert forged.ok
    assert forged.root != verify_files(GOOD).root


# --- citations, evidence, files -----------------------------------------------------------------


def test_a_citation_without_evidence_is_named_with_its_sentence():
    draft = changed_draft(DRAFT, DRAFT.text.replace("quarters [E1]", "quarters [E7]"))
    report = verify_files(bundle_of(draft, a_review(draft)))
    problem = next(one for one in report.problems if one.code == "citation")
    assert problem.message == "there is no evidence E7 (known: E1 to E2) (EV-dangling)"
    assert problem.sentence.startswith("Sales fell from 120,000 USDC")


def test_a_text_that_is_not_the_drafted_one_is_shown_at_its_sentence():
    changed = GOOD["proposal.md"].replace(b"discussed the rebate at length", b"loved the rebate")
    report = verify_files(rehashed({**GOOD, "proposal.md": changed}))
    problem = next(one for one in report.problems if one.code == "text-changed")
    assert problem.sentence == "The forum loved the rebate."
    assert problem.place.startswith("9:")


def test_a_venue_file_that_was_changed_alone_is_found_although_rehashed():
    for name in GOOD:
        if "/" in name:
            changed = GOOD[name].replace(b"37.5", b"73.5").replace(b"rebate", b"refund")
            assert "file-changed" in codes(rehashed({**GOOD, name: changed})), name


def test_evidence_that_is_not_its_own_hash_is_found():
    changed = GOOD["evidence.jsonl"].replace(b"of most members", b"of few members")
    report = verify_files(rehashed({**GOOD, "evidence.jsonl": changed}))
    problem = next(one for one in report.problems if one.code == "evidence-hash")
    assert "content_hash does not match the excerpt" in problem.message
    assert problem.place == "2:1"


def test_evidence_that_the_draft_does_not_rest_on_is_found():
    other = an_evidence("E3").model_dump_json().encode() + b"\n"
    for data in (GOOD["evidence.jsonl"] + other, GOOD["evidence.jsonl"].split(b"\n")[0] + b"\n"):
        assert "evidence-changed" in codes(rehashed({**GOOD, "evidence.jsonl": data}))


def test_hashes_of_the_drafts_own_manifest_are_recomputed():
    for name in ("brief_hash", "evidence_hash", "text_hash", "template_hash"):
        manifest = DRAFT.manifest.model_copy(update={name: "0" * 64})
        draft = DRAFT.model_copy(update={"manifest": manifest})
        review = a_review(draft)
        report = verify_files(bundle_of(draft, review))
        assert [one.message for one in report.problems] == [f"manifest.{name} is not the hash of what the bundle holds"]


def test_a_section_or_title_that_is_not_in_the_text_is_found():
    section = DRAFT.sections[0].model_copy(update={"text": "Other words."})
    for update, code in (({"sections": (section,)}, "section"), ({"title": "Other"}, "title")):
        draft = DRAFT.model_copy(update=update)
        assert code in codes(bundle_of(draft, a_review(draft)))


def test_evidence_whose_id_stands_twice_is_found():
    twice = (*some_evidence(), an_evidence("E1"))
    draft = DRAFT.model_copy(update={"evidence": twice})
    assert "evidence-repeats" in codes(bundle_of(draft, a_review(draft)))


ACTION = {"type": "erc20-transfer", "token": "0x" + "11" * 20, "symbol": "USDC", "decimals": 6,
          "recipient": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "amount": "45000"}  # fmt: skip
PAID = TEXT.replace("for creators. Sales", f"for creators, paid to {ACTION['recipient']}. Sales")
OTHER_ACTIONS = [{"amount": "45001"}, {"recipient": "0x" + "22" * 20}, {"token": "0x" + "33" * 20}, {"decimals": 18}]


@pytest.mark.parametrize("change", OTHER_ACTIONS, ids=lambda change: next(iter(change)))
def test_a_changed_action_voids_the_approvals_and_is_found(change):
    draft = a_draft(PAID, brief=a_brief(actions=(ACTION,)))
    review = a_review(draft)
    options = VenueOptions.model_validate({"governor": {}})
    good = bundle_of(draft, review, options)
    assert verify_files(good).problems == ()
    other = a_draft(PAID, brief=a_brief(actions=({**ACTION, **change},)))
    assert {"decision-binding", "quorum"} <= codes(bundle_of(other, review, options))
    moved = bundle_of(other, a_review(other), options)
    assert codes({**good, "governor/proposal.json": moved["governor/proposal.json"]}) >= {"file-changed"}
    text_differs = "finding" in codes(moved)  # even with forged approvals the text speaks against the action
    assert text_differs is (set(change) <= {"amount", "recipient"})


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_file_is_named(name):
    files = {key: data for key, data in GOOD.items() if key != name}
    problems = [one for one in verify_files(files).problems if one.code == "file-missing"]
    assert name in {problem.file for problem in problems}


def test_a_file_that_nobody_made_is_named():
    report = verify_files({**GOOD, "malware.md": b"x"})
    assert {(one.code, one.file) for one in report.problems} == {
        ("file-unlisted", "malware.md"), ("file-unknown", "malware.md")
    }  # fmt: skip
    assert "file-unknown" in codes(rehashed({**GOOD, "malware.md": b"x"}))


# --- hostile content ----------------------------------------------------------------------------

HOSTILE = {
    "empty": b"",
    "not-utf8": b"\xff\xfe{}",
    "no json": b"{",
    "a list": b"[]",
    "null": b"null",
    "deep": b"[" * 100_000,
    "a giant number": b'{"format": ' + b"9" * 10_000 + b"}",
    "not a number": b'{"version": NaN}',
    "a lone surrogate": b'{"draft_id": "\\ud800"}',
    "another format": b'{"format": "dao-agent-bundle/3"}',
}


HOSTILE_PLACES = [(kind, name) for kind in HOSTILE for name in (*REQUIRED, "snapshot/typed_data.json")]


@pytest.mark.parametrize("place", each(HOSTILE_PLACES, fast=7), ids="-".join)
def test_hostile_content_is_a_problem_in_words_and_never_a_traceback(place):
    kind, name = place
    report = verify_files({**GOOD, name: HOSTILE[kind]})
    assert not report.ok
    assert all(problem.message and problem.file for problem in report.problems)


def test_a_key_that_stands_twice_or_an_added_space_is_found():
    draft = GOOD["draft.json"]
    for data in (draft.replace(b'{\n  "title"', b'{\n  "title": "x",\n  "title"', 1),
                 draft.replace(b'"title": ', b'"title":  ', 1)):  # fmt: skip
        report = verify_files(rehashed({**GOOD, "draft.json": data}))
        assert "not-canonical" in {problem.code for problem in report.problems}


def test_an_unknown_key_is_named():
    data = GOOD["review.json"].replace(b'{\n  "draft_id"', b'{\n  "note": 1,\n  "draft_id"', 1)
    problem = next(one for one in verify_files({**GOOD, "review.json": data}).problems)
    assert (problem.code, problem.file) == ("schema", "review.json")
    assert "'note'" in problem.message


def test_another_format_is_refused_by_name():
    data = GOOD["manifest.json"].replace(b"dao-agent-bundle/2", b"dao-agent-bundle/9")
    problem = verify_files({**GOOD, "manifest.json": data}).problems[0]
    assert problem.code == "format"
    assert "'dao-agent-bundle/9'" in problem.message


@pytest.mark.parametrize("what", ["nothing", "a text", "an empty folder", "a folder of others"])
def test_what_is_no_bundle_is_a_report_and_not_an_error(tmp_path, what):
    path = tmp_path / "thing"
    if what == "a text":
        path.write_text("hello")
    elif what != "nothing":
        path.mkdir()
    if what == "a folder of others":
        (path / "photo.jpg").write_bytes(b"x")
    report = verify_bundle(path)
    assert not report.ok
    assert report.problems[0].message


def test_foreign_text_cannot_act_on_the_terminal():
    data = GOOD["proposal.md"].replace(b"The forum", "\x1b[2J\u202eThe forum".encode())
    report = verify_files(rehashed({**GOOD, "proposal.md": data}))
    shown = "".join(str(problem) for problem in report.problems)
    assert "[2JThe forum" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_a_failed_bundle_ends_with_the_exit_code_of_integrity():
    report = verify_files({**GOOD, "proposal.md": GOOD["proposal.md"].replace(b"37.5", b"73.5")})
    with pytest.raises(IntegrityError, match=r"turnout of 73\.5%") as caught:
        report.require("bundle.zip")
    assert caught.value.exit_code == 5


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=300), st.text(max_size=40))
def test_whatever_the_text_and_the_names_are_the_verdict_is_that_of_the_checks(text, name):
    draft = a_draft(f"{TEXT}\n## More\n\n{text}\n")
    draft = draft.model_copy(update={"sections": ()})
    review = a_review(draft, (f"R{name}", "approve"), ("Ken", "approve"))
    found = codes(bundle_of(draft, review, OPTIONS))
    blocked = any(finding.severity == "error" for finding in draft.findings)
    assert found <= {"figure", "citation", "quotation", "finding"}
    assert bool(found) is blocked


def test_a_large_bundle_is_verified_in_seconds():
    paragraph = "Sales fell from 120,000 USDC to 90,000 USDC between two quarters [E1]. "
    text = TEXT + "\n\n".join(f"## Part {number}\n\n{paragraph * 20}" for number in range(35))
    draft, review = a_good_pair(text)
    files = bundle_of(draft, review)
    started = time.perf_counter()
    assert verify_files(files).ok
    assert time.perf_counter() - started < 15


def test_the_claims_are_those_of_the_one_shared_function():
    evidence = {item.id: item for item in DRAFT.evidence}
    assert claims_of(DRAFT.text, findings=DRAFT.findings, evidence=evidence, brief=DRAFT.brief) == DRAFT.claims
    assert DRAFT.manifest.text_hash == sha256_text(DRAFT.text)
    assert DRAFT.manifest.evidence_hash == evidence_hash(evidence)


def test_an_archive_is_verified_like_its_folder(tmp_path):
    path = tmp_path / "bundle.zip"
    path.write_bytes(zip_bytes(GOOD))
    assert verify_bundle(path) == verify_files(GOOD)
