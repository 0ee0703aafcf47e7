"""Asking serving for drafts, by the commands a user would type: training never imports serving (architecture.md)."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from proposal.errors import ConfigError, UpstreamError
from recipes.draftbench.plan import BASE, EMBEDDED, SystemPlan
from recipes.interrupts import terminable

READY_SECONDS = 900.0
STOP_SECONDS = 30.0


def agent_command() -> str:
    """Return the path of `dao-agent` in this environment."""
    command = Path(sys.executable).with_name("dao-agent")
    if not command.is_file():
        raise ConfigError("no dao-agent beside this Python", where=sys.executable, fix="make setup; .venv/bin/python …")
    return str(command)


@contextlib.contextmanager
def served(model: str) -> Iterator[str]:
    """Serve a model while the block runs; yields the URL of its endpoint ("" where there is no model)."""
    if not model:
        yield ""
        return
    port = _free_port()
    command = [agent_command(), "serve", "model", "--port", str(port)]
    if model == BASE:
        command.append("--base")
    elif model != EMBEDDED:
        command += ["--model", model]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        with terminable():
            _wait_ready(process, port, model)
            yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        if process.poll() is None:
            process.kill()
            process.wait()


def draft(system: SystemPlan, items: Path, out: Path, *, url: str, parallel: int) -> None:
    """Draft the items with one system; an interrupted run goes on."""
    command = [agent_command(), "draft-items", str(items), "--out", str(out), "--line", system.line]
    environment = {
        **os.environ,
        "DAO_MODEL_URL": url or "http://127.0.0.1:9/v1",
        "DAO_MODEL_NAME": "",
        "DAO_MODEL_LANGUAGES": system.languages,
        "DAO_MODEL_FIGURES": str(system.figures),
        "DAO_BEST_OF": str(system.best_of),
    }
    done = subprocess.run(
        [*command, "--parallel", str(parallel)], env=environment, stdin=subprocess.DEVNULL, check=False
    )
    if done.returncode:
        raise UpstreamError(f"drafting ended with status {done.returncode}", where=system.name,
                            fix="see its message above; the same command goes on where it stopped")  # fmt: skip


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_ready(process: subprocess.Popen[bytes], port: int, model: str) -> None:
    started = time.monotonic()
    while time.monotonic() - started < READY_SECONDS:
        if process.poll() is not None:
            raise UpstreamError(f"the model server ended with status {process.returncode}", where=model,
                                fix="see its message above")  # fmt: skip
        with (
            contextlib.suppress(urllib.error.URLError, OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2),
        ):
            return
        time.sleep(0.5)
    raise UpstreamError(f"not ready after {READY_SECONDS:.0f} s", where=model)
