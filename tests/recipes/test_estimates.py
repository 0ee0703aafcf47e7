"""Sizes from `config.json` alone, compared with what torch really keeps for the same small model on a CPU."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from proposal.errors import InputError
from recipes.estimates import (
    GIB,
    Plan,
    Zero,
    activation_bytes,
    checkpoint_bytes,
    disk_bytes,
    estimate_memory,
    optimizer_bytes,
    peak_bytes,
    plan_of,
    trainable_parameters,
    weight_bytes,
    zero_of,
)
from recipes.model_shape import ModelShape, read_shape
from tests.recipes.builders import ROOT, a_recipe, loaded

QWEN3_8B = {
    "model_type": "qwen3", "hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36,
    "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936,
    "max_position_embeddings": 40960, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
SHAPE = read_shape(QWEN3_8B)
LORA = Plan(weight_bytes=2, length=4096, batch=1, lora_rank=16, logit_tokens=4096)


def test_the_parameters_of_a_known_model_are_its_own() -> None:
    assert SHAPE.parameters == 8_190_735_360


def test_a_family_without_a_formula_is_named_and_not_guessed() -> None:
    with pytest.raises(InputError, match="no formula for the model type 'mamba'"):
        read_shape({"model_type": "mamba"})


def test_a_config_without_a_size_is_refused_by_its_name() -> None:
    with pytest.raises(InputError, match="'intermediate_size' is missing"):
        read_shape({name: value for name, value in QWEN3_8B.items() if name != "intermediate_size"})


def test_full_training_with_zero3_spreads_sixteen_bytes_a_parameter() -> None:
    plan = replace(LORA, full=True, zero=Zero(3), devices=4)
    memory = estimate_memory(SHAPE, plan)
    assert memory.weights + memory.gradients + memory.optimizer == pytest.approx(SHAPE.parameters * 16 / 4, abs=4)


def test_offloading_moves_the_bytes_to_the_host_and_loses_none() -> None:
    on_card = estimate_memory(SHAPE, replace(LORA, full=True, zero=Zero(2), devices=4))
    on_host = estimate_memory(SHAPE, replace(LORA, full=True, zero=Zero(2, optimizer_on_host=True), devices=4))
    assert (on_host.optimizer, on_host.host) == (0, on_card.optimizer)


def test_four_bit_weights_take_about_a_quarter_of_the_linear_layers() -> None:
    rest = SHAPE.parameters - SHAPE.linear_parameters
    quantised = weight_bytes(SHAPE, replace(LORA, quant_bits=4)) - 2 * rest
    assert quantised == pytest.approx(SHAPE.linear_parameters * (0.5 + 0.127 / 8), rel=1e-6)


def test_a_vllm_that_sleeps_costs_its_share_only_beside_what_stays() -> None:
    awake = replace(LORA, rollout_share=0.5)
    memory = estimate_memory(SHAPE, awake)
    card = 80 * GIB
    saved = peak_bytes(memory, awake, card) - peak_bytes(memory, replace(awake, rollout_sleeps=True), card)
    assert saved == min(memory.total - memory.resident, card // 2)


def test_one_checkpoint_more_than_is_kept_has_to_fit() -> None:
    plan = replace(LORA, checkpoints=2)
    assert disk_bytes(SHAPE, plan) == 3 * checkpoint_bytes(SHAPE, plan)
    assert disk_bytes(SHAPE, replace(plan, checkpoints=0), saves=7) == 7 * checkpoint_bytes(SHAPE, plan)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"tuner_type": "full"}, {"full": True, "reference": False}),
        ({"quant_method": "bnb", "quant_bits": 4}, {"quant_bits": 4}),
        ({"packing_length": 8192, "sequence_parallel_size": 4}, {"length": 2048}),
        ({"max_length": 512}, {"length": 512, "logit_tokens": 512}),
        ({"use_vllm": True, "vllm_gpu_memory_utilization": 0.4, "sleep_level": 1}, {"rollout_share": 0.4}),
        ({"target_modules": ["q_proj", "v_proj"]}, {"targets": ("q_proj", "v_proj")}),
    ],
)
def test_a_recipe_says_what_decides_the_sizes(tmp_path: Path, changed: Any, expected: Any) -> None:
    plan = plan_of(loaded(a_recipe(tmp_path, **changed)), SHAPE, devices=1)
    assert {name: getattr(plan, name) for name in expected} == expected


def test_a_pair_of_texts_is_two_sequences_and_a_full_dpo_keeps_a_second_model(tmp_path: Path) -> None:
    plan = plan_of(loaded(a_recipe(tmp_path, "dpo", tuner_type="full"), "dpo"), SHAPE, devices=1)
    assert (plan.batch, plan.reference) == (2, True)
    assert estimate_memory(SHAPE, plan).reference == weight_bytes(SHAPE, plan)


@pytest.mark.parametrize("name", ["zero2", "zero2_offload", "zero3", "zero3_offload"])
def test_our_deepspeed_files_mean_what_their_names_say(name: str) -> None:
    assert zero_of(str(ROOT / "ds_configs" / f"{name}.json")) == zero_of(name)


# --- the same sizes, measured -----------------------------------------------------------------------------------------

SMALL = {
    "vocab_size": 512, "hidden_size": 128, "intermediate_size": 320, "num_hidden_layers": 3, "num_attention_heads": 8,
    "num_key_value_heads": 2, "head_dim": 16, "tie_word_embeddings": True,
}  # fmt: skip


def built(family: str, **changed: Any) -> Any:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(family, **{**SMALL, **changed.pop("config", {})})
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config, **changed)


def shape_of(model: Any) -> ModelShape:
    return read_shape(model.config.to_dict())


@pytest.mark.swift
@pytest.mark.parametrize("family", ["llama", "mistral", "qwen2", "qwen3", "qwen3_moe"])
def test_parameters_equal_those_of_transformers(family: str) -> None:
    import torch

    with torch.device("meta"):
        model = built(family, config={"moe_intermediate_size": 64} if "moe" in family else {})
    assert shape_of(model).parameters == sum(p.numel() for p in model.parameters())


@pytest.mark.swift
@pytest.mark.parametrize("family", ["qwen3_vl", "qwen2_5_vl"])
def test_a_vision_tower_is_counted_too(family: str) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText

    config = AutoConfig.for_model(family)
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(config)
    assert read_shape(config.to_dict()).parameters == sum(p.numel() for p in model.parameters())


@pytest.mark.swift
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("rank", [0, 8])
def test_weights_and_optimizer_states_equal_those_of_torch(dtype: str, rank: int) -> None:
    import torch

    model = built("qwen3", dtype=getattr(torch, dtype))
    shape, plan = shape_of(model), a_plan(dtype, rank)
    assert weight_bytes(shape, plan) == sum(p.numel() * p.element_size() for p in model.parameters())
    model = adapted(model, rank)
    trained = [p for p in model.parameters() if p.requires_grad]
    assert trainable_parameters(shape, plan) == sum(p.numel() for p in trained)
    optimizer = torch.optim.AdamW(trained)
    for parameter in trained:
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    states = [value for state in optimizer.state.values() for name, value in state.items() if name != "step"]
    assert optimizer_bytes(shape, plan) == sum(s.numel() * s.element_size() for s in states)


@pytest.mark.swift
@pytest.mark.parametrize("family", ["llama", "qwen3"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(("rank", "eager"), [(0, False), (8, False), (8, True)])
def test_what_a_step_keeps_equals_what_autograd_saves(family: str, dtype: str, rank: int, eager: bool) -> None:
    """Everything but the loss over the vocabulary, whose log-softmax is what autograd saves of it."""
    import torch

    model = adapted(built(family, dtype=getattr(torch, dtype), attn_implementation="eager" if eager else "sdpa"), rank)
    plan = replace(a_plan(dtype, rank), eager=eager)
    shape = read_shape(model.config.to_dict())
    log_softmax = 4 * shape.vocabulary * plan.length * plan.batch
    assert activation_bytes(shape, plan) + log_softmax == pytest.approx(saved_bytes(model, plan), rel=0.02)


def a_plan(dtype: str, rank: int) -> Plan:
    size = {"float32": 4, "bfloat16": 2}[dtype]
    return Plan(
        weight_bytes=size, length=96, batch=2, full=not rank, lora_rank=rank, checkpointing=False, logit_tokens=96
    )


def adapted(model: Any, rank: int) -> Any:
    if not rank:
        return model
    from peft import LoraConfig, get_peft_model

    return get_peft_model(model, LoraConfig(r=rank, target_modules="all-linear"))


def saved_bytes(model: Any, plan: Plan) -> int:
    """Run one forward pass and add up the storages that autograd keeps, the parameters aside."""
    import torch

    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Any) -> Any:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    model.config.use_cache = False
    tokens = torch.randint(0, SMALL["vocab_size"], (plan.batch, plan.length))  # type: ignore[call-overload]
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = model(input_ids=tokens, labels=tokens).loss
    assert loss.requires_grad
    return sum(kept.values())
