"""How much memory of a device and how much disk a run needs, from the recipe and the model's `config.json` alone.

    shape = read_shape(json.loads(config_text))
    plan = plan_of(recipe, shape, devices=1)
    estimate_memory(shape, plan).total, disk_bytes(shape, plan)

All sizes are bytes on one device. Weights, gradients, optimizer states and what the layers keep for the backward pass
are counted tensor by tensor and equal what a CPU run of a small model keeps (tests/recipes/test_estimates.py). Not
counted: the allocator's fragmentation and a kernel's workspace, for which `CONTEXT` stands, and what a vision tower
keeps where a recipe trains it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, fields
from pathlib import Path

from recipes.model_shape import Matrix, ModelShape
from recipes.recipe import Recipe

GIB = 1 << 30
CONTEXT = GIB
"""An allowance for CUDA's context, workspaces and fragmentation: an assumption, not a measurement."""

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
PAIRED = frozenset({"dpo", "orpo", "simpo", "cpo", "rm"})
"""Methods that send the chosen and the rejected text through the model in one batch."""
WITH_REFERENCE = frozenset({"dpo", "kto", "grpo", "ppo"})
DEFAULT_LORA_RANK = 8
ADAM_STATES = 2


@dataclass(frozen=True, slots=True)
class Zero:
    """What DeepSpeed spreads over the devices, and what it moves to the host."""

    stage: int = 0
    optimizer_on_host: bool = False
    weights_on_host: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What of a recipe decides the sizes; `length` is in tokens, `batch` in sequences on one device."""

    weight_bytes: int
    length: int
    batch: int
    full: bool = False
    lora_rank: int = DEFAULT_LORA_RANK
    targets: tuple[str, ...] = ("all-linear",)
    adapter_bytes: int = 4
    quant_bits: int = 0
    double_quant: bool = True
    checkpointing: bool = True
    eager: bool = False
    fused_loss: bool = False
    logit_tokens: int = 0
    reference: bool = False
    state_bytes: int = 0
    galore_rank: int = 0
    zero: Zero = Zero()
    devices: int = 1
    rollout_share: float = 0.0
    rollout_sleeps: bool = False
    rollout_length: int = 0
    checkpoints: int = 1
    weights_only: bool = False


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes on one device at the peak of a training step, by what holds them; `host` is on the host instead."""

    weights: int
    gradients: int
    optimizer: int
    activations: int
    logits: int
    reference: int
    host: int = 0

    @property
    def resident(self) -> int:
        """What stays between two steps."""
        return self.weights + self.optimizer + self.reference

    @property
    def total(self) -> int:
        return self.resident + self.gradients + self.activations + self.logits

    def lines(self) -> list[str]:
        """Show every part in GiB, the largest first.

        >>> Memory(2 << 30, 0, 0, 1 << 30, 0, 0).lines()
        ['weights 2.00 GiB', 'activations 1.00 GiB']
        """
        parts = sorted(((getattr(self, part.name), part.name) for part in fields(self)), reverse=True)
        return [f"{name} {size / GIB:.2f} GiB" for size, name in parts if size]


def plan_of(recipe: Recipe, shape: ModelShape, *, devices: int) -> Plan:
    """Read from a recipe what decides the sizes; what it leaves out has ms-swift's default."""
    kind = recipe.rlhf_type
    full = str(recipe.values.get("tuner_type", "lora")) == "full"
    zero = zero_of(str(recipe.values.get("deepspeed", "")))
    weight_bytes = BYTES.get(str(recipe.values.get("torch_dtype", shape.weight_type)), 2)
    completion = recipe.whole("max_completion_length", 512) if kind == "grpo" else 0
    length = recipe.whole("packing_length", recipe.whole("max_length", shape.positions)) + completion
    batch = recipe.whole("per_device_train_batch_size", 1) * (2 if kind in PAIRED else 1)
    length //= recipe.whole("sequence_parallel_size", 1)
    return Plan(
        weight_bytes=weight_bytes,
        length=length,
        batch=batch,
        full=full,
        lora_rank=recipe.whole("lora_rank", DEFAULT_LORA_RANK),
        targets=tuple(recipe.listed("target_modules")) or ("all-linear",),
        adapter_bytes=BYTES.get(str(recipe.values.get("lora_dtype", "float32")), 4),
        quant_bits=recipe.whole("quant_bits", 0),
        double_quant=recipe.truth("bnb_4bit_use_double_quant", True),
        checkpointing=recipe.truth("gradient_checkpointing", True),
        eager=str(recipe.values.get("attn_impl", "")) == "eager",
        fused_loss=recipe.truth("use_liger_kernel"),
        logit_tokens=completion or length,
        reference=full and kind in WITH_REFERENCE and str(recipe.values.get("beta", 1)) not in {"0", "0.0"},
        state_bytes=1 if "8bit" in str(recipe.values.get("optim", "")) else 0,
        galore_rank=galore_rank(recipe),
        zero=zero,
        devices=devices,
        rollout_share=_rollout_share(recipe),
        rollout_sleeps=recipe.whole("sleep_level", 0) > 0,
        rollout_length=recipe.whole("vllm_max_model_len", shape.positions),
        checkpoints=recipe.whole("save_total_limit", 0),
        weights_only=recipe.truth("save_only_model"),
    )


def galore_rank(recipe: Recipe) -> int:
    """Return the rank of GaLore's projections, 0 without it; transformers' own default is 128.

    ms-swift's `use_galore` is not counted: transformers 5 does not call it (docs/decisions.md).
    """
    if not str(recipe.values.get("optim", "")).startswith("galore"):
        return 0
    given = re.search(r"\brank=([0-9]+)", str(recipe.values.get("optim_args", "")))
    return int(given[1]) if given else 128


def _rollout_share(recipe: Recipe) -> float:
    colocated = recipe.truth("use_vllm") and str(recipe.values.get("vllm_mode", "colocate")) == "colocate"
    return float(recipe.values.get("vllm_gpu_memory_utilization", 0.9)) if colocated else 0.0


def zero_of(name: str) -> Zero:
    """Read a DeepSpeed file, or one of ms-swift's names for its own.

    >>> zero_of("zero3_offload")
    Zero(stage=3, optimizer_on_host=True, weights_on_host=True)
    """
    if name.endswith(".json") and Path(name).is_file():
        section = json.loads(Path(name).read_text(encoding="utf-8")).get("zero_optimization", {})
        stage = int(section.get("stage", 0))
        held = {key: str((section.get(f"offload_{key}") or {}).get("device", "none")) for key in ("optimizer", "param")}
        return Zero(stage, held["optimizer"] != "none", held["param"] != "none")
    if not name.startswith("zero"):
        return Zero()
    offload = name.endswith("_offload")
    stage = int(name[4:5] or 0)
    return Zero(stage, offload, offload and stage == 3)


# --- weights, gradients, optimizer ------------------------------------------------------------------------------------


def targeted(shape: ModelShape, plan: Plan) -> list[Matrix]:
    """Return the matrices that LoRA adapts."""
    everything = "all-linear" in plan.targets
    return [m for m in shape.matrices() if not m.fused and (everything or m.name in plan.targets)]


def trainable_parameters(shape: ModelShape, plan: Plan) -> int:
    """Count what is trained: everything, or `rank × (inputs + outputs)` of each adapted matrix (Hu et al. 2021,
    section 4.1). A vision tower is frozen by ms-swift's default.
    """
    if plan.full:
        return shape.parameters - shape.vision_parameters
    return sum(m.count * plan.lora_rank * (m.inputs + m.outputs) for m in targeted(shape, plan))


def weight_bytes(shape: ModelShape, plan: Plan) -> int:
    """Return the bytes of the model's weights, without an adapter.

    In 4 bit the linear layers take half a byte and their constants: one float32 for 64 weights, or 0.127 bits a weight
    where the constants are quantised too (Dettmers et al. 2023, section 3); the rest stays in the recipe's type.
    """
    if not plan.quant_bits:
        return shape.parameters * plan.weight_bytes
    quantised = sum(m.inputs * m.outputs * m.count for m in shape.matrices() if not m.fused)
    constants = 0.0 if plan.quant_bits > 4 else (0.127 if plan.double_quant else 0.5) / 8
    return round(quantised * (plan.quant_bits / 8 + constants)) + (shape.parameters - quantised) * plan.weight_bytes


def optimizer_bytes(shape: ModelShape, plan: Plan) -> int:
    """Return the bytes of AdamW's states over all devices.

    Two states of each trained parameter, in its own type. DeepSpeed keeps them in float32 and with 16-bit weights a
    float32 copy of these too: 12 bytes a parameter (Rajbhandari et al. 2020, section 3.1). GaLore keeps states of the
    projected gradients and the projections: `2·rank·longer + rank·shorter` a matrix (Zhao et al. 2024, table 1).
    """
    count = trainable_parameters(shape, plan)
    each = plan.weight_bytes if plan.full else plan.adapter_bytes
    if plan.zero.stage:
        return count * (12 if min(each, plan.weight_bytes) == 2 else 8)
    state = plan.state_bytes or each
    if not plan.galore_rank:
        return count * ADAM_STATES * state
    projected = [m for m in shape.matrices() if not m.fused]
    kept = sum(
        m.count * plan.galore_rank * (2 * max(m.inputs, m.outputs) + min(m.inputs, m.outputs)) for m in projected
    )
    rest = count - sum(m.inputs * m.outputs * m.count for m in projected)
    return (kept + ADAM_STATES * rest) * state


# --- what a step keeps ------------------------------------------------------------------------------------------------


def layer_bytes(shape: ModelShape, plan: Plan) -> int:
    """Return what one decoder layer keeps for the backward pass of one token.

    Counted tensor by tensor, as Korthikanti et al. 2022 (section 4.1) do for GPT, for the layers that transformers
    runs here: RMS norms that compute in float32, rotary positions, grouped keys, a gated SiLU block.
    """
    size = plan.weight_bytes
    normed = 2 * shape.hidden
    by_head = shape.queries + shape.keys if shape.qk_norm else 0
    kept = 4 * (normed + by_head)  # float32 input of each norm
    kept += 4 * (2 + (shape.heads + shape.kv_heads if shape.qk_norm else 0) + shape.heads)  # a number a norm, a head
    kept += size * (2 * shape.queries + 2 * shape.keys)  # rotated queries and keys, values, attention's result
    kept += 3 * size * shape.intermediate * max(shape.experts_used, 1)  # gate, its SiLU, up
    if plan.full:
        kept += size * (2 * normed + by_head + shape.intermediate * max(shape.experts_used, 1))
    else:
        kept += _adapter_bytes(shape, plan)
    return kept + (_eager_bytes(shape, plan) if plan.eager else 0)


def _adapter_bytes(shape: ModelShape, plan: Plan) -> int:
    """Return what LoRA keeps: inputs of the adapted matrices and its own narrow results. Where the adapter has another
    type than the weights, each matrix keeps a copy of its input; else those with one input share it.
    """
    adapted = targeted(shape, plan)
    kept = plan.adapter_bytes * plan.lora_rank * len(adapted)
    if plan.adapter_bytes != plan.weight_bytes:
        return kept + plan.adapter_bytes * sum(m.inputs for m in adapted)
    names = {m.name for m in adapted}
    shared = (({"q_proj", "k_proj", "v_proj"}, shape.hidden), ({"gate_proj", "up_proj"}, shape.hidden),
              ({"down_proj"}, shape.intermediate))  # fmt: skip
    return kept + plan.weight_bytes * sum(width for group, width in shared if names & group)


def _eager_bytes(shape: ModelShape, plan: Plan) -> int:
    """Return what attention without a fused kernel keeps beside: the probabilities of every pair, in float32 and once
    more in 16 bit, and keys and values repeated for each query head. Its result is kept only where it is read as it is.
    """
    scores = shape.heads * plan.length * (4 if plan.weight_bytes == 4 else 4 + plan.weight_bytes)
    copied = not plan.full and plan.adapter_bytes != plan.weight_bytes
    repeated = 2 * (shape.queries - shape.keys) - (shape.queries if copied else 0)
    return scores + repeated * plan.weight_bytes - 4 * shape.heads


def activation_bytes(shape: ModelShape, plan: Plan) -> int:
    """Return what the layers keep for the backward pass of one batch; with gradient checkpointing the input of each
    layer, and the whole of the one that is computed again (Chen et al. 2016).
    """
    tokens = plan.length * plan.batch
    one = layer_bytes(shape, plan)
    inputs = shape.hidden * plan.weight_bytes
    layers = shape.layers * inputs + one if plan.checkpointing else shape.layers * one
    last_norm = shape.hidden * (4 + (2 * plan.weight_bytes if plan.full else 0)) + 4
    return tokens * (layers + last_norm)


def logit_bytes(shape: ModelShape, plan: Plan) -> int:
    """Return what the loss holds over the vocabulary when its backward pass begins: the logits, their log-softmax in
    float32, and the gradients of both losses in float32. A fused loss (Liger) holds a part at a time: counted as none.
    """
    if plan.fused_loss:
        return 0
    return plan.logit_tokens * plan.batch * shape.vocabulary * (plan.weight_bytes + 12)


def kv_cache_bytes(shape: ModelShape, tokens: int, size: int = 2) -> int:
    """Return keys and values of so many tokens in all layers, `size` bytes a number.

    >>> from recipes.model_shape import read_shape
    >>> qwen = {"model_type": "qwen3", "hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36,
    ...         "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936}
    >>> kv_cache_bytes(read_shape(qwen), 1)
    147456
    """
    return 2 * shape.layers * shape.keys * size * tokens


def estimate_memory(shape: ModelShape, plan: Plan) -> Memory:
    """Return the peak of one device. ZeRO spreads optimizer states from stage 1, gradients from 2, weights from 3
    (Rajbhandari et al. 2020, section 5).
    """
    spread = [plan.devices if plan.zero.stage >= stage else 1 for stage in (1, 2, 3)]
    base = weight_bytes(shape, plan)
    adapter = 0 if plan.full else trainable_parameters(shape, plan) * plan.adapter_bytes
    gradients = trainable_parameters(shape, plan) * (plan.weight_bytes if plan.full else plan.adapter_bytes)
    weights, optimizer = (base + adapter) // spread[2], optimizer_bytes(shape, plan) // spread[0]
    host = optimizer * plan.zero.optimizer_on_host + weights * plan.zero.weights_on_host
    largest = max(m.inputs * m.outputs for m in shape.matrices()) * plan.weight_bytes
    return Memory(
        weights=largest if plan.zero.weights_on_host else weights,
        gradients=gradients // spread[1],
        optimizer=0 if plan.zero.optimizer_on_host else optimizer,
        activations=activation_bytes(shape, plan),
        logits=logit_bytes(shape, plan),
        reference=base // spread[2] if plan.reference else 0,
        host=host,
    )


def rollout_bytes(shape: ModelShape, plan: Plan) -> int:
    """Return the least that a colocated vLLM needs: its own weights and the cache of one longest sequence."""
    return shape.parameters * plan.weight_bytes + kv_cache_bytes(shape, plan.rollout_length, plan.weight_bytes)


def peak_bytes(memory: Memory, plan: Plan, card: int) -> int:
    """Return the peak on a card of so many bytes, with vLLM's share of it: beside the step, or where vLLM sleeps
    meanwhile, beside what stays between two steps.
    """
    share = round(plan.rollout_share * card)
    if plan.rollout_sleeps:
        return CONTEXT + max(memory.total, memory.resident + share)
    return CONTEXT + memory.total + share


# --- disk -------------------------------------------------------------------------------------------------------------


def checkpoint_bytes(shape: ModelShape, plan: Plan) -> int:
    """Return one checkpoint: what is trained, and the optimizer's states where the run is to be resumed."""
    weights = shape.parameters * plan.weight_bytes
    if not plan.full:
        weights = trainable_parameters(shape, plan) * plan.adapter_bytes
    return weights + (0 if plan.weights_only else optimizer_bytes(shape, plan))


def disk_bytes(shape: ModelShape, plan: Plan, *, saves: int = 0) -> int:
    """Return the disk that the checkpoints need: as many as are kept and one more, as the new one is written before
    the oldest goes. Without a limit every one of `saves` stays.
    """
    kept = plan.checkpoints + 1 if plan.checkpoints else max(saves, 1)
    return kept * checkpoint_bytes(shape, plan)
