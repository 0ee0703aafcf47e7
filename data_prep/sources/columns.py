"""From a row of some table to a record, by a map that says which column holds which field.

Used where a source has no schema of its own: files and data sets. What the map does not name is not read, and what it
names but a row lacks is a drop, so a renamed column can never fill a field with something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from data_prep.history import (
    OUTCOMES,
    Dropped,
    MetricRecord,
    PostKind,
    PostRecord,
    ProposalRecord,
    Record,
    VoteRecord,
)
from data_prep.sources.items import FieldError, Item, recorded
from data_prep.sources.outcomes import outcome_of, support_of
from data_prep.sources.source import SourceSpec
from proposal.errors import nearest

ColumnMap = Mapping[str, str]
"""Field of the table to column of the source."""

FIELDS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "proposals": (
        ("id", "title", "body"),
        ("url", "dao", "licence", "status", "outcome", "author", "created", "discussion_url"),
    ),
    "posts": (("id", "body"), ("url", "dao", "licence", "title", "author", "created", "thread")),
    "votes": (("id", "proposal_id", "voter", "choice", "power"), ("url", "dao", "licence", "reason", "cast_at")),
    "metrics": (("subject", "metric", "unit", "at", "value"), ("url", "dao", "licence")),
}
"""Fields of each table that a map may name: those it must, and those it may."""


def check_columns(columns: ColumnMap, table: str) -> ColumnMap:
    """Refuse a map that names a field the table does not have, or lacks one it needs; empty means equal names."""
    needed, optional = FIELDS[table]
    for field in columns:
        if field not in needed + optional:
            near = nearest(field, needed + optional)
            hint = f"did you mean '{near}'?" if near else f"its fields: {', '.join(needed + optional)}"
            raise ValueError(f"the table {table} has no field '{field}' ({hint})")
    missing = [field for field in needed if columns and field not in columns]
    if missing:
        raise ValueError(f"the table {table} needs a column for {', '.join(missing)}")
    return columns


def mapped(
    spec: SourceSpec, table: str, columns: ColumnMap, row: Item, where: str, kind: PostKind = "web"
) -> Record | Dropped:
    """Read one row by the map; a row that lacks a needed field or has it in another form is a drop."""
    names = {field: columns.get(field, field) for group in FIELDS[table] for field in group}
    if columns:
        names = {field: name for field, name in names.items() if field in columns}
    data = {field: row.data.get(column) for field, column in names.items()}

    def read(item: Item) -> Record:
        origin = spec.origin(row, _id(item)) | {
            name: item.text(name, default=getattr(spec, name)) for name in ("dao", "licence") if item.data.get(name)
        }
        return _READERS[table](item, origin, kind)

    return recorded(read, data, at=row.retrieved_at, stream=spec.name, where=where)


def _id(item: Item) -> str:
    if "metric" in item.data:
        return "/".join(str(item.data.get(name)) for name in ("subject", "metric", "at"))
    value = item.data.get("id")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not item.text("id").strip():
        raise FieldError("missing-field", "id is empty")
    return item.text("id").strip()


def _body(item: Item) -> str:
    body = item.text("body")
    if not body.strip():
        raise FieldError("no-body", "body is empty")
    return body


def _proposal(item: Item, origin: dict[str, Any], _: PostKind) -> Record:
    status = item.text("status", default="")
    told = item.text("outcome", default="")
    if told and told not in OUTCOMES:
        raise FieldError("wrong-type", f"outcome '{told}' is none of {', '.join(OUTCOMES)}")
    return ProposalRecord(
        **origin,
        url=item.text("url", default=""),
        title=item.text("title").strip(),
        body=_body(item),
        status=status,
        outcome=told if told else outcome_of(status),
        author=item.text("author", default=""),
        created=item.time("created"),
        discussion_url=item.text("discussion_url", default=""),
    )


def _post(item: Item, origin: dict[str, Any], kind: PostKind) -> Record:
    return PostRecord(
        **origin,
        kind=kind,
        url=item.text("url", default=""),
        title=item.text("title", default=""),
        body=_body(item),
        author=item.text("author", default=""),
        created=item.time("created"),
        thread=item.text("thread", default=""),
    )


def _vote(item: Item, origin: dict[str, Any], _: PostKind) -> Record:
    choice = item.text("choice")
    return VoteRecord(
        **origin,
        url=item.text("url", default=""),
        proposal_id=item.text("proposal_id"),
        voter=item.text("voter"),
        choice=choice,
        support=support_of(choice),
        power=_needed(item.number("power"), "power"),
        reason=item.text("reason", default=""),
        cast_at=item.time("cast_at"),
    )


def _metric(item: Item, origin: dict[str, Any], _: PostKind) -> Record:
    at = item.time("at")
    if at is None:
        raise FieldError("missing-field", "at is missing")
    return MetricRecord(
        **origin,
        url=item.text("url", default=""),
        subject=item.text("subject"),
        metric=item.text("metric"),
        unit=item.text("unit"),
        at=at,
        value=_needed(item.number("value"), "value"),
    )


def _needed(value: Decimal | None, name: str) -> Decimal:
    if value is None:
        raise FieldError("missing-field", f"{name} is missing")
    return value


_READERS = {"proposals": _proposal, "posts": _post, "votes": _vote, "metrics": _metric}
