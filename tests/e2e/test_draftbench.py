"""DraftBench on real parts: the command of the documentation, the embedded model on vLLM, one table."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from serve.aligned_model import ADAPTER
from serve.model_files import ensure_embedded_model
from serve.settings import Settings
from tests.data_prep.test_draftbench import BODY

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.model

STRENGTHEN = """
import sys
from pathlib import Path
from safetensors.torch import load_file, save_file
file = Path(sys.argv[1]) / "adapter_model.safetensors"
save_file({name: tensor * 20 if "lora_B" in name else tensor for name, tensor in load_file(file).items()}, file)
"""


def proposals(path: Path) -> None:
    """Write a file of proposals as a source gives them; all are of one DAO, so all are held out."""
    rows = [
        {
            "id": f"livepeer-lip-{number}",
            "dao": "Livepeer",
            "title": f"Fund rebate {name}",
            "body": BODY.format(name=name, sales=40_000 + number, people=50 + number, month=1 + number),
            "created": "2026-01-01",
            "licence": "MIT",
            "discussion_url": f"https://forum.example.org/t/{number}",
        }
        for number, name in enumerate(("alpha", "beta", "gamma"))
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def a_plan(folder: Path, systems: Sequence[str], *, subset: int = 0) -> Path:
    """Write proposals and the plan of an evaluation of them, with these systems as YAML, one a row."""
    proposals(folder / "proposals.jsonl")
    plan = folder / "plan.yaml"
    head = {"proposals": [f"{folder}/proposals.jsonl"], "ids": f"{folder}/ids.txt", "out": f"{folder}/out"}
    lines = [f"{name}: {json.dumps(value)}" for name, value in {**head, "subset": subset}.items()]
    plan.write_text("\n".join([*lines, "systems:", *(f"  - {system}" for system in systems)]) + "\n", encoding="utf-8")
    return plan


def test_the_command_makes_items_drafts_and_a_table(tmp_path: Path) -> None:
    systems = [
        "{name: template fill, line: template}",
        "{name: raw, line: raw, model: base}",
        "{name: full, line: full, model: embedded}",
    ]
    plan = a_plan(tmp_path, systems, subset=2)
    command = [sys.executable, "recipes/evaluate.py", str(plan)]
    subprocess.run([*command, "--freeze"], cwd=ROOT, check=True, timeout=120)
    subprocess.run(command, cwd=ROOT, check=True, timeout=800)
    data = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    found = data["comparison"]
    assert found["items"] == 2
    assert found["estimates"]["raw"]["tokens"]["mean"] > 0
    assert found["estimates"]["full"]["digit_accuracy"]["mean"] == 1
    assert found["estimates"]["full"]["fabrication_rate"]["mean"] == 0
    assert found["estimates"]["full"]["coverage"]["mean"] >= found["estimates"]["raw"]["coverage"]["mean"]
    assert "| template fill |" in (tmp_path / "out" / "report.md").read_text(encoding="utf-8").replace(" | raw", " |")
    gate = subprocess.run([*command, "--score", "--gate", "raw"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert gate.returncode == 3
    assert "items are too few" in gate.stderr


def test_a_broken_adapter_does_not_pass_the_promotion_gate(tmp_path: Path) -> None:
    """The committed adapter with its changes multiplied: it still loads, answers, and writes nothing of use."""
    systems = [
        "{name: template fill, line: template}",
        f"{{name: broken, line: grammar, model: {broken_model(tmp_path)}}}",
    ]
    plan = a_plan(tmp_path, systems)
    command = [sys.executable, "recipes/evaluate.py", str(plan)]
    subprocess.run([*command, "--freeze"], cwd=ROOT, check=True, timeout=120)
    subprocess.run(command, cwd=ROOT, check=True, timeout=800)
    gate = subprocess.run(
        [*command, "--gate", "broken"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert gate.returncode == 3, gate.stderr
    for metric in ("coverage may be worse", "citation_f1 may be worse", "adherence_strict is 0.000"):
        assert metric in gate.stderr


def broken_model(folder: Path) -> Path:
    """Merge the committed adapter, made twenty times as strong, into the base model."""
    settings = Settings()
    python = settings.engine_python
    base = ensure_embedded_model(settings.cache_dir, python=python, report=lambda _: None)
    shutil.copytree(ADAPTER, folder / "adapter")
    subprocess.run([str(python), "-c", STRENGTHEN, str(folder / "adapter")], check=True)
    merger = ROOT / "serve" / "merge_adapter.py"
    subprocess.run(
        [str(python), "-P", str(merger), str(base), str(folder / "adapter"), str(folder / "broken")], check=True
    )
    return folder / "broken"
