"""Drafting jobs: one worker thread, a lease on each job, and everything that was finished kept.

A job is a row, so it survives the process. Its worker holds a lease and a fence number; every write
of the job checks the fence, so a worker that was thought dead and wakes up writes nothing. Text
that streams in is stored in batches of a tenth of a second; a finished section is stored before
drafting goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import fcntl
import logging
import secrets
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from sqlalchemy.exc import SQLAlchemyError

from proposal.draft import Draft, SectionDraft
from proposal.errors import AgentError, ConfigError, ConflictError
from proposal.template import builtin_template
from serve.events import Drafter, DraftEvent, DraftingStopped
from serve.reviews import find_draft
from serve.store import Lease, Store, Transaction

log = logging.getLogger(__name__)

LEASE = dt.timedelta(seconds=30)
RENEW_AFTER = dt.timedelta(seconds=10)
BATCH_SECONDS = 0.1
MAX_ATTEMPTS = 3
"""Starts of one job before it waits for a person: a job that kills the process must not do so for
ever.
"""
_IDLE_SECONDS = 1.0
_TERMINAL = {"finished", "failed"}


class Wakeups:
    """Tells those who watch a draft that there is news, so that they need not poll the database."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, set[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = {}

    @contextlib.contextmanager
    def listening(self, draft_id: str) -> Iterator[asyncio.Event]:
        """Yield an event that is set at each news of the draft; call it inside a running loop."""
        entry = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._waiting.setdefault(draft_id, set()).add(entry)
        try:
            yield entry[1]
        finally:
            with self._lock:
                self._waiting[draft_id].discard(entry)
                if not self._waiting[draft_id]:
                    del self._waiting[draft_id]

    def notify(self, draft_id: str) -> None:
        with self._lock:
            entries = list(self._waiting.get(draft_id, ()))
        for loop, event in entries:
            with contextlib.suppress(RuntimeError):  # its loop is closed: nobody listens there any more
                loop.call_soon_threadsafe(event.set)


class Recorder:
    """Stores what one job emits, as long as the job is still ours."""

    def __init__(self, store: Store, lease: Lease, *, wakeups: Wakeups) -> None:
        self._store = store
        self._lease = lease
        self._wakeups = wakeups
        self._lock = threading.Lock()
        self._pending: list[DraftEvent] = []
        self._renewed = store.clock()
        self._over: Exception | None = None

    def emit(self, event: DraftEvent) -> None:
        """Take one event of the drafter; called from its threads.

        The end of a draft is recorded with its version, in one transaction, so the drafter's own is
        left out.
        """
        with self._lock:
            if self._over is not None:
                raise self._over
            if event.type in _TERMINAL:
                return
            self._append(event)
            if event.type != "delta":
                self._flush()

    def tick(self) -> None:
        """Store what has gathered and keep the lease alive; called ten times a second."""
        with self._lock:
            due = self._store.clock() - self._renewed > RENEW_AFTER
            if self._over is None and (self._pending or due):
                try:
                    self._flush()
                except (SQLAlchemyError, DraftingStopped) as error:
                    self._over = error

    def stop(self) -> None:
        """Make the drafter's next event raise, so that it ends."""
        with self._lock:
            self._over = self._over or DraftingStopped("the gateway is stopping")

    def finish(self, end: Callable[[Transaction], DraftEvent], *, state: str) -> None:
        """Store what is left and the end of the job, in one transaction."""
        with self._lock:
            self._flush(end, state=state)

    def _append(self, event: DraftEvent) -> None:
        """Add an event; text of one section gathers in one event (only text ever waits here)."""
        if event.type != "delta":
            self._pending.append(event)
            return
        for place, waiting in enumerate(self._pending):
            if waiting.section == event.section:
                text = str(waiting.data.get("text", "")) + str(event.data.get("text", ""))
                self._pending[place] = DraftEvent(type="delta", section=event.section, data={"text": text})
                return
        self._pending.append(event)

    def _flush(self, end: Callable[[Transaction], DraftEvent] | None = None, *, state: str = "running") -> None:
        draft_id = self._lease.draft_id
        with self._store.write() as tx:
            ours = tx.renew(self._lease, until=tx.now + LEASE) if state == "running" else tx.end_job(self._lease, state)
            if not ours:
                raise DraftingStopped("another worker took this draft over")
            for event in self._pending:
                if event.type == "section_finished":
                    tx.save_section(draft_id, SectionDraft.model_validate(event.data))
            tx.add_events(draft_id, [*self._pending, *([end(tx)] if end else [])])
            self._renewed = tx.now
        self._pending.clear()
        self._wakeups.notify(draft_id)


class Worker:
    """Runs drafting jobs, one after the other, in a thread of its own."""

    def __init__(self, store: Store, drafter: Drafter, *, signatures_required: bool = False) -> None:
        self._store = store
        self._stricter = {"signatures": "required"} if signatures_required else {}
        self._drafter = drafter
        self._name = secrets.token_hex(8)
        self._news = threading.Event()
        self._stopping = threading.Event()
        self._recorder: Recorder | None = None
        self._thread = threading.Thread(target=self._run, name="drafting", daemon=True)
        self._only: IO[str] | None = None
        self.wakeups = Wakeups()

    def take_database(self) -> None:
        """Become the one process that runs jobs on a SQLite file; raises `ConfigError` when another
        one does.
        """
        if self._store.file is not None and self._only is None:
            self._only = _lock_file(self._store.file)

    def start(self) -> None:
        """Start working; with SQLite, take over at once whatever a dead process left running."""
        self.take_database()
        if self._only is not None:
            with self._store.write() as tx:
                if left := tx.free_orphans():
                    log.info("drafts_taken_over count=%s", left)
        self._thread.start()

    def stop(self, *, seconds: float = 5.0) -> None:
        """End after the drafter's next event; an unfinished job is put back for the next start."""
        self._stopping.set()
        self._news.set()
        if self._recorder is not None:
            self._recorder.stop()
        if self._thread.is_alive():
            self._thread.join(seconds)
        if self._only is not None:
            self._only.close()
            self._only = None

    def wake(self) -> None:
        """Tell the worker that a job was queued."""
        self._news.set()

    def resume(self, draft_id: str) -> None:
        """Queue an interrupted draft again; its finished sections are kept."""
        with self._store.write() as tx:
            row = find_draft(tx, draft_id)
            if row.stage == "drafting":
                return
            if row.stage == "drafted":
                raise ConflictError("this draft is finished; there is nothing to resume")
            tx.set_stage(draft_id, "drafting", error=None)
            tx.requeue(draft_id)
        self.wake()

    def run_next(self) -> bool:
        """Run the next job to its end; False when there is none."""
        with self._store.write() as tx:
            lease = tx.claim(self._name, lease=LEASE)
        if lease is None:
            return False
        log.info("draft_started id=%s attempt=%s", lease.draft_id, lease.attempts)
        self._recorder = Recorder(self._store, lease, wakeups=self.wakeups)
        if self._stopping.is_set():
            self._recorder.stop()
        try:
            self._work(lease, self._recorder)
        except DraftingStopped as stopped:
            log.info("draft_stopped id=%s reason=%s", lease.draft_id, stopped)
            with self._store.write() as tx:
                tx.give_back(lease)
        finally:
            self._recorder = None
        return True

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._news.clear()
            try:
                busy = self.run_next()
            except Exception:  # the one handler below which nothing may end the worker
                log.exception("worker_failed")
                busy = False
            if not busy:
                self._news.wait(_IDLE_SECONDS)

    def _work(self, lease: Lease, recorder: Recorder) -> None:
        with self._store.read() as tx:
            request, done = tx.request(lease.draft_id), tx.sections(lease.draft_id)
        if lease.attempts > MAX_ATTEMPTS:
            _interrupt(recorder, lease, _too_often())
            return
        try:
            with _ticking(recorder):
                draft = self._drafter.draft(request, done=done, emit=recorder.emit)
            profile = builtin_template(request.brief.template).review.model_copy(update=self._stricter)
            recorder.finish(
                lambda tx: _finished(tx.add_version(lease.draft_id, draft, profile=profile), draft),
                state="done",
            )
        except AgentError as error:
            _interrupt(recorder, lease, error)
        except (DraftingStopped, SQLAlchemyError):
            raise
        except Exception as error:  # a bug leaves a draft that says so, not one that drafts for ever
            log.exception("drafting_failed id=%s", lease.draft_id)
            _interrupt(recorder, lease, _unexpected(error))


def _finished(version: int, draft: Draft) -> DraftEvent:
    counts = [finding.severity for finding in draft.findings]
    return DraftEvent(
        type="finished",
        data={
            "version": version,
            "errors": counts.count("error"),
            "warnings": counts.count("warning"),
        },
    )


def _interrupt(recorder: Recorder, lease: Lease, error: AgentError) -> None:
    """Leave the draft resumable, with the reason on it."""

    def end(tx: Transaction) -> DraftEvent:
        tx.set_stage(lease.draft_id, "interrupted", error=error.to_dict())
        return DraftEvent(type="failed", data=error.to_dict())

    log.warning("draft_interrupted id=%s code=%s", lease.draft_id, error.code)
    recorder.finish(end, state="interrupted")


def _too_often() -> AgentError:
    return AgentError(
        f"drafting was started {MAX_ATTEMPTS} times and the gateway died each time",
        fix="look into the gateway's log, then resume the draft",
    )


def _unexpected(error: Exception) -> AgentError:
    return AgentError(
        f"drafting failed unexpectedly ({type(error).__name__})",
        fix="look into the gateway's log, then resume the draft; finished sections are kept",
    )


@contextlib.contextmanager
def _ticking(recorder: Recorder) -> Iterator[None]:
    """Let the recorder store and renew while the drafter works."""
    done = threading.Event()

    def run() -> None:
        while not done.wait(BATCH_SECONDS):
            recorder.tick()

    thread = threading.Thread(target=run, name="drafting-recorder", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _lock_file(database: Path) -> IO[str]:
    """Hold the lock that says: this process runs the jobs of this database."""
    file = database.with_suffix(".lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise ConfigError(
            "another gateway is running on this database",
            where=str(database),
            fix="stop it, or give this one its own DAO_DATA_DIR; several gateways need PostgreSQL",
        ) from None
    return file
