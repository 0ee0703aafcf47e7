"""Waivers at the gate, in the bundle and in the verifier: who may let what stand, and that none can be added unseen."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from proposal.checks.waivers import Waiver, excerpt_hash
from proposal.decisions import Review, with_waivers
from proposal.errors import GateError
from proposal.exports import VenueOptions, to_bundle
from proposal.exports.bundle import build_files
from proposal.template import ReviewProfile, lint_template
from proposal.verify import verify_files
from tests.proposal.builders import LATER, TEXT, a_ballot, a_chain, a_draft, a_template
from tests.proposal.wallet import GRACE, KEN, some_terms

LOADED = TEXT.replace("The forum discussed", "This groundbreaking step will pass. The forum discussed")
GAP = TEXT.replace("at length", "at length TBD")
OPEN = a_template(review={"overridable": ["ST-placeholder"]})


def waiver_of(draft, rule, by="Grace", reason="it is the name of the programme"):
    finding = next(one for one in draft.findings if one.rule == rule)
    return Waiver(rule=rule, reason=reason, by=by, excerpt_hash=excerpt_hash(finding))


def a_review(draft, *waivers, template=None, before=0, signed=False):
    """Build a review in which two people approve after the waivers; `before`: how many they had seen."""
    profile = (template or a_template()).review
    subject = with_waivers(Review(draft_id="d-1", version=1, profile=profile, asked_at=LATER).subject(draft),
                           waivers[: before or len(waivers)])  # fmt: skip
    context = {"context_hash": subject.context_hash}
    ballots = [a_ballot(draft, wallet.name, profile=profile, **context) for wallet in (GRACE, KEN)]
    if signed:
        ballots = [wallet.sign(ballot, some_terms(n))
                   for n, (wallet, ballot) in enumerate(zip((GRACE, KEN), ballots, strict=True), start=1)]  # fmt: skip
    return Review(draft_id="d-1", version=1, profile=profile, decisions=a_chain(*ballots), waivers=waivers,
                  asked_at=LATER)  # fmt: skip


def bundle_of(draft, review, template=None):
    return build_files(draft, review, template=template or a_template(), options=VenueOptions()).files


def codes(files):
    return {problem.code for problem in verify_files(files).problems}


WARNED = a_draft(LOADED)
BLOCKED = a_draft(GAP, template=OPEN)
TWO = [waiver_of(BLOCKED, "ST-placeholder", by, "the date is set by the vote") for by in ("Grace", "Ken")]


def test_a_warning_let_stand_is_in_the_bundle_with_its_reason():
    warning = next(one.rule for one in WARNED.findings if one.severity == "warning" and one.rule.startswith("NE-"))
    files = bundle_of(WARNED, a_review(WARNED, waiver_of(WARNED, warning)))
    assert verify_files(files).problems == ()
    assert verify_files(files).counts["waived"] == 1
    assert f"Grace let a finding of {warning} stand: it is the name" in files["STATEMENT.txt"].decode()
    waived = [one for one in json.loads(files["findings.json"]) if "waivers" in one]
    assert [one["rule"] for one in waived] == [warning]


def test_two_people_override_an_error_where_the_dao_allows_it():
    review = a_review(BLOCKED, *TWO, template=OPEN)
    files = to_bundle(BLOCKED, review, template=OPEN, options=VenueOptions()).files
    assert verify_files(files).problems == ()


@pytest.mark.parametrize(
    ("waivers", "template"),
    [
        ((), OPEN),
        (TWO[:1], OPEN),
        ((TWO[0], TWO[0].model_copy(update={"by": " GRACE "})), OPEN),
        ((TWO[0], TWO[1].model_copy(update={"by": "Ada"})), OPEN),  # the author
        ((TWO[0], TWO[1].model_copy(update={"excerpt_hash": "0" * 64})), OPEN),
        ((TWO[0], TWO[1].model_copy(update={"excerpt_hash": None})), OPEN),
        (TWO, a_template()),
    ],
    ids=["none", "one", "one twice", "an author", "another finding", "a whole rule", "the DAO does not allow it"],
)
def test_anything_less_than_two_reviewers_leaves_the_gate_closed(waivers, template):
    draft = a_draft(GAP, template=template)
    review = a_review(draft, *waivers, template=template)
    with pytest.raises(GateError, match="ST-placeholder"):
        to_bundle(draft, review, template=template, options=VenueOptions())
    assert "finding" in codes(bundle_of(draft, review, template))


def test_a_waiver_that_the_reviewers_did_not_see_voids_their_approvals():
    late = a_review(BLOCKED, *TWO, template=OPEN, before=1)
    assert codes(bundle_of(BLOCKED, late, OPEN)) == {"quorum"}


CHANGED = {
    "reason": lambda one: one.model_copy(update={"reason": one.reason + "!"}),
    "name": lambda one: one.model_copy(update={"by": "Kim"}),
    "removed": lambda one: None,
}


@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
@pytest.mark.parametrize("what", CHANGED)
def test_a_changed_waiver_is_found(what, signed):
    review = a_review(BLOCKED, *TWO, template=OPEN, signed=signed)
    assert codes(bundle_of(BLOCKED, review, OPEN)) == set()
    other = CHANGED[what](TWO[1])
    waivers = (TWO[0], *([other] if other else []))
    forged = review.model_copy(update={"waivers": waivers})
    assert {"decision-binding", "quorum"} <= codes(bundle_of(BLOCKED, forged, OPEN))
    if signed:  # who makes the decisions fit again has no signatures for them
        fitting = a_review(BLOCKED, *waivers, template=OPEN).decisions
        pairs = zip(fitting, review.decisions, strict=True)
        moved = [one.model_copy(update={"signature": old.signature}) for one, old in pairs]
        rebuilt = forged.model_copy(update={"decisions": a_chain(*moved)})
        assert "signature-account" in codes(bundle_of(BLOCKED, rebuilt, OPEN))


def test_figures_citations_and_actions_can_never_be_overridden(tmp_path):
    for rule in ("EV-number", "AC-text-match", "IN-instruction"):
        with pytest.raises(ValidationError, match="cannot be overridden"):
            ReviewProfile(overridable=(rule,))
    assert "overridable" not in ReviewProfile().model_dump()
    file = tmp_path / "mine.yaml"
    file.write_text("extends: generic\nname: mine\nversion: '1'\nreview: {overridable: [ST-placehold]}\n")
    problems = lint_template(file, rule_ids=["ST-placeholder"])
    assert any("there is no rule 'ST-placehold'" in str(one) for one in problems)
