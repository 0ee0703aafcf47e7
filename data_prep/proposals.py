"""Published proposals as they come from a source: one JSON line each, read into a closed record.

Only what learning may use is kept: no author, and the outcome as a label that enters no text. What was written after a
proposal cannot enter its prompt, so the day it was created is part of the record and a proposal without one is a drop.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_prep.faults import Fault, shown
from data_prep.reading import RawRow, read_rows
from data_prep.records import Drop

FREE_LICENCES = ("MIT", "Apache-2.0", "CC0")
"""Beginnings of licences under which a text may be learnt from and passed on."""

MAX_BODY = 200_000
"""Characters of a body that are read: a proposal, not a book."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """One published proposal: what it says, of which DAO, from when, and where it can be looked up."""

    id: str
    dao: str
    title: str
    body: str
    created: dt.date
    url: str
    licence: str
    outcome: str = "unknown"


def read_proposals(path: Path) -> Iterator[Proposal | Drop | Fault]:
    """Read the proposals of a JSON Lines file; a line that is none is a fault, one that may not be used a drop."""
    for item in read_rows(path):
        yield item if isinstance(item, Fault) else to_proposal(item, path)


def to_proposal(row: RawRow, path: Path) -> Proposal | Drop | Fault:
    """Read one row; pure, and the only function that knows the names of the source's fields."""
    data = row.data
    for name in ("id", "dao", "title", "body"):
        if not isinstance(data.get(name), str):
            return Fault("missing-field", str(path), "a proposal needs this field as text", row.number, row.line, name,
                         found=shown(data.get(name)))  # fmt: skip
    drop = _unusable(data)
    if drop is not None:
        return drop
    return Proposal(
        id=data["id"],
        dao=data["dao"],
        title=data["title"].strip()[:200],
        body=data["body"][:MAX_BODY],
        created=dt.date.fromisoformat(data["created"][:10]),
        url=_url(data),
        licence=data["licence"],
        outcome=str(data.get("outcome") or "unknown"),
    )


def _unusable(data: dict[str, Any]) -> Drop | None:
    if not data["body"].strip() or len(data["title"].strip()) < 3:
        return Drop("empty", data["id"], "sft", detail="no body, or no title")
    licence = str(data.get("licence") or "")
    if not licence.startswith(FREE_LICENCES):
        return Drop("licence", data["id"], "sft", detail=licence or "none stated")
    if not _is_date(data.get("created")):
        return Drop("undated", data["id"], "sft", detail="the day it was created is not known")
    return None


def _is_date(value: Any) -> bool:
    try:
        dt.date.fromisoformat(str(value)[:10])
    except ValueError:
        return False
    return True


def _url(data: dict[str, Any]) -> str:
    """Return where the proposal was discussed, else where its text lies."""
    for name in ("discussion_url", "snapshot_url", "vote_url"):
        url = data.get(name)
        if isinstance(url, str) and url.startswith(("http://", "https://")) and " " not in url:
            return url
    return f"https://github.com/{data.get('source_repo', '')}/blob/main/{data.get('source_path', '')}".replace(
        " ", "%20"
    )
