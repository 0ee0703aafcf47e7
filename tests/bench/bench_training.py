"""Measure training: what our launcher adds to bare ms-swift, how full packs are, and tokens a second.

    .venv-model/bin/python -m tests.bench.bench_training overhead [--pairs 3]
    .venv-model/bin/python -m tests.bench.bench_training packing [--rows FILE] [--model FOLDER] [--length 8192]
    .venv-model/bin/python -m tests.bench.bench_training cpu [--steps 4]
    .venv-model/bin/python -m tests.bench.bench_training gpu CONFIG --peak-tflops N [key=value …]

`overhead` compares CPU seconds (user and system, of everything that was started), because a loaded machine says nothing
by its clock; the runs alternate, and the median counts. `gpu` runs the same recipe bare and by our launcher, for tokens
a second and the share of the card's arithmetic that is used (MFU); it was never run, as there is no GPU here.

Exit code 1 when a target is missed: 3 s at the start, 1 % of a step, packs 95 % full.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipes.environment import run_environment, swift_command, training_python
from recipes.model_shape import ModelShape, read_shape
from recipes.preflight.hardware import gpu_memory
from recipes.progress import Step, curve, read_log
from recipes.recipe import SFT, as_arguments, load_recipe

ROOT = Path(__file__).parents[2]
SMOKE = ROOT / "recipes" / "configs" / "smoke_sft.yaml"
EMBEDDED = ROOT / "recipes" / "configs" / "sft.yaml"
START_SECONDS, STEP_SHARE, PACKED = 3.0, 0.01, 0.95
SHORT, LONG = 4, 44
"""Steps of the two runs whose difference is what a step costs."""


@dataclass(frozen=True)
class Used:
    """CPU and wall seconds of a command with everything it started."""

    cpu: float
    wall: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["overhead", "packing", "cpu", "gpu"])
    parser.add_argument("words", nargs="*", help="gpu: the recipe, and key=value")
    parser.add_argument("--pairs", type=int, default=3, help="overhead: how often both are run")
    parser.add_argument("--rows", type=Path, help="packing: rows with messages (default: the examples')")
    parser.add_argument("--model", type=Path, help="packing: whose tokenizer counts (default: the embedded model's)")
    parser.add_argument("--length", type=int, default=8_192, help="packing: tokens of a pack")
    parser.add_argument("--steps", type=int, default=4, help="cpu: steps to measure, after one to warm up")
    parser.add_argument("--peak-tflops", type=float, default=0.0, help="gpu: the card's dense 16-bit TFLOP/s")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure = {"overhead": overhead, "packing": packing, "cpu": embedded, "gpu": on_a_gpu}[arguments.what]
        return 0 if measure(arguments, Path(folder)) else 1


def used(command: list[str]) -> Used:
    """Run a command to its end and return what it used; its output is shown when it fails."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, cwd=ROOT, env=run_environment({}), stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise SystemExit(f"{command} failed:\n{output.read().decode(errors='replace')[-3000:]}")
    return Used(usage.ru_utime + usage.ru_stime, time.monotonic() - started)


def bare(config: Path, words: list[str]) -> list[str]:
    return [
        *swift_command(training_python()),
        "sft",
        str(config),
        *as_arguments(load_recipe(config, SFT, words).overrides),
    ]


def ours(config: Path, words: list[str]) -> list[str]:
    return [sys.executable, "recipes/sft.py", str(config), *words]


def examples_cut(folder: Path) -> Path:
    """Build the data cut of the examples."""
    from data_prep.build import build

    return build([ROOT / "examples"], out=folder / "cuts", name="examples", now=dt.datetime.now(dt.UTC))


def smoke_inputs(folder: Path) -> list[str]:
    """Make a data cut and a tiny model, and return what points the smoke recipe at them."""
    from recipes.tiny_model import build_tiny_model, texts_of

    cut = examples_cut(folder)
    model = build_tiny_model(folder / "tiny", list(texts_of(cut / "sft.jsonl")))
    return [f"model={model}", f"dataset=[{cut / 'sft.jsonl'}]", "save_steps=1000"]


# --- overhead ---------------------------------------------------------------------------------------------------------


def overhead(arguments: argparse.Namespace, folder: Path) -> bool:
    """Alternate bare and launched runs of two lengths."""
    inputs = smoke_inputs(folder)
    seconds: dict[tuple[str, int], list[float]] = {}
    first = used(ours(SMOKE, [*inputs, f"max_steps={SHORT}", f"output_dir={folder / 'first'}"]))
    for pair in range(arguments.pairs):
        for steps in (SHORT, LONG):
            for name, command in (("bare", bare), ("ours", ours)):
                words = [*inputs, f"max_steps={steps}", f"output_dir={folder / f'{name}-{steps}-{pair}'}"]
                seconds.setdefault((name, steps), []).append(used(command(SMOKE, words)).cpu)
    middle = {key: statistics.median(values) for key, values in seconds.items()}
    start = middle["ours", SHORT] - middle["bare", SHORT]
    step = {name: (middle[name, LONG] - middle[name, SHORT]) / (LONG - SHORT) for name in ("bare", "ours")}
    share = step["ours"] / step["bare"] - 1
    watched = watching_share()
    print(f"start and end: {start:.2f} CPU s more than bare (target {START_SECONDS:g}), the checks being remembered;")
    print(f"  the first time, with the tokenizer's check: {first.cpu - middle['bare', SHORT]:.2f} CPU s more")
    print(f"a step: bare {step['bare'] * 1e3:.1f} CPU ms, ours {step['ours'] * 1e3:.1f}, {share:+.1%} (noise and all);")
    print(f"  what the launcher itself uses while a run of 1 s a step goes on: {watched:.2%} (target {STEP_SHARE:.0%})")
    return start <= START_SECONDS and watched <= STEP_SHARE


def watching_share() -> float:
    """Return the CPU time that watching takes, as a share of one core, beside a command that logs once a second."""
    code = (
        "import json, sys, time\n"
        "for n in range(1, 13):\n"
        "    open(sys.argv[1], 'a').write(json.dumps({'loss': 1, 'global_step/max_steps': f'{n}/12'}) + chr(10))\n"
        "    time.sleep(1)\n"
    )
    from recipes.supervise import Watching, supervise

    with tempfile.TemporaryDirectory() as folder:
        before, started = time.process_time(), time.monotonic()
        supervise(
            [sys.executable, "-c", code, f"{folder}/logging.jsonl"], os.environ, run=Path(folder), watch=Watching()
        )
        return (time.process_time() - before) / (time.monotonic() - started)


# --- packing ----------------------------------------------------------------------------------------------------------


def packing(arguments: argparse.Namespace, folder: Path) -> bool:
    """Pack the lengths of real rows by ms-swift's own function."""
    from swift.dataset.packing import calculate_matched_group

    lengths = row_lengths(arguments, folder)
    kept = [(number, length) for number, length in enumerate(lengths) if length <= arguments.length]
    packs, _ = calculate_matched_group(kept, arguments.length)
    tokens = sum(length for _, length in kept)
    filled = tokens / (len(packs) * arguments.length)
    padded = tokens / (len(kept) * max(length for _, length in kept))
    print(f"{len(kept)} rows ({len(lengths) - len(kept)} longer than a pack), {tokens:,} tokens, median "
          f"{statistics.median(lengths):.0f}: {len(packs)} packs of {arguments.length}, {filled:.1%} full "
          f"(target {PACKED:.0%}); each row padded to the longest: {padded:.1%}")  # fmt: skip
    return filled >= PACKED


def row_lengths(arguments: argparse.Namespace, folder: Path) -> list[int]:
    """Return the tokens of each row under ms-swift's template."""
    from swift import get_model_processor, get_template

    rows = arguments.rows or examples_cut(folder) / "sft.jsonl"
    _, processor = get_model_processor(str(arguments.model or embedded_model()), load_model=False, model_type="llama")
    template = get_template(processor, template_type="chatml")
    template.set_mode("train")
    with rows.open(encoding="utf-8") as lines:
        return [len(template.encode({"messages": json.loads(line)["messages"]})["input_ids"]) for line in lines]


def embedded_model() -> Path:
    """Return the folder of the embedded model, which `make model` makes."""
    from platformdirs import user_cache_path

    found = sorted((user_cache_path("dao-proposal-agent") / "models").glob("smollm2-135m-instruct-*"))
    if not found:
        raise SystemExit("the embedded model is not there\n  to do: make model")
    return found[-1]


# --- tokens a second --------------------------------------------------------------------------------------------------


def embedded(arguments: argparse.Namespace, folder: Path) -> bool:
    """Train the embedded tier for a few steps and count its tokens."""
    cut = examples_cut(folder)
    words = [f"model={embedded_model()}", f"dataset=[{cut / 'sft.jsonl'}]", "include_num_input_tokens_seen=true",
             "gradient_accumulation_steps=1", "save_steps=1000", "logging_steps=1"]  # fmt: skip
    short, long = 1, 1 + arguments.steps
    runs = {steps: folder / f"cpu-{steps}" for steps in (short, long)}
    spent = {
        steps: used(ours(EMBEDDED, [*words, f"max_steps={steps}", f"output_dir={run}"])) for steps, run in runs.items()
    }
    tokens = {steps: last_step(run).tokens or 0 for steps, run in runs.items()}
    counted, cpu, wall = (
        tokens[long] - tokens[short], spent[long].cpu - spent[short].cpu, spent[long].wall - spent[short].wall,
    )  # fmt: skip
    print(f"embedded tier, {EMBEDDED.name}: {counted:,} tokens in {arguments.steps} steps, {counted / cpu:.0f} tokens "
          f"a CPU second; {counted / wall:.0f} tokens/s by the clock at load {os.getloadavg()[0]:.1f}")  # fmt: skip
    return True


def last_step(run: Path) -> Step:
    return curve(read_log(run / "logging.jsonl"))[-1]


def mfu(shape: ModelShape, tokens_a_second: float, length: int, peak: float, *, full: bool) -> float:
    """Return the share of the peak arithmetic that the model itself needs (Chowdhery et al. 2022, appendix B): a token
    takes 6 operations a parameter (4 where the weights are frozen, as LoRA needs no gradient of them) and attention.
    """
    attention = 2 * shape.layers * shape.queries * length * (6 if full else 4)
    return tokens_a_second * ((6 if full else 4) * shape.parameters + attention) / (peak * 1e12)


def on_a_gpu(arguments: argparse.Namespace, folder: Path) -> bool:
    """Run one recipe bare and by our launcher on a GPU."""
    if not gpu_memory():
        print("gpu: never run: this machine has no GPU")
        return True
    config, *words = arguments.words
    recipe = load_recipe(Path(config), SFT, words)
    steps = f"max_steps={recipe.whole('max_steps', 50)}"
    extra = [*words, steps, "include_num_input_tokens_seen=true", "save_steps=100000", "logging_steps=1"]
    rates = {}
    for name, command in (("bare", bare), ("ours", ours), ("bare again", bare)):
        run = folder / name.replace(" ", "-")
        used(command(Path(config), [*extra, f"output_dir={run}"]))
        rates[name] = tokens_a_second(run)
        print(f"{name}: {rates[name]:,.0f} tokens/s{_mfu_text(recipe.values, rates[name], arguments.peak_tflops)}")
    return rates["ours"] >= min(rates["bare"], rates["bare again"]) * (1 - STEP_SHARE)


def tokens_a_second(run: Path) -> float:
    """Return tokens a second by ms-swift's own clock, whose mean begins with the first step."""
    step = last_step(run)
    return (step.tokens or 0) / (step.number * (step.seconds or 1.0))


def _mfu_text(values: Any, rate: float, peak: float) -> str:
    config = Path(str(values.get("model", ""))) / "config.json"
    if not peak or not config.is_file():
        return " (for MFU give --peak-tflops and model=FOLDER)"
    shape = read_shape(json.loads(config.read_text(encoding="utf-8")))
    full = str(values.get("tuner_type", "lora")) == "full"
    return f", MFU {mfu(shape, rate, int(values.get('max_length', shape.positions)), peak, full=full):.1%}"


if __name__ == "__main__":
    sys.exit(main())
