"""Reading ms-swift's log while it grows, and drawing it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from proposal.errors import InputError
from recipes.curves import draw, panels
from recipes.progress import LogReader, PlainLines, Step, Throughput, curve, duration, facts, step_of


def a_line(number: int, **values: Any) -> dict[str, Any]:
    """Build a line of the log in the shape of ms-swift 4.6."""
    return {
        "loss": 2.0,
        "grad_norm": 0.5,
        "learning_rate": 0.001,
        "global_step/max_steps": f"{number}/10",
        "train_speed(s/it)": 3.0,
        **values,
    }


def test_a_step_has_what_was_logged_and_what_follows_from_it() -> None:
    step = step_of(a_line(4, **{"rewards/Brevity/mean": 0.25, "rewards/Brevity/std": 0.1, "reward": 0.7}))
    assert step is not None
    assert (step.number, step.total, step.seconds_left) == (4, 10, 18.0)
    assert dict(step.rewards) == {"Brevity": 0.25}
    assert ("left", "18 s") in facts(step, None)


def test_a_step_of_dpo_has_what_became_of_its_pairs() -> None:
    step = step_of(a_line(4, **{"rewards/chosen": -0.1, "rewards/rejected": -0.9, "rewards/accuracies": 1.0}))
    assert step is not None
    assert (dict(step.rewards), dict(step.pairs)) == ({}, {"chosen": -0.1, "rejected": -0.9, "accuracies": 1.0})
    assert panels([step])[1:3] == [
        ("implicit reward of a pair's texts", [("chosen", [4], [-0.1]), ("rejected", [4], [-0.9])]),
        ("share of pairs put right", [("accuracies", [4], [1.0])]),
    ]


@pytest.mark.parametrize("entry", [{}, {"train_runtime": 3, "global_step/max_steps": "3/3", "loss": 1}, {"loss": 1}])
def test_what_is_no_step_is_none(entry: dict[str, Any]) -> None:
    assert step_of(entry) is None


def test_a_log_is_read_as_it_grows_and_half_a_line_waits(tmp_path: Path) -> None:
    log = tmp_path / "logging.jsonl"
    reader = LogReader(log)
    assert reader.new() == []
    log.write_text('{"loss": 2.0}\n{"lo', encoding="utf-8")
    assert reader.new() == [{"loss": 2.0}]
    with log.open("a", encoding="utf-8") as file:
        file.write('ss": 1.0}\n')
    assert reader.new() == [{"loss": 1.0}]


def test_a_resumed_run_does_not_show_its_old_lines_again(tmp_path: Path) -> None:
    log = tmp_path / "logging.jsonl"
    log.write_text('{"loss": 2.0}\n', encoding="utf-8")
    assert LogReader(log, from_end=True).new() == []


def test_a_step_that_was_done_again_after_a_kill_counts_once() -> None:
    steps = curve([a_line(1), a_line(2, loss=9.0), a_line(2, loss=1.5), a_line(3), a_line(3, loss=None, eval_loss=1.0)])
    assert [(step.number, step.loss, step.eval_loss) for step in steps] == [
        (1, 2.0, None), (2, 1.5, None), (3, 2.0, None), (3, None, 1.0),
    ]  # fmt: skip


def test_tokens_a_second_are_those_between_two_steps() -> None:
    speed = Throughput()
    speed.add(Step(1, 10, tokens=1_000), 5.0)
    assert speed.value is None
    speed.add(Step(2, 10, tokens=3_000), 9.0)
    assert speed.value == 500


def test_plain_lines_are_few_and_the_last_one_is_always_there() -> None:
    stream = io.StringIO()
    lines = PlainLines(stream, every=1_000)
    for number in range(1, 11):
        lines.step(Step(number, 10, loss=1.0), None)
    assert stream.getvalue().splitlines() == ["step 1/10: loss 1.0000", "step 10/10: loss 1.0000"]


@pytest.mark.parametrize(("seconds", "said"), [(5, "5 s"), (600, "10 min"), (7_260, "2 h 1 min")])
def test_a_time_left_is_said_as_people_say_it(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_only_panels_with_values_are_drawn() -> None:
    steps = [Step(1, 2, loss=1.0, rewards={"A": 0.5}), Step(2, 2, loss=0.5, rewards={"A": 0.6, "B": 0.1})]
    assert panels(steps) == [
        ("loss", [("training", [1, 2], [1.0, 0.5])]),
        ("rewards, mean of each", [("A", [1, 2], [0.5, 0.6]), ("B", [2], [0.1])]),
    ]


@pytest.mark.slow
def test_the_curves_are_written_in_both_forms_and_the_same_each_time(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the data extra brings it")
    lines = [json.dumps(a_line(number, loss=3.0 / number)) for number in range(1, 11)]
    (tmp_path / "logging.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    svg, png = draw(tmp_path)
    first = svg.read_bytes()
    assert b"<svg" in first
    assert png.read_bytes().startswith(b"\x89PNG")
    assert draw(tmp_path)[0].read_bytes() == first


def test_a_run_without_a_step_has_no_curves(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no step to draw"):
        draw(tmp_path)
