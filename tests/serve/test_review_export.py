"""The desk's reviews as training data: whole, with people by pseudonym, and read by the build."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from data_prep.cases import read_reviews
from data_prep.records import KtoRow
from data_prep.rows import kto_rows, wanted
from proposal.decisions import check_chain
from proposal.errors import IntegrityError
from proposal.template import ReviewProfile, load_template
from serve.cli import app
from serve.review_export import write_reviews
from serve.reviews import Reviews
from serve.store import Store
from tests.serve.builders import a_draft, a_store, add_finished
from tests.serve.test_reviews import ADA, GRACE, LIN, vote


def a_reviewed_store(folder: Path) -> Store:
    store = a_store(folder)
    draft = a_draft()
    named = draft.model_copy(update={"brief": draft.brief.model_copy(update={"authors": ("Mira Sol", "Ada")})})
    add_finished(store, draft=named, profile=ReviewProfile(approvals=2, seats=3, authors_excluded=False))
    add_finished(store, "d-2")
    add_finished(store, "d-3")
    reviews = Reviews(store)
    reviews.decide("d-1", ADA, vote("approve"))
    reviews.decide("d-1", GRACE, vote("approve"))
    reviews.decide("d-2", LIN, vote("reject", "As Lin and ada said, the recipient is missing."))
    return store


def test_what_was_decided_is_written_without_a_name_and_read_as_rows(tmp_path: Path) -> None:
    store = a_reviewed_store(tmp_path)
    out = tmp_path / "out" / "reviews.jsonl"
    assert write_reviews(store, out) == 2
    assert [path.name for path in out.parent.iterdir()] == ["reviews.jsonl"]
    first, second = read_reviews(out)
    assert not any(name in out.read_text(encoding="utf-8") for name in ("Ada", "Grace", "Mira", '"Lin"'))
    assert first.draft.brief.authors == ("person-1", "person-2")
    assert [decision.reviewer for decision in first.review.decisions] == ["person-2", "person-3"]
    assert [decision.reviewer for decision in second.review.decisions] == ["person-5"]
    assert (wanted(first), wanted(second)) == (True, False)
    for reviewed, label in ((first, True), (second, False)):
        assert not check_chain(reviewed.review.decisions)
        rows = list(kto_rows(reviewed, load_template(reviewed.draft.manifest.template)))
        assert {row.label for row in rows if isinstance(row, KtoRow)} <= {label}


def test_a_reason_keeps_its_words_and_loses_its_names(tmp_path: Path) -> None:
    out = tmp_path / "reviews.jsonl"
    write_reviews(a_reviewed_store(tmp_path), out)
    *_, last = read_reviews(out)
    assert last.review.decisions[0].reason == "As person-5 and person-2 said, the recipient is missing."


def test_a_changed_decision_stops_the_export_and_leaves_no_file(tmp_path: Path) -> None:
    store = a_reviewed_store(tmp_path)
    with store.connection(write=True) as connection:
        connection.execute(sa.text("DROP TRIGGER IF EXISTS decisions_no_update"))
        names = connection.execute(sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
        for name in names:
            connection.execute(sa.text(f"DROP TRIGGER {name}"))
        connection.execute(sa.text("UPDATE decisions SET reason = 'changed' WHERE draft_id = 'd-2'"))
        connection.commit()
    with pytest.raises(IntegrityError, match="was changed after it was recorded"):
        write_reviews(store, tmp_path / "reviews.jsonl")
    assert not list(tmp_path.glob("*reviews.jsonl*"))


def test_the_command_writes_the_store_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_reviewed_store(tmp_path / "data").close()
    monkeypatch.setenv("DAO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["data", "reviews", "--out", "r.jsonl", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"out": "r.jsonl", "rows": 2}
