"""Decisions of reviewers: what each is bound to, how rows chain, when a quorum is reached.

A decision is bound to what it was taken on: the hash of the text, of the evidence, and of the
context (review profile, brief, sections, manifest). Whoever edits one of them afterwards leaves an
approval of something else, which counts for nothing. Each row also carries the hash of the row
before it, so a row cannot be changed, removed or moved without its followers showing it. Whoever
rewrites every row is found by the signatures of the reviewers' wallets (`proposal.signatures`), or,
where decisions are unsigned, only by comparing the last hash with one that was published elsewhere.

The rule of the quorum, in words:

1. A decision counts when it was taken on exactly this version, text, evidence and context.
2. Of each reviewer the latest such decision stands; the earlier ones are history.
3. Authors do not count where the profile excludes them.
4. Reached when the standing approvals are at least `profile.approvals`, nobody's standing decision
   is `reject`, no more people decided than the profile has seats, and `profile.min_hours` have
   passed since the version was opened. A standing `request_changes` is not an approval, but it does
   not stop the others.
5. Where the profile requires signatures, an approval without one does not count; a rejection does.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from proposal.checks.waivers import Waiver, apply_waivers
from proposal.draft import Draft
from proposal.evidence import evidence_hash
from proposal.findings import Finding
from proposal.hashing import leave_out, sha256_data, sha256_text
from proposal.people import person_key
from proposal.signatures import Signature, fault_of
from proposal.template import ReviewProfile

Verdict = Literal["approve", "request_changes", "reject"]

FIRST_PREVIOUS_HASH = "0" * 64
"""What the first row of a chain names as the hash before it."""

_CHAIN_FORM = "dao-agent-decision/1"
"""Part of every hashed row, so that the hash of a decision can never equal the hash of something
else.
"""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def _utc(moment: dt.datetime) -> dt.datetime:
    """Read a time without a zone as UTC: a database may hand it back without one."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)


UtcTime = Annotated[dt.datetime, AfterValidator(_utc)]


class Subject(BaseModel):
    """What is decided on: one version of one draft, by the hashes of its text, evidence and
    gate.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    draft_id: str = Field(min_length=1, max_length=80)
    version: int = Field(ge=1)
    text_hash: Sha256
    evidence_hash: Sha256
    context_hash: Sha256
    opened_at: UtcTime


class Ballot(BaseModel):
    """A decision before it is placed in the chain: who decided what on which subject, when and
    why.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    draft_id: str = Field(min_length=1, max_length=80)
    version: int = Field(ge=1)
    text_hash: Sha256
    evidence_hash: Sha256
    context_hash: Sha256
    reviewer: str = Field(min_length=1, max_length=120)
    verdict: Verdict
    reason: str = Field(default="", max_length=4_000)
    decided_at: UtcTime
    signature: Signature | None = None

    @model_serializer(mode="wrap")
    def _as_before(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out a missing signature: rows older than signatures keep their hashes."""
        return leave_out(write(self), signature=None)

    @model_validator(mode="after")
    def _refusal_has_a_reason(self) -> Ballot:
        if self.verdict != "approve" and not self.reason.strip():
            raise ValueError(f"'{self.verdict}' needs a reason, so that the author knows what to change")
        if not person_key(self.reviewer):
            raise ValueError("the reviewer has no name")
        return self


class Decision(Ballot):
    """One row of a draft's chain of decisions; `hash` covers every other field."""

    previous_hash: Sha256
    hash: Sha256


class QuorumState(BaseModel):
    """Where a review stands: `signed` of the `approvals` carry a signature; `reasons` says in words
    what is still missing, empty when `reached`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    approvals: int
    signed: int
    needed: int
    standing: tuple[Decision, ...]
    reached: bool
    reasons: tuple[str, ...]


class Review(BaseModel):
    """The review of one version as an export carries it: the gate, the whole chain of decisions and
    the time at which the quorum was asked for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    draft_id: str = Field(min_length=1, max_length=80)
    version: int = Field(ge=1)
    profile: ReviewProfile
    decisions: tuple[Decision, ...] = Field(default=(), max_length=1_000)
    waivers: tuple[Waiver, ...] = Field(default=(), max_length=500)
    asked_at: UtcTime

    @model_serializer(mode="wrap")
    def _as_before(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the waivers where there are none."""
        data: dict[str, Any] = write(self)
        if not self.waivers:
            del data["waivers"]
        return data

    def findings(self, draft: Draft) -> list[Finding]:
        """Return the draft's findings, those that reviewers let stand as `WaivedFinding`."""
        return waived_findings(draft.findings, self.waivers, profile=self.profile, authors=draft.brief.authors)

    def state(self, draft: Draft) -> QuorumState:
        """Tell where this review stands for the draft."""
        return quorum(
            self.decisions,
            self.profile,
            subject=self.subject(draft),
            authors=draft.brief.authors,
            at=self.asked_at,
        )

    def subject(self, draft: Draft) -> Subject:
        """Return what this review decides on when it is the review of the draft."""
        found = subject_of(draft, draft_id=self.draft_id, version=self.version, profile=self.profile)
        return with_waivers(found, self.waivers)


@dataclass(frozen=True, slots=True)
class ChainProblem:
    """One row that does not fit its chain; `row` counts from 0."""

    row: int
    code: str
    message: str


def context_hash(draft: Draft, profile: ReviewProfile) -> str:
    """Return the hash of what a decision rests on: the review profile and the draft without what is
    derived from it again (findings and claims, which a corrected check may word differently).
    """
    fields = draft.model_dump(mode="json", exclude={"findings", "claims"})
    return sha256_data({"profile": profile.model_dump(mode="json"), "draft": fields})


def subject_of(draft: Draft, *, draft_id: str, version: int, profile: ReviewProfile) -> Subject:
    """Return what a reviewer of this draft decides on; hashes are computed, never taken from the
    manifest.
    """
    return Subject(
        draft_id=draft_id,
        version=version,
        text_hash=sha256_text(draft.text),
        evidence_hash=evidence_hash({item.id: item for item in draft.evidence}),
        context_hash=context_hash(draft, profile),
        opened_at=draft.manifest.created_at,
    )


def with_waivers(subject: Subject, waivers: Sequence[Waiver]) -> Subject:
    """Return the subject as it stands once the waivers were given: they are part of what is decided on.

    So a waiver voids the decisions before it, and nobody's approval can be shown beside a waiver that they did not see.
    """
    if not waivers:
        return subject
    given = [waiver.model_dump(mode="json") for waiver in waivers]
    return subject.model_copy(update={"context_hash": sha256_data({"context": subject.context_hash, "waivers": given})})


def waived_findings(
    findings: Sequence[Finding], waivers: Sequence[Waiver], *, profile: ReviewProfile, authors: Iterable[str]
) -> list[Finding]:
    """Return the findings with the waivers that count: authors do not waive where they do not review."""
    excluded = {person_key(name) for name in authors} if profile.authors_excluded else set()
    counted = [waiver for waiver in waivers if person_key(waiver.by) not in excluded]
    return apply_waivers(findings, counted, overridable=profile.overridable)


def chain_hash(ballot: Ballot, previous_hash: str) -> str:
    """Return the hash of a row: every field of the ballot and the hash of the row before it."""
    fields = ballot.model_dump(mode="json", exclude={"hash", "previous_hash"})
    return sha256_data({**fields, "previous_hash": previous_hash, "form": _CHAIN_FORM})


def append_decision(ballot: Ballot, *, previous: Decision | None) -> Decision:
    """Place a ballot behind the last row of its draft's chain (`previous` is None for the first
    row).
    """
    before = previous.hash if previous else FIRST_PREVIOUS_HASH
    fields = ballot.model_dump(exclude={"hash", "previous_hash"})
    return Decision(**fields, previous_hash=before, hash=chain_hash(ballot, before))


def signature_faults(decisions: Sequence[Decision]) -> list[ChainProblem]:
    """Return every signature that does not hold, or that was used for more than one decision.

    A draft's decisions come from one desk on one chain, and a nonce is used once: the same signature again, or one of
    another desk, is a replay.
    """
    problems: list[ChainProblem] = []
    used: dict[int, int] = {}
    owners: dict[str, str] = {}
    first: Signature | None = None
    for row, decision in enumerate(decisions):
        signature = decision.signature
        if signature is None:
            continue
        first = first or signature
        fault = fault_of(decision, signature, decided_at=decision.decided_at)
        if fault:
            problems.append(ChainProblem(row, *fault))
        owner = owners.setdefault(signature.account, decision.reviewer)
        if person_key(owner) != person_key(decision.reviewer):
            message = f"{signature.account} signed as {owner} before, so it cannot be {decision.reviewer}'s"
            problems.append(ChainProblem(row, "signature-member", message))
        if used.setdefault(signature.nonce, row) != row:
            problems.append(ChainProblem(row, "signature-replayed", f"its nonce {signature.nonce} was used before"))
        if (signature.instance, signature.chain_id) != (first.instance, first.chain_id):
            problems.append(ChainProblem(row, "signature-domain", "it was made for another desk or another chain"))
    return problems


def check_chain(decisions: Sequence[Decision]) -> list[ChainProblem]:
    """Return every row whose hash, predecessor, draft or version does not fit; an empty list is
    a whole chain.
    """
    problems: list[ChainProblem] = []
    for row, decision in enumerate(decisions):
        before = decisions[row - 1] if row else None
        expected = before.hash if before else FIRST_PREVIOUS_HASH
        if decision.previous_hash != expected:
            problems.append(
                ChainProblem(
                    row,
                    "chain-order",
                    f"names {decision.previous_hash[:12]}… as the row "
                    f"before it, but that row has the hash {expected[:12]}…",
                )
            )
        if decision.hash != chain_hash(decision, decision.previous_hash):
            problems.append(
                ChainProblem(
                    row,
                    "chain-hash",
                    f"the decision of {decision.reviewer} was changed "
                    "after it was recorded: its hash does not cover its fields",
                )
            )
        if before and decision.draft_id != before.draft_id:
            problems.append(
                ChainProblem(
                    row,
                    "chain-draft",
                    f"belongs to the draft {decision.draft_id}, the row before it to {before.draft_id}",
                )
            )
        if before and decision.version < before.version:
            problems.append(
                ChainProblem(
                    row,
                    "chain-version",
                    f"decides on version {decision.version} after a decision on version {before.version}",
                )
            )
    return problems


def quorum(
    decisions: Iterable[Decision],
    profile: ReviewProfile,
    *,
    subject: Subject,
    authors: Iterable[str],
    at: dt.datetime,
) -> QuorumState:
    """Tell whether the decisions approve the subject at the time `at`, by the rule in the
    module's docstring.
    """
    excluded = {person_key(name) for name in authors} if profile.authors_excluded else set()
    latest: dict[str, Decision] = {}
    for decision in decisions:
        if _is_on(decision, subject) and person_key(decision.reviewer) not in excluded:
            latest[person_key(decision.reviewer)] = decision
    standing = tuple(latest.values())
    given = [one for one in standing if one.verdict == "approve"]
    signed = sum(one.signature is not None for one in given)
    approvals = signed if profile.signatures == "required" else len(given)
    reasons = [*_missing_approvals(approvals, profile), *_objections(standing)]
    if approvals < len(given):
        reasons.append(f"{len(given) - approvals} of the approvals are unsigned, and this review needs signatures")
    if len(standing) > profile.seats:
        reasons.append(f"{len(standing)} people decided, but the profile has {profile.seats} seats")
    opens = subject.opened_at + dt.timedelta(hours=float(profile.min_hours))
    if _utc(at) < opens:
        reasons.append(f"the review stays open until {opens:%Y-%m-%d %H:%M} UTC ({profile.min_hours} hours)")
    return QuorumState(
        approvals=approvals,
        signed=signed,
        needed=profile.approvals,
        standing=standing,
        reached=not reasons,
        reasons=tuple(reasons),
    )


def approving(state: QuorumState) -> tuple[Decision, ...]:
    """Return the standing approvals, signed or not."""
    return tuple(one for one in state.standing if one.verdict == "approve")


def signers(state: QuorumState) -> tuple[tuple[Decision, str], ...]:
    """Return the standing approvals that carry a signature, each with its account."""
    return tuple((one, one.signature.account) for one in approving(state) if one.signature)


def _missing_approvals(approvals: int, profile: ReviewProfile) -> list[str]:
    missing = profile.approvals - approvals
    if missing <= 0:
        return []
    plural = "s" if missing > 1 else ""
    return [f"{missing} more approval{plural} needed ({approvals} of {profile.approvals})"]


def _objections(standing: Iterable[Decision]) -> list[str]:
    return [f"{decision.reviewer} rejected this version" for decision in standing if decision.verdict == "reject"]


def _is_on(decision: Decision, subject: Subject) -> bool:
    """Tell whether the decision was taken on exactly this version, text, evidence and context."""
    bound = ("draft_id", "version", "text_hash", "evidence_hash", "context_hash")
    return decision.model_dump(include=set(bound)) == subject.model_dump(include=set(bound))
