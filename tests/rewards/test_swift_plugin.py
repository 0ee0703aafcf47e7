"""The plugin inside the pinned ms-swift: registered, called as the trainer calls, and moving in a real GRPO run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rewards import COMPONENTS, REWARDS
from tests.rewards.drafts import HONEST_EN, columns, row, value

pytestmark = pytest.mark.swift
ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "rewards" / "dao_swift_plugin.py"


@pytest.fixture(scope="module")
def orms() -> dict[str, Any]:
    from swift.rewards import orms
    from swift.utils import import_external_file

    import_external_file(str(PLUGIN))
    return orms


def test_every_reward_is_registered_under_its_name_with_a_class_of_its_own(orms: dict[str, Any]) -> None:
    from swift.rewards import ORM

    assert {reward.name for reward in REWARDS} <= set(orms)
    classes = [orms[reward.name] for reward in REWARDS]
    assert [cls.__name__ for cls in classes] == [reward.metric for reward in REWARDS]
    assert all(issubclass(cls, ORM) for cls in classes)


def test_the_trainer_s_own_function_gets_our_values(orms: dict[str, Any]) -> None:
    import torch
    from swift.rl_core.data import GRPOSample
    from swift.rl_core.grpo_algorithm import compute_rewards_per_func

    texts = [HONEST_EN, HONEST_EN.replace("338", "388"), "", HONEST_EN + " <!-- x -->"]
    samples = [
        GRPOSample.from_row(
            {
                "messages": [{"role": "user", "content": "Write."}, {"role": "assistant", "content": text}],
                "prompt_id": "p",
                "request_id": str(place),
                "finish_reason": "stop",
                **row(),
            }
        )
        for place, text in enumerate(texts)
    ]
    functions = [orms[reward.name](args=SimpleNamespace()) for reward in REWARDS]
    found = compute_rewards_per_func(
        samples,
        functions,
        [None] * len(functions),
        torch.device("cpu"),
        trainer_state=SimpleNamespace(global_step=1, max_steps=2),
    )
    assert not torch.isnan(found).any()
    for place, text in enumerate(texts):
        assert found[place, : len(COMPONENTS)].tolist() == [value(reward.name, text) for reward in COMPONENTS]


def test_a_row_without_a_column_fails_with_its_name(orms: dict[str, Any]) -> None:
    given: dict[str, Any] = {**columns(2), "messages": [[], []]}
    given["dao_brief_json"] = [given["dao_brief_json"][0], None]
    with pytest.raises(ValueError, match=r"row 1: the column 'dao_brief_json' is missing"):
        orms["data_citation"](args=None)([HONEST_EN, HONEST_EN], **given)


def test_equal_rewards_of_a_group_give_exactly_no_advantage(orms: dict[str, Any]) -> None:
    import torch
    from swift.rl_core.advantage import compute_advantages

    given = torch.tensor([[value("data_citation", HONEST_EN.replace("338", "388")), 0.4375]] * 6)
    weights = torch.tensor([5 / 16, 4 / 16])
    for scale in ("gdpo", "group"):
        advantages, rewards = compute_advantages(given, weights, 6, scale_rewards=scale)
        assert rewards.std() == 0
        assert advantages.abs().max() == 0


def test_the_plugin_imports_from_anywhere_and_before_the_project_is_installed(tmp_path: Path) -> None:
    code = "\n".join(
        (
            "import sys",
            f"sys.path[:] = [path for path in sys.path if path not in ('', {str(ROOT)!r})]",
            "from swift.utils import import_external_file",
            f"import_external_file({str(PLUGIN)!r})",
            "from swift.rewards import orms",
            "print('data_citation' in orms)",
        )
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.stdout.strip().endswith("True"), done.stderr[-2000:]


def _train(folder: Path, *, steps: int, rows: list[dict[str, Any]], rate: str, extra: tuple[str, ...] = ()) -> Any:
    from tests.rewards.tiny_model import write_tiny_model

    model = write_tiny_model(folder / "model")
    data = folder / "rows.jsonl"
    data.write_text("\n".join(json.dumps(one) for one in rows) + "\n", encoding="utf-8")
    names = [reward.name for reward in REWARDS if reward.name != "dao_total"]
    weights = [str(reward.sixteenths / 16) for reward in REWARDS if reward.name != "dao_total"]
    command = [
        sys.executable,
        "-m",
        "swift.cli.main",
        "rlhf",
        "--rlhf_type",
        "grpo",
        "--model",
        str(model),
        "--model_type",
        "qwen3",
        "--template",
        "chatml",
        "--dataset",
        str(data),
        "--external_plugins",
        str(PLUGIN),
        "--reward_funcs",
        *names,
        "--reward_weights",
        *weights,
        "--scale_rewards",
        "gdpo",
        "--num_generations",
        "8",
        "--per_device_train_batch_size",
        "8",
        "--max_steps",
        str(steps),
        "--max_completion_length",
        "12",
        "--tuner_type",
        "full",
        "--learning_rate",
        rate,
        "--torch_dtype",
        "float32",
        "--use_cpu",
        "true",
        "--use_vllm",
        "false",
        "--check_model",
        "false",
        "--dataloader_num_workers",
        "0",
        "--dataset_num_proc",
        "1",
        "--report_to",
        "none",
        "--logging_steps",
        "1",
        "--save_strategy",
        "no",
        "--log_completions",
        "true",
        "--output_dir",
        str(folder / "run"),
        "--add_version",
        "false",
        "--gradient_checkpointing",
        "false",
        "--beta",
        "0",
        "--temperature",
        "1.0",
        "--seed",
        "7",
        *extra,
    ]
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "OMP_NUM_THREADS": "2",
        "OMP_WAIT_POLICY": "PASSIVE",
        "DAO_REWARD_LOG": str(folder / "reasons.jsonl"),
    }
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)


def _motivation_row() -> dict[str, Any]:
    return {
        "messages": [{"role": "user", "content": "Write the motivation."}],
        **row(section="motivation", required=("E1", "E3", "E4", "E5", "E6")),
    }


def _history(folder: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "run" / "logging.jsonl").read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if "rewards/DataCitation/mean" in line]


def test_two_real_steps_log_rewards_that_differ_within_a_group(tmp_path: Path) -> None:
    done = _train(tmp_path, steps=2, rows=[_motivation_row()] * 4, rate="1e-3")
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    history = _history(tmp_path)
    assert len(history) == 2
    for reward in REWARDS[:-1]:
        assert f"rewards/{reward.metric}/mean" in history[0]
    assert all(line["rewards/DataCitation/std"] > 0 for line in history)
    assert all(line["rewards/ToneNeutrality/std"] > 0 for line in history)
    lines = (tmp_path / "reasons.rank0.jsonl").read_text(encoding="utf-8").splitlines()
    reasons = {code for line in lines for code, _ in json.loads(line)["reasons"]}
    assert {"tone", "unresolved"} <= reasons


def test_training_on_the_rewards_raises_them(tmp_path: Path) -> None:
    done = _train(tmp_path, steps=60, rows=[_motivation_row()] * 64, rate="1e-2")
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    means = [line["reward"] for line in _history(tmp_path)]
    assert sum(means[-10:]) / 10 > sum(means[:10]) / 10 + 0.1


def test_a_malformed_row_stops_the_run_before_the_model_is_loaded(tmp_path: Path) -> None:
    bad = {**_motivation_row(), "dao_section": "motivaton"}
    done = _train(tmp_path, steps=1, rows=[_motivation_row(), bad], rate="1e-3")
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "rows.jsonl:2: the column 'dao_section' is malformed" in said
    assert "did you mean 'motivation'" in said
    assert "train_dataset" not in said
