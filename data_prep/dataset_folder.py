"""A dataset as a folder: the data files in it, and what its `dataset.json` says of them.

`dataset.json` (or `dataset_info.json`, as LLaMA-Factory calls it) either holds the rows themselves, or maps names to
entries with `file_name` and, where a set calls its fields otherwise, `columns`. Entries that live on a hub are told and
not fetched.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data_prep.faults import Fault, shown
from data_prep.formats import KNOWN_FIELDS
from data_prep.reading import SUFFIXES
from proposal.errors import nearest

INDEX_FILES = ("dataset.json", "dataset_info.json")

_COLUMNS = {
    "prompt": "instruction",
    "query": "input",
    "response": "output",
    "messages": "conversations",
    "kto_tag": "kto_tag",
}
"""What LLaMA-Factory calls a field of ours that has another name there."""


@dataclass(frozen=True, slots=True)
class DataFile:
    """One data file of a folder; `columns` maps its own field names to those of the known formats."""

    path: Path
    name: str
    columns: Mapping[str, str] = field(default_factory=dict)


def data_files(path: Path) -> Iterator[DataFile | Fault | str]:
    """Yield the data files at a path, faults of the index, and as plain text what is merely worth knowing."""
    if path.is_file():
        yield DataFile(path, path.name)
        return
    if not path.is_dir():
        yield Fault("no-such-file", str(path), "no such file or folder", fix="check the path")
        return
    index = next((path / name for name in INDEX_FILES if (path / name).is_file()), None)
    listed: set[Path] = set()
    for item in _listed(index) if index else ():
        if isinstance(item, DataFile):
            listed.add(item.path)
        yield item
    rest = [file for file in sorted(path.iterdir()) if _is_data(file) and file not in listed]
    yield from (DataFile(file, file.name) for file in rest)
    if not listed and not rest:
        yield Fault("empty-folder", str(path), "no data file is in this folder",
                    fix=f"put in files that end in {', '.join(SUFFIXES)}, or {INDEX_FILES[0]}")  # fmt: skip


def _is_data(file: Path) -> bool:
    return file.is_file() and file.name.removesuffix(".gz").endswith(SUFFIXES) and file.name not in INDEX_FILES


def _listed(index: Path) -> Iterator[DataFile | Fault | str]:
    try:
        data = json.loads(index.read_text(encoding="utf-8"))
    except ValueError as error:
        yield Fault("json", str(index), f"not valid JSON: {error}", fix="correct the file")
        return
    if isinstance(data, list):
        yield DataFile(index, index.name)
        return
    if not isinstance(data, dict) or not all(isinstance(entry, dict) for entry in data.values()):
        yield Fault("index", str(index), "has to map names to entries, or to be a list of rows", found=shown(data))
        return
    elsewhere = [name for name, entry in data.items() if "file_name" not in entry]
    if elsewhere:
        yield f"{index.name}: {len(elsewhere)} entries are not files here ({', '.join(elsewhere[:4])} …)"
    for name, entry in data.items():
        if "file_name" in entry:
            yield _entry(index, name, entry)


def _entry(index: Path, name: str, entry: Mapping[str, Any]) -> DataFile | Fault | str:
    path = index.parent / str(entry["file_name"])
    if not path.exists():
        if any(key.endswith("_hub_url") for key in entry) or index.name == INDEX_FILES[1]:
            return f"{index.name}: '{name}' names {entry['file_name']}, which is not here"
        near = nearest(path.name, [file.name for file in index.parent.iterdir()]) or ""
        return Fault("file-missing", str(index), "no such file", field=f"{name}.file_name", near=near,
                     found=shown(entry["file_name"]), fix="correct the name")  # fmt: skip
    columns = entry.get("columns") or {}
    if not isinstance(columns, dict):
        return Fault("index", str(index), "has to map fields to fields", field=f"{name}.columns", found=shown(columns))
    named = {str(theirs): _COLUMNS.get(str(ours), str(ours)) for ours, theirs in columns.items()}
    return DataFile(path, name, {theirs: ours for theirs, ours in named.items() if theirs not in KNOWN_FIELDS})
