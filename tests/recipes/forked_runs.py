"""Runs ms-swift in forks of one process that has imported it, so that many short runs pay for the imports once.

    python -m tests.recipes.forked_runs < orders.jsonl

An order is `{"command": "sft", "argv": […], "output": FILE, "log": FILE, "kill_at": STEP or 0}`. With `kill_at` the run
gets SIGKILL as soon as that step stands in its log. The answer is the exit code, negative for a signal, one line each.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from recipes.progress import curve, read_log

TIMEOUT = 240.0


def main() -> None:
    import swift.pipelines as pipelines  # the imports that every fork shares
    from swift.cli.main import parse_yaml_args

    starts = {"pt": pipelines.pretrain_main, "sft": pipelines.sft_main, "rlhf": pipelines.rlhf_main}
    for line in sys.stdin:
        order = json.loads(line)
        process = os.fork()
        if not process:
            _be_the_run(order, starts[order["command"]], parse_yaml_args)
        sys.stdout.write(f"{_wait(process, order)}\n")
        sys.stdout.flush()


def _be_the_run(order: dict[str, Any], start: Any, parse_yaml_args: Any) -> None:
    """Do in the fork what `swift COMMAND FILE …` does, and never return."""
    code = 1
    try:
        output = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        argv = list(order["argv"])
        parse_yaml_args(argv)
        sys.argv = ["swift", *argv]
        start(argv)
        code = 0
    except BaseException:  # the fork must end here, whatever happened
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _wait(process: int, order: dict[str, Any]) -> int:
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        steps = curve(read_log(Path(order["log"]))) if order["kill_at"] else []
        if steps and steps[-1].number >= order["kill_at"]:
            break
        time.sleep(0.005 if order["kill_at"] else 0.05)
    os.kill(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


if __name__ == "__main__":
    main()
