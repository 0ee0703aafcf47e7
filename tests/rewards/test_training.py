"""Reward columns as a trainer asks for them, without a trainer."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rewards import COMPONENTS, REWARDS
from rewards.composition import SIXTEENTHS, geometric, reference_configuration, stage_at, weighted
from rewards.training import check_command_line, check_rows, log_path, reward_column, stages_of
from tests.rewards.drafts import HONEST_EN, columns, row, value

BATCH = [HONEST_EN, "", HONEST_EN.replace("338", "388")]
CITATION = COMPONENTS[0]


def column(batch: list[Any], **changes: Any) -> list[float]:
    return reward_column(CITATION, batch, {**columns(len(batch)), **changes})


def test_each_completion_gets_the_value_of_its_own_row() -> None:
    assert column(BATCH) == [value("data_citation", text) for text in BATCH]


@pytest.mark.parametrize("reward", REWARDS, ids=lambda reward: reward.name)
def test_every_completion_of_a_batch_gets_a_number(reward: Any) -> None:
    odd = ["", "\x00", None, 3, [{"type": "text", "text": HONEST_EN}], "[E1]" * 5000, "�" * 300]
    found = reward_column(reward, odd, columns(len(odd)))
    assert [type(number) for number in found] == [float] * len(odd)


def test_a_turn_of_parts_is_read_as_its_text() -> None:
    assert column([[{"type": "text", "text": HONEST_EN}, {"type": "image"}]]) == [1.0]


@pytest.mark.parametrize("name", ["dao_evidence_json", "dao_brief_json", "dao_template", "dao_section", "dao_required"])
def test_a_missing_column_is_named(name: str) -> None:
    given = columns(1)
    del given[name]
    with pytest.raises(ValueError, match=name):
        reward_column(CITATION, [HONEST_EN], given)


def test_a_misspelled_column_is_suggested() -> None:
    given = columns(1)
    given["dao_evidence"] = given.pop("dao_evidence_json")
    with pytest.raises(ValueError, match="rename 'dao_evidence'"):
        reward_column(CITATION, [HONEST_EN], given)


def test_a_cell_that_is_missing_in_one_row_is_named_with_the_row() -> None:
    given = columns(3)
    given["dao_brief_json"] = [given["dao_brief_json"][0], None, given["dao_brief_json"][0]]
    with pytest.raises(ValueError, match=r"row 1: the column 'dao_brief_json' is missing"):
        reward_column(CITATION, BATCH, given)


def test_a_column_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="2 values for 3 completions"):
        column(BATCH, dao_section=["", ""])


@pytest.mark.parametrize("told", [{"is_truncated": [True]}, {"finish_reason": ["length"]}])
def test_a_truncated_completion_gets_nothing(told: dict[str, Any]) -> None:
    assert column([HONEST_EN], **told) == [0.0]
    assert column([HONEST_EN], is_truncated=[False], finish_reason=["stop"]) == [1.0]


def test_the_stages_of_a_run_soften_its_gates_at_the_beginning_only() -> None:
    hidden = HONEST_EN + " <!-- note -->"
    for step, expected in ((0, 0.5), (14, 0.5), (15, 0.0), (99, 0.0)):
        state = SimpleNamespace(global_step=step, max_steps=100)
        given = {**columns(1), "trainer_state": state}
        assert reward_column(CITATION, [hidden], given, stages="run") == [expected]


def test_a_multi_turn_rollout_may_name_the_section_of_its_last_turn() -> None:
    infos = [{"dao_section": "risks", "dao_required": "[]"}, {}]
    text = "The fee for creators stays as it is. Linked wallets could claim the rebate."
    first, second = reward_column(CITATION, [text, text], {**columns(2), "rollout_infos": infos})
    assert first > second == 0.0


def test_the_sidecar_keeps_the_reasons(tmp_path: Path) -> None:
    path = log_path(str(tmp_path / "runs" / "reasons.jsonl"), "3")
    assert path is not None
    assert path.name == "reasons.rank3.jsonl"
    state = SimpleNamespace(global_step=5, max_steps=10)
    for reward in REWARDS:
        reward_column(reward, BATCH, {**columns(3), "trainer_state": state, "request_id": ["a", "b", "c"]}, log=path)
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == len(COMPONENTS) * 3
    wrong = next(line for line in lines if line["reward"] == "data_citation" and line["id"] == "c")
    assert wrong["step"] == 5
    assert ["invented", "no evidence states “388 creators”"] in wrong["reasons"]


def test_a_sidecar_that_cannot_be_written_fails_before_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="DAO_REWARD_LOG"):
        log_path(str(tmp_path / "file" / "reasons.jsonl"), None)


def test_an_unknown_stage_is_refused() -> None:
    with pytest.raises(ValueError, match="DAO_REWARD_STAGES"):
        stages_of("soft")


def test_rows_named_on_the_command_line_are_checked_before_a_model_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row()) + "\n" + json.dumps({**row(), "dao_required": "[1]"}) + "\n", encoding="utf-8")
    check_command_line(["--dataset", str(path)])
    with pytest.raises(ValueError, match=r"rows\.jsonl:2: the column 'dao_required'"):
        check_command_line(["--dataset", f"{path}#100", "--reward_funcs", "data_citation"])
    path.write_text(json.dumps(row()) + "\n\n", encoding="utf-8")
    assert check_rows(path) == 1


# --- composition ----------------------------------------------------------------------------------------------------


def test_weights_are_sixteenths_that_add_up_to_one() -> None:
    assert sum(SIXTEENTHS.values()) == 16
    assert sum(reward.sixteenths for reward in REWARDS) == 16


@pytest.mark.parametrize("stage", ["early", "middle", "late"])
def test_the_total_of_full_marks_is_one_in_every_stage(stage: Any) -> None:
    assert geometric(dict.fromkeys(SIXTEENTHS, 1.0), stage=stage) == 1.0
    assert weighted(dict.fromkeys(SIXTEENTHS, 1.0), stage=stage) == 1.0


def test_a_component_near_zero_cannot_be_bought_back() -> None:
    bad = {**dict.fromkeys(SIXTEENTHS, 1.0), "data_citation": 0.0}
    assert geometric(bad) < 0.25 < weighted(bad)


def test_stages_follow_the_step() -> None:
    assert [stage_at(step, 100) for step in (0, 14, 15, 59, 60, 100)] == [
        "early",
        "early",
        "middle",
        "middle",
        "late",
        "late",
    ]
    assert stage_at(5, 0) == "late"


def test_the_reference_configuration_names_every_reward_with_its_weight() -> None:
    found = reference_configuration()
    assert len(found["reward_funcs"]) == len(found["reward_weights"])  # type: ignore[arg-type]
    assert sum(found["reward_weights"]) == 1.0  # type: ignore[call-overload]
    assert found["num_generations"] == 8
