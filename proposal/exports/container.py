"""A bundle on disk: a folder or a .zip, written so that equal content has equal bytes.

Reading trusts nothing: a bundle comes from a stranger. Names are checked against one narrow pattern
before anything is opened, sizes are bounded before anything is read, and everything that is wrong
becomes a `ContainerError` with words, never a traceback. Zip entries are stored uncompressed: there
is then no compression bomb and no dependence on the version of a compressor.
"""

from __future__ import annotations

import io
import os
import re
import secrets
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from proposal.errors import ConflictError, InputError

MAX_FILES = 100
MAX_FILE_BYTES = 4_000_000
MAX_TOTAL_BYTES = 16_000_000

NAME = re.compile(r"[A-Za-z0-9_]{1,60}(?:/[A-Za-z0-9_]{1,60})?\.(?:md|txt|jsonl?)\Z")
"""Names of files in a bundle: one folder deep at most, no dots but the one before the ending."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
_BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError,
           RuntimeError, ValueError, OverflowError, IndexError)  # fmt: skip
"""What the zip module raises on damaged archives."""


class ContainerError(Exception):
    """The folder or archive cannot be read as a bundle; `file` names the entry when it is one."""

    def __init__(self, message: str, *, file: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.file = file


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    """Return the files as a .zip whose bytes depend on the files alone."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, date_time=_EPOCH)
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[name])
    return buffer.getvalue()


def write_bundle(files: Mapping[str, bytes], path: Path) -> Path:
    """Write the files as a folder, or as one .zip where the path ends so; nothing is overwritten.

    Everything is written beside the target first and moved into place at once, so that a reader
    never meets half a bundle.
    """
    for name in files:
        if not NAME.match(name):
            raise InputError(f"'{name}' cannot be the name of a file in a bundle", where=str(path))
    if path.exists() and not _is_empty_folder(path):
        raise ConflictError("exists already", where=str(path),
                            fix="name a new folder or .zip file")  # fmt: skip
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".zip":
            beside.write_bytes(zip_bytes(files))
        else:
            _write_folder(files, beside)
        beside.replace(path)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=str(path)) from None
    finally:
        if beside.is_dir():
            shutil.rmtree(beside, ignore_errors=True)
        elif beside.exists():
            beside.unlink()
    return path


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and path.suffix != ".zip" and not any(path.iterdir())


def _write_folder(files: Mapping[str, bytes], folder: Path) -> None:
    for name in sorted(files):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(files[name])


def read_bundle(path: Path) -> dict[str, bytes]:
    """Return the files of a bundle by name; raise `ContainerError` for whatever is not one."""
    try:
        if path.is_dir():
            return _read_folder(path)
        if path.is_file():
            return _read_zip(path)
    except OSError as error:
        raise ContainerError(f"cannot be read: {error.strerror or error}") from None
    raise ContainerError("no such folder or .zip file")


def _read_folder(root: Path) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    total = 0
    for folder, folders, names in os.walk(root, followlinks=False):
        folders.sort()
        for entry in sorted(folders):
            if (Path(folder) / entry).is_symlink():
                raise ContainerError("is a link to another place", file=entry)
        for entry in sorted(names):
            path = Path(folder) / entry
            name = path.relative_to(root).as_posix()
            _check_name(name, files)
            mode = path.lstat()
            if not stat.S_ISREG(mode.st_mode):
                raise ContainerError("is not a plain file", file=_shown(name))
            total += mode.st_size
            _check_size(name, mode.st_size, total)
            with path.open("rb") as handle:
                files[name] = _bounded(handle.read(MAX_FILE_BYTES + 1), name)
    return files


def _read_zip(path: Path) -> dict[str, bytes]:
    if path.stat().st_size > MAX_TOTAL_BYTES + 1_000_000:
        raise ContainerError(f"the archive has more than {MAX_TOTAL_BYTES:,} bytes")
    data = path.read_bytes()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = _read_entries(archive)
    except _BROKEN as error:
        raise ContainerError(f"not a readable .zip archive ({_shown(str(error))})") from None
    if zip_bytes(files) != data:
        raise ContainerError("the archive was not written by this software, or was changed since: "
                             "unpack it and verify the folder")  # fmt: skip
    return files


def _read_entries(archive: zipfile.ZipFile) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    total = 0
    for entry in archive.infolist():
        _check_name(entry.filename, files)
        kind = entry.external_attr >> 16
        if stat.S_IFMT(kind) not in {0, stat.S_IFREG} or entry.compress_type != zipfile.ZIP_STORED:
            raise ContainerError("is not a plain stored file", file=_shown(entry.filename))
        total += entry.file_size
        _check_size(entry.filename, entry.file_size, total)
        with archive.open(entry) as handle:
            files[entry.filename] = _bounded(handle.read(MAX_FILE_BYTES + 1), entry.filename)
    return files


def _check_name(name: str, files: Mapping[str, bytes]) -> None:
    if not NAME.match(name):
        raise ContainerError("a bundle has no file of such a name", file=_shown(name))
    if name.lower() in {known.lower() for known in files}:
        raise ContainerError("the name stands twice", file=name)
    if len(files) >= MAX_FILES:
        raise ContainerError(f"more than {MAX_FILES} files", file=name)


def _check_size(name: str, size: int, total: int) -> None:
    if size > MAX_FILE_BYTES or total > MAX_TOTAL_BYTES:
        raise ContainerError(f"too large: at most {MAX_FILE_BYTES:,} bytes a file and "
                             f"{MAX_TOTAL_BYTES:,} in all", file=_shown(name))  # fmt: skip


def _bounded(data: bytes, name: str) -> bytes:
    if len(data) > MAX_FILE_BYTES:
        raise ContainerError(f"too large: at most {MAX_FILE_BYTES:,} bytes a file", file=name)
    return data


def _shown(text: str) -> str:
    """Print a foreign name: bounded, and without characters that could act on a terminal."""
    return "".join(char if char.isprintable() else "?" for char in text[:120])
