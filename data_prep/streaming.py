"""Rows from corpora that do not fit a disk: Parquet shards are read, turned into rows and written one after the other.

    python -m data_prep.streaming 'corpus/*.parquet' --out rows [--beside data/cuts/shared]

A shard has the columns of a published proposal: id, dao, title, body, created, url, licence, and outcome where there is
one. Of each shard a folder of row files is left, whole or not at all, so a run that is killed goes on with the next
shard. Memory holds a batch and the n-grams of the held-out side of the cut named by `--beside`; with it a row that
repeats a held-out text is refused. A row is a function of its own record here: there are no variants, which need an
order, and what equals a row of another batch is not noticed.
"""

from __future__ import annotations

import argparse
import glob
import json
import os
import shutil
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data_prep.cut import DROPPED_FILE, row_file
from data_prep.lake import missing_package, record_of
from data_prep.leakage import learnt_of
from data_prep.near import gram_hashes
from data_prep.policy import Use, load_policy
from data_prep.proposals import Proposal
from data_prep.records import METHODS, Drop, Method
from data_prep.split import SPLIT_FILE, Split, load_split
from data_prep.tokens import Tokenizer
from data_prep.units import PROPOSALS, UNIT, Origin, drop_line, lines_of, proposal_rows
from proposal.errors import AgentError, InputError, nearest

COLUMNS = tuple(Proposal.__dataclass_fields__)
OPTIONAL = frozenset({"outcome"})


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """What every batch is turned into rows by; small and picklable, for workers anywhere."""

    split: Split
    use: Use = "training"
    row_sets: tuple[Method, ...] = METHODS


@dataclass(slots=True)
class HeldOut:
    """The n-grams of held-out texts: a text that shares so many with one of them is refused."""

    percent: int
    grams: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    sizes: list[int] = field(default_factory=list)

    def add(self, text: str) -> None:
        """Hold a text out."""
        found = gram_hashes(text)
        for gram in found:
            self.grams[gram].append(len(self.sizes))
        self.sizes.append(len(found))

    def refuses(self, grams: Sequence[int]) -> bool:
        """Tell whether a text with these n-grams shares too many with one held-out text."""
        shared = Counter(text for gram in grams for text in self.grams.get(gram, ()))
        return any(count * 100 >= self.percent * min(len(grams), self.sizes[text]) for text, count in shared.items())


def held_out_of(cut: Path | None, split: Split) -> HeldOut:
    """Return what the held-out side of a cut learns, or nothing without a cut."""
    held = HeldOut(split.overlap_percent)
    if cut is None:
        return held
    files = sorted((cut / "held_out").glob("*.jsonl"))
    if not files:
        raise InputError("has no held-out side", where=str(cut), fix="name a cut that was built with a split")
    for text in {learnt_of(json.loads(line)) for path in files for line in path.open(encoding="utf-8")} - {""}:
        held.add(text)
    return held


def batch_lines(records: Iterable[Mapping[str, Any]], plan: StreamPlan) -> Iterator[dict[str, Any]]:
    """Turn a batch of records into the lines of rows and drops: the one pure function of stream and cluster."""
    policy, kept = load_policy(), list[dict[str, Any]]()
    for record in records:
        row = {name: record.get(name, "unknown") if name in OPTIONAL else record[name] for name in COLUMNS}
        drop = _unusable(row, plan)
        if drop:
            yield drop_line(drop, Origin(dao=str(row["dao"])))
            continue
        place = plan.split.own_place(row["dao"], row["created"])
        proposal = PROPOSALS.mask(record_of(PROPOSALS, row), policy, Counter())
        kept.append({**row, "title": proposal.title, "body": proposal.body, "_side": place.side or "",
                     "_why": place.why})  # fmt: skip
    yield from lines_of(proposal_rows(kept, None, None, plan.row_sets), Tokenizer())


def _unusable(row: Mapping[str, Any], plan: StreamPlan) -> Drop | None:
    key = str(row["id"])
    if any(row[name] is None for name in COLUMNS if name not in {*OPTIONAL, "created", "licence"}):
        return Drop("empty", key, "sft", detail="a column has no value")
    if not load_policy().allows(row["licence"] or "", plan.use):
        return Drop("licence", key, "sft", detail=row["licence"] or "none stated")
    return Drop("undated", key, "sft") if row["created"] is None else None


def check_columns(names: Sequence[str], where: str) -> None:
    """Raise where a shard lacks a column, with the columns that it has."""
    missing = [name for name in COLUMNS if name not in names and name not in OPTIONAL]
    if missing:
        near = nearest(missing[0], names)
        raise InputError(f"has no column '{missing[0]}'", where=where, expected=", ".join(COLUMNS),
                         fix=f"found: {', '.join(names)}" + (f"; did you mean '{near}'?" if near else ""))  # fmt: skip


def stream_shard(path: Path, out: Path, plan: StreamPlan, held: HeldOut) -> Counter[str]:
    """Write the rows of one shard to the folder OUT/NAME; return rows by row set and drops by reason."""
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    check_columns(file.schema_arrow.names, str(path))
    partial = out / f".{path.stem}.{os.getpid()}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    counts: Counter[str] = Counter()
    columns = [name for name in COLUMNS if name in file.schema_arrow.names]
    writer = _Files(partial)
    for batch in file.iter_batches(UNIT, columns=columns):
        for line in batch_lines(batch.to_pylist(), plan):
            counts[writer.write(line, held)] += 1
    writer.close()
    partial.rename(out / path.stem)
    return counts


@dataclass(slots=True)
class _Files:
    """The files of one shard, opened when their first row comes."""

    folder: Path
    files: dict[str, Any] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)

    def write(self, line: dict[str, Any], held: HeldOut) -> str:
        if line["side"] != "held_out" and line.get("grams") and held.refuses(line["grams"]):
            self.refused.add(line["learnt"])
        if not line["reason"] and line["side"] != "held_out" and line["learnt"] in self.refused:
            line = {**line, "reason": "near-held-out", "detail": "its text stands on the held-out side"}
        if line["reason"]:
            drop = {name: line[name] for name in ("reason", "source", "method", "section", "detail")}
            self._put(DROPPED_FILE, json.dumps(drop, ensure_ascii=False))
            return f"dropped:{line['reason']}"
        self._put(row_file(line["method"], line["side"]), line["line"])
        return f"{line['side']}:{line['method']}"

    def _put(self, name: str, line: str) -> None:
        if name not in self.files:
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            self.files[name] = path.open("w", encoding="utf-8")
        self.files[name].write(line + "\n")

    def close(self) -> None:
        for file in self.files.values():
            file.close()


def stream(shards: Sequence[Path], out: Path, plan: StreamPlan, held: HeldOut) -> Counter[str]:
    """Write the rows of every shard that is not there yet; return the counts of those."""
    out.mkdir(parents=True, exist_ok=True)
    names = Counter(path.stem for path in shards)
    twice = next((name for name, count in names.items() if count > 1), None)
    if twice:
        raise InputError(f"two shards are called '{twice}'", where=str(out), fix="rename one of them")
    counts: Counter[str] = Counter()
    for number, path in enumerate(shards, 1):
        if not (out / path.stem).is_dir():
            counts += stream_shard(path, out, plan, held)
        sys.stderr.write(f"shards: {number} of {len(shards)}\n")
    return counts


def shards_of(pattern: str) -> list[Path]:
    """Return the shards that a pattern names, in the order of their names."""
    found = sorted(Path(name) for name in glob.glob(pattern))
    if not found:
        raise InputError(
            "no such shard", where=pattern, expected="a pattern of Parquet files, such as 'corpus/*.parquet'"
        )
    return found


def parser(name: str) -> argparse.ArgumentParser:
    """Return the options that a stream and a cluster share."""
    made = argparse.ArgumentParser(prog=f"python -m data_prep.{name}")
    made.add_argument("shards", help="a pattern of Parquet files, in quotes")
    made.add_argument("--out", type=Path, required=True, help="folder that gets the rows")
    made.add_argument("--split", type=Path, default=SPLIT_FILE, help="the split (default: data_prep/split.yaml)")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Stream shards as the command line asks; return the exit code."""
    made = parser("streaming")
    made.add_argument("--beside", type=Path, help="a cut whose held-out texts are refused")
    arguments = made.parse_args(argv)
    try:
        plan = StreamPlan(load_split(arguments.split))
        held = held_out_of(arguments.beside, plan.split)
        counts = stream(shards_of(arguments.shards), arguments.out, plan, held)
    except ModuleNotFoundError as error:
        sys.stderr.write(f"{missing_package(error)}\n")
        return 6
    except AgentError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(
        f"{arguments.out}: " + (", ".join(f"{n} {name}" for name, n in sorted(counts.items())) or "nothing new") + "\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
