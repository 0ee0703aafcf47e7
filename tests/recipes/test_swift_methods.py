"""Every method and variant by its own configuration, trained for two steps with real ms-swift in this one process.

The pipelines of ms-swift can be called one after another, so imports are paid for once. Configurations for GPUs keep
what makes the algorithm and are put on a tiny model; what only a GPU can do is taken out and named in `ONLY_ON_A_GPU`.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from recipes.config_table import method_of
from recipes.recipe import as_arguments, load_recipe
from recipes.records import read_log
from tests.recipes.builders import ROOT
from tests.recipes.conftest import Lab

pytestmark = pytest.mark.swift

CONFIGS = ROOT / "recipes" / "configs"
ONLY_ON_A_GPU = frozenset(
    {
        "packing", "lazy_tokenize", "attn_impl", "use_liger_kernel", "deepspeed", "sequence_parallel_size",
        "quant_method", "quant_bits", "bnb_4bit_quant_type", "bnb_4bit_compute_dtype", "bnb_4bit_use_double_quant",
        "use_vllm", "vllm_mode", "vllm_gpu_memory_utilization", "vllm_max_model_len", "sleep_level",
        "vllm_server_host", "vllm_server_port", "vllm_server_timeout",
    }
)  # fmt: skip
ON_THIS_CPU: Mapping[str, Any] = {
    "model_type": "qwen3",
    "template": "chatml",
    "torch_dtype": "float32",
    "fp16": False,
    "bf16": False,
    "use_cpu": True,
    "gradient_checkpointing": False,
    "gradient_accumulation_steps": 1,
    "max_steps": 2,
    "save_steps": 2,
    "learning_rate": 0.001,
    "dataloader_num_workers": 0,
    "dataset_num_proc": 1,
    "report_to": ["none"],
    "check_model": False,
}
GRPO = {"per_device_train_batch_size": 4, "num_generations": 4, "max_completion_length": 16}


@pytest.fixture(autouse=True)
def _two_quiet_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("OMP_WAIT_POLICY", "PASSIVE"), ("OMP_NUM_THREADS", "2"), ("IMAGE_MAX_TOKEN_NUM", "588")):
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(ROOT)


@dataclass(frozen=True)
class Trained:
    """A finished run: its folder, and the log entries that have a loss, as ms-swift wrote them."""

    run: Path
    entries: list[dict[str, Any]]


def trained(lab: Lab, config: str, **changed: Any) -> Trained:
    """Train one configuration on the tiny model, in a run folder of its own."""
    from swift import pretrain_main, rlhf_main, sft_main

    mains = {"pt": pretrain_main, "sft": sft_main, "rlhf": rlhf_main}
    path = CONFIGS / f"{config}.yaml"
    recipe = load_recipe(path, method_of(path))
    values = {key: value for key, value in recipe.values.items() if key not in ONLY_ON_A_GPU}
    run = Path(tempfile.mkdtemp(prefix=f"{config}-", dir=lab.folder)) / "run"
    values |= {**ON_THIS_CPU, **lab.inputs(recipe.method.name), "output_dir": str(run)}
    if recipe.method.name == "grpo":
        values |= {**GRPO, "use_vllm": False}
    mains[recipe.method.command](as_arguments({**values, **changed}))
    entries = [entry for entry in read_log(run / "logging.jsonl") if "loss" in entry]
    assert [entry["loss"] for entry in entries if not math.isfinite(entry["loss"])] == []
    assert (run / "checkpoint-2" / "trainer_state.json").is_file()
    return Trained(run, entries)


def test_continued_pretraining_learns_every_token(lab: Lab) -> None:
    first, _ = trained(lab, "smoke_cpt").entries
    assert first["loss"] == pytest.approx(math.log(1_024), rel=0.02)


def test_a_long_text_is_split_and_nothing_of_it_is_lost(lab: Lab) -> None:
    """The real recipe of continued pre-training: with `delete` and `strict` a long text would end the run."""
    assert len(trained(lab, "cpt", max_length=512).entries) == 2


def test_a_vision_model_trains_on_pictures_and_its_tower_stays(lab: Lab) -> None:
    done = trained(lab, "smoke_sft_multimodal")
    first, second = done.entries
    assert first["loss"] == pytest.approx(math.log(151_657), rel=0.05)
    # The steps see different rows, so their losses cannot be compared: what is learnt stands in the adapter.
    assert second["loss"] == pytest.approx(first["loss"], rel=0.05)
    learnt = largest_of_each(done.run / "checkpoint-2" / "adapter_model.safetensors")
    assert max(value for name, value in learnt.items() if "lora_B" in name) > 0
    assert not [name for name in learnt if "visual" in name]


def largest_of_each(path: Path) -> dict[str, float]:
    """Return the largest absolute weight of each tensor; a LoRA's B matrices begin at zero."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as tensors:
        return {name: float(tensors.get_tensor(name).abs().max()) for name in tensors.keys()}  # noqa: SIM118


def test_kto_starts_at_its_reference_and_moves(lab: Lab) -> None:
    first, second = trained(lab, "smoke_kto").entries
    assert first["loss"] == pytest.approx(0.5, abs=1e-4)
    assert second["loss"] != first["loss"]


def test_a_reward_model_starts_undecided(lab: Lab) -> None:
    first, second = trained(lab, "smoke_rm").entries
    assert first["loss"] == pytest.approx(math.log(2), abs=0.05)
    assert second["rewards/margins"] != first["rewards/margins"]


@pytest.mark.parametrize("config", ["dpo_qwen3_orpo", "dpo_qwen3_simpo"])
def test_relatives_of_dpo_train_on_its_rows(lab: Lab, config: str) -> None:
    entries = trained(lab, config, **({"adapters": [str(lab.adapter)]} if "simpo" in config else {})).entries
    assert len(entries) == 2
    assert all("rewards/margins" in entry for entry in entries)


def test_dpo_goes_on_from_an_adapter_and_compares_with_it(lab: Lab) -> None:
    """With `ref_adapters` the policy starts as its own reference; without, the reference would be the raw model."""
    both = {"adapters": [str(lab.adapter)], "ref_adapters": [str(lab.adapter)], "rpo_alpha": 0}
    first, _ = trained(lab, "dpo_qwen3", **both).entries
    assert first["rewards/margins"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("variant", ["gdpo", "rloo", "dapo", "dr_grpo", "gspo", "chord"])
def test_a_relative_of_grpo_trains_and_calls_our_rewards(lab: Lab, variant: str) -> None:
    """The keys of each relative reach the trainer; rewards are logged by the step that had completions written."""
    changed: dict[str, Any] = {"adapters": [str(lab.adapter)], "ref_adapters": [str(lab.adapter)]}
    if variant == "chord":
        changed["chord_sft_dataset"] = [str(lab.cut / "sft.jsonl")]
    entries = trained(lab, f"grpo_qwen3_{variant}", **changed).entries
    assert len(entries) == 2
    rewards = [entry["rewards/DataCitation/mean"] for entry in entries if "rewards/DataCitation/mean" in entry]
    assert rewards
    assert all(0 <= reward <= 1 for reward in rewards)


def test_galore_is_another_optimizer_and_use_galore_is_none(lab: Lab) -> None:
    """The loss begins alike and parts once the weights have moved. By `use_galore` it does not part: transformers 5
    makes the optimizer without asking ms-swift, so our recipe names transformers' own and the preflight refuses it.
    """
    sizes = {"max_length": 4_096, "learning_rate": 0.01, "warmup_ratio": 0}
    plain = {**sizes, "optim": "adamw_torch"}
    with_it, without, by_swift = (
        [entry["loss"] for entry in trained(lab, "sft_qwen3_galore", **changed).entries]
        for changed in (
            {**sizes, "optim_args": "rank=4,update_proj_gap=1,scale=0.25"},
            plain,
            {**plain, "use_galore": True},
        )
    )
    assert with_it[0] == pytest.approx(without[0], rel=1e-5)
    assert with_it[1] != pytest.approx(without[1], rel=1e-6)
    assert by_swift == pytest.approx(without, rel=1e-6)


def test_qlora_trains_an_adapter_on_four_bit_weights(lab: Lab) -> None:
    four_bit = {"quant_method": "bnb", "quant_bits": 4, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True}
    done = trained(lab, "sft_qwen3_qlora", **four_bit, bnb_4bit_compute_dtype="float32", max_length=4_096)
    assert done.entries[0]["loss"] == pytest.approx(math.log(1_024), rel=0.02)
    assert (done.run / "checkpoint-2" / "adapter_model.safetensors").is_file()
