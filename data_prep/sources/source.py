"""What every source is: a closed spec, a state machine that reads the next piece, and a pure reading of what was kept.

`fetch` is the only thing that asks a network. It stores each answer before anything is parsed and then moves the
cursor, so it can be killed between any two steps. `read` asks nobody: it turns the archive into records, the newest of
each key, and is therefore the same however often, in whatever order and with whatever interruptions answers came.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from data_prep.history import Dropped, Record
from data_prep.sources.archive import Cursor, Entry, Stream, stream
from data_prep.sources.fetcher import Fetcher, Policy
from data_prep.sources.items import Item, raw_hash
from proposal.errors import ConfigError, InputError
from proposal.hashing import sha256_data

State = Mapping[str, Any]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
Records = Iterator[Record | Dropped]


class SourceSpec(BaseModel):
    """What the spec of every source says.

    `name` names the stream for good: its folder in the archive and part of each record's key. `licence` is that of
    the texts, as an SPDX name or "unstated"; nobody but the person who writes the spec can know it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    tuning: ClassVar[frozenset[str]] = frozenset()

    source: str
    name: Name
    dao: str = Field(min_length=1, max_length=120)
    licence: str = Field(min_length=1, max_length=80)

    @property
    def identity(self) -> str:
        """Return the hash of what makes it this stream and no other; how it is read may change."""
        return sha256_data(self.model_dump(mode="json", exclude={"licence", "dao", *self.tuning}))

    def origin(self, item: Item, source_id: str) -> dict[str, Any]:
        """Return what every record of this stream says about where it comes from."""
        return {
            "source": self.source,
            "stream": self.name,
            "source_id": source_id,
            "dao": self.dao,
            "retrieved_at": item.retrieved_at,
            "licence": self.licence,
            "raw_hash": raw_hash(item.data),
        }


class NetworkSpec(SourceSpec):
    """What a source behind a network adds: how polite to be, and whether a private address may be asked."""

    tuning: ClassVar[frozenset[str]] = frozenset({"requests_per_minute", "timeout_s", "allow_private"})

    requests_per_minute: float = Field(default=60, gt=0, le=6_000)
    timeout_s: float = Field(default=30, gt=0, le=600)
    allow_private: bool = False

    @property
    def policy(self) -> Policy:
        """Return how the fetcher is to ask."""
        return Policy(self.requests_per_minute, self.timeout_s, self.allow_private)

    @staticmethod
    def key_header(header: str, variable: str) -> dict[str, str]:
        """Return the header with the API key from the environment variable that the spec names, if it names one."""
        if not variable:
            return {}
        key = os.environ.get(variable)
        if not key:
            raise ConfigError(
                f"the environment variable {variable} is not set", fix="set it, or name another variable in the spec"
            )
        return {header: key}


Spec = TypeVar("Spec", bound=SourceSpec)


@dataclass(frozen=True, slots=True)
class Step:
    """One piece that was read: what was asked, the raw answers, where reading stands then, and a line of progress.

    A step without a request only moves the cursor.
    """

    request: Mapping[str, Any]
    bodies: tuple[str, ...]
    state: State
    note: str


@dataclass(frozen=True, slots=True)
class Source(Generic[Spec]):
    """A kind of source.

    `begin` gives the state of a new run from that of the last complete one; `step` reads the next piece or returns None
    when there is none; `records` turns the archive into records, old and new ones of a key alike.
    """

    name: str
    spec: type[Spec]
    begin: Callable[[Spec, State | None], State]
    step: Callable[[Spec, State, Fetcher], Step | None]
    records: Callable[[Spec, Stream], Records]

    def fetch(self, spec: Spec, archive: Path, fetcher: Fetcher) -> Iterator[Step]:
        """Bring the stream in the archive up to date, yielding each piece after it is safe; resume an earlier run."""
        place = stream(archive, spec.name)
        with place.locked():
            cursor = self._cursor(spec, place)
            while (step := self.step(spec, cursor.state, fetcher)) is not None:
                if step.request:
                    place.put(Entry({"run": cursor.run, **step.request}, fetcher.now(), step.bodies))
                cursor = Cursor(spec.identity, cursor.run, False, step.state)
                place.save(cursor)
                yield step
            place.save(Cursor(spec.identity, cursor.run, True, cursor.state))

    def _cursor(self, spec: Spec, place: Stream) -> Cursor:
        found = place.cursor()
        if found is None:
            return Cursor(spec.identity, 1, False, self.begin(spec, None))
        if found.identity != spec.identity:
            raise InputError(f"the archive holds another source under the name '{spec.name}'", where=str(place.folder),
                             fix="give this source another name, or another archive folder")  # fmt: skip
        if found.done:
            return Cursor(spec.identity, found.run + 1, False, self.begin(spec, found.state))
        return found

    def read(self, spec: Spec, archive: Path) -> Records:
        """Yield the newest record of each key, and what was left out with its reason; asks no network.

        A key that was read before and no longer comes was withdrawn by its source (a reorganised block).
        """
        place = stream(archive, spec.name)
        newest: dict[_Key, _Rank] = {}
        for item in self.records(spec, place):
            if isinstance(item, Record):
                newest[_key(item)] = max(newest.get(_key(item), _rank(item)), _rank(item))
        return _winners(self.records(spec, place), newest)


def _winners(items: Records, newest: Mapping[_Key, _Rank]) -> Records:
    """Yield the newest record of each key once; another text of the same moment under its id is a drop."""
    yielded: set[_Key] = set()
    dropped: set[Dropped] = set()
    for item in items:
        if isinstance(item, Record):
            key, rank = _key(item), _rank(item)
            if rank == newest[key]:
                if key not in yielded:
                    yielded.add(key)
                    yield item
                continue
            if rank[:2] != newest[key][:2]:
                continue
            item = Dropped("duplicate-id", item.stream, item.source_id, "the id stands twice, with other content")
        if item not in dropped:
            dropped.add(item)
            yield item


_Key = tuple[str, str]
_Rank = tuple[int, dt.datetime, str]


def _key(record: Record) -> _Key:
    return record.table, record.source_id


def _rank(record: Record) -> _Rank:
    return record.version, record.retrieved_at, record.raw_hash
