"""Reading rows of JSON and JSON Lines files as they are, with every defect of the file named.

A JSON Lines file is read line by line, so its size does not matter and a broken line costs only
itself; a JSON array is read whole and therefore bounded. A key that stands twice in an object is a
fault, because the later one silently wins.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from data_prep.faults import Fault, shown

SUFFIXES = (".json", ".jsonl", ".ndjson", ".csv")
MAX_ARRAY_BYTES = 512_000_000
"""Largest JSON array that is read: it has to fit into memory several times over."""
MAX_LINE = 16_000_000
"""Longest line of a JSON Lines file, in characters: a row of a book, not a file without line
breaks.
"""

_BOM = "\ufeff"
_UTF16 = ("\udcff\udcfe", "\udcfe\udcff")
_FOREIGN = re.compile("[\udc80-\udcff]")
"""Bytes that are no UTF-8, as Python keeps them in a text that is read with `surrogateescape`."""


@dataclass(frozen=True, slots=True)
class RawRow:
    """One record as it stands in the file: its number, its line where the file has lines, and its
    data.
    """

    number: int
    line: int
    data: Any


class _RepeatedKeyError(ValueError):
    pass


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    repeated = next((key for key in keys if keys.count(key) > 1), None) if len(set(keys)) < len(keys) else None
    if repeated is not None:
        raise _RepeatedKeyError(f"the key '{repeated}' stands twice in one object")
    return dict(pairs)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)


def read_rows(path: Path) -> Iterator[RawRow | Fault]:
    """Yield the rows of a data file; what cannot be read is yielded as a fault and reading goes on
    where it can.
    """
    file = str(path)
    if not path.exists():
        yield Fault("no-such-file", file, "no such file", fix="check the path")
        return
    if path.is_dir():
        yield Fault(
            "is-a-folder",
            file,
            "this is a folder",
            fix="name a file, or a folder with dataset.json",
        )
        return
    name = path.name.removesuffix(".gz")
    if not name.endswith(SUFFIXES):
        yield Fault(
            "suffix",
            file,
            "the kind of file is not known",
            found=shown(path.suffix),
            fix=f"use one of: {', '.join(SUFFIXES)}, each also with .gz",
        )
        return
    try:
        with _opened(path) as text:
            yield from _rows(text, path)
    except (EOFError, gzip.BadGzipFile) as error:
        yield Fault(
            "gzip",
            file,
            f"the gzip file is damaged or cut off: {error}",
            fix="fetch the file again",
        )
    except OSError as error:
        yield Fault("unreadable", file, f"cannot be read: {error.strerror or error}")


def _opened(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return io.TextIOWrapper(gzip.open(path), encoding="utf-8", errors="surrogateescape")
    return path.open(encoding="utf-8", errors="surrogateescape", newline="\n")


def _rows(text: IO[str], path: Path) -> Iterator[RawRow | Fault]:
    """Tell an array from lines by the first character, whatever the suffix says."""
    head = ""
    while not head:
        line = text.readline(MAX_LINE)
        if not line:
            yield Fault("empty-file", str(path), "the file is empty", fix="give it at least one row")
            return
        head = line.lstrip(_BOM).strip()
        if head.startswith(_UTF16):
            yield Fault("not-utf8", str(path), "the file is UTF-16", line=1, fix="save the file as UTF-8")
            return
        if head.startswith(("<!DOCTYPE", "<!doctype", "<html", "<HTML", "<?xml")):
            yield Fault(
                "not-json",
                str(path),
                "this is a web page, not data",
                line=1,
                found=shown(head),
                fix="fetch the raw file, not the page that shows it",
            )
            return
    if path.name.removesuffix(".gz").endswith(".csv"):
        yield from _table(line, text, path)
    elif head.startswith("[") or (head.startswith("{") and path.name.removesuffix(".gz").endswith(".json")):
        yield from _array(text, line, path)
    else:
        yield from _lines(text, line, path)


def _array(text: IO[str], first: str, path: Path) -> Iterator[RawRow | Fault]:
    file = str(path)
    whole = "" if _is_too_large(path) else first + text.read(MAX_ARRAY_BYTES)
    if not whole or text.read(1):
        yield Fault(
            "too-large",
            file,
            f"an array of more than {MAX_ARRAY_BYTES:,} bytes is not read",
            fix="write it as JSON Lines (.jsonl), one row a line",
        )
        return
    if whole.startswith(_BOM):
        yield _bom(file)
    foreign = _FOREIGN.search(whole)
    if foreign:
        yield _not_utf8(whole, foreign.start(), 0, 1 + whole.count("\n", 0, foreign.start()), file)
        return
    try:
        data = _DECODER.decode(whole.removeprefix(_BOM).strip())
    except json.JSONDecodeError as error:
        data = None
        if whole.lstrip(_BOM).lstrip().startswith("{") and error.msg == "Extra data":
            yield from _lines(io.StringIO(whole), "", path)
            return
        yield Fault(
            "json",
            file,
            f"not valid JSON: {error.msg}",
            line=error.lineno,
            field=f"column {error.colno}",
            fix="correct the line",
        )
        return
    except (ValueError, RecursionError) as error:
        yield Fault("json", file, f"not valid JSON: {error}")
        return
    if isinstance(data, dict):
        data = [data]
    if not data:
        yield Fault("empty-file", file, "the array has no row", fix="give it at least one row")
    for number, row in enumerate(data, 1):
        yield from _checked(RawRow(number, 0, row), file)


def _is_too_large(path: Path) -> bool:
    """Tell whether the file's size is above the bound; a compressed one is unpacked piece by piece and not kept."""
    if path.suffix != ".gz":
        return path.stat().st_size > MAX_ARRAY_BYTES
    with gzip.open(path) as unpacked:
        size = 0
        while piece := unpacked.read(1 << 20):
            size += len(piece)
            if size > MAX_ARRAY_BYTES:
                return True
    return False


def _lines(text: IO[str], first: str, path: Path) -> Iterator[RawRow | Fault]:
    file = str(path)
    number = 0
    if first.startswith(_BOM):
        yield _bom(file)
    for line_number, line in enumerate(_all_lines(first, text), 1):
        content = line.lstrip(_BOM).strip()
        if not content:
            continue
        number += 1
        if len(line) >= MAX_LINE and not line.endswith("\n"):
            yield Fault(
                "line-too-long",
                file,
                f"the line has more than {MAX_LINE:,} characters",
                number,
                line_number,
                fix="write one row a line",
            )
            return
        yield from _parsed(content, number, line_number, file)


def _all_lines(first: str, text: IO[str]) -> Iterator[str]:
    if first:
        yield first
    while line := text.readline(MAX_LINE):
        yield line


def _not_utf8(text: str, at: int, number: int, line: int, file: str) -> Fault:
    byte = ord(text[at]) - 0xDC00
    return Fault("not-utf8", file, f"not UTF-8 text (the byte 0x{byte:02X})", number, line,
                 found=shown(_FOREIGN.sub("?", text[max(0, at - 20) : at + 20])),
                 fix="read the source in its own encoding and save it as UTF-8")  # fmt: skip


def _table(first: str, text: IO[str], path: Path) -> Iterator[RawRow | Fault]:
    """Read a CSV file; a row with more or fewer fields than the header is a fault, for all behind it has shifted."""
    file = str(path)
    if first.startswith(_BOM):
        yield _bom(file)
    csv.field_size_limit(MAX_LINE)
    rows = csv.reader(_all_lines(first.lstrip(_BOM), text), strict=True)
    number = 0
    try:
        header = next(rows)
        for number, fields in enumerate(rows, 1):
            joined = ",".join(fields)
            foreign = _FOREIGN.search(joined)
            if foreign:
                yield _not_utf8(joined, foreign.start(), number, rows.line_num, file)
            elif len(fields) != len(header):
                yield Fault("shifted", file, f"the row has {len(fields)} fields and the header {len(header)}", number,
                            rows.line_num, found=shown(joined),
                            fix="put a field with a comma or a line break in it into double quotes")  # fmt: skip
            else:
                yield RawRow(number, rows.line_num, dict(zip(header, fields, strict=True)))
    except csv.Error as error:
        yield Fault("csv", file, f"not valid CSV: {error}", number + 1, rows.line_num, fix="correct the line")


def _hint(content: str, error: json.JSONDecodeError) -> str:
    """Say what to do about a line that is almost JSON."""
    if error.msg == "Extra data" and content[error.pos :].strip() == ",":
        return "remove the comma at the end of the line: in JSON Lines nothing stands between rows"
    if content[error.pos : error.pos + 1] == "'":
        return "write it as JSON, with double quotes: this is how Python prints it"
    return "correct the line"


def _parsed(content: str, number: int, line: int, file: str) -> Iterator[RawRow | Fault]:
    foreign = None if content.isascii() else _FOREIGN.search(content)
    if foreign:
        yield _not_utf8(content, foreign.start(), number, line, file)
        return
    try:
        data = _DECODER.decode(content)
    except json.JSONDecodeError as error:
        yield Fault(
            "json",
            file,
            f"not valid JSON: {error.msg}",
            number,
            line,
            f"column {error.colno}",
            found=shown(content[max(0, error.pos - 20) : error.pos + 20]),
            fix=_hint(content, error),
        )
        return
    except (ValueError, RecursionError) as error:
        yield Fault("json", file, f"not valid JSON: {error}", number, line, fix="correct the line")
        return
    yield from _checked(RawRow(number, line, data), file)


def _checked(row: RawRow, file: str) -> Iterator[RawRow | Fault]:
    if not isinstance(row.data, dict):
        yield Fault(
            "not-an-object",
            file,
            "a row has to be an object",
            row.number,
            row.line,
            found=shown(row.data),
            fix='write it as {"field": …}',
        )
        return
    yield row


def _bom(file: str) -> Fault:
    return Fault(
        "byte-order-mark",
        file,
        "the file begins with a byte order mark",
        line=1,
        fixable=True,
        fix="save it as UTF-8 without the mark, or run with --fix",
    )
