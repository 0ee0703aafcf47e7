"""The lake: only ever added to, asked by SQL, and nothing personal in it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pytest

from data_prep.lake import Lake, Source, Table, file_hash
from data_prep.policy import load_policy
from data_prep.records import Drop
from data_prep.units import PROPOSALS
from proposal.errors import InputError, IntegrityError
from tests.data_prep.test_inversion import a_proposal

NOW = dt.datetime(2026, 11, 22, 10, 0, tzinfo=dt.UTC)
POLICY = load_policy()


def ingested(lake: Lake, *items: Any, name: str = "a.jsonl", at: dt.datetime = NOW) -> Any:
    return lake.ingest(Source(name, name * 4), PROPOSALS, items, policy=POLICY, at=at)


def test_records_come_back_as_they_were(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    made = ingested(lake, a_proposal(), a_proposal(id="example-2"))
    assert list(lake.records(made, PROPOSALS)) == [a_proposal(), a_proposal(id="example-2")]
    assert (made.records, made.licences) == (2, {"MIT": 2})


def test_drops_and_masks_are_counted_and_nothing_personal_is_stored(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    made = ingested(lake, a_proposal("Write to ada@example.org."), Drop("undated", "example-9", "sft"))
    assert made.masked == {"email": 1}
    assert list(made.drops()) == [Drop("undated", "example-9", "sft")]
    (record,) = lake.records(made, PROPOSALS)
    assert "ada" not in record.body


def test_the_same_input_is_read_once(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    first = ingested(lake, a_proposal())

    def never() -> Any:
        raise AssertionError
        yield

    again = lake.ingest(Source("a.jsonl", "a.jsonl" * 4), PROPOSALS, never(), policy=POLICY, at=NOW)
    assert again == first


def test_a_changed_record_is_added_and_the_newest_answers(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    ingested(lake, a_proposal(title="Before"))
    ingested(lake, a_proposal(title="After"), name="b.jsonl", at=NOW + dt.timedelta(days=1))
    assert lake.query("SELECT title, day FROM proposals") == (["title", "day"], [("After", dt.date(2026, 11, 23))])
    assert lake.query("SELECT count(*) FROM proposals_history")[1] == [(2,)]


def test_raw_bytes_are_kept_and_a_file_that_changes_meanwhile_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text("{}\n", encoding="utf-8")
    lake = Lake(tmp_path / "lake")
    lake.ingest(Source("in.jsonl", file_hash(path), path), PROPOSALS, [], policy=POLICY, at=NOW)
    assert [file.suffix for file in (tmp_path / "lake" / "raw").rglob("*.*")] == [".zst"]
    with pytest.raises(IntegrityError, match="changed while it was read"):
        lake.ingest(Source("in.jsonl", "0" * 64, path), PROPOSALS, [], policy=POLICY, at=NOW)


@pytest.mark.parametrize(
    "sql", ["SELECT * FROM read_csv('/etc/passwd')", "COPY proposals TO '/tmp/stolen.csv'", "SET memory_limit = '9GB'"]
)
def test_a_question_reads_the_lake_and_nothing_else(tmp_path: Path, sql: str) -> None:
    lake = Lake(tmp_path)
    ingested(lake, a_proposal())
    with pytest.raises(InputError):
        lake.query(sql)


def test_a_wrong_question_names_the_tables(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    ingested(lake, a_proposal())
    with pytest.raises(InputError, match="proposals") as caught:
        lake.query("SELECT * FROM proposal")
    assert caught.value.exit_code == 2


@dataclasses.dataclass(frozen=True)
class EveryKind:
    """A record with a column of every kind that sources yield."""

    id: str
    kind: Literal["a", "b"]
    power: Decimal
    at: dt.datetime | None
    parts: tuple[Decimal, ...]
    count: int | None = None


def test_every_kind_of_column_comes_back_exactly(tmp_path: Path) -> None:
    table = Table("kinds", EveryKind)
    record = EveryKind("1", "a", Decimal("1" * 78), NOW, (Decimal("0.10"), Decimal("2")))
    lake = Lake(tmp_path)
    made = lake.ingest(Source("x", "y"), table, [record], policy=POLICY, at=NOW)
    assert list(lake.records(made, table)) == [record]
