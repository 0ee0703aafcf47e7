"""numeric_faithfulness: every figure in the text is stated by the evidence or the brief, cited or not.

    rate   u = unsupported figures / all figures, where each supported figure counts once however often it is printed
    value  (1−u)² · 0.8^unsupported · min(1, supported / n_min) · gate

The count beside the rate keeps a long list of right figures from hiding a wrong one; n_min keeps a text without
figures from being the safest one. A figure in words, one that stands for something else, and an amount without a
number ("a considerable sum", "dozens of", "one in three") count half, as does a hedge before a figure that evidence
states; a figure in a sentence without a word of what it measures counts a quarter.
"""

from __future__ import annotations

from rewards.analysis import Analysis
from rewards.citation import MAX_COUNTED, MIN_CLAIMS
from rewards.score import Reason, Score, quantise

_CODES = {"invented", "quote-invented", "written-out", "meaning", "unnamed", "vague"}


def unsupported(analysis: Analysis) -> float:
    """Return how many figures nothing states; half for those that are disguised, misplaced or left vague."""
    counts = analysis.counts
    half = counts.written_out + counts.wrong_meaning + counts.vague
    return counts.invented + 0.5 * half + 0.25 * counts.unnamed


def unsupported_rate(analysis: Analysis) -> float:
    """Return the share of unsupported figures."""
    bad = unsupported(analysis)
    return bad / (bad + len(analysis.counts.known_figures)) if bad else 0.0


def floor(analysis: Analysis) -> int:
    """Return how many different figures are expected at least."""
    task = analysis.task
    countable = {known.slot for known in (*analysis.ground.numbers, *analysis.ground.dates) if known.name}
    if not task.whole:
        return sum(1 for item in task.required if any(slot.startswith(item + ".") for slot in countable))
    return min(max(MIN_CLAIMS, len(task.required)), len(countable))


def numeric_faithfulness(analysis: Analysis) -> Score:
    """Score the figures of one completion."""
    rate = unsupported_rate(analysis)
    wanted = floor(analysis)
    stated = min(1.0, len(analysis.counts.known_figures) / wanted) if wanted else min(1.0, float(analysis.substance))
    value = (1 - rate) ** 2 * 0.8 ** min(MAX_COUNTED, unsupported(analysis)) * stated * analysis.gate
    few = [Reason("few-figures", f"states {len(analysis.counts.known_figures)} figures, {wanted} are expected")]
    reasons = [reason for reason in analysis.counts.reasons if reason.code in _CODES]
    return Score(quantise(value), (*reasons, *(few if stated < 1 and wanted else []), *analysis.gate_reasons))
