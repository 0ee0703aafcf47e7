"""Lay a record out as model hubs want it: weights, configuration, tokenizer, card with metadata, licence, hashes.

Nothing of the machine it was made on is left in it: absolute paths in configurations become the names they stand for,
and files that say where and how a run went stay behind. Nothing is sent anywhere.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from proposal.errors import InputError
from recipes.card import UNKNOWN, base_model_name, card
from recipes.problems import Problem, render
from recipes.record_checks import read_record
from recipes.records import CARD_FILE, RECORD_FILE

MANIFEST = "manifest.json"
KEPT = (
    "*.safetensors", "*.safetensors.index.json", "adapter_config.json", "config.json", "generation_config.json",
    "tokenizer*", "vocab.json", "merges.txt", "special_tokens_map.json", "added_tokens.json", "chat_template*",
    "preprocessor_config.json", "processor_config.json", "video_preprocessor_config.json",
)  # fmt: skip
_ABSOLUTE = re.compile(r"(?<![\w:/.])/(?:[\w.@+-]+/)+[\w.@+-]+")
_SPDX = re.compile(r"[a-z0-9][a-z0-9.+-]{1,40}\Z", re.IGNORECASE)


EVALUATION_FORM = "dao-agent-draftbench/1"


def lay_out(source: Path, out: Path, *, licence: str, evaluation: Path | None = None) -> None:
    """Copy what a hub needs, rewritten; refuse what cannot be published.

    `evaluation` is the report.json of DraftBench, which record and card then hold.
    """
    record = read_record(source)
    if evaluation is not None:
        record = {**record, "evaluation": read_evaluation(evaluation)}
    licence = licence or (record["base_licence"] if record["base_licence"] != UNKNOWN else "")
    if not _SPDX.match(licence):
        raise InputError(
            "the base model's folder states no licence" if not licence else f"'{licence}' is no licence id",
            where="--licence",
            fix="find out the licence of the base model and give its SPDX id, such as --licence apache-2.0",
        )
    out.mkdir(parents=True, exist_ok=True)
    weights = source / record["weights"]
    for file in sorted({file for pattern in KEPT for file in weights.glob(pattern)}):
        shutil.copy2(file, out / file.name)
        if file.suffix == ".json":
            _rewrite(out / file.name)
    name = base_model_name(record["base_model"])
    kept = {**_without_paths(record), "name": out.name, "base_model": name, "base_licence": licence, "weights": "."}
    (out / RECORD_FILE).write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (out / CARD_FILE).write_text(_without_paths(card(kept)), encoding="utf-8")
    files = sorted(file for file in out.iterdir() if file.is_file())
    hashes = {file.name: _hash(file) for file in files}
    (out / MANIFEST).write_text(json.dumps({"sha256": hashes}, indent=2) + "\n", encoding="utf-8")
    problems = list(layout_problems(out))
    if problems:
        raise InputError(render(problems, "in the layout"), where=str(out))


def read_evaluation(report: Path) -> dict[str, Any]:
    """Return what a record keeps of a report of DraftBench: every metric of every system with its interval."""
    try:
        data = json.loads(report.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"no report can be read: {error}", where=str(report), expected="report.json") from None
    if not isinstance(data, dict) or data.get("form") != EVALUATION_FORM:
        raise InputError("is no report of DraftBench", where=str(report), expected=f'"form": "{EVALUATION_FORM}"')
    found = data["comparison"]["estimates"]
    return {
        "items": data["comparison"]["items"],
        "about": [f"{name}: {value}" for name, value in data["about"].items()],
        "metrics": list(next(iter(found.values()))),
        "systems": found,
    }


def _rewrite(path: Path) -> None:
    """Take absolute paths out of a configuration; a tokenizer's own file has none and may be large."""
    if path.name == "tokenizer.json":
        return
    data = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(_without_paths(data), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _without_paths(value: Any) -> Any:
    """Return a value in which each absolute path is the name at its end."""
    if isinstance(value, dict):
        return {key: _without_paths(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_paths(item) for item in value]
    return _ABSOLUTE.sub(lambda match: Path(match[0]).name, value) if isinstance(value, str) else value


def layout_problems(folder: Path) -> Iterator[Problem]:
    """Yield what keeps a folder from being uploaded as it is."""
    text = (folder / CARD_FILE).read_text(encoding="utf-8")
    head = yaml.safe_load(text.split("---\n")[1]) if text.startswith("---\n") else {}
    for key in ("license", "base_model", "library_name", "pipeline_tag"):
        if not head.get(key) or head[key] == "other":
            yield Problem(str(folder / CARD_FILE), f"its metadata has no {key}", "write it")
    if not any(folder.glob("*.safetensors")):
        yield Problem(str(folder), "holds no weights (*.safetensors)", "name a whole record")
    for file in folder.iterdir():
        if file.suffix in {".bin", ".pt", ".pth", ".pkl"}:
            yield Problem(str(file), "may hold code, which a hub's users must not load", "keep safetensors only")
        if file.suffix in {".json", ".md"} and file.name != "tokenizer.json":
            found = _ABSOLUTE.search(file.read_text(encoding="utf-8"))
            if found:
                yield Problem(str(file), f"names '{found[0]}', a path of this machine", "take it out")


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
