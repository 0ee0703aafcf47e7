"""After training: merge an adapter, make a model small enough to serve, write ONNX, lay out a folder for a model hub.

    python recipes/export.py merge runs/sft --out out/merged
    python recipes/export.py quantise out/merged --out out/w4a16 [--method compressed|gptq|awq|bnb] [--group-size 128]
    python recipes/export.py onnx out/merged --out out/onnx
    python recipes/export.py layout runs/sft --out out/hub --licence apache-2.0

Tested  a tiny model on 2 CPU cores (merge, compressed, bnb, onnx, layout); no larger one, and never on a GPU
Memory  the model in its own precision, once; quantise also one layer in float32
Expect  8 B parameters in 4 bit: about 6 GB with embeddings in 16 bit (recipes.compress.quantised_bytes)

Exit codes: 0 done, 2 wrong input, 5 the result differs from the model, 6 a package or a device is missing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

if not __package__:  # run as a file: import our packages, not the files beside this one
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from proposal.errors import AgentError, ConfigError, InputError, IntegrityError
from recipes.card import card
from recipes.environment import run_environment, swift_command, training_python
from recipes.publish import lay_out
from recipes.record_checks import read_record, record_problems
from recipes.records import CARD_FILE, RECORD_FILE, weights_hash

OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
NEEDS: Mapping[str, tuple[str, ...]] = {
    "gptq": ("gptqmodel==7.7.0", "optimum==2.3.0"),
    "awq": ("autoawq==0.2.9",),
    "bnb": ("bitsandbytes==0.50.2",),
}
"""What ms-swift's own quantisation methods need beside it."""
OWN_ENVIRONMENT = (
    "in an environment of its own, as {} asks for other versions of torch or transformers than ms-swift 4.6.0: "
    "python -m venv .venv-quantise && .venv-quantise/bin/pip install ms-swift==4.6.0 {}; or take --method compressed"
)
GPTQ_LAYERS = 10


def main(argv: Sequence[str] | None = None) -> int:
    """Do one of the four as the command line asks."""
    request = command_line().parse_args(argv)
    try:
        out = request.out
        if out.exists() and any(out.iterdir()):
            raise InputError("already holds something", where=str(out), fix="name another folder, or remove it")
        request.do(request)
    except AgentError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(f"{out}\n")
    return 0


def command_line() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    commands = parser.add_subparsers(required=True, metavar="merge|quantise|onnx|layout")
    for name, do, source in (
        ("merge", merge, "a run folder with an adapter"),
        ("quantise", quantise, "a checkpoint folder"),
        ("onnx", write_onnx, "a checkpoint folder"),
        ("layout", lay_out_command, "a run folder, or what merge or quantise wrote"),
    ):
        command = commands.add_parser(name, help=(do.__doc__ or "").partition(";")[0])
        command.add_argument("source", type=Path, help=source)
        command.add_argument("--out", type=Path, required=True, help="a folder that is not there yet")
        command.set_defaults(do=do)
        if name == "quantise":
            command.add_argument("--method", choices=("compressed", *NEEDS), default="compressed")
            command.add_argument("--group-size", type=int, default=128, help="weights with one scale (%(default)s)")
            command.add_argument("--dataset", type=Path, help="rows for gptq and awq to measure on")
        if name == "layout":
            command.add_argument("--licence", default="", help="SPDX id of the weights' licence, such as apache-2.0")
            command.add_argument("--evaluation", type=Path, help="DraftBench's report.json, for record and card")
    return parser


def merge(request: argparse.Namespace) -> None:
    """Write the base model with the adapter of a record added to its weights; by ms-swift."""
    record = whole_record(request.source)
    if record["kind"] != "adapter":
        raise InputError("is no adapter, so there is nothing to merge", where=str(request.source))
    words = ["--adapters", str(request.source / record["weights"]), "--merge_lora", "true"]
    words += ["--attn_impl", "sdpa"]  # the run may have had flash-attn, which a laptop has not
    run_swift([*words, "--output_dir", str(request.out)])
    describe_export(request.out, {**record, "kind": "merged model"}, {"step": "merge", "of": record["weights_sha256"]})


def whole_record(run: Path) -> dict[str, Any]:
    """Return the record of a run folder that has every part."""
    record, problems = read_record(run), record_problems(run)
    if problems:
        raise InputError(str(problems[0]), where=str(run), fix=f"python -m recipes.record_checks {run}")
    return record


def run_swift(words: Sequence[str]) -> None:
    """Run `swift export`; its own words go to standard error when it fails."""
    command = [*swift_command(training_python()), "export", *words]
    run(command, "ms-swift could not export")


def run(command: Sequence[str], failed: str) -> str:
    """Run a command of the training environment and return what it printed."""
    done = subprocess.run(command, env=run_environment(OFFLINE), capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()[-12:]
        kind = IntegrityError if done.returncode == IntegrityError.exit_code else AgentError
        raise kind(failed, where=command[0], expected="\n    ".join(["exit code 0; it said", *lines]))
    return done.stdout


def describe_export(out: Path, record: Mapping[str, Any], step: Mapping[str, Any]) -> None:
    """Write record and card of what was made, with every step since the run."""
    steps = [*record.get("steps", ()), dict(step)]
    made = {**record, "weights": ".", "weights_sha256": weights_hash(out), "steps": steps}
    (out / RECORD_FILE).write_text(json.dumps(made, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (out / CARD_FILE).write_text(card(made), encoding="utf-8")


def quantise(request: argparse.Namespace) -> None:
    """Write a checkpoint with its linear layers in 4 bit; compressed needs no data, the others are ms-swift's."""
    config = checkpoint_config(request.source)
    fits(config, request)
    if request.method == "compressed":
        words = [str(request.source), str(request.out), "--group-size", str(request.group_size)]
        said = run([str(training_python()), "-m", "recipes.compress", *words], "the model could not be quantised")
        facts = json.loads(said.strip().splitlines()[-1])
    else:
        require(request.method)
        run_swift(quantise_words(request))
        facts = {}
    if (request.source / RECORD_FILE).is_file():
        record = read_record(request.source)
        step = {"step": f"quantise {request.method}", "of": record["weights_sha256"], **facts}
        describe_export(request.out, {**record, "kind": "quantised model"}, step)
    for name, value in facts.items():
        sys.stderr.write(f"{name}: {value}\n")


def checkpoint_config(folder: Path) -> dict[str, Any]:
    """Return the configuration of a checkpoint."""
    path = folder / "config.json"
    if not path.is_file():
        fix = "merge the adapter first" if (folder / RECORD_FILE).is_file() else "name a checkpoint folder"
        raise InputError("is no checkpoint", where=str(path), expected="config.json and *.safetensors", fix=fix)
    return dict(json.loads(path.read_text(encoding="utf-8")))


def fits(config: Mapping[str, Any], request: argparse.Namespace) -> None:
    """Refuse what the method would fail on after loading the model."""
    sizes = [config[name] for name in ("hidden_size", "intermediate_size") if name in config]
    unfit = [size for size in sizes if size % request.group_size]
    if unfit and request.method != "bnb":
        fitting = [size for size in (128, 64, 32) if not any(width % size for width in sizes)]
        fix = f"--group-size {fitting[0]}" if fitting else "take --method bnb"
        raise InputError(f"{request.group_size} does not divide {unfit[0]}, a width of the model", fix=fix)
    if request.method == "gptq" and config.get("num_hidden_layers", GPTQ_LAYERS) < GPTQ_LAYERS:
        raise InputError(f"gptq needs {GPTQ_LAYERS} layers or more", fix="take --method compressed")
    if request.method in ("gptq", "awq") and request.dataset is None:
        raise InputError(f"{request.method} measures on rows", fix="give --dataset FILE.jsonl")


def quantise_words(request: argparse.Namespace) -> list[str]:
    """Return the options of ms-swift's own quantisation."""
    words = ["--model", str(request.source), "--quant_method", request.method, "--quant_bits", "4"]
    words += ["--output_dir", str(request.out)]
    if request.method == "bnb":
        return words
    return [*words, "--group_size", str(request.group_size), "--dataset", str(request.dataset)]


def require(method: str) -> None:
    """Name the packages that a method needs and the training environment has not."""
    python = training_python()
    names = [pin.partition("==")[0] for pin in NEEDS[method]]
    check = "import importlib.metadata as m, sys\nfor n in sys.argv[1:]: m.version(n)"
    done = subprocess.run([str(python), "-P", "-c", check, *names], capture_output=True, check=False)
    if done.returncode:
        pins = " ".join(f"'{pin}'" for pin in NEEDS[method])
        fix = f"{python} -m pip install {pins}" if method == "bnb" else OWN_ENVIRONMENT.format(names[0], pins)
        raise ConfigError(f"{method} needs {', '.join(NEEDS[method])}", where=str(python), fix=fix)


def write_onnx(request: argparse.Namespace) -> None:
    """Write a small model as ONNX and compare its logits with torch's; for models that fit in memory twice."""
    checkpoint_config(request.source)
    command = [str(training_python()), "-m", "recipes.onnx_graph", str(request.source), str(request.out)]
    said = run(command, "the model could not be written as ONNX, or differs from the model")
    sys.stderr.write(said.strip().splitlines()[-1] + "\n")


def lay_out_command(request: argparse.Namespace) -> None:
    """Copy a record into a folder as model hubs want it; nothing of this machine is in it."""
    lay_out(request.source, request.out, licence=request.licence, evaluation=request.evaluation)


if __name__ == "__main__":
    sys.exit(main())
