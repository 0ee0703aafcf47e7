"""A cut with a split: sides, N processes, kills at any moment, and what is refused."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest

from data_prep.build import build_cut
from data_prep.config import BuildConfig, load_config
from data_prep.lake import Lake
from data_prep.units import UNIT
from proposal.errors import ConfigError, ConflictError, InputError
from tests.data_prep.published import a_line, write_lines

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
NOW = dt.datetime(2026, 11, 22, 10, 0, tzinfo=dt.UTC)
SPLIT = 'held_out_daos: [Birch DAO]\nheld_out_from: {"*": 2022-06-01}\ngap_days: 30\nvalidation_per_mille: 200\n'


def config_of(folder: Path, lines: list[dict[str, Any]], split: str = SPLIT, **changed: Any) -> BuildConfig:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "split.yaml").write_text(split, encoding="utf-8")
    path = write_lines(folder / "lines.jsonl", lines)
    return BuildConfig.model_validate(
        {
            "name": "made",
            "out": str(folder / "cuts"),
            "split": str(folder / "split.yaml"),
            "variants": 7,
            "row_sets": ["sft", "grpo"],
            "inputs": [{"path": str(path), "kind": "proposals"}],
            **changed,
        }
    )


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def folder_hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cut of 40 proposals of three DAOs over seven months; the tests only read it."""
    return build_cut(config_of(tmp_path_factory.mktemp("cut"), [a_line(number) for number in range(40)]), now=NOW)


def test_every_proposal_is_on_the_side_that_its_dao_and_day_say(made: Path) -> None:
    for source in rows_of(made / "sources.jsonl"):
        if source["dao"] == "Birch DAO":
            assert (source["side"], source["why"]) == ("held_out", "dao")
        elif source["created"] >= "2022-06-01":
            assert (source["side"], source["why"]) == ("held_out", "date")
        elif source["created"] >= "2022-05-02":
            assert (source["side"], source["why"]) == ("", "gap")
        else:
            assert source["side"] in {"train", "validation"}


def test_rows_lie_in_the_files_of_their_side_and_the_manifest_counts_them(made: Path) -> None:
    manifest = json.loads((made / "manifest.json").read_text(encoding="utf-8"))
    sides = {source["id"]: source["side"] for source in rows_of(made / "sources.jsonl")}
    for side, counts in manifest["rows_by_side"].items():
        folder = made if side == "train" else made / side
        for method, count in counts.items():
            rows = rows_of(folder / f"{method}.jsonl")
            assert len(rows) == count
            assert {sides[row["dao_source"].partition("#")[0]] for row in rows} <= {side}
    assert all(counts["sft"] > 0 for counts in manifest["rows_by_side"].values())
    assert manifest["leakage"]["total"] == 0
    found = manifest["inversion"]
    assert found["inverted"] == found["proposals"] > 30
    assert (found["sections"], found["lost"]) == (3 * found["proposals"], 0)


def test_distracting_evidence_is_never_later_nor_of_another_side(made: Path) -> None:
    sources = {source["url"]: source for source in rows_of(made / "sources.jsonl")}
    own = {source["id"]: source for source in sources.values()}
    seen = 0
    for row in rows_of(made / "grpo.jsonl"):
        name, _, variant = row["dao_source"].partition("#")
        for item in json.loads(row["dao_evidence_json"]) if variant == "distractors" else ():
            other = sources[item["url"]]
            assert other["created"] <= own[name]["created"]
            assert other["side"] == own[name]["side"]
            seen += other["id"] != name
    assert seen > 5


def test_a_near_copy_of_a_held_out_proposal_is_not_trained_on(tmp_path: Path) -> None:
    lines = [a_line(number) for number in range(12)]
    body = lines[1]["body"] + "\n\nOne sentence was added at the end of this copy."
    copied = {**a_line(99, dao="Alder DAO", created="2022-02-01"), "body": body}
    cut = build_cut(config_of(tmp_path, [*lines, copied]), now=NOW)
    source = next(source for source in rows_of(cut / "sources.jsonl") if source["id"] == "made-99")
    assert (source["side"], source["why"], source["cluster"]) == ("", "cluster", "made-1")
    assert [drop["reason"] for drop in rows_of(cut / "dropped.jsonl") if drop["source"] == "made-99"] == [
        "near-held-out"
    ]


def test_a_section_copied_from_a_held_out_proposal_is_refused(tmp_path: Path) -> None:
    """The two proposals are no near-duplicates as a whole: what is learnt from each row is compared too."""
    lines = [a_line(number) for number in range(12)]
    summary = lines[1]["body"].split("\n\n## ")[0]
    mixed = {**a_line(99, created="2022-02-01"), "dao": "Alder DAO"}
    mixed["body"] = summary + "\n\n## " + mixed["body"].split("\n\n## ", 1)[1]
    cut = build_cut(config_of(tmp_path, [*lines, mixed]), now=NOW)
    taught = {row["dao_section"] for row in rows_of(cut / "sft.jsonl") if row["dao_source"] == "made-99"}
    assert taught == {"motivation", "specification"}
    assert json.loads((cut / "manifest.json").read_text(encoding="utf-8"))["leakage"]["total"] == 0


def test_a_second_proposal_of_one_id_is_a_counted_drop(tmp_path: Path) -> None:
    cut = build_cut(config_of(tmp_path, [a_line(0), a_line(2, id="made-0")]), now=NOW)
    assert [(d["reason"], d["detail"]) for d in rows_of(cut / "dropped.jsonl") if not d["section"]] == [
        ("duplicate", "another proposal has this id")
    ]


def test_a_text_without_a_free_licence_is_a_counted_drop(tmp_path: Path) -> None:
    cut = build_cut(config_of(tmp_path, [a_line(0), a_line(2, licence="CC-BY-NC-4.0")]), now=NOW)
    assert {source["id"] for source in rows_of(cut / "sources.jsonl")} == {"made-0"}
    assert "licence" in {drop["reason"] for drop in rows_of(cut / "dropped.jsonl")}


def test_only_the_row_sets_that_were_asked_for_are_built(tmp_path: Path) -> None:
    cut = build_cut(config_of(tmp_path, [a_line(0)], row_sets=["sft"]), now=NOW)
    assert {path.name for path in cut.glob("*.jsonl")} == {"sft.jsonl", "sources.jsonl", "dropped.jsonl"}


def test_a_missing_input_says_how_to_name_the_shared_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DAO_SHARED_DATA", str(tmp_path / "nowhere"))
    config = config_of(tmp_path, [], inputs=[{"path": "@shared/proposals", "kind": "proposals"}])
    with pytest.raises(InputError, match="DAO_SHARED_DATA"):
        build_cut(config, now=NOW)


def test_a_wrong_key_of_a_configuration_is_named_with_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "data.yaml"
    path.write_text("name: x\nlakes: y\ninputs: [{path: a, kind: cases}]\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="did you mean 'lake'"):
        load_config(path)


def test_a_broken_line_stops_the_build_and_is_named(tmp_path: Path) -> None:
    config = config_of(tmp_path, [a_line(0)])
    path = Path(config.inputs[0].path)
    path.write_text(path.read_text(encoding="utf-8") + '{"id": \n', encoding="utf-8")
    with pytest.raises(InputError, match=r"lines\.jsonl:2"):
        build_cut(config, now=NOW)


def test_two_builds_of_one_cut_at_once_are_refused(tmp_path: Path) -> None:
    config = config_of(tmp_path, [a_line(0)])

    def again(stage: str, _done: int, _total: int) -> None:
        if stage == "lake":
            with pytest.raises(ConflictError):
                build_cut(config, now=NOW)

    build_cut(config, now=NOW, note=again)


# --- processes and kills ----------------------------------------------------------------------------------------------

MANY = 7 * UNIT


def command(folder: Path, processes: int) -> list[str]:
    config = config_of(folder, [a_line(number) for number in range(MANY)])
    (folder / "data.yaml").write_text(json.dumps(config.model_dump(mode="json")), encoding="utf-8")
    return [sys.executable, "-m", "data_prep.build", str(folder / "data.yaml"), "--processes", str(processes)]


def started(folder: Path, processes: int) -> subprocess.Popen[str]:
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1763805600"}
    return subprocess.Popen(command(folder, processes), cwd=ROOT, env=environment, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip


def finished(folder: Path, processes: int) -> str:
    process = started(folder, processes)
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    return folder_hash((folder / "cuts" / "made").resolve())


@pytest.mark.timeout(600)
def test_any_number_of_processes_and_any_kills_give_the_same_bytes(tmp_path: Path) -> None:
    """Killed by SIGKILL at random moments of every stage, with one, two and three processes in turn."""
    whole = finished(tmp_path / "whole", 1)
    assert finished(tmp_path / "three", 3) == whole
    choice = Random(20261122)
    folder, kills = tmp_path / "killed", 0
    for attempt in range(12):
        process = started(folder, 1 + attempt % 3)
        time.sleep(choice.uniform(0.2, 3.5))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += process.returncode == -signal.SIGKILL
    assert kills >= 3
    assert finished(folder, 2) == whole
    assert not list((folder / "cuts").glob(".work-*"))


def test_fetched_history_becomes_tables_of_the_lake_and_rows(tmp_path: Path) -> None:
    common = {"source": "files", "stream": "own", "dao": "Alder DAO", "retrieved_at": "2026-11-01T00:00:00+00:00",
              "licence": "MIT", "raw_hash": "0" * 64, "url": "https://forum.example.org/t/1"}  # fmt: skip
    line = a_line(0)
    proposals = [
        {
            **common,
            "source_id": "1",
            "title": line["title"],
            "body": line["body"],
            "created": "2022-01-01T08:00:00+00:00",
        },
        {**common, "source_id": "2", "title": line["title"], "body": line["body"]},
    ]
    votes = [{**common, "source_id": "v1", "proposal_id": "1", "voter": "0x1", "choice": "1", "power": "1" * 60,
              "reason": "Ask me at ada@example.org"}]  # fmt: skip
    for name, rows in (("proposals", proposals), ("votes", votes)):
        write_lines(tmp_path / f"{name}.jsonl", rows)
    cut = build_cut(config_of(tmp_path / "b", [], inputs=[{"path": str(tmp_path), "kind": "history"}]), now=NOW)
    assert [source["id"] for source in rows_of(cut / "sources.jsonl")] == ["files/own/1"]
    assert {drop["reason"] for drop in rows_of(cut / "dropped.jsonl") if drop["source"] == "files/own/2"} == {"undated"}
    found = Lake(tmp_path / "b" / "lake").query("SELECT power, reason FROM votes")[1]
    assert found == [("1" * 60, "Ask me at (e-mail address removed)")]
