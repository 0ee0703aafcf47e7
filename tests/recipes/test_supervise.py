"""Watching a run: what was started ends with its launcher, a standstill is told with stacks, the output is kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from recipes.supervise import INTERRUPTED, OUTPUT_FILE, STALLED, Watching, last_lines, supervise
from tests.recipes.builders import ROOT

LAUNCHER = """
import os, sys
from pathlib import Path
from recipes.supervise import Watching, supervise
command = ["bash", "-c", "sleep 300 & echo $! > " + sys.argv[1] + "/pid; wait"]
sys.exit(supervise(command, os.environ, run=Path(sys.argv[1]), watch=Watching()))
"""
HANGS_AFTER_A_STEP = """
import json, sys, time
def all_reduce():
    time.sleep(300)
with open(sys.argv[1], "a") as log:
    log.write(json.dumps({"loss": 2.5, "global_step/max_steps": "3/10"}) + chr(10))
all_reduce()
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


def run_python(code: str, run: Path, watch: Watching | None = None) -> int:
    command = [sys.executable, "-c", code, str(run / "logging.jsonl")]
    return supervise(command, os.environ, run=run, watch=watch or Watching())


def test_the_exit_code_of_the_command_is_ours_and_its_words_are_kept(tmp_path: Path) -> None:
    assert run_python("print('CUDA out of memory'); raise SystemExit(3)", tmp_path) == 3
    assert last_lines(tmp_path / OUTPUT_FILE) == ["CUDA out of memory"]


def test_of_a_bar_that_is_drawn_over_itself_the_last_state_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "swift.log"
    log.write_bytes(b"loading\r\n 1/3\r 2/3\r 3/3\n\nTraceback\n")
    assert last_lines(log) == ["loading", " 3/3", "Traceback"]


def test_steps_are_shown_as_lines_where_there_is_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = HANGS_AFTER_A_STEP.replace("300", "0")
    assert run_python(code, tmp_path) == 0
    assert capsys.readouterr().err == "step 3/10: loss 2.5000\n"


def test_a_run_without_an_open_question_leaves_no_stacks(tmp_path: Path) -> None:
    assert run_python("pass", tmp_path) == 0
    assert not (tmp_path / "stacks").exists()


def test_a_standstill_is_told_with_the_place_and_may_end_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    watch = Watching(stall_minutes=1 / 60, end_stalled=True)
    assert run_python(HANGS_AFTER_A_STEP, tmp_path, watch) == STALLED
    told = capsys.readouterr().err
    assert "no new line in logging.jsonl for 0.0166667 minutes (at step 3 of 10)" in told
    assert "rank 0, process " in told
    assert "in all_reduce" in told
    (stacks,) = (tmp_path / "stacks").glob("*.txt")
    assert "in all_reduce" in stacks.read_text(encoding="utf-8")


def test_ending_the_launcher_ends_what_its_command_started(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    launcher = subprocess.Popen([sys.executable, "-c", LAUNCHER, str(tmp_path)], cwd=ROOT)
    wait_until(lambda: note.is_file() and note.read_text(encoding="utf-8").strip())
    sleeper = int(note.read_text(encoding="utf-8"))
    assert is_alive(sleeper)
    launcher.send_signal(signal.SIGTERM)
    assert launcher.wait(90) == INTERRUPTED
    wait_until(lambda: not is_alive(sleeper))


def test_an_evaluation_that_is_ended_leaves_no_model_server(tmp_path: Path) -> None:
    """A stand-in that never gets ready takes the server's place: what counts is that nothing is left running."""
    server = tmp_path / "server.py"
    server.write_text(
        f"#!{sys.executable}\nimport os, pathlib, time\n"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))\ntime.sleep(600)\n"
    )
    server.chmod(0o755)
    code = (
        "from recipes.draftbench import serving\n"
        f"serving.agent_command = lambda: {str(server)!r}\n"
        "with serving.served('embedded'): pass\n"
    )
    evaluation = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: (tmp_path / "pid").is_file() and (tmp_path / "pid").read_text())
        evaluation.terminate()
        assert evaluation.wait(60) != 0
    finally:
        evaluation.kill()
    pid = int((tmp_path / "pid").read_text())
    wait_until(lambda: not is_alive(pid))
