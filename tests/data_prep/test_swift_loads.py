"""ms-swift itself loads what we write, strictly, and loses no row."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from data_prep.build import build
from data_prep.chart_folder import ROWS_FILE, write_charts
from data_prep.convert import convert_row
from data_prep.formats import detect
from data_prep.images import PIXEL_BUDGET
from data_prep.inversion import invert
from data_prep.published import cpt_rows, vote_rows
from data_prep.reading import RawRow, read_rows
from data_prep.records import REWARD_COLUMNS, Drop, RmRow, Row
from data_prep.revisions import revision_rows
from data_prep.row_sets import method_of
from data_prep.series import made_up
from data_prep.votes import matched_pairs
from proposal.template import load_template
from tests.data_prep.test_formats import GOOD, written
from tests.data_prep.test_inversion import BODY, a_proposal
from tests.data_prep.test_published import FIRST, LATER, LIKED, LOVED, record

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


@pytest.mark.parametrize("method", ["sft", "sft_best", "dpo", "grpo", "grpo_best"])
def test_a_cut_loads_strictly_and_whole(cut: Path, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = cut / f"{method}.jsonl"
    assert len(loaded(path, monkeypatch)) == count(path) > 0


def test_the_columns_of_the_rewards_arrive_as_text(cut: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = loaded(cut / "grpo.jsonl", monkeypatch, keep=True)
    assert all(isinstance(row[name], str) for row in rows for name in REWARD_COLUMNS)


def history_rows() -> dict[str, list[Row]]:
    """Return rows of every kind that history gives: texts, votes, versions of one proposal, matched pairs."""
    first, later = a_proposal(FIRST, outcome="rejected"), a_proposal(BODY, **LATER)
    generic = load_template("generic")
    made: list[Row | Drop] = []
    for proposal in (first, later):
        made += [*cpt_rows(proposal), *vote_rows(invert(proposal, generic).case, generic, proposal.outcome)]
    made += [*revision_rows([first, later], generic), *matched_pairs([(record(1), LOVED), (record(2), LIKED)])]
    rows: dict[str, list[Row]] = {}
    for item in made:
        if not isinstance(item, Drop):
            rows.setdefault(method_of(item), []).append(item)
    return rows


def test_every_kind_of_row_from_history_loads_strictly_and_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = history_rows()
    assert set(kinds) == {"cpt", "kto_votes", "dpo", "rm"}
    for method, rows in kinds.items():
        path = tmp_path / f"{method}.jsonl"
        path.write_text("".join(row.model_dump_json() + "\n" for row in rows), encoding="utf-8")
        assert len(loaded(path, monkeypatch)) == len(rows), method
    margins = [row["margin"] for row in loaded(tmp_path / "rm.jsonl", monkeypatch)]
    assert margins == [row.margin for row in kinds["rm"] if isinstance(row, RmRow)]


def test_rows_of_charts_load_strictly_and_whole_and_their_pictures_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    charts = [made_up(number, 7) for number in range(3)]
    write_charts(charts, tmp_path, languages=("en",), seed=7, progress=lambda number: None)
    monkeypatch.setenv("ROOT_IMAGE_DIR", str(tmp_path))
    rows = loaded(tmp_path / ROWS_FILE, monkeypatch)
    assert len(rows) == count(tmp_path / ROWS_FILE) > 0
    from swift.template.vision_utils import load_image

    for row in rows:
        (image,) = row["images"]  # type: ignore[misc]
        picture = load_image(image["path"] if isinstance(image, dict) else image)
        assert picture.width * picture.height <= PIXEL_BUDGET


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
