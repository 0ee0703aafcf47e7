"""What one draft is worth by itself: the metrics of DraftBench, each by its name in the field.

They are read off the analysis that the rewards share, so training, review and evaluation mean the same by "supported"
or "neutral". Only the prose that a writer is answerable for is measured (sections without the server's tables), except
for the form, which is that of the whole draft. A metric that has nothing to measure in an item is None, never a
flattering 1.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from data_prep.draftbench import BenchItem, ItemDraft, template_for
from data_prep.rows import draft_sections
from proposal.evidence import index_evidence
from proposal.findings import blocks
from proposal.values import Language
from rewards import Analysis, Task, analyse
from rewards.compliance import compliance
from rewards.repetition import RUN, repeated_share
from rewards.structure import template_adherence
from rewards.tone import GRAVE, NOT_NEUTRAL, sentence_severity
from rewards.wording import tokens, words

if TYPE_CHECKING:
    from sacrebleu.metrics.chrf import CHRF

SECTION_FAULTS = frozenset({"empty", "missing", "order", "twice", "extra", "title"})
"""Reasons of `template_adherence` that are about which sections there are, not about what stands in them."""

Scores = dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its name, whether more of it is better, and what it says in words."""

    name: str
    up: bool
    says: str


METRICS: tuple[Metric, ...] = (
    Metric("citation_precision", True, "citations that their sentence needs, of all citations"),
    Metric("citation_recall", True, "claims that the evidence cited beside them supports, of all claims"),
    Metric("citation_f1", True, "harmonic mean of the two (ALCE)"),
    Metric("fabrication_rate", False, "citations, links and hashes that lead to nothing, of all"),
    Metric("digit_accuracy", True, "figures in digits that evidence or brief state, of all in digits"),
    Metric("unsupported_number_rate", False, "figures, in digits or words, that nothing states, of all (1 − RG-P)"),
    Metric("coverage", True, "evidence of the plan that is used where it is cited"),
    Metric("distractor_rate", False, "cited items that belong to other proposals, of all cited items"),
    Metric("slot_context", True, "figures of evidence that stand for what their sentence says, of all"),
    Metric("missing_honesty", True, "items with missing evidence whose draft names the gap and invents nothing"),
    Metric("adherence_sections", True, "drafts with the template's sections, in order, once, and no others"),
    Metric("adherence_strict", True, "drafts without any fault of form, the length of every section included"),
    Metric("adherence", True, "form: sections, order, length, language (reward template_adherence)"),
    Metric("compliance", True, "written sections say what they must and nothing forbidden (reward compliance)"),
    Metric("non_neutral_rate", False, f"sentences of severity {NOT_NEUTRAL} or more, of all"),
    Metric("severe_rate", False, f"sentences of severity {GRAVE} or more, of all"),
    Metric("repetition", False, "runs of four words (rep-4; in Chinese as many characters) that stood before"),
    Metric("blocked", False, "drafts with a finding in a written section that blocks export"),
    Metric("chrf", True, "character n-gram F-score against the author's prose, 0 to 1 (chrF2)"),
    Metric("length_ratio", True, "words (in Chinese characters) against the author's prose"),
    Metric("tokens", False, "tokens the model wrote for the draft"),
    Metric("seconds", False, "seconds of writing, sections added up"),
)
BY_NAME: Mapping[str, Metric] = {metric.name: metric for metric in METRICS}


def score_draft(item: BenchItem, entry: ItemDraft) -> Scores:
    """Return every metric of one drafted item."""
    task = task_of(item)
    prose = prose_of(item, entry)
    analysis = analyse(prose, task)
    return {
        **_citations(analysis),
        **_figures(analysis),
        **_against_item(item, analysis, prose),
        **_form(item, entry, task),
        **_wording(analysis, item.brief.language),
        **_against_reference(item, analysis.text),
        "tokens": float(sum(section.tokens for section in entry.draft.sections)),
        "seconds": sum(section.seconds for section in entry.draft.sections),
    }


def task_of(item: BenchItem) -> Task:
    """Return what a whole draft of the item is held against; required is what its plan states."""
    return _task(item.model_dump_json())


@lru_cache(maxsize=1024)
def _task(item_json: str) -> Task:
    item = BenchItem.model_validate(json.loads(item_json))
    required = dict.fromkeys(owner for facts in item.plan.values() for fact in facts for owner in fact.ids)
    evidence = index_evidence(item.evidence, where=item.id)
    return Task(evidence, item.brief, template_for(item), None, tuple(required))


def prose_of(item: BenchItem, entry: ItemDraft) -> str:
    """Return title, headings and slotted prose of the written sections, without what the server adds below them."""
    parts = [f"# {entry.draft.title}"]
    for prompt, slotted in draft_sections(entry.draft, item.id, template_for(item)):
        parts.append(f"## {prompt.spec.heading_in(item.brief.language)}\n\n{slotted}".rstrip())
    return "\n\n".join(parts) + "\n"


def _citations(analysis: Analysis) -> Scores:
    counts = analysis.counts
    cited = counts.needed + counts.needless + counts.unresolved
    precision = counts.needed / cited if cited else 0.0
    recall = counts.supported / counts.claims if counts.claims else 0.0
    both = precision + recall
    if not analysis.task.required and not cited and not counts.claims:
        return {"citation_precision": None, "citation_recall": None, "citation_f1": None, "fabrication_rate": None}
    return {
        "citation_precision": precision,
        "citation_recall": recall,
        "citation_f1": 2 * precision * recall / both if both else 0.0,
        "fabrication_rate": counts.unresolved / cited if cited else None,
    }


def _figures(analysis: Analysis) -> Scores:
    figures = [*(one for statement in analysis.statements for one in statement.figures), *analysis.headings]
    digits = [one for one in figures if not one.written_out]
    invented = [one for one in figures if one.verdict == "invented"]
    from_evidence = [one for one in figures if one.verdict not in {"invented", "brief"}]
    wrong = [one for one in from_evidence if one.meaning == "wrong"]
    return {
        "digit_accuracy": _share(len(digits) - sum(not one.written_out for one in invented), len(digits)),
        "unsupported_number_rate": _share(len(invented), len(figures)),
        "slot_context": _share(len(from_evidence) - len(wrong), len(from_evidence)),
    }


def _against_item(item: BenchItem, analysis: Analysis, prose: str) -> Scores:
    required = set(analysis.task.required)
    cited = {cite.id for statement in analysis.statements for cite in statement.cites if cite.id}
    honest: float | None = None
    if item.kind == "missing":
        told = "{{TBD:" in prose
        honest = float(told and not any(_is_printed(printed, analysis.text) for printed in item.absent))
    return {
        "coverage": _share(len(analysis.counts.ids & required), len(required)),
        "distractor_rate": _share(len(cited & set(item.foreign)), len(cited)),
        "missing_honesty": honest,
    }


def _is_printed(figure: str, text: str) -> bool:
    """Tell whether the figure stands in the text by itself, not as a part of a longer one."""
    return re.search(rf"(?<![0-9])(?<![0-9][.,-]){re.escape(figure)}(?![.,-]?[0-9])", text) is not None


def _form(item: BenchItem, entry: ItemDraft, task: Task) -> Scores:
    form = template_adherence(analyse(entry.draft.text, task))
    said = [compliance(analysis).value for analysis in _sections(item, entry, task)]
    return {
        "adherence_sections": float(not SECTION_FAULTS & {reason.code for reason in form.reasons}),
        "adherence_strict": float(form.value == 1.0),
        "adherence": form.value,
        "compliance": sum(said) / len(said) if said else None,
        "blocked": float(_is_blocked(entry)),
    }


def _sections(item: BenchItem, entry: ItemDraft, task: Task) -> Iterator[Analysis]:
    """Yield the analysis of each written section by itself: what a whole must say is not one writer's to answer for."""
    for prompt, slotted in draft_sections(entry.draft, item.id, task.template):
        required = tuple(dict.fromkeys(owner for fact in item.plan.get(prompt.spec.key, ()) for owner in fact.ids))
        yield analyse(slotted, replace(task, section=prompt.spec, required=required))


def _is_blocked(entry: ItemDraft) -> bool:
    """Tell whether a finding in a written section blocks; what the brief left out of the server's parts does not."""
    text = entry.draft.text
    written = [section.text for section in entry.draft.sections if section.writer == "model" and section.text]
    places = [(start, start + len(part)) for part in written if (start := text.find(part)) >= 0]
    return any(
        blocks([finding]) and any(start <= finding.start < end for start, end in places)
        for finding in entry.draft.findings
    )


def _wording(analysis: Analysis, language: Language) -> Scores:
    sentences = [one.sentence.text for one in analysis.statements if not one.row and not one.reference]
    severities = [sentence_severity(sentence) for sentence in sentences]
    return {
        "non_neutral_rate": _share(sum(value >= NOT_NEUTRAL for value in severities), len(severities)),
        "severe_rate": _share(sum(value >= GRAVE for value in severities), len(severities)),
        "repetition": repeated_share(tokens(" ".join(sentences)), RUN[language]),
    }


def _against_reference(item: BenchItem, prose: str) -> Scores:
    reference = "\n\n".join(item.reference[key] for key in item.plan if key in item.reference)
    body = "\n\n".join(part for part in prose.split("\n\n") if not part.startswith("#"))
    wanted = len(words(reference))
    return {
        "chrf": _chrf().sentence_score(body, [reference]).score / 100,
        "length_ratio": len(words(body)) / wanted if wanted else None,
    }


@lru_cache(maxsize=1)
def _chrf() -> CHRF:
    from sacrebleu.metrics.chrf import CHRF

    return CHRF()


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def mean(values: list[float | None]) -> float | None:
    """Return the mean over the items that have the metric, or None where none has it."""
    known = [value for value in values if value is not None and not math.isnan(value)]
    return sum(known) / len(known) if known else None
