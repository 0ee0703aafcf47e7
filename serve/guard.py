"""Run a command that must not outlive whoever started it.

    python -I serve/guard.py COMMAND [ARGUMENT ...]

The starter holds the other end of this process's standard input. When that end closes, because the starter ended in
whatever way, even by SIGKILL, the whole process group is ended: asked first, then killed. vLLM is several processes,
and its front end alone being told to die (as PR_SET_PDEATHSIG would) leaves the others behind while it is starting.
Standard library only, and no import of ours: it must be running before anything else is.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time

LOOK_SECONDS = 0.25
GRACE_SECONDS = 5.0


def main() -> None:
    """Start the command, then wait for its end or the starter's."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # meant for the command; a handler, unlike SIG_IGN, is not inherited
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    while child.poll() is None:
        readable, _, _ = select.select([0], [], [], LOOK_SECONDS)
        if readable and not os.read(0, 1):
            end_group(child)
    raise SystemExit(child.returncode if child.returncode >= 0 else 128 - child.returncode)


def end_group(child: subprocess.Popen[bytes]) -> None:
    """End every process of the group, this one included."""
    os.killpg(0, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while child.poll() is None and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
