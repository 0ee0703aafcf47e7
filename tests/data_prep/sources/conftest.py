"""What the tests of sources share."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out fsync: it matters when the power fails, which no test does, and is most of what they would wait for."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
