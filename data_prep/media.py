"""Images, video and audio that rows name: as many as their placeholders, there, and of a kind that
can be read.

Only the first bytes are looked at. A path is looked for from the file's own folder upwards, as
published sets write it from the root of their repository; ms-swift reads it from the folder a run
starts in, so a row that trains needs the path that `convert` writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data_prep.faults import shown
from data_prep.turns import PLACEHOLDERS, Report, Turn, placeholders

MAGIC: Mapping[str, tuple[bytes, ...]] = {
    "images": (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF", b"II*\x00", b"MM\x00*"),
    "videos": (),
    "audios": (),
}
"""How files of each kind begin; nothing is asked of video and audio."""

_REMOTE = ("http://", "https://", "data:")


def check_media(
    data: Mapping[str, Any], turns: Sequence[Turn], folder: Path, media: Path | None, report: Report
) -> None:
    """Report media that are missing, unreadable, or not as many as their placeholders."""
    for column, placeholder in PLACEHOLDERS.items():
        listed = _listed(data, column, report)
        inside = [(turn.field, path) for turn in turns for kind, path in turn.media if kind == column]
        places = list(placeholders(turns, column))
        outside = len(places) - len(inside)
        if listed and outside and outside != len(listed):
            report(
                "placeholder-count",
                places[-1],
                f"{outside} times {placeholder} for {len(listed)} {column}",
                fix=f"write {placeholder} once for each of the {column}",
            )
        if not listed and outside > 0 and not (data.get(column) or data.get(column[:-1])):
            report(
                "placeholder-count",
                places[0],
                f"{placeholder} stands in the text but the row has no {column}",
                fix=f"add '{column}', or remove {placeholder}",
            )
        for field, path in [*listed, *inside]:
            _check_file(path, field, column, (folder, media), report)


def _listed(data: Mapping[str, Any], column: str, report: Report) -> list[tuple[str, str]]:
    name = column if column in data else column[:-1]
    value = data.get(name)
    if value is None:
        return []
    items = value if isinstance(value, list) else [value]
    paths: list[tuple[str, str]] = []
    for index, item in enumerate(items):
        path = item.get("path") if isinstance(item, dict) else item
        if isinstance(path, str) and path.strip():
            paths.append((f"{name}[{index}]" if isinstance(value, list) else name, path))
        else:
            report("wrong-type", f"{name}[{index}]", "has to be a path", found=shown(item))
    return paths


def _check_file(path: str, field: str, column: str, folders: tuple[Path, Path | None], report: Report) -> None:
    if path.startswith(_REMOTE):
        return
    found = locate(path, *folders)
    if found is None:
        report(
            "file-missing",
            field,
            "no such file",
            found=shown(path),
            fix="correct the path, or name its folder with --media",
        )
        return
    with found.open("rb") as file:
        head = file.read(16)
    if not head:
        report(
            "not-readable",
            field,
            "the file is empty",
            found=shown(path),
            fix="fetch the file again",
        )
    elif MAGIC[column] and not head.startswith(MAGIC[column]):
        report(
            "not-readable",
            field,
            "the file is no image of a known kind",
            found=shown(path),
            fix="use PNG, JPEG, WebP, GIF, BMP or TIFF",
        )


def locate(path: str, folder: Path, media: Path | None) -> Path | None:
    """Find a media file: as it is, below the folder of its data file or one above it, or below
    `media`.

    Leading parts of the path are left out one after another, because a path often begins at the
    root of the repository that a set was published in.
    """
    plain = Path(path)
    if plain.is_absolute():
        return plain if plain.is_file() else None
    parts = plain.parts
    for root in (media, folder, folder.parent):
        for start in range(len(parts) if root else 0):
            candidate = root.joinpath(*parts[start:]) if root else plain
            if candidate.is_file():
                return candidate
    return None
