"""The table of configurations in the documentation, from the headers of the configurations themselves.

    python -m recipes.config_table     # writes docs/configurations.md

A header says once what a configuration is for, what it needs and what was measured; the page repeats it, and a test
compares the two.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from recipes.environment import PROJECT
from recipes.recipe import METHODS, Method, load_recipe

FOLDER = PROJECT / "recipes" / "configs"
PAGE = PROJECT / "docs" / "configurations.md"
NOT_MEASURED = "not measured"

_INTRODUCTION = """# Configurations

Every recipe of `recipes/configs/`, with the hardware it is made for and what was measured on which day. Written by
`python -m recipes.config_table` from the headers of the files. They are plain ms-swift YAML; each is whole, as that has
no include. Only what says so was run on a GPU: figures that a header calls estimated are counted by
`recipes/estimates.py`.

"""
_FIELD = re.compile(r"# (Needs|Tested|Expect|If OOM) +(.*)")
_TESTED = re.compile(r"(?P<on>.+), (?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2}): (?P<figure>.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Header:
    """What the comment at the top of a configuration says."""

    title: str
    fields: dict[str, str]

    @property
    def hardware(self) -> str:
        """The part of the title between method and purpose."""
        return self.title.partition(",")[2].partition(":")[0].strip()

    @property
    def purpose(self) -> str:
        return self.title.partition(":")[2].strip().rstrip(".")

    @property
    def measured(self) -> tuple[str, str]:
        """The figure with the machine it was measured on, and the day; without one, that it was not measured."""
        found = _TESTED.match(self.fields.get("Tested", ""))
        return (f"{found['figure']} ({found['on']})", found["day"]) if found else (NOT_MEASURED, "–")


def read_header(path: Path) -> Header:
    """Read the comment at the top of a configuration; a field goes on over lines that are indented under it."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line)
    fields: dict[str, str] = {}
    last = ""
    for line in lines:
        found = _FIELD.match(line)
        if found:
            last = found[1]
            fields[last] = found[2]
        elif last:
            fields[last] += " " + line.lstrip("# ")
    return Header(lines[0].removeprefix("# ") if lines else "", fields)


def method_of(path: Path) -> Method:
    """Tell the method of a configuration from its name: `METHOD…` or `smoke_METHOD`."""
    name = path.stem.removeprefix("smoke_")
    fitting = [method for method in METHODS.values() if name == method.name or name.startswith(f"{method.name}_")]
    return max(fitting, key=lambda method: len(method.name))


def recipe_files() -> list[Path]:
    """Return the recipes of the folder, which name a run folder; other files there configure data and evaluation."""
    files = sorted(FOLDER.glob("*.yaml"))
    return [path for path in files if re.search(r"^output_dir:", path.read_text(encoding="utf-8"), re.MULTILINE)]


def page() -> str:
    """Write the page: one table a method."""
    parts = [_INTRODUCTION]
    configs = recipe_files()
    for method in METHODS.values():
        parts += [
            f"## recipes/{method.name}.py\n\n",
            "| file | what | model | hardware | measured | day |\n",
            "|" + "---|" * 6 + "\n",
        ]
        parts += [_row(path, method) for path in configs if method_of(path) == method]
        parts.append("\n")
    return "".join(parts).rstrip() + "\n"


def _row(path: Path, method: Method) -> str:
    header = read_header(path)
    model = str(load_recipe(path, method).values["model"]).rpartition("/")[2]
    figure, day = header.measured
    return f"| `{path.name}` | {header.purpose} | {model} | {header.hardware} | {figure} | {day} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(PROJECT)} written\n")
