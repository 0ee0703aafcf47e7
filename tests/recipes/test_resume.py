"""A run that is killed in the middle and goes on is the run that nobody interrupted: every method, real ms-swift."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from recipes.estimates import checkpoint_bytes, optimizer_bytes, plan_of
from recipes.launch import with_resume
from recipes.model_shape import read_shape
from recipes.progress import curve, read_log, step_of
from recipes.recipe import METHODS, Recipe, as_arguments, load_recipe
from recipes.records import last_checkpoint, read_state
from recipes.supervise import last_lines
from tests.recipes.builders import ROOT, write_rows
from tests.recipes.conftest import Lab

pytestmark = pytest.mark.swift

STEPS, KILL_AT, SAVED = 6, 5, 4
KILLED = -9
CASES = {
    "cpt": ("cpt", "smoke_sft.yaml", []),
    "sft": ("sft", "smoke_sft.yaml", []),
    "sft-accumulated": ("sft", "smoke_sft.yaml", ["gradient_accumulation_steps=2", "warmup_ratio=0.5"]),
    "sft_multimodal": ("sft_multimodal", "smoke_sft_multimodal.yaml", []),
    "dpo": ("dpo", "smoke_dpo.yaml", []),
    "orpo": ("dpo", "smoke_dpo.yaml", ["rlhf_type=orpo"]),
    "kto": ("kto", "smoke_dpo.yaml", ["rlhf_type=kto", "per_device_train_batch_size=2"]),
    "rm": ("rm", "smoke_dpo.yaml", ["rlhf_type=rm"]),
    "grpo": ("grpo", "smoke_grpo.yaml", []),
}


class Runs:
    """Starts runs in forks of one process."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        caches = {name: str(lab.folder / "cache") for name in ("XDG_CACHE_HOME", "HF_HOME", "MODELSCOPE_CACHE")}
        threads = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.recipes.forked_runs"], cwd=ROOT, env={**os.environ, **caches, **threads},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def recipe(self, case: str, name: str) -> Recipe:
        method, config, words = CASES[case]
        overrides = [
            f"model={self.lab.inputs(method)['model']}",
            f"dataset=[{self._rows(method)}]",
            f"output_dir={self.lab.folder / 'resume' / name}",
            f"max_steps={STEPS}", "save_steps=2", *words,
        ]  # fmt: skip
        return load_recipe(ROOT / "recipes" / "configs" / config, METHODS[method], overrides)

    def _rows(self, method: str) -> Path:
        """Return rows of the method; the examples hold no decisions and no bare texts, so these are made of answers."""
        made = self.lab.folder / f"resume-{method}.jsonl"
        sft = [json.loads(line) for line in (self.lab.cut / "sft.jsonl").read_text(encoding="utf-8").splitlines()]
        if method == "kto":
            # A row that meets its own answer in its batch, or is alone in the last one, ends KTO (docs/decisions.md).
            answers = {row["messages"][-1]["content"]: row["messages"] for row in sft}
            turns = list(answers.values())[: len(answers) // 2 * 2]
            rows = [{"messages": messages, "label": bool(number % 2)} for number, messages in enumerate(turns)]
            return write_rows(made, *rows)
        if method == "sft_multimodal":
            return self.lab.rows(method)
        if method == "cpt":
            return write_rows(made, *({"messages": row["messages"][-1:]} for row in sft))
        return self.lab.cut / f"{'dpo' if method == 'rm' else method}.jsonl"

    def start(self, recipe: Recipe, *, kill_at: int = 0) -> int:
        run = Path(str(recipe.values["output_dir"]))
        run.mkdir(parents=True, exist_ok=True)
        order = {
            "command": recipe.method.command,
            "argv": [str(recipe.path), *as_arguments(recipe.overrides)],
            "output": str(run / "swift.log"),
            "log": str(run / "logging.jsonl"),
            "kill_at": kill_at,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def finish(self, recipe: Recipe) -> Path:
        run = Path(str(recipe.values["output_dir"]))
        code = self.start(recipe)
        assert code == 0, "\n".join(last_lines(run / "swift.log"))
        return run

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)


@pytest.fixture(scope="module")
def runs(lab: Lab) -> Iterator[Runs]:
    found = Runs(lab)
    yield found
    found.close()


@pytest.mark.parametrize("case", CASES)
def test_a_killed_run_goes_on_as_if_nothing_had_happened(runs: Runs, case: str) -> None:
    whole = runs.finish(runs.recipe(case, f"{case}-whole"))
    killed = runs.recipe(case, f"{case}-killed")
    assert runs.start(killed, kill_at=KILL_AT) == KILLED
    resumed = with_resume(killed, "last")
    assert str(resumed.values["resume_from_checkpoint"]).endswith(f"checkpoint-{SAVED}")
    run = runs.finish(resumed)

    assert losses(run) == pytest.approx(losses(whole), rel=1e-5)
    assert logged(run) == [1, 2, 3, 4, 5, 5, 6], "it went on from the checkpoint and did not begin again"
    assert rates(run) == pytest.approx(rates(whole), rel=1e-6)
    assert [state_of(run)[key] for key in ("global_step", "max_steps")] == [STEPS, STEPS]
    ours, theirs = optimizer(run), optimizer(whole)
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert ours[name] == pytest.approx(theirs[name], rel=1e-4, abs=1e-9), name


def test_the_newest_checkpoints_stay_and_weigh_what_was_estimated(runs: Runs) -> None:
    """After the run above; the estimate counts tensors, and a file has a few kilobytes of names beside them."""
    recipe = runs.recipe("sft", "sft-whole")
    run = Path(str(recipe.values["output_dir"]))
    if not run.is_dir():
        runs.finish(recipe)
    assert sorted(path.name for path in run.glob("checkpoint-*")) == ["checkpoint-4", "checkpoint-6"]
    shape = read_shape(json.loads((runs.lab.model / "config.json").read_text(encoding="utf-8")))
    plan = plan_of(recipe, shape, devices=1)
    newest = run / "checkpoint-6"
    states = (newest / "optimizer.pt").stat().st_size
    weights = (newest / "adapter_model.safetensors").stat().st_size
    assert states == pytest.approx(optimizer_bytes(shape, plan), abs=30_000)
    assert states + weights == pytest.approx(checkpoint_bytes(shape, plan), abs=36_000)


def losses(run: Path) -> dict[int, float]:
    """Return the loss of each step, the later line standing for a step that was done twice."""
    return {step.number: step.loss for step in curve(read_log(run / "logging.jsonl")) if step.loss is not None}


def logged(run: Path) -> list[int]:
    """Return the steps in the order in which they were logged."""
    return [step.number for entry in read_log(run / "logging.jsonl") if (step := step_of(entry))]


def rates(run: Path) -> list[float]:
    return [step.learning_rate or 0.0 for step in curve(read_log(run / "logging.jsonl"))]


def state_of(run: Path) -> dict[str, Any]:
    checkpoint = last_checkpoint(run)
    assert checkpoint is not None
    return read_state(checkpoint)


def optimizer(run: Path) -> dict[str, float]:
    """Return a sum over each state tensor of the optimizer, and the step it counts."""
    import torch

    checkpoint = last_checkpoint(run)
    assert checkpoint is not None
    states = torch.load(checkpoint / "optimizer.pt", weights_only=True)["state"]
    return {
        f"{key} {name}": float(value.double().abs().sum())
        for key, state in states.items()
        for name, value in state.items()
    }
