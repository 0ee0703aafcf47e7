"""Sizes that must agree: processes, batches, groups, lengths."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from recipes.preflight.files import model_config
from recipes.problems import Problem
from recipes.recipe import Recipe

PROCESS_VARIABLES = ("NPROC_PER_NODE", "NNODES", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT")
"""What ms-swift hands to torchrun."""


def processes(recipe: Recipe, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables that start several processes: the environment goes before the recipe, as in ms-swift."""
    values = {**recipe.env, **environment}
    return {name: values[name] for name in PROCESS_VARIABLES if values.get(name)}


def world_size(recipe: Recipe, environment: Mapping[str, str] = os.environ) -> int:
    """Return how many processes train; a count that is no number is reported by `processes_agree`."""
    found = processes(recipe, environment)
    counts = [found.get(name, "1") for name in ("NPROC_PER_NODE", "NNODES")]
    return int(counts[0]) * int(counts[1]) if all(map(str.isdigit, counts)) else 1


def processes_agree(recipe: Recipe) -> Iterator[Problem]:
    """The processes can be started and find each other, and a sequence is split over as many as there are."""
    found = processes(recipe)
    for name in ("NPROC_PER_NODE", "NNODES", "NODE_RANK", "MASTER_PORT"):
        if name in found and not found[name].isdigit():
            yield Problem(
                f"{recipe.path}, ENV.{name}",
                f"'{found[name]}' is no whole number",
                f"set {name} to a number, or leave it out",
            )
    missing = [name for name in ("NODE_RANK", "MASTER_ADDR") if name not in found]
    if found.get("NNODES", "1") not in {"0", "1"} and missing:
        yield Problem(
            f"{recipe.path}, ENV.NNODES",
            f"{found['NNODES']} nodes, but {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set: "
            "each node would wait for itself",
            f"on each node: {' '.join(f'{name}=…' for name in missing)} python recipes/{recipe.method.name}.py …",
        )
    yield from _sequence_parallel(recipe)


def _sequence_parallel(recipe: Recipe) -> Iterator[Problem]:
    parts, count = recipe.whole("sequence_parallel_size", 1), world_size(recipe)
    if parts <= 1:
        return
    where = recipe.where("sequence_parallel_size")
    if count % parts:
        yield Problem(
            where,
            f"a sequence is split over {parts} processes, but {count} train",
            f"set NPROC_PER_NODE to a multiple of {parts} (ENV: in the recipe)",
        )
    heads = model_config(recipe).get("num_attention_heads")
    if isinstance(heads, int) and heads % parts:
        yield Problem(
            where,
            f"the {heads} attention heads of the model cannot be shared by {parts} processes",
            f"choose a divisor of {heads}",
        )
    if recipe.method.rlhf_type and recipe.rlhf_type not in {"grpo", "dpo"}:
        yield Problem(where, f"ms-swift does not split sequences in {recipe.rlhf_type}", "remove it")


def batch_divides(recipe: Recipe) -> Iterator[Problem]:
    """Completions of one prompt fill whole batches: ms-swift's own arithmetic, before a model is
    loaded.
    """
    if recipe.rlhf_type == "grpo":
        yield from _groups_fill_batches(recipe)


def _groups_fill_batches(recipe: Recipe) -> Iterator[Problem]:
    generations = recipe.whole("num_generations", 8)
    each, count = recipe.whole("per_device_train_batch_size", 1), world_size(recipe)
    steps = recipe.whole("steps_per_generation", recipe.whole("gradient_accumulation_steps", 1))
    batch = recipe.whole("generation_batch_size", each * count * steps)
    sizes = f"{each} a device × {count} processes × {steps} steps"
    if generations < 2:
        yield Problem(
            recipe.where("num_generations"),
            "a group of one completion has no advantage",
            "write at least 2",
        )
    elif batch % generations:
        near = [size for size in range(2, batch + 1) if batch % size == 0]
        yield Problem(
            recipe.where("num_generations"),
            f"{generations} completions a prompt do not divide a batch of {batch} ({sizes})",
            f"choose num_generations of {near or 'a larger batch'}, or change the batch",
        )
    if "generation_batch_size" in recipe.values and batch % (each * count):
        yield Problem(
            recipe.where("generation_batch_size"),
            f"{batch} is no multiple of {each * count}, one batch of all processes",
            "leave it out: it follows from the other sizes",
        )


def lengths_fit(recipe: Recipe) -> Iterator[Problem]:
    """The longest prompt and its completion fit the engine that writes it, and the model's positions."""
    if recipe.rlhf_type != "grpo":
        return
    prompt, answer = recipe.whole("max_length", 0), recipe.whole("max_completion_length", 512)
    limits = {}
    if recipe.truth("use_vllm") and "vllm_max_model_len" in recipe.values:
        limits["vllm_max_model_len"] = recipe.whole("vllm_max_model_len", 0)
    positions = model_config(recipe).get("max_position_embeddings")
    if isinstance(positions, int):
        limits["max_length"] = positions
    for key, most in limits.items():
        if prompt and prompt + answer > most:
            what = "the model's positions" if key == "max_length" else key
            yield Problem(
                recipe.where(key),
                f"max_length {prompt} and max_completion_length {answer} are {prompt + answer} tokens, "
                f"{what} {'are' if key == 'max_length' else 'is'} {most}",
                f"max_length: {max(most - answer, 1)}, or a shorter completion",
            )
