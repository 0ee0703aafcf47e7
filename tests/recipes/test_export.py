"""After training: what is merged, quantised, written as ONNX or laid out is the model that was trained."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from recipes import export
from recipes.compress import quantised_bytes
from recipes.estimates import GIB
from recipes.model_shape import read_shape
from recipes.publish import layout_problems
from recipes.records import finish_run, start_run
from tests.recipes.builders import a_recipe, loaded
from tests.recipes.conftest import Lab
from tests.recipes.test_estimates import QWEN3_8B

NOW = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)


def a_record(tmp_path: Path, *, card: str = "") -> Path:
    """Finish a run whose checkpoint names paths of this machine, and return its folder."""
    recipe = loaded(a_recipe(tmp_path))
    if card:
        (tmp_path / "model" / "README.md").write_text(card, encoding="utf-8")
    versions = {"ms-swift": "4.6.0", "python": "3.11.7", "torch": "2.13.0", "transformers": "5.19.0"}
    manifest = start_run(recipe, ["swift"], versions=versions, now=NOW)
    saved = tmp_path / "run" / "checkpoint-2"
    saved.mkdir(parents=True)
    files = {
        "adapter_config.json": json.dumps({"base_model_name_or_path": str(tmp_path / "model")}),
        "trainer_state.json": json.dumps({"global_step": 2}),
        "args.json": json.dumps({"model": str(tmp_path / "model")}),
    }
    for name, text in files.items():
        (saved / name).write_text(text, encoding="utf-8")
    (saved / "adapter_model.safetensors").write_bytes(b"weights")
    (saved / "optimizer.pt").write_bytes(b"states")
    (tmp_path / "run" / "logging.jsonl").write_text('{"loss": 1.5}\n', encoding="utf-8")
    assert finish_run(recipe, manifest, exit_code=0, now=NOW) is not None
    return tmp_path / "run"


def a_checkpoint(folder: Path, **config: Any) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"hidden_size": 64, **config}), encoding="utf-8")
    return folder


def test_a_layout_with_an_evaluation_says_in_its_card_what_was_measured(tmp_path: Path) -> None:
    estimates = {
        "raw": {"coverage": {"mean": 0.25, "low": 0.1, "high": 0.4, "items": 60}, "blocked": None},
        "SFT": {"coverage": {"mean": 0.75, "low": 0.6, "high": 0.9, "items": 60}, "blocked": None},
    }
    report = tmp_path / "report.json"
    data = {"form": "dao-agent-draftbench/1", "about": {"items": "ids, seed 7"},
            "comparison": {"items": 60, "estimates": estimates}}  # fmt: skip
    report.write_text(json.dumps(data), encoding="utf-8")
    words = ["--licence", "apache-2.0", "--evaluation", str(report)]
    run = str(a_record(tmp_path))
    assert export.main(["layout", run, "--out", str(tmp_path / "hub"), *words]) == 0
    card = (tmp_path / "hub" / "README.md").read_text(encoding="utf-8")
    assert "| coverage | 0.250 (0.100–0.400) | 0.750 (0.600–0.900) |" in card
    assert "| blocked | – | – |" in card
    report.write_text("{}", encoding="utf-8")
    assert export.main(["layout", run, "--out", str(tmp_path / "other"), *words]) == 2


def test_a_layout_is_whole_and_names_nothing_of_this_machine(tmp_path: Path) -> None:
    run, out = a_record(tmp_path), tmp_path / "hub"
    assert export.main(["layout", str(run), "--out", str(out), "--licence", "apache-2.0"]) == 0
    names = {"README.md", "adapter_config.json", "adapter_model.safetensors", "manifest.json", "record.json"}
    assert {file.name for file in out.iterdir()} == names
    assert str(tmp_path) not in "".join(file.read_text(encoding="utf-8") for file in out.iterdir())
    assert json.loads((out / "adapter_config.json").read_text())["base_model_name_or_path"] == "model"
    assert list(layout_problems(out)) == []


def test_a_licence_that_nobody_stated_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export.main(["layout", str(a_record(tmp_path)), "--out", str(tmp_path / "hub")]) == 2
    assert "states no licence" in capsys.readouterr().err


def test_the_licence_of_the_base_model_is_taken_from_its_card(tmp_path: Path) -> None:
    run, out = a_record(tmp_path, card="---\nlicense: mit\n---\n# Model\n"), tmp_path / "hub"
    assert export.main(["layout", str(run), "--out", str(out)]) == 0
    assert "\nlicense: mit\n" in (out / "README.md").read_text(encoding="utf-8")


def test_files_that_may_hold_code_are_named(tmp_path: Path) -> None:
    out = tmp_path / "hub"
    assert export.main(["layout", str(a_record(tmp_path)), "--out", str(out), "--licence", "mit"]) == 0
    (out / "optimizer.pt").write_bytes(b"")
    assert [problem.message for problem in layout_problems(out)] == ["may hold code, which a hub's users must not load"]


@pytest.mark.parametrize(
    ("config", "words", "said"),
    [
        ({}, ["--group-size", "128"], "128 does not divide 64"),
        ({"num_hidden_layers": 2}, ["--method", "gptq", "--group-size", "64"], "gptq needs 10 layers"),
        ({"num_hidden_layers": 12}, ["--method", "gptq", "--group-size", "64"], "measures on rows"),
    ],
)
def test_what_a_method_cannot_do_is_said_before_a_model_is_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], config: Any, words: list[str], said: str
) -> None:
    source = a_checkpoint(tmp_path / "model", **config)
    assert export.main(["quantise", str(source), "--out", str(tmp_path / "out"), *words]) == 2
    assert said in capsys.readouterr().err


def test_an_adapter_is_merged_before_it_is_quantised(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export.main(["quantise", str(a_record(tmp_path)), "--out", str(tmp_path / "out")]) == 2
    assert "merge the adapter first" in capsys.readouterr().err


def test_a_folder_with_something_in_it_is_never_written_over(tmp_path: Path) -> None:
    run = a_record(tmp_path)
    assert export.main(["layout", str(run), "--out", str(tmp_path / "model")]) == 2


def test_eight_billion_parameters_in_four_bit_take_about_six_gigabytes() -> None:
    assert quantised_bytes(read_shape(QWEN3_8B), 128) / 1e9 == pytest.approx(6.07, abs=0.01)
    assert quantised_bytes(read_shape(QWEN3_8B), 128) < 6 * GIB


# --- with real ms-swift, compressed-tensors and onnxruntime -----------------------------------------------------------


@pytest.fixture(scope="module")
def merged(lab: Lab) -> Path:
    """Train three steps and merge the adapter."""
    done = lab.launch("sft", "smoke_sft.yaml", "to-export", "learning_rate=0.02")
    assert done.returncode == 0, done.stderr[-2000:]
    out = lab.folder / "merged"
    assert export.main(["merge", str(lab.folder / "to-export"), "--out", str(out)]) == 0
    return out


def logits(model: Any) -> Any:
    import torch

    with torch.no_grad():
        return model.eval()(torch.arange(3, 40)[None]).logits.float()


def opened(folder: Path) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


@pytest.mark.swift
def test_the_merged_model_is_base_and_adapter_together(lab: Lab, merged: Path) -> None:
    from peft import PeftModel

    base = logits(opened(lab.model))
    adapted = logits(PeftModel.from_pretrained(opened(lab.model), lab.folder / "to-export" / "checkpoint-3"))
    assert (adapted - base).abs().max() > 1e-3, "the adapter does something"
    assert (logits(opened(merged)) - adapted).abs().max() < 1e-5
    record = json.loads((merged / "record.json").read_text(encoding="utf-8"))
    assert (record["kind"], record["steps"][0]["step"]) == ("merged model", "merge")


@pytest.mark.swift
def test_the_quantised_model_is_smaller_and_nearly_the_same(merged: Path, tmp_path: Path) -> None:
    from recipes.compress import compress

    found = compress(merged, tmp_path / "w4", 32)
    assert found["layers"] == 14
    assert found["bytes"] < found["bytes_before"]
    assert found["kl_divergence_a_token"] < 0.02
    before, after = (logits(opened(folder)).softmax(-1) for folder in (merged, tmp_path / "w4"))
    assert (before - after).abs().sum(-1).mean() < 0.2
    config = json.loads((tmp_path / "w4" / "config.json").read_text(encoding="utf-8"))["quantization_config"]
    assert (config["quant_method"], config["format"]) == ("compressed-tensors", "pack-quantized")


@pytest.mark.swift
def test_the_onnx_graph_gives_the_logits_of_torch(merged: Path, tmp_path: Path) -> None:
    from recipes.onnx_graph import TOLERANCE, write

    found = write(merged, tmp_path / "onnx")
    assert found["largest_difference"] < TOLERANCE
    assert found["largest_logit"] > 100 * TOLERANCE
