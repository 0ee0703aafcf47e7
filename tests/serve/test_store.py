"""The database: its tables, its triggers, its one writer at a time."""

from __future__ import annotations

import stat
import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from proposal.errors import ConfigError
from proposal.template import ReviewProfile
from serve.engines import check_sqlite
from serve.events import DraftEvent
from serve.reviews import Reviews, Vote
from serve.store import Reviewer, Store
from serve.tables import metadata
from tests.serve.builders import a_draft, a_request, a_store, add_draft, add_finished

ADA = Reviewer("ada", "Ada")


def differences(store: Store) -> list[Any]:
    with store.connection() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))


def test_the_migrations_make_the_tables_that_the_code_describes(store: Store) -> None:
    assert differences(store) == []


def test_a_database_that_is_not_there_is_made(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'new' / 'folder' / 'desk.sqlite3'}")
    assert differences(store) == []
    assert stat.S_IMODE((tmp_path / "new" / "folder").stat().st_mode) == 0o700


def test_a_database_opened_again_still_holds_its_drafts(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'desk.sqlite3'}"
    first = Store.open(url)
    add_draft(first, "d-kept")
    first.close()
    with Store.open(url).read() as tx:
        assert tx.draft("d-kept") is not None


def test_only_the_owner_may_read_the_database_file(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'desk.sqlite3'}")
    add_draft(store)
    modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.glob("desk.sqlite3*")}
    assert modes == {0o600}


def test_every_connection_to_sqlite_is_set_up_for_durability(tmp_path: Path) -> None:
    with a_store(tmp_path).connection() as connection:
        pragmas = ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers")
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas]
    assert found == ["wal", 2, 1, 1]


def test_a_sqlite_that_can_corrupt_its_log_is_refused() -> None:
    check_sqlite((3, 51, 3))
    with pytest.raises(ConfigError, match=r"3\.51\.2 can corrupt"):
        check_sqlite((3, 51, 2))


@pytest.mark.parametrize("url", ["mysql://root@localhost/x", "sqlite://", "sqlite:///:memory:"])
def test_a_database_that_cannot_keep_decisions_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="DAO_DATABASE_URL"):
        Store.open(url)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="set DAO_DATA_DIR"):
        Store.open(f"sqlite:///{tmp_path}/file/desk.sqlite3")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE decisions SET verdict = 'reject'",
        "DELETE FROM decisions",
        "UPDATE versions SET draft = '{}'",
        "DELETE FROM versions",
    ],
)
def test_what_was_decided_and_what_it_was_decided_on_cannot_be_changed(store: Store, change: str) -> None:
    add_finished(store)
    Reviews(store).decide("d-1", ADA, Vote(verdict="approve", seen_version=1))
    with (
        pytest.raises(sa.exc.DBAPIError, match="is append-only"),
        store.connection(write=True) as one,
    ):
        one.execute(sa.text(change))
    with store.read() as tx:
        assert [decision.verdict for decision in tx.decisions("d-1")] == ["approve"]


def test_replacing_a_row_counts_as_changing_it(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    add_finished(store)
    Reviews(store).decide("d-1", ADA, Vote(verdict="approve", seen_version=1))
    replace = "INSERT OR REPLACE INTO decisions SELECT * FROM decisions"
    with (
        pytest.raises(sa.exc.DBAPIError, match="is append-only"),
        store.connection(write=True) as one,
    ):
        one.execute(sa.text(replace))


POSTGRES = pytest.param("postgres", marks=pytest.mark.postgres)


@pytest.mark.parametrize("store", [POSTGRES], indirect=True)
def test_truncating_counts_as_changing(store: Store) -> None:
    with (
        pytest.raises(sa.exc.DBAPIError, match="is append-only"),
        store.connection(write=True) as one,
    ):
        one.execute(sa.text("TRUNCATE decisions"))


def test_a_request_and_a_draft_come_back_as_they_were_stored(store: Store) -> None:
    request = a_request(title="数字 — “quoted” \N{ROCKET}")
    draft = a_draft(request, flaws=[("45,000 USDC", "error")])
    add_draft(store, "d-1", title="数字 — “quoted” \N{ROCKET}")
    with store.write() as tx:
        tx.add_version("d-1", draft, profile=ReviewProfile(approvals=1, seats=1))
    with store.read() as tx:
        version = tx.version("d-1", 1)
        assert tx.request("d-1") == request
        assert version is not None
        assert version.draft == draft
        assert version.gate.profile == ReviewProfile(approvals=1, seats=1)
        row = tx.draft("d-1")
        assert row is not None
        assert (row.errors, row.warnings, row.version) == (1, 0, 1)


def test_pages_of_drafts_are_whole_and_do_not_overlap(store: Store) -> None:
    for number in range(7):
        add_draft(store, f"d-{number}")
    found, before = [], None
    while True:
        with store.read() as tx:
            page = tx.drafts(before=before, limit=3)
        if not page:
            break
        found += [row.id for row in page]
        before = page[-1].number
    assert found == [f"d-{number}" for number in reversed(range(7))]


def test_what_a_failed_transaction_wrote_is_gone(store: Store) -> None:
    def write_and_fail() -> None:
        with store.write() as tx:
            tx.add_reviewer(ADA)
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_and_fail()
    with store.read() as tx:
        assert tx.reviewer("ada") is None


def test_events_of_eight_writers_are_numbered_without_gap_or_repeat(store: Store) -> None:
    add_draft(store)
    failed: list[BaseException] = []

    def write() -> None:
        try:
            for _ in range(20):
                with store.write() as tx:
                    tx.add_events("d-1", [DraftEvent(type="delta", data={"text": "x"})])
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with store.read() as tx:
        assert [one.seq for one in tx.events("d-1", after=0)] == list(range(1, 161))


def test_model_text_that_no_engine_stores_as_it_is_survives(store: Store) -> None:
    add_draft(store)
    strange = "nul \0, half a pair \ud83d, \u202e reversed"
    with store.write() as tx:
        tx.add_events("d-1", [DraftEvent(type="delta", data={"text": strange})])
    with store.read() as tx:
        assert tx.events("d-1", after=0)[0].event.data["text"] == strange
