"""The units of a build: a few records each, from which one process makes rows and writes them to one file.

A unit's file is Parquet, one line for each row or drop, with what later stages need beside the row: its identity, what
is learnt from it and the n-grams of that, its tokens. A unit holds few records, so memory does not grow with the input.
"""

from __future__ import annotations

import functools
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from data_prep.chart_rows import Picture
from data_prep.config import BuildConfig
from data_prep.lake import Table, record_of
from data_prep.near import bands, gram_hashes, signature
from data_prep.proposals import Proposal
from data_prep.records import Case, Drop, Method, ReviewedDraft, Row
from data_prep.revisions import topic
from data_prep.row_sets import (
    Made,
    method_of,
    rows_of_case,
    rows_of_charts,
    rows_of_history,
    rows_of_proposal,
    rows_of_reviews,
)
from data_prep.split import Place, Side
from data_prep.timing import tells_outcome
from data_prep.tokens import Tokenizer, tokenizer_of
from proposal.brief import Brief
from proposal.checks import language_of
from proposal.evidence import Evidence
from proposal.hashing import canonical_json, sha256_text
from proposal.whole_files import write_whole

Kind = Literal["cases", "reviews", "proposals", "history", "charts"]
UNIT = 32
"""Records in a unit: half a second of work, and the most that a kill can cost."""


@dataclass(frozen=True, slots=True)
class CaseRecord:
    """A case as the lake keeps it: brief, evidence and sections as JSON, in their own order, which prompts follow."""

    id: str
    brief: str
    evidence: str
    sections: str

    @classmethod
    def of(cls, case: Case) -> CaseRecord:
        """Return the record of a case."""
        evidence = f"[{','.join(item.model_dump_json() for item in case.evidence.values())}]"
        return cls(case.key, case.brief.model_dump_json(), evidence, json.dumps(dict(case.sections)))

    def case(self) -> Case:
        """Return the case of a record."""
        items = [Evidence.model_validate(item) for item in json.loads(self.evidence)]
        brief = Brief.model_validate_json(self.brief)
        return Case(self.id, brief, {item.id: item for item in items}, json.loads(self.sections))


@dataclass(frozen=True, slots=True)
class ReviewRecord:
    """A reviewed draft as the lake keeps it, as JSON."""

    id: str
    review: str


PROPOSALS = Table("proposals", Proposal, masked=("title", "body"))
CASES = Table("cases", CaseRecord)
REVIEWS = Table("reviews", ReviewRecord)


@dataclass(frozen=True, slots=True)
class Origin:
    """What rows say of where they come from, for counts and sides."""

    side: Side = "train"
    dao: str = ""
    outcome: str = ""
    licence: str = "own"
    day: str = ""


@dataclass(frozen=True, slots=True)
class SignTask:
    """Signatures of the proposals in one ingest, by which near-duplicates are found."""

    ingest: Path
    target: Path

    def run(self) -> None:
        """Write the key, DAO, day and signature of each proposal."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        lines = []
        columns = ["id", "dao", "created", "body"]
        for batch in pq.ParquetFile(self.ingest).iter_batches(UNIT, columns=columns):
            for row in batch.to_pylist():
                sign = signature(row.pop("body"))
                lines.append({"key": row["id"], **row, "sign": sign, "bands": list(bands(sign))})
        schema = pa.schema([("key", pa.string()), ("id", pa.string()), ("dao", pa.string()), ("created", pa.date32()),
                            ("sign", pa.binary()), ("bands", pa.list_(pa.binary()))])  # fmt: skip
        write_whole(self.target, parquet(lines, schema))


@dataclass(frozen=True, slots=True)
class RowTask:
    """One unit: where its records lie, and what to make of them.

    `group` is the row group of `records`, or the number of a batch of charts.
    """

    kind: Kind
    number: int
    records: Path | None
    group: int
    target: Path
    config: BuildConfig

    def run(self) -> None:
        """Make the rows of the unit and write them."""
        kinds = {"cases": self._cases, "reviews": self._reviews, "proposals": self._proposals,
                 "history": self._history, "charts": self._charts}  # fmt: skip
        lines = list(lines_of(kinds[self.kind](), tokenizer_of(self.config.tokenizer)))
        for number, line in enumerate(lines):
            line.update(unit=self.number, number=number)
        write_whole(self.target, parquet(lines, row_schema()))

    def _cases(self) -> Iterator[tuple[Origin, Made]]:
        for row in self._group(self.group):
            case = record_of(CASES, _own(row)).case()
            yield Origin(dao=case.brief.dao), rows_of_case(case, self.config.row_sets)

    def _reviews(self) -> Iterator[tuple[Origin, Made]]:
        rows = (row for group in range(_groups(self.records)) for row in self._group(group))
        reviews = (ReviewedDraft.model_validate_json(row["review"]) for row in rows)
        yield Origin(), rows_of_reviews(reviews, self.config.row_sets)

    def _proposals(self) -> Iterator[tuple[Origin, Made]]:
        yield from proposal_rows(self._group(self.group), self._before(), self.config.variants, self.config.row_sets)

    def _charts(self) -> Iterator[tuple[Origin, Made]]:
        asked = self.config.charts
        if asked is not None:
            numbers = range(self.group * UNIT, min(asked.count, (self.group + 1) * UNIT))
            yield Origin(), self._kept(rows_of_charts(numbers, asked.seed, asked.languages))

    def _kept(self, made: Iterable[Row | Drop | Picture]) -> Made:
        """Write the pictures beside the units, under names that follow from their bytes, and pass on the rows."""
        for item in made:
            if isinstance(item, Picture):
                write_whole(self.target.parent.parent / item.path, item.data)
            else:
                yield item

    def _history(self) -> Iterator[tuple[Origin, Made]]:
        """Yield the rows of proposals that share their topic; only these are held in memory."""
        for (side, dao), proposals in sorted(versions_of(self.records).items()):
            yield Origin(side, dao, licence=proposals[0].licence), rows_of_history(proposals, self.config.row_sets)

    def _before(self) -> dict[str, Any] | None:
        """Return the record before this unit: its evidence may distract the first one of the unit."""
        return self._group(self.group - 1)[-1] if self.group else None

    def _group(self, group: int) -> list[dict[str, Any]]:
        import pyarrow.parquet as pq

        rows: list[dict[str, Any]] = pq.ParquetFile(self.records).read_row_group(group).to_pylist()
        return rows


def versions_of(records: Path | None) -> dict[tuple[Side, str], list[Proposal]]:
    """Return the placed proposals whose topic stands more than once in their DAO and side."""
    import pyarrow.parquet as pq

    file = pq.ParquetFile(records)
    named: Counter[tuple[str, str, str]] = Counter()
    for batch in file.iter_batches(1_024, columns=["_side", "dao", "title"]):
        named.update((row["_side"], row["dao"], topic(row["title"])) for row in batch.to_pylist())
    found: dict[tuple[Side, str], list[Proposal]] = {}
    for group in range(file.num_row_groups):
        for row in file.read_row_group(group).to_pylist():
            about = topic(row["title"])
            if row["_side"] and about and named[row["_side"], row["dao"], about] > 1:
                found.setdefault((row["_side"], row["dao"]), []).append(record_of(PROPOSALS, _own(row)))
    return found


def _groups(path: Path | None) -> int:
    import pyarrow.parquet as pq

    return int(pq.ParquetFile(path).num_row_groups)


def _own(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if not name.startswith("_")}


def proposal_rows(
    rows: Iterable[dict[str, Any]], before: dict[str, Any] | None, seed: int | None, row_sets: Sequence[Method]
) -> Iterator[tuple[Origin, Made]]:
    """Make the rows of placed proposals, which come in the order of their days within a side.

    A row is the columns of a proposal with `_side` and `_why` of its place; `before` is the row ahead of the first.
    """
    evidence: list[Evidence] = []
    side: str | None = None
    if before is not None and before["_side"]:
        side = before["_side"]
        evidence = rows_of_proposal(record_of(PROPOSALS, _own(before)), (), None, ())[1] if seed is not None else []
    for row in rows:
        proposal = record_of(PROPOSALS, _own(row))
        place = Place(row["_side"] or None, row["_why"])
        if place.side is None:
            yield Origin(dao=proposal.dao), iter([_unplaced(proposal, place)])
            continue
        made, own = rows_of_proposal(proposal, evidence if side == place.side else (), seed, row_sets)
        evidence, side = own or (evidence if side == place.side else []), place.side
        origin = Origin(place.side, proposal.dao, proposal.outcome, proposal.licence, proposal.created.isoformat())
        yield origin, iter(made)


def _unplaced(proposal: Proposal, place: Place) -> Drop:
    if place.why == "duplicate":
        return Drop("duplicate", proposal.id, "sft", detail="another proposal has this id")
    if place.why == "gap":
        return Drop("gap", proposal.id, "sft", detail=f"{proposal.created} lies in the gap before the held-out days")
    return Drop("near-held-out", proposal.id, "sft", detail="nearly the same as a proposal that is held out")


def row_schema() -> Any:
    """Return the columns of a unit's file; `reason` is empty for a row, and `line` for a drop."""
    import pyarrow as pa

    text = ("reason", "detail", "method", "side", "source", "section", "template", "dao", "outcome", "licence", "day",
            "language", "identity", "learnt", "line")  # fmt: skip
    numbers = ("unit", "number", "characters", "prompt_tokens", "answer_tokens")
    return pa.schema([*((name, pa.string()) for name in text), *((name, pa.int64()) for name in numbers),
                      ("grams", pa.list_(pa.int64()))])  # fmt: skip


def parquet(lines: Sequence[dict[str, Any]], schema: Any) -> bytes:
    """Return lines as the bytes of a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(lines), schema), out, compression="zstd")
    return out.getvalue()


@dataclass(slots=True)
class _Seen:
    """Texts whose n-grams this unit has already written."""

    texts: set[str] = field(default_factory=set)


def lines_of(made: Iterable[tuple[Origin, Made]], tokenizer: Tokenizer) -> Iterator[dict[str, Any]]:
    seen = _Seen()
    for origin, items in made:
        for item in items:
            if isinstance(item, Drop):
                yield drop_line(item, origin)
            else:
                told = next(filter(None, (_tells(turn.content) for turn in item.messages if turn.role != "system")), "")
                drop = Drop("leaks-outcome", item.dao_source, method_of(item), item.dao_section, told)
                yield drop_line(drop, origin) if told else row_line(item, origin, tokenizer, seen)


@functools.lru_cache(maxsize=64)
def _tells(text: str) -> str:
    return tells_outcome(text)


def drop_line(drop: Drop, origin: Origin) -> dict[str, Any]:
    """Return a drop as the columns of a unit's file."""
    return {"reason": drop.reason, "detail": drop.detail, "method": drop.method, "side": origin.side,
            "source": drop.source, "section": drop.section, "dao": origin.dao, "line": ""}  # fmt: skip


def row_line(row: Row, origin: Origin, tokenizer: Tokenizer, seen: _Seen) -> dict[str, Any]:
    """Return a row as the columns of a unit's file."""
    method, answer = method_of(row), learnt(row)
    key = sha256_text(answer)[:32] if answer else ""
    fresh = bool(key) and key not in seen.texts
    seen.texts.add(key)
    asked = row.messages[:-1] if row.messages[-1].role == "assistant" else row.messages
    trained = row.messages[-1].content if row.messages[-1].role == "assistant" else ""
    return {
        "reason": "",
        "detail": "",
        "method": method,
        "side": origin.side,
        "source": row.dao_source,
        "section": row.dao_section,
        "template": row.dao_template,
        "dao": origin.dao,
        "outcome": origin.outcome,
        "licence": origin.licence,
        "day": origin.day,
        "language": language_of(answer or row.messages[-1].content),
        "identity": sha256_text(method + canonical_json(row.model_dump(exclude={"dao_source", "dao_pair"}))),
        "learnt": key,
        "grams": gram_hashes(answer) if fresh else None,
        "line": json.dumps(row.model_dump(mode="json"), ensure_ascii=False),
        "characters": sum(len(turn.content) for turn in row.messages),
        "prompt_tokens": tokenizer.prompt(asked),
        "answer_tokens": tokenizer.answer(trained) if trained else None,
    }


def learnt(row: Row) -> str:
    """Return what is learnt from a row: its last answer, or the reference text that rewards compare with."""
    if row.messages[-1].role == "assistant":
        return row.messages[-1].content
    return str(getattr(row, "dao_reference", ""))
