"""Real runs of the pinned ms-swift by our launchers and configurations, on a tiny model."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from data_prep.records import RESERVED_COLUMNS
from recipes.preflight.model import environment_agrees
from recipes.recipe import GRPO, load_recipe
from recipes.records import last_checkpoint, read_log
from recipes.swift_keys import KEYS_FILE, as_text, installed_keys
from tests.recipes.builders import ROOT
from tests.recipes.conftest import Lab

pytestmark = pytest.mark.swift

CONFIGS = ROOT / "recipes" / "configs"
REWARDS = (
    "DataCitation",
    "NumericFaithfulness",
    "TemplateAdherence",
    "Compliance",
    "ToneNeutrality",
    "Brevity",
)


def succeeded(done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done


def steps(run: Path) -> list[dict[str, Any]]:
    return [entry for entry in read_log(run / "logging.jsonl") if "loss" in entry]


@pytest.fixture(scope="module")
def sft_run(lab: Lab) -> Path:
    """Run the SFT smoke recipe as its header says."""
    succeeded(lab.launch("sft", "smoke_sft.yaml", "sft"))
    return lab.folder / "sft"


def test_the_committed_keys_are_those_of_the_installed_release() -> None:
    assert as_text(installed_keys()) == KEYS_FILE.read_text(encoding="utf-8"), "run python -m recipes.swift_keys"


def test_every_column_that_the_release_knows_is_reserved() -> None:
    from swift.dataset.preprocessor.core import ResponsePreprocessor, RowPreprocessor

    known = {*RowPreprocessor.standard_keys, *ResponsePreprocessor().columns}
    assert known - RESERVED_COLUMNS <= {"system_prompt", "answer_key"}


def test_sft_trains_with_finite_positive_losses(sft_run: Path) -> None:
    losses = [entry["loss"] for entry in steps(sft_run)]
    assert len(losses) == 3
    assert all(math.isfinite(loss) and loss > 0 for loss in losses)
    assert losses[0] == pytest.approx(math.log(1_024), rel=0.05)


def test_a_finished_run_is_a_model_record(sft_run: Path) -> None:
    record = json.loads((sft_run / "record.json").read_text(encoding="utf-8"))
    assert (record["kind"], record["global_step"], record["method"]) == ("adapter", 3, "sft")
    assert (sft_run / record["weights"] / "adapter_model.safetensors").is_file()
    assert record["environment"]["ms-swift"] == "4.6.0"
    assert record["data"][0]["rows"] >= 15
    assert record["data"][0]["cut"]


def test_swift_alone_does_the_same_run(lab: Lab, sft_run: Path) -> None:
    swift = Path(sys.executable).parent / "swift"
    succeeded(
        lab.start(
            swift, "sft", CONFIGS / "smoke_sft.yaml", "--model", lab.model,
            "--dataset", lab.cut / "sft.jsonl", "--output_dir", lab.folder / "bare",
        )
    )  # fmt: skip
    ours, bare = ([entry["loss"] for entry in steps(run)] for run in (sft_run, lab.folder / "bare"))
    assert bare == pytest.approx(ours, rel=1e-5)


def test_resume_goes_on_with_the_step_counter(lab: Lab, sft_run: Path) -> None:
    succeeded(lab.launch("sft", "smoke_sft.yaml", "sft", "max_steps=5", "--resume", "last"))
    checkpoint = last_checkpoint(sft_run)
    assert checkpoint is not None
    state = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    assert state["global_step"] == 5
    assert [entry["step"] for entry in state["log_history"] if "loss" in entry] == [1, 2, 3, 4, 5]


def test_a_run_folder_in_use_is_refused_before_anything_starts(lab: Lab, sft_run: Path) -> None:
    done = lab.launch("sft", "smoke_sft.yaml", "sft")
    assert done.returncode == 6
    assert "already holds a run" in done.stderr
    assert "--resume last" in done.stderr


def test_dpo_starts_from_the_reference_and_moves(lab: Lab) -> None:
    succeeded(lab.launch("dpo", "smoke_dpo.yaml", "dpo"))
    first, second = steps(lab.folder / "dpo")
    assert first["loss"] == pytest.approx(math.log(2), rel=1e-4)
    assert math.isfinite(second["loss"])
    assert second["loss"] != first["loss"]
    assert second["rewards/margins"] != 0


def test_grpo_calls_every_reward_of_the_recipe(lab: Lab) -> None:
    succeeded(lab.launch("grpo", "smoke_grpo.yaml", "grpo"))
    entries = steps(lab.folder / "grpo")
    assert len(entries) == 2
    for name in REWARDS:
        assert all(0 <= entry[f"rewards/{name}/mean"] <= 1 for entry in entries)
    completions = list(read_log(lab.folder / "grpo" / "completions.jsonl"))
    assert len(completions) >= 2


def test_zero2_trains_on_one_cpu_process(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("deepspeed", reason="deepspeed is not installed")
    monkeypatch.setenv("NPROC_PER_NODE", "1")
    words = ["deepspeed=ds_configs/zero2.json", "max_steps=1"]
    succeeded(lab.launch("sft", "smoke_sft.yaml", "zero2", *words))
    (entry,) = steps(lab.folder / "zero2")
    assert entry["loss"] == pytest.approx(math.log(1_024), rel=0.05)


@pytest.mark.parametrize("method", ["sft", "dpo", "grpo"])
def test_a_dry_run_shows_the_command_and_starts_nothing(lab: Lab, method: str) -> None:
    done = succeeded(lab.launch(method, f"smoke_{method}.yaml", "nothing", "--dry-run"))
    command = "sft" if method == "sft" else "rlhf"
    assert done.stdout.startswith(f"command: swift {command} ")
    assert "OMP_WAIT_POLICY=PASSIVE" in done.stdout
    assert not (lab.folder / "nothing").exists()


def test_what_only_the_environment_knows_is_named_all_at_once(lab: Lab) -> None:
    """A misspelt reward, rows that are too long and another chat template: none of them stops the others."""
    words = [
        *lab.overrides("grpo", "never"),
        "reward_funcs=[data_citatoin]",
        "reward_weights=[1]",
        "max_length=1000",
        "template=llama3",
    ]
    problems = [str(p) for p in environment_agrees(load_recipe(CONFIGS / "smoke_grpo.yaml", GRPO, words))]
    assert any("did you mean 'data_citation'?" in problem for problem in problems)
    assert any("max_length admits 1000" in problem for problem in problems)
    assert any("the prompt differs between training and serving: token 0" in problem for problem in problems)
