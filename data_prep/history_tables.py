"""Governance history on its way into the lake: the tables that `dao-agent data fetch --out` writes, as typed records.

Votes, posts, actions, metrics and spaces become tables of their own names; of a proposal the lake keeps what learning
may use. Which text of a record is personal is said here, what is put in its place in `policy.yaml`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from data_prep.faults import Fault
from data_prep.history import TABLES, ProposalRecord
from data_prep.lake import Table
from data_prep.proposals import MAX_BODY, Proposal
from data_prep.reading import read_rows
from data_prep.records import Drop
from proposal.errors import InputError

_MASKED: dict[str, tuple[str, ...]] = {"votes": ("reason",), "posts": ("title", "body"), "spaces": ("about",)}

HISTORY: dict[str, Table] = {
    name: Table(name, record, key="key", masked=_MASKED.get(name, ()), kind="post")
    for name, record in TABLES.items()
    if name != "proposals"
}
"""The tables that hold records as their source gave them."""


def history_files(folder: Path) -> list[Path]:
    """Return the table files of a folder, proposals first; a folder without one is an error."""
    found = [folder / f"{name}.jsonl" for name in TABLES if (folder / f"{name}.jsonl").is_file()]
    if not found:
        raise InputError("holds no table of governance history", where=str(folder), expected=", ".join(TABLES),
                         fix="dao-agent data fetch SPEC.yaml --offline --out FOLDER")  # fmt: skip
    return found


def read_history(path: Path) -> Iterator[Any]:
    """Yield the records of one table file; proposals as what learning may use of them, or as drops."""
    record = TABLES[path.stem]  # type: ignore[index]
    adapter = TypeAdapter[Any](record)
    for item in read_rows(path):
        if isinstance(item, Fault):
            raise InputError(item.message, where=f"{item.file}:{item.line}", fix=item.fix)
        try:
            made = adapter.validate_python(item.data)
        except ValidationError as error:
            first = error.errors()[0]
            raise InputError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", where=f"{path}:{item.line}",
                             expected=f"a record of '{path.stem}'") from None  # fmt: skip
        yield learnable(made) if isinstance(made, ProposalRecord) else made


def learnable(record: ProposalRecord) -> Proposal | Drop:
    """Return what learning may use of a proposal's record: no author, and the outcome as a label only."""
    if not record.body.strip() or len(record.title.strip()) < 3:
        return Drop("empty", record.key, "sft", detail="no body, or no title")
    if record.created is None:
        return Drop("undated", record.key, "sft", detail="the day it was created is not known")
    url = record.discussion_url or record.url
    if not url:
        return Drop("no-address", record.key, "sft", detail="the source names no page of it, so nothing can cite it")
    return Proposal(id=record.key, dao=record.dao, title=record.title.strip()[:200], body=record.body[:MAX_BODY],
                    created=record.created.date(), url=url, licence=record.licence, outcome=record.outcome)  # fmt: skip
