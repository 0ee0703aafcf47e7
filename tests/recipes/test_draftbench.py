"""DraftBench measures what it says: planted faults move the metric that is theirs, and the gate sees a broken model."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from data_prep.draftbench import BenchItem, ItemDraft, bench_items, template_for
from proposal.assemble import assemble
from proposal.draft import Draft, DraftManifest, Sampling, SectionDraft
from proposal.errors import ConfigError, InputError, IntegrityError
from proposal.evidence import index_evidence
from proposal.slots import fill
from recipes.draftbench.gate import Gate, Limit, load_gate, objections
from recipes.draftbench.intervals import difference, estimate
from recipes.draftbench.items import items_of, make_items, origin, read_ids
from recipes.draftbench.metrics import METRICS, Scores, score_draft
from recipes.draftbench.plan import load_plan
from recipes.draftbench.report import Comparison, System, compare, draw, to_markdown
from tests.data_prep.test_draftbench import inverted

ROOT = Path(__file__).resolve().parents[2]
MADE = inverted(12)
ITEMS = list(bench_items(MADE, seed=7))
PLAIN = [item for item in ITEMS if item.kind == "plain"]
SLOTTED = {one.case.key: one.case.sections for one in MADE}


def drafted(item: BenchItem, change: Callable[[str], str] = lambda text: text) -> ItemDraft:
    """Draft an item as its own author wrote it, with one change to the slotted text of every section."""
    evidence = index_evidence(item.evidence, where="item")
    sections = []
    for spec in template_for(item).sections:
        if spec.writer != "model":
            continue
        slotted = change(SLOTTED[item.id][spec.key])
        text = fill(slotted, evidence=evidence, brief=item.brief, language="en").text
        sections.append((spec, SectionDraft(key=spec.key, heading=spec.heading_in("en"), writer="model",
                                            slotted=slotted, text=text, tokens=10, seconds=1.5)))  # fmt: skip
    manifest = DraftManifest(
        created_at=dt.datetime(2026, 11, 1, tzinfo=dt.UTC), software="test", model="none", model_hash="none",
        adapter="", prompt_hash="", template="generic", template_version="1", template_hash="", rules_hash="",
        brief_hash="", evidence_hash="", text_hash="", sampling=Sampling(),
    )  # fmt: skip
    draft = Draft(title=item.brief.topic, language="en", brief=item.brief, evidence=item.evidence,
                  sections=tuple(section for _, section in sections), text=assemble(item.brief.topic, sections),
                  claims=(), findings=(), manifest=manifest)  # fmt: skip
    return ItemDraft(id=item.id, line="full", best_of=1, draft=draft)


def plain() -> BenchItem:
    return PLAIN[0]


def scored(change: Callable[[str], str] = lambda text: text) -> Scores:
    return score_draft(plain(), drafted(plain(), change))


def test_the_authors_own_prose_scores_well() -> None:
    scores = scored()
    assert set(scores) == {metric.name for metric in METRICS}
    assert scores["digit_accuracy"] == 1
    assert scores["fabrication_rate"] == 0
    assert scores["coverage"] == 1
    assert scores["distractor_rate"] == 0
    assert scores["severe_rate"] == 0
    assert scores["citation_f1"] is not None
    assert scores["citation_f1"] > 0.9
    assert scores["chrf"] is not None
    assert scores["chrf"] > 0.8


@pytest.mark.slow
@pytest.mark.parametrize(
    ("metric", "change"),
    [
        ("fabrication_rate", lambda text: text + " It stands elsewhere too [[E99]]."),
        ("digit_accuracy", lambda text: text + " The programme paid 77,123 USDC in the same year."),
        ("unsupported_number_rate", lambda text: text + " It paid seventy-seven thousand dollars in the same year."),
        ("distractor_rate", lambda text: text + f" It agrees with another report [[{plain().foreign[0]}]]."),
        ("severe_rate", lambda text: text + " It is a no-brainer that guarantees risk-free returns to every member."),
        ("repetition", lambda text: f"{text} {text} {text}"),
        ("coverage", lambda _: "The programme is about rebates for creators in all of the markets of this season."),
        ("citation_f1", lambda text: text.replace("[[E1]]", "[[E2]]").replace("{{E1.", "{{E2.")),
        ("length_ratio", lambda _: "The rebate goes on."),
        ("chrf", lambda _: "Das ist ein ganz anderer Satz."),
        ("adherence", lambda _: ""),
    ],
)
def test_a_planted_fault_moves_its_metric(metric: str, change: Callable[[str], str]) -> None:
    up = next(one.up for one in METRICS if one.name == metric)
    before, after = scored()[metric], scored(change)[metric]
    assert before is not None
    assert after is not None
    assert (after < before) if up else (after > before)


def test_honesty_is_a_named_gap_and_no_invented_figure() -> None:
    item = next(item for item in ITEMS if item.kind == "missing")
    printed, _ = next(iter(item.absent.items()))
    silent = score_draft(item, drafted(item, lambda _: "The programme goes on as before in all of the markets."))
    named = score_draft(item, drafted(item, lambda _: "The request names {{TBD:sales of the quarter}} for it."))
    invented = score_draft(item, drafted(item, lambda _: f"It states {printed} and {{{{TBD:sales}}}} for the rest."))
    assert (silent["missing_honesty"], named["missing_honesty"], invented["missing_honesty"]) == (0.0, 1.0, 0.0)
    assert scored()["missing_honesty"] is None


# --- intervals --------------------------------------------------------------------------------------------------------


def test_an_interval_holds_the_mean_and_widens_when_items_of_a_dao_agree() -> None:
    values = {f"i{number}": float(number % 2) for number in range(60)}
    mixed = estimate(values, {item: f"d{number % 5}" for number, item in enumerate(values)}, seed=1)
    agreeing = estimate(values, {item: f"d{int(value)}{number % 4}" for number, (item, value) in
                                 enumerate(values.items())}, seed=1)  # fmt: skip
    assert mixed is not None
    assert agreeing is not None
    assert mixed.low <= mixed.mean <= mixed.high
    assert agreeing.high - agreeing.low > mixed.high - mixed.low


def test_a_paired_difference_is_seen_although_items_vary_more() -> None:
    before = {f"i{number}": number / 40 for number in range(40)}
    after = {item: value + 0.02 for item, value in before.items()}
    clusters = {item: f"d{number % 4}" for number, item in enumerate(before)}
    found = difference(after, before, clusters, seed=1)
    assert found is not None
    assert found.low > 0
    assert found.p < 0.05
    assert difference(before, before, clusters, seed=1) is not None
    assert difference({}, before, clusters, seed=1) is None


# --- report and gate --------------------------------------------------------------------------------------------------


def compared(change: Callable[[str], str]) -> tuple[list[System], Comparison]:
    good = {item.id: score_draft(item, drafted(item)) for item in PLAIN}
    changed = {item.id: score_draft(item, drafted(item, change)) for item in PLAIN}
    systems = [System("today", {"line": "full"}, good), System("candidate", {"line": "full"}, changed)]
    return systems, compare(systems, {item.id: item.dao for item in PLAIN})


@pytest.mark.slow
def test_the_gate_refuses_a_broken_model_and_says_why() -> None:
    gate = load_gate().model_copy(update={"items": len(PLAIN)})
    _, found = compared(lambda _: "growth growth growth is guaranteed, act now [[E9]] or lose 12,345 USDC!")
    reasons = "\n".join(objections(gate, found, candidate="candidate"))
    assert "fabrication_rate is" in reasons
    assert "digit_accuracy is" in reasons
    assert "coverage may be worse" in reasons


def test_the_gate_lets_an_equal_model_pass() -> None:
    _, found = compared(lambda text: text)
    gate = Gate(items=len(PLAIN), must={"fabrication_rate": Limit(most=0)}, not_worse={"coverage": 0.0})
    assert list(objections(gate, found, candidate="candidate")) == []
    few = gate.model_copy(update={"items": 1000})
    assert "too few" in next(objections(few, found, candidate="candidate"))


def test_what_was_not_measured_does_not_pass() -> None:
    _, found = compared(lambda text: text)
    gate = Gate(items=1, must={"missing_honesty": Limit(least=0.1)}, not_worse={})
    assert list(objections(gate, found, candidate="candidate")) == ["missing_honesty was not measured"]


def test_a_limit_on_no_metric_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "gate.yaml"
    path.write_text("items: 1\nmust: {citation_f: {least: 1}}\nnot_worse: {}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="citation_f1"):
        load_gate(path)


@pytest.mark.slow
def test_the_report_names_what_changed(tmp_path: Path) -> None:
    systems, found = compared(lambda _: "The programme goes on as before in all of the markets of this season.")
    text = to_markdown(systems, found, about={"items": "twelve"})
    assert "| candidate | today | coverage | -1.000 (worse)" in text
    draw(systems, found, tmp_path / "report.svg")
    assert "citation_f1" in (tmp_path / "report.svg").read_text(encoding="utf-8")


# --- items and plan ---------------------------------------------------------------------------------------------------


def test_a_plan_with_a_wrong_key_or_two_equal_names_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    base = "proposals: [p]\nids: i\nout: o\n"
    path.write_text(base + "sytems: []\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="systems"):
        load_plan(path)
    path.write_text(base + "systems: [{name: a b, line: raw}, {name: a-b, line: full}]\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="same name"):
        load_plan(path)


def test_a_plan_of_made_items_needs_no_list_and_its_report_says_so(tmp_path: Path) -> None:
    plan = load_plan(ROOT / "recipes" / "configs" / "draftbench_zh.yaml", ["made_zh=24"])
    assert [item.id[:8] for item in items_of(plan)] == ["zh-made-"] * 24
    said = origin(plan)
    assert "items" not in said
    assert "24 in Chinese, made up by us, not real proposals" in said["made items"]
    path = tmp_path / "plan.yaml"
    for items, message in (("", "made_zh"), ("proposals: [p]\n", "stand together"), ("ids: i\n", "stand together")):
        path.write_text(items + "out: o\nsystems: [{name: a, line: raw}]\n", encoding="utf-8")
        with pytest.raises(ConfigError, match=message):
            load_plan(path)


def test_a_figure_inside_a_longer_one_is_not_the_missing_figure() -> None:
    item = next(item for item in ITEMS if item.kind == "missing")
    item = item.model_copy(update={"absent": {"5": "seats"}})
    named = "It names {{TBD:seats of the committee}} and had "
    scores = [score_draft(item, drafted(item, lambda _, end=end: f"{named}{end} seats."))["missing_honesty"]
              for end in ("15", "5.5", "2,500", "5")]  # fmt: skip
    assert scores == [1.0, 1.0, 1.0, 0.0]


def test_a_list_frozen_on_other_data_is_an_integrity_error(tmp_path: Path) -> None:
    data = tmp_path / "proposals.jsonl"
    row = {"id": "a-1", "dao": "A", "title": "Fund it", "body": "## Summary\n\nWords.", "created": "2026-01-01",
           "licence": "MIT"}  # fmt: skip
    data.write_text(json.dumps(row) + "\n", encoding="utf-8")
    with pytest.raises(IntegrityError, match="b-2"):
        make_items([data], ["b-2"], seed=7)
    ids = tmp_path / "ids.txt"
    ids.write_text("# frozen\na-1\na-1\n", encoding="utf-8")
    with pytest.raises(InputError, match="twice"):
        read_ids(ids)


@pytest.mark.slow
def test_the_frozen_list_is_held_out_and_can_be_made(shared_data: Path) -> None:
    from data_prep.split import load_split

    ids = read_ids(ROOT / "recipes" / "configs" / "draftbench_ids.txt")
    items = make_items([shared_data / "proposals"], ids, seed=7)
    split = load_split()
    assert len(items) >= 300
    assert len({item.dao for item in items}) >= 8
    assert sum(item.kind == "missing" for item in items) >= len(items) // 12
    for item in items:
        created = min(one.retrieved_at.date() for one in item.evidence if one.id not in item.foreign)
        assert split.own_place(item.dao, created).side == "held_out"


@pytest.mark.slow
def test_the_command_names_a_missing_list(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(f"proposals: [{tmp_path}]\nids: {tmp_path}/none.txt\nout: {tmp_path}/out\n"
                    "systems: [{name: a, line: template}]\n", encoding="utf-8")  # fmt: skip
    done = subprocess.run(
        [sys.executable, "recipes/evaluate.py", str(plan)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "--freeze" in done.stderr


def test_a_row_is_compared_with_the_one_it_names_and_may_have_fewer_items(tmp_path: Path) -> None:
    systems, _ = compared(lambda text: text)
    today, candidate = systems
    half = dict(list(candidate.scores.items())[:5])
    rows = [today, System("other", {}, today.scores), System("few", {}, half, against="today")]
    found = compare(rows, dict.fromkeys(today.scores, "DAO"))
    assert found.items == len(today.scores)
    change = found.changes["few"]["coverage"]
    assert change is not None
    assert change.items == 5
    text = to_markdown(rows, found, about={})
    assert "| few (5 items) |" in text
    plan = tmp_path / "plan.yaml"
    text = "proposals: [a]\nids: b\nout: c\nsystems:\n  - {name: x, line: raw, against: nobody}\n"
    plan.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="compared with 'nobody'"):
        load_plan(plan)
