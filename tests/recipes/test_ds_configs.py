"""DeepSpeed files: known keys, shared sizes left to the trainer, and DeepSpeed's own schema where it is installed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "ds_configs").glob("*.json"))
SHARED = (
    "train_batch_size",
    "train_micro_batch_size_per_gpu",
    "gradient_accumulation_steps",
    "gradient_clipping",
)


def read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def test_the_four_files_are_there() -> None:
    assert [path.stem for path in FILES] == ["zero2", "zero2_offload", "zero3", "zero3_offload"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_sizes_that_the_trainer_knows_are_stated_once(path: Path) -> None:
    data = read(path)
    assert {data[name] for name in SHARED} == {"auto"}
    assert {data["bf16"]["enabled"], data["fp16"]["enabled"]} == {"auto"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_does_what_its_name_says(path: Path) -> None:
    zero = read(path)["zero_optimization"]
    offloads = path.stem.endswith("_offload")
    assert zero["stage"] == int(path.stem[4])
    assert ("offload_optimizer" in zero) is offloads
    assert ("offload_param" in zero) is (offloads and zero["stage"] == 3)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_page_beside_them_names_every_file_and_key_of_ours(path: Path) -> None:
    page = (ROOT / "ds_configs" / "README.md").read_text(encoding="utf-8")
    assert path.name in page
    assert "overlap_comm" in page


@pytest.mark.swift
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_deepspeed_itself_reads_a_file_and_knows_every_key(path: Path) -> None:
    runtime = pytest.importorskip("deepspeed.runtime.config", reason="deepspeed is not installed")
    zero_config = pytest.importorskip("deepspeed.runtime.zero.config")
    data = read(path)
    parsed = zero_config.DeepSpeedZeroConfig(**data["zero_optimization"])
    assert parsed.stage == data["zero_optimization"]["stage"]
    sizes = {"train_batch_size": 2, "train_micro_batch_size_per_gpu": 1, "gradient_accumulation_steps": 2}
    plain = {
        **data,
        **sizes,
        "gradient_clipping": 1.0,
        "bf16": {"enabled": True},
        "fp16": {**data["fp16"], "enabled": False},
    }
    config = runtime.DeepSpeedConfig(plain)
    assert config.zero_optimization_stage == data["zero_optimization"]["stage"]
    assert config.bfloat16_config.enabled


@pytest.mark.swift
def test_a_misspelt_key_is_refused_by_deepspeeds_schema() -> None:
    zero_config = pytest.importorskip("deepspeed.runtime.zero.config", reason="no deepspeed")
    with pytest.raises(ValueError, match="overlap_com"):
        zero_config.DeepSpeedZeroConfig(stage=2, overlap_com=True)
