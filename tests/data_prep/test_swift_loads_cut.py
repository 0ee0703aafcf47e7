"""ms-swift itself loads every row set on every side of a cut, strictly, and loses no row."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from data_prep.build import build_cut
from data_prep.config import BuildConfig
from data_prep.records import ROW_OF
from tests.data_prep.builders import a_draft, full_case, reviewed
from tests.data_prep.published import a_line, write_lines
from tests.data_prep.test_build import write_reviews
from tests.data_prep.test_swift_loads import count, loaded

pytestmark = pytest.mark.swift

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cut with every row set on three sides: examples, made-up proposals with versions, reviews, charts."""
    folder = tmp_path_factory.mktemp("cuts")
    (folder / "split.yaml").write_text("held_out_daos: [Birch DAO]\nvalidation_per_mille: 300\n", encoding="utf-8")
    lines = [a_line(number) for number in range(24)]
    early = a_line(92, dao="Alder DAO", title="[ARFC] Add a reserve pool", created="2022-06-01")
    body = early["body"].replace("report", "statement")  # near enough to be one cluster, so both are on one side
    late = {**early, "id": "made-93", "title": "[AIP] Add a reserve pool", "created": "2022-06-20", "body": body}
    write_lines(folder / "lines.jsonl", [*lines, early, late])
    write_reviews(
        folder / "reviews.jsonl",
        reviewed(a_draft(full_case(risks="Nothing can go wrong.")), {"Grace": "request_changes"}),
        reviewed(a_draft(full_case()), {"Grace": "approve", "Ken": "approve"}, version=2),
    )
    inputs = [
        {"path": str(ROOT / "examples"), "kind": "cases"},
        {"path": str(folder / "lines.jsonl"), "kind": "proposals"},
        {"path": str(folder / "reviews.jsonl"), "kind": "reviews"},
    ]
    config = {"name": "all", "out": str(folder / "cuts"), "split": str(folder / "split.yaml"), "variants": 7,
              "charts": {"count": 6}, "inputs": inputs}  # fmt: skip
    return build_cut(BuildConfig.model_validate(config), now=dt.datetime(2026, 11, 22, tzinfo=dt.UTC))


@pytest.mark.parametrize("method", ROW_OF)
def test_every_row_set_of_a_cut_loads_strictly_and_whole(
    cut: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROOT_IMAGE_DIR", str(cut))
    path = cut / f"{method}.jsonl"
    assert len(loaded(path, monkeypatch)) == count(path) > 0


@pytest.mark.parametrize("side", ["validation", "held_out"])
def test_the_other_sides_load_as_well(cut: Path, side: str, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [path for path in sorted((cut / side).glob("*.jsonl")) if count(path)]
    assert {path.stem for path in files} >= {"cpt", "sft", "dpo", "grpo"}
    for path in files:
        assert len(loaded(path, monkeypatch)) == count(path)
