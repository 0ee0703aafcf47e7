"""`dao-agent reward`: lint, explain, replay, diff, fuzz, bench."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import rewards
from rewards import COMPONENTS, analyse
from rewards.cli import reward_app
from rewards.explain import to_html, to_text
from rewards.fuzzing import fuzz, texts
from rewards.replaying import advice, correlation, groups_of, rank_correlation, read_log, report
from tests.rewards.drafts import EVIDENCE, EXAMPLE, HONEST_EN, REQUIRED, WHOLE_EN, row, task, values

ALL = tuple(EVIDENCE)
PROMPT = "Write the proposal from " + " ".join(EVIDENCE)


def good_row(**choices: Any) -> dict[str, Any]:
    turns = [{"role": "user", "content": PROMPT}, {"role": "assistant", "content": WHOLE_EN}]
    return {"messages": turns, **row(required=ALL, **choices)}


def write_rows(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    return path


def run(*arguments: object) -> Any:
    return CliRunner().invoke(reward_app, [str(argument) for argument in arguments])


def problems(*arguments: object) -> list[dict[str, Any]]:
    return list(json.loads(run("lint", *arguments, "--json").stdout)["problems"])


# --- lint -----------------------------------------------------------------------------------------------------------


def test_lint_finds_nothing_wrong_with_good_rows(tmp_path: Path) -> None:
    errors = [one for one in problems(write_rows(tmp_path, good_row())) if one["strength"] == "error"]
    assert errors == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dao_evidence_json": None}, "the column 'dao_evidence_json' is missing"),
        ({"dao_section": "motivaton"}, "has no section 'motivaton'"),
        ({"dao_section": "voting"}, "written by the server"),
        ({"messages": "Write."}, "'messages' is not a list of turns"),
        ({"messages": [{"role": "user", "content": "Write."}]}, "required evidence is not in the prompt: E1"),
        ({"solution": "x"}, "ms-swift renames or fills the column 'solution'"),
        ({"messages": [{"role": "user", "content": PROMPT}, {"role": "assistant", "content": "Fine."}]}, "earns only"),
    ],
)
def test_lint_names_what_is_wrong_with_a_row(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    found = problems(write_rows(tmp_path, {**good_row(), **change}))
    assert any(message in one["message"] for one in found), found


def test_lint_counts_repeated_rows_and_reports_several_problems_at_once(tmp_path: Path) -> None:
    found = problems(write_rows(tmp_path, good_row(), good_row(), {**good_row(), "dao_required": "[1]"}))
    assert any("1 rows repeat" in one["message"] for one in found)
    assert any("dao_required" in one["message"] and one["where"].endswith(":3") for one in found)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("reward_funcs: [data_citaton]\n", "there is no reward 'data_citaton'"),
        ("reward_funcs: [data_citation]\nreward_weights: [0.3]\n", "0.3 is no multiple of 1/16"),
        ("reward_funcs: [data_citation]\nreward_weights: [0.5, 0.5]\n", "2 reward_weights for 1 reward_funcs"),
        ("scale_rewards: gdpo\nnum_generations: 6\n", "6 is no power of two"),
        ("reward_funcs: [data_citation]\n", "external_plugins does not name the plugin"),
        ("max_completion_length: 64\n", "max_completion_length is 64"),
        ("strict: false\n", "drops bad rows silently"),
    ],
)
def test_lint_reads_the_configuration_too(tmp_path: Path, settings: str, message: str) -> None:
    config = tmp_path / "grpo.yaml"
    config.write_text(settings, encoding="utf-8")
    found = problems(write_rows(tmp_path, good_row()), "--config", config)
    assert any(message in one["message"] for one in found), found


# --- explain --------------------------------------------------------------------------------------------------------


BAD = WHOLE_EN.replace("{{E6.spent}}", "35,000 USDC") + "\nObviously, the <b>turnout</b> was 71.4% [E5] [E99].\n"


def test_explain_tells_what_each_figure_rests_on() -> None:
    told = to_text(analyse(BAD, task(required=ALL)))
    assert "✗ 35,000 USDC: stated nowhere" in told
    assert "✓ 401,000 USDC: stated by the evidence cited here (E1.sales_q3)" in told
    assert "· 45,000 USDC: a figure of the brief (P.budget_total)" in told
    assert "no evidence states “35,000 USDC”" in told


def test_a_right_figure_of_something_else_is_no_tick() -> None:
    told = to_text(analyse(HONEST_EN.replace("a turnout of 18.9%", "a turnout of 71.4%"), task(required=REQUIRED)))
    assert "✗ The vote on the spring rebate had a turnout of 71.4% [E5]." in told
    assert "✗ 71.4%: stated by the evidence cited here (E5.share_for); it stands for something else" in told


class _Page(HTMLParser):
    """Collects what a browser would build: tags, and whether they are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_escaped_and_self_contained() -> None:
    hostile = BAD + "\n<script>alert(1)</script> & “quoted” [E1]\n"
    page = to_html(analyse(hostile, task(required=ALL)), title="A <title>")
    parser = _Page()
    parser.feed(page)
    assert parser.open == []
    assert not parser.tags & {"script", "b", "img", "link", "iframe"}
    assert "src=" not in page
    assert "Weighted sum" in page
    assert "stated nowhere" in page


@pytest.mark.parametrize("name", ["creator-rebate", "grants-round", "risk-parameters"])
def test_the_samples_can_be_explained(name: str, tmp_path: Path) -> None:
    folder = EXAMPLE.parent / name
    draft = tmp_path / "draft.md"
    draft.write_text(WHOLE_EN, encoding="utf-8")
    done = run(
        "explain",
        draft,
        "--brief",
        folder / "brief.yaml",
        "--evidence",
        folder / "evidence.yaml",
        "--html",
        tmp_path / "why.html",
    )
    assert done.exit_code == 0, done.output
    assert "<table>" in (tmp_path / "why.html").read_text(encoding="utf-8")


def test_explain_as_json_gives_the_values_of_the_library(tmp_path: Path) -> None:
    done = run("explain", "--row", write_rows(tmp_path, good_row()), "--json")
    assert {
        name: value
        for name, value in json.loads(done.stdout)["values"].items()
        if name in {reward.name for reward in COMPONENTS}
    } == values(WHOLE_EN, required=ALL)


# --- replay and diff ------------------------------------------------------------------------------------------------


def log_lines(steps: int = 4) -> list[dict[str, Any]]:
    """Return a log as ms-swift writes it: a table per step, each key a list."""
    lines = []
    for step in range(steps):
        good = min(8, 2 + 2 * step)
        texts_of_step = [HONEST_EN] * good + [HONEST_EN.replace("338", "388")] * (8 - good)
        lines.append(
            {
                "step": [str(step)] * 8,
                "prompt": [f"<|im_start|>user\n{PROMPT}<|im_end|>\n"] * 8,
                "completion": texts_of_step,
                "DataCitation": [values(text, required=ALL)["data_citation"] for text in texts_of_step],
                "ToneNeutrality": [1.0] * 8,
                "advantages": [0.0] * 8,
            }
        )
    return lines


def write_log(path: Path, lines: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def test_replay_measures_spread_saturation_and_drift(tmp_path: Path) -> None:
    logged = read_log(write_log(tmp_path / "completions.jsonl", log_lines()))
    assert len(groups_of(logged)) == 4
    found = {one.metric: one for one in report(logged)}
    assert found["DataCitation"].last > found["DataCitation"].first
    assert found["DataCitation"].group_spread > 0
    assert found["DataCitation"].flat_groups == 0.25
    assert found["ToneNeutrality"].saturated == 1.0
    assert any("ToneNeutrality is full" in line for line in advice(list(found.values())))


def test_replay_scores_again_and_diff_compares(tmp_path: Path) -> None:
    log = write_log(tmp_path / "completions.jsonl", log_lines())
    done = run("replay", log, "--rows", write_rows(tmp_path, good_row()), "--out", tmp_path / "now.jsonl")
    assert done.exit_code == 0, done.output
    assert "changed since the run" not in done.stdout
    same = run("diff", log, tmp_path / "now.jsonl", "--json")
    shared = json.loads(same.stdout)["components"]
    assert [one["rank_correlation"] for one in shared if one["metric"] == "DataCitation"] == [1.0]
    older = log_lines()
    for line in older:
        line["DataCitation"] = [1 - value for value in line["DataCitation"]]
    changed = run("replay", write_log(tmp_path / "old.jsonl", older), "--rows", tmp_path / "rows.jsonl")
    assert "changed since the run: DataCitation" in changed.stdout


def test_what_a_run_cut_off_is_not_taken_for_a_change_of_the_rewards(tmp_path: Path) -> None:
    lines = log_lines()
    for line in lines:
        line["DataCitation"][0] = line["ToneNeutrality"][0] = 0.0  # as the trainer logs a text without its end
    log = write_log(tmp_path / "completions.jsonl", lines)
    done = run("replay", log, "--rows", write_rows(tmp_path, good_row()))
    assert f"left out of the comparison: {len(lines)} completions" in done.stdout
    assert "changed since the run" not in done.stdout


def test_a_run_whose_texts_no_longer_end_is_told_why_its_rewards_fall(tmp_path: Path) -> None:
    lines = log_lines(20)
    for line in lines[-4:]:
        line["DataCitation"] = line["ToneNeutrality"] = [0.0] * 8
    done = run("replay", write_log(tmp_path / "completions.jsonl", lines))
    assert "100% of the last completions have 0 from every reward, 0% of the first" in done.stdout
    assert "overlong_filter" in done.stdout
    assert "from every reward" not in run("replay", write_log(tmp_path / "good.jsonl", log_lines(20))).stdout


def test_a_fall_is_told_only_where_there_is_more_than_chance(tmp_path: Path) -> None:
    few, many = log_lines(2), log_lines(40)
    for line in (*few, *many):
        line["ToneNeutrality"] = [0.9, 1.0] * 4
    for line in (few[-1], *many[-8:]):
        line["ToneNeutrality"] = [0.8, 0.9] * 4
    told = [any("ToneNeutrality falls" in line for line in advice(report(read_log(write_log(tmp_path / name, lines)))))
            for name, lines in (("few.jsonl", few), ("many.jsonl", many))]  # fmt: skip
    assert told == [False, True]


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "holds no completions"), ("{", "not valid JSON"), ('{"step": 1}', "has no key 'completion'")],
)
def test_a_log_that_is_none_is_refused(tmp_path: Path, content: str, message: str) -> None:
    from proposal.errors import InputError

    path = tmp_path / "completions.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_log(path)


def test_rank_correlation_by_hand() -> None:
    assert rank_correlation([1, 2, 3, 4], [4, 3, 2, 1]) == -1.0
    assert rank_correlation([1, 1, 1], [1, 2, 3]) == 0.0
    assert correlation([1.0], [2.0]) == 0.0


# --- fuzz and bench -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_two_hundred_fuzzed_texts_break_no_promise() -> None:
    assert fuzz(task(), count=200, seed=1, honest=[HONEST_EN, WHOLE_EN]) == []


def test_the_fuzzer_repeats_itself_with_the_same_seed() -> None:
    assert list(texts(20, 4, [HONEST_EN])) == list(texts(20, 4, [HONEST_EN]))


def test_the_fuzzer_reports_a_reward_that_breaks_its_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    from rewards.score import Score

    broken = [type(COMPONENTS[0])("odd", "Odd", 0, lambda analysis: Score(len(analysis.text) / 7))]
    rewards.forget()
    monkeypatch.setattr(rewards, "REWARDS", broken)
    assert fuzz(task(), count=20, seed=1)


@pytest.mark.slow
def test_bench_prints_every_figure_with_what_was_wanted(tmp_path: Path) -> None:
    done = run("bench", write_rows(tmp_path, good_row()), "--step-seconds", "30")
    assert done.exit_code == 0, done.output
    assert done.stdout.count("(wanted") == 5
    assert "share of a GRPO step of 30 s" in done.stdout
