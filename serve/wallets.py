"""Wallets of reviewers: what a decision's signature is asked for, and whether the one given holds.

The desk asks with a nonce that it hands out once and a deadline, the reviewer's own wallet signs in the browser, and
what comes back is compared with what the desk works out again from its own database: version, text, evidence, gate and
committee as they are now, not as the browser sent them.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from proposal.decisions import Ballot
from proposal.signatures import UNVERIFIED, Signature, Terms, committee_of, fault_of, typed_data
from serve.store import Reviewer, Transaction
from serve.translation import ConflictRefusal, ForbiddenRefusal, InputRefusal, Sentence

SIGNATURE_LIFE = dt.timedelta(minutes=30)
"""How long a request stays open: time to read what the wallet shows, and to find a hardware wallet."""


@dataclass(frozen=True, slots=True)
class SignatureRequest:
    """What the browser hands to the wallet: the account to ask, and the typed data with their nonce."""

    account: str
    nonce: int
    typed_data: dict[str, Any]


def ask(tx: Transaction, reviewer: Reviewer, ballot: Ballot, *, chain_id: int) -> SignatureRequest:
    """Open a request for the reviewer's signature of the ballot."""
    account = _account(reviewer)
    deadline = (tx.now + SIGNATURE_LIFE).replace(microsecond=0)
    nonce = tx.add_signature_request(ballot.draft_id, reviewer.key, deadline=deadline)
    terms = _terms(tx, nonce, deadline, chain_id)
    return SignatureRequest(account, nonce, typed_data(ballot, terms))


def take(tx: Transaction, reviewer: Reviewer, ballot: Ballot, *, chain_id: int, nonce: int, value: str) -> Signature:
    """Use the request up and return its signature of the ballot; a refusal says why it does not hold."""
    account = _account(reviewer)
    deadline = tx.use_signature_request(nonce, ballot.draft_id, reviewer.key)
    if deadline is None:
        raise ConflictRefusal(
            Sentence("this signature was used before, was asked for another draft or person, or is too old"),
            fix=Sentence("sign again"),
        )
    terms = _terms(tx, nonce, deadline, chain_id)
    try:
        signature = Signature(**terms.model_dump(), account=account, value=value)
    except ValidationError as error:
        what = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
        raise InputRefusal(Sentence("%(what)s", {"what": what}), fix=Sentence("sign again")) from None
    if fault_of(ballot, signature, decided_at=ballot.decided_at):
        raise ForbiddenRefusal(
            Sentence("your account %(account)s did not sign this decision as it stands now", {"account": account}),
            fix=Sentence("choose your account and the right chain in the wallet, reload the page and sign again"),
        )
    return signature


def _account(reviewer: Reviewer) -> str:
    if reviewer.account is None:
        raise ForbiddenRefusal(
            Sentence("no account of a wallet is registered for you"),
            fix=Sentence("ask whoever runs the desk to add it: --reviewer NAME=0x…"),
        )
    if reviewer.contract:
        raise ForbiddenRefusal(Sentence("%(what)s", {"what": UNVERIFIED}))
    return reviewer.account


def _terms(tx: Transaction, nonce: int, deadline: dt.datetime, chain_id: int) -> Terms:
    return Terms(
        instance=tx.instance(),
        chain_id=chain_id,
        committee=committee_of(tx.members()),
        nonce=nonce,
        deadline=int(deadline.timestamp()),
    )
