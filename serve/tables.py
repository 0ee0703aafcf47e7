"""The tables of the gateway, for SQLite and PostgreSQL alike.

Times are text in UTC with microseconds: it sorts as time, reads the same from both engines, and a
hash over it survives a reload. What people decided (`decisions`, `waivers`) and what they
decided on (`versions`) is append-only; triggers of the database refuse any change, so that not even our own
mistake rewrites a trail.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect


class UtcTime(sa.types.TypeDecorator[dt.datetime]):
    """An aware time, stored as `2026-11-22T10:14:00.000000Z`."""

    impl = sa.String(27)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        if value is None:
            return None
        return value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def process_result_value(self, value: Any, dialect: Dialect) -> dt.datetime | None:  # noqa: ARG002
        return None if value is None else dt.datetime.fromisoformat(value)


metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

drafts = sa.Table(
    "drafts",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("dao", sa.Text, nullable=False),
    sa.Column("template", sa.Text, nullable=False),
    sa.Column("language", sa.String(8), nullable=False),
    sa.Column("request", sa.Text, nullable=False),
    sa.Column("request_hash", sa.String(64), nullable=False),
    sa.Column("submitted_by", sa.Text, nullable=False),
    sa.Column("idempotency_key", sa.Text),
    sa.Column("stage", sa.String(16), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("error", sa.Text),
    sa.Column("errors", sa.Integer, nullable=False),
    sa.Column("warnings", sa.Integer, nullable=False),
    sa.Column("notes", sa.Integer, nullable=False),
    sa.Column("waived", sa.Integer, nullable=False, server_default="0"),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("updated_at", UtcTime, nullable=False),
    sa.UniqueConstraint("submitted_by", "idempotency_key"),
    sa.CheckConstraint("stage IN ('drafting', 'interrupted', 'drafted')", name="stage"),
    sqlite_autoincrement=True,
)

versions = sa.Table(
    "versions",
    metadata,
    sa.Column("draft_id", sa.String(40), sa.ForeignKey("drafts.id"), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("draft", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("profile", sa.Text, nullable=False),
    sa.Column("authors", sa.Text, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
)

sections = sa.Table(
    "sections",
    metadata,
    sa.Column("draft_id", sa.String(40), sa.ForeignKey("drafts.id"), primary_key=True),
    sa.Column("key", sa.String(80), primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("draft_id", sa.String(40), sa.ForeignKey("drafts.id"), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("type", sa.String(24), nullable=False),
    sa.Column("section", sa.String(80), nullable=False),
    sa.Column("data", sa.Text, nullable=False),
)

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("draft_id", sa.String(40), sa.ForeignKey("drafts.id"), primary_key=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("owner", sa.String(40), nullable=False),
    sa.Column("lease_until", UtcTime, nullable=False),
    sa.Column("fence", sa.Integer, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("queued_at", UtcTime, nullable=False),
    sa.CheckConstraint("state IN ('queued', 'running', 'done', 'interrupted')", name="state"),
    sa.Index(None, "state", "queued_at"),
)

decisions = sa.Table(
    "decisions",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("draft_id", sa.String(40), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("text_hash", sa.String(64), nullable=False),
    sa.Column("evidence_hash", sa.String(64), nullable=False),
    sa.Column("context_hash", sa.String(64), nullable=False),
    sa.Column("reviewer", sa.Text, nullable=False),
    sa.Column("verdict", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("decided_at", UtcTime, nullable=False),
    sa.Column("previous_hash", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False, unique=True),
    sa.Column("signature", sa.Text),
    sa.UniqueConstraint("draft_id", "previous_hash"),
    sa.ForeignKeyConstraint(["draft_id", "version"], ["versions.draft_id", "versions.version"]),
    sa.CheckConstraint("verdict IN ('approve', 'request_changes', 'reject')", name="verdict"),
    sqlite_autoincrement=True,
)

waivers = sa.Table(
    "waivers",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("draft_id", sa.String(40), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("rule", sa.String(60), nullable=False),
    sa.Column("excerpt_hash", sa.String(64), nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("given_at", UtcTime, nullable=False),
    sa.UniqueConstraint("draft_id", "version", "excerpt_hash", "by"),
    sa.ForeignKeyConstraint(["draft_id", "version"], ["versions.draft_id", "versions.version"]),
    sqlite_autoincrement=True,
)

reviewers = sa.Table(
    "reviewers",
    metadata,
    sa.Column("key", sa.String(120), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("account", sa.String(42)),
    sa.Column("contract", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("ix_reviewers_account", "account", unique=True),
)

signature_requests = sa.Table(
    "signature_requests",
    metadata,
    sa.Column("nonce", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("draft_id", sa.String(40), sa.ForeignKey("drafts.id"), nullable=False),
    sa.Column("reviewer", sa.String(120), sa.ForeignKey("reviewers.key"), nullable=False),
    sa.Column("deadline", UtcTime, nullable=False),
    sa.Column("used_at", UtcTime),
    sqlite_autoincrement=True,
)

installation = sa.Table(
    "installation",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
)

links = sa.Table(
    "links",
    metadata,
    sa.Column("token_hash", sa.String(64), primary_key=True),
    sa.Column("reviewer", sa.String(120), sa.ForeignKey("reviewers.key"), nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False),
    sa.Column("used_at", UtcTime),
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("token_hash", sa.String(64), primary_key=True),
    sa.Column("reviewer", sa.String(120), sa.ForeignKey("reviewers.key"), nullable=False),
    sa.Column("seen_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False),
    sa.Column("ended_at", UtcTime),
)
