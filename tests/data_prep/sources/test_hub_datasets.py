"""Data sets of the hub, streamed by the real `datasets` from local files in the form that the hub has them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data_prep.history import Dropped, PostRecord
from data_prep.sources import SOURCES, Bound
from data_prep.sources.hub_datasets import KNOWN
from proposal.errors import InputError, UpstreamError
from tests.data_prep.sources.worlds import fetched, read

pytestmark = pytest.mark.swift
COLUMNS = {"body": "text", "created": "datetime", "author": "username_encoded"}


def bound(folder: Path, **changed: object) -> Bound:
    source = SOURCES["hub-dataset"]
    spec = {"source": "hub-dataset", "name": "posts", "dao": "Test", "licence": "MIT", "dataset": str(folder),
            "columns": COLUMNS}  # fmt: skip
    return Bound(source, source.spec.model_validate(spec | changed))


@pytest.fixture(params=["parquet", "jsonl"])
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A set of 1,203 rows in two shards, of which three cannot be records."""
    rows = [{"text": f"Post {number}", "datetime": "2025-03-04T05:06:07Z", "username_encoded": "Z0FB", "label": "#x",
             "tweet_hashtags": ["#x"]} for number in range(1_203)]  # fmt: skip
    rows[3]["text"], rows[700]["datetime"], rows[1_202]["datetime"] = "", "soon", "2031-01-01"
    out = tmp_path / "set"
    out.mkdir()
    for shard, part in enumerate((rows[:800], rows[800:])):
        if request.param == "parquet":
            import pyarrow as pa
            import pyarrow.parquet as pq

            pq.write_table(pa.Table.from_pylist(part), out / f"train-0000{shard}-of-00002.parquet")
        else:
            text = "".join(json.dumps(row) + "\n" for row in part)
            (out / f"train-0000{shard}-of-00002.jsonl").write_text(text, encoding="utf-8")
    return out


def no_network(_: object) -> object:
    pytest.fail("a local set asked the network")


def test_rows_are_streamed_by_the_map_and_counted_where_they_are_none(folder: Path, tmp_path: Path) -> None:
    fetched(bound(folder), tmp_path / "raw", no_network)
    items = read(bound(folder), tmp_path / "raw")
    posts = [item for item in items if isinstance(item, PostRecord)]
    assert len(posts) == 1_200
    assert posts[0].source_id.startswith("train/")
    drops = sorted((item.reason, item.where) for item in items if isinstance(item, Dropped))
    assert drops == [("future-date", "row 1202"), ("no-body", "row 3"), ("wrong-type", "row 700")]


def test_a_fetch_that_was_killed_goes_on_and_one_with_more_rows_reads_only_those(folder: Path, tmp_path: Path) -> None:
    from tests.data_prep.sources.worlds import fetcher

    spec = bound(folder)
    with fetcher(no_network) as asking:
        steps = spec.source.fetch(spec.spec, tmp_path / "raw", asking)
        next(steps)
        steps.close()
    fetched(spec, tmp_path / "raw", no_network)
    fetched(spec, tmp_path / "calm", no_network)
    ids = [sorted(item.source_id for item in read(spec, tmp_path / name) if isinstance(item, PostRecord))
           for name in ("raw", "calm")]  # fmt: skip
    assert ids[0] == ids[1]
    fetched(bound(folder, rows=100), tmp_path / "few", no_network)
    assert fetched(bound(folder, rows=600), tmp_path / "few", no_network) == ["600 rows"]


@pytest.mark.parametrize(
    ("columns", "text"),
    [({"body": "texts"}, r"no column texts\n  expected: the columns found: text, datetime.*\n.*did you mean 'text'"),
     ({}, r"names no columns.*\n  expected: a map onto: text, datetime")],
)  # fmt: skip
def test_a_map_that_does_not_fit_lists_the_columns_found(
    folder: Path, tmp_path: Path, columns: object, text: str
) -> None:
    with pytest.raises(InputError, match=text):
        fetched(bound(folder, columns=columns), tmp_path / "raw", no_network)


def test_a_set_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises((InputError, UpstreamError), match=r"the data set cannot be read|no answer from the hub"):
        fetched(bound(tmp_path / "nothing"), tmp_path / "raw", no_network)


def test_the_known_maps_name_fields_of_the_table() -> None:
    for name in KNOWN:
        assert bound(Path(name), dataset=name, columns={}).spec.map["body"]


def test_a_split_that_is_not_there_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the data set cannot be read"):
        fetched(bound(folder, split="other"), tmp_path / "raw", no_network)
