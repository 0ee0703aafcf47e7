"""The model card of a record: what it is, what it must not be used for, from what and how it was made.

The head is the metadata block that model hubs read. What is not known is said to be so: a licence is never guessed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

SECTIONS = ("## Limits", "## Licences", "## Data", "## Training", "## Last metrics", "## Made with")
"""What a card has to have; `recipes.records` refuses a record without it."""
UNKNOWN = "not stated"
SHOWN_VALUES = (
    "tuner_type", "lora_rank", "lora_alpha", "learning_rate", "per_device_train_batch_size",
    "gradient_accumulation_steps", "max_length", "packing", "torch_dtype", "seed", "reward_funcs", "reward_weights",
)  # fmt: skip
_HEAD = re.compile(r"\A---\n(.*?\n)---\n", re.DOTALL)


def base_model_name(model: str) -> str:
    """Return how a base model is called outside this machine: its id on a hub, or the name of its folder.

    >>> base_model_name("/srv/models/Qwen3-4B"), base_model_name("Qwen/Qwen3-4B")
    ('Qwen3-4B', 'Qwen/Qwen3-4B')
    """
    path = Path(model)
    return path.name if path.is_absolute() or path.is_dir() or len(path.parts) > 2 else model


def base_licence(model: str) -> str:
    """Return the licence that the base model's own card states."""
    card = Path(model) / "README.md"
    head = _HEAD.match(card.read_text(encoding="utf-8", errors="replace")) if card.is_file() else None
    try:
        stated = yaml.safe_load(head[1]) if head else None
    except yaml.YAMLError:
        stated = None
    licence = stated.get("license") if isinstance(stated, dict) else None
    return str(licence) if licence else UNKNOWN


def card(record: Mapping[str, Any]) -> str:
    """Write the model card of a record."""
    parts = [
        _head(record), _summary(record), _evaluation(record), _limits(), _licences(record), _data(record),
        _stages(record), _training(record), _metrics(record), _made_with(record),
    ]  # fmt: skip
    return "\n".join(line for part in parts for line in part) + "\n"


def _head(record: Mapping[str, Any]) -> list[str]:
    licence = str(record["base_licence"])
    head = {
        "base_model": base_model_name(record["base_model"]),
        "library_name": "peft" if record["kind"] == "adapter" else "transformers",
        "license": licence if licence != UNKNOWN else "other",
        "pipeline_tag": "text-generation",
        "tags": ["dao", "governance", "ms-swift", record["method"], *(["lora"] if record["kind"] == "adapter" else [])],
    }
    return ["---", *yaml.safe_dump(head, sort_keys=False).splitlines(), "---", ""]


def _summary(record: Mapping[str, Any]) -> list[str]:
    return [
        f"# {record['name']}",
        "",
        f"{str(record['kind']).capitalize()} for `{base_model_name(record['base_model'])}`, trained by",
        f"{record['method'].upper()} for {record['global_step']} steps. It drafts sections of governance proposals",
        "with slots in place of figures; a server fills the slots from evidence and checks the text.",
        "",
        f"Weights: `{record['weights']}`, sha256 {record['weights_sha256']}",
        "",
    ]


def _evaluation(record: Mapping[str, Any]) -> list[str]:
    """Tabulate DraftBench, where the record has it: a column a system, as the report says them."""
    found = record.get("evaluation")
    if not found:
        return []
    systems = found["systems"]
    rows = [
        f"| {name} | " + " | ".join(_estimate(of.get(name)) for of in systems.values()) + " |"
        for name in found["metrics"]
    ]
    return [
        "## DraftBench",
        "",
        f"{found['items']} held-out items, means with 95 % intervals. {'; '.join(found['about'])}",
        "",
        "| metric | " + " | ".join(_column(name, of, found["items"]) for name, of in systems.items()) + " |",
        "|---" * (len(systems) + 1) + "|",
        *rows,
        "",
    ]


def _column(name: str, estimates: Mapping[str, Mapping[str, float] | None], items: int) -> str:
    """Return the name of a column, with its items where they are fewer than the others have."""
    own = max((int(one["items"]) for one in estimates.values() if one), default=0)
    return name if own == items else f"{name} ({own} items)"


def _estimate(one: Mapping[str, float] | None) -> str:
    return "–" if one is None else f"{one['mean']:.3f} ({one['low']:.3f}–{one['high']:.3f})"


def _limits() -> list[str]:
    return [
        "## Limits",
        "",
        "- It holds no facts. Without evidence and the checks its text must not be published or voted on.",
        "- It writes text only: it holds no key, signs nothing and submits nothing.",
        "- It knows the languages and templates of its data, and is untested elsewhere.",
        "- What it writes is a draft for a committee of people, who decide.",
        "",
    ]


def _licences(record: Mapping[str, Any]) -> list[str]:
    licences = {name: count for item in record["data"] for name, count in item.get("licences", {}).items()}
    sources = [f"- data: {name}, {count} texts" for name, count in sorted(licences.items())]
    base = f"- base model `{base_model_name(record['base_model'])}`: {record['base_licence']}"
    if record["base_licence"] == UNKNOWN:
        base += " by its folder; find it out before you pass these weights on"
    return [
        "## Licences",
        "",
        base,
        *(sources or ["- data: none but what its builders wrote themselves is stated"]),
        "",
    ]


def _data(record: Mapping[str, Any]) -> list[str]:
    rows = [
        f"- `{item['file']}`, {item['rows']} rows, {item['sha256']}" + (f", cut {item['cut']}" if item["cut"] else "")
        for item in record["data"]
    ]
    return ["## Data", "", *rows, f"- prompts {record['prompt_hash']}", ""]


def _stages(record: Mapping[str, Any]) -> list[str]:
    """List the stages of training before the last, where there are any."""
    stages = record.get("stages_before")
    if not stages:
        return []
    rows = [
        f"| {stage['method'].upper()} | {stage['global_step']} | {_minutes(stage.get('seconds'))} "
        f"| {', '.join(item['file'] for item in stage['data'])} |"
        for stage in stages
    ]
    last = (f"| {record['method'].upper()} | {record['global_step']} | {_minutes(record.get('seconds'))} "
            f"| {', '.join(item['file'] for item in record['data'])} |")  # fmt: skip
    return ["## Stages", "", "| method | steps | minutes | data |", "|---|---|---|---|", *rows, last, ""]


def _minutes(seconds: float | None) -> str:
    return UNKNOWN if seconds is None else f"{seconds / 60:.0f}"


def _training(record: Mapping[str, Any]) -> list[str]:
    values = record["resolved"]
    shown = [f"| {name} | {_text(values[name])} |" for name in SHOWN_VALUES if name in values]
    rewards = [f"| reward version | {record['reward_version']} |"] if record["method"] == "grpo" else []
    return ["## Training", "", "| setting | value |", "|---|---|", *shown, *rewards, ""]


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)


def _metrics(record: Mapping[str, Any]) -> list[str]:
    rows = [f"| {name} | {value} |" for name, value in record["metrics"].items()]
    return ["## Last metrics", "", "| metric | value |", "|---|---|", *rows, ""]


def _made_with(record: Mapping[str, Any]) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in record["environment"].items())
    return ["## Made with", "", versions, "", "The resolved recipe and all hashes are in `record.json`."]
