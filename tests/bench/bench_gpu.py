"""Run the recipes for GPUs on a card, on models of the real shapes, and print what each took.

    .venv-model/bin/python -m tests.bench.bench_gpu [NAME …] [--cut FOLDER] [--tokenizer FOLDER] [--out FILE]

A shape is the published configuration of a model; its weights are drawn at random, as no hub is needed for time and
memory (losses then mean nothing, and completions run to their limit). Each recipe runs by our launcher for a few steps,
with its own settings but for those named here (`CELLS`). Tokens a second and memory are ms-swift's own; the first step,
which compiles and warms up, is left out. MFU is `bench_training.mfu` against the dense 16-bit peak of the card.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from recipes.environment import machine, run_environment
from recipes.model_shape import read_shape
from recipes.preflight.hardware import gpu_memory
from recipes.progress import read_log
from tests.bench.bench_training import ROOT, mfu

PEAK_TFLOPS = {"H100": 989.0, "H200": 989.0, "A100": 312.0}
"""Dense bfloat16 of the makers' data sheets."""
QWEN3 = {"vocab_size": 151_936, "head_dim": 128, "num_key_value_heads": 8, "max_position_embeddings": 40_960,
         "rope_theta": 1_000_000.0, "dtype": "bfloat16"}  # fmt: skip
SHAPES: dict[str, dict[str, Any]] = {
    "qwen3-0.6b": {"hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 28, "num_attention_heads": 16,
                   "tie_word_embeddings": True},
    "qwen3-4b": {"hidden_size": 2560, "intermediate_size": 9728, "num_hidden_layers": 36, "num_attention_heads": 32,
                 "tie_word_embeddings": True},
    "qwen3-8b": {"hidden_size": 4096, "intermediate_size": 12_288, "num_hidden_layers": 36, "num_attention_heads": 32,
                 "tie_word_embeddings": False},
}  # fmt: skip
"""What the three differ in."""
VISION = {"depth": 24, "hidden_size": 1024, "intermediate_size": 4096, "num_heads": 16, "patch_size": 16,
          "spatial_merge_size": 2, "out_hidden_size": 2560, "deepstack_visual_indexes": [5, 11, 17],
          "num_position_embeddings": 2304}  # fmt: skip
"""The tower of Qwen3-VL-4B."""


@dataclass(frozen=True)
class Cell:
    """A recipe, the shape it is run on, and what is set otherwise than in the file."""

    name: str
    script: str
    config: str
    shape: str
    words: tuple[str, ...] = ()
    steps: int = 8
    one_card: bool = False
    """Whether a recipe for several cards is started on one."""


ALONE = ("gradient_accumulation_steps=1", "packing=false")
CELLS = (
    Cell("0.6b packed", "sft", "sft_qwen3_06b", "qwen3-0.6b", ("gradient_accumulation_steps=1",), 20),
    Cell("0.6b a row at a time", "sft", "sft_qwen3_06b", "qwen3-0.6b", ALONE, 60),
    Cell("8b LoRA packed", "sft", "sft_qwen3_8b", "qwen3-8b"),
    Cell("4b LoRA packed", "sft", "sft_qwen3", "qwen3-4b"),
    Cell("4b QLoRA", "sft", "sft_qwen3_qlora", "qwen3-4b"),
    Cell("8b QLoRA", "sft", "sft_qwen3_8b_qlora", "qwen3-8b"),
    Cell("vl-4b packed", "sft_multimodal", "sft_multimodal_qwen3vl", "qwen3-vl-4b"),
    Cell("4b GRPO", "grpo", "grpo_qwen3", "qwen3-4b", (), 4),
    Cell("4b DPO", "dpo", "dpo_qwen3", "qwen3-4b", (), 5),
    Cell("4b GaLore", "sft", "sft_qwen3_galore", "qwen3-4b", (), 5),
    Cell("4b ZeRO-2, one card", "sft", "sft_qwen3_zero2", "qwen3-4b", (), 5, one_card=True),
    Cell("4b ZeRO-2 offload, one card", "sft", "sft_qwen3_zero2_offload", "qwen3-4b", (), 3, one_card=True),
    Cell("4b ZeRO-3, one card", "sft", "sft_qwen3_8b_zero3", "qwen3-4b", (), 4, one_card=True),
    Cell("8k packs", "sft", "sft_qwen3_8k", "qwen3-4b", (), 5),
    Cell("32k packs", "sft", "sft_qwen3_32k", "qwen3-4b", (), 4),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="cells (default: all): " + ", ".join(cell.name for cell in CELLS))
    parser.add_argument("--cut", type=Path, default=ROOT / "data" / "cuts" / "governance")
    parser.add_argument("--tokenizer", type=Path, help="folder of a tokenizer (default: one learnt from the rows)")
    parser.add_argument("--minutes", type=float, default=60.0, help="start no cell after so long")
    parser.add_argument("--limit", type=float, default=300.0, help="seconds that one cell may take")
    parser.add_argument("--out", type=Path, help="a JSON line for each cell, as it ends")
    parser.add_argument("--work", type=Path, help="folder for models and runs, kept (default: a temporary one)")
    arguments = parser.parse_args()
    chosen = [cell for cell in CELLS if not arguments.names or cell.name in arguments.names]
    if unknown := set(arguments.names) - {cell.name for cell in CELLS}:
        parser.error(f"no such cell: {', '.join(sorted(unknown))}")
    if not gpu_memory():
        print("gpu: not run: this machine has no NVIDIA GPU")
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        return run_cells(chosen, arguments, arguments.work or Path(temporary))


def run_cells(chosen: list[Cell], arguments: argparse.Namespace, folder: Path) -> int:
    started, failed = time.monotonic(), 0
    rows = short_rows(arguments.cut, folder / "rows")
    for cell in chosen:
        if time.monotonic() - started > arguments.minutes * 60:
            print(f"{cell.name}: not started, the time is over")
            continue
        result = measured(cell, model_of(cell.shape, folder, rows, arguments.tokenizer), rows, folder, arguments.limit)
        failed += "failed" in result
        print(json.dumps(result), flush=True)
        if arguments.out:
            with arguments.out.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(result) + "\n")
    return 1 if failed else 0


def short_rows(cut: Path, folder: Path, count: int = 600) -> Path:
    """Take the first rows of each set, as tokenising all of them takes longer than the steps."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in cut.glob("*.jsonl"):
        with source.open(encoding="utf-8") as lines:
            (folder / source.name).write_text("".join(islice(lines, count)), encoding="utf-8")
    if not (folder / "images").exists() and (cut / "images").is_dir():
        (folder / "images").symlink_to((cut / "images").resolve())
    return folder


def model_of(shape: str, folder: Path, rows: Path, tokenizer: Path | None) -> Path:
    """Write a model of a shape with random weights, once."""
    model = folder / shape
    if not (model / "config.json").is_file():
        given = ", ".join(map(repr, (shape, str(model), str(rows), str(tokenizer or ""))))
        code = f"from tests.bench.bench_gpu import write_model; write_model({given})"
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=run_environment({}), check=True)
    return model


def write_model(shape: str, model: str, rows: str, tokenizer: str) -> None:
    """Draw the weights on the card, in bfloat16."""
    import torch
    from transformers import (
        AutoTokenizer,
        Qwen3Config,
        Qwen3ForCausalLM,
        Qwen3VLConfig,
        Qwen3VLForConditionalGeneration,
    )

    from recipes.tiny_model import VISION_IDS, learn_tokenizer, texts_of, write_processor

    reads = (AutoTokenizer.from_pretrained(tokenizer) if tokenizer
             else learn_tokenizer(list(islice(texts_of(Path(rows) / "sft.jsonl"), 200)), VISION_IDS))  # fmt: skip
    ids = {"eos_token_id": reads.eos_token_id, "pad_token_id": reads.pad_token_id, "bos_token_id": None}
    torch.manual_seed(7)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda"):
        if shape == "qwen3-vl-4b":
            mrope = {"rope_type": "default", "rope_theta": 5_000_000.0, "mrope_section": [24, 20, 20],
                     "mrope_interleaved": True}  # fmt: skip
            text = {**QWEN3, **SHAPES["qwen3-4b"], **ids, "rope_scaling": mrope}
            numbers = {f"{name}_token_id": VISION_IDS[f"<|{name}_pad|>"] for name in ("image", "video")}
            numbers |= {f"vision_{end}_token_id": VISION_IDS[f"<|vision_{end}|>"] for end in ("start", "end")}
            config = Qwen3VLConfig(text_config=text, vision_config=VISION, tie_word_embeddings=True, **numbers)
            drawn: Any = Qwen3VLForConditionalGeneration(config)
        else:
            drawn = Qwen3ForCausalLM(Qwen3Config(**QWEN3, **SHAPES[shape], **ids))
    drawn.save_pretrained(model)
    if shape == "qwen3-vl-4b":
        write_processor(reads, Path(model))
    else:
        reads.save_pretrained(model)


def measured(cell: Cell, model: Path, rows: Path, folder: Path, limit: float) -> dict[str, Any]:
    """Run a cell and return what it took, or the end of its output where it failed."""
    run = folder / "runs" / cell.name.replace(" ", "-").replace(",", "")
    words = [f"model={model}", f"output_dir={run}", f"max_steps={cell.steps}", "save_steps=100000", "logging_steps=1",
             "include_num_input_tokens_seen=true", "check_model=false", "report_to=[none]", *cell.words,
             *changed(cell, rows, folder)]  # fmt: skip
    command = [sys.executable, f"recipes/{cell.script}.py", f"recipes/configs/{cell.config}.yaml", *words]
    started = time.monotonic()
    environment = {"ROOT_IMAGE_DIR": str(rows), **({"NPROC_PER_NODE": "1"} if cell.one_card else {})}
    log = folder / f"{run.name}.log"
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=run_environment(environment), stdout=output, stderr=output, start_new_session=True
        )
        try:
            status = process.wait(limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            status = process.wait()
    took = {"cell": cell.name, "recipe": cell.config, "shape": cell.shape, "gpus": machine()["gpus"],
            "wall_s": round(time.monotonic() - started, 1)}  # fmt: skip
    entries = [entry for entry in (read_log(run / "logging.jsonl") if run.is_dir() else []) if "loss" in entry]
    if len(entries) >= 2:
        took |= figures(entries, model, full=as_set(cell, "tuner_type", "lora") == "full")
    if status:
        took |= {"failed": status, "output": log.read_text(encoding="utf-8", errors="replace")[-1500:]}
    return took


def changed(cell: Cell, rows: Path, folder: Path) -> Iterator[str]:
    """Point a recipe at the rows that are here, and at an adapter of the same shape where it goes on from one."""
    methods = {"sft_multimodal": "sft_multimodal", "dpo": "dpo", "grpo": "grpo"}
    yield f"dataset=[{rows / (methods.get(cell.script, 'sft') + '.jsonl')}]"
    if cell.script == "sft_multimodal":
        yield "model_type=qwen3_vl"
        return
    yield "model_type=qwen3"
    if cell.script in {"dpo", "grpo"}:
        adapter = folder / "runs" / "4b-LoRA-packed" / "last-checkpoint"
        yield f"adapters=[{adapter}]"
        yield f"ref_adapters=[{adapter}]"


def as_set(cell: Cell, key: str, default: str) -> str:
    from recipes.recipe import SFT, load_recipe

    return str(load_recipe(ROOT / "recipes" / "configs" / f"{cell.config}.yaml", SFT).values.get(key, default))


def figures(entries: list[dict[str, Any]], model: Path, *, full: bool) -> dict[str, Any]:
    """Return seconds a step, tokens a second, memory and MFU, all without the first step."""

    def number(entry: dict[str, Any], key: str) -> float:
        return float(entry.get(key) or 0.0)

    first, last, steps = entries[0], entries[-1], len(entries) - 1
    spent = number(last, "train_speed(s/it)") * len(entries) - number(first, "train_speed(s/it)")
    tokens = number(last, "num_input_tokens_seen") - number(first, "num_input_tokens_seen")
    found: dict[str, Any] = {
        "steps": len(entries),
        "s_a_step": round(spent / steps, 3),
        "memory_gib": last.get("memory(GiB)"),
        "losses": [first["loss"], last["loss"]],
    }
    found |= {key: last[key] for key in last if "time" in key.lower() and "elapsed" not in key and "remain" not in key}
    if tokens:
        rate = tokens / spent
        shape = read_shape(json.loads((model / "config.json").read_text(encoding="utf-8")))
        peak = next((tera for name, tera in PEAK_TFLOPS.items() if name in str(machine()["gpus"])), 0.0)
        found |= {"tokens_a_second": round(rate)}
        if peak:
            found |= {"mfu": round(mfu(shape, rate, 1024, peak, full=full), 3)}
    return found


if __name__ == "__main__":
    sys.exit(main())
