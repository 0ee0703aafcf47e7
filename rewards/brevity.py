"""brevity: as long as the template asks for, and nothing said twice.

    value  length · (1 − repeated runs beyond 10 %)² · (1 − share of repeated sentences)² · gate

The length band is the sum of the bands of the sections asked for. Runs of four words repeat in any formal text, so the
first tenth is free.
"""

from __future__ import annotations

from rewards.analysis import Analysis
from rewards.repetition import repeated_share
from rewards.rows import length_band
from rewards.score import Reason, Score, quantise
from rewards.structure import length_share
from rewards.wording import tokens

FREE_RUNS = 0.10


def brevity(analysis: Analysis) -> Score:
    """Score length and repetition of one completion."""
    prose = [one for one in analysis.statements if not one.row and not one.reference]
    words = sum(len(one.words) for one in prose)
    if not words:
        return Score(0.0, (Reason("empty", "there is no text"), *analysis.gate_reasons))
    low, high = length_band(analysis.task)
    length = length_share(words, analysis.substance, (low, high))
    repeated = sum(len(one.words) for one in prose if one.repeats) / words
    said = tokens(" ".join(one.sentence.text for one in prose))
    runs = max(0.0, repeated_share(said) - FREE_RUNS) / (1 - FREE_RUNS)
    value = length * (1 - runs) ** 2 * (1 - repeated) ** 2 * analysis.gate
    reasons = []
    if length < 1:
        reasons.append(
            Reason(
                "length",
                f"{words} words, {analysis.substance} of them about the proposal; {low} to {high} are asked for",
            )
        )
    if repeated:
        reasons.append(Reason("repeats", f"{repeated:.0%} of the words stand in sentences that repeat earlier ones"))
    if runs > 0:
        reasons.append(Reason("runs", f"{runs:.0%} of the runs of four words are repeated"))
    return Score(quantise(value), (*reasons, *analysis.gate_reasons))
