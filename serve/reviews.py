"""Reviews: who may decide what on a draft, where a review stands, and when the export opens.

A draft is `drafting`, then `drafted` (or `interrupted`, until somebody resumes it). From then on
its status follows from the decisions on its current version, never from a stored flag, so that the
two cannot disagree:

1. `rejected` while somebody's standing decision is a rejection;
2. `approved` when the quorum of `proposal.decisions` is reached and no finding blocks;
3. `changes_requested` while somebody's standing decision asks for changes;
4. `in_review` when somebody has decided, `drafted` before that.

A decision is taken on the version that the reviewer saw; a newer version voids it. Of one reviewer
the newest row stands, the older ones stay in the trail. Whoever wrote the brief, is named as its
author or ordered the draft does not review it where the profile excludes authors. No approval over
a finding that blocks; a reviewer lets a warning stand with a reason, two an error where the DAO's
template allows it, and a waiver voids the decisions before it. The export opens only for an
approved draft whose rows and bytes still match their hashes; it closes again when a reviewer
withdraws.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from proposal import decisions as decided
from proposal.checks.waivers import Waiver, covering, excerpt_hash, standing, waivable
from proposal.decisions import (
    Ballot,
    Decision,
    QuorumState,
    Subject,
    Verdict,
    append_decision,
    check_chain,
    quorum,
    signature_faults,
    subject_of,
    with_waivers,
)
from proposal.errors import IntegrityError, NotFoundError
from proposal.exports import MarkdownOptions, VenueOptions, to_bundle, to_markdown, zip_bytes
from proposal.exports.markdown import FILE
from proposal.findings import Finding, blocks
from proposal.hashing import sha256_text
from proposal.people import person_key
from proposal.template import Template
from serve import wallets
from serve.auth import submitter
from serve.draft_template import template_of
from serve.store import DraftRow, Gate, Reviewer, Store, Transaction, Version
from serve.translation import (
    ConflictRefusal,
    ForbiddenRefusal,
    GateRefusal,
    InputRefusal,
    Sentence,
)
from serve.wallets import SignatureRequest

Status = Literal["drafting", "interrupted", "drafted", "in_review", "changes_requested", "approved", "rejected"]
MAX_REASON = 4_000
MAX_WAIVER_REASON = 2_000


class Vote(BaseModel):
    """What a reviewer sends: the decision, why, which version (and, where known, which context: brief, gate, waivers)
    was on the screen, and perhaps their wallet's signature under the nonce that it was asked with.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    verdict: Verdict
    reason: str = ""
    seen_version: int = Field(ge=1)
    seen_context: str = Field(default="", pattern=r"^[0-9a-f]{0,64}$")
    nonce: int | None = Field(default=None, ge=1, lt=2**63)
    signature: str = ""


@dataclass(frozen=True, slots=True)
class Review:
    """Where the review of one draft stands; `missing` says what keeps the export closed, empty when
    it is open.
    """

    status: Status
    gate: Gate
    quorum: QuorumState
    decisions: tuple[Decision, ...]
    missing: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True)
class Export:
    """The approved text, ready to be saved."""

    filename: str
    text: str
    text_hash: str


@dataclass(frozen=True, slots=True)
class Bundle:
    """An approved draft with everything that proves it, as one .zip file."""

    filename: str
    data: bytes


def _template(version: Version) -> Template:
    template = template_of(version.draft)
    if template is None:
        raise ConflictRefusal(Sentence("the template has changed since this draft was made"))
    return template


def _filename(row: DraftRow, version: Version, suffix: str) -> str:
    return f"{_slug(version.draft.title) or 'proposal'}-{row.number}-v{row.version}.{suffix}"


class WaiverForm(BaseModel):
    """What a reviewer sends to let a finding stand: which one (`excerpt_hash`), why, and which version was on the
    screen.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    excerpt_hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    reason: str = ""
    seen_version: int = Field(ge=1)


class Reviews:
    """The committee's work on drafts, each step in one transaction."""

    def __init__(self, store: Store, *, chain_id: int = 1) -> None:
        self._store = store
        self._chain_id = chain_id

    def waive(self, draft_id: str, reviewer: Reviewer, form: WaiverForm) -> None:
        """Let a finding stand in this reviewer's name; the same one sent twice is recorded once.

        What is decided on changes with it, so the decisions before it have to be taken again.
        """
        with self._store.write() as tx:
            row, version = _current(tx, draft_id)
            _check_seen(form.seen_version, row)
            _check_reviewer(reviewer, row, version)
            gate, draft = version.gate, version.draft
            finding = _waivable(form, version)
            if any(person_key(one.by) == reviewer.key for one in covering(finding, gate.waivers)):
                return
            reason = form.reason.strip()
            if not 3 <= len(reason) <= MAX_WAIVER_REASON:
                most = {"most": MAX_WAIVER_REASON}
                raise InputRefusal(Sentence("say why the finding may stand, in at most %(most)s characters", most))
            waiver = Waiver(rule=finding.rule, reason=reason, by=reviewer.name, excerpt_hash=form.excerpt_hash)
            tx.add_waiver(draft_id, version.number, waiver)
            left = standing(replace(gate, waivers=(*gate.waivers, waiver)).findings(draft))
            tx.set_waived(draft_id, row.errors - sum(one.severity == "error" for one in left))

    def ask_signature(self, draft_id: str, reviewer: Reviewer, vote: Vote) -> SignatureRequest:
        """Return what the reviewer's wallet is asked to sign for this vote."""
        with self._store.write() as tx:
            row, version = _current(tx, draft_id)
            _check_vote(vote, row, version)
            _check_reviewer(reviewer, row, version)
            return wallets.ask(tx, reviewer, _ballot(tx, version, reviewer, vote), chain_id=self._chain_id)

    def decide(self, draft_id: str, reviewer: Reviewer, vote: Vote) -> Decision:
        """Record a decision, with its signature where one was given; the same one sent twice is recorded once."""
        with self._store.write() as tx:
            row, version = _current(tx, draft_id)
            _check_vote(vote, row, version)
            _check_reviewer(reviewer, row, version)
            chain = tx.decisions(draft_id)
            state = _quorum(tx, version.gate, chain)
            before = standing_of(reviewer, state)
            if before and before.signature and before.signature.nonce == vote.nonce:
                return before
            ballot = self._signed(tx, reviewer, _ballot(tx, version, reviewer, vote), vote)
            if before and (before.verdict, before.reason) == (vote.verdict, ballot.reason):
                if before.signature or not ballot.signature:
                    return before
            elif vote.verdict == "approve" and version.gate.profile.signatures == "required" and not ballot.signature:
                raise GateRefusal(Sentence("an approval counts here only when your wallet signs it"))
            if not before and len(state.standing) >= version.gate.profile.seats:
                raise GateRefusal(
                    Sentence(
                        "all %(seats)s seats of this review are taken",
                        {"seats": version.gate.profile.seats},
                    )
                )
            decision = append_decision(ballot, previous=chain[-1] if chain else None)
            tx.add_decision(decision)
            return decision

    def _signed(self, tx: Transaction, reviewer: Reviewer, ballot: Ballot, vote: Vote) -> Ballot:
        if vote.nonce is None:
            return ballot
        signature = wallets.take(
            tx, reviewer, ballot, chain_id=self._chain_id, nonce=vote.nonce, value=vote.signature.strip()
        )
        return ballot.model_copy(update={"signature": signature})

    def review(self, tx: Transaction, row: DraftRow) -> Review | None:
        """Return where the review stands, or None while there is nothing to review."""
        gate = tx.gates([row.id]).get(row.id)
        if row.stage != "drafted" or gate is None:
            return None
        return _review(tx, row, gate, tx.decisions(row.id))

    def reviews(self, tx: Transaction, rows: Sequence[DraftRow]) -> dict[str, Review]:
        """Return where the reviews of many drafts stand, by draft id."""
        ids = [row.id for row in rows if row.stage == "drafted"]
        gates, chains = tx.gates(ids), tx.decisions_of(ids)
        return {row.id: _review(tx, row, gates[row.id], chains.get(row.id, [])) for row in rows if row.id in gates}

    def export(self, draft_id: str) -> Export:
        """Return the approved text; raise `GateError` naming what is missing before the quorum."""
        row, version, _ = self._approved(draft_id)
        return Export(
            filename=_filename(row, version, "md"),
            text=version.draft.text,
            text_hash=version.gate.subject.text_hash,
        )

    def published(self, draft_id: str) -> Export:
        """Return the approved text as it is published: with front matter, and the statement of how it was made.

        Raises as `bundle` does.
        """
        row, version, asked = self._approved(draft_id)
        export = to_markdown(version.draft, asked, template=_template(version), options=MarkdownOptions())
        text = export.files[FILE].decode("utf-8")
        return Export(filename=_filename(row, version, "proposal.md"), text=text, text_hash=sha256_text(text))

    def bundle(self, draft_id: str) -> Bundle:
        """Return the approved draft as the bundle that `dao-agent verify` checks: text, evidence, findings, decisions.

        Raises `GateError` before the quorum, and `ConflictError` when the template changed since the draft was made.
        """
        row, version, asked = self._approved(draft_id)
        export = to_bundle(version.draft, asked, template=_template(version), options=VenueOptions())
        return Bundle(filename=_filename(row, version, "zip"), data=zip_bytes(export.files))

    def _approved(self, draft_id: str) -> tuple[DraftRow, Version, decided.Review]:
        """Return an approved draft and its review as exports carry it; raise `GateError` before the quorum."""
        with self._store.read() as tx:
            row, version = _current(tx, draft_id)
            chain = tx.decisions(draft_id)
            review = _review(tx, row, version.gate, chain)
            asked = decided.Review(
                draft_id=draft_id,
                version=row.version,
                profile=version.gate.profile,
                decisions=tuple(chain),
                waivers=version.gate.waivers,
                asked_at=tx.now,
            )
        if review.missing:
            what = "; ".join(str(sentence) for sentence in review.missing)
            raise GateRefusal(
                Sentence("the export is closed: %(what)s", {"what": what}),
                fix=Sentence("decide on the draft's page in the desk"),
            )
        _check_integrity(version, review.decisions)
        return row, version, asked


def status_of(row: DraftRow, review: Review | None) -> Status:
    """Return the status that a draft's chip shows."""
    if review is not None:
        return review.status
    return "interrupted" if row.stage == "interrupted" else "drafting"


def find_draft(tx: Transaction, draft_id: str) -> DraftRow:
    """Return the draft or raise `NotFoundError`."""
    row = tx.draft(draft_id)
    if row is None:
        raise NotFoundError(f"there is no draft '{draft_id[:40]}'", fix="GET /v1/drafts lists them")
    return row


def _current(tx: Transaction, draft_id: str) -> tuple[DraftRow, Version]:
    row = find_draft(tx, draft_id)
    version = tx.version(draft_id, row.version) if row.stage == "drafted" else None
    if version is None:
        raise ConflictRefusal(Sentence("this draft is not finished, so there is nothing to decide on yet"))
    return row, version


def _ballot(tx: Transaction, version: Version, reviewer: Reviewer, vote: Vote) -> Ballot:
    return Ballot(
        **version.gate.subject.model_dump(exclude={"opened_at"}),
        reviewer=reviewer.name,
        verdict=vote.verdict,
        reason=vote.reason.strip(),
        decided_at=tx.now,
    )


def _waivable(form: WaiverForm, version: Version) -> Finding:
    """Return the finding that the form means, if reviewers may let it stand."""
    finding = next((one for one in version.draft.findings if excerpt_hash(one) == form.excerpt_hash), None)
    if finding is None:
        raise InputRefusal(Sentence("this version has no such finding"))
    if not waivable(finding, version.gate.profile.overridable):
        raise GateRefusal(Sentence("a finding of %(rule)s cannot be let stand in this DAO", {"rule": finding.rule}))
    return finding


def _check_seen(seen: int, row: DraftRow) -> None:
    if seen != row.version:
        raise ConflictRefusal(
            Sentence(
                "the draft changed since you opened it (you saw version %(seen)s, now it is version %(now)s)",
                {"seen": seen, "now": row.version},
            ),
            fix=Sentence("read the new version, then decide again"),
        )


def _check_vote(vote: Vote, row: DraftRow, version: Version) -> None:
    _check_seen(vote.seen_version, row)
    if vote.seen_context and vote.seen_context != version.gate.subject.context_hash:
        raise ConflictRefusal(
            Sentence("a finding was let stand since you opened this page"),
            fix=Sentence("read why, then decide again"),
        )
    if len(vote.reason.strip()) > MAX_REASON:
        raise InputRefusal(Sentence("the reason is longer than %(most)s characters", {"most": MAX_REASON}))
    if vote.verdict != "approve" and not vote.reason.strip():
        raise InputRefusal(Sentence("a reason is needed, so that the authors know what to change"))
    if vote.verdict == "approve" and blocks(standing(version.gate.findings(version.draft))):
        raise GateRefusal(_blocking(row), fix=Sentence("ask for changes, and name what has to be corrected"))


def _check_reviewer(reviewer: Reviewer, row: DraftRow, version: Version) -> None:
    if not version.gate.profile.authors_excluded:
        return
    if reviewer.key in {person_key(name) for name in version.gate.authors}:
        raise ForbiddenRefusal(Sentence("authors of a proposal do not review it"))
    if row.submitted_by == submitter(reviewer):
        raise ForbiddenRefusal(Sentence("you ordered this draft, so others review it"))


def may_review(reviewer: Reviewer, row: DraftRow, gate: Gate) -> bool:
    """Tell whether the desk shows this reviewer the decision form."""
    excluded = {person_key(name) for name in gate.authors}
    return not gate.profile.authors_excluded or (
        reviewer.key not in excluded and row.submitted_by != submitter(reviewer)
    )


def standing_of(reviewer: Reviewer, state: QuorumState) -> Decision | None:
    """Return the reviewer's own standing decision."""
    found = (one for one in state.standing if person_key(one.reviewer) == reviewer.key)
    return next(found, None)


def _quorum(tx: Transaction, gate: Gate, chain: Sequence[Decision]) -> QuorumState:
    return quorum(chain, gate.profile, subject=gate.subject, authors=gate.authors, at=tx.now)


def _review(tx: Transaction, row: DraftRow, gate: Gate, chain: Sequence[Decision]) -> Review:
    state = _quorum(tx, gate, chain)
    missing = _missing(row, state)
    return Review(_status(state, missing), gate, state, tuple(chain), missing)


def _status(state: QuorumState, missing: Sequence[Sentence]) -> Status:
    verdicts = {decision.verdict for decision in state.standing}
    if "reject" in verdicts:
        return "rejected"
    if not missing:
        return "approved"
    if "request_changes" in verdicts:
        return "changes_requested"
    return "in_review" if verdicts else "drafted"


def _missing(row: DraftRow, state: QuorumState) -> tuple[Sentence, ...]:
    """Say what keeps the export closed; whatever the quorum adds that we have no words for is
    passed on.
    """
    missing = []
    if row.blocking:
        missing.append(_blocking(row))
    lacking = state.needed - state.approvals
    if lacking > 0:
        missing.append(
            Sentence(
                "%(n)s more approval is needed",
                {"n": lacking},
                plural="%(n)s more approvals are needed",
                count=lacking,
            )
        )
    for decision in state.standing:
        if decision.verdict == "reject":
            missing.append(Sentence("%(name)s rejected this version", {"name": decision.reviewer}))
    if not state.reached and len(missing) == bool(row.blocking):
        missing.extend(Sentence("%(what)s", {"what": reason}) for reason in state.reasons)
    return tuple(missing)


def _blocking(row: DraftRow) -> Sentence:
    return Sentence(
        "%(n)s finding blocks approval and export",
        {"n": row.blocking},
        plural="%(n)s findings block approval and export",
        count=row.blocking,
    )


def _check_integrity(version: Version, chain: Sequence[Decision]) -> None:
    gate: Gate = version.gate
    made = subject_of(version.draft, draft_id=gate.subject.draft_id, version=version.number, profile=gate.profile)
    true: Subject = with_waivers(made, gate.waivers)
    if true != gate.subject:
        raise IntegrityError(
            f"version {version.number} is not what was decided on: its bytes hash differently",
            where=gate.subject.draft_id,
            fix="restore the database from a backup",
        )
    problems = check_chain(chain) + signature_faults(chain)
    if problems:
        raise IntegrityError(
            f"the decisions were changed: row {problems[0].row + 1} {problems[0].message}",
            where=gate.subject.draft_id,
            fix="restore the database from a backup",
        )


def _slug(title: str) -> str:
    """Return the ASCII words of a title as a file name."""
    return re.sub(r"[^a-z0-9]{1,200}", "-", title.lower()[:80]).strip("-")
