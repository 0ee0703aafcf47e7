"""The raw archive: stored once, whole or not at all, and no changed byte goes unnoticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_prep.sources.archive import Cursor, Entry, Stream, stream
from proposal.errors import ConflictError, IntegrityError
from tests.data_prep.sources.worlds import NOW

ENTRY = Entry({"run": 1, "page": 2}, NOW, ('{"a": 0.10}', "中文\n\x00"))


@pytest.fixture
def place(tmp_path: Path) -> Stream:
    return stream(tmp_path, "one")


def test_an_entry_comes_back_as_it_was_and_is_stored_once(place: Stream) -> None:
    address = place.put(ENTRY)
    (path,) = place.folder.glob("??/*")
    before = path.stat().st_mtime_ns
    later = Entry(ENTRY.request, NOW.replace(year=2027), ENTRY.bodies)
    assert place.put(later) == address
    assert path.stat().st_mtime_ns == before
    assert list(place.entries()) == [ENTRY] == [place.get(address)]


def test_no_changed_byte_goes_unnoticed(place: Stream) -> None:
    place.put(ENTRY)
    (path,) = place.folder.glob("??/*")
    whole = path.read_bytes()
    for position in range(10, len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        with pytest.raises(IntegrityError, match="damaged"):
            list(place.entries())
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(IntegrityError, match="damaged"):
            list(place.entries())


def test_what_a_killed_write_leaves_is_no_entry(place: Stream) -> None:
    place.put(ENTRY)
    (path,) = place.folder.glob("??/*")
    path.with_name(f".{path.name}.999").write_bytes(b"half")
    assert list(place.entries()) == [ENTRY]


def test_two_fetches_of_one_stream_exclude_each_other(place: Stream) -> None:
    with place.locked(), pytest.raises(ConflictError, match="another fetch"), place.locked():
        pass


def test_a_cursor_comes_back_and_a_broken_one_says_what_to_do(place: Stream) -> None:
    assert place.cursor() is None
    cursor = Cursor("identity", 3, False, {"page": 4})
    place.save(cursor)
    assert place.cursor() == cursor
    (place.folder / "cursor.json").write_text('{"run": 3', encoding="utf-8")
    with pytest.raises(IntegrityError, match="remove this file"):
        place.cursor()
