"""tone_neutrality: sentences that state, and leave the judging to the reader.

    sev(s)  1 − Π(1−w) over what is found in sentence s: loaded phrases, shouting, and the classifier where it is sure
    value   e^(−0.7·grave) · (1 − min(1, 5·Σsev / max(sentences, 8))) · gate

`grave` counts sentences with sev ≥ 0.8 (attacks, ultimatums, promises of gain): as a count and not a share, so that
neutral filler does not dilute them. The phrases are those of `proposal.checks`, with their exceptions; a text that says
nothing is not neutral but empty.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from proposal.checks.framework import CheckContext
from proposal.checks.lexicons import Group, hits
from proposal.checks.phrases import Spans, has_han
from proposal.document import parse
from rewards.analysis import Analysis
from rewards.score import Reason, Score, quantise
from rewards.tone_model import ToneModel, load_tone_model
from rewards.tone_phrases import chinese_hits, english_hits

MIN_SENTENCES = 8
MIN_WORDS = 6
NOT_NEUTRAL = 0.25
"""Severity from which a sentence counts as loaded, wherever sentences are counted or chosen: one vague intensifier, or
two, stay below."""
GRAVE = 0.8
"""Severity from which a sentence weighs on the whole text: attacks, ultimatums, promises of gain."""
SHARE_FACTOR = 5
QUOTED = 0.25
"""What a loaded phrase weighs inside a quotation: it is somebody else's."""

_WEIGHTS = {
    ("NE-certainty", ""): 0.8,
    ("NE-certainty", "warning"): 0.5,
    ("NE-loaded", ""): 0.5,
    ("NE-loaded", "info"): 0.25,
    ("NE-pressure", ""): 0.8,
    ("NE-title", ""): 0.5,
}
_ATTACK = ("attack", "攻击")
_SHOUT = re.compile(r"[!！]{1,10}")
_CAPITALS = re.compile(r"[A-Z]{4,20}(?:[ ]+[A-Z]{2,20}){1,12}(?![A-Za-z0-9_/-])")
_NOT_BEFORE_CAPITALS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789$_./-")
_EMOJI = re.compile(r"[\U0001f300-\U0001faff\u2600-\u2604\u2614\u26a1\u2705\u274c\u2728\u2764\u2b50]")
_WEASELS = tuple(
    sorted(
        (
            "significant",
            "significantly",
            "substantial",
            "substantially",
            "considerable",
            "considerably",
            "dramatic",
            "dramatically",
            "numerous",
            "countless",
            "vast",
            "vastly",
            "very",
            "highly",
            "strongly",
            "remarkable",
            "remarkably",
            "impressive",
            "exciting",
            "seamless",
            "seamlessly",
            "robust",
            "vibrant",
            "thriving",
            "crucial",
            "vital",
            "pivotal",
        )
    )
)
_WEASEL_ZH = re.compile(r"显著|大幅|大量|众多|极其|十分(?!钟)|非常|广泛认为|有人说|令人振奋|至关重要|蓬勃|强劲")
WEASEL = 0.1


@dataclass(frozen=True, slots=True)
class ToneHit:
    """One thing in a text that is not neutral, with its weight."""

    start: int
    end: int
    weight: float
    says: str


def tone_neutrality(analysis: Analysis) -> Score:
    """Score the wording of one completion."""
    found = list(tone_hits(analysis.context, load_tone_model()))
    severities = _by_sentence(analysis.context, found)
    words = sum(len(one.words) for one in analysis.statements)
    grave = sum(1 for severity in severities if severity >= GRAVE)
    share = SHARE_FACTOR * sum(severities) / _sentences(analysis) if severities else 0.0
    value = math.exp(-0.7 * grave) * (1 - min(1.0, share)) * min(1.0, words / MIN_WORDS) * analysis.gate
    reasons = [
        Reason("tone", f"{hit.says} ({hit.weight:.2f}): {analysis.text[hit.start : hit.end][:80]}", hit.start, hit.end)
        for hit in found
    ]
    return Score(quantise(value), (*reasons, *analysis.gate_reasons))


def _sentences(analysis: Analysis) -> int:
    """Return among how many sentences the severities are shared: one that stands twice counts once."""
    return max(MIN_SENTENCES, len({one.sentence.fingerprint for one in analysis.statements}))


def sentence_severity(sentence: str) -> float:
    """Return how far one sentence is from neutral, 0 to 1; what the report on the classifier measures.

    >>> sentence_severity("The quorum minimum is four percent of the supply.")
    0.0
    """
    from proposal.template import load_template

    context = CheckContext(parse(sentence), load_template("generic"), "en")
    severities = _by_sentence(context, list(tone_hits(context, load_tone_model())))
    return max(severities, default=0.0)


def tone_hits(context: CheckContext, model: ToneModel) -> Iterator[ToneHit]:
    """Yield everything in the text that is not neutral: phrases, typography, and what the classifier is sure of."""
    quoted = Spans((quote.start, quote.end) for quote in context.document.quotes)
    found: list[ToneHit] = []
    for rule in ("NE-certainty", "NE-loaded", "NE-pressure"):
        for group, hit in hits(context, rule):
            if not context.not_prose.covers(hit.start):
                weight = _weight(group) * (QUOTED if quoted.covers(hit.start) else 1.0)
                found.append(ToneHit(hit.start, hit.end, weight, group.says))
    yield from found
    yield from _wordings(context, quoted, Spans((hit.start, hit.end) for hit in found))
    yield from _typography(context)
    for weasel in _WEASELS:
        for place in _places_of(weasel, context.folded):
            yield ToneHit(place, place + len(weasel), WEASEL, "a vague intensifier")
    if not context.text.isascii():
        for match in _WEASEL_ZH.finditer(context.text):
            yield ToneHit(match.start(), match.end(), WEASEL, "a vague intensifier")
    for sentence in context.document.sentences:
        if sentence.block_kind == "table_row":
            continue
        weight = model.weight(sentence.text)
        if weight and not quoted.covers(sentence.start):
            yield ToneHit(sentence.start, sentence.end, weight, "reads like advertising or pressure")


def _places_of(word: str, folded: str) -> Iterator[int]:
    """Yield where a word stands that is no part of a longer one ("very" in "every")."""
    at = folded.find(word)
    while at >= 0:
        end = at + len(word)
        if not ("a" <= folded[at - 1 : at] <= "z" or "a" <= folded[end : end + 1] <= "z"):
            yield at
        at = folded.find(word, end)


def _wordings(context: CheckContext, quoted: Spans, known: Spans) -> Iterator[ToneHit]:
    """Yield the wording that only the reward minds; what the checks found already is not counted twice."""
    found = list(english_hits(context.folded))
    if not context.folded.isascii() and has_han(context.folded):
        found += chinese_hits(context.folded)
    for hit in found:
        if known.covers(hit.start) or known.covers(hit.end - 1) or context.not_prose.covers(hit.start):
            continue
        weight = hit.wording.weight * (QUOTED if quoted.covers(hit.start) else 1.0)
        yield ToneHit(hit.start, hit.end, weight, hit.wording.says)


def _weight(group: Group) -> float:
    if any(word in group.says for word in _ATTACK) and group.rule == "NE-pressure":
        return 1.0
    return _WEIGHTS.get((group.rule, group.severity or ""), 0.5)


def _typography(context: CheckContext) -> Iterator[ToneHit]:
    text = context.text
    for match in _SHOUT.finditer(text) if "!" in text or "！" in text else ():
        if text[match.end() : match.end() + 1] not in {"[", "="}:
            yield ToneHit(match.start(), match.end(), 0.25 if len(match[0]) > 1 else 0.1, "an exclamation mark")
    for match in _CAPITALS.finditer(text):
        if match.start() and text[match.start() - 1] in _NOT_BEFORE_CAPITALS:
            continue
        yield ToneHit(match.start(), match.end(), 0.25, "a run of capitals")
    if not text.isascii():
        for match in _EMOJI.finditer(text):
            yield ToneHit(match.start(), match.end(), 0.25, "an emoji")


def _by_sentence(context: CheckContext, found: list[ToneHit]) -> list[float]:
    """Return the severity of each place that has any: a sentence, or a heading outside all sentences."""
    sentences = context.document.sentences
    starts = [sentence.start for sentence in sentences]
    neutral: dict[int, float] = {}
    for hit in found:
        place = bisect_right(starts, hit.start) - 1
        if place < 0 or hit.start >= sentences[place].end:
            place = -2 - place
        neutral[place] = neutral.get(place, 1.0) * (1 - hit.weight)
    return [1 - product for product in neutral.values()]
