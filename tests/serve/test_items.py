"""Drafting many items: each line of drafting does what its name says, and an interrupted run goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from data_prep.bench_zh import made_items
from data_prep.draftbench import BenchItem, ItemDraft, bench_items
from proposal.errors import ConflictError, InputError, UpstreamError
from recipes.draftbench.metrics import score_draft
from serve.items import draft_items
from serve.settings import Settings
from tests.data_prep.test_draftbench import inverted
from tests.serve.scripted_endpoint import ScriptedEndpoint

LOADED = "The rebate is a no-brainer that guarantees risk-free returns to all creators in the markets of this season."
PLAIN = "The rebate keeps the fee of the markets as it is and gives creators a report at the end of each month."


def items(count: int = 3) -> list[BenchItem]:
    return list(bench_items(inverted(count), seed=7))


def settings(url: str, **changes: Any) -> Settings:
    return Settings(model_url=url, model_timeout=30, **changes)


def drafted(out: Path) -> list[ItemDraft]:
    return [ItemDraft.model_validate(json.loads(row)) for row in out.read_text(encoding="utf-8").splitlines()]


def run(endpoint: ScriptedEndpoint, out: Path, line: str, **changes: Any) -> list[ItemDraft]:
    draft_items(
        items(), out, line=line, settings=settings(endpoint.url, **changes), parallel=2, on_draft=lambda *_: None
    )
    return drafted(out)


def model_text(entry: ItemDraft) -> str:
    return " ".join(section.text for section in entry.draft.sections if section.writer == "model")


@pytest.mark.slow
def test_each_line_adds_a_stage(tmp_path: Path) -> None:
    with ScriptedEndpoint(lambda _: LOADED) as endpoint:
        texts = {line: model_text(run(endpoint, tmp_path / f"{line}.jsonl", line)[0]) for line in ("raw", "grammar")}
        asked = [("response_format" in body) for body in endpoint.requests]
        texts["screened"] = model_text(run(endpoint, tmp_path / "screened.jsonl", "screened")[0])
        texts["full"] = model_text(run(endpoint, tmp_path / "full.jsonl", "full")[0])
    assert asked == [False] * (len(asked) // 2) + [True] * (len(asked) // 2)
    assert "no-brainer" in texts["raw"]
    assert "no-brainer" in texts["grammar"]
    assert "no-brainer" not in texts["screened"]
    assert "[E1]" not in texts["screened"]
    assert "[E1]" in texts["full"]


def test_the_template_line_asks_no_model(tmp_path: Path) -> None:
    out = tmp_path / "template.jsonl"
    draft_items(items(), out, line="template", settings=settings("http://127.0.0.1:9/v1"), parallel=1,
                on_draft=lambda *_: None)  # fmt: skip
    first = drafted(out)[0]
    assert first.draft.manifest.model == "none"
    assert first.draft.claims
    assert all(claim.verdict == "supported" for claim in first.draft.claims)


def test_the_template_line_drafts_in_chinese(tmp_path: Path) -> None:
    out = tmp_path / "template.jsonl"
    made = made_items(3, seed=7)
    draft_items(made, out, line="template", settings=settings("http://127.0.0.1:9/v1"), parallel=1,
                on_draft=lambda *_: None)  # fmt: skip
    for item, entry in zip(made, drafted(out), strict=True):
        scores = score_draft(item, entry)
        assert entry.draft.language == "zh"
        assert (scores["digit_accuracy"], scores["coverage"], scores["fabrication_rate"]) == (1, 1, 0)
        assert (scores["blocked"], scores["distractor_rate"]) == (item.kind == "missing", 0)
        assert scores["missing_honesty"] in {None, 1.0}
        assert scores["chrf"] is not None
        assert scores["chrf"] > 0.3


@pytest.mark.slow
def test_the_best_of_several_completions_is_kept(tmp_path: Path) -> None:
    def script(body: dict[str, Any]) -> str:
        return PLAIN if body["seed"] % 3 == 0 else LOADED

    with ScriptedEndpoint(script) as endpoint:
        run(endpoint, tmp_path / "one.jsonl", "grammar")
        entry = run(endpoint, tmp_path / "three.jsonl", "grammar", best_of=3)[0]
    assert "no-brainer" in model_text(drafted(tmp_path / "one.jsonl")[0])
    assert "no-brainer" not in model_text(entry)


@pytest.mark.slow
def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    out = tmp_path / "full.jsonl"
    with ScriptedEndpoint(lambda _: PLAIN) as endpoint:
        whole = run(endpoint, out, "full")
        lines = out.read_text(encoding="utf-8").splitlines(keepends=True)
        out.write_text(lines[0] + lines[1][:80], encoding="utf-8")
        before = len(endpoint.requests)
        again = run(endpoint, out, "full")
    assert {entry.id for entry in again} == {entry.id for entry in whole}
    assert len(again) == len(whole)
    assert again[0] == whole[0]
    assert len(endpoint.requests) - before < before


@pytest.mark.slow
def test_drafts_of_two_lines_are_not_mixed(tmp_path: Path) -> None:
    with ScriptedEndpoint(lambda _: PLAIN) as endpoint:
        run(endpoint, tmp_path / "drafts.jsonl", "full")
        with pytest.raises(ConflictError, match="full"):
            run(endpoint, tmp_path / "drafts.jsonl", "raw")


def test_an_unknown_line_and_a_missing_model_are_named(tmp_path: Path) -> None:
    nowhere = settings("http://127.0.0.1:9/v1")
    with pytest.raises(InputError, match="screnned") as caught:
        draft_items(items(), tmp_path / "a", line="screnned", settings=nowhere, parallel=1, on_draft=lambda *_: None)
    assert "screened" in str(caught.value)
    with pytest.raises(UpstreamError):
        draft_items(items(), tmp_path / "a", line="full", settings=nowhere, parallel=1, on_draft=lambda *_: None)
