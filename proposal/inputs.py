"""Reading a user's YAML or JSON into a closed model, with errors that name file, field and the nearest known key.

Parsing happens here once; behind this edge nothing is optional that is never missing.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from proposal.errors import InputError, nearest

Model = TypeVar("Model", bound=BaseModel)

MAX_INPUT_BYTES = 2_000_000
"""Largest brief or evidence file that is read: far above any real one, far below what could hurt."""


class _StrictLoader(yaml.CSafeLoader):
    """YAML that keeps what the user wrote.

    A key that stands twice is an error: the later one would silently win. Only `true`/`false`, `null` and plain whole
    numbers are more than text: YAML 1.1 would turn the voting options Yes and No into booleans, a transaction hash
    into an integer, and 0.10 into 0.1.
    """

    yaml_implicit_resolvers = {}  # noqa: RUF012 - pyyaml copies it for each class that adds to it


for _first, _tag, _pattern in (
    ("tTfF", "bool", r"(?:true|True|TRUE|false|False|FALSE)\Z"),
    ("~nN", "null", r"(?:~|null|Null|NULL)\Z"),
    ("-0123456789", "int", r"-?(?:0|[1-9][0-9]*)\Z"),
    ("<", "merge", r"<<\Z"),
):
    _StrictLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))
_StrictLoader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"\Z"), [""])


def _unique_mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"the key '{key}' stands twice", key_node.start_mark)
        seen[key] = loader.construct_object(value_node, deep=True)
    return seen


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)


def read_structured(path: Path) -> Any:
    """Return the content of a `.json`, `.yaml` or `.yml` file; raise `InputError` naming the file otherwise."""
    where = str(path)
    try:
        size = path.stat().st_size
        if size > MAX_INPUT_BYTES:
            raise InputError(f"the file has {size:,} bytes", where=where,
                             expected=f"at most {MAX_INPUT_BYTES:,} bytes")  # fmt: skip
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError("no such file", where=where, fix="check the path") from None
    except IsADirectoryError:
        raise InputError("this is a folder", where=where, expected="a YAML or JSON file") from None
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 text (byte {error.start})", where=where) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=where) from None
    return parse_structured(text, where=where, as_json=path.suffix.lower() == ".json")


def parse_structured(text: str, *, where: str, as_json: bool) -> Any:
    """Parse YAML or JSON text; an empty document is an error, never an empty input."""
    if not text.strip():
        raise InputError("the file is empty", where=where, expected="YAML or JSON with at least one key")
    try:
        return json.loads(text) if as_json else yaml.load(text, Loader=_StrictLoader)
    except json.JSONDecodeError as error:
        raise InputError(f"not valid JSON: {error.msg}", where=f"{where}:{error.lineno}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"not valid YAML: {error.problem}", where=f"{where}:{line}") from None
    except RecursionError:
        raise InputError("nested too deeply", where=where, expected="a few levels of keys") from None
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"not valid YAML: {error}", where=where) from None


def validate(model: type[Model], data: Any, *, where: str) -> Model:
    """Build a closed model from parsed data; every problem is listed with its field, all at once."""
    if not isinstance(data, dict):
        raise InputError(f"found {type(data).__name__}", where=where, expected="named keys (a mapping)")
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problems = [_describe(problem, model) for problem in error.errors()]
        raise InputError("; ".join(problems), where=where,
                         fix="correct the named fields and run the command again") from None  # fmt: skip


def _describe(problem: Any, model: type[BaseModel]) -> str:
    path = [part for part in problem["loc"] if part not in {"decimal", "date", "str"}]
    field = ".".join(str(part) for part in path)
    if problem["type"] == "extra_forbidden":
        known = _known_keys(model, path[:-1])
        near = nearest(str(path[-1]), known)
        hint = f"did you mean '{near}'?" if near else f"known keys: {', '.join(sorted(known))}"
        return f"unknown key '{field}' ({hint})"
    if problem["type"] == "missing":
        return f"'{field}' is missing"
    message = problem["msg"].removeprefix("Value error, ")
    return f"'{field}': {message}" if field else message


def _known_keys(model: type[BaseModel], path: list[Any]) -> list[str]:
    """Walk the model along an error's path and return the keys known at that place."""
    current: Any = model
    for part in path:
        fields = getattr(current, "model_fields", {})
        if part in fields:
            current = _inner_model(fields[part].annotation)
        elif isinstance(part, str | int):
            current = _inner_model(current)
    return list(getattr(current, "model_fields", {}))


def _inner_model(annotation: Any) -> Any:
    """Find the pydantic model inside `list[X]`, `dict[str, X]`, `X | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _inner_model(argument)
        if found is not None:
            return found
    return None
