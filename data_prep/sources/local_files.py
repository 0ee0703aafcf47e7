"""Files on this machine: JSON, JSON Lines, CSV, Parquet, and folders of Markdown, mapped to a table by an explicit map.

A file is its own raw archive: what is stored is its name, size and hash, and reading it again checks them. Which column
holds what is said in the spec and never guessed; a column that is not there is an error that lists those that are.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from data_prep.faults import Fault
from data_prep.history import Dropped, DroppedReason
from data_prep.reading import read_rows
from data_prep.sources.archive import Stream
from data_prep.sources.columns import ColumnMap, check_columns, mapped
from data_prep.sources.fetcher import Fetcher
from data_prep.sources.items import Item
from data_prep.sources.source import Records, Source, SourceSpec, State, Step
from proposal.errors import InputError, IntegrityError

SUFFIXES = (".jsonl", ".ndjson", ".json", ".jsonl.gz", ".json.gz", ".csv", ".parquet", ".md")
MAX_FIELD = 1_000_000
"""Characters of one CSV field; an unclosed quote would otherwise swallow the file."""
MAX_MARKDOWN = 4_000_000
"""Bytes of one Markdown file."""

_DROP_OF: Mapping[str, DroppedReason] = {"json": "not-json", "not-an-object": "not-a-row"}
"""Faults of one line that cost only that line; every other fault is one of the file."""

Row = tuple[str, dict[str, Any] | Dropped]
"""Where a row stands, and its fields or why it has none."""


class FilesSpec(SourceSpec):
    """Files, or folders of them. `columns` names, for each field of the table, the column that holds it."""

    paths: tuple[Path, ...] = Field(min_length=1)
    table: Literal["proposals", "posts", "votes", "metrics"] = "proposals"
    columns: ColumnMap = Field(default_factory=dict)
    encoding: Literal["utf-8", "utf-16", "gb18030", "latin-1"] = "utf-8"

    @field_validator("columns")
    @classmethod
    def _known_fields(cls, value: ColumnMap, info: Any) -> ColumnMap:
        return check_columns(value, info.data.get("table", "proposals"))


def begin(spec: FilesSpec, _: State | None) -> State:
    """List the files anew in every run: a folder may have grown."""
    return {"left": [str(path) for path in _files(spec)]}


def step(_: FilesSpec, state: State, __: Fetcher) -> Step | None:
    """Note the next file with its size and hash."""
    if not state["left"]:
        return None
    path = Path(state["left"][0])
    note = {"path": str(path), "bytes": path.stat().st_size, "sha256": _hash(path)}
    return Step(note, (), {"left": state["left"][1:]}, f"{path.name}: {note['bytes']:,} bytes")


def records(spec: FilesSpec, place: Stream) -> Records:
    """Read the rows of the newest note of every file."""
    newest: dict[str, tuple[int, str, Any]] = {}
    for entry in place.entries():
        note = (entry.request["run"], entry.request["sha256"], entry)
        path = entry.request["path"]
        if path not in newest or note[:2] > newest[path][:2]:
            newest[path] = note
    for path, (_, digest, entry) in sorted(newest.items()):
        file = Path(path)
        if not file.is_file() or _hash(file) != digest:
            raise IntegrityError(
                "the file is not the one that was fetched",
                where=path,
                fix="put it back, or run `dao-agent data fetch` again to read it as it is now",
            )
        for number, (where, row) in enumerate(_rows(spec, file)):
            if isinstance(row, Dropped):
                yield row
                continue
            if not number and spec.columns:
                _check_found(spec, row, path)
            yield mapped(spec, spec.table, spec.columns, Item(row, entry.retrieved_at), where)


def _check_found(spec: FilesSpec, row: Mapping[str, Any], path: str) -> None:
    wanted = sorted(set(spec.columns.values()))
    if not any(column in row for column in wanted):
        raise InputError(
            f"has none of the columns {', '.join(wanted)}",
            where=path,
            expected=f"one of the columns found: {', '.join(map(str, row))}",
            fix="correct `columns` in the spec",
        )


def _files(spec: FilesSpec) -> Iterator[Path]:
    for path in spec.paths:
        if not path.exists():
            raise InputError("no such file or folder", where=str(path), fix=f"correct `paths` of '{spec.name}'")
        found = sorted(path.rglob("*")) if path.is_dir() else [path]
        known = [file for file in found if file.is_file() and file.name.endswith(SUFFIXES)]
        if not known:
            raise InputError("holds nothing that can be read", where=str(path), expected=f"files {', '.join(SUFFIXES)}")
        yield from known


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _rows(spec: FilesSpec, path: Path) -> Iterator[Row]:
    readers: dict[str, Callable[[FilesSpec, Path], Iterator[Row]]] = {
        ".csv": _csv_rows, ".parquet": _parquet_rows, ".md": _markdown_rows,
    }  # fmt: skip
    yield from readers.get(path.suffix, _json_rows)(spec, path)


def _json_rows(spec: FilesSpec, path: Path) -> Iterator[Row]:
    for item in read_rows(path):
        if not isinstance(item, Fault):
            where = f"{path}:{item.line}" if item.line else f"{path} row {item.number}"
            yield where, item.data
        elif item.code in _DROP_OF:
            where = f"{path}:{item.line}"
            yield where, Dropped(_DROP_OF[item.code], spec.name, where, f"{item.message} {item.found}".strip())
        elif not item.fixable:
            place = f"{path}:{item.line}" if item.line else str(path)
            raise InputError(item.message, where=place, fix=item.fix or None)


def _csv_rows(spec: FilesSpec, path: Path) -> Iterator[Row]:
    """Read a table; a row with more or fewer cells than the header is a drop: its columns may have shifted."""
    csv.field_size_limit(MAX_FIELD)
    try:
        with path.open(encoding="utf-8-sig" if spec.encoding == "utf-8" else spec.encoding, newline="") as file:
            lines = csv.reader(file, strict=True)
            header = next(lines, [])
            if len(header) < 2 or len(set(header)) < len(header):
                raise InputError(f"its first line names no table: {header[:8]}", where=f"{path}:1",
                                 expected="column names, separated by commas, each once")  # fmt: skip
            for cells in lines:
                where = f"{path}:{lines.line_num}"
                if not cells:
                    continue
                if len(cells) != len(header):
                    yield where, Dropped("shifted-row", spec.name, where, f"{len(cells)} cells, not {len(header)}")
                else:
                    yield where, dict(zip(header, cells, strict=True))
    except UnicodeDecodeError as error:
        raise _encoding(path, spec, error) from None
    except csv.Error as error:
        raise InputError(f"not a table: {error}", where=f"{path}:{lines.line_num}",
                         fix="correct the quotes on this line") from None  # fmt: skip


def _parquet_rows(_: FilesSpec, path: Path) -> Iterator[Row]:
    """Read a Parquet file batch by batch, so that its size does not matter."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        number = 0
        for batch in file.iter_batches(batch_size=1_000):
            for row in batch.to_pylist():
                number += 1
                yield f"{path} row {number}", row
    except pa.ArrowException as error:
        raise InputError(f"not a whole Parquet file: {error}", where=str(path), fix="fetch the file again") from None


def _markdown_rows(spec: FilesSpec, path: Path) -> Iterator[Row]:
    if path.stat().st_size > MAX_MARKDOWN:
        yield str(path), Dropped("too-long", spec.name, str(path), f"{path.stat().st_size:,} bytes")
        return
    try:
        text = path.read_text(encoding=spec.encoding)
    except UnicodeDecodeError as error:
        yield str(path), Dropped("undecodable", spec.name, str(path), f"byte {error.start} is not {spec.encoding}")
        return
    heading = next((line.lstrip("#").strip() for line in text.splitlines() if line.startswith("#")), path.stem)
    yield str(path), {"id": path.stem, "title": heading, "body": text, "path": str(path)}


def _encoding(path: Path, spec: FilesSpec, error: UnicodeDecodeError) -> InputError:
    return InputError(
        f"byte {error.start} of a block is not {spec.encoding}",
        where=str(path),
        expected=f"{spec.encoding} throughout",
        fix="set `encoding`, or convert the file to UTF-8",
    )


FILES = Source("files", FilesSpec, begin, step, records)
