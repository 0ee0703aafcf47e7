"""Every shipped configuration: loads, has the header a stranger needs, and passes what can be checked here."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path

import pytest

from data_prep.build import build
from recipes.config_table import NOT_MEASURED, PAGE, method_of, page, read_header, recipe_files
from recipes.launch import describe
from recipes.preflight import OF_THE_RECIPE, check
from recipes.recipe import METHODS, Recipe, load_recipe
from recipes.smoke_rows import judged
from tests.recipes.builders import ROOT, SYSTEM, a_row, write_rows

CONFIGS = recipe_files()
PARTS = ("Needs", "Tested", "Expect", "If OOM")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a file of rows for each method: the cut of the examples, and stand-ins for what it has none of."""
    now = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
    cut = build([ROOT / "examples"], out=tmp_path_factory.mktemp("cuts"), name="examples", now=now)
    made = tmp_path_factory.mktemp("made")
    picture = made / "chart.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 24)
    chart = a_row(
        messages=[SYSTEM, {"role": "user", "content": "<image>Which way?"}, {"role": "assistant", "content": "Up."}]
    )
    with (cut / "dpo.jsonl").open(encoding="utf-8") as pairs:
        texts = list(judged(map(json.loads, pairs)))[:32]
    return {
        "cpt": write_rows(made / "cpt.jsonl", {"messages": [{"role": "assistant", "content": "A proposal."}]}),
        "sft_multimodal": write_rows(made / "charts.jsonl", {**chart, "images": [str(picture)]}),
        "kto": write_rows(made / "kto.jsonl", *texts),
        **{method: cut / f"{method}.jsonl" for method in ("sft", "dpo", "grpo")},
        "rm": cut / "dpo.jsonl",
    }


@pytest.fixture(autouse=True)
def _as_on_the_first_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NODE_RANK", "0")
    monkeypatch.setenv("MASTER_ADDR", "node-0")


def prepared(path: Path, rows: dict[str, Path], tmp_path: Path) -> Recipe:
    """Load a configuration with the data of this test, and a stand-in where its model lies on a disk."""
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    method = method_of(path)
    words = [f"dataset=[{rows[method.name]}]", f"output_dir={tmp_path / 'run'}"]
    made = load_recipe(path, method).values
    for key in ("model", "adapters", "ref_adapters"):  # what earlier steps make stands in by an empty folder
        if "runs/" in str(made.get(key, "")):
            words.append(f"{key}={tmp_path}")
    if "val_dataset" in made:  # other rows than the trained ones, or the preflight finds them
        watched = tmp_path / "watched.jsonl"
        last = rows[method.name].read_text(encoding="utf-8").splitlines(keepends=True)[-1]
        watched.write_text(last, encoding="utf-8")
        words.append(f"val_dataset=[{watched}]")
    if "chord_sft_dataset" in made:
        words.append(f"chord_sft_dataset=[{rows['sft']}]")
    return load_recipe(path, method, words)


@pytest.mark.parametrize("method", list(METHODS))
def test_each_method_has_a_smoke_tier_and_a_real_one(method: str) -> None:
    names = {path.stem for path in CONFIGS if method_of(path).name == method}
    assert f"smoke_{method}" in names
    assert len(names) > 1


@pytest.mark.parametrize(
    "purpose",
    [
        "embedded tier", "LoRA", "QLoRA", "GaLore", "8 k", "32 k", "64 k", "Ulysses", "ZeRO-2", "ZeRO-3", "CPU memory",
        "two nodes", "same process", "vLLM as a server", "RLOO", "DAPO", "Dr.GRPO", "GSPO", "GDPO", "CHORD", "ORPO",
        "SimPO", "chart, trend and action", "images and text packed", "one 24 GB GPU", "one 12 GB GPU", "one 16 GB GPU",
    ],
)  # fmt: skip
def test_each_purpose_has_a_configuration(purpose: str) -> None:
    assert any(purpose in read_header(path).title for path in CONFIGS)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_configuration_has_no_problem_once_its_inputs_are_there(
    path: Path, rows: dict[str, Path], tmp_path: Path
) -> None:
    recipe = prepared(path, rows, tmp_path)
    assert check(recipe, OF_THE_RECIPE) == []
    shown = describe(recipe)
    assert shown.startswith(f"command: swift {recipe.method.command} ")
    assert "strict: true" in shown


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_header_tells_a_stranger_everything(path: Path) -> None:
    header = re.match(r"(?:#.*\n)+", path.read_text(encoding="utf-8"))
    assert header is not None
    method = method_of(path)
    relative = path.relative_to(ROOT).as_posix()
    assert f"python recipes/{method.name}.py {relative}" in header[0]
    assert f"swift {method.command} {relative}" in header[0]
    read = read_header(path)
    assert all(read.fields.get(part) for part in PARTS)
    assert read.hardware
    assert read.purpose
    assert read.measured[1] != "–" or read.fields["Tested"].startswith("never run"), "a figure names machine and day"


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_configuration_has_what_its_tier_needs(path: Path) -> None:
    recipe = load_recipe(path, method_of(path))
    if recipe.truth("use_cpu"):
        assert recipe.values["torch_dtype"] == "float32"
        assert not any(recipe.truth(key, True) for key in ("fp16", "check_model", "gradient_checkpointing"))
        assert recipe.env["OMP_WAIT_POLICY"] == "PASSIVE"
        processes = int(recipe.env.get("NPROC_PER_NODE", 1))
        assert processes * int(recipe.env["OMP_NUM_THREADS"]) == 2, "two cores are used, and no more threads than that"
    else:
        assert recipe.values["torch_dtype"] == "bfloat16"
        small = "smollm" in str(recipe.values["model"])
        assert recipe.truth("gradient_checkpointing") != small, "only a small model leaves room for all activations"


@pytest.mark.parametrize("path", [path for path in CONFIGS if "smollm" in path.read_text(encoding="utf-8")], ids=str)
def test_the_embedded_tier_keeps_one_adapter_from_stage_to_stage(path: Path) -> None:
    """Stages go on with one adapter, so they agree on its shape; ms-swift takes a system turn of ChatML for granted."""
    recipe = load_recipe(path, method_of(path))
    kept = {key: recipe.values[key] for key in ("model_type", "template", "lora_rank", "lora_alpha", "target_modules")}
    assert kept == {"model_type": "llama", "template": "chatml", "lora_rank": 16, "lora_alpha": 32,
                    "target_modules": ["all-linear"]}  # fmt: skip
    assert not recipe.truth("save_only_model"), "a run of hours has to be resumable"
    assert not recipe.truth("create_checkpoint_symlink"), "without validation rows it ends in an error"


@pytest.mark.parametrize("path", [path for path in CONFIGS if "vl" in path.stem or "multimodal" in path.stem], ids=str)
def test_images_are_bounded_where_they_are_trained_as_where_they_are_made(path: Path) -> None:
    images = pytest.importorskip("data_prep.images", reason="no data_prep.images yet")
    budget = int(load_recipe(path, method_of(path)).env["IMAGE_MAX_TOKEN_NUM"])
    assert budget == images.PIXEL_BUDGET // 32**2


def test_the_page_is_what_the_headers_say() -> None:
    made = page()
    assert PAGE.read_text(encoding="utf-8") == made, "run python -m recipes.config_table"
    assert NOT_MEASURED in made
