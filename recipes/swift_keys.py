"""Which keys a configuration may hold: what the pinned ms-swift accepts, as data, so that checking
needs no torch.

    .venv-model/bin/python -m recipes.swift_keys     # writes swift_keys.json, after a new pin

Taken from ms-swift's own command line parsers: the parser also accepts a unique beginning of a key
in its place, so that a misspelt key can silently set another one. We accept whole keys only. A test
compares the file with the installed release.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

KEYS_FILE = Path(__file__).with_name("swift_keys.json")

Command = Literal["pt", "sft", "rlhf"]
COMMANDS: tuple[Command, ...] = ("pt", "sft", "rlhf")


@dataclass(frozen=True, slots=True)
class Key:
    """One key: what its value is read as (`kind`), whether it takes a list, and its choices where
    they are closed.
    """

    kind: str
    many: bool
    choices: tuple[str, ...]
    commands: tuple[Command, ...]


@dataclass(frozen=True, slots=True)
class KeyList:
    """The keys of one release of ms-swift."""

    release: str
    keys: dict[str, Key]

    def of(self, command: Command) -> dict[str, Key]:
        """Return the keys that one of ms-swift's commands accepts."""
        return {name: key for name, key in self.keys.items() if command in key.commands}


@functools.cache
def load_keys() -> KeyList:
    """Read the committed list."""
    return parse_keys(json.loads(KEYS_FILE.read_text(encoding="utf-8")))


def parse_keys(data: dict[str, Any]) -> KeyList:
    """Build the list from its JSON form."""
    keys = {
        name: Key(
            key["kind"],
            key.get("many", False),
            tuple(key.get("choices", ())),
            tuple(key["commands"]),
        )
        for name, key in data["keys"].items()
    }
    return KeyList(data["ms-swift"], keys)


def installed_keys() -> dict[str, Any]:
    """Read the keys off the ms-swift of this environment, in the JSON form; needs the training
    environment.
    """
    import importlib.metadata

    from swift import PretrainArguments, RLHFArguments, SftArguments
    from swift.utils.utils import _patch_get_type_hints
    from transformers import HfArgumentParser

    arguments = dict(zip(COMMANDS, (PretrainArguments, SftArguments, RLHFArguments), strict=True))
    keys: dict[str, dict[str, Any]] = {}
    for command, dataclass_type in arguments.items():
        with _patch_get_type_hints():
            parser = HfArgumentParser([dataclass_type])
        for action in parser._actions:
            for option in action.option_strings:
                if option.startswith("--") and "-" not in option[2:] and not option.startswith(("--help", "--no_")):
                    entry = keys.setdefault(option[2:], {**_spec(action), "commands": []})
                    entry["commands"].append(command)
    return {
        "ms-swift": importlib.metadata.version("ms-swift"),
        "transformers": importlib.metadata.version("transformers"),
        "keys": dict(sorted(keys.items())),
    }


def _spec(action: Any) -> dict[str, Any]:
    kind = getattr(action.type, "__name__", "str")
    kind = {"string_to_bool": "bool", "_dict_or_str": "json"}.get(kind, kind)
    spec: dict[str, Any] = {"kind": kind if kind in {"str", "int", "float", "bool"} else "str"}
    if action.nargs in {"+", "*"}:
        spec["many"] = True
    if action.choices:
        spec["choices"] = [str(choice) for choice in action.choices if choice is not None]
    return spec


def as_text(data: dict[str, Any]) -> str:
    """Print the JSON form with one key per line, so that a new release shows as a short
    difference.
    """
    head = {name: value for name, value in data.items() if name != "keys"}
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in data["keys"].items()]
    top = ",\n".join(f" {json.dumps(name)}: {json.dumps(value)}" for name, value in head.items())
    return "{\n" + top + ',\n "keys": {\n' + ",\n".join(lines) + "\n }\n}\n"


if __name__ == "__main__":
    KEYS_FILE.write_text(as_text(installed_keys()), encoding="utf-8")
