"""The default model: our adapter as it is committed, refused when it is not, and merged into the base once."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from proposal.errors import IntegrityError
from serve.aligned_model import ADAPTER, HASHES, WEIGHTS, adapter_digest, ensure_aligned_model
from serve.model_files import MANIFEST, verify_model_files
from serve.settings import Settings

MERGER = Path(__file__).parents[2] / "serve" / "merge_adapter.py"

COMPARE = """
import json, sys
from pathlib import Path
from safetensors import safe_open
base, adapter, merged = map(Path, sys.argv[1:])
config = json.loads((adapter / "adapter_config.json").read_text())
name = "model.layers.3.mlp.down_proj"
def read(folder, file, key):
    with safe_open(folder / file, "pt") as tensors:
        return tensors.get_tensor(key).float()
prefix = f"base_model.model.{name}"
a = read(adapter, "adapter_model.safetensors", f"{prefix}.lora_A.weight")
b = read(adapter, "adapter_model.safetensors", f"{prefix}.lora_B.weight")
before, after = (read(folder, "model.safetensors", f"{name}.weight") for folder in (base, merged))
expected = before + config["lora_alpha"] / config["r"] * b @ a
assert (after - before).abs().max() > 1e-4, "the merge changed nothing"
assert (after - expected).abs().max() < 1e-5, "the merge is not base + alpha / r * B A"
"""

BREAK = """
import sys
from pathlib import Path
from safetensors.torch import load_file, save_file
file = Path(sys.argv[1]) / "adapter_model.safetensors"
tensors = load_file(file)
first = next(iter(tensors))
tensors[first][0, 0] = float("nan")
save_file(tensors, file)
"""


def quiet(_: str) -> None:
    """Stand where progress is not looked at."""


def test_the_committed_adapter_is_small_whole_and_names_no_machine() -> None:
    assert adapter_digest(ADAPTER) == json.loads((ADAPTER / HASHES).read_text())["sha256"][WEIGHTS]
    assert sum(file.stat().st_size for file in ADAPTER.iterdir()) <= 20_000_000
    card = (ADAPTER / "README.md").read_text(encoding="utf-8")
    record = json.loads((ADAPTER / "record.json").read_text(encoding="utf-8"))
    assert record["base_licence"] == "apache-2.0"
    assert record["data"][0]["sha256"] in json.dumps(record)
    for text in (card, json.dumps(record), (ADAPTER / "adapter_config.json").read_text(encoding="utf-8")):
        assert not re.search(r"/(root|home|work|tmp|Users)/", text)


@pytest.mark.parametrize("damage", ["changed", "no manifest", "no weights"])
def test_an_adapter_that_is_not_the_committed_one_is_refused(tmp_path: Path, damage: str) -> None:
    adapter = tmp_path / "adapter"
    shutil.copytree(ADAPTER, adapter)
    if damage == "changed":
        data = bytearray((adapter / WEIGHTS).read_bytes())
        data[-1] ^= 1
        (adapter / WEIGHTS).write_bytes(data)
    else:
        (adapter / (HASHES if damage == "no manifest" else WEIGHTS)).unlink()
    with pytest.raises(IntegrityError) as caught:
        ensure_aligned_model(tmp_path, python=Path("unused"), report=quiet, adapter=adapter)
    assert str(adapter) in str(caught.value)
    assert not (tmp_path / "models").exists()


@pytest.mark.model
def test_the_adapter_is_merged_into_the_base_once_and_exactly() -> None:
    settings = Settings()
    python, told = settings.engine_python, list[str]()
    folder = ensure_aligned_model(settings.cache_dir, python=python, report=told.append)
    verify_model_files(folder, full=True)
    source = json.loads((folder / MANIFEST).read_text())["source"]
    base = settings.cache_dir / "models" / source["base"]
    subprocess.run([str(python), "-c", COMPARE, str(base), str(ADAPTER), str(folder)], check=True)
    told.clear()
    assert ensure_aligned_model(settings.cache_dir, python=python, report=told.append) == folder
    assert told == []


@pytest.mark.model
def test_an_adapter_with_a_value_that_is_not_finite_is_not_merged(tmp_path: Path) -> None:
    settings = Settings()
    python = settings.engine_python
    folder = ensure_aligned_model(settings.cache_dir, python=python, report=quiet)
    base = settings.cache_dir / "models" / json.loads((folder / MANIFEST).read_text())["source"]["base"]
    adapter = tmp_path / "adapter"
    shutil.copytree(ADAPTER, adapter)
    subprocess.run([str(python), "-c", BREAK, str(adapter)], check=True)
    command = [str(python), "-P", str(MERGER), str(base), str(adapter), str(tmp_path / "merged")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "not finite" in done.stderr
    assert not (tmp_path / "merged").exists()
