"""Local files: every kind is read by its map, and what is broken is an error or a counted drop, never a wrong row."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from pathlib import Path

import pytest

from data_prep.history import Dropped, MetricRecord, ProposalRecord
from data_prep.sources import SOURCES, Bound
from proposal.errors import InputError, IntegrityError
from tests.data_prep.sources.worlds import NOW, fetched, read

COLUMNS = {"id": "key", "title": "name", "body": "text", "created": "day"}
ROW = {"key": "p-1", "name": "Pay", "text": "Body", "day": "2025-03-04"}


def bound(path: Path, **changed: object) -> Bound:
    source = SOURCES["files"]
    spec = {"source": "files", "name": "local", "dao": "Test", "licence": "MIT", "paths": [path], "columns": COLUMNS}
    return Bound(source, source.spec.model_validate(spec | changed))


def results(spec: Bound, tmp_path: Path, now: dt.datetime = NOW) -> tuple[list[str], list[tuple[str, str]]]:
    """Fetch and read; return the ids of the records, and reason and line of the drops."""
    archive = tmp_path / "raw"
    fetched(spec, archive, lambda _: pytest.fail("a local source asked the network"), now=lambda: now)
    items = read(spec, archive)
    drops = [(item.reason, item.where.rpartition(":")[2]) for item in items if isinstance(item, Dropped)]
    return sorted(item.source_id for item in items if not isinstance(item, Dropped)), sorted(drops)


def lines(*rows: object) -> str:
    return "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows)


def test_each_kind_of_file_gives_the_same_records(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = tmp_path / "in"
    files.mkdir()
    (files / "a.jsonl").write_text(lines(ROW), encoding="utf-8")
    (files / "b.json").write_text(json.dumps([ROW | {"key": "p-2"}]), encoding="utf-8")
    (files / "c.csv").write_text('key,name,text,day\np-3,Pay,"Bo\ndy, 100",2025-03-04\n', encoding="utf-8")
    (files / "d.jsonl.gz").write_bytes(gzip.compress(lines(ROW | {"key": "p-4"}).encode()))
    pq.write_table(pa.Table.from_pylist([ROW | {"key": "p-5"}]), files / "e.parquet")
    assert results(bound(files), tmp_path) == (["p-1", "p-2", "p-3", "p-4", "p-5"], [])


def test_a_folder_of_markdown_needs_no_map(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "one.md").write_text("# First\n\nText.", encoding="utf-8")
    (tmp_path / "in" / "two.md").write_bytes(b"# Second \xff")
    spec = bound(tmp_path / "in", columns={})
    assert results(spec, tmp_path)[0] == ["one"]
    assert [drop.reason for drop in read(spec, tmp_path / "raw") if isinstance(drop, Dropped)] == ["undecodable"]


def test_a_broken_row_costs_only_itself_and_is_counted(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    rows = [ROW, '{"key": "cut', "[1, 2]", ROW | {"key": "y", "day": "2031-01-01"}, ROW | {"key": "x", "day": "soon"},
            {"key": "no-name", "text": "x"}, ROW | {"key": 5, "text": "  "}, ROW | {"text": "other content"},
            ROW | {"key": "typed", "name": 7}, ROW | {"key": "last"}]  # fmt: skip
    file.write_text(lines(*rows), encoding="utf-8")
    kept, drops = results(bound(file), tmp_path)
    assert kept == ["last", "p-1"]
    assert drops == [
        ("duplicate-id", "p-1"), ("future-date", "4"), ("missing-field", "6"), ("no-body", "7"), ("not-a-row", "3"),
        ("not-json", "2"), ("wrong-type", "5"), ("wrong-type", "9"),
    ]  # fmt: skip


def test_a_row_of_a_table_with_a_shifted_column_is_a_drop(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text("key,name,text,day\np-1,Pay,Body,2025-03-04\np-2,Pay, now,Body,2025-03-04\np-3,Pay,2025-03-04\n",
                    encoding="utf-8")  # fmt: skip
    assert results(bound(file), tmp_path) == (["p-1"], [("shifted-row", "3"), ("shifted-row", "4")])


BROKEN = [
    ("cut.jsonl.gz", gzip.compress(b'{"key": "a"}\n' * 500)[:-20], "damaged or cut off"),
    ("page.jsonl", b"<!DOCTYPE html><html></html>", "a web page, not data"),
    ("latin.csv", "key,name,text,day\np-1,Pay,Gr\xfc\xdfe,2025-03-04\n".encode("latin-1"), "is not utf-8"),
    ("latin.jsonl", '{"key": "Gr\xfc\xdfe"}\n'.encode("latin-1"), "not UTF-8"),
    ("empty.jsonl", b"", "empty"),
    ("quote.csv", b'key,name,text,day\np-1,"Pay" now,x,y\n', "not a table"),
    ("twice.csv", b"key,key\n1,2\n", "names no table"),
    ("cut.parquet", b"PAR1 nothing", "not a whole Parquet file"),
    ("other.jsonl", b'{"id": 1, "headline": "x"}\n', "none of the columns day, key, name, text"),
]


@pytest.mark.parametrize(("name", "content", "text"), BROKEN, ids=[name for name, _, _ in BROKEN])
def test_each_broken_file_is_named_with_what_is_wrong(tmp_path: Path, name: str, content: bytes, text: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=text) as caught:
        results(bound(tmp_path / name), tmp_path)
    assert name in str(caught.value)


def test_the_columns_found_are_listed_where_none_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"id": 1, "headline": "x"}\n', encoding="utf-8")
    with pytest.raises(InputError, match="the columns found: id, headline"):
        results(bound(tmp_path / "x.jsonl"), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("packed", [False, True])
def test_a_huge_line_is_refused_and_not_read_into_memory(tmp_path: Path, packed: bool) -> None:
    import tracemalloc

    file = tmp_path / ("big.json.gz" if packed else "big.json")
    if packed:
        with gzip.open(file, "wb", compresslevel=1) as out:
            out.write(b'[{"key": "')
            for _ in range(520):
                out.write(b"a" * 1_000_000)
    else:
        with file.open("wb") as sparse:
            sparse.write(b'[{"key": "')
            sparse.truncate(600_000_000)
    tracemalloc.start()
    with pytest.raises(InputError, match="more than 512,000,000 bytes"):
        list(bound(file).source.records(bound(file).spec, _noted(bound(file), tmp_path)))
    assert tracemalloc.get_traced_memory()[1] < 150_000_000
    tracemalloc.stop()


def _noted(spec: Bound, tmp_path: Path) -> object:
    from data_prep.sources.archive import stream

    fetched(spec, tmp_path / "raw", lambda _: pytest.fail("asked"))
    return stream(tmp_path / "raw", spec.spec.name)


def test_a_file_that_changed_since_is_an_integrity_error(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(lines(ROW), encoding="utf-8")
    assert results(bound(file), tmp_path)[0] == ["p-1"]
    file.write_text(lines(ROW | {"key": "p-2"}), encoding="utf-8")
    with pytest.raises(IntegrityError, match="not the one that was fetched"):
        read(bound(file), tmp_path / "raw")
    assert results(bound(file), tmp_path)[0] == ["p-2"]


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ({"id": "key", "titel": "name", "body": "text"}, "did you mean 'title'"),
        ({"id": "key"}, "needs a column for title"),
    ],
)
def test_a_map_is_held_against_the_table(tmp_path: Path, columns: dict[str, str], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        bound(tmp_path, columns=columns)


def test_metrics_keep_their_unit_and_exact_value(tmp_path: Path) -> None:
    file = tmp_path / "m.csv"
    file.write_text("s,m,u,d,v\nExample,tvl,USD,2025-03-04,1234.10\nExample,tvl,USD,2025-03-05,n/a\n", encoding="utf-8")
    columns = {"subject": "s", "metric": "m", "unit": "u", "at": "d", "value": "v"}
    spec = bound(file, table="metrics", columns=columns)
    assert results(spec, tmp_path)[1] == [("wrong-type", "3")]
    (metric,) = [item for item in read(spec, tmp_path / "raw") if isinstance(item, MetricRecord)]
    assert (str(metric.value), metric.unit, metric.at.date().isoformat()) == ("1234.10", "USD", "2025-03-04")


@pytest.mark.slow
def test_every_shared_proposal_is_read_or_dropped_with_a_reason(shared_data: Path, tmp_path: Path) -> None:
    names = ("id", "title", "body", "status", "outcome", "created", "dao", "licence")
    spec = bound(shared_data / "proposals", columns={name: name for name in names})
    kept, drops = results(spec, tmp_path, now=NOW.replace(year=2027))
    total = sum(sum(1 for _ in path.open(encoding="utf-8")) for path in (shared_data / "proposals").glob("*.jsonl"))
    assert len(kept) + len(drops) == total == 4_448
    assert {reason for reason, _ in drops} <= {"no-body", "wrong-type", "missing-field"}
    assert sum(reason != "no-body" for reason, _ in drops) < 20
    records = {item.source_id: item for item in read(spec, tmp_path / "raw") if isinstance(item, ProposalRecord)}
    assert records["yearn-yip-0"].outcome == "passed"
