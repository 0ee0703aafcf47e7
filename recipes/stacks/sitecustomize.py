"""Lets every Python process of a run write where it stands when the stall watch asks.

`recipes.stalls` puts this folder first on PYTHONPATH and names a folder in DAO_STACKS; Python imports a module of this
name at every start, so the processes that ms-swift and torchrun start are reached too, without a change to their
command. On SIGUSR1 the interpreter's own handler writes the stacks of all threads, also when the main thread hangs in
native code. Without DAO_STACKS nothing happens. Standard library only, and it must never fail a start.
"""

import contextlib
import faulthandler
import importlib.machinery
import importlib.util
import os
import signal
import sys
import typing

_open: list[typing.TextIO] = []


def _register(folder: str) -> None:
    """Open this process's file, which is also the sign that it may be sent the signal, and set the handler."""
    rank, command = os.environ.get("RANK", "0"), " ".join(sys.orig_argv)[:300]
    file = open(os.path.join(folder, f"{os.getpid()}.txt"), "w", encoding="utf-8")  # noqa: SIM115 - stays open
    _open.append(file)
    file.write(f"rank {rank}, process {os.getpid()}: {command}\n")
    file.flush()
    faulthandler.register(signal.SIGUSR1, file=file, all_threads=True)


def _import_the_hidden_one() -> None:
    """Run the environment's own module of this name, which ours stands before."""
    here = os.path.dirname(os.path.abspath(__file__))
    others = [path for path in sys.path if os.path.abspath(path or ".") != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


if os.environ.get("DAO_STACKS"):
    with contextlib.suppress(OSError):
        _register(os.environ["DAO_STACKS"])
    _import_the_hidden_one()
