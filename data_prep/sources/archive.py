"""The raw archive: what a source answered, kept before anything is parsed, and the cursor of where reading stands.

An archive is a folder of streams, one for each named source. An entry is one file of gzipped JSON lines, named by the
hash of its content and moved into place whole, so a killed fetch leaves no half entry, an entry that is fetched twice
is stored once, and a changed byte is noticed. The cursor is written after the entry it counts: what a crash can cost
is one request, never a row.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proposal.errors import ConflictError, IntegrityError
from proposal.hashing import sha256_data
from proposal.whole_files import write_whole

ENTRY_FORM = "dao-agent-raw/1"
CURSOR_FORM = "dao-agent-cursor/1"


@dataclass(frozen=True, slots=True)
class Entry:
    """What was asked (without secrets), when it was answered, and the answers as text, each as it came."""

    request: Mapping[str, Any]
    retrieved_at: dt.datetime
    bodies: tuple[str, ...]

    @property
    def address(self) -> str:
        """Return the content address: the hash of the request and its answers."""
        return sha256_data({"request": dict(self.request), "bodies": list(self.bodies)})


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a stream stands: `run` counts fetches from 1, `done` says that this one is complete."""

    identity: str
    run: int
    done: bool
    state: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stream:
    """The folder of one named source in an archive."""

    folder: Path

    def put(self, entry: Entry) -> str:
        """Store an entry durably and return its address; one that is there already is left as it is."""
        address = entry.address
        path = self._path(address)
        if not path.is_file():
            header = {"form": ENTRY_FORM, "request": dict(entry.request), "bodies": len(entry.bodies),
                      "retrieved_at": entry.retrieved_at.isoformat()}  # fmt: skip
            lines = "".join(json.dumps(line, ensure_ascii=True) + "\n" for line in (header, *entry.bodies))
            write_whole(path, gzip.compress(lines.encode("ascii"), compresslevel=6, mtime=0))
        return address

    def get(self, address: str) -> Entry:
        """Read one entry; raise `IntegrityError` where its bytes are not what was stored."""
        return _read(self._path(address))

    def entries(self) -> Iterator[Entry]:
        """Yield every entry in the order of its address, which no crash or restart changes."""
        for path in sorted(self.folder.glob("[0-9a-f][0-9a-f]/*.jsonl.gz")):
            yield _read(path)

    def cursor(self) -> Cursor | None:
        """Return where the stream stands, or None for one that was never fetched."""
        path = self.folder / "cursor.json"
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            return Cursor(data["identity"], data["run"], data["done"], data["state"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            fix = "remove this file: the next fetch begins anew and stores nothing twice"
            raise IntegrityError(f"the cursor cannot be read: {error}", where=str(path), fix=fix) from None

    def save(self, cursor: Cursor) -> None:
        """Move the cursor, whole or not at all."""
        data = {"form": CURSOR_FORM, "identity": cursor.identity, "run": cursor.run, "done": cursor.done,
                "state": dict(cursor.state)}  # fmt: skip
        text = json.dumps(data, indent=1, sort_keys=True) + "\n"
        write_whole(self.folder / "cursor.json", text.encode("ascii"))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the stream for one fetch: two at once would move one cursor."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise ConflictError("another fetch works on this stream", where=str(self.folder),
                                    fix="wait until it has ended") from None  # fmt: skip
            yield

    def _path(self, address: str) -> Path:
        return self.folder / address[:2] / f"{address}.jsonl.gz"


def stream(root: Path, name: str) -> Stream:
    """Return the stream of that name in the archive at `root`."""
    return Stream(root / name)


def _read(path: Path) -> Entry:
    try:
        with gzip.open(path, "rt", encoding="ascii") as lines:
            header = json.loads(lines.readline())
            bodies = tuple(json.loads(line) for line in lines)
        entry = Entry(header["request"], dt.datetime.fromisoformat(header["retrieved_at"]), bodies)
    except FileNotFoundError:
        raise IntegrityError("no such entry in the archive", where=str(path)) from None
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        raise _damaged(path, str(error)) from None
    if f"{entry.address}.jsonl.gz" != path.name:
        raise _damaged(path, "its content does not have the hash of its name")
    return entry


def _damaged(path: Path, why: str) -> IntegrityError:
    return IntegrityError(f"the archived entry is damaged: {why}", where=str(path),
                          fix="remove this file and the stream's cursor.json, and fetch again")  # fmt: skip
