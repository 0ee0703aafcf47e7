"""The house keeps its floors: imports go downwards only, and the lower rooms import without heavy libraries."""

from __future__ import annotations

import ast
import functools
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "proposal": set[str](),
    "rewards": {"proposal"},
    "data_prep": {"proposal", "rewards"},
    "recipes": {"proposal", "rewards", "data_prep"},
    "serve": {"proposal", "rewards", "data_prep"},
}
ROOMS = tuple(MAY_IMPORT)
FILES = [file for room in ROOMS for file in sorted((ROOT / room).rglob("*.py"))]
HEAVY = {"torch", "transformers", "swift", "vllm", "trl", "peft", "deepspeed", "datasets"}
WEB = {"fastapi", "starlette", "uvicorn", "sqlalchemy", "jinja2"}


@functools.cache
def imports_of(file: Path) -> tuple[list[ast.stmt], list[ast.stmt]]:
    """Return the import statements at the level of a module, and all of them: each file is read once."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    found: list[ast.stmt] = []
    open_bodies: list[ast.AST] = [tree]
    while open_bodies:  # statements only: no import hides in an expression
        node = open_bodies.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import | ast.ImportFrom):
                found.append(child)
            elif isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
                open_bodies.append(child)
    return tree.body, found


def imported(file: Path, *, module_level: bool = False) -> set[str]:
    nodes = imports_of(file)[0 if module_level else 1]
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_there_are_rooms_to_look_at() -> None:
    assert len(FILES) > 20


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_from_floors_below(room: str) -> None:
    here = [file.relative_to(ROOT) for file in FILES if file.relative_to(ROOT).parts[0] == room]
    assert here
    barred = {*ROOMS, "tests"} - MAY_IMPORT[room] - {room}
    assert {str(file): above for file in here if (above := imported(ROOT / file) & barred)} == {}


def test_only_the_plugin_imports_swift_at_module_level() -> None:
    naming = [file for file in FILES if "swift" in file.read_text(encoding="utf-8")]  # the others need no parsing
    users = {str(file.relative_to(ROOT)) for file in naming if "swift" in imported(file, module_level=True)}
    assert users <= {"rewards/dao_swift_plugin.py"}


def test_no_module_shadows_a_library() -> None:
    """ms-swift puts a plugin's folder first on the path, so each of our stems is importable as a top-level module."""
    stems = {file.stem for file in (ROOT / "rewards").rglob("*.py")} - {"__init__", "__main__"}
    assert not stems & (set(sys.stdlib_module_names) | HEAVY | WEB | {"yaml", "rich", "typer", "numpy", "click"})


IMPORT_FLOOR_BY_FLOOR = """
import importlib, json, sys
for names in json.loads(sys.argv[1]):
    for name in names: importlib.import_module(name)
    print(sorted(set(sys.modules) & set(json.loads(sys.argv[2]))))
"""


def test_a_lower_room_imports_without_heavy_libraries() -> None:
    """From the ground up in one process: what a room loads is told before the next is imported."""
    modules = [
        sorted(
            ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            for file in (ROOT / room).rglob("*.py")
            if file.name not in {"dao_swift_plugin.py", "__main__.py"}
        )
        for room in ("proposal", "rewards", "data_prep", "recipes")
    ]
    words = [json.dumps(modules), json.dumps(sorted(HEAVY | WEB))]
    result = subprocess.run(
        [sys.executable, "-c", IMPORT_FLOOR_BY_FLOOR, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split("\n") == ["[]"] * len(modules) + [""]


@pytest.mark.parametrize("name", ["utils", "helpers", "common", "misc", "manager"])
def test_there_is_no_drawer_for_everything(name: str) -> None:
    assert not [file for file in FILES if file.stem == name]
