"""What all tests share: where the third-party data lies, and a skip that says why when it does not."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("no-clock", deadline=None)  # a loaded machine is slow at times
settings.load_profile("no-clock")

ROOT = Path(__file__).resolve().parent.parent


def shared_data_folder() -> Path | None:
    """Return the folder of shared data: DAO_SHARED_DATA, else ../shared/data, else None."""
    named = os.environ.get("DAO_SHARED_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    return folder if folder.is_dir() else None


def shared_proposals(folder: Path) -> Iterator[tuple[str, str]]:
    """Return the id and body of every shared proposal that has a body."""
    for path in sorted((folder / "proposals").glob("*.jsonl")):
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                if row.get("body"):
                    yield row["id"], row["body"]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of shared data, or skip the test with what to set."""
    folder = shared_data_folder()
    if folder is None:
        pytest.skip("no shared data: set DAO_SHARED_DATA to its folder, or put it at ../shared/data")
    return folder
