"""The house keeps its floors: imports go downwards only, and the lower rooms import without heavy libraries."""

from __future__ import annotations

import ast
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


def imported(file: Path, *, module_level: bool = False) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    nodes = tree.body if module_level else list(ast.walk(tree))
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_there_are_rooms_to_look_at() -> None:
    assert len(FILES) > 20


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_room_imports_only_from_floors_below(file: Path) -> None:
    room = file.relative_to(ROOT).parts[0]
    ours = imported(file) & {*ROOMS, "tests"}
    assert ours <= MAY_IMPORT[room] | {room}


def test_only_the_plugin_imports_swift_at_module_level() -> None:
    users = {str(file.relative_to(ROOT)) for file in FILES if "swift" in imported(file, module_level=True)}
    assert users <= {"rewards/dao_swift_plugin.py"}


def test_no_module_shadows_a_library() -> None:
    """ms-swift puts a plugin's folder first on the path, so each of our stems is importable as a top-level module."""
    stems = {file.stem for file in (ROOT / "rewards").rglob("*.py")} - {"__init__", "__main__"}
    assert not stems & (set(sys.stdlib_module_names) | HEAVY | WEB | {"yaml", "rich", "typer", "numpy", "click"})


@pytest.mark.parametrize("room", ["proposal", "rewards", "data_prep", "recipes"])
def test_a_lower_room_imports_without_heavy_libraries(room: str) -> None:
    modules = sorted(
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for file in (ROOT / room).rglob("*.py")
        if file.name not in {"dao_swift_plugin.py", "__main__.py"}
    )
    code = "import sys, importlib\nfor name in sys.argv[1].split(','): importlib.import_module(name)\n" \
           f"print(sorted(set(sys.modules) & {HEAVY | WEB!r}))"  # fmt: skip
    result = subprocess.run(
        [sys.executable, "-c", code, ",".join(modules)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["utils", "helpers", "common", "misc", "manager"])
def test_there_is_no_drawer_for_everything(name: str) -> None:
    assert not [file for file in FILES if file.stem == name]
