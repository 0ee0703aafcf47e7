"""template_adherence: the text has the form that was asked for.

A whole proposal has the template's sections, each long enough and not twice too long, in order, once, and no others.
The text of one section is plain paragraphs within the template's length, without a heading, list or link. In both,
the text is in the brief's language, ends with a finished sentence and leaves nothing unfilled.

Length counts words of sentences that speak about this proposal only, so that filler cannot fill a section.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise

from proposal.document import Section
from proposal.placeholders import FILLER_TEXT, WORK_MARK
from proposal.template import SectionSpec
from proposal.values import Language
from rewards.analysis import GAP, Analysis
from rewards.rows import Task, expected_sections
from rewards.score import Reason, Score, quantise
from rewards.statements import Statement

OF_SUBSTANCE = 0.8
FREE_GAPS = 2
"""Marked gaps (`{{TBD:…}}`) that cost nothing: naming a missing fact is right, a text of gaps is not."""

_LEFTOVER = re.compile(rf"\{{\{{|\}}\}}|<\|[a-z_]{{1,30}}\|>|{WORK_MARK.pattern}|{FILLER_TEXT.pattern}|_{{4,40}}")
_LEFTOVER_SIGNS = ("{{", "}}", "<|", "TODO", "TB", "bd", "FIXME", "XXX", "orem", "____")
_FINISHED = re.compile(r"[.!?。！？;；:：)\]）】”\"|`*_>]\s*\Z")
_HAN = re.compile(r"[\u3400-\u9fff]")
_LATIN_WORD = re.compile(r"[A-Za-z]{3,}")


def template_adherence(analysis: Analysis) -> Score:
    """Score the form of one completion."""
    if not analysis.text.strip() or not analysis.statements:
        return Score(0.0, (Reason("empty", "there is no text"), *analysis.gate_reasons))
    form, reasons = _section_form(analysis) if analysis.task.section else _whole_form(analysis)
    common, more = _common_form(analysis)
    return Score(quantise(form * common * analysis.gate), (*reasons, *more, *analysis.gate_reasons))


def length_share(words: int, substance: int, band: tuple[int, int]) -> float:
    """Return 1 inside the length band, less below (by substance) and above (by all words, 0 at twice the maximum).

    A fifth of the shortest text may speak in general.

    >>> length_share(50, 40, (40, 100)), length_share(16, 16, (40, 100)), length_share(150, 150, (40, 100))
    (1.0, 0.5, 0.5)
    """
    low, high = band
    below = min(1.0, substance / (OF_SUBSTANCE * low)) if low else 1.0
    above = min(1.0, max(0.0, 2 - words / high))
    return min(below, above)


def _section_form(analysis: Analysis) -> tuple[float, list[Reason]]:
    """Judge the text of one section."""
    section = analysis.task.section
    assert section is not None
    low, high = section.band(analysis.task.brief.language)
    words = sum(len(one.words) for one in analysis.statements)
    length = length_share(words, analysis.substance, (low, high))
    document = analysis.reading.document
    headings = [
        Reason("heading", f"the section has a heading of its own: {found.title[:60]}", found.start, found.body_start)
        for found in document.sections
        if found.level
    ]
    lists = [block for block in document.blocks if block.kind in {"list_item", "table"}][:1]
    links = document.links[:1]
    stray = _stray_figures(analysis)
    reasons = [*headings, *stray]
    if length < 1:
        reasons.append(Reason("length", _length_message(words, analysis.substance, low, high)))
    reasons += [Reason("list", "paragraphs are asked for, not lists or tables", one.start, one.end) for one in lists]
    reasons += [Reason("link", "links are written by the server", one.start, one.end) for one in links]
    faults = 0.6 ** min(4, len(headings)) * 0.8 ** (len(lists) + len(links)) * 0.9 ** min(6, len(stray))
    return length * faults, reasons


def _length_message(words: int, substance: int, low: int, high: int) -> str:
    return f"{words} words, {substance} of them about the proposal; {low} to {high} are asked for"


def _stray_figures(analysis: Analysis) -> list[Reason]:
    """Report figures typed beside slots: where slots are written, digits come from them."""
    if not analysis.reading.filled.uses:
        return []
    spans = [(use.start, use.end + 8) for use in analysis.reading.filled.uses]
    return [
        Reason(
            "stray",
            f"a figure is typed although its slot exists: {figure.part.text}",
            figure.part.start,
            figure.part.end,
        )
        for statement in analysis.statements
        for figure in statement.figures
        if not any(start <= figure.part.start < end for start, end in spans)
    ]


def _whole_form(analysis: Analysis) -> tuple[float, list[Reason]]:
    """Judge a whole proposal against its template."""
    sections = analysis.reading.document.sections
    specs = {section.index: _specs(analysis.task, section.title) if section.level else () for section in sections}
    present, reasons = _present(analysis, specs)
    keys = [spec.key for section in sections for spec in specs[section.index]]
    order, more = _order(keys, analysis.task)
    doubled = len(keys) - len(set(keys))
    unknown = [section for section in sections if section.level == 2 and not specs[section.index]]
    reasons += more
    if doubled:
        reasons.append(Reason("twice", f"{doubled} sections stand twice"))
    reasons += [
        Reason("extra", f"the template has no section '{section.title[:60]}'", section.start, section.body_start)
        for section in unknown
    ]
    titled = bool(analysis.reading.document.title)
    if not titled:
        reasons.append(Reason("title", "the proposal has no title"))
    value = present**2 * order * 0.8 ** min(4, doubled) * 0.9 ** min(6, len(unknown)) * (1.0 if titled else 0.95)
    return value, reasons


@lru_cache(maxsize=4096)
def _specs(task: Task, title: str) -> tuple[SectionSpec, ...]:
    return task.template.specs_for_heading(title)


def _present(analysis: Analysis, specs: dict[int, tuple[SectionSpec, ...]]) -> tuple[float, list[Reason]]:
    """Return the share of the expected sections that are there and long enough."""
    language = analysis.task.brief.language
    written = _words_by_key(analysis, specs)
    reasons: list[Reason] = []
    got = wanted = 0.0
    for spec in expected_sections(analysis.task):
        weight = 1.0 if spec.required else 0.5
        wanted += weight
        if spec.key not in written:
            reasons.append(Reason("missing", f"the section '{spec.heading_in(language)}' is missing"))
            continue
        words, substance = written[spec.key]
        share = length_share(words, substance, spec.band(language))
        got += weight * share
        if share < 1:
            low, high = spec.band(language)
            message = _length_message(words, substance, low, high)
            reasons.append(Reason("length", f"'{spec.heading_in(language)}': {message}"))
    return got / wanted if wanted else 1.0, reasons


def _words_by_key(analysis: Analysis, specs: dict[int, tuple[SectionSpec, ...]]) -> dict[str, tuple[int, int]]:
    """Count words and words of substance under each section's heading, with its sub-headings."""
    written: dict[str, tuple[int, int]] = {}
    owners = dict(_owners(analysis.reading.document.sections, specs))
    for section_keys in owners.values():
        for key in section_keys:
            written.setdefault(key, (0, 0))
    for statement in analysis.statements:
        keys = owners.get(statement.sentence.section, ())
        for key in keys:
            words, substance = written[key]
            count = _length(statement) // len(keys)
            written[key] = (words + count, substance + (count if analysis.has_substance(statement) else 0))
    return written


def _owners(
    sections: Iterable[Section], specs: dict[int, tuple[SectionSpec, ...]]
) -> Iterable[tuple[int, tuple[str, ...]]]:
    """Yield whose text stands under each heading: a sub-heading that the template does not know belongs to the last."""
    current: tuple[str, ...] = ()
    level = 0
    for section in sections:
        known = tuple(spec.key for spec in specs[section.index])
        if known or section.level <= level:
            current, level = known, section.level
        yield section.index, current


def _length(statement: Statement) -> int:
    return 0 if statement.row or statement.reference else len(statement.words)


def _order(keys: list[str], task: Task) -> tuple[float, list[Reason]]:
    """Return how well the sections follow the template's order."""
    rank = {spec.key: place for place, spec in enumerate(task.template.sections)}
    pairs = list(pairwise(keys))
    wrong = [(left, right) for left, right in pairs if rank[left] > rank[right]]
    reasons = [Reason("order", f"'{right}' stands behind '{left}'") for left, right in wrong]
    return 1.0 - 0.5 * len(wrong) / len(pairs) if pairs else 1.0, reasons


def _common_form(analysis: Analysis) -> tuple[float, list[Reason]]:
    """Judge what both kinds of text share: language, a finished end, nothing left over."""
    text = analysis.text
    reasons: list[Reason] = []
    value = _language_share(text, analysis.task.brief.language)
    if value < 1:
        reasons.append(Reason("language", f"{1 - value:.0%} of the text is in another language"))
    if not _FINISHED.search(text[-80:]):
        value *= 0.9
        reasons.append(
            Reason("unfinished", "the text ends in the middle of a sentence", max(0, len(text) - 40), len(text))
        )
    leftovers = list(_LEFTOVER.finditer(text)) if any(sign in text for sign in _LEFTOVER_SIGNS) else []
    gaps = max(0, len(GAP.findall(text)) - len(analysis.reading.filled.unknown) - FREE_GAPS)
    reasons += [Reason("leftover", f"left over: {match[0]}", match.start(), match.end()) for match in leftovers[:8]]
    if gaps:
        reasons.append(Reason("gaps", f"{gaps + FREE_GAPS} facts are marked as missing"))
    return value * 0.8 ** min(6, len(leftovers)) * 0.9 ** min(8, gaps), reasons


def _language_share(text: str, language: Language) -> float:
    """Return how much of the text is in the language asked for; names and tokens in Latin letters are free."""
    if text.isascii():
        return 1.0 if language == "en" or not _LATIN_WORD.search(text) else 0.0
    han, latin = len(_HAN.findall(text)), len(_LATIN_WORD.findall(text))
    if not han and not latin:
        return 1.0
    chinese = han / (han + 2 * latin)
    share = chinese / 0.6 if language == "zh" else (1 - chinese) / 0.9
    return min(1.0, share)
