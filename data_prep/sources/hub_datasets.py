"""Data sets of the Hugging Face hub, streamed: never whole on disk, each column taken by an explicit map.

The schemas of such sets are thinly documented and change, so the map is checked against the columns that are really
there before the first row is kept, and the error lists them. Rows are archived in batches; a later fetch goes on after
the last.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from data_prep.history import PostKind
from data_prep.sources.archive import Stream
from data_prep.sources.columns import ColumnMap, check_columns, mapped
from data_prep.sources.fetcher import AGAIN, Fetcher, UnreachableError, parse
from data_prep.sources.items import Item, canonical
from data_prep.sources.source import Records, Source, SourceSpec, State, Step
from proposal.errors import ConfigError, InputError, nearest

BATCH = 500
"""Rows that are archived at once."""
ROW = "#row"
"""Stands for a row's number where a set has no column with an id."""

KNOWN: Mapping[str, ColumnMap] = {
    # The fields that the cards of the sets of this Bittensor subnet name, all alike; names and addresses are encoded.
    "mamung/x_dataset_192": {"body": "text", "created": "datetime", "author": "username_encoded"},
}
"""Maps of sets whose card names their columns. For every other set the spec has to name them; the error for a spec
without them lists what the set has.
"""


class HubDatasetSpec(SourceSpec):
    """One split of one set: its name on the hub, or a local folder. `rows` is how many are read, from the first.

    `revision` pins the set: without it, rows that are read later may be of another version.
    """

    tuning: ClassVar[frozenset[str]] = frozenset({"rows"})

    dataset: str = Field(min_length=1, max_length=300)
    config: str = ""
    split: str = Field(default="train", min_length=1)
    revision: str = ""
    data_files: tuple[str, ...] = ()
    table: Literal["posts", "proposals"] = "posts"
    kind: PostKind = "social"
    columns: ColumnMap = Field(default_factory=dict)
    rows: int = Field(default=10_000, ge=1)

    @field_validator("columns")
    @classmethod
    def _known_fields(cls, value: ColumnMap, info: Any) -> ColumnMap:
        return check_columns({"id": ROW, **value}, info.data.get("table", "posts")) if value else value

    @property
    def map(self) -> ColumnMap:
        """Return the map in force: the spec's, else the known one."""
        return {"id": ROW, **(self.columns or KNOWN.get(self.dataset, {}))}


def begin(_: HubDatasetSpec, last: State | None) -> State:
    """Begin after the last row that was read."""
    return {"next": (last or {}).get("next", 0), "end": False}


def step(spec: HubDatasetSpec, state: State, fetcher: Fetcher) -> Step | None:
    """Archive the next rows."""
    start = state["next"]
    if state["end"] or start >= spec.rows:
        return None
    rows = list(itertools.islice(_opened(spec, start, fetcher), min(BATCH, spec.rows - start)))
    if not rows:
        return None
    if not start:
        _check(spec, rows[0])
    bodies = tuple(canonical(_plain(row)) for row in rows)
    request = {"dataset": spec.dataset, "revision": spec.revision, "split": spec.split, "start": start}
    following = {"next": start + len(rows), "end": len(rows) < BATCH}
    return Step(request, bodies, following, f"{start + len(rows):,} rows")


def _opened(spec: HubDatasetSpec, start: int, fetcher: Fetcher) -> Iterator[dict[str, Any]]:
    """Return the rows from `start`; the stream is kept open between two steps of one fetch."""
    kept = fetcher.kept.pop(spec.name, None)
    rows = kept[1] if kept and kept[0] == start else _streamed(spec, start)
    fetcher.kept[spec.name] = (start + BATCH, rows)
    return rows


def _streamed(spec: HubDatasetSpec, start: int) -> Iterator[dict[str, Any]]:
    try:
        import datasets
    except ImportError:
        raise ConfigError("the package `datasets` is not installed here", where=spec.name,
                          fix="run this command from the model environment (`make setup-train`)") from None  # fmt: skip
    try:
        found = datasets.load_dataset(
            spec.dataset, spec.config or None, split=spec.split, streaming=True, revision=spec.revision or None,
            data_files=list(spec.data_files) or None,
        )  # fmt: skip
        yield from found.skip(start)
    except (ValueError, datasets.exceptions.DatasetsError, FileNotFoundError) as error:
        raise InputError(f"the data set cannot be read: {error}", where=spec.dataset,
                         fix="check `dataset`, `config`, `split` and `data_files`") from None  # fmt: skip
    except OSError as error:
        raise UnreachableError(f"no answer from the hub: {error}", where=spec.dataset, fix=AGAIN) from None


def _check(spec: HubDatasetSpec, row: Mapping[str, Any]) -> None:
    """Hold the map against the columns that are there; rows of another form would be drops one by one."""
    found = ", ".join(row)
    if not (spec.columns or spec.dataset in KNOWN):
        raise InputError(f"names no columns for {spec.dataset}", where=spec.name, expected=f"a map onto: {found}",
                         fix="set `columns`, for example {body: …, created: …}")  # fmt: skip
    missing = [column for column in spec.map.values() if column != ROW and column not in row]
    if missing:
        near = nearest(missing[0], row)
        raise InputError(
            f"has no column {', '.join(missing)}",
            where=spec.dataset,
            expected=f"the columns found: {found}",
            fix=f"did you mean '{near}'?" if near else "correct `columns` in the spec",
        )


def _plain(value: Any) -> Any:
    """Return a row as JSON data: times as text, and of media only that there was some."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else f"<{type(value).__name__}>"


def records(spec: HubDatasetSpec, place: Stream) -> Records:
    """Read the archived rows by the map."""
    for entry in place.entries():
        for number, body in enumerate(entry.bodies, entry.request["start"]):
            row = {ROW: f"{spec.split}/{number}", **parse(body)}
            yield mapped(spec, spec.table, spec.map, Item(row, entry.retrieved_at), f"row {number}", spec.kind)


HUB_DATASET = Source("hub-dataset", HubDatasetSpec, begin, step, records)
