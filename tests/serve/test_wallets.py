"""Signed decisions at the desk: what is asked for, what is taken, and every way in which a signature is refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from typer.testing import CliRunner

import serve
from proposal.decisions import check_chain, signature_faults
from proposal.errors import AgentError, InputError
from proposal.people import person_key
from proposal.signatures import digest_of
from proposal.template import ReviewProfile, builtin_template
from serve.auth import Accounts, read_reviewer
from serve.cli import app as cli
from serve.reviews import Reviews, Vote
from serve.store import Reviewer, Store, utc_now
from serve.wallets import SIGNATURE_LIFE, SignatureRequest
from tests.proposal import builders
from tests.proposal.wallet import GRACE, KEN, MARY, Wallet
from tests.serve.builders import App, a_draft, a_store, add_finished, an_app
from tests.serve.page import parse

REQUIRED = ReviewProfile(approvals=2, seats=3, signatures="required")


def member(wallet: Wallet, **changes: Any) -> Reviewer:
    return Reviewer(**{"key": person_key(wallet.name), "name": wallet.name, "account": wallet.account, **changes})


def a_committee(store: Store, *reviewers: Reviewer) -> None:
    with store.write() as tx:
        for reviewer in reviewers or (member(GRACE), member(KEN), member(MARY)):
            tx.add_reviewer(reviewer)


def signature_of(wallet: Wallet, asked: SignatureRequest) -> str:
    return "0x" + wallet.key.sign_msg_hash(digest_of(asked.typed_data)).to_bytes().hex()


APPROVE = Vote(verdict="approve", seen_version=1)


def signed(reviews: Reviews, wallet: Wallet, vote: Vote = APPROVE, draft_id: str = "d-1") -> Vote:
    asked = reviews.ask_signature(draft_id, member(wallet), vote)
    return vote.model_copy(update={"nonce": asked.nonce, "signature": signature_of(wallet, asked)})


@pytest.fixture
def reviews(tmp_path: Path) -> Reviews:
    store = a_store(tmp_path)
    a_committee(store)
    add_finished(store, profile=REQUIRED)
    return Reviews(store)


def test_signed_decisions_are_kept_with_their_signature(store: Store) -> None:
    a_committee(store)
    add_finished(store, profile=REQUIRED)
    reviews = Reviews(store)
    for wallet in (GRACE, KEN):
        reviews.decide("d-1", member(wallet), signed(reviews, wallet))
    with store.read() as tx:
        chain = tx.decisions("d-1")
    assert [one.signature.account for one in chain if one.signature] == [GRACE.account, KEN.account]
    assert check_chain(chain) == signature_faults(chain) == []
    assert reviews.export("d-1").text == a_draft().text


def test_an_approval_without_a_signature_is_refused_where_one_is_required(reviews: Reviews) -> None:
    with pytest.raises(AgentError, match="counts here only when your wallet signs it"):
        reviews.decide("d-1", member(GRACE), APPROVE)
    objection = Vote(verdict="reject", reason="no budget", seen_version=1)
    assert reviews.decide("d-1", member(GRACE), objection).signature is None


def test_without_the_requirement_a_decision_may_stay_unsigned_and_be_signed_later(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    a_committee(store)
    add_finished(store)
    reviews = Reviews(store)
    assert reviews.decide("d-1", member(GRACE), APPROVE).signature is None
    later = reviews.decide("d-1", member(GRACE), signed(reviews, GRACE))
    assert later.signature is not None
    assert reviews.decide("d-1", member(GRACE), APPROVE) == later


def test_the_same_signature_sent_twice_is_recorded_once_and_never_for_another_decision(reviews: Reviews) -> None:
    vote = signed(reviews, GRACE)
    first = reviews.decide("d-1", member(GRACE), vote)
    assert reviews.decide("d-1", member(GRACE), vote) == first
    reviews.decide("d-1", member(GRACE), signed(reviews, GRACE, Vote(verdict="reject", reason="no", seen_version=1)))
    with pytest.raises(AgentError, match="used before"):
        reviews.decide("d-1", member(GRACE), vote)


def refused_votes(reviews: Reviews) -> Iterator[tuple[str, Reviewer, Vote, str]]:
    grace = member(GRACE)
    good = signed(reviews, GRACE)
    with_reason = Vote(verdict="reject", reason="no budget", seen_version=1)
    yield "another verdict", grace, good.model_copy(update={"verdict": "reject", "reason": "x"}), "did not sign"
    good = signed(reviews, GRACE, with_reason)
    yield "another reason", grace, good.model_copy(update={"reason": "no budget!"}), "did not sign"
    yield "another's nonce", member(KEN), signed(reviews, GRACE), "used before, was asked for another"
    yield "an invented nonce", grace, signed(reviews, GRACE).model_copy(update={"nonce": 999}), "asked for another"
    asked = reviews.ask_signature("d-1", grace, APPROVE)
    by_ken = signature_of(KEN, asked)
    yield "another key", grace, APPROVE.model_copy(update={"nonce": asked.nonce, "signature": by_ken}), "did not sign"
    for what, change in {
        "another chain": {"domain": {**asked.typed_data["domain"], "chainId": 10}},
        "another desk": {"domain": {**asked.typed_data["domain"], "salt": "0x" + "11" * 32}},
        "another version": {"message": {**asked.typed_data["message"], "version": 2}},
    }.items():
        again = reviews.ask_signature("d-1", grace, APPROVE)
        message = {**change.get("message", again.typed_data["message"]), "nonce": again.nonce}
        other = SignatureRequest(again.account, again.nonce, {**again.typed_data, **change, "message": message})
        vote = APPROVE.model_copy(update={"nonce": again.nonce, "signature": signature_of(GRACE, other)})
        yield what, grace, vote, "did not sign"
    for value in ("", "0x", "0x" + "ab" * 700):  # a Safe answers with bytes of another length
        again = reviews.ask_signature("d-1", grace, APPROVE)
        given = APPROVE.model_copy(update={"nonce": again.nonce, "signature": value})
        yield "no signature of an account", grace, given, "not a signature of an account"


def test_every_wrong_signature_is_refused_and_nothing_is_recorded(reviews: Reviews) -> None:
    for _what, reviewer, vote, says in refused_votes(reviews):
        with pytest.raises(AgentError, match=says):
            reviews.decide("d-1", reviewer, vote)
    with reviews._store.read() as tx:
        assert tx.decisions("d-1") == []


def test_a_signature_of_an_older_version_or_committee_is_refused(reviews: Reviews) -> None:
    store = reviews._store
    vote = signed(reviews, GRACE)
    a_committee(store, member(Wallet("Rui", 15)))
    with pytest.raises(AgentError, match="did not sign this decision as it stands now"):
        reviews.decide("d-1", member(GRACE), vote)
    vote = signed(reviews, GRACE)
    with store.write() as tx:
        tx.add_version("d-1", a_draft(text="# New\n"), profile=REQUIRED)
    with pytest.raises(AgentError, match="did not sign"):
        reviews.decide("d-1", member(GRACE), vote.model_copy(update={"seen_version": 2}))


def test_a_request_expires(tmp_path: Path) -> None:
    now = utc_now()
    store = a_store(tmp_path, clock=lambda: now)
    a_committee(store)
    add_finished(store)
    reviews = Reviews(store)
    vote = signed(reviews, GRACE)
    now += SIGNATURE_LIFE + dt.timedelta(seconds=1)
    with pytest.raises(AgentError, match="too old"):
        reviews.decide("d-1", member(GRACE), vote)


def test_who_has_no_account_or_a_contract_is_told_so(reviews: Reviews) -> None:
    with pytest.raises(AgentError, match="no account of a wallet is registered for you"):
        reviews.ask_signature("d-1", Reviewer("rui", "Rui"), APPROVE)
    with pytest.raises(AgentError, match="unverified until a chain is configured"):
        reviews.ask_signature("d-1", member(GRACE, contract=True), APPROVE)


def test_reviewers_are_named_with_their_account(tmp_path: Path) -> None:
    lower = GRACE.account.lower()
    assert read_reviewer(f"Grace={lower}") == member(GRACE)
    assert read_reviewer(f" Grace =contract:{GRACE.account}") == member(GRACE, contract=True)
    mixed = "0x" + "".join(char.swapcase() for char in GRACE.account[2:])
    for wrong, says in (
        ("Grace=0x12", "not an address"),
        ("Grace=", "not an address"),
        ("=0x", "not a reviewer's name"),
        (f"Grace={mixed}", "checksum"),
    ):
        with pytest.raises(InputError, match=says):
            read_reviewer(wrong)
    store = a_store(tmp_path)
    accounts = Accounts(store)
    accounts.invite(f"Grace={GRACE.account}")
    accounts.invite("Grace")  # a new link does not take the account away
    with pytest.raises(InputError, match="is already the account of Grace"):
        accounts.invite(f"Ken={GRACE.account}")
    accounts.invite(f"Grace={KEN.account}")
    with store.read() as tx:
        assert [(one.name, one.account) for one in tx.members()] == [("Grace", KEN.account)]


# --- the desk ---------------------------------------------------------------------------------------


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with an_app(tmp_path, signatures="required", chain_id=11155111) as one:
        yield one


def test_the_line_with_wallets(app: App) -> None:
    draft_id = app.order()
    for wallet in (GRACE, KEN):
        browser = app.browser(f"{wallet.name}={wallet.account}")
        shown = parse(browser.get(f"/drafts/{draft_id}").text)
        assert shown.one("form", class_="decision").attributes["data-sign"] == f"/drafts/{draft_id}/signature"
        form = {"verdict": "approve", "reason": "", "seen_version": "1"}
        asked = browser.post(f"/drafts/{draft_id}/signature", data=form).json()
        assert asked["typed_data"]["domain"]["chainId"] == 11155111
        request = SignatureRequest(asked["account"], asked["nonce"], asked["typed_data"])
        sent = {**form, "nonce": str(asked["nonce"]), "signature": signature_of(wallet, request)}
        assert browser.post(f"/drafts/{draft_id}/decision", data=sent).status_code == 303
    shown = parse(browser.get(f"/drafts/{draft_id}").text)
    assert "All approvals are signed by wallets." in shown.text
    assert f"signed by {KEN.account[:6]}…{KEN.account[-4:]}" in shown.text
    decisions = app.client.get(f"/v1/drafts/{draft_id}").json()["review"]["decisions"]
    assert [one["signature"]["account"] for one in decisions] == [GRACE.account, KEN.account]


def test_an_unsigned_decision_is_called_so(tmp_path: Path) -> None:
    with an_app(tmp_path) as app:
        draft_id = app.order()
        browser = app.browser("Ada")
        browser.post(f"/drafts/{draft_id}/decision", data={"verdict": "approve", "seen_version": "1"})
        shown = parse(browser.get(f"/drafts/{draft_id}").text).text
    assert "unsigned: vouched for by the desk's log only" in shown
    assert "0 of 1 approvals are signed" in shown


def test_a_refusal_to_ask_is_told_in_the_reader_s_language(app: App) -> None:
    draft_id = app.order()
    browser = app.browser("Ada")
    asked = {"data": {"verdict": "approve", "seen_version": "1"}, "headers": {"accept-language": "zh-CN"}}
    answer = browser.post(f"/drafts/{draft_id}/signature", **asked)
    assert answer.status_code == 403
    assert answer.json()["error"]["message"].startswith("尚未为您登记钱包账户")
    assert "counts here only when your wallet signs" in parse(browser.get(f"/drafts/{draft_id}").text).text


def test_a_safe_is_told_that_it_is_unverified(app: App) -> None:
    draft_id = app.order()
    browser = app.browser(f"Grace=contract:{GRACE.account}")
    assert "unverified until a chain is configured" in parse(browser.get(f"/drafts/{draft_id}").text).text


# --- an older database ------------------------------------------------------------------------------


def test_a_database_from_before_signatures_keeps_its_decisions(tmp_path: Path) -> None:
    now = a_store(tmp_path / "new")
    add_finished(now)
    for name in ("Ada", "Lin"):
        Reviews(now).decide("d-1", Reviewer(name.lower(), name), APPROVE)
    old = sa.create_engine(f"sqlite:///{tmp_path / 'old.sqlite3'}")
    config = Config()
    config.set_main_option("script_location", str(Path(serve.__path__[0]) / "migrations"))
    with now.connection() as source, old.begin() as target:
        config.attributes["connection"] = target
        command.upgrade(config, "0001")
        for table in ("drafts", "versions", "decisions"):
            columns = ", ".join(one["name"] for one in sa.inspect(target).get_columns(table))
            rows = source.exec_driver_sql(f"SELECT {columns} FROM {table}").all()
            marks = ", ".join("?" * len(rows[0]))
            target.exec_driver_sql(f"INSERT INTO {table} ({columns}) VALUES ({marks})", [tuple(row) for row in rows])
    opened = Store.open(f"sqlite:///{tmp_path / 'old.sqlite3'}")
    assert Reviews(opened).export("d-1").text == a_draft().text


def test_a_bundle_of_the_desk_verifies_by_the_accounts_that_signed(tmp_path: Path) -> None:
    template = builtin_template("snapshot-plain")
    risks = "## Risks\n\nThe rebate may be claimed for sales to oneself; claims are checked by hand.\n\n## Disclosure"
    brief = builders.a_brief(template=template.name, type="signal")
    draft = builders.a_draft(builders.TEXT.replace("## Disclosure", risks), brief=brief, template=template)
    store = a_store(tmp_path)
    a_committee(store)
    add_finished(store, draft=draft, profile=template.review.model_copy(update={"signatures": "required"}))
    reviews = Reviews(store)
    for wallet in (GRACE, KEN):
        reviews.decide("d-1", member(wallet), signed(reviews, wallet))
    published = reviews.published("d-1")
    assert published.text.startswith(draft.text.rstrip("\n"))
    assert "Reviewed and approved by 2 people: Grace, Ken." in published.text
    file = tmp_path / "bundle.zip"
    file.write_bytes(reviews.bundle("d-1").data)
    run = CliRunner().invoke(cli, ["verify", str(file), "--account", GRACE.account.lower(), "--account", KEN.account])
    assert run.exit_code == 0, run.output
    assert f"approvals: 2 signed by Grace {GRACE.account}, Ken {KEN.account}" in run.output
    others = CliRunner().invoke(cli, ["verify", str(file), "--account", MARY.account])
    assert others.exit_code == 5
    assert "0 of 2 needed approvals are signed by the accounts that you named" in others.output
    assert CliRunner().invoke(cli, ["verify", str(file), "--account", "0x12"]).exit_code == 2
