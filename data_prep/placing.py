"""Giving every proposal its cluster and its side, and writing the proposals in the order in which rows are made.

Memory holds only what is near something else; all the rest is joined and sorted by DuckDB, on disk where it must be.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from data_prep.lake import database
from data_prep.near import clusters
from data_prep.split import Place, Split
from data_prep.units import PROPOSALS, UNIT

_ORDERED = """
WITH read AS (
    SELECT * EXCLUDE (_key, _at, filename, file_row_number), list_position($1, filename) AS _file,
           file_row_number AS _row
    FROM read_parquet($1, filename = true, file_row_number = true)
), once AS (
    SELECT *, row_number() OVER (PARTITION BY id ORDER BY _file, _row) = 1 AS _first FROM read
)
SELECT once.* EXCLUDE (_file, _row, _first), CASE WHEN _first THEN _side ELSE '' END AS _side,
       CASE WHEN _first THEN _why ELSE 'duplicate' END AS _why, _cluster
FROM once JOIN read_parquet($2) AS placed USING (id)
ORDER BY CASE WHEN _first THEN _side ELSE '' END, created, id, _file, _row
"""


def place_records(tables: Sequence[Path], signs: Path, split: Split, target: Path, *, where: str) -> None:
    """Write the proposals of the tables to `target`, with `_side`, `_why` and `_cluster`, a unit in each row group.

    They are ordered by side, day and id. A second proposal of one id is kept with the reason 'duplicate', so that it
    is counted. `where` names the split for errors.
    """
    near = clusters(signs, percent=split.near_duplicate_percent)
    files = sorted(signs.parent.glob(signs.name))
    split.check_names({row["dao"] for row in _rows(files)}, where=where)
    held_out = {near[row["id"]] for row in _rows(files) if row["id"] in near and _own(row, split).side == "held_out"}
    placed = target.with_name("places.parquet")
    _write_places(files, near, held_out, split, placed)
    with database() as duck:
        answer = duck.execute(_ORDERED, [[str(path) for path in tables], str(placed)])
        _write_units(answer, target)


def _own(row: Mapping[str, Any], split: Split) -> Place:
    return split.own_place(row["dao"], row["created"])


def _rows(files: Iterable[Path]) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq

    for path in files:
        for batch in pq.ParquetFile(path).iter_batches(1_024, columns=["id", "dao", "created"]):
            yield from batch.to_pylist()


def _write_places(
    files: Sequence[Path], near: Mapping[str, str], held_out: set[str], split: Split, target: Path
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.string()) for name in ("id", "_side", "_why", "_cluster")])
    known: set[str] = set()
    with pq.ParquetWriter(target, schema) as writer:
        batch = []
        for row in _rows(files):
            if row["id"] in known:
                continue
            known.add(row["id"])
            cluster = near.get(row["id"], row["id"])
            place = split.place(_own(row, split), cluster=cluster, cluster_is_held_out=cluster in held_out)
            batch.append({"id": row["id"], "_side": place.side or "", "_why": place.why, "_cluster": cluster})
        writer.write_table(pa.Table.from_pylist(batch, schema))


def _write_units(answer: Any, target: Path) -> None:
    """Write an answer of DuckDB with one unit in each row group, so that a process reads no more than that."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    extra = [pa.field(name, pa.string()) for name in ("_side", "_why", "_cluster")]
    schema = pa.schema([*(item for item in PROPOSALS.schema() if not item.name.startswith("_")), *extra])
    names = [column[0] for column in answer.description]
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    with pq.ParquetWriter(partial, schema, compression="zstd") as writer:
        while rows := answer.fetchmany(UNIT):
            writer.write_table(pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], schema))
    partial.replace(target)
