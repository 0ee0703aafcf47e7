"""Two processes on one CPU, as torchrun starts them: they share their gradients."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from recipes.records import read_log
from tests.recipes.conftest import Lab

pytestmark = [pytest.mark.swift, pytest.mark.timeout(900)]

FULL = ("tuner_type=full", "max_steps=2", "learning_rate=0.001", "lr_scheduler_type=constant", "save_steps=2")


@pytest.fixture(scope="module")
def alone(lab: Lab) -> list[dict[str, Any]]:
    """One process with the batch that two have together."""
    return run(lab, "alone", "per_device_train_batch_size=2")


def run(lab: Lab, name: str, *words: str) -> list[dict[str, Any]]:
    """Train on two rows, so that every step has both, whichever process reads which."""
    name = f"processes/{name}"  # the folder of the tiny models is shared with other files' runs
    rows = lab.folder / "two-rows.jsonl"
    rows.write_text(
        "".join(lab.rows("sft").read_text(encoding="utf-8").splitlines(keepends=True)[:2]), encoding="utf-8"
    )
    done = lab.launch("sft", "smoke_sft.yaml", name, *FULL, f"dataset=[{rows}]", *words)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return [entry for entry in read_log(lab.folder / name / "logging.jsonl") if "loss" in entry]


@pytest.fixture
def two_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPROC_PER_NODE", "2")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MASTER_PORT", str(free.getsockname()[1]))


def assert_equal(found: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> None:
    """The second loss is that of weights that moved by the gradient of all rows, so it tells shared gradients."""
    assert [entry["loss"] for entry in found] == pytest.approx([entry["loss"] for entry in wanted], rel=2e-3)
    assert [entry["grad_norm"] for entry in found] == pytest.approx([entry["grad_norm"] for entry in wanted], rel=2e-2)


@pytest.mark.usefixtures("two_processes")
def test_two_processes_share_their_gradients(lab: Lab, alone: list[dict[str, Any]]) -> None:
    assert_equal(run(lab, "two"), alone)


@pytest.mark.usefixtures("two_processes")
def test_two_processes_share_what_zero2_spreads(lab: Lab, alone: list[dict[str, Any]]) -> None:
    """ZeRO-3 cannot be tried so: on a CPU it counts one process (the preflight says so)."""
    assert_equal(run(lab, "zero2", "deepspeed=ds_configs/zero2.json"), alone)
