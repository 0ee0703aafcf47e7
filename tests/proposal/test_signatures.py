"""Signed decisions: what a wallet signs, whom a signature comes from, and that nothing signed can be rewritten.

The independent library is imported where it is used: this file is collected in the model environment too, which
lacks it.
"""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from proposal.decisions import Decision, Review, quorum, signature_faults
from proposal.exports import VenueOptions
from proposal.exports.bundle import build_files
from proposal.signatures import Member, Signature, Terms, committee_of, digest_of, recover, typed_data
from proposal.template import ReviewProfile
from proposal.verify import verify_files
from tests.proposal.builders import LATER, NOW, TEXT, a_ballot, a_chain, a_draft, a_review, a_template, some_evidence
from tests.proposal.wallet import COMMITTEE, DEADLINE, GRACE, KEN, MARY, Wallet, a_signed_review, some_terms

DRAFT = a_draft()
SIGNED = a_signed_review(DRAFT)
REQUIRED = ReviewProfile(signatures="required")
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def bundle_of(draft, review, template=None):
    """Build the files as an attacker can: the gate is not asked."""
    return build_files(draft, review, template=template or a_template(), options=VenueOptions()).files


def codes(files, **options):
    return {problem.code for problem in verify_files(files, **options).problems}


def faults(*ballots):
    return {fault.code for fault in signature_faults(a_chain(*ballots))}


# --- what is signed ---------------------------------------------------------------------------------


def test_the_digest_is_the_one_that_wallets_compute():
    from tests.eth_wallet import encode_typed_data, hash_message

    data = typed_data(a_ballot(DRAFT, reason="它好 “fine”"), some_terms(7))
    assert digest_of(data) == hash_message(encode_typed_data(full_message=data))


def test_the_account_of_a_wallet_s_signature_is_recovered():
    from tests.eth_wallet import Account

    data = typed_data(a_ballot(DRAFT), some_terms())
    signed = Account.from_key(GRACE.key.to_bytes()).sign_typed_data(full_message=data)
    assert recover(digest_of(data), "0x" + signed.signature.hex().removeprefix("0x")) == GRACE.account


def test_the_typed_data_say_in_words_what_is_decided():
    message = typed_data(a_ballot(DRAFT), some_terms())["message"]
    assert message["statement"] == "Approve version 1 of the draft d-1"
    assert message["contentHash"] == "0x" + DRAFT.manifest.text_hash


OTHER_BALLOTS = {
    "draft": {"draft_id": "d-2"},
    "version": {"version": 2},
    "text": {"text_hash": "0" * 64},
    "evidence": {"evidence_hash": "0" * 64},
    "context": {"context_hash": "0" * 64},
    "verdict": {"verdict": "reject", "reason": "no"},
    "reason": {"reason": "other words"},
}
OTHER_TERMS = {
    "desk": {"instance": "f" * 32},
    "chain": {"chain_id": 10},
    "committee": {"committee": committee_of([GRACE.member, KEN.member])},
    "nonce": {"nonce": 2},
    "deadline": {"deadline": DEADLINE + 1},
}


@pytest.mark.parametrize("what", OTHER_BALLOTS)
def test_a_signature_does_not_fit_another_decision(what):
    signed = GRACE.sign(a_ballot(DRAFT), some_terms())
    moved = signed.model_copy(update=OTHER_BALLOTS[what])
    assert faults(signed) == set()
    assert faults(moved) == {"signature-account"}


@pytest.mark.parametrize("what", OTHER_TERMS)
def test_a_signature_does_not_fit_other_terms(what):
    signed = GRACE.sign(a_ballot(DRAFT), some_terms())
    terms = signed.signature.model_copy(update=OTHER_TERMS[what])
    assert faults(signed.model_copy(update={"signature": terms})) == {"signature-account"}


def test_every_bit_of_a_signature_counts():
    signed = GRACE.sign(a_ballot(DRAFT), some_terms())
    data = bytes.fromhex(signed.signature.value[2:])
    for at in range(0, 64, 7):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        try:
            value = signed.signature.model_copy(update={"value": "0x" + changed.hex()})
        except ValidationError:
            continue
        assert faults(signed.model_copy(update={"signature": value})) == {"signature-account"}


# --- who signed -------------------------------------------------------------------------------------


def test_a_malleable_signature_is_refused():
    signature = GRACE.sign(a_ballot(DRAFT), some_terms()).signature
    data = bytes.fromhex(signature.value[2:])
    other = data[:32] + (ORDER - int.from_bytes(data[32:64], "big")).to_bytes(32, "big") + bytes([27 + 28 - data[64]])
    fields = {**signature.model_dump(), "value": "0x" + other.hex()}
    with pytest.raises(ValidationError, match="malleable"):
        Signature.model_validate(fields)


@pytest.mark.parametrize(
    "value", ["0x", "0x" + "00" * 65, "0x" + "ff" * 65, "0x" + "11" * 64 + "1d", "zz", "0x11" * 33]
)
def test_what_is_no_signature_is_refused(value):
    fields = GRACE.sign(a_ballot(DRAFT), some_terms()).signature.model_dump()
    with pytest.raises(ValidationError, match="not a signature"):
        Signature.model_validate({**fields, "value": value})


def test_the_last_byte_has_one_spelling():
    fields = GRACE.sign(a_ballot(DRAFT), some_terms()).signature.model_dump()
    raw = bytes.fromhex(fields["value"][2:])
    zero_based = "0x" + (raw[:64] + bytes([raw[64] - 27])).hex().upper()
    assert Signature.model_validate({**fields, "value": zero_based}).value == fields["value"]


def test_somebody_else_s_signature_is_none_of_the_reviewer_s():
    mallory = Wallet("Mallory", 99)
    alone = some_terms(committee=committee_of([mallory.member]))
    assert faults(mallory.sign(a_ballot(DRAFT, "Mallory"), some_terms())) == {"signature-member"}
    assert faults(mallory.sign(a_ballot(DRAFT, "Grace"), alone)) == {"signature-member"}
    forged = mallory.sign(a_ballot(DRAFT), some_terms())
    claimed = forged.signature.model_copy(update={"account": GRACE.account})
    assert faults(forged.model_copy(update={"signature": claimed})) == {"signature-account"}


def test_a_contract_account_is_unverified_and_never_counts():
    safe = Member(name="Grace", account=GRACE.account, contract=True)
    signed = GRACE.sign(a_ballot(DRAFT), some_terms(committee=committee_of([safe, KEN.member])))
    found = signature_faults(a_chain(signed))
    assert [fault.code for fault in found] == ["signature-unverified"]
    assert "unverified until a chain is configured" in found[0].message


def test_a_decision_after_the_deadline_is_expired():
    early = some_terms(deadline=int(NOW.timestamp()))
    assert faults(GRACE.sign(a_ballot(DRAFT), early)) == {"signature-expired"}


def test_a_nonce_is_used_once_and_a_review_has_one_desk():
    again = GRACE.sign(a_ballot(DRAFT, reason="again"), some_terms(1))
    elsewhere = KEN.sign(a_ballot(DRAFT, "Ken"), some_terms(2, instance="f" * 32))
    first = GRACE.sign(a_ballot(DRAFT), some_terms(1))
    assert faults(first, again) == {"signature-replayed"}
    assert faults(first, elsewhere) == {"signature-domain"}


def test_one_account_is_one_person():
    other = some_terms(2, committee=committee_of([Member(name="Ken", account=GRACE.account)]))
    assert faults(
        GRACE.sign(a_ballot(DRAFT), some_terms(1)), GRACE.sign(a_ballot(DRAFT, "Ken"), other)
    ) == {"signature-member"}  # fmt: skip
    with pytest.raises(ValidationError, match="each once"):
        Terms.model_validate({**some_terms().model_dump(), "committee": (COMMITTEE[0], COMMITTEE[0])})


# --- the quorum -------------------------------------------------------------------------------------


def state_of(review, profile):
    subject = review.subject(DRAFT)
    return quorum(review.decisions, profile, subject=subject, authors=(), at=LATER)


def test_where_signatures_are_required_an_unsigned_approval_does_not_count():
    unsigned = a_review(DRAFT, profile=REQUIRED)
    state = state_of(unsigned, REQUIRED)
    assert (state.approvals, state.reached) == (0, False)
    assert state.reasons[-1] == "2 of the approvals are unsigned, and this review needs signatures"
    signed = state_of(a_signed_review(DRAFT, profile=REQUIRED), REQUIRED)
    assert (signed.approvals, signed.signed, signed.reached) == (2, 2, True)


def test_a_rejection_counts_without_a_signature():
    ballots = [wallet.sign(a_ballot(DRAFT, wallet.name, profile=REQUIRED), some_terms(n))
               for n, wallet in enumerate((GRACE, KEN), start=1)]  # fmt: skip
    chain = a_chain(*ballots, a_ballot(DRAFT, "Mary", "reject", profile=REQUIRED))
    review = SIGNED.model_copy(update={"decisions": chain, "profile": REQUIRED})
    assert state_of(review, REQUIRED).reasons == ("Mary rejected this version",)


def test_rows_older_than_signatures_keep_their_form():
    row = a_review(DRAFT).decisions[0]
    assert "signature" not in row.model_dump()
    assert "signatures" not in ReviewProfile().model_dump()
    assert Decision.model_validate_json(SIGNED.decisions[0].model_dump_json()) == SIGNED.decisions[0]


# --- the verifier -----------------------------------------------------------------------------------


def test_a_signed_bundle_holds_and_names_its_accounts():
    report = verify_files(bundle_of(DRAFT, SIGNED), accounts=[GRACE.account, KEN.account])
    assert report.problems == ()
    assert report.vouching() == f"approvals: 2 signed by Grace {GRACE.account}, Ken {KEN.account}"
    statement = bundle_of(DRAFT, SIGNED)["STATEMENT.txt"].decode()
    assert f"Approvals signed by wallet (EIP-712): Grace {GRACE.account}; Ken {KEN.account}." in statement


def test_an_unsigned_bundle_says_so():
    files = bundle_of(DRAFT, a_review(DRAFT))
    report = verify_files(files)
    assert report.ok
    assert report.vouching() == "approvals: 2 unsigned (Grace, Ken): vouched for by the desk's log only"
    assert "unsigned: vouched for by the desk's log only" in files["STATEMENT.txt"].decode()


def rewritten_text():
    """Everything an attacker without keys can make anew: text, evidence, draft, chain, hashes and manifest."""
    evidence = tuple(item.model_copy(update={"publisher": "Somebody else"}) for item in some_evidence())
    return a_draft(TEXT.replace("45,000", "45,000").replace("37.5%", "37.5 %"), evidence=evidence)


def test_who_rewrites_text_evidence_and_decisions_together_no_longer_gets_a_bundle_that_holds():
    draft = rewritten_text()
    unsigned = bundle_of(draft, a_review(draft))
    assert verify_files(unsigned).ok  # the attack that worked while there were no signatures

    moved = [a_ballot(draft, one.reviewer, one.verdict, signature=one.signature) for one in SIGNED.decisions]
    forged = a_review(draft).model_copy(update={"decisions": a_chain(*moved)})
    assert codes(bundle_of(draft, forged)) == {"signature-account"}


def test_who_signs_with_other_keys_or_strips_the_signatures_does_not_pass_the_committee_s_accounts():
    draft, known = rewritten_text(), [GRACE.account, KEN.account, MARY.account]
    sock_puppets = committee_of([Wallet("Grace", 77).member, Wallet("Ken", 78).member])
    ballots = [Wallet(name, number).sign(a_ballot(draft, name), some_terms(number, committee=sock_puppets))
               for name, number in (("Grace", 77), ("Ken", 78))]  # fmt: skip
    forged = SIGNED.model_copy(update={"decisions": a_chain(*ballots)})
    report = verify_files(bundle_of(draft, forged))
    assert report.ok
    assert GRACE.account not in report.vouching()  # the accounts that it lists are not the committee's
    assert codes(bundle_of(draft, forged), accounts=known) == {"quorum-signed"}
    assert codes(bundle_of(draft, a_review(draft)), accounts=known) == {"quorum-signed"}


def test_signatures_cannot_be_stripped_where_the_dao_requires_them():
    template = a_template(review={"signatures": "required"})
    draft = a_draft(template=template)
    good = a_signed_review(draft, profile=template.review)
    assert verify_files(bundle_of(draft, good, template)).ok
    bare = a_chain(*(one.model_copy(update={"signature": None}) for one in good.decisions))
    assert codes(bundle_of(draft, good.model_copy(update={"decisions": bare}), template)) == {"quorum"}
    lax = a_review(draft, profile=ReviewProfile())
    assert "profile" in codes(bundle_of(draft, lax, template))


def test_a_desk_may_be_stricter_than_its_template():
    assert verify_files(bundle_of(DRAFT, a_signed_review(DRAFT, profile=REQUIRED))).ok


@pytest.mark.slow
def test_no_character_of_a_signed_decision_can_be_changed():
    files = bundle_of(DRAFT, SIGNED)
    review = json.loads(files["review.json"])
    for number, decision in enumerate(review["decisions"]):
        for name, value in decision["signature"].items():
            changed = json.loads(json.dumps(review))
            new = changed["decisions"][number]["signature"]
            if isinstance(value, int):
                new[name] = value + 1
            elif isinstance(value, str):
                new[name] = value[:-1] + ("0" if value[-1] != "0" else "1")
            else:
                new[name] = value[:-1]
            try:
                rows = [Decision.model_validate(row) for row in changed["decisions"]]
            except ValidationError:
                continue
            forged = Review.model_validate({**review, "decisions": a_chain(*rows)})
            assert not verify_files(bundle_of(DRAFT, forged)).ok, (number, name)
