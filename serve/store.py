"""The database of the gateway: one writer at a time, and every query that there is.

A write transaction takes the write lock when it begins (`BEGIN IMMEDIATE`, or one advisory lock on
PostgreSQL), so what it reads first is still true when it writes: a quorum cannot be counted on
votes that another transaction is just changing. Deferred transactions that upgrade later fail at
once under load, whatever the timeout.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.engine.url import make_url

from proposal.checks.waivers import Waiver
from proposal.decisions import Decision, Subject, subject_of, waived_findings, with_waivers
from proposal.draft import Draft, DraftRequest, SectionDraft
from proposal.findings import Finding
from proposal.hashing import canonical_json, sha256_data
from proposal.signatures import Member, Signature
from proposal.template import ReviewProfile
from serve import tables as t
from serve.engines import engine_of
from serve.events import DraftEvent

_LIMIT = 500

Clock = Callable[[], dt.datetime]


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, slots=True)
class DraftRow:
    """One draft as the list shows it; `waived` counts the errors that reviewers let stand."""

    number: int
    id: str
    title: str
    dao: str
    template: str
    language: str
    submitted_by: str
    stage: str
    version: int
    error: Mapping[str, str | None] | None
    errors: int
    warnings: int
    notes: int
    waived: int
    created_at: dt.datetime
    updated_at: dt.datetime

    @property
    def blocking(self) -> int:
        """Return how many findings block approval and export: errors that two reviewers have not let stand."""
        return self.errors - self.waived


@dataclass(frozen=True, slots=True)
class NewDraft:
    """What a new draft starts from. `idempotency_key` makes a repeated order find the first one."""

    id: str
    request: DraftRequest
    submitted_by: str
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Gate:
    """What a version is judged by, kept with it: a template that changes later does not move the
    gate. `subject` covers the waivers given so far.
    """

    subject: Subject
    profile: ReviewProfile
    authors: tuple[str, ...]
    waivers: tuple[Waiver, ...] = ()

    def findings(self, draft: Draft) -> list[Finding]:
        """Return the draft's findings, those that reviewers let stand as `WaivedFinding`."""
        return waived_findings(draft.findings, self.waivers, profile=self.profile, authors=self.authors)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a draft with its gate."""

    number: int
    draft: Draft
    gate: Gate
    created_at: dt.datetime


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One event with its place in the draft's stream."""

    seq: int
    event: DraftEvent


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a draft until somebody takes it over, which raises `fence`."""

    draft_id: str
    owner: str
    fence: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Reviewer:
    """A member of the committee who may sign in; `account` is the wallet's, `contract` marks one without a key."""

    key: str
    name: str
    account: str | None = None
    contract: bool = False


class Store:
    """A database with its tables in place."""

    def __init__(self, engine: Engine, *, clock: Clock = utc_now) -> None:
        self.engine = engine
        self.clock = clock
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._writer = engine.execution_options(dao_write=True)
        # SQLite's own waiting is polling without a queue; a lock in the one process that writes is
        # fair and quick.
        self._turn: contextlib.AbstractContextManager[Any] = (
            threading.RLock() if self.is_sqlite else contextlib.nullcontext()
        )

    @classmethod
    def open(cls, url: str, *, clock: Clock = utc_now) -> Store:
        """Open the database, creating or migrating its tables."""
        store = cls(engine_of(make_url(url)), clock=clock)
        with store.connection(write=True) as connection:
            config = Config()
            config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        return store

    def close(self) -> None:
        self.engine.dispose()

    @property
    def file(self) -> Path | None:
        """Return the database file, or None for a server."""
        name = self.engine.url.database
        return Path(name) if self.is_sqlite and name else None

    def engine_name(self) -> str:
        """Return engine and version in words; raises when the database does not answer."""
        with self.connection() as connection:
            if self.is_sqlite:
                return f"SQLite {connection.scalar(sa.select(sa.func.sqlite_version()))}"
            return f"PostgreSQL {connection.scalar(sa.text('SHOW server_version'))}"

    @contextlib.contextmanager
    def connection(self, *, write: bool = False) -> Iterator[Connection]:
        if not write:
            with self.engine.begin() as connection:
                yield connection
            return
        with self._turn, self._writer.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def read(self) -> Iterator[Transaction]:
        """Begin a transaction that reads one consistent state."""
        with self.connection() as connection:
            yield Transaction(connection, self.clock())

    @contextlib.contextmanager
    def write(self) -> Iterator[Transaction]:
        """Begin the one transaction that may write; an exception undoes it."""
        with self.connection(write=True) as connection:
            yield Transaction(connection, self.clock())


class Transaction:
    """The queries, bound to one transaction; `now` is the same for all of them."""

    def __init__(self, connection: Connection, now: dt.datetime) -> None:
        self._run = connection.execute
        self.now = now

    # Drafts

    def add_draft(self, new: NewDraft) -> None:
        """Insert a draft and its job, so that neither exists without the other."""
        brief = new.request.brief
        self._run(
            t.drafts.insert().values(
                id=new.id,
                title=brief.title or brief.topic,
                dao=brief.dao,
                template=brief.template,
                language=brief.language,
                request=new.request.model_dump_json(),
                request_hash=sha256_data(new.request),
                submitted_by=new.submitted_by,
                idempotency_key=new.idempotency_key,
                stage="drafting",
                version=0,
                errors=0,
                warnings=0,
                notes=0,
                created_at=self.now,
                updated_at=self.now,
            )
        )
        self._run(
            t.jobs.insert().values(
                draft_id=new.id,
                state="queued",
                owner="",
                lease_until=self.now,
                fence=0,
                attempts=0,
                queued_at=self.now,
            )
        )

    def draft_by_key(self, submitted_by: str, key: str) -> tuple[str, str] | None:
        """Return id and request hash of the draft ordered before under this idempotency key."""
        row = self._run(
            sa.select(t.drafts.c.id, t.drafts.c.request_hash).where(
                t.drafts.c.submitted_by == submitted_by, t.drafts.c.idempotency_key == key
            )
        ).first()
        return None if row is None else (row.id, row.request_hash)

    def draft(self, draft_id: str) -> DraftRow | None:
        row = self._run(sa.select(*_SUMMARY).where(t.drafts.c.id == draft_id)).first()
        return None if row is None else _draft_row(row)

    def drafts(self, *, before: int | None, limit: int) -> list[DraftRow]:
        """Return drafts from newest to oldest, those numbered below `before`."""
        query = sa.select(*_SUMMARY).order_by(t.drafts.c.number.desc()).limit(limit)
        if before is not None:
            query = query.where(t.drafts.c.number < before)
        return [_draft_row(row) for row in self._run(query)]

    def request(self, draft_id: str) -> DraftRequest:
        text = self._run(sa.select(t.drafts.c.request).where(t.drafts.c.id == draft_id)).scalar_one()
        return DraftRequest.model_validate_json(text)

    def set_stage(self, draft_id: str, stage: str, *, error: Mapping[str, str | None] | None) -> None:
        self._run(
            t.drafts.update()
            .where(t.drafts.c.id == draft_id)
            .values(
                stage=stage,
                error=None if error is None else canonical_json(dict(error)),
                updated_at=self.now,
            )
        )

    # Versions

    def add_version(self, draft_id: str, draft: Draft, *, profile: ReviewProfile) -> int:
        """Append the next version of a draft and make it the current one; return its number."""
        number: int = self._run(sa.select(t.drafts.c.version + 1).where(t.drafts.c.id == draft_id)).scalar_one()
        subject = subject_of(draft, draft_id=draft_id, version=number, profile=profile)
        self._run(
            t.versions.insert().values(
                draft_id=draft_id,
                version=number,
                draft=draft.model_dump_json(),
                subject=subject.model_dump_json(),
                profile=profile.model_dump_json(),
                authors=json.dumps(draft.brief.authors),
                created_at=self.now,
            )
        )
        counts = [finding.severity for finding in draft.findings]
        self._run(
            t.drafts.update()
            .where(t.drafts.c.id == draft_id)
            .values(
                stage="drafted",
                version=number,
                title=draft.title,
                error=None,
                errors=counts.count("error"),
                warnings=counts.count("warning"),
                notes=counts.count("info"),
                waived=0,
                updated_at=self.now,
            )
        )
        return number

    def version(self, draft_id: str, number: int) -> Version | None:
        row = self._run(
            sa.select(t.versions).where(t.versions.c.draft_id == draft_id, t.versions.c.version == number)
        ).first()
        if row is None:
            return None
        return Version(
            number=row.version,
            draft=Draft.model_validate_json(row.draft),
            gate=_gate(row, self.waivers([draft_id])),
            created_at=row.created_at,
        )

    def gates(self, draft_ids: Sequence[str]) -> dict[str, Gate]:
        """Return the gate of the current version of each of these drafts, without reading the
        drafts.
        """
        columns = (t.versions.c[name] for name in ("draft_id", "version", "subject", "profile", "authors"))
        given = self.waivers(draft_ids)
        found = self._run(
            sa.select(*columns)
            .join(
                t.drafts,
                sa.and_(
                    t.drafts.c.id == t.versions.c.draft_id,
                    t.drafts.c.version == t.versions.c.version,
                ),
            )
            .where(t.drafts.c.id.in_(draft_ids))
        )
        return {row.draft_id: _gate(row, given) for row in found}

    # Finished sections and events

    def save_section(self, draft_id: str, section: SectionDraft) -> None:
        """Keep a finished section; a resumed draft takes it as it is."""
        self._run(t.sections.delete().where(t.sections.c.draft_id == draft_id, t.sections.c.key == section.key))
        self._run(t.sections.insert().values(draft_id=draft_id, key=section.key, body=section.model_dump_json()))

    def sections(self, draft_id: str) -> dict[str, SectionDraft]:
        rows = self._run(sa.select(t.sections.c.body).where(t.sections.c.draft_id == draft_id))
        found = [SectionDraft.model_validate_json(row.body) for row in rows]
        return {section.key: section for section in found}

    def add_events(self, draft_id: str, events: Sequence[DraftEvent]) -> None:
        """Append events to the draft's stream, numbered without a gap."""
        last = self.last_seq(draft_id)
        rows = [
            {
                "draft_id": draft_id,
                "seq": last + offset,
                "type": event.type,
                "section": event.section,
                # Escaped to ASCII: model text may hold characters that no engine stores.
                "data": json.dumps(event.data),
            }
            for offset, event in enumerate(events, start=1)
        ]
        if rows:
            self._run(t.events.insert(), rows)

    def last_seq(self, draft_id: str) -> int:
        query = sa.select(sa.func.coalesce(sa.func.max(t.events.c.seq), 0))
        return int(self._run(query.where(t.events.c.draft_id == draft_id)).scalar_one())

    def events(self, draft_id: str, *, after: int, limit: int = _LIMIT) -> list[StoredEvent]:
        rows = self._run(
            sa.select(t.events)
            .where(t.events.c.draft_id == draft_id, t.events.c.seq > after)
            .order_by(t.events.c.seq)
            .limit(limit)
        )
        return [
            StoredEvent(
                row.seq,
                DraftEvent(type=row.type, section=row.section, data=json.loads(row.data)),
            )
            for row in rows
        ]

    # Jobs

    def claim(self, owner: str, *, lease: dt.timedelta) -> Lease | None:
        """Take the oldest job that waits, or whose owner let its lease run out."""
        free = sa.or_(
            t.jobs.c.state == "queued",
            sa.and_(t.jobs.c.state == "running", t.jobs.c.lease_until < self.now),
        )
        row = self._run(sa.select(t.jobs).where(free).order_by(t.jobs.c.queued_at, t.jobs.c.draft_id).limit(1)).first()
        if row is None:
            return None
        taken = Lease(row.draft_id, owner, row.fence + 1, row.attempts + 1)
        self._run(
            t.jobs.update()
            .where(t.jobs.c.draft_id == row.draft_id)
            .values(
                state="running",
                owner=owner,
                fence=taken.fence,
                attempts=taken.attempts,
                lease_until=self.now + lease,
            )
        )
        return taken

    def renew(self, lease: Lease, *, until: dt.datetime) -> bool:
        """Prolong a lease; False when somebody else took the job over, so that a zombie writes
        nothing.
        """
        return self._change_job(lease, lease_until=until)

    def end_job(self, lease: Lease, state: str) -> bool:
        return self._change_job(lease, state=state)

    def give_back(self, lease: Lease) -> bool:
        """Put a job back as if it had not been started: a planned stop is no failed attempt."""
        return self._change_job(lease, state="queued", attempts=lease.attempts - 1)

    def _change_job(self, lease: Lease, **values: Any) -> bool:
        changed = self._run(
            t.jobs.update()
            .where(
                t.jobs.c.draft_id == lease.draft_id,
                t.jobs.c.owner == lease.owner,
                t.jobs.c.fence == lease.fence,
                t.jobs.c.state == "running",
            )
            .values(**values)
        )
        return changed.rowcount == 1

    def requeue(self, draft_id: str) -> None:
        """Queue the job of an interrupted draft again, with fresh attempts."""
        self._run(
            t.jobs.update().where(t.jobs.c.draft_id == draft_id).values(state="queued", attempts=0, queued_at=self.now)
        )

    def free_orphans(self) -> int:
        """Queue every running job again: only for the one process that may run jobs, when it
        starts.
        """
        changed = self._run(t.jobs.update().where(t.jobs.c.state == "running").values(state="queued", owner=""))
        return changed.rowcount

    # Decisions

    def decisions(self, draft_id: str) -> list[Decision]:
        """Return the chain of a draft in the order it was written."""
        return self.decisions_of([draft_id]).get(draft_id, [])

    def decisions_of(self, draft_ids: Sequence[str]) -> dict[str, list[Decision]]:
        rows = self._run(
            sa.select(*_DECISION).where(t.decisions.c.draft_id.in_(draft_ids)).order_by(t.decisions.c.number)
        )
        found: dict[str, list[Decision]] = {}
        for row in rows:
            found.setdefault(row.draft_id, []).append(_decision(row))
        return found

    def add_decision(self, decision: Decision) -> None:
        """Append one row; two rows cannot follow the same one, so a chain never forks."""
        fields = decision.model_dump(exclude={"signature"})
        signature = decision.signature.model_dump_json() if decision.signature else None
        self._run(t.decisions.insert().values(**fields, signature=signature))

    # Waivers

    def add_waiver(self, draft_id: str, version: int, waiver: Waiver) -> None:
        fields = waiver.model_dump()
        self._run(t.waivers.insert().values(draft_id=draft_id, version=version, given_at=self.now, **fields))

    def set_waived(self, draft_id: str, errors: int) -> None:
        """Note how many blocking findings of the current version stand waived."""
        self._run(t.drafts.update().where(t.drafts.c.id == draft_id).values(waived=errors, updated_at=self.now))

    def waivers(self, draft_ids: Sequence[str]) -> dict[tuple[str, int], list[Waiver]]:
        """Return the waivers of drafts by draft and version, in the order they were given."""
        rows = self._run(sa.select(t.waivers).where(t.waivers.c.draft_id.in_(draft_ids)).order_by(t.waivers.c.number))
        found: dict[tuple[str, int], list[Waiver]] = {}
        for row in rows:
            waiver = Waiver(rule=row.rule, reason=row.reason, by=row.by, excerpt_hash=row.excerpt_hash)
            found.setdefault((row.draft_id, row.version), []).append(waiver)
        return found

    # Signatures

    def instance(self) -> str:
        """Return the random id of this installation, which every signature names."""
        return str(self._run(sa.select(t.installation.c.id)).scalar_one())

    def members(self) -> list[Member]:
        """Return the reviewers who have an account."""
        rows = self._run(sa.select(*_REVIEWER).where(t.reviewers.c.account.is_not(None)))
        return [Member(name=row.name, account=row.account, contract=row.contract) for row in rows]

    def add_signature_request(self, draft_id: str, reviewer: str, *, deadline: dt.datetime) -> int:
        """Hand out the next nonce."""
        added = self._run(t.signature_requests.insert().values(draft_id=draft_id, reviewer=reviewer, deadline=deadline))
        return int(cast(Any, added.inserted_primary_key)[0])

    def use_signature_request(self, nonce: int, draft_id: str, reviewer: str) -> dt.datetime | None:
        """Use a nonce up and return its deadline; None when it was used, is too old or was given for something else."""
        requests = t.signature_requests
        used = self._run(
            requests.update()
            .where(
                requests.c.nonce == nonce,
                requests.c.draft_id == draft_id,
                requests.c.reviewer == reviewer,
                requests.c.used_at.is_(None),
                requests.c.deadline >= self.now,
            )
            .values(used_at=self.now)
        )
        if used.rowcount != 1:
            return None
        found: dt.datetime = self._run(sa.select(requests.c.deadline).where(requests.c.nonce == nonce)).scalar_one()
        return found

    # Reviewers, links, sessions

    def add_reviewer(self, reviewer: Reviewer) -> None:
        """Add a reviewer, or give a known one the account that is named now."""
        known = self.reviewer(reviewer.key)
        wallet = {"account": reviewer.account, "contract": reviewer.contract}
        if known is None:
            self._run(t.reviewers.insert().values(key=reviewer.key, name=reviewer.name, created_at=self.now, **wallet))
        elif reviewer.account:
            self._run(t.reviewers.update().where(t.reviewers.c.key == reviewer.key).values(**wallet))

    def reviewer(self, key: str) -> Reviewer | None:
        row = self._run(sa.select(*_REVIEWER).where(t.reviewers.c.key == key)).first()
        return None if row is None else Reviewer(**row._mapping)

    def add_link(self, token_hash: str, reviewer: str, *, expires_at: dt.datetime) -> None:
        """Add a one-time link and void the reviewer's older unused ones."""
        self._run(
            t.links.update().where(t.links.c.reviewer == reviewer, t.links.c.used_at.is_(None)).values(used_at=self.now)
        )
        self._run(t.links.insert().values(token_hash=token_hash, reviewer=reviewer, expires_at=expires_at))

    def link_owner(self, token_hash: str) -> Reviewer | None:
        """Return whom a link signs in, if it is unused and has not expired."""
        row = self._run(
            sa.select(*_REVIEWER)
            .join(t.links, t.links.c.reviewer == t.reviewers.c.key)
            .where(self._open_link(token_hash))
        ).first()
        return None if row is None else Reviewer(**row._mapping)

    def use_link(self, token_hash: str) -> bool:
        """Use a link up; False when it was used before or has expired."""
        used = self._run(t.links.update().where(self._open_link(token_hash)).values(used_at=self.now))
        return used.rowcount == 1

    def _open_link(self, token_hash: str) -> sa.ColumnElement[bool]:
        return sa.and_(
            t.links.c.token_hash == token_hash,
            t.links.c.used_at.is_(None),
            t.links.c.expires_at > self.now,
        )

    def add_session(self, token_hash: str, reviewer: str, *, expires_at: dt.datetime) -> None:
        self._run(
            t.sessions.insert().values(
                token_hash=token_hash, reviewer=reviewer, seen_at=self.now, expires_at=expires_at
            )
        )

    def session(self, token_hash: str, *, idle: dt.timedelta) -> tuple[Reviewer, dt.datetime] | None:
        """Return who a session belongs to and when it was last seen, while it is alive."""
        row = self._run(
            sa.select(*_REVIEWER, t.sessions.c.seen_at)
            .join(t.sessions, t.sessions.c.reviewer == t.reviewers.c.key)
            .where(
                t.sessions.c.token_hash == token_hash,
                t.sessions.c.ended_at.is_(None),
                t.sessions.c.expires_at > self.now,
                t.sessions.c.seen_at > self.now - idle,
            )
        ).first()
        return None if row is None else (Reviewer(*row[: len(_REVIEWER)]), row.seen_at)

    def touch_session(self, token_hash: str) -> None:
        self._run(t.sessions.update().where(t.sessions.c.token_hash == token_hash).values(seen_at=self.now))

    def end_session(self, token_hash: str) -> None:
        self._run(t.sessions.update().where(t.sessions.c.token_hash == token_hash).values(ended_at=self.now))


_SUMMARY = [t.drafts.c[name] for name in DraftRow.__dataclass_fields__]
_DECISION = [t.decisions.c[name] for name in Decision.model_fields]
_REVIEWER = [t.reviewers.c[name] for name in Reviewer.__dataclass_fields__]


def _decision(row: Any) -> Decision:
    fields = dict(row._mapping)
    signature = fields.pop("signature")
    return Decision(**fields, signature=None if signature is None else Signature.model_validate_json(signature))


def _gate(row: Any, given: Mapping[tuple[str, int], Sequence[Waiver]]) -> Gate:
    waivers = tuple(given.get((row.draft_id, row.version), ()))
    return Gate(
        subject=with_waivers(Subject.model_validate_json(row.subject), waivers),
        profile=ReviewProfile.model_validate_json(row.profile),
        authors=tuple(json.loads(row.authors)),
        waivers=waivers,
    )


def _draft_row(row: Any) -> DraftRow:
    values = dict(row._mapping)
    values["error"] = None if values["error"] is None else json.loads(values["error"])
    return DraftRow(**values)
