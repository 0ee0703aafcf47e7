"""Starting and ending processes: what was started ends with its launcher."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from recipes.launch import INTERRUPTED, run_to_end
from tests.recipes.builders import ROOT

LAUNCHER = """
import os, sys
from recipes.launch import run_to_end
sys.exit(run_to_end(["bash", "-c", "sleep 300 & echo $! > " + sys.argv[1] + "; wait"], os.environ))
"""


def is_alive(pid: int) -> bool:
    """Tell a running process from one that has ended and waits to be collected."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.is_file() and stat.read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"


def wait_until(ready: object, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not ready():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_exit_code_of_the_command_is_ours() -> None:
    assert run_to_end([sys.executable, "-c", "raise SystemExit(3)"], os.environ) == 3


def test_ending_the_launcher_ends_what_its_command_started(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    launcher = subprocess.Popen([sys.executable, "-c", LAUNCHER, str(note)], cwd=ROOT)
    wait_until(lambda: note.is_file() and note.read_text(encoding="utf-8").strip())
    sleeper = int(note.read_text(encoding="utf-8"))
    assert is_alive(sleeper)
    launcher.send_signal(signal.SIGTERM)
    assert launcher.wait(90) == INTERRUPTED
    wait_until(lambda: not is_alive(sleeper))
