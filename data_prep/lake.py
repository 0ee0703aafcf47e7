"""The lake: raw inputs, typed records in Parquet, DuckDB to ask them. It is only ever added to.

    raw/ab/abcd….zst                              the bytes of an input as they were read, by their SHA-256
    tables/TABLE/day=2026-11-22/INGEST.parquet    its records, personal data masked
    ingests/INGEST.json                           what was read: input, hashes, counts, licences, drops, code

An ingest is named by what goes into it (the input, the code that reads it, the policy), so reading the same input again
adds nothing. Files appear whole under their final name; a killed ingest leaves nothing that a reader could see.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import functools
import hashlib
import json
import os
import tempfile
import types
import typing
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from data_prep.policy import Policy, TextKind
from data_prep.records import Drop
from proposal.errors import ConfigError, InputError, IntegrityError
from proposal.hashing import sha256_data
from proposal.whole_files import write_whole

INGEST_FORM = "dao-agent-ingest/1"
BATCH = 256
"""Records that are held at once."""

ROOMS = ("proposal", "rewards", "data_prep")
_PROJECT = Path(__file__).resolve().parent.parent


@functools.cache
def code_hash() -> str:
    """Return one hash over everything that decides what a row is: the sources and data files of the three rooms."""
    files = sorted(
        path for room in ROOMS for path in (_PROJECT / room).rglob("*") if path.suffix in {".py", ".yaml", ".json"}
    )
    return sha256_data([[path.relative_to(_PROJECT).as_posix(), file_hash(path)] for path in files])[:16]


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the lake: its name, the record it holds, and which of its texts are masked as what.

    The record is a frozen dataclass; each of its fields is a column, and `key` names the one or the property that
    tells records apart.
    """

    name: str
    record: type[Any]
    key: str = "id"
    masked: tuple[str, ...] = ()
    kind: TextKind = "proposal"

    def schema(self) -> Any:
        """Return the Arrow schema: exact decimals and anything nested travel as text."""
        import pyarrow as pa

        hints = typing.get_type_hints(self.record)
        columns = [pa.field(item.name, _arrow(hints[item.name])) for item in dataclasses.fields(self.record)]
        return pa.schema([*columns, pa.field("_key", pa.string()), pa.field("_at", pa.timestamp("us", tz="UTC"))])

    def row(self, record: Any, at: dt.datetime) -> dict[str, Any]:
        """Return a record as the columns of its table."""
        hints = typing.get_type_hints(self.record)
        row = {item.name: _plain(getattr(record, item.name), hints[item.name]) for item in dataclasses.fields(record)}
        return {**row, "_key": str(getattr(record, self.key)), "_at": at}

    def mask(self, record: Any, policy: Policy, counts: Counter[str]) -> Any:
        """Return the record with personal data masked, and count what was."""
        changed = {}
        for name in self.masked:
            text, found = policy.masked(getattr(record, name), self.kind)
            if found:
                changed[name] = text
                counts.update(found)
        return dataclasses.replace(record, **changed) if changed else record


def _arrow(hint: Any) -> Any:
    import pyarrow as pa

    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _arrow(next(argument for argument in arguments if argument is not type(None)))
    if origin is typing.Literal or hint in (str, Decimal):
        return pa.string()
    if origin is tuple:
        return pa.list_(_arrow(arguments[0]))
    plain = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), dt.date: pa.date32(),
             dt.datetime: pa.timestamp("us", tz="UTC")}  # fmt: skip
    if hint not in plain:
        raise TypeError(f"a column cannot hold {hint}")
    return plain[hint]


def _plain(value: Any, hint: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, tuple):
        return [_plain(item, hint) for item in value]
    return value


@dataclass(frozen=True, slots=True)
class Source:
    """One input: the name it goes by in manifests, its SHA-256, and where it lies if it is a file."""

    name: str
    sha256: str
    path: Path | None = None


@dataclass(slots=True)
class Ingest:
    """What one reading of one input gave."""

    id: str
    table: str
    source: str
    sha256: str
    at: str
    code: str
    policy: str
    file: str
    records: int = 0
    licences: dict[str, int] = field(default_factory=dict)
    masked: dict[str, int] = field(default_factory=dict)
    dropped: list[list[str]] = field(default_factory=list)
    form: str = INGEST_FORM

    def drops(self) -> Iterator[Drop]:
        """Yield what did not become a record."""
        for reason, source, method, section, detail in self.dropped:
            yield Drop(reason, source, method, section, detail)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Lake:
    """A lake in a folder."""

    root: Path

    def ingest(self, source: Source, table: Table, items: Iterable[Any], *, policy: Policy, at: dt.datetime) -> Ingest:
        """Write the records of an input to its table, once; drops are counted and written.

        `items` is not touched where this very ingest is there already.
        """
        name = sha256_data([source.sha256, source.name, table.name, code_hash(), policy.hash])[:16]
        note = self.root / "ingests" / f"{name}.json"
        if note.is_file():
            known = Ingest(**json.loads(note.read_text(encoding="utf-8")))
            if (self.root / known.file).is_file():
                return known
        if source.path is not None:
            self._archive(source)
        file = f"tables/{table.name}/day={at.astimezone(dt.UTC).date()}/{name}.parquet"
        made = Ingest(name, table.name, source.name, source.sha256, at.isoformat(), code_hash(), policy.hash, file)
        self._write(made, table, items, policy, at)
        write_whole(note, (json.dumps(dataclasses.asdict(made), ensure_ascii=False, indent=1) + "\n").encode())
        return made

    def _archive(self, source: Source) -> None:
        """Keep the bytes of an input, compressed, under their hash."""
        import pyarrow as pa

        target = self.root / "raw" / source.sha256[:2] / f"{source.sha256}.zst"
        if target.is_file() or source.path is None:
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.{os.getpid()}")
        digest = hashlib.sha256()
        with source.path.open("rb") as raw, pa.CompressedOutputStream(str(partial), "zstd") as packed:
            while chunk := raw.read(1 << 20):
                digest.update(chunk)
                packed.write(chunk)
        if digest.hexdigest() != source.sha256:
            partial.unlink()
            raise IntegrityError("the file changed while it was read", where=str(source.path),
                                 fix="run the command again when nothing writes to it")  # fmt: skip
        partial.replace(target)

    def _write(self, made: Ingest, table: Table, items: Iterable[Any], policy: Policy, at: dt.datetime) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        target = self.root / made.file
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.{os.getpid()}")
        licences: Counter[str] = Counter()
        masked: Counter[str] = Counter()
        schema, batch = table.schema(), list[dict[str, Any]]()
        with pq.ParquetWriter(partial, schema, compression="zstd") as writer:
            for item in items:
                if isinstance(item, Drop):
                    made.dropped.append([item.reason, item.source, item.method, item.section, item.detail])
                    continue
                batch.append(table.row(table.mask(item, policy, masked), at))
                licences[getattr(item, "licence", "")] += 1
                made.records += 1
                if len(batch) == BATCH:
                    writer.write_table(pa.Table.from_pylist(batch, schema))
                    batch.clear()
            writer.write_table(pa.Table.from_pylist(batch, schema))
        partial.replace(target)
        made.licences = {name: count for name, count in sorted(licences.items()) if name}
        made.masked = dict(sorted(masked.items()))

    def records(self, ingest: Ingest, table: Table) -> Iterator[Any]:
        """Yield the records of one ingest in the order of its input."""
        import pyarrow.parquet as pq

        names = [item.name for item in dataclasses.fields(table.record)]
        for batch in pq.ParquetFile(self.root / ingest.file).iter_batches(BATCH, columns=names):
            for row in batch.to_pylist():
                yield record_of(table, row)

    def tables(self) -> list[str]:
        """Name the tables that hold something."""
        return sorted(path.name for path in (self.root / "tables").glob("*") if any(path.glob("day=*/*.parquet")))

    def query(self, sql: str, *, memory: str = "512MB") -> tuple[list[str], list[tuple[Any, ...]]]:
        """Answer SQL over the newest record of every key: column names and rows.

        Each table is a view of its name; `NAME_history` has every record that was ever read. The question can read
        this lake and nothing else, and writes nothing.
        """
        import duckdb

        if not self.tables():
            raise InputError("this lake holds no table", where=str(self.root),
                             fix="python -m data_prep.build recipes/configs/data.yaml")  # fmt: skip
        with database(memory) as opened:
            for name in self.tables():
                files = str((self.root / "tables" / name).resolve() / "day=*" / "*.parquet").replace("'", "''")
                opened.execute(
                    f"CREATE VIEW {name}_history AS SELECT * FROM "
                    f"read_parquet('{files}', hive_partitioning=true, union_by_name=true)"
                )
                opened.execute(
                    f"CREATE VIEW {name} AS SELECT * EXCLUDE (_key, _at) FROM {name}_history QUALIFY "
                    "row_number() OVER (PARTITION BY _key ORDER BY _at DESC) = 1"
                )
            opened.execute("SET allowed_directories = [?]", [f"{self.root.resolve()}/"])
            opened.execute("SET enable_external_access = false")
            opened.execute("SET lock_configuration = true")
            try:
                answer = opened.execute(sql)
            except duckdb.Error as error:
                raise InputError(str(error).splitlines()[0], where="SQL",
                                 expected=f"a query over {', '.join(self.tables())}") from None  # fmt: skip
            names = [column[0] for column in answer.description or ()]
            return names, answer.fetchall()


def record_of(table: Table, row: dict[str, Any]) -> Any:
    """Return the record that the columns of a row stand for."""
    hints = typing.get_type_hints(table.record)
    return table.record(**{name: _restored(value, hints[name]) for name, value in row.items()})


def _restored(value: Any, hint: Any) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if value is None:
        return None
    if origin in (typing.Union, types.UnionType):
        return _restored(value, next(argument for argument in arguments if argument is not type(None)))
    if hint is Decimal:
        return Decimal(value)
    if origin is tuple:
        return tuple(_restored(item, arguments[0]) for item in value)
    return value


@contextlib.contextmanager
def database(memory: str = "768MB") -> Iterator[Any]:
    """Open a DuckDB that keeps to a bounded memory and puts what is more into a folder that goes away."""
    import duckdb

    with (
        tempfile.TemporaryDirectory(prefix="dao-agent-") as spill,
        duckdb.connect(":memory:", config={"memory_limit": memory, "threads": "2", "temp_directory": spill}) as opened,
    ):
        opened.execute("SET enable_progress_bar = false")  # it would go to stdout, which belongs to results
        yield opened


def missing_package(error: ModuleNotFoundError) -> ConfigError:
    """Say how to install what the lake needs."""
    return ConfigError(f"the package '{error.name}' is not installed", where="data_prep",
                       fix="pip install 'dao-proposal-agent[data]', or make setup-train")  # fmt: skip
