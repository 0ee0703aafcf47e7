"""What the pinned ms-swift accepts and then does something else, or fails at the very end."""

from __future__ import annotations

from collections.abc import Iterator

from recipes.preflight.sizes import world_size
from recipes.problems import Problem
from recipes.recipe import Recipe

PACKED = ("dpo", "kto", "gkd")
"""Kinds of preference training in which ms-swift packs rows."""
FLASH = ("flash_attn", "flash_attention_2", "flash_attention_3", "flash_attention_4")


def traps(recipe: Recipe) -> Iterator[Problem]:
    """Run all checks of this file."""
    for found in (_rows_are_kept, _validation, _attention, _precision, _memory_savers, _reference, _engine):
        yield from found(recipe)


def _rows_are_kept(recipe: Recipe) -> Iterator[Problem]:
    if not recipe.truth("strict"):
        yield Problem(
            f"{recipe.path}, strict",
            "without it ms-swift deletes rows it cannot read and goes on",
            "add strict: true",
        )
    if recipe.truth("add_version", True):
        yield Problem(
            f"{recipe.path}, add_version",
            "the run folder would get a name that changes",
            "add add_version: false",
        )
    if recipe.rlhf_type == "grpo" and str(recipe.values.get("truncation_strategy")) != "delete":
        yield Problem(
            f"{recipe.path}, truncation_strategy",
            "by default GRPO cuts the beginning of a long prompt, which holds the instructions",
            "add truncation_strategy: delete",
        )


def _validation(recipe: Recipe) -> Iterator[Problem]:
    held_out = recipe.listed("val_dataset")
    evaluates = held_out or str(recipe.values.get("split_dataset_ratio", 0)) not in {"0", "0.0"}
    for key in ("create_checkpoint_symlink", "load_best_model_at_end"):
        if recipe.truth(key) and not evaluates:
            yield Problem(
                recipe.where(key),
                "without validation data there is no best checkpoint: the run fails after training",
                "remove it: last-checkpoint is linked anyway",
            )
    for both in sorted(set(held_out) & set(recipe.listed("dataset"))):
        yield Problem(
            recipe.where("val_dataset"), f"'{both}' is trained on too, so its loss tells nothing",
            "name rows of other proposals",
        )  # fmt: skip


def _attention(recipe: Recipe) -> Iterator[Problem]:
    for key in ("packing", "padding_free"):
        if recipe.truth(key) and str(recipe.values.get("attn_impl")) not in FLASH:
            yield Problem(
                recipe.where(key),
                "needs a flash attention kernel",
                f"add attn_impl: one of {', '.join(FLASH)}",
            )
        allowed = PACKED if key == "packing" else (*PACKED, "grpo")
        if recipe.truth(key) and recipe.method.rlhf_type and recipe.rlhf_type not in allowed:
            yield Problem(recipe.where(key), f"ms-swift does not pack rows in {recipe.rlhf_type}", f"remove {key}")
    if recipe.truth("packing") and recipe.truth("lazy_tokenize"):
        yield Problem(recipe.where("lazy_tokenize"), "does not go with packing", "write lazy_tokenize: false")
    longest = recipe.whole("max_length", 0)
    if recipe.truth("packing") and recipe.whole("packing_length", longest) < longest:
        yield Problem(
            recipe.where("packing_length"), f"a row of max_length {longest} does not fit a pack",
            "leave it out: it follows max_length",
        )  # fmt: skip


def _precision(recipe: Recipe) -> Iterator[Problem]:
    in_float32 = str(recipe.values.get("torch_dtype")) == "float32"
    if in_float32 and not recipe.values.get("deepspeed") and world_size(recipe) > 1 and not recipe.truth("use_cpu"):
        yield Problem(
            f"{recipe.path}, use_cpu",
            "several processes on a CPU do not share gradients without it, and nothing says so",
            "add use_cpu: true",
        )
    if in_float32 and "fp16" not in recipe.values:
        yield Problem(
            recipe.where("torch_dtype"),
            "float32 switches half-precision autocast on by itself, which DeepSpeed on a CPU refuses",
            "add fp16: false and bf16: false",
        )


def _memory_savers(recipe: Recipe) -> Iterator[Problem]:
    full = str(recipe.values.get("tuner_type", "lora")) == "full"
    if recipe.truth("use_galore"):
        yield Problem(
            recipe.where("use_galore"),
            "does nothing: the pinned transformers makes the optimizer without asking ms-swift",
            "write optim: galore_adamw, optim_target_modules: all-linear and optim_args: rank=128 instead",
        )
    galore = str(recipe.values.get("optim", "")).startswith("galore")
    for key, on in (("optim", galore), ("lisa_activated_layers", recipe.whole("lisa_activated_layers", 0) > 0)):
        if on and not full:
            yield Problem(recipe.where(key), "does nothing useful with LoRA", "write tuner_type: full, or remove it")
    if full and recipe.values.get("quant_method"):
        yield Problem(
            recipe.where("quant_method"), "quantised weights cannot be trained themselves",
            "write tuner_type: lora, or remove quant_method",
        )  # fmt: skip


def _reference(recipe: Recipe) -> Iterator[Problem]:
    """A trained adapter is compared with itself at the start, not with the model below it."""
    if recipe.rlhf_type not in {"dpo", "kto", "grpo"} or str(recipe.values.get("tuner_type", "lora")) == "full":
        return
    if "ref_model" in recipe.values:
        yield Problem(recipe.where("ref_model"), "ms-swift refuses it with LoRA", "use ref_adapters")
    apart = str(recipe.values.get("beta", "")) not in {"0", "0.0"}
    if recipe.listed("adapters") and not recipe.listed("ref_adapters") and apart:
        yield Problem(
            recipe.where("adapters"),
            "without ref_adapters the reference is the model without this adapter",
            f"add ref_adapters: {recipe.listed('adapters')}",
        )


def _engine(recipe: Recipe) -> Iterator[Problem]:
    """How completions are written in GRPO."""
    if recipe.rlhf_type != "grpo":
        return
    mode = recipe.values.get("vllm_mode")
    if recipe.truth("use_vllm") and not mode:
        yield Problem(recipe.where("use_vllm"), "needs vllm_mode", "add vllm_mode: colocate, or server")
    if mode and not recipe.truth("use_vllm"):
        yield Problem(recipe.where("vllm_mode"), "needs use_vllm: true", "add it, or remove vllm_mode")
    if mode == "server" and not recipe.listed("vllm_server_host") + recipe.listed("vllm_server_base_url"):
        yield Problem(
            recipe.where("vllm_mode"), "no server is named",
            "start `swift rollout`, then add vllm_server_host and vllm_server_port",
        )  # fmt: skip
    if recipe.truth("vllm_enable_lora") and recipe.whole("vllm_max_lora_rank", 16) < recipe.whole("lora_rank", 8):
        yield Problem(
            recipe.where("vllm_max_lora_rank"), f"is below lora_rank {recipe.whole('lora_rank', 8)}",
            "set both alike",
        )  # fmt: skip
