"""ms-swift itself loads what we write, strictly, and loses no row."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from data_prep.build import build
from data_prep.convert import convert_row
from data_prep.formats import detect
from data_prep.reading import RawRow, read_rows
from data_prep.records import REWARD_COLUMNS, ROW_OF
from tests.data_prep.test_formats import GOOD, written

pytestmark = pytest.mark.swift

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    now = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
    return build([ROOT / "examples"], out=tmp_path_factory.mktemp("cuts"), name="examples", now=now)


def loaded(path: Path, monkeypatch: pytest.MonkeyPatch, *, keep: bool = False) -> list[dict[str, object]]:
    """Load a file as a run of ms-swift does."""
    monkeypatch.setenv("MODELSCOPE_CACHE", str(path.parent / "cache"))
    from swift import load_dataset

    dataset, _ = load_dataset([str(path)], strict=True, num_proc=1, remove_unused_columns=not keep)
    return [dataset[number] for number in range(len(dataset))]


def count(path: Path) -> int:
    return sum(1 for line in path.read_text(encoding="utf-8").splitlines() if line)


@pytest.mark.parametrize("method", [name for name in ROW_OF if name != "kto"])
def test_a_cut_loads_strictly_and_whole(cut: Path, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = cut / f"{method}.jsonl"
    assert len(loaded(path, monkeypatch)) == count(path) > 0


def test_the_columns_of_the_rewards_arrive_as_text(cut: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = loaded(cut / "grpo.jsonl", monkeypatch, keep=True)
    assert all(isinstance(row[name], str) for row in rows for name in REWARD_COLUMNS)


@pytest.mark.parametrize("format_", list(GOOD))
def test_converted_rows_of_every_format_load(tmp_path: Path, format_: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, GOOD[format_])
    converted(path, tmp_path / "rows.jsonl")
    assert len(loaded(tmp_path / "rows.jsonl", monkeypatch)) == len(GOOD[format_])


def converted(path: Path, out: Path) -> None:
    rows = [row for row in read_rows(path) if isinstance(row, RawRow)]
    format_ = detect([row.data for row in rows])
    assert format_ is not None
    with out.open("w", encoding="utf-8") as lines:
        for row in rows:
            data = convert_row(row, format_, "messages", path)
            assert isinstance(data, dict)
            lines.write(json.dumps(data, ensure_ascii=False) + "\n")


def test_every_shared_demo_set_loads_once_converted(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in sorted((shared_data / "formats").glob("*.json*")):
        if path.name != "dataset_info.json":
            out = tmp_path / f"{path.stem}.jsonl"
            converted(path, out)
            assert len(loaded(out, monkeypatch)) == count(out), path.name
