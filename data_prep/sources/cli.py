"""`dao-agent data fetch`: bring the archive up to date by a spec file, then count the records that it gives.

A source that fails does not stop the others; the command ends with the error of the first that did.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, TextIO

import typer

from data_prep.history import Dropped, Record, Tally
from data_prep.sources import Bound, Fetcher, read_specs
from proposal.errors import AgentError, NotFoundError, nearest

EVERY_S = 1.0
"""Seconds between two lines of progress."""


def fetch_command(
    spec: Annotated[Path, typer.Argument(help="Spec file with `sources:`, YAML.")],
    archive: Annotated[Path, typer.Option(help="Folder of the raw archive and the cursors.")] = Path("data/raw"),
    only: Annotated[list[str] | None, typer.Option(help="Name of a source in the spec; may be repeated.")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no network: read what the archive holds.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder to write the records to, a JSONL file a table.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Fetch governance history into the raw archive; an interrupted fetch goes on where it was.

    dao-agent data fetch sources.yaml --archive data/raw
    """
    results, first = [], None
    writer = TableWriter(out)
    for bound in _chosen(read_specs(spec), only):
        try:
            if not offline:
                _fetch(bound, archive)
            results.append((bound.spec.name, _count(bound, archive, writer)))
        except AgentError as error:
            typer.echo(f"{bound.spec.name}: {error}", err=True)
            first = first or error
    writer.close()
    _print(results, as_json=as_json, failed=first)
    if first is not None:
        raise typer.Exit(first.exit_code)


def _chosen(bound: list[Bound], only: list[str] | None) -> list[Bound]:
    names = [item.spec.name for item in bound]
    for name in only or ():
        if name not in names:
            near = nearest(name, names)
            raise NotFoundError(f"the spec names no source '{name}'", expected=", ".join(names),
                                fix=f"did you mean '{near}'?" if near else None)  # fmt: skip
    return [item for item in bound if not only or item.spec.name in only]


def _fetch(bound: Bound, archive: Path) -> None:
    shown = 0.0
    with Fetcher() as fetcher:
        for number, step in enumerate(bound.source.fetch(bound.spec, archive, fetcher), 1):
            if time.monotonic() - shown >= EVERY_S:
                typer.echo(f"{bound.spec.name}: step {number}, {step.note}", err=True)
                shown = time.monotonic()


def _count(bound: Bound, archive: Path, writer: TableWriter) -> Tally:
    tally = Tally()
    for item in bound.source.read(bound.spec, archive):
        tally.add(item)
        writer.write(item)
    return tally


def _print(results: Iterable[tuple[str, Tally]], *, as_json: bool, failed: AgentError | None) -> None:
    if as_json:
        streams = {name: {"records": tally.records, "dropped": tally.dropped} for name, tally in results}
        typer.echo(json.dumps({"streams": streams, "error": failed.to_dict() if failed else None}))
        return
    for name, tally in results:
        counts = ", ".join(f"{count} {table}" for table, count in sorted(tally.records.items())) or "no records"
        typer.echo(f"{name}: {counts}")
        for reason, count in sorted(tally.dropped.items()):
            typer.echo(f"  left out: {count} {reason}")


@dataclass(slots=True)
class TableWriter:
    """Writes records and drops as JSON lines, one file for each table; writes nothing where no folder is named."""

    folder: Path | None
    _files: dict[str, TextIO] = field(default_factory=dict)

    def write(self, item: Record | Dropped) -> None:
        """Append one item to the file of its table."""
        if self.folder is None:
            return
        name, data = ("dropped", asdict(item)) if isinstance(item, Dropped) else (item.table, item.to_dict())
        if name not in self._files:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._files[name] = (self.folder / f"{name}.jsonl").open("w", encoding="utf-8")
        self._files[name].write(json.dumps(data, ensure_ascii=False) + "\n")

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()
