"""A reviewer's wallet, as it exists outside of the product: it holds a key and signs typed data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eth_keys.datatypes import PrivateKey

from proposal.decisions import Ballot, Review
from proposal.draft import Draft
from proposal.signatures import Member, Signature, Terms, committee_of, digest_of, typed_data
from proposal.template import ReviewProfile
from tests.proposal.builders import LATER, a_ballot, a_chain

INSTANCE = "0" * 31 + "1"
DEADLINE = int(LATER.timestamp()) + 3_600


@dataclass(frozen=True)
class Wallet:
    """One person's key."""

    name: str
    number: int

    @property
    def key(self) -> PrivateKey:
        return PrivateKey(self.number.to_bytes(32, "big"))

    @property
    def account(self) -> str:
        return str(self.key.public_key.to_checksum_address())

    @property
    def member(self) -> Member:
        return Member(name=self.name, account=self.account)

    def sign(self, ballot: Ballot, terms: Terms) -> Ballot:
        """Return the ballot with this wallet's signature under the terms."""
        value = self.key.sign_msg_hash(digest_of(typed_data(ballot, terms))).to_bytes()
        signature = Signature(**terms.model_dump(), account=self.account, value="0x" + value.hex())
        return ballot.model_copy(update={"signature": signature})


GRACE, KEN, MARY = Wallet("Grace", 11), Wallet("Ken", 12), Wallet("Mary", 13)
COMMITTEE = committee_of([GRACE.member, KEN.member, MARY.member])


def some_terms(nonce: int = 1, **fields: object) -> Terms:
    base = {"instance": INSTANCE, "chain_id": 1, "committee": COMMITTEE, "nonce": nonce, "deadline": DEADLINE}
    return Terms.model_validate({**base, **fields})


def a_signed_review(
    draft: Draft,
    wallets: Sequence[Wallet] = (GRACE, KEN),
    *,
    profile: ReviewProfile | None = None,
    verdict: str = "approve",
) -> Review:
    """Build a review in which each of the wallets decided and signed."""
    profile = profile or ReviewProfile()
    ballots = [
        wallet.sign(a_ballot(draft, wallet.name, verdict, profile=profile), some_terms(nonce))
        for nonce, wallet in enumerate(wallets, start=1)
    ]
    return Review(draft_id="d-1", version=1, profile=profile, decisions=a_chain(*ballots), asked_at=LATER)
