"""The model server's life: settings by machine, start, ready, crash, stop; with real processes and a real vLLM."""

from __future__ import annotations

import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from proposal.errors import InputError, UpstreamError
from serve.model_files import ensure_embedded_model
from serve.settings import Settings
from serve.vllm_host import (
    GUARD,
    Machine,
    ModelHost,
    cpu_has_bfloat16,
    cpu_quota,
    hint,
    server_environment,
    server_flags,
)


def value_of(flag: str, flags: tuple[str, ...]) -> str:
    return flags[flags.index(flag) + 1]


def members(group: int) -> list[int]:
    """List the living processes of a group."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(after_name[2]) == group and after_name[0] not in "ZX":
            found.append(int(stat.parent.name))
    return found


def command_line(pid: int) -> bytes:
    """Return a process's command line, or nothing if it just ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def gone_within(seconds: float, group: int) -> bool:
    deadline = time.monotonic() + seconds
    while members(group):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


# --- settings -------------------------------------------------------------------------------------------------------


def test_a_cpu_without_bfloat16_computes_in_float32() -> None:
    assert value_of("--dtype", server_flags(Machine(gpu=False), context=8192)) == "float32"
    assert value_of("--dtype", server_flags(Machine(gpu=False, bfloat16=True), context=8192)) == "bfloat16"


def test_a_cpu_never_splits_a_prompt_but_a_gpu_may() -> None:
    assert "--no-enable-chunked-prefill" in server_flags(Machine(gpu=False), context=8192)
    assert "--no-enable-chunked-prefill" not in server_flags(Machine(gpu=True), context=8192)


@pytest.mark.parametrize(("context", "length"), [(8192, "4096"), (2048, "2048")])
def test_the_context_is_the_models_up_to_ours(context: int, length: str) -> None:
    assert value_of("--max-model-len", server_flags(Machine(gpu=False), context=context)) == length


@pytest.mark.parametrize(
    ("flags", "has"), [("fpu avx2 avx512f avx512_vnni", False), ("fpu avx512_bf16", True), ("fpu amx_bf16", True)]
)
def test_bfloat16_is_read_from_the_cpus_flags(tmp_path: Path, flags: str, has: bool) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags : {flags}\n")
    assert cpu_has_bfloat16(tmp_path / "cpuinfo") is has


@pytest.mark.parametrize(("text", "cores"), [("200000 100000\n", 2.0), ("max 100000\n", math.inf)])
def test_a_containers_share_of_the_cpu_is_read(tmp_path: Path, text: str, cores: float) -> None:
    (tmp_path / "cpu.max").write_text(text)
    assert cpu_quota(tmp_path / "cpu.max") == cores
    assert cpu_quota(tmp_path / "no-such-file") == math.inf


@pytest.mark.parametrize(("quota", "bound"), [(4.0, "0,1,2"), (1.0, "0"), (math.inf, None), (8.0, None)])
def test_a_limited_container_computes_on_as_many_cores_as_it_is_given(quota: float, bound: str | None) -> None:
    machine = Machine(gpu=False, cores=tuple(range(8)), quota=quota)
    assert server_environment(machine, {}).get("VLLM_CPU_OMP_THREADS_BIND") == bound
    assert server_environment(machine, {"VLLM_CPU_OMP_THREADS_BIND": "7"})["VLLM_CPU_OMP_THREADS_BIND"] == "7"


def test_a_server_that_the_system_killed_is_told_as_want_of_memory() -> None:
    assert "memory" in hint(-signal.SIGKILL, "")
    assert "memory" in hint(128 + signal.SIGKILL, "")
    assert hint(1, "ModuleNotFoundError: No module named 'vllm'").startswith("the model environment has no vLLM")


# --- failing to start -----------------------------------------------------------------------------------------------


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings whose model Python is this one, which has no vLLM."""
    return Settings(data_dir=tmp_path / "data", model_python=Path(sys.executable))


@pytest.fixture
def empty_checkpoint(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text('{"max_position_embeddings": 512}')
    return tmp_path


def test_an_environment_without_vllm_says_how_to_make_one(settings: Settings, empty_checkpoint: Path) -> None:
    with ModelHost(empty_checkpoint, settings=settings, report=lambda _: None) as host:
        with pytest.raises(UpstreamError) as caught:
            host.wait_ready(timeout=30)
        assert "ended with status 1" in str(caught.value)
        assert "vllm" in str(caught.value)
        assert "make setup-model" in str(caught.value)
        assert str(host.log) in str(caught.value)


def test_a_taken_port_is_named(settings: Settings, empty_checkpoint: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        host = ModelHost(empty_checkpoint, settings=settings, report=lambda _: None, port=port)
        with pytest.raises(InputError, match=f"127.0.0.1:{port}"):
            host.start()


@pytest.mark.parametrize("content", [None, "{"], ids=["missing", "not JSON"])
def test_a_folder_that_is_no_checkpoint_is_named(tmp_path: Path, settings: Settings, content: str | None) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(InputError, match=r"config\.json"):
        ModelHost(tmp_path, settings=settings, report=lambda _: None).start()


def test_only_the_newest_logs_are_kept(settings: Settings, empty_checkpoint: Path) -> None:
    logs = settings.data_dir / "logs"
    logs.mkdir(parents=True)
    for number in range(15):
        (logs / f"vllm-{number}.log").write_text("")
        os.utime(logs / f"vllm-{number}.log", (number, number))
    with ModelHost(empty_checkpoint, settings=settings, report=lambda _: None) as host:
        assert {path.name for path in logs.iterdir()} == {*(f"vllm-{n}.log" for n in range(6, 15)), host.log.name}


# --- the guard ------------------------------------------------------------------------------------------------------

STARTER = """
import subprocess, sys
guard = subprocess.Popen([sys.executable, "-I", *sys.argv[1:]], stdin=subprocess.PIPE, start_new_session=True)
print(guard.pid, flush=True)
guard.wait()
"""


def start_guarded(script: str) -> tuple[subprocess.Popen[str], int]:
    """Start a process that starts a guarded shell script; return it and the guarded group."""
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(GUARD), "bash", "-c", script], stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout is not None
    return starter, int(starter.stdout.readline())


@pytest.mark.slow
@pytest.mark.parametrize(
    "script", ["sleep 60 & sleep 60", "trap '' TERM; sleep 60 & sleep 60"], ids=["meek", "stubborn"]
)
def test_nothing_outlives_a_starter_that_is_killed(script: str) -> None:
    starter, group = start_guarded(script)
    deadline = time.monotonic() + 10
    while len(members(group)) < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(members(group)) == 4  # the guard, the shell, two sleepers
    starter.kill()
    starter.wait()
    assert gone_within(10, group)


@pytest.mark.parametrize(("script", "status"), [("exit 3", 3), ("kill -KILL $$", 137)])
def test_the_guard_ends_as_its_command_did(script: str, status: int) -> None:
    command = [sys.executable, "-I", str(GUARD), "bash", "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as guard:
        assert guard.wait(20) == status


# --- a real server --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(data_dir=tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def checkpoint(real_settings: Settings) -> Path:
    return ensure_embedded_model(real_settings.cache_dir, python=real_settings.engine_python, report=lambda _: None)


@pytest.fixture(scope="module")
def told() -> list[str]:
    return []


@pytest.fixture(scope="module")
def host(checkpoint: Path, real_settings: Settings, told: list[str]) -> Iterator[ModelHost]:
    with ModelHost(checkpoint, settings=real_settings, report=told.append) as running:
        running.wait_ready()
        yield running


def ask(host: ModelHost, text: str, **fields: Any) -> dict[str, Any]:
    """Send one chat request and return its one choice."""
    body = {
        "model": host.name,
        "messages": [{"role": "user", "content": text}],
        "temperature": 0.7,
        "seed": 7,
        **fields,
    }
    answer = httpx2.post(f"{host.url}/chat/completions", json=body, timeout=300, trust_env=False)
    assert answer.status_code == 200, answer.text
    choice: dict[str, Any] = answer.json()["choices"][0]
    return choice


@pytest.mark.model
def test_it_tells_its_stages_while_it_starts(host: ModelHost, told: list[str]) -> None:
    assert any("loading weights" in line for line in told)
    assert told[-1].startswith(f"  vLLM: ready at {host.url}")
    served = httpx2.get(f"{host.url}/models", trust_env=False).json()["data"]
    assert [(entry["id"], entry["max_model_len"]) for entry in served] == [("smollm2-135m-instruct-b179c9523d0e", 4096)]


@pytest.mark.model
def test_an_ebnf_grammar_of_the_request_is_obeyed(host: ModelHost) -> None:
    grammar = 'root ::= "{{" slot "}} is " ("up" | "down") " [[E" [1-2] "]]."\nslot ::= "E1.value" | "P.budget"\n'
    choice = ask(host, "Did sales fall?", max_tokens=40, structured_outputs={"grammar": grammar})
    assert choice["finish_reason"] == "stop"
    start, _, end = choice["message"]["content"].partition(" is ")
    assert start in {"{{E1.value}}", "{{P.budget}}"}
    assert end in {f"{way} [[E{number}]]." for way in ("up", "down") for number in (1, 2)}


@pytest.mark.model
def test_triggered_tags_keep_digits_out_of_free_text(host: ModelHost) -> None:
    tags = {
        "type": "triggered_tags",
        "triggers": ["[[E"],
        "excludes": list("0123456789"),
        "tags": [{"begin": "[[E", "content": {"type": "regex", "pattern": "[1-3]"}, "end": "]]"}],
        "at_least_one": False,
        "stop_after_first": False,
    }
    choice = ask(
        host, "Count from 1 to 20 in digits.", max_tokens=60, response_format={"type": "structural_tag", "format": tags}
    )
    free = choice["message"]["content"]
    for number in "123":
        free = free.replace(f"[[E{number}]]", "")
    assert free
    assert not any(letter.isdigit() for letter in free)


@pytest.mark.model
def test_long_prompts_with_a_seed_at_the_same_time_do_not_end_the_server(host: ModelHost) -> None:
    """With chunked prefill the first of these ended vLLM 0.32 on a CPU: 'CPU Generator does not use offset'."""
    prompts = [f"Section {number}. " + "Every figure needs evidence. " * 200 for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        choices = list(pool.map(lambda text: ask(host, text, max_tokens=8), prompts))
    assert [choice["finish_reason"] for choice in choices] == ["length"] * 4
    assert httpx2.get(host.url.replace("/v1", "/health"), trust_env=False).status_code == 200


@pytest.mark.model
def test_a_server_that_dies_is_noticed_and_stop_leaves_no_process(checkpoint: Path, real_settings: Settings) -> None:
    host = ModelHost(checkpoint, settings=real_settings, report=lambda _: None)
    host.start()
    group = host.group
    assert group is not None
    with pytest.raises(UpstreamError, match="not ready after 3 s"):
        host.wait_ready(timeout=3)
    (front_end,) = [pid for pid in members(group) if b"api_server" in command_line(pid) and pid != group]
    os.kill(front_end, signal.SIGKILL)
    with pytest.raises(UpstreamError, match="want of memory"):
        host.wait_ready(timeout=30)
    host.stop()
    assert members(group) == []


HOLDER = """
import sys
from pathlib import Path
from serve.settings import Settings
from serve.vllm_host import ModelHost
host = ModelHost(Path(sys.argv[1]), settings=Settings(data_dir=sys.argv[2]), report=lambda _: None)
host.start()
print(host.group, flush=True)
host.wait()
"""


@pytest.mark.model
def test_a_demo_that_is_killed_takes_the_server_along(
    checkpoint: Path, real_settings: Settings, tmp_path: Path
) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(checkpoint), str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout is not None
    group = int(starter.stdout.readline())
    deadline = time.monotonic() + 300
    while not any(b"EngineCore" in command_line(pid) for pid in members(group)) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert len(members(group)) >= 3  # guard, front end, engine; killed now, none of them knows yet how to end
    starter.kill()
    starter.wait()
    assert gone_within(15, group)
