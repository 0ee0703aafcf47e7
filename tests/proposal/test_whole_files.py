"""A file is written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from proposal.whole_files import write_whole


def test_a_file_appears_with_its_folder_and_replaces_the_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.json"
    write_whole(path, b"{}\n")
    write_whole(path, b"[]\n")
    assert [(one.name, one.read_bytes()) for one in path.parent.iterdir()] == [("a.json", b"[]\n")]


@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_earlier_file_and_nothing_else(
    fails: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk that is full is a fake."""
    path = tmp_path / "a.json"
    write_whole(path, b"earlier")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*((os, "fsync") if fails == "fsync" else (Path, "replace")), full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"later")
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("a.json", b"earlier")]
