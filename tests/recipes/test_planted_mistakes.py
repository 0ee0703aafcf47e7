"""Mistakes as people make them, planted one by one: each is found before anything loads, with its file and what to do.

Those that only the training environment can find (a misspelt reward, long rows, another template): test_swift_runs.py.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from proposal.prompt import prompt_hash
from recipes.preflight import CHECKS, OF_THE_RECIPE, check
from recipes.preflight.compile_locks import no_stale_compile_lock
from recipes.preflight.hardware import gpu_memory, hardware_is_there
from recipes.preflight.resources import resources_suffice
from recipes.preflight.sizes import PROCESS_VARIABLES
from recipes.problems import render
from recipes.recipe import Recipe
from recipes.records import RUN_FILE
from tests.recipes.builders import ANSWER, SYSTEM, USER, a_checkpoint, a_recipe, a_row, loaded, spoilt, write_rows

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 24
PAIR = {"messages": [USER, ANSWER], "rejected_response": ANSWER["content"]}


@dataclass(frozen=True)
class Mistake:
    """One mistake: how it is made, and the words by which the preflight has to name file, cause and cure."""

    name: str
    plant: Callable[[Path], Recipe]
    file: str
    says: str
    fix: str


def keys(method: str = "sft", **changed: Any) -> Callable[[Path], Recipe]:
    """Spoil keys of a good recipe."""
    return lambda folder: spoilt(folder, method, **changed)


def rows(method: str, *bad: Any, **changed: Any) -> Callable[[Path], Recipe]:
    """Add bad rows to a good one."""
    return lambda folder: spoilt(folder, method, rows=[a_row(method), *bad], **changed)


def only(method: str, *all_rows: Any) -> Callable[[Path], Recipe]:
    return lambda folder: spoilt(folder, method, rows=list(all_rows))


def with_image(*, sees: bool, budget: int | None, images: int = 1, missing: bool = False) -> Callable[[Path], Recipe]:
    """Make a multimodal recipe whose row has images."""

    def plant(folder: Path) -> Recipe:
        picture = folder / "chart.png"
        if not missing:
            picture.write_bytes(PNG)
        question = {"role": "user", "content": "<image>" * images + "Which way does it go?"}
        row = {"messages": [SYSTEM, question, ANSWER], "images": [str(picture)] * images}
        changed: dict[str, Any] = {"max_length": 2048}
        if budget is not None:
            changed["ENV"] = {"IMAGE_MAX_TOKEN_NUM": budget}
        path = a_recipe(folder, "sft_multimodal", rows=[row], **changed)
        config = {"architectures": ["Qwen3VLForConditionalGeneration"], "vision_config": {}}
        text = {"architectures": ["Qwen3ForCausalLM"]}
        (folder / "model" / "config.json").write_text(json.dumps(config if sees else text), encoding="utf-8")
        return loaded(path, "sft_multimodal")

    return plant


def with_cut(*, edited: bool = False, prompt: str = "") -> Callable[[Path], Recipe]:
    """Make a recipe on a data cut that is not what it was built as."""

    def plant(folder: Path) -> Recipe:
        path = a_recipe(folder)
        data = folder / "sft.jsonl"
        built = hashlib.sha256(data.read_bytes()).hexdigest()
        manifest = {"id": "x", "files": {"sft.jsonl": built}, "prompt_hash": prompt or prompt_hash()}
        (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        if edited:
            write_rows(data, a_row(), a_row(messages=[SYSTEM, USER, {"role": "assistant", "content": "By hand."}]))
        return loaded(path)

    return plant


def with_zero(text: str, *, processes: int | None = 2, **changed: Any) -> Callable[[Path], Recipe]:
    """Make a recipe with a DeepSpeed file of this text."""

    def plant(folder: Path) -> Recipe:
        file = folder / "zero.json"
        file.write_text(text, encoding="utf-8")
        env = {"ENV": {"NPROC_PER_NODE": processes}} if processes else {}
        return spoilt(folder, deepspeed=str(file), per_device_train_batch_size=1, **env, **changed)

    return plant


def resumed(*, rank: int = 8, step: int = 1, began_with: str = "", **left_out: bool) -> Callable[[Path], Recipe]:
    """Go on from a checkpoint that does not fit the recipe."""

    def plant(folder: Path) -> Recipe:
        recipe = spoilt(folder, lora_rank=8, max_steps=5)
        checkpoint = a_checkpoint(folder / "run", step, rank=rank, **left_out)
        if began_with:
            manifest = {"data": [{"sha256": began_with}]}
            (folder / "run" / RUN_FILE).write_text(json.dumps(manifest), encoding="utf-8")
        return recipe.with_override("resume_from_checkpoint", str(checkpoint))

    return plant


def in_use(folder: Path) -> Recipe:
    (folder / "run").mkdir()
    (folder / "run" / "args.json").write_text("{}", encoding="utf-8")
    return spoilt(folder)


def validated_on_its_own_rows(folder: Path) -> Recipe:
    path = a_recipe(folder)
    return loaded(path, "sft", f"val_dataset=[{folder}/sft.jsonl]")


def misnamed_data(folder: Path) -> Recipe:
    return loaded(a_recipe(folder), "sft", f"dataset=[{folder}/stf.jsonl]")


def adapter_without_reference(folder: Path) -> Recipe:
    return spoilt(folder, "dpo", adapters=[str(a_checkpoint(folder / "earlier"))])


def too_many_heads(folder: Path) -> Recipe:
    path = a_recipe(folder, sequence_parallel_size=4, ENV={"NPROC_PER_NODE": 4}, use_cpu=True)
    (folder / "model" / "config.json").write_text(json.dumps({"num_attention_heads": 6}), encoding="utf-8")
    return loaded(path)


OTHER = {"role": "assistant", "content": "Sales were not counted."}
ANOTHER = a_row("kto", messages=[USER, OTHER])
REFUSED = a_row("kto", label=False, messages=[SYSTEM, USER, {"role": "assistant", "content": "Sales were large."}])
MISTAKES = (
    Mistake("a misspelt key", keys(lora_rnk=8), "sft.yaml:", "no such key", "'lora_rank'?"),
    Mistake("a key of another command", keys(num_generations=4), "sft.yaml:", "belongs to rlhf", "remove it"),
    Mistake("a word for a number", keys(lora_rank="eight"), "sft.yaml:", "not a whole number", "digits only"),
    Mistake("the wrong launcher", keys("dpo", rlhf_type="kto"), "dpo.yaml:", "recipes/dpo.py runs", "rlhf_type: dpo"),
    Mistake("a misnamed data file", misnamed_data, "dataset", "does not exist", "sft.jsonl'?"),
    Mistake("an adapter that is not there", keys(adapters=["runs/no"]), "sft.yaml:", "does not exist", "adapters=PATH"),
    Mistake("a wrong column", rows("sft", {"mesages": [USER, ANSWER]}), "sft.jsonl:2 row 2", "'mesages'?", "convert"),
    Mistake("a row without an answer", rows("sft", {"messages": [USER]}), "sft.jsonl:2 row 2", "without an answer", ""),
    Mistake("a pair of equal texts", rows("dpo", PAIR), "dpo.jsonl:2 row 2", "the same text", "remove the row"),
    Mistake("a reward model without pairs", rows("rm", a_row()), "rm.jsonl:2 row 2", "lacks the text", "add"),
    Mistake("a label in words", rows("kto", a_row("kto", label="no", messages=[USER, OTHER])), "kto.jsonl:2 row 2",
            "has to be true or false", "without quotes"),
    Mistake("one label only", only("kto", a_row("kto"), ANOTHER), "kto.yaml:", "has the label true", "the other way"),
    Mistake("a batch of one in KTO", keys("kto", per_device_train_batch_size=1), "kto.yaml:", "KTO compares", "2"),
    Mistake("a row left alone in KTO", rows("kto", REFUSED, ANOTHER), "kto.yaml:",
            "3 rows in batches of 2", "take one row away"),
    Mistake("one answer twice in KTO", only("kto", a_row("kto"), REFUSED, a_row("kto"), ANOTHER),
            "kto.yaml:", "2 rows share their answer", "keep one row"),
    Mistake("a reward column that is missing", rows("grpo", a_row("grpo", dao_evidence_json=None)),
            "grpo.jsonl:2 row 2", "'dao_evidence_json' is missing", "write the column in every row"),
    Mistake("a reserved column", rows("grpo", a_row("grpo", solution="x")), "row 2, solution", "of its own", "dao_"),
    Mistake("a reference that the rewards dislike", rows("grpo", a_row("grpo", dao_reference="A unique chance.")),
            "grpo.jsonl:2 row 2, dao_reference", "the reference earns", "correct the reference"),
    Mistake("a weight that is no sixteenth", keys("grpo", reward_weights=[0.3]), "grpo.yaml:", "of 1/16", "0.3125"),
    Mistake("groups that do not fill a batch", keys("grpo", num_generations=3), "grpo.yaml:", "not divide", "[2, 4]"),
    Mistake("an engine that is too short", keys("grpo", max_length=4096, max_completion_length=512, use_vllm=True,
            vllm_mode="colocate", vllm_max_model_len=4096), "grpo.yaml:", "are 4608 tokens", "max_length: 3584"),
    Mistake("an image that is not there", with_image(sees=True, budget=1024, missing=True),
            "sft_multimodal.jsonl:1 row 1, images[0]", "no such file", "correct the path"),
    Mistake("images for a model that is blind", with_image(sees=False, budget=1024), "sft_multimodal.yaml:",
            "Qwen3ForCausalLM reads no images", "Qwen3-VL"),
    Mistake("images without a budget", with_image(sees=True, budget=None), "ENV.IMAGE_MAX_TOKEN_NUM", "16,384", "ENV:"),
    Mistake("images that fill the length", with_image(sees=True, budget=1024, images=2),
            "sft_multimodal.jsonl:1 row 1, images", "leave no text room", "lower IMAGE_MAX_TOKEN_NUM"),
    Mistake("packing without a kernel", keys(packing=True), "sft.yaml:", "flash attention kernel", "attn_impl"),
    Mistake("packing where there is none", keys("rm", packing=True, attn_impl="flash_attn"), "rm.yaml:",
            "does not pack rows in rm", "remove packing"),
    Mistake("packing of rows that come later", keys(packing=True, attn_impl="flash_attn", lazy_tokenize=True),
            "sft.yaml:", "does not go with packing", "lazy_tokenize: false"),
    Mistake("a cut edited by hand", with_cut(edited=True), "sft.jsonl", "not those that the data cut", "build the cut"),
    Mistake("a cut of older prompts", with_cut(prompt="0" * 64), "manifest.json", "in other words", "build the cut"),
    Mistake("a stale cache", keys(load_from_cache_file=True), "sft.yaml:", "an earlier template", "remove it"),
    Mistake("a sequence over too few", keys(sequence_parallel_size=4, use_cpu=True, ENV={"NPROC_PER_NODE": 2}),
            "sft.yaml:", "split over 4 processes, but 2 train", "multiple of 4"),
    Mistake("heads that cannot be shared", too_many_heads, "sft.yaml:", "6 attention heads", "a divisor of 6"),
    Mistake("nodes that cannot meet", keys(use_cpu=True, ENV={"NNODES": 2}), "ENV.NNODES", "MASTER_ADDR", "NODE_RANK"),
    Mistake("a process count in words", keys(ENV={"NPROC_PER_NODE": "all"}), "ENV.NPROC_PER_NODE", "no whole num", ""),
    Mistake("a slip in a DeepSpeed file", with_zero('{"zero_optimization": {"stage": 2, "overlap_com": true}}'),
            "zero.json, zero_optimization.overlap_com", "no such key", "'overlap_comm'?"),
    Mistake("a DeepSpeed batch of its own", with_zero('{"train_batch_size": 8}'), "zero.json, train_batch_size",
            "the recipe makes it 2", '"auto"'),
    Mistake("DeepSpeed in another precision", with_zero('{"bf16": {"enabled": true}}'), "zero.json, bf16.enabled",
            "trains in float32", "auto"),
    Mistake("ZeRO-3 over CPU processes", with_zero('{"zero_optimization": {"stage": 3}}', use_cpu=True), "sft.yaml:",
            "counts one of them", "zero2.json"),
    Mistake("DeepSpeed without a launcher", with_zero("{}", processes=None), "sft.yaml:", "looks for MPI", "ENV:"),
    Mistake("a GaLore that does nothing", keys(use_galore=True, tuner_type="full"), "sft.yaml:", "does nothing",
            "optim: galore_adamw"),
    Mistake("GaLore with LoRA", keys(optim="galore_adamw"), "sft.yaml:", "with LoRA", "tuner_type: full"),
    Mistake("GaLore with DeepSpeed", with_zero("{}", optim="galore_adamw", tuner_type="full"), "sft.yaml:",
            "an optimizer of its own", "remove one"),
    Mistake("an adapter compared with nothing", adapter_without_reference, "dpo.yaml:", "without this adapter",
            "ref_adapters:"),
    Mistake("a run folder in use", in_use, "sft.yaml:", "already holds a run", "--resume last"),
    Mistake("another rank on resuming", resumed(rank=16), "sft.yaml:", "has rank 16", "lora_rank=16"),
    Mistake("a run that is over", resumed(step=5), "sft.yaml:", "has 5 steps already", "above 5"),
    Mistake("a checkpoint without its optimizer", resumed(without_optimizer=True), "resume_from_checkpoint",
            "no optimizer state", "start anew"),
    Mistake("other rows on resuming", resumed(began_with="0" * 64), "run.json, data", "other rows", "the cut it began"),
    Mistake("validation on trained rows", validated_on_its_own_rows, "val_dataset", "trained on too", "other prop"),
    Mistake("a best checkpoint without validation", keys(load_best_model_at_end=True), "sft.yaml:",
            "no best checkpoint", "remove it"),
)  # fmt: skip


@pytest.fixture(autouse=True)
def _no_variables_of_this_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROCESS_VARIABLES, "IMAGE_MAX_TOKEN_NUM", "CUDA_VISIBLE_DEVICES", "TORCH_EXTENSIONS_DIR"):
        monkeypatch.delenv(name, raising=False)


def test_the_table_is_long_enough_and_has_no_row_twice() -> None:
    assert len({mistake.name for mistake in MISTAKES}) == len(MISTAKES) >= 25


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_planted_mistake_is_named_with_its_file_and_fix(mistake: Mistake, tmp_path: Path) -> None:
    problems = check(mistake.plant(tmp_path), OF_THE_RECIPE)
    assert len(problems) == 1, render(problems)
    (problem,) = problems
    assert mistake.file in problem.where
    assert mistake.says in problem.message
    assert problem.fix
    assert mistake.fix in problem.fix


def test_a_recipe_for_a_gpu_is_refused_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    (problem,) = hardware_is_there(spoilt(tmp_path))
    assert "this machine shows none" in problem.message
    assert list(hardware_is_there(spoilt(tmp_path, use_cpu=True))) == []


@pytest.fixture
def two_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put a fake of the driver's tool on the path, which lists two cards of 24 GiB."""
    tool = tmp_path / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho 24576\necho 24576\n", encoding="utf-8")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent), prepend=":")
    gpu_memory.cache_clear()
    yield
    gpu_memory.cache_clear()


@pytest.mark.usefixtures("two_cards")
def test_more_processes_than_gpus_are_refused(tmp_path: Path) -> None:
    (problem,) = hardware_is_there(spoilt(tmp_path, ENV={"NPROC_PER_NODE": 4}))
    assert "4 processes, but 2 GPUs are visible" in problem.message
    assert list(hardware_is_there(spoilt(tmp_path, ENV={"NPROC_PER_NODE": 2}))) == []


QWEN3_8B = {
    "model_type": "qwen3", "hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36,
    "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936,
    "tie_word_embeddings": False, "max_position_embeddings": 40960, "dtype": "bfloat16",
}  # fmt: skip


@pytest.mark.usefixtures("two_cards")
def test_a_step_that_does_not_fit_the_card_is_refused(tmp_path: Path) -> None:
    path = a_recipe(tmp_path, torch_dtype="bfloat16", max_length=8192, tuner_type="full")
    (tmp_path / "model" / "config.json").write_text(json.dumps(QWEN3_8B), encoding="utf-8")
    (problem,) = [problem for problem in resources_suffice(loaded(path)) if "GiB (estimated" in problem.message]
    assert "the card has 24.0" in problem.message
    assert "QLoRA" in problem.fix
    small = loaded(path, "sft", "tuner_type=lora", "quant_method=bnb", "quant_bits=4", "max_length=1024")
    assert list(resources_suffice(small)) == []


def test_checkpoints_that_do_not_fit_the_disk_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is a fake that is nearly full."""
    path = a_recipe(tmp_path, torch_dtype="bfloat16", max_length=1024, tuner_type="full", save_total_limit=2)
    (tmp_path / "model" / "config.json").write_text(json.dumps(QWEN3_8B), encoding="utf-8")
    nearly_full = shutil.disk_usage(tmp_path)._replace(free=10 << 30)
    monkeypatch.setattr("recipes.preflight.resources.shutil.disk_usage", lambda _: nearly_full)
    (problem,) = [problem for problem in resources_suffice(loaded(path)) if "checkpoints" in problem.message]
    assert "10.0 left" in problem.message
    assert "save_total_limit" in problem.fix


OFFLOAD = '{"zero_optimization": {"stage": 2, "offload_optimizer": {"device": "cpu"}}}'


def a_lock(folder: Path, age: float, *, below: str = "cpu_adam") -> Path:
    """Leave the lock of a compile that was begun so many seconds ago."""
    lock = folder / "extensions" / below / "lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    os.utime(lock, (time.time() - age,) * 2)
    return lock


@pytest.mark.parametrize("below", ["cpu_adam", "py311_cu128/cpu_adam"])
def test_the_lock_of_a_killed_compile_is_named_with_its_age_and_cure(
    below: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = a_lock(tmp_path, 3 * 3600 + 60, below=below)
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path / "extensions"))
    (problem,) = no_stale_compile_lock(with_zero(OFFLOAD)(tmp_path))
    assert problem.where == str(lock)
    assert "'cpu_adam' was begun 3 hours ago" in problem.message
    assert f"rm '{lock}'" in problem.fix
    assert no_stale_compile_lock in CHECKS


@pytest.mark.parametrize(
    ("named", "changed", "waits"),
    [
        ("zero2_offload", {}, True),
        ("zero2", {}, False),
        ("zero2", {"use_cpu": True}, True),
        (OFFLOAD, {}, True),
        (OFFLOAD.replace('"cpu"', '"none"'), {}, False),
        ('{"optimizer": {"type": "Adam"}}', {}, True),
        ("[]", {}, False),
    ],
)
def test_a_stale_lock_matters_where_deepspeed_compiles(
    named: str, changed: dict[str, Any], waits: bool, tmp_path: Path
) -> None:
    a_lock(tmp_path, 600)
    env = {"NPROC_PER_NODE": 1, "TORCH_EXTENSIONS_DIR": str(tmp_path / "extensions")}
    file = tmp_path / "zero.json"
    file.write_text(named, encoding="utf-8")
    recipe = spoilt(tmp_path, deepspeed=named if named.startswith("zero") else str(file), ENV=env, **changed)
    assert len(list(no_stale_compile_lock(recipe))) == waits


def test_a_compile_that_runs_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_lock(tmp_path, 100)
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path / "extensions"))
    assert list(no_stale_compile_lock(with_zero(OFFLOAD)(tmp_path))) == []
