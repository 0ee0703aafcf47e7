"""The systems that governance history is read from, in one visible table, and the spec files that name them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_prep.sources.discourse import DISCOURSE
from data_prep.sources.fetcher import Fetcher
from data_prep.sources.governor import GOVERNOR
from data_prep.sources.hub_datasets import HUB_DATASET
from data_prep.sources.local_files import FILES
from data_prep.sources.metrics import METRICS
from data_prep.sources.repository import REPOSITORY
from data_prep.sources.snapshot import SNAPSHOT
from data_prep.sources.source import Source, SourceSpec, Step
from proposal.errors import InputError, nearest
from proposal.inputs import read_structured, validate

__all__ = ["SOURCES", "Bound", "Fetcher", "Source", "SourceSpec", "Step", "read_specs"]

_KINDS: tuple[Source[Any], ...] = (SNAPSHOT, GOVERNOR, DISCOURSE, REPOSITORY, HUB_DATASET, METRICS, FILES)
SOURCES: Mapping[str, Source[Any]] = {source.name: source for source in _KINDS}


@dataclass(frozen=True, slots=True)
class Bound:
    """A source with the spec of one stream of it."""

    source: Source[Any]
    spec: SourceSpec


def read_specs(path: Path) -> list[Bound]:
    """Read a spec file: `sources:` with one mapping for each stream. Names are unique, so are the archive's folders."""
    data = read_structured(path)
    if not isinstance(data, dict) or set(data) != {"sources"} or not isinstance(data["sources"], list):
        raise InputError("names no sources", where=str(path), expected="the one key `sources:` with a list of sources")
    bound = [_bound(item, f"{path}: sources.{number}") for number, item in enumerate(data["sources"])]
    names = [item.spec.name for item in bound]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise InputError(f"two sources are called '{repeated}'", where=str(path), fix="give each a name of its own")
    if not bound:
        raise InputError("names no sources", where=str(path), expected="at least one source")
    return bound


def _bound(item: Any, where: str) -> Bound:
    kind = item.get("source") if isinstance(item, dict) else None
    if not isinstance(kind, str) or kind not in SOURCES:
        near = nearest(str(kind), SOURCES)
        raise InputError(f"'{kind}' is not a source", where=where, expected=", ".join(SOURCES),
                         fix=f"did you mean '{near}'?" if near else "set `source:`")  # fmt: skip
    return Bound(SOURCES[kind], validate(SOURCES[kind].spec, item, where=where))
