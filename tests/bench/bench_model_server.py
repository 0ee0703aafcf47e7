"""Measure the model server as drafting uses it: time until ready, and six sections at once.

    make bench        (or: .venv/bin/python -m tests.bench.bench_model_server [--rounds 3])

A round sends six requests together, each of about 900 prompt tokens, two thirds of them shared, and takes 150 tokens
from each. The load of the machine is printed beside each figure: only figures of a quiet machine compare.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2

from serve.model_files import ensure_embedded_model
from serve.settings import Settings
from serve.vllm_host import Machine, ModelHost, server_flags

SECTIONS = 6
TOKENS = 150
SHARED = "The committee wants plain words and figures with evidence, stated neutrally and cited. " * 42
OWN = "Evidence says that the sales of items fell during the quarter. " * 22


def main() -> None:
    """Start a server, run the rounds, print a line for each and the median."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=3)
    rounds = arguments.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder))
        model = ensure_embedded_model(settings.cache_dir, python=settings.engine_python, report=print)
        print("flags:", *server_flags(Machine.of(settings.engine_python), context=8192))
        started = time.monotonic()
        with ModelHost(model, settings=settings, report=print) as host:
            host.wait_ready()
            print(f"ready after {time.monotonic() - started:.1f} s, load {os.getloadavg()[0]:.1f}")
            seconds = [draft(host, number) for number in range(rounds)]
    print(f"median {statistics.median(seconds):.1f} s, {SECTIONS * TOKENS / statistics.median(seconds):.1f} tokens/s")


def draft(host: ModelHost, number: int) -> float:
    """Send one round and return how long it took."""
    started = time.monotonic()
    with ThreadPoolExecutor(SECTIONS) as pool:
        prompt_tokens = list(pool.map(lambda section: write(host, number, section), range(SECTIONS)))
    seconds = time.monotonic() - started
    speed = SECTIONS * TOKENS / seconds
    load = os.getloadavg()[0]
    print(
        f"round {number}: {seconds:.1f} s, {speed:.1f} tokens/s, prompts {max(prompt_tokens)} tokens, load {load:.1f}"
    )
    return seconds


def write(host: ModelHost, number: int, section: int) -> int:
    """Have one section written and return how many tokens its prompt had."""
    messages = [
        {"role": "system", "content": f"Round {number}. You write governance proposals. {SHARED}"},
        {"role": "user", "content": f"Section {section}. {OWN} Write it."},
    ]
    sampling = {"temperature": 0.3, "top_p": 0.9, "seed": 7, "max_tokens": TOKENS, "min_tokens": TOKENS}
    body = {"model": host.name, "messages": messages, **sampling}
    answer = httpx2.post(f"{host.url}/chat/completions", json=body, timeout=600, trust_env=False)
    answer.raise_for_status()
    return int(answer.json()["usage"]["prompt_tokens"])


if __name__ == "__main__":
    main()
