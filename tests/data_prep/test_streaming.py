"""Streams and clusters: the same rows from shards, one after the other or on workers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from data_prep.proposals import Proposal, to_proposal
from data_prep.reading import RawRow
from data_prep.records import Method
from data_prep.split import Split
from data_prep.streaming import HeldOut, StreamPlan, batch_lines, held_out_of, shards_of, stream
from data_prep.units import PROPOSALS, parquet
from proposal.errors import InputError
from tests.data_prep.published import a_line

ROW_SETS: tuple[Method, ...] = ("cpt", "sft", "grpo")
PLAN = StreamPlan(Split(held_out_daos=("Birch DAO",)), row_sets=ROW_SETS)


def records(*numbers: int, **changed: Any) -> list[dict[str, Any]]:
    made = []
    for number in numbers:
        proposal = to_proposal(RawRow(number, number, a_line(number, **changed)), Path("made"))
        assert isinstance(proposal, Proposal)
        made.append({name: getattr(proposal, name) for name in Proposal.__dataclass_fields__})
    return made


def shard(path: Path, rows: list[dict[str, Any]]) -> Path:
    import pyarrow as pa

    schema = pa.schema([item for item in PROPOSALS.schema() if not item.name.startswith("_")])
    path.write_bytes(parquet(rows, schema))
    return path


def lines_under(folder: Path) -> list[str]:
    return sorted(line for path in folder.rglob("*.jsonl") for line in path.read_text(encoding="utf-8").splitlines())


def test_each_shard_leaves_its_rows_by_side_and_a_second_run_adds_nothing(tmp_path: Path) -> None:
    shards = [shard(tmp_path / f"s{n}.parquet", records(*range(4 * n, 4 * n + 4))) for n in range(2)]
    counts = stream(shards, tmp_path / "out", PLAN, HeldOut(50))
    assert counts["train:sft"] > 0 < counts["held_out:cpt"]
    assert (tmp_path / "out" / "s1" / "held_out" / "cpt.jsonl").is_file()
    before = lines_under(tmp_path / "out")
    assert stream(shards, tmp_path / "out", PLAN, HeldOut(50)) == {}
    assert lines_under(tmp_path / "out") == before


def test_how_records_are_cut_into_batches_does_not_change_a_row() -> None:
    rows = records(*range(6))
    whole = [line["line"] for line in batch_lines(rows, PLAN)]
    assert [line["line"] for row in rows for line in batch_lines([row], PLAN)] == whole


def test_a_text_of_the_held_out_side_of_a_cut_is_refused(tmp_path: Path) -> None:
    (first,) = [json.loads(line["line"]) for line in batch_lines(records(0), PLAN) if line["method"] == "cpt"]
    cut = tmp_path / "cut" / "held_out"
    cut.mkdir(parents=True)
    (cut / "cpt.jsonl").write_text(json.dumps(first) + "\n", encoding="utf-8")
    held = held_out_of(tmp_path / "cut", PLAN.split)
    counts = stream([shard(tmp_path / "a.parquet", records(0, 3))], tmp_path / "out", PLAN, held)
    assert counts["dropped:near-held-out"] == 1
    assert counts["train:cpt"] == 1


def test_personal_data_licence_and_empty_columns_are_looked_at_too(tmp_path: Path) -> None:
    rows = [*records(0), {**records(3)[0], "licence": "none stated"}, {**records(6)[0], "body": None}]
    rows[0]["body"] += "\n\nWrite to ada@example.org."
    stream([shard(tmp_path / "a.parquet", rows)], tmp_path / "out", PLAN, HeldOut(50))
    text = "".join(lines_under(tmp_path / "out"))
    assert "ada@" not in text
    assert {json.loads(line)["reason"] for line in lines_under(tmp_path / "out") if '"reason"' in line} >= {
        "licence", "empty",
    }  # fmt: skip


def test_a_shard_without_a_column_lists_those_it_has(tmp_path: Path) -> None:
    import pyarrow as pa

    path = tmp_path / "a.parquet"
    path.write_bytes(
        parquet([{"id": "1", "dao_name": "A"}], pa.schema([("id", pa.string()), ("dao_name", pa.string())]))
    )
    with pytest.raises(InputError, match=r"has no column 'dao'") as caught:
        stream(shards_of(str(path)), tmp_path / "out", PLAN, HeldOut(50))
    assert "dao_name" in str(caught.value)


@pytest.mark.slow
@pytest.mark.cluster
def test_two_workers_of_a_local_ray_make_the_rows_of_a_stream(tmp_path: Path) -> None:
    import ray

    from data_prep.cluster import cluster_rows

    shards = [shard(tmp_path / f"s{n}.parquet", records(*range(40 * n, 40 * n + 40))) for n in range(4)]
    stream(shards, tmp_path / "out", PLAN, HeldOut(50))
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        made = cluster_rows(shards, PLAN).take_all()
    finally:
        ray.shutdown()
    rows = sorted(row["line"] for row in made if not row["reason"])
    drops = [row for row in made if row["reason"]]
    streamed = lines_under(tmp_path / "out")
    assert rows == [line for line in streamed if '"messages"' in line]
    assert len(rows) + len(drops) == len(streamed)
