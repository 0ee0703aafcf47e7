"""Keys and values of a recipe against the pinned ms-swift's own parser."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from proposal.errors import nearest
from recipes.problems import Problem
from recipes.recipe import Recipe
from recipes.swift_keys import Key, load_keys


def keys_exist(recipe: Recipe) -> Iterator[Problem]:
    """Every key is one of the pinned ms-swift's; its parser would take a unique beginning for the
    key.
    """
    known = load_keys().of(recipe.method.command)
    for key in recipe.values:
        if key not in known:
            message = f"ms-swift {load_keys().release} has no such key for {recipe.method.command}"
            elsewhere = load_keys().keys.get(key)
            if elsewhere:
                commands = ", ".join(elsewhere.commands)
                yield Problem(recipe.where(key), f"{message} (it belongs to {commands})", "remove it")
                continue
            near = nearest(key, known) or next((name for name in known if name.startswith(key)), None)
            yield Problem(recipe.where(key), message, f"did you mean '{near}'?" if near else "remove it")


def values_fit(recipe: Recipe) -> Iterator[Problem]:
    """Every value can be read as its key needs it, and is one of its choices where these are
    closed.
    """
    known = load_keys().of(recipe.method.command)
    for key, value in recipe.values.items():
        if key in known:
            yield from _value_problems(recipe, key, value, known[key])
    kinds, given = recipe.method.rlhf_types, str(recipe.values.get("rlhf_type", ""))
    if kinds and given not in kinds:
        yield Problem(
            recipe.where("rlhf_type"),
            f"recipes/{recipe.method.name}.py runs rlhf_type {' or '.join(kinds)}, the recipe says "
            f"'{given or 'nothing'}'",
            f"write rlhf_type: {kinds[0]}, or use the launcher of the other method",
        )


def _value_problems(recipe: Recipe, key: str, value: Any, spec: Key) -> Iterator[Problem]:
    if value is None:
        yield Problem(
            recipe.where(key),
            "an empty value reaches ms-swift as the text 'None'",
            "leave the key out to get its default",
        )
        return
    if isinstance(value, list) and not spec.many:
        yield Problem(recipe.where(key), "takes one value, not a list", "write a single value")
        return
    for item in value if isinstance(value, list) else [value]:
        problem = _unreadable(item, spec)
        if problem:
            yield Problem(recipe.where(key), f"'{item}' {problem[0]}", problem[1])


def _unreadable(item: Any, spec: Key) -> tuple[str, str] | None:
    text = str(item)
    if spec.choices and text not in spec.choices:
        near = difflib.get_close_matches(text, spec.choices, n=1)
        choices = ", ".join(spec.choices[:12])
        return f"is not one of: {choices}", f"did you mean '{near[0]}'?" if near else "choose one"
    if spec.kind == "bool" and text.lower() not in {
        "true",
        "false",
        "1",
        "0",
        "yes",
        "no",
        "y",
        "n",
    }:
        return "is not a truth value", "write true or false"
    if spec.kind == "int" and not text.lstrip("+-").isdigit():
        return "is not a whole number", "write digits only"
    if spec.kind == "float" and not is_float(text):
        return "is not a number", "write a number such as 0.0001"
    return None


def is_float(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
