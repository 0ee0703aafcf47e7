"""A recipe: one plain ms-swift YAML file with what the command line sets on top, and the line of
each key.

The file is ms-swift's own, so `swift sft FILE` does the same run; nothing in it is ours. What we
add is knowing where each value came from, so that a problem can be named by file and line. A
relative path is read from the folder the command runs in, as ms-swift reads it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from proposal.errors import InputError
from proposal.inputs import read_structured
from recipes.swift_keys import Command

ON_COMMAND_LINE = "command line"


@dataclass(frozen=True, slots=True)
class Method:
    """A training method: the command of ms-swift that runs it, and the `rlhf_type` it stands
    for.
    """

    name: str
    command: Command
    rlhf_types: tuple[str, ...] = ()

    @property
    def rlhf_type(self) -> str:
        """The `rlhf_type` that a method is named by; others in `rlhf_types` read the same rows."""
        return self.rlhf_types[0] if self.rlhf_types else ""


CPT = Method("cpt", "pt")
SFT = Method("sft", "sft")
SFT_MULTIMODAL = Method("sft_multimodal", "sft")
DPO = Method("dpo", "rlhf", ("dpo", "orpo", "simpo", "cpo"))
KTO = Method("kto", "rlhf", ("kto",))
GRPO = Method("grpo", "rlhf", ("grpo",))
RM = Method("rm", "rlhf", ("rm",))
METHODS: Mapping[str, Method] = {method.name: method for method in (CPT, SFT, SFT_MULTIMODAL, DPO, KTO, GRPO, RM)}


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe as it will run: `values` are file and command line together, `env` its `ENV:`
    block.
    """

    path: Path
    method: Method
    values: Mapping[str, Any]
    overrides: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)

    def where(self, key: str) -> str:
        """Return the place of a key: the command line, or file and line."""
        if key in self.overrides:
            return f"{ON_COMMAND_LINE}, {key}"
        line = self.lines.get(key)
        return f"{self.path}:{line}, {key}" if line else f"{self.path}, {key}"

    @property
    def rlhf_type(self) -> str:
        """The kind of preference training that the recipe names, or that its method stands for."""
        named = str(self.values.get("rlhf_type"))
        return named if named in self.method.rlhf_types else self.method.rlhf_type

    def listed(self, key: str) -> list[str]:
        """Return a value as a list of texts; a key that is absent has an empty one."""
        return as_list(self.values.get(key))

    def truth(self, key: str, default: bool = False) -> bool:
        """Return a truth value as ms-swift reads it."""
        return str(self.values.get(key, default)).lower() in {"true", "1", "yes", "y", "t"}

    def whole(self, key: str, default: int) -> int:
        """Return a whole number; what is none is reported by the check of values."""
        value = str(self.values.get(key, default))
        return int(value) if value.lstrip("-").isdigit() else default

    @property
    def image_root(self) -> Path:
        """Return the folder at which ms-swift begins relative image paths; the environment goes before the file."""
        return Path({**self.env, **os.environ}.get("ROOT_IMAGE_DIR", ""))

    def with_override(self, key: str, value: Any) -> Recipe:
        """Return the recipe with one more value set from the command line."""
        return Recipe(
            self.path,
            self.method,
            {**self.values, key: value},
            {**self.overrides, key: value},
            self.env,
            self.lines,
        )


def load_recipe(path: Path, method: Method, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe and the `key=value` words of the command line."""
    read_structured(path)  # names a key that stands twice, which the plain reader passes over
    text = path.read_text(encoding="utf-8")
    data = yaml.load(text, Loader=yaml.CSafeLoader)  # as ms-swift reads it, by libyaml
    if path.suffix.lower() not in {".yaml", ".yml"}:
        raise InputError("a recipe is a YAML file", where=str(path), expected=".yaml")
    if not isinstance(data, dict):
        raise InputError(f"found {type(data).__name__}", where=str(path), expected="key: value lines")
    env = data.pop("ENV", None) or {}
    if not isinstance(env, dict):
        raise InputError("'ENV' has to hold names and values", where=str(path))
    set_there = parse_overrides(overrides)
    return Recipe(
        path=path,
        method=method,
        values={**data, **set_there},
        overrides=set_there,
        env={str(name): str(value) for name, value in env.items()},
        lines=key_lines(text),
    )


def key_lines(text: str) -> dict[str, int]:
    """Return the line of each key at the top of a YAML document."""
    node = yaml.compose(text, Loader=yaml.CSafeLoader)
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {key.value: key.start_mark.line + 1 for key, _ in node.value}


def parse_overrides(words: Sequence[str]) -> dict[str, Any]:
    """Read `key=value` words; a value is written as in YAML.

    >>> parse_overrides(["max_steps=3", "reward_funcs=[a, b]"])
    {'max_steps': 3, 'reward_funcs': ['a', 'b']}
    """
    values: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise InputError(
                f"'{word}' is not key=value",
                where=ON_COMMAND_LINE,
                fix="write max_steps=3, or --dry-run",
            )
        try:
            values[key] = yaml.load(value, Loader=yaml.CSafeLoader) if value else ""
        except yaml.YAMLError:
            values[key] = value
    return values


def as_list(value: Any) -> list[str]:
    """Return a value of a recipe as a list of texts; none is an empty one.

    >>> as_list("runs/sft"), as_list(None)
    (['runs/sft'], [])
    """
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def as_arguments(values: Mapping[str, Any]) -> list[str]:
    """Write values as ms-swift's own YAML reader passes them on.

    >>> as_arguments({"strict": True, "dataset": ["a", "b"]})
    ['--strict', 'True', '--dataset', 'a', 'b']
    """
    words: list[str] = []
    for key, value in values.items():
        words.append(f"--{key}")
        if isinstance(value, list):
            words += [str(item) for item in value]
        else:
            words.append(json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value))
    return words


def file_part(text: str) -> str:
    """Cut off what ms-swift reads behind a path: `file.jsonl#200` takes 200 rows of it."""
    return text.partition("#")[0]


def is_hub_id(model: str) -> bool:
    """Tell whether a model is meant to be fetched from a hub: `owner/name`, and no such folder
    here.

    >>> is_hub_id("Qwen/Qwen3-4B-Instruct-2507"), is_hub_id("runs/models/smollm2")
    (True, False)
    """
    owner, _, name = model.partition("/")
    return bool(name) and "/" not in name and not model.startswith((".", "~", "/")) and not Path(owner).is_dir()
