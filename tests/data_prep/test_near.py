"""Near-duplicates and leakage: found whatever the process, and 0 is a count and not an assumption."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from data_prep.leakage import measure
from data_prep.near import clusters, gram_hashes, shingles, signature, similarity
from data_prep.split import Split
from data_prep.units import SignTask
from tests.data_prep.published import a_line

ROOT = Path(__file__).parents[2]
TEXT = a_line(1)["body"] * 3


@pytest.mark.slow
def test_a_signature_does_not_depend_on_process_or_hash_seed() -> None:
    code = "import sys\nfrom data_prep.near import signature, gram_hashes\n" \
           "text = sys.stdin.read()\nprint(signature(text).hex(), gram_hashes(text))"  # fmt: skip
    here = f"{signature(TEXT).hex()} {gram_hashes(TEXT)}"
    for seed in ("0", "4711"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run([sys.executable, "-c", code], input=TEXT, cwd=ROOT, env=environment,
                              capture_output=True, text=True, check=True)  # fmt: skip
        assert done.stdout.strip() == here


def test_the_estimate_is_near_the_true_overlap() -> None:
    other = TEXT.replace("treasury", "ledger").replace("market", "bazaar")
    one, two = shingles(TEXT, 5), shingles(other, 5)
    true = len(one & two) / len(one | two)
    assert similarity(signature(TEXT), signature(other)) == pytest.approx(true, abs=0.12)
    assert similarity(signature(TEXT), signature(TEXT)) == 1


def test_near_texts_are_one_cluster_and_far_ones_none(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    body = a_line(1)["body"]
    bodies = {"c": body, "a": body + " One more sentence stands here.", "b": a_line(2)["body"], "d": "", "e": ""}
    rows = [{"id": key, "dao": "A", "created": dt.date(2026, 1, 1), "body": text} for key, text in bodies.items()]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "in.parquet")
    SignTask(tmp_path / "in.parquet", tmp_path / "signs" / "0.parquet").run()
    assert clusters(tmp_path / "signs" / "*.parquet", percent=70) == {"a": "a", "c": "a"}


def write_rows(path: Path, *texts: str, source: str = "p1", evidence: str = "[]") -> Path:
    rows = [
        {
            "messages": [{"role": "user", "content": "Write."}, {"role": "assistant", "content": text}],
            "dao_source": source,
            "dao_evidence_json": evidence,
        }
        for text in texts
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


SPLIT = Split(held_out_daos=("ENS",), held_out_from={"*": dt.date(2025, 1, 1)})
LONG = a_line(1)["body"]
OTHER = a_line(2)["body"]


def test_a_clean_cut_counts_nothing(tmp_path: Path) -> None:
    train, held = write_rows(tmp_path / "a", LONG), write_rows(tmp_path / "b", OTHER, source="p2")
    sources = {"p1": ("Aave", "2024-01-01"), "p2": ("ENS", "2024-01-01")}
    found = measure([("train", train), ("held_out", held)], sources, SPLIT)
    assert (found.total, found.texts) == (0, 2)


@pytest.mark.parametrize(
    ("name", "train", "options"),
    [
        ("exact", OTHER, {}),
        ("near", OTHER.replace("Summary", "Abstract") + " One more sentence.", {}),
        ("held_out", LONG, {"source": "p2"}),
        ("outcome", LONG + " This proposal was rejected.", {}),
        ("later", LONG, {"evidence": json.dumps([{"retrieved_at": "2024-01-02T00:00:00Z"}])}),
    ],
)
def test_each_planted_leak_is_counted_as_what_it_is(
    tmp_path: Path, name: str, train: str, options: dict[str, str]
) -> None:
    sources = {"p1": ("Aave", "2024-01-01"), "p2": ("ENS", "2024-01-01")}
    files = [("train", write_rows(tmp_path / "a", train, **options)), ("held_out", write_rows(tmp_path / "b", OTHER))]
    found = measure(files, sources, SPLIT)  # type: ignore[arg-type]
    assert (getattr(found, name), found.total) == (1, 1)
