"""Writing what a committee decided as training data: one JSON line for each version of a draft, with its review.

dao-agent data reviews --out reviews.jsonl
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from data_prep.pseudonyms import DraftVersion, Pseudonyms, pseudonymous
from data_prep.records import ReviewedDraft
from serve.store import DraftRow, Store, Transaction

PAGE = 50


def write_reviews(store: Store, out: Path) -> int:
    """Write the reviewed drafts of a store, the oldest first; return how many lines. The file appears whole or not."""
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.{os.getpid()}")
    count = 0
    try:
        with store.read() as tx, partial.open("w", encoding="utf-8") as lines:
            for reviewed in reviewed_drafts(tx):
                lines.write(reviewed.model_dump_json() + "\n")
                count += 1
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    return count


def reviewed_drafts(tx: Transaction) -> Iterator[ReviewedDraft]:
    """Yield every version of each draft that anybody decided on."""
    names = Pseudonyms()
    for row in reversed(list(_drafts(tx))):
        chain = tx.decisions(row.id)
        if not chain:
            continue
        stored = [tx.version(row.id, number) for number in range(1, row.version + 1)]
        versions = [DraftVersion(item.number, item.draft, item.gate.profile) for item in stored if item is not None]
        yield from pseudonymous(row.id, versions, chain, asked_at=tx.now, names=names)


def _drafts(tx: Transaction) -> Iterator[DraftRow]:
    """Yield all drafts, the newest first."""
    before: int | None = None
    while rows := tx.drafts(before=before, limit=PAGE):
        yield from rows
        before = rows[-1].number
