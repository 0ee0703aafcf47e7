"""data_citation: claims rest on the evidence they cite, citations are needed, and required evidence is used.

    support(s)  share of the figures of sentence s that evidence cited in s states (a sentence without figures: whether
                it shares the topic of what it cites)
    recall      Σ support(s)·min(1, 3/|cited|) / max(claims, n_min): a floor, so that saying little does not pay
    precision   needed citations / (needed + 2·needless + unresolved)
    coverage    share of the required evidence that is used
    value       F1 · (½+½·coverage) · 2^(−1.25·U) · 0.65^W · 0.7^(M+N) · 0.85^D · gate

U unresolved ids, links and hashes; W invented figures and quotations; M sentences that cite other evidence than states
their figure; N figures in words; D citations on sentences that claim nothing, and figures that stand in sentences
without a word of what they measure. These are counts and no shares, because a
share can be diluted by adding text.
"""

from __future__ import annotations

from rewards.analysis import Analysis, Counts
from rewards.score import Reason, Score, quantise

MIN_CLAIMS = 3
"""Claims a whole proposal makes at least, if it has evidence for so many."""
NEEDLESS_WEIGHT = 2
MAX_COUNTED = 8
"""Faults of one kind that are counted; more make no difference but would lose the slope to rounding."""


def precision(counts: Counts) -> float:
    """Return the share of needed citations; needless ones weigh double."""
    cited = counts.needed + NEEDLESS_WEIGHT * counts.needless + counts.unresolved
    return counts.needed / cited if cited else 0.0


def recall(analysis: Analysis) -> float:
    """Return the supported share of the claims, with the floor on their number."""
    return analysis.counts.supported / max(analysis.counts.claims, floor(analysis))


def floor(analysis: Analysis) -> int:
    """Return how many claims are expected at least."""
    required = len(analysis.task.required)
    if not analysis.task.whole:
        return max(1, required)
    return max(min(MIN_CLAIMS, available(analysis)), required, 1)


def available(analysis: Analysis) -> int:
    """Return how many different things the evidence lets a text state."""
    return sum(len(item.values) + bool(item.excerpt) for item in analysis.task.evidence.values())


def coverage(analysis: Analysis) -> float:
    """Return the share of the required evidence that is used where it is cited."""
    required = analysis.task.required
    return len(analysis.counts.ids & set(required)) / len(required) if required else 1.0


def faults(counts: Counts) -> float:
    """Return the factor for counted faults."""
    unresolved, invented, wrong = (
        min(MAX_COUNTED, count) for count in (counts.unresolved, counts.invented, counts.miscited + counts.written_out)
    )
    decorative = min(MAX_COUNTED, counts.decorative + counts.unnamed)
    return float(2.0 ** (-1.25 * unresolved)) * 0.65**invented * 0.7**wrong * 0.85**decorative


def needs_no_citation(analysis: Analysis) -> bool:
    """Tell a section that has nothing to cite: no evidence is required of it and it makes no claim."""
    return not analysis.task.whole and not analysis.task.required and not analysis.counts.claims


def data_citation(analysis: Analysis) -> Score:
    """Score the citations of one completion."""
    counts = analysis.counts
    p, r = precision(counts), recall(analysis)
    f1 = 2 * p * r / (p + r) if p + r else 0.0
    basis = _filled(analysis) if needs_no_citation(analysis) else f1
    covered = coverage(analysis)
    value = quantise(basis * (0.5 + 0.5 * covered) * faults(counts) * analysis.gate)
    summary = Reason("summary", f"precision {p:.2f}, recall {r:.2f}, coverage {covered:.2f}")
    missing = [item for item in analysis.task.required if item not in counts.ids]
    absent = [Reason("not-used", f"required evidence is not used: {', '.join(missing)}")] if missing else []
    return Score(value, (summary, *absent, *counts.reasons, *analysis.gate_reasons))


def _filled(analysis: Analysis) -> float:
    """Return how far a section without claims is written at all: an empty one must not be the best one."""
    section = analysis.task.section
    wanted = max(1, (section.min_words if section else 40) // 2)
    return min(1.0, analysis.substance / wanted)
