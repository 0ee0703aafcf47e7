"""Builders for tests of recipes: a small valid recipe on disk with its data, to be spoilt one way at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from recipes.recipe import METHODS, Recipe, load_recipe

ROOT = Path(__file__).parents[2]

SYSTEM = {"role": "system", "content": "You write one section."}
USER = {"role": "user", "content": "Section: Summary"}
ANSWER = {"role": "assistant", "content": "Sales were {{E1.sales}} [[E1]]."}


def a_row(method: str = "sft", **changed: Any) -> dict[str, Any]:
    """Build a valid row of a method; a value of None takes the field away."""
    row: dict[str, Any] = {"messages": [SYSTEM, USER, ANSWER]}
    if method in {"dpo", "rm"}:
        row["rejected_response"] = "Sales were large."
    if method == "kto":
        row["label"] = True
    if method == "grpo":
        row = {
            "messages": [SYSTEM, USER],
            "dao_evidence_json": json.dumps([EVIDENCE]),
            "dao_brief_json": json.dumps(BRIEF),
            "dao_template": "generic",
            "dao_section": "summary",
            "dao_required": "[]",
        }
    row.update(changed)
    return {name: value for name, value in row.items() if value is not None}


def some_rows(method: str) -> list[dict[str, Any]]:
    """Build as many rows as a method needs to be valid: KTO wants both labels."""
    refused = {"role": "assistant", "content": "Sales were large."}
    more = [a_row(method, messages=[SYSTEM, USER, refused], label=False)] if method == "kto" else []
    return [a_row(method), *more]


EVIDENCE = {
    "id": "E1",
    "kind": "metric",
    "title": "Marketplace sales",
    "url": "https://data.example.org/sales",
    "retrieved_at": "2026-10-01T00:00:00Z",
    "values": {"sales": {"value": "90000", "unit": "USDC", "label": "creator sales"}},
}
BRIEF = {"topic": "Creator rebate", "ask": "Fund it", "type": "funding", "dao": "Example DAO"}


def write_rows(path: Path, *rows: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def a_recipe(folder: Path, method: str = "sft", *, rows: Any = None, **changed: Any) -> Path:
    """Write a valid recipe with data and model beside it; a value of None takes the key away."""
    data = write_rows(folder / f"{method}.jsonl", *(rows or some_rows(method)))
    model = folder / "model"
    model.mkdir(exist_ok=True)
    (model / "config.json").write_text("{}", encoding="utf-8")
    values: dict[str, Any] = {
        "model": str(model),
        "dataset": [str(data)],
        "strict": True,
        "truncation_strategy": "delete",
        "tuner_type": "lora",
        "torch_dtype": "float32",
        "fp16": False,
        "max_steps": 2,
        "output_dir": str(folder / "run"),
        "add_version": False,
    }
    if method == "kto":
        values["per_device_train_batch_size"] = 2
    rlhf_type = METHODS[method].rlhf_type
    if rlhf_type:
        values["rlhf_type"] = rlhf_type
    if method == "grpo":
        values.update(
            external_plugins=[str(ROOT / "rewards" / "dao_swift_plugin.py")],
            reward_funcs=["data_citation"],
            num_generations=4,
            per_device_train_batch_size=4,
        )
    values.update(changed)
    path = folder / f"{method}.yaml"
    kept = {key: value for key, value in values.items() if value is not None}
    path.write_text(yaml.safe_dump(kept, sort_keys=False), encoding="utf-8")
    return path


def a_checkpoint(run: Path, step: int = 1, *, rank: int = 8, **left_out: bool) -> Path:
    """Write what the trainer leaves of a LoRA checkpoint, without weights."""
    folder = run / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text(json.dumps({"r": rank}), encoding="utf-8")
    if not left_out.get("without_optimizer"):
        (folder / "optimizer.pt").write_bytes(b"")
    (folder / "trainer_state.json").write_text(json.dumps({"global_step": step}), encoding="utf-8")
    return folder


def loaded(path: Path, method: str = "sft", *overrides: str) -> Recipe:
    return load_recipe(path, METHODS[method], overrides)


def spoilt(folder: Path, method: str = "sft", *, rows: Any = None, **changed: Any) -> Recipe:
    """Write and load a recipe in one go."""
    return loaded(a_recipe(folder, method, rows=rows, **changed), method)


def as_yaml(values: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(values), sort_keys=False)
