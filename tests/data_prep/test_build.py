"""A data cut: everything counted, everything hashed, the same bytes from the same inputs."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from data_prep.build import build, file_hash
from data_prep.records import ROW_OF, ReviewedDraft
from proposal.brief import load_brief
from proposal.checks import run_checks
from proposal.errors import InputError
from proposal.evidence import load_evidence
from proposal.slots import fill
from proposal.template import load_template
from tests.data_prep.builders import a_draft, full_case, reviewed

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
CHOSEN = {("dpo", "not-better"), ("sft_best", "too-long"), ("sft_best", "not-worth")}
"""Drops that lose nothing: pairs that the rewards do not see, and rows that stand in `sft` and are not the best."""
ABOUT_ONE_SENTENCE = {
    "EV-uncited-claim", "EV-dangling", "EV-number", "NE-loaded", "NE-certainty", "NE-pressure", "IN-instruction",
}  # fmt: skip
NOW = dt.datetime(2026, 11, 22, 10, 0, tzinfo=dt.UTC)


def cut_of(tmp_path: Path, *sources: Path) -> Path:
    return build(sources or (EXAMPLES,), out=tmp_path / "cuts", name="examples", now=NOW)


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cut of the examples; the tests only read it."""
    return cut_of(tmp_path_factory.mktemp("cut"))


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_examples_give_rows_of_every_method_and_lose_none(cut: Path) -> None:
    manifest = json.loads((cut / "manifest.json").read_text(encoding="utf-8"))
    assert {(item["method"], item["reason"]) for item in lines(cut / "dropped.jsonl")} <= CHOSEN
    whole = [row for row in lines(cut / "sft.jsonl") if not row["dao_section"]]
    assert len(whole) == 3
    assert manifest["rows"]["sft"] - len(whole) == manifest["rows"]["grpo"] >= 15
    assert manifest["rows"]["dpo"] >= 40


def test_the_best_prompts_are_those_whose_text_is_worth_imitating_and_has_slots(cut: Path) -> None:
    def of(name: str) -> dict[tuple[object, object], dict[str, Any]]:
        return {(row["dao_source"], row["dao_section"]): row for row in lines(cut / name)}

    prompts, chosen, texts = of("grpo.jsonl"), of("grpo_best.jsonl"), of("sft_best.jsonl")
    assert chosen.keys() == {key for key, row in texts.items() if "{{" in row["messages"][-1]["content"]}
    assert chosen
    assert all(prompts[key] == row for key, row in chosen.items())


@pytest.mark.parametrize("method", ROW_OF)
def test_every_line_is_a_row_of_its_method(cut: Path, method: str) -> None:
    for data in lines(cut / f"{method}.jsonl"):
        ROW_OF[method].model_validate(data)


def test_the_manifest_counts_and_hashes_what_is_in_the_folder(cut: Path) -> None:
    manifest = json.loads((cut / "manifest.json").read_text(encoding="utf-8"))
    for file, sha256 in manifest["files"].items():
        assert file_hash(cut / file) == sha256
    for method, count in manifest["rows"].items():
        assert len(lines(cut / f"{method}.jsonl")) == count
    brief = EXAMPLES / "creator-rebate" / "brief.yaml"
    assert manifest["inputs"]["examples/creator-rebate/brief.yaml"] == file_hash(brief)
    longest = manifest["longest"]["sft"]
    assert longest[0]["characters"] == max(item["characters"] for item in longest)


def test_the_same_inputs_give_the_same_folder_and_bytes(cut: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in cut.iterdir()}
    again = build((EXAMPLES,), out=tmp_path / "other", name="examples", now=NOW + dt.timedelta(days=1))
    assert again.name == cut.name
    assert {p.name: p.read_bytes() for p in again.iterdir() if p.name != "manifest.json"} == {
        name: content for name, content in before.items() if name != "manifest.json"
    }


@pytest.mark.slow
def test_a_changed_input_gives_another_folder_and_moves_the_link(tmp_path: Path) -> None:
    source = tmp_path / "examples"
    shutil.copytree(EXAMPLES, source)
    first = cut_of(tmp_path, source)
    brief = source / "creator-rebate" / "brief.yaml"
    brief.write_text(brief.read_text(encoding="utf-8").replace("45000", "46000"), encoding="utf-8")
    second = cut_of(tmp_path, source)
    assert first != second
    assert (tmp_path / "cuts" / "examples").resolve() == second.resolve()


def test_a_case_without_a_reference_still_gives_prompts(tmp_path: Path) -> None:
    source = tmp_path / "examples"
    shutil.copytree(EXAMPLES / "grants-round", source / "grants-round")
    (source / "grants-round" / "reference.yaml").unlink()
    folder = cut_of(tmp_path, source)
    dropped = lines(folder / "dropped.jsonl")
    prompts = lines(folder / "grpo.jsonl")
    assert {item["reason"] for item in dropped if item["section"]} == {"no-reference"}
    assert len([item for item in dropped if item["method"] == "sft" and item["section"]]) == len(prompts) > 0


def test_the_same_case_twice_is_counted_as_duplicates(tmp_path: Path) -> None:
    source = tmp_path / "examples"
    for name in ("one", "two"):
        shutil.copytree(EXAMPLES / "grants-round", source / name)
    folder = cut_of(tmp_path, source)
    dropped = [item for item in lines(folder / "dropped.jsonl") if (item["method"], item["reason"]) not in CHOSEN]
    reasons = [item["reason"] for item in dropped]
    total = sum(len(lines(folder / f"{method}.jsonl")) for method in ROW_OF)
    assert reasons == ["duplicate"] * total


def test_reviews_become_judged_texts_and_pairs(tmp_path: Path) -> None:
    path = tmp_path / "reviews.jsonl"
    before, after = full_case(risks="Nothing can go wrong."), full_case()
    write_reviews(
        path,
        reviewed(a_draft(before), {"Grace": "request_changes"}),
        reviewed(a_draft(after), {"Grace": "approve", "Ken": "approve"}, version=2),
    )
    folder = cut_of(tmp_path, path)
    labels = [row["label"] for row in lines(folder / "kto.jsonl")]
    assert (labels.count(True), labels.count(False)) == (len(labels) // 2, len(labels) // 2)
    assert [row["dao_pair"] for row in lines(folder / "dpo.jsonl")] == ["edit"]


def write_reviews(path: Path, *items: ReviewedDraft) -> None:
    path.write_text("".join(item.model_dump_json() + "\n" for item in items), encoding="utf-8")


def test_a_review_file_with_a_broken_line_names_it(tmp_path: Path) -> None:
    path = tmp_path / "reviews.jsonl"
    write_reviews(path, reviewed(a_draft(full_case()), {}))
    path.write_text(path.read_text(encoding="utf-8") + '{"draft": \n', encoding="utf-8")
    with pytest.raises(InputError, match=r"reviews\.jsonl:2: not valid JSON"):
        cut_of(tmp_path, path)


def test_a_folder_without_cases_says_what_it_looked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no case") as caught:
        cut_of(tmp_path, tmp_path)
    assert "brief.yaml" in str(caught.value)


@pytest.mark.slow
def test_the_command_builds_and_reports(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "data_prep.build", "--from", "examples", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "19 sft" in done.stdout
    assert (tmp_path / "examples" / "sft.jsonl").is_file()


@pytest.mark.slow
def test_the_command_ends_with_usage_for_a_wrong_source(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "data_prep.build", "--from", "nowhere", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "nowhere" in done.stderr


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir()))
def test_what_the_references_teach_passes_our_own_checks(name: str, cut: Path) -> None:
    """A reference that our checks complain about would teach what the committee then refuses."""
    brief = load_brief(EXAMPLES / name / "brief.yaml")
    evidence = load_evidence(EXAMPLES / name / "evidence.yaml")
    template = load_template(brief.template)
    found = []
    for row in lines(cut / "sft.jsonl"):
        if row["dao_source"] != f"examples/{name}":
            continue
        slotted = row["messages"][-1]["content"]
        text = fill(slotted, evidence=evidence, brief=brief, language=brief.language).text
        findings = run_checks(text, template=template, language=brief.language, evidence=evidence, brief=brief)
        found += [
            (row["dao_section"], finding.rule, finding.excerpt)
            for finding in findings
            if finding.rule in ABOUT_ONE_SENTENCE
        ]
    assert not found
