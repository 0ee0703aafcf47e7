"""Columns of weight 0: what the components are made of, logged beside them for free.

A reward that rises while its parts fall is being gamed; these make it visible in the ordinary metrics of a run.
"""

from __future__ import annotations

from rewards import citation, faithfulness
from rewards.analysis import Analysis
from rewards.score import Score, quantise


def diag_precision(analysis: Analysis) -> Score:
    """Share of needed citations."""
    return Score(quantise(citation.precision(analysis.counts)))


def diag_recall(analysis: Analysis) -> Score:
    """Supported share of the claims."""
    return Score(quantise(citation.recall(analysis)))


def diag_coverage(analysis: Analysis) -> Score:
    """Share of the required evidence that is used."""
    return Score(quantise(citation.coverage(analysis)))


def diag_unsupported(analysis: Analysis) -> Score:
    """Share of figures that nothing states."""
    return Score(quantise(faithfulness.unsupported_rate(analysis)))
