"""Docs that cannot rot: what README and docs name exists, and what exists is named."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from proposal.brief import Brief
from proposal.evidence import Evidence
from proposal.values import Value
from serve.settings import Settings

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)\)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing


def test_every_make_target_of_the_readme_exists() -> None:
    named = set(re.findall(r"`?make ([a-z-]+)", (ROOT / "README.md").read_text(encoding="utf-8")))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert named
    assert named <= targets


def test_every_setting_is_documented() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    missing = [name for name in Settings.model_fields if f"DAO_{name.upper()}" not in page]
    assert not missing


def test_every_field_of_what_users_write_is_documented() -> None:
    page = (ROOT / "docs" / "briefs.md").read_text(encoding="utf-8")
    kinds = Evidence.model_fields["kind"].annotation
    choices = [*get_args(kinds), *get_args(Brief.model_fields["type"].annotation)]
    fields = [*Brief.model_fields, *Evidence.model_fields, *Value.model_fields, *choices]
    assert [name for name in fields if f"`{name}`" not in page] == []


@pytest.mark.slow
def test_every_command_is_documented() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for group in ((), ("serve",), ("template",), ("data",), ("reward",)):
        command = [sys.executable, "-m", "serve", *group, "--help"]
        text = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for name in re.findall(r"^  ([a-z]+) ", text.split("Commands:")[1], re.MULTILINE):
            assert f"dao-agent {' '.join([*group, name])}" in page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_names_a_path_of_somebodys_machine(page: Path) -> None:
    assert not re.search(r"/(?:root|home|work|opt|tmp)/", page.read_text(encoding="utf-8"))
