"""Waivers at the desk: reviewers let findings stand, each with a reason, and what is decided on changes with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from proposal.checks.waivers import excerpt_hash
from proposal.errors import AgentError
from proposal.template import ReviewProfile
from serve.cli import app as cli
from serve.reviews import Reviews, Vote, WaiverForm, find_draft
from serve.store import Reviewer, Store
from tests.proposal.builders import TEXT
from tests.serve.builders import ScriptedDrafter, a_draft, a_store, add_finished, an_app
from tests.serve.page import parse

ADA, GRACE, LIN = Reviewer("ada", "Ada"), Reviewer("grace", "Grace"), Reviewer("lin", "Lin")
AUTHOR = Reviewer("ines calder", "Ines Calder")
DRAFT = a_draft(flaws=[("45,000 USDC", "error"), ("Wash trading", "warning"), ("quarter", "info")])
ERROR, WARNING, NOTE = (excerpt_hash(finding) for finding in DRAFT.findings)
OPEN = ReviewProfile(approvals=2, seats=3, overridable=("NE-loaded",))
APPROVE = Vote(verdict="approve", seen_version=1)


def form(finding: str, reason: str = "the vote sets it", seen: int = 1) -> WaiverForm:
    return WaiverForm(excerpt_hash=finding, reason=reason, seen_version=seen)


def prepared(store: Store, profile: ReviewProfile = OPEN) -> Reviews:
    add_finished(store, draft=DRAFT, profile=profile)
    return Reviews(store)


def blocking(store: Store) -> int:
    with store.read() as tx:
        return find_draft(tx, "d-1").blocking


def test_two_reviewers_let_an_error_stand_and_the_export_opens(store: Store) -> None:
    reviews = prepared(store)
    reviews.waive("d-1", ADA, form(ERROR))
    assert blocking(store) == 1
    with pytest.raises(AgentError, match="1 finding blocks"):
        reviews.decide("d-1", ADA, APPROVE)
    reviews.waive("d-1", GRACE, form(ERROR))
    assert blocking(store) == 0
    for who in (ADA, LIN):
        reviews.decide("d-1", who, APPROVE)
    assert reviews.export("d-1").text == DRAFT.text


def test_a_waiver_voids_the_decisions_before_it(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    add_finished(store, draft=a_draft(flaws=[("Wash trading", "warning")]))
    reviews = Reviews(store)
    with store.read() as tx:
        gate = tx.gates(["d-1"])["d-1"]
    seen = APPROVE.model_copy(update={"seen_context": gate.subject.context_hash})
    for who in (ADA, GRACE):
        reviews.decide("d-1", who, seen)
    assert reviews.export("d-1").text
    reviews.waive("d-1", LIN, form(WARNING))
    with pytest.raises(AgentError, match="2 more approvals are needed"):
        reviews.export("d-1")
    with pytest.raises(AgentError, match="a finding was let stand since you opened this page"):
        reviews.decide("d-1", ADA, seen)
    for who in (ADA, GRACE):
        reviews.decide("d-1", who, APPROVE)
    assert reviews.export("d-1").text


REFUSED = [
    (ADA, form(NOTE), OPEN, "cannot be let stand in this DAO"),
    (ADA, form(ERROR), ReviewProfile(), "cannot be let stand in this DAO"),
    (ADA, form("0" * 64), OPEN, "no such finding"),
    (ADA, form(WARNING, " "), OPEN, "say why the finding may stand"),
    (ADA, form(WARNING, "x" * 2001), OPEN, "at most 2000 characters"),
    (ADA, form(WARNING, seen=2), OPEN, "the draft changed"),
    (AUTHOR, form(WARNING), OPEN, "authors of a proposal do not review it"),
]


@pytest.mark.parametrize(("who", "sent", "profile", "says"), REFUSED, ids=[str(one[3]) for one in REFUSED])
def test_what_cannot_be_waived_is_refused(
    tmp_path: Path, who: Reviewer, sent: WaiverForm, profile: ReviewProfile, says: str
) -> None:
    store = a_store(tmp_path)
    reviews = prepared(store, profile)
    with pytest.raises(AgentError, match=says):
        reviews.waive("d-1", who, sent)
    with store.read() as tx:
        assert tx.waivers(["d-1"]) == {}


def test_the_same_waiver_is_kept_once_and_a_new_version_has_none(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    reviews = prepared(store)
    for who in (ADA, ADA, GRACE):
        reviews.waive("d-1", who, form(ERROR))
    with store.write() as tx:
        assert [one.by for one in tx.waivers(["d-1"])["d-1", 1]] == ["Ada", "Grace"]
        tx.add_version("d-1", DRAFT, profile=OPEN)
    assert blocking(store) == 1
    with store.read() as tx:
        assert tx.gates(["d-1"])["d-1"].waivers == ()


def test_the_database_refuses_to_change_a_waiver(store: Store) -> None:
    prepared(store).waive("d-1", ADA, form(WARNING))
    for statement in ("UPDATE waivers SET reason = 'x'", "DELETE FROM waivers"):
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), store.connection(write=True) as one:
            one.execute(sa.text(statement))


def test_the_desk_shows_who_lets_what_stand_and_why(tmp_path: Path) -> None:
    flaws: Any = [("Wash trading", "warning"), ("one quarter.", "info")]
    with an_app(tmp_path, ScriptedDrafter(flaws=flaws)) as app:
        draft_id = app.order()
        ada = app.browser("Ada")
        shown = parse(ada.get(f"/drafts/{draft_id}").text)
        (waive,) = shown.all("details", class_="waive")
        hidden = {one.attributes["name"]: one.attributes.get("value", "") for one in waive.all("input")}
        empty = ada.post(f"/drafts/{draft_id}/waivers", data={**hidden, "reason": ""})
        assert (empty.status_code, "say why the finding may stand" in empty.text) == (422, True)
        sent = ada.post(f"/drafts/{draft_id}/waivers", data={**hidden, "reason": "a risk that \r\nwe name"})
        assert sent.headers["location"] == f"/drafts/{draft_id}#findings"
        shown = parse(ada.get(f"/drafts/{draft_id}").text)
        assert "Ada lets it stand: a risk that we name" in " ".join(shown.text.split())
        assert shown.one("span", class_="waived").text == "Let stand"
        assert shown.all("details", class_="waive") == []
        grace = app.browser("Grace")
        grace.post(f"/drafts/{draft_id}/decision", data={"verdict": "approve", "seen_version": "1"})
        grace.post(f"/drafts/{draft_id}/waivers", data={**hidden, "reason": "the same risk"})
        assert "taken before a finding was let stand" in parse(grace.get(f"/drafts/{draft_id}").text).text
        view = app.client.get(f"/v1/drafts/{draft_id}").json()["review"]
    assert [(one["by"], one["rule"]) for one in view["waivers"]] == [("Ada", "NE-loaded"), ("Grace", "NE-loaded")]


def test_the_command_takes_waivers_from_a_file(tmp_path: Path) -> None:
    text = tmp_path / "text.md"
    text.write_text(TEXT.replace("at length", "at length TBD"))
    mine = tmp_path / "mine.yaml"
    review = "review: {overridable: [ST-placeholder]}"
    mine.write_text(f"extends: generic\nname: mine\nversion: '1'\n{review}\n")
    command = ["check", str(text), "--template", str(mine)]
    found = json.loads(CliRunner().invoke(cli, [*command, "--format", "json"]).output)
    errors = [one for one in found["findings"] if one["severity"] == "error"]
    assert {one["rule"] for one in errors} == {"ST-placeholder"}
    rows = [f"  - {{rule: {one['rule']}, by: {by}, reason: decided in the call, excerpt_hash: '{one['excerpt_hash']}'}}"
            for one in errors for by in ("Grace", "Ken")]  # fmt: skip
    waivers = tmp_path / "waivers.yaml"
    waivers.write_text("waivers:\n" + "\n".join(rows) + "\n")
    run = CliRunner().invoke(cli, [*command, "--waivers", str(waivers)])
    assert (run.exit_code, "waived error ST-placeholder" in run.output) == (0, True)
    waivers.write_text("waivers:\n" + "\n".join(row for row in rows if "Ken" not in row) + "\n")
    assert CliRunner().invoke(cli, [*command, "--waivers", str(waivers)]).exit_code == 3
    waivers.write_text("waivers:\n  - {rule: NE-loaded, by: Grace, reson: x}\n")
    refused = CliRunner().invoke(cli, [*command, "--waivers", str(waivers)])
    assert refused.exit_code == 2
    assert "did you mean 'reason'" in refused.output
