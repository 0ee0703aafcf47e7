"""Drafting jobs: nothing finished is lost, nothing is done twice, whoever dies and whenever."""

from __future__ import annotations

import datetime as dt
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest

from proposal.draft import Draft, DraftRequest, SectionDraft
from proposal.errors import ConfigError, ConflictError
from serve.events import DraftEvent, DraftingStopped, Emit
from serve.jobs import LEASE, MAX_ATTEMPTS, Recorder, Wakeups, Worker
from serve.store import Store
from tests.serve.builders import (
    FILLED,
    NOON,
    SECTIONS,
    ScriptedDrafter,
    a_section,
    a_store,
    a_worker,
    add_draft,
    an_order,
)


def stage(store: Store, draft_id: str = "d-1") -> str:
    with store.read() as tx:
        row = tx.draft(draft_id)
    assert row is not None
    return row.stage


def events(store: Store, draft_id: str = "d-1") -> list[str]:
    with store.read() as tx:
        return [one.event.type for one in tx.events(draft_id, after=0)]


def test_a_job_runs_once_and_leaves_a_draft_and_its_events(store: Store) -> None:
    add_draft(store)
    drafter = ScriptedDrafter()
    worker = a_worker(store, drafter)
    assert worker.run_next()
    assert not worker.run_next()
    assert stage(store) == "drafted"
    assert drafter.drafted == list(SECTIONS)
    found = events(store)
    assert (found[0], found[-1]) == ("started", "finished")
    assert found.count("finished") == 1


def test_jobs_run_in_the_order_they_were_given(store: Store) -> None:
    for number in range(3):
        add_draft(store, f"d-{number}")
    worker = a_worker(store)
    worker.run_next()
    assert [stage(store, f"d-{number}") for number in range(3)] == ["drafted"] + ["drafting"] * 2


def test_a_dying_model_leaves_what_was_finished(store: Store) -> None:
    add_draft(store)
    a_worker(store, ScriptedDrafter(dies_in="risks")).run_next()
    assert stage(store) == "interrupted"
    with store.read() as tx:
        assert list(tx.sections("d-1")) == ["motivation", "summary"] or set(tx.sections("d-1")) == {
            "summary",
            "motivation",
        }
        row = tx.draft("d-1")
    assert row is not None
    assert row.error is not None
    assert row.error["message"] == "the model stopped answering"
    assert events(store)[-1] == "failed"


def test_a_resumed_draft_writes_only_what_is_missing(store: Store) -> None:
    add_draft(store)
    drafter = ScriptedDrafter(dies_in="risks", once=True)
    worker = a_worker(store, drafter)
    worker.run_next()
    worker.resume("d-1")
    worker.run_next()
    assert stage(store) == "drafted"
    assert drafter.drafted == ["summary", "motivation", "risks"]
    with pytest.raises(ConflictError, match="nothing to resume"):
        worker.resume("d-1")


def test_resuming_twice_queues_once(store: Store) -> None:
    add_draft(store)
    worker = a_worker(store, ScriptedDrafter(dies_in="risks", once=True))
    worker.run_next()
    worker.resume("d-1")
    worker.resume("d-1")
    assert worker.run_next()
    assert not worker.run_next()


class BrokenDrafter(ScriptedDrafter):
    """Has a bug behind the first section."""

    def draft(self, request: DraftRequest, *, done: Mapping[str, SectionDraft], emit: Emit) -> Draft:
        self._write("summary", emit)
        raise KeyError("oops")


def test_a_bug_in_drafting_leaves_a_draft_that_says_so(store: Store) -> None:
    add_draft(store)
    a_worker(store, BrokenDrafter()).run_next()
    assert stage(store) == "interrupted"
    with store.read() as tx:
        row = tx.draft("d-1")
        assert set(tx.sections("d-1")) == {"summary"}
    assert row is not None
    assert row.error is not None
    assert row.error["message"] == "drafting failed unexpectedly (KeyError)"


def test_a_job_that_kills_its_process_is_not_started_for_ever(tmp_path: Path) -> None:
    now = NOON
    store = a_store(tmp_path, clock=lambda: now)
    add_draft(store)
    for _ in range(MAX_ATTEMPTS):
        with store.write() as tx:
            assert tx.claim("dead", lease=LEASE) is not None
        now += LEASE + dt.timedelta(seconds=1)
    drafter = ScriptedDrafter()
    assert a_worker(store, drafter).run_next()
    assert drafter.drafted == []
    assert stage(store) == "interrupted"
    worker = a_worker(store, drafter)
    worker.resume("d-1")
    worker.run_next()
    assert stage(store) == "drafted"


def test_a_lease_that_runs_keeps_others_away_and_one_that_ran_out_does_not(tmp_path: Path) -> None:
    now = NOON
    store = a_store(tmp_path, clock=lambda: now)
    add_draft(store)
    with store.write() as tx:
        assert tx.claim("first", lease=LEASE) is not None
    now += LEASE - dt.timedelta(seconds=1)
    with store.write() as tx:
        assert tx.claim("second", lease=LEASE) is None
    now += dt.timedelta(seconds=2)
    with store.write() as tx:
        taken = tx.claim("second", lease=LEASE)
    assert taken is not None
    assert (taken.fence, taken.attempts) == (2, 2)


def test_a_zombie_writes_nothing(store: Store) -> None:
    add_draft(store)
    with store.write() as tx:
        old = tx.claim("zombie", lease=dt.timedelta(seconds=-1))
        new = tx.claim("heir", lease=LEASE)
    assert old is not None
    assert new is not None
    zombie = Recorder(store, old, wakeups=Wakeups())
    finished = DraftEvent(type="section_finished", section="risks", data=a_section("risks").model_dump(mode="json"))
    with pytest.raises(DraftingStopped, match="another worker took this draft over"):
        zombie.emit(finished)
    with pytest.raises(DraftingStopped):
        zombie.finish(lambda _tx: DraftEvent(type="finished"), state="done")
    assert events(store) == []
    with store.read() as tx:
        assert tx.sections("d-1") == {}


def test_text_gathers_in_batches_and_sections_do_not_mix(store: Store) -> None:
    add_draft(store)
    with store.write() as tx:
        lease = tx.claim("one", lease=LEASE)
    assert lease is not None
    recorder = Recorder(store, lease, wakeups=Wakeups())
    for text in ("a", "b", "c"):
        for key in ("summary", "risks"):
            recorder.emit(DraftEvent(type="delta", section=key, data={"text": text}))
    assert events(store) == []
    recorder.tick()
    with store.read() as tx:
        found = [(e.event.section, e.event.data["text"]) for e in tx.events("d-1", after=0)]
    assert found == [("summary", "abc"), ("risks", "abc")]


def test_a_lease_is_renewed_while_nothing_is_said(tmp_path: Path) -> None:
    now = NOON
    store = a_store(tmp_path, clock=lambda: now)
    add_draft(store)
    with store.write() as tx:
        lease = tx.claim("one", lease=LEASE)
    assert lease is not None
    recorder = Recorder(store, lease, wakeups=Wakeups())
    for _ in range(10):
        now += dt.timedelta(seconds=11)
        recorder.tick()
    with store.write() as tx:
        assert tx.claim("other", lease=LEASE) is None


def test_a_planned_stop_puts_the_job_back_without_a_failed_attempt(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    add_draft(store)
    reached = threading.Event()
    drafter = ScriptedDrafter(between=lambda: (reached.set(), time.sleep(0.01)))  # type: ignore[arg-type, func-returns-value, return-value]
    worker = Worker(store, drafter)
    worker.start()
    assert reached.wait(5)
    worker.stop()
    assert stage(store) == "drafting"
    with store.write() as tx:
        lease = tx.claim("next", lease=LEASE)
    assert lease is not None
    assert lease.attempts == 1


def test_one_process_runs_the_jobs_of_a_sqlite_file(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    first, second = a_worker(store), a_worker(store)
    first.start()
    with pytest.raises(ConfigError, match="another gateway is running on this database"):
        second.start()
    first.stop()
    second.start()
    second.stop()


def test_a_worker_survives_a_database_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = a_store(tmp_path)
    worker = a_worker(store)
    monkeypatch.setattr("serve.jobs._IDLE_SECONDS", 0.02)
    calls = 0
    real = worker.run_next

    def flaky() -> bool:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise OSError("disk full")
        return real()

    monkeypatch.setattr(worker, "run_next", flaky)
    worker.start()
    add_draft(store)
    worker.wake()
    deadline = time.monotonic() + 5
    while stage(store) != "drafted" and time.monotonic() < deadline:
        time.sleep(0.02)
    worker.stop()
    assert stage(store) == "drafted"


# A real process, killed


class Process:
    """A gateway in a process of its own."""

    def __init__(self, folder: Path, *, pause: float) -> None:
        command = [sys.executable, "-m", "tests.serve.scripted_gateway", str(folder), str(pause)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
        assert self._process.stdout is not None
        told = json.loads(self._process.stdout.readline())
        self.client = httpx2.Client(base_url=told["url"], headers={"authorization": f"Bearer {told['api_token']}"})

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self.client.close()

    def draft(self, draft_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"/v1/drafts/{draft_id}").json()
        return found

    def wait_for_sections(self, draft_id: str, count: int) -> None:
        while len(self.draft(draft_id)["sections"]) < count:
            time.sleep(0.02)

    def wait_until_drafted(self, draft_id: str) -> dict[str, Any]:
        while (found := self.draft(draft_id))["status"] == "drafting":
            time.sleep(0.02)
        return found


@pytest.mark.slow
def test_a_killed_gateway_goes_on_where_it_was(tmp_path: Path) -> None:
    gateway = Process(tmp_path, pause=0.05)
    draft_id = gateway.client.post("/v1/drafts", json=an_order()).json()["id"]
    gateway.wait_for_sections(draft_id, 1)
    kept = gateway.draft(draft_id)["sections"]
    gateway.kill()

    gateway = Process(tmp_path, pause=0.0)
    try:
        found = gateway.wait_until_drafted(draft_id)
        assert found["status"] == "drafted"
        stream = gateway.client.get(f"/v1/drafts/{draft_id}/events").text
    finally:
        gateway.kill()
    told = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: ")]
    finished = [event["section"] for event in told if event["type"] == "section_finished"]
    assert finished == list(SECTIONS), "a finished section is not written again"
    assert kept[0]["text"] == FILLED["summary"]
    assert [event["type"] for event in told].count("started") == 2
    numbers = [int(line[4:]) for line in stream.splitlines() if line.startswith("id: ")]
    assert numbers == list(range(1, len(numbers) + 1))
