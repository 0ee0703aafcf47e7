"""Everything about a run that can be known before it starts, as a list of checks.

    problems = check(recipe, CHECKS["sft"])

All problems come at once, each with its place and what to do: a run that fails after loading a
model for the third different reason is what people hate most in such tools. The checks of this file
need no torch; what only the training environment knows is asked of it once (`recipes/probe.py`).
"""

from __future__ import annotations

import difflib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from data_prep.faults import Fault
from data_prep.formats import Training, check_for, mixed_pairs
from data_prep.reading import RawRow, read_rows
from proposal.errors import AgentError, nearest
from recipes.model_checks import environment_agrees
from recipes.problems import Problem
from recipes.recipe import Recipe, file_part, is_hub_id
from recipes.records import RUN_FILE, data_files
from recipes.swift_keys import Key, load_keys
from rewards import REWARDS, Analysis, Reward, analyse, read_task

MAX_SHOWN = 8
"""Row problems that are listed of one file; the rest is counted."""

REFERENCE_SCORE = 0.9
"""What a text that is known to be good has to earn from the rewards of a recipe."""

FLASH = ("flash_attn", "flash_attention_2", "flash_attention_3", "flash_attention_4")
ZERO_NAMES = ("zero0", "zero1", "zero2", "zero2_offload", "zero3", "zero3_offload")


Check = Callable[[Recipe], Iterator[Problem]]


def check(recipe: Recipe, checks: Sequence[Check]) -> list[Problem]:
    """Run all checks and return every problem."""
    return [problem for one in checks for problem in one(recipe)]


# --- keys and values
# --------------------------------------------------------------------------------


def keys_exist(recipe: Recipe) -> Iterator[Problem]:
    """Every key is one of the pinned ms-swift's; its parser would take a unique beginning for the
    key.
    """
    known = load_keys().of(recipe.method.command)
    for key in recipe.values:
        if key not in known:
            near = nearest(key, known) or next((name for name in known if name.startswith(key)), None)
            elsewhere = load_keys().keys.get(key)
            message = f"ms-swift {load_keys().release} has no such key for {recipe.method.command}"
            if elsewhere:
                message += f" (it belongs to {', '.join(elsewhere.commands)})"
            yield Problem(recipe.where(key), message, f"did you mean '{near}'?" if near else "remove it")


def values_fit(recipe: Recipe) -> Iterator[Problem]:
    """Every value can be read as its key needs it, and is one of its choices where these are
    closed.
    """
    known = load_keys().of(recipe.method.command)
    for key, value in recipe.values.items():
        if key in known:
            yield from _value_problems(recipe, key, value, known[key])
    kind = recipe.method.rlhf_type
    if kind and str(recipe.values.get("rlhf_type", "")) != kind:
        yield Problem(
            recipe.where("rlhf_type"),
            f"recipes/{recipe.method.name}.py runs rlhf_type {kind}, the recipe says "
            f"'{recipe.values.get('rlhf_type', 'nothing')}'",
            f"write rlhf_type: {kind}, or use the launcher of the other method",
        )


def _value_problems(recipe: Recipe, key: str, value: Any, spec: Key) -> Iterator[Problem]:
    if value is None:
        yield Problem(
            recipe.where(key),
            "an empty value reaches ms-swift as the text 'None'",
            "leave the key out to get its default",
        )
        return
    if isinstance(value, list) and not spec.many:
        yield Problem(recipe.where(key), "takes one value, not a list", "write a single value")
        return
    for item in value if isinstance(value, list) else [value]:
        problem = _unreadable(item, spec)
        if problem:
            yield Problem(recipe.where(key), f"'{item}' {problem[0]}", problem[1])


def _unreadable(item: Any, spec: Key) -> tuple[str, str] | None:
    text = str(item)
    if spec.choices and text not in spec.choices:
        near = difflib.get_close_matches(text, spec.choices, n=1)
        choices = ", ".join(spec.choices[:12])
        return f"is not one of: {choices}", f"did you mean '{near[0]}'?" if near else "choose one"
    if spec.kind == "bool" and text.lower() not in {
        "true",
        "false",
        "1",
        "0",
        "yes",
        "no",
        "y",
        "n",
    }:
        return "is not a truth value", "write true or false"
    if spec.kind == "int" and not text.lstrip("+-").isdigit():
        return "is not a whole number", "write digits only"
    if spec.kind == "float" and not _is_float(text):
        return "is not a number", "write a number such as 0.0001"
    return None


def _is_float(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


# --- files and rows
# ---------------------------------------------------------------------------------

_PATHS = {
    "adapters": "an adapter folder",
    "ref_adapters": "an adapter folder",
    "external_plugins": "a Python file",
    "val_dataset": "a data file",
    "dataset": "a data file",
    "custom_dataset_info": "a JSON file",
}


def files_exist(recipe: Recipe) -> Iterator[Problem]:
    """Every file and folder of the recipe is there; nothing is silently looked for on a hub."""
    for key, what in _PATHS.items():
        for text in recipe.listed(key):
            if not Path(file_part(text)).exists():
                yield _missing(recipe, key, text, what)
    model = str(recipe.values.get("model", ""))
    if not model:
        yield Problem(f"{recipe.path}, model", "the recipe names no model", "add model: <folder or pinned id>")
    elif not is_hub_id(model) and not (Path(model) / "config.json").is_file():
        yield _missing(recipe, "model", model, "a checkpoint folder with config.json")
    zero = recipe.values.get("deepspeed")
    if isinstance(zero, str) and zero not in ZERO_NAMES and not Path(zero).is_file():
        yield _missing(recipe, "deepspeed", zero, f"a JSON file, or one of {', '.join(ZERO_NAMES)}")


def _missing(recipe: Recipe, key: str, text: str, what: str) -> Problem:
    path = Path(file_part(text))
    siblings = [item.name for item in path.parent.iterdir()] if path.parent.is_dir() else []
    near = nearest(path.name, siblings)
    fix = f"did you mean '{path.parent / near}'?" if near else f"make it, or set {key}=PATH"
    return Problem(recipe.where(key), f"'{text}' does not exist (needs {what})", fix)


def rows_parse(recipe: Recipe) -> Iterator[Problem]:
    """Every row of the data can be trained on by this method; ms-swift would drop or mistake it
    otherwise.
    """
    for key in ("dataset", "val_dataset"):
        for text in recipe.listed(key):
            path = Path(file_part(text))
            if path.is_file():
                yield from _row_problems(path, _training(recipe))


def _training(recipe: Recipe) -> Training:
    kinds: dict[str, Training] = {"dpo": "dpo", "kto": "kto", "grpo": "grpo", "rm": "rm"}
    return kinds.get(recipe.method.rlhf_type, "pt" if recipe.method.command == "pt" else "sft")


def _row_problems(path: Path, training: Training) -> Iterator[Problem]:
    faults: list[Fault] = []
    pairs: Counter[str] = Counter()
    count = rows = 0
    for item in read_rows(path):
        found = [item] if isinstance(item, Fault) else check_for(item, training, path)
        if isinstance(item, RawRow):
            rows += 1
            pairs.update(name for name in ("rejected_response", "rejected_messages") if name in item.data)
        count += len(found)
        faults += found[: MAX_SHOWN - len(faults)]
    mixed = mixed_pairs(str(path), pairs)
    yield from (Problem(_place(fault), _said(fault), fault.fix) for fault in [*faults, *([mixed] if mixed else [])])
    if count > len(faults):
        yield Problem(str(path), f"{count - len(faults)} more row problems", f"dao-agent data validate {path}")
    if not rows and not count:
        yield Problem(str(path), "holds no row", "build the data cut again and read its dropped.jsonl")


def _place(fault: Fault) -> str:
    place = f"{fault.file}:{fault.line}" if fault.line else fault.file
    return place + (f" row {fault.row}" if fault.row else "") + (f", {fault.field}" if fault.field else "")


def _said(fault: Fault) -> str:
    near = f"; did you mean '{fault.near}'?" if fault.near else ""
    return fault.message + (f" (found {fault.found})" if fault.found else "") + near


def rewards_have_columns(recipe: Recipe) -> Iterator[Problem]:
    """Every row carries what our rewards read, and known good text earns what it should.

    A missing column is a TypeError in the first step; a reference that scores low means that the
    rewards would teach the model away from it.
    """
    rewards = [reward for reward in REWARDS if reward.name in recipe.listed("reward_funcs")]
    shown = 0
    for text in recipe.listed("dataset") if rewards else ():
        path = Path(file_part(text))
        for item in read_rows(path) if path.is_file() else ():
            if isinstance(item, RawRow) and shown < MAX_SHOWN:
                for problem in _task_problems(item, path, rewards):
                    shown += 1
                    yield problem


def _task_problems(row: RawRow, path: Path, rewards: Sequence[Reward]) -> Iterator[Problem]:
    where = f"{path}:{row.line} row {row.number}"
    try:
        task = read_task(row.data, where=where)
    except AgentError as error:
        yield Problem(error.where or where, error.message, error.fix or "build the rows again")
        return
    reference = row.data.get("dao_reference")
    if isinstance(reference, str) and reference:
        yield from _reference_problems(analyse(reference, task), rewards, where)


def _reference_problems(analysis: Analysis, rewards: Sequence[Reward], where: str) -> Iterator[Problem]:
    scores = {reward: reward.score(analysis) for reward in rewards if not reward.name.startswith("diag_")}
    weight = sum(reward.sixteenths or 1 for reward in scores)
    earned = sum(score.value * (reward.sixteenths or 1) for reward, score in scores.items())
    if not scores or earned / weight >= REFERENCE_SCORE:
        return
    worst = min(scores, key=lambda reward: scores[reward].value)
    reasons = "; ".join(reason.message for reason in scores[worst].reasons[:3])
    yield Problem(
        f"{where}, dao_reference",
        f"the reference earns {earned / weight:.2f}; least from {worst.name}: {reasons or 'no reason'}",
        "correct the reference, or the reward that judges it wrongly",
    )


# --- sizes that must agree
# --------------------------------------------------------------------------


def world_size(recipe: Recipe, environment: Mapping[str, str] = os.environ) -> int:
    """Return how many processes train: the environment goes before the recipe, as in ms-swift."""
    values = {**recipe.env, **environment}
    return int(values.get("NPROC_PER_NODE") or 1) * int(values.get("NNODES") or 1)


def batch_divides(recipe: Recipe) -> Iterator[Problem]:
    """Completions of one prompt fill whole batches: ms-swift's own arithmetic, before a model is
    loaded.
    """
    if recipe.method.rlhf_type != "grpo":
        return
    generations = recipe.whole("num_generations", 8)
    each, processes = recipe.whole("per_device_train_batch_size", 1), world_size(recipe)
    steps = recipe.whole("steps_per_generation", recipe.whole("gradient_accumulation_steps", 1))
    batch = recipe.whole("generation_batch_size", each * processes * steps)
    sizes = f"{each} a device × {processes} processes × {steps} steps"
    if generations < 2:
        yield Problem(
            recipe.where("num_generations"),
            "a group of one completion has no advantage",
            "write at least 2",
        )
    elif batch % generations:
        near = [count for count in range(2, batch + 1) if batch % count == 0]
        yield Problem(
            recipe.where("num_generations"),
            f"{generations} completions a prompt do not divide a batch of {batch} ({sizes})",
            f"choose num_generations of {near or 'a larger batch'}, or change the batch",
        )
    if "generation_batch_size" in recipe.values and batch % (each * processes):
        yield Problem(
            recipe.where("generation_batch_size"),
            f"{batch} is no multiple of {each * processes}, one batch of all processes",
            "leave it out: it follows from the other sizes",
        )


def rewards_have_weights(recipe: Recipe) -> Iterator[Problem]:
    """As many weights as rewards, each a multiple of 1/16: other weights make constant rewards look
    informative.
    """
    names, weights = recipe.listed("reward_funcs"), recipe.listed("reward_weights")
    if recipe.method.rlhf_type != "grpo":
        return
    if not names:
        yield Problem(f"{recipe.path}, reward_funcs", "the recipe names no reward", "add reward_funcs: […]")
    if weights and len(weights) != len(names) + len(recipe.listed("reward_model")):
        yield Problem(
            recipe.where("reward_weights"),
            f"{len(weights)} weights for {len(names)} rewards",
            "give one for each",
        )
    for weight in weights:
        if _is_float(weight) and float(weight) * 16 != round(float(weight) * 16):
            yield Problem(
                recipe.where("reward_weights"),
                f"{weight} is no multiple of 1/16",
                f"write {round(float(weight) * 16) / 16}",
            )


# --- known traps of the pinned release
# --------------------------------------------------------------


def traps(recipe: Recipe) -> Iterator[Problem]:
    """What the pinned ms-swift accepts and then does something else, or fails at the very end."""
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
    evaluates = recipe.listed("val_dataset") or str(recipe.values.get("split_dataset_ratio", 0)) not in {"0", "0.0"}
    if recipe.truth("create_checkpoint_symlink") and not evaluates:
        yield Problem(
            recipe.where("create_checkpoint_symlink"),
            "without validation data there is no best checkpoint: the run fails after training",
            "remove it: last-checkpoint is linked anyway",
        )
    if recipe.method.rlhf_type == "grpo" and str(recipe.values.get("truncation_strategy")) != "delete":
        yield Problem(
            f"{recipe.path}, truncation_strategy",
            "by default GRPO cuts the beginning of a long prompt, which holds the instructions",
            "add truncation_strategy: delete",
        )
    yield from _attention_traps(recipe)
    yield from _device_traps(recipe)


def _attention_traps(recipe: Recipe) -> Iterator[Problem]:
    for key in ("packing", "padding_free"):
        if recipe.truth(key) and str(recipe.values.get("attn_impl")) not in FLASH:
            yield Problem(
                recipe.where(key),
                "needs a flash attention kernel",
                f"add attn_impl: one of {', '.join(FLASH)}",
            )
    if recipe.truth("packing") and recipe.truth("lazy_tokenize"):
        yield Problem(recipe.where("lazy_tokenize"), "does not go with packing", "write lazy_tokenize: false")


def _device_traps(recipe: Recipe) -> Iterator[Problem]:
    on_cpu = str(recipe.values.get("torch_dtype")) == "float32" and not recipe.values.get("deepspeed")
    if on_cpu and world_size(recipe) > 1 and not recipe.truth("use_cpu"):
        yield Problem(
            f"{recipe.path}, use_cpu",
            "several processes on a CPU do not share gradients without it, and nothing says so",
            "add use_cpu: true",
        )
    if str(recipe.values.get("torch_dtype")) == "float32" and "fp16" not in recipe.values:
        yield Problem(
            recipe.where("torch_dtype"),
            "float32 switches half-precision autocast on by itself, which DeepSpeed on a CPU refuses",
            "add fp16: false and bf16: false",
        )
    if recipe.truth("use_galore") and str(recipe.values.get("tuner_type", "lora")) != "full":
        yield Problem(
            recipe.where("use_galore"),
            "does nothing with LoRA",
            "write tuner_type: full, or remove it",
        )


def output_is_free(recipe: Recipe) -> Iterator[Problem]:
    """The run folder is empty, or the run goes on from what is in it."""
    folder = recipe.values.get("output_dir")
    if not folder:
        yield Problem(
            f"{recipe.path}, output_dir",
            "the recipe names no run folder",
            "add output_dir: runs/NAME",
        )
        return
    path = Path(str(folder))
    if path.is_dir() and any(path.iterdir()) and "resume_from_checkpoint" not in recipe.values:
        yield Problem(
            recipe.where("output_dir"),
            f"'{folder}' already holds a run",
            "go on with --resume last, or set output_dir=OTHER",
        )


def resumes_the_same_data(recipe: Recipe) -> Iterator[Problem]:
    """A run goes on with the rows it began with; on others the step counter would count something else."""
    checkpoint = Path(str(recipe.values.get("resume_from_checkpoint", "")))
    manifest = checkpoint.parent / RUN_FILE
    if "resume_from_checkpoint" not in recipe.values or not manifest.is_file():
        return
    began_with = {item["sha256"] for item in json.loads(manifest.read_text(encoding="utf-8"))["data"]}
    for item in data_files(recipe):
        if item["sha256"] not in began_with:
            yield Problem(
                f"{manifest}, data",
                f"the run began with other rows than '{item['file']}' holds now",
                "name the cut it began with (dataset=[…]), or start another run",
            )


FIRST: tuple[Check, ...] = (
    keys_exist,
    values_fit,
    files_exist,
    rows_parse,
    traps,
    output_is_free,
    resumes_the_same_data,
)
CHECKS: Mapping[str, tuple[Check, ...]] = {
    "sft": (*FIRST, environment_agrees),
    "dpo": (*FIRST, environment_agrees),
    "grpo": (
        *FIRST,
        rewards_have_columns,
        rewards_have_weights,
        batch_divides,
        environment_agrees,
    ),
}
"""The checks of each method, in the order their problems are listed."""
