"""What only a GPU can show. Never run yet: written for a machine with a card, on the launchers of the CPU tier.

    .venv-model/bin/python -m pytest -m gpu -s tests/recipes/test_gpu_tier.py

Not part of `make test`. Needs NVIDIA GPUs (two for ZeRO-3), flash-attn, bitsandbytes, vLLM, and DAO_GPU_MODEL: the
folder of a Qwen3 (0.6B or larger). Each figure is printed with `-s`; it goes into the header of its
recipe by hand, with the day.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from recipes.preflight.hardware import gpu_memory
from recipes.records import read_log
from tests.recipes.conftest import Lab

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not gpu_memory(), reason="no NVIDIA GPU: nvidia-smi lists none"),
]

ON_THE_CARD = ("use_cpu=false", "torch_dtype=bfloat16", "bf16=true", "learning_rate=0.0001", "max_length=4096")
PACKED = ("packing=true", "lazy_tokenize=false", "attn_impl=flash_attn")


@pytest.fixture(scope="module")
def model() -> Path:
    named = os.environ.get("DAO_GPU_MODEL", "")
    if not (Path(named) / "config.json").is_file():
        pytest.skip("set DAO_GPU_MODEL to the folder of a Qwen3")
    return Path(named)


def needs(package: str) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")


def run(lab: Lab, method: str, model: Path, name: str, *words: str) -> list[dict[str, Any]]:
    """Run a smoke recipe on the card; return its log entries with a loss."""
    chosen = (f"model={model}", "template=qwen3_nothinking", *ON_THE_CARD, *words)
    done = lab.launch(method, f"smoke_{method}.yaml", name, *chosen)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return [entry for entry in read_log(lab.folder / name / "logging.jsonl") if "loss" in entry]


def seconds_a_step(entries: list[dict[str, Any]]) -> float:
    """Return the mean time of a step without the first, which compiles; ms-swift logs the mean since the start."""
    since_start = [float(entry["train_speed(s/it)"]) * number for number, entry in enumerate(entries, 1)]
    return (since_start[-1] - since_start[0]) / (len(entries) - 1)


def report(line: str) -> None:
    sys.stdout.write(f"\n{line}\n")


def many_rows(lab: Lab) -> Path:
    """Write the sections of the examples twenty times, so that packs are full."""
    path = lab.folder / "many.jsonl"
    path.write_text(lab.rows("sft").read_text(encoding="utf-8") * 20, encoding="utf-8")
    return path


def test_packed_rows_have_the_loss_they_have_alone(lab: Lab, model: Path) -> None:
    """All rows in one step at learning rate 0: the mean over the same tokens, whichever way they are batched."""
    needs("flash_attn")
    rows = sum(1 for _ in lab.rows("sft").open(encoding="utf-8"))
    still = ("learning_rate=0", "max_steps=1", "tuner_type=lora", "attn_impl=flash_attn", "lora_dropout=0")
    alone = run(
        lab, "sft", model, "alone", *still, "per_device_train_batch_size=1", f"gradient_accumulation_steps={rows}"
    )
    packed = run(lab, "sft", model, "packed", *still, *PACKED, "packing_length=65536", "per_device_train_batch_size=1")
    assert packed[0]["loss"] == pytest.approx(alone[0]["loss"], rel=1e-2)


def test_packing_at_least_doubles_the_tokens_a_second(lab: Lab, model: Path) -> None:
    needs("flash_attn")
    data = f"dataset=[{many_rows(lab)}]"
    counted = "include_num_input_tokens_seen=true"
    sizes = (counted, "max_steps=12", "per_device_train_batch_size=1", "gradient_checkpointing=true")
    single = run(lab, "sft", model, "single", data, *sizes, "attn_impl=flash_attn")
    packed = run(lab, "sft", model, "full", data, *sizes, *PACKED, "packing_length=8192")
    tokens = {"single": tokens_a_step(lab, "single", single), "packed": tokens_a_step(lab, "full", packed)}
    speed = {"single": tokens["single"] / seconds_a_step(single), "packed": tokens["packed"] / seconds_a_step(packed)}
    report(f"tokens/s: {speed}")
    assert speed["packed"] >= 2 * speed["single"]


def tokens_a_step(lab: Lab, name: str, entries: list[dict[str, Any]]) -> float:
    """Return the mean tokens of a step, as the trainer counted them."""
    state = json.loads((lab.folder / name / f"checkpoint-{len(entries)}" / "trainer_state.json").read_text("utf-8"))
    return float(state["num_input_tokens_seen"]) / len(entries)


@pytest.mark.skipif(len(gpu_memory()) < 2, reason="ZeRO-3 needs two GPUs to spread over")
def test_zero3_trains_all_weights_on_two_cards(lab: Lab, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPROC_PER_NODE", "2")
    entries = run(lab, "sft", model, "zero3", "deepspeed=ds_configs/zero3.json", "tuner_type=full", "max_steps=3")
    report(f"ZeRO-3: {entries[-1].get('memory(GiB)')} GiB, {seconds_a_step(entries):.2f} s a step")
    assert (lab.folder / "zero3" / "checkpoint-3" / "model.safetensors").is_file()


def test_four_bit_weights_take_less_memory(lab: Lab, model: Path) -> None:
    needs("bitsandbytes")
    four_bit = ("quant_method=bnb", "quant_bits=4", "bnb_4bit_compute_dtype=bfloat16", "gradient_checkpointing=true")
    plain = run(lab, "sft", model, "lora", "gradient_checkpointing=true")
    quantised = run(lab, "sft", model, "qlora", *four_bit)
    memory = {"LoRA": plain[-1]["memory(GiB)"], "QLoRA": quantised[-1]["memory(GiB)"]}
    report(f"GiB: {memory}")
    assert memory["QLoRA"] < memory["LoRA"]


def test_where_the_time_of_a_grpo_step_goes(lab: Lab, model: Path) -> None:
    """Our rewards are a small share of a step; the rest is writing completions and learning from them."""
    needs("vllm")
    engine = ("use_vllm=true", "vllm_mode=colocate", "vllm_gpu_memory_utilization=0.3", "vllm_max_model_len=4608")
    sizes = ("max_steps=5", "max_length=4096", "max_completion_length=256", "save_steps=5")
    entries = run(lab, "grpo", model, "grpo-card", *engine, *sizes)
    timed = {key: value for key, value in entries[-1].items() if "time" in key or "profiling" in key}
    report(f"GRPO: {seconds_a_step(entries):.2f} s a step; {timed}")
    assert len(entries) == 5
