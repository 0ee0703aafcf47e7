"""Structure: which sections a proposal has, in which order, and whether anything is left to fill in.

A section that stands under bold text instead of a heading is reported as a warning and not as missing: readers find
it, only machines do not.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping

from proposal.checks.framework import CheckContext, Hit, Rule, heading_name
from proposal.checks.phrases import Spans
from proposal.document import Section
from proposal.findings import Severity
from proposal.placeholders import MAX_LONE_GAP, find_gaps, is_lone_gap
from proposal.template import SectionSpec

THIN_WORDS = 15
"""A required section with fewer words says too little to be read as one (product.md 4.2)."""

_ENOUGH = 400
"""Characters at the beginning of a section that almost always hold that many words."""

_BOLD_HEADING = re.compile(r"^[ \t]{0,3}(?:\*\*|__)([^*_\n]{2,80})(?:\*\*|__)[ \t]{0,4}:?[ \t]*\r?$", re.MULTILINE)
_LATIN_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9'’-]*")
_HAN = re.compile(r"[\u3400-\u9fff]")


def _plain_title(section: Section) -> str:
    return section.title.strip().strip("*_ ")


# --- sections ----------------------------------------------------------------------------------------------------


def missing_sections(context: CheckContext) -> Iterator[Hit]:
    """Report each required or expected section that no heading of the text names."""
    type_ = context.brief.type if context.brief else None
    required = context.template.required_sections(type_)
    expected = context.template.expected_sections(type_) if context.brief else ()
    missing = [spec for spec in (*required, *expected) if spec.key not in context.sections_by_key]
    bold = _bold_headings(context) if missing else {}
    for spec in missing:
        heading = spec.heading_in(context.language)
        where = _insertion_place(context, spec)
        if spec.key in bold:
            message = f"the section “{heading}” stands under bold text, not under a heading"
            yield Hit(*bold[spec.key], message, "warning")
        elif spec in required:
            yield Hit(where, where, f"the required section “{heading}” is missing")
        else:
            yield Hit(where, where, f"the section “{heading}” is expected and missing", "warning")


def _bold_headings(context: CheckContext) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for match in _BOLD_HEADING.finditer(context.text):
        if not context.code.covers(match.start()):
            for spec in context.template.specs_for_heading(match[1]):
                found.setdefault(spec.key, match.span(1))
    return found


def _insertion_place(context: CheckContext, missing: SectionSpec) -> int:
    """Return where a missing section belongs: behind the last one that the template puts before it."""
    place = 0
    for spec in context.template.sections:
        if spec.key == missing.key:
            break
        section = context.sections_by_key.get(spec.key)
        if section:
            place = max(place, section.end)
    if place == 0:
        first = next((s for s in context.document.sections if s.level > 0), None)
        place = first.body_start if first else 0
    return place


def section_order(context: CheckContext) -> Iterator[Hit]:
    """Report the sections that would have to move to follow the template (the fewest that are enough)."""
    positions = {spec.key: index for index, spec in enumerate(context.template.sections)}
    ordered = sorted(context.sections_by_key.items(), key=lambda pair: (pair[1].start, positions[pair[0]]))
    kept = _longest_rising([positions[key] for key, _ in ordered])
    for index, (key, section) in enumerate(ordered):
        if index in kept:
            continue
        spec = context.template.sections[positions[key]]
        after = [s for s in context.template.sections[: positions[key]] if s.key in context.sections_by_key]
        heading = spec.heading_in(context.language)
        place = f"after “{after[-1].heading_in(context.language)}”" if after else "first"
        yield Hit(section.start, section.body_start, f"the section “{heading}” belongs {place}")


def _longest_rising(numbers: list[int]) -> set[int]:
    """Return the indexes of one longest rising subsequence."""
    tails: list[int] = []
    tail_index: list[int] = []
    previous: list[int] = []
    for index, number in enumerate(numbers):
        at = bisect_left(tails, number)
        previous.append(tail_index[at - 1] if at else -1)
        if at == len(tails):
            tails.append(number)
            tail_index.append(index)
        else:
            tails[at], tail_index[at] = number, index
    kept: set[int] = set()
    index = tail_index[-1] if tail_index else -1
    while index >= 0:
        kept.add(index)
        index = previous[index]
    return kept


def extra_sections(context: CheckContext) -> Iterator[Hit]:
    """Note main sections that the template does not know."""
    known = {section.start for section, _ in context.known_sections}
    levels = [section.level for section, _ in context.known_sections]
    if not levels:
        return
    main = min(levels)
    title = context.document.title
    for section in context.document.sections:
        name = _plain_title(section)
        if section.level == main and section.start not in known and name and name != title:
            yield Hit(section.start, section.body_start, f"“{name}” is no section of the template")


def duplicate_sections(context: CheckContext) -> Iterator[Hit]:
    """Report a section that stands twice under its own name, at the same depth."""
    seen: dict[tuple[str, int], Section] = {}
    for section, spec in context.known_sections:
        if heading_name(section.title) not in {heading_name(spec.heading.en), heading_name(spec.heading.zh)}:
            continue
        first = seen.setdefault((spec.key, section.level), section)
        if first is not section:
            yield Hit(section.start, section.body_start,
                      f"the section “{_plain_title(section)}” stands twice")  # fmt: skip


def empty_sections(context: CheckContext) -> Iterator[Hit]:
    """Report headings with nothing under them, and required sections that say next to nothing."""
    specs = {section.start: spec for section, spec in context.known_sections}
    type_ = context.brief.type if context.brief else None
    required = {spec.key for spec in context.template.required_sections(type_)}
    for section in _leaf_sections(context):
        name = _plain_title(section)
        spec = specs.get(section.start)
        if not _has_content(context, section):
            severity: Severity | None = None if spec and not _continues(context, section, specs) else "warning"
            yield Hit(section.start, section.body_start, f"the section “{name}” is empty", severity)
            continue
        if spec is not None and spec.key in required and spec.writer == "model":
            body = context.text[section.body_start : section.end]
            words = count_words(body[:_ENOUGH])
            if words < THIN_WORDS and (words := count_words(body)) < THIN_WORDS:
                message = f"the section “{name}” has {words} words"
                yield Hit(section.start, section.body_start, message, "warning")


def _continues(context: CheckContext, section: Section, specs: Mapping[int, SectionSpec]) -> bool:
    """Tell whether the next heading is the author's own, at the same depth: then its text belongs here."""
    following = context.document.sections[section.index + 1 : section.index + 2]
    return bool(following) and following[0].level == section.level and following[0].start not in specs


def _leaf_sections(context: CheckContext) -> Iterator[Section]:
    """Yield the headings that have no sub-heading, without the title of the proposal."""
    sections = context.document.sections
    for section, follower in zip(sections, [*sections[1:], None], strict=True):
        is_title = section.level == 1 and _plain_title(section) == context.document.title
        if section.level > 0 and not is_title and (follower is None or follower.level <= section.level):
            yield section


def _has_content(context: CheckContext, section: Section) -> bool:
    """Tell whether a reader sees anything under the heading (a comment or a line does not count)."""
    for block in context.document.within(context.document.blocks, section.body_start, section.end):
        shown = block.kind not in {"heading", "hr", "html"}
        if shown or (block.kind == "html" and _TAG_WITH_TEXT.search(context.text, block.start, block.end)):
            return True
    return False


def count_words(text: str) -> int:
    """Count words; eight Chinese characters count as five words."""
    han = 0 if text.isascii() else len(_HAN.findall(text))
    return len(_LATIN_WORD.findall(text)) + han * 5 // 8


def section_length(context: CheckContext) -> Iterator[Hit]:
    """Report model-written sections outside the length band of the template."""
    if context.brief is None:
        return
    for section, spec in context.known_sections:
        if spec.writer != "model" or context.sections_by_key[spec.key] is not section:
            continue
        least, most = spec.min_words, spec.max_words
        words = count_words(_prose(context, section))
        if THIN_WORDS <= words < least // 2:
            message = f"“{_plain_title(section)}” has {words} words, the template asks for {least} to {most}"
            yield Hit(section.start, section.body_start, message)
        elif words > most * 2:
            message = f"“{_plain_title(section)}” has {words} words, the template asks for at most {most}"
            yield Hit(section.start, section.body_start, message)


def _prose(context: CheckContext, section: Section) -> str:
    blocks = context.document.within(context.document.blocks, section.body_start, section.end)
    return " ".join(context.text[b.start : b.end] for b in blocks if b.kind in {"paragraph", "list_item", "quote"})


# --- placeholders ------------------------------------------------------------------------------------------------

_CODE_SPAN = re.compile(r"(`{1,3})(?!`)[^`\n]{1,400}\1(?!`)")
_TAG_WITH_TEXT = re.compile(r">[ \t]{0,20}[^<>\s]|<img[ \t]", re.IGNORECASE)


def placeholders(context: CheckContext) -> Iterator[Hit]:
    """Report text that somebody meant to fill in later."""
    text = context.text
    taken = [(match.start(), match.end()) for match in _CODE_SPAN.finditer(text)] if "`" in text else []
    quiet = Spans([*taken, *((block.start, block.end) for block in context.document.blocks if block.kind == "code")])
    for slot in context.document.slots:
        yield Hit(slot.start, slot.end, f"a slot was left unfilled: {text[slot.start : slot.end][:80]}")
    for gap in find_gaps(text, context.folded):
        if text.startswith("~~", gap.start - 2) and text.startswith("~~", gap.end):
            continue  # struck through: no longer to be filled
        if not quiet.covers(gap.start) and (gap.angled or not context.not_prose.covers(gap.start)):
            severity: Severity | None = None if gap.sure else "warning"
            yield Hit(gap.start, gap.end, f"{gap.what} was left: {text[gap.start : gap.end][:80]}", severity)
    for start, end in _lone_gaps(context):
        if not quiet.covers(start):
            yield Hit(start, end, f"nothing but a gap stands here: {text[start:end][:80]}")


def _lone_gaps(context: CheckContext) -> Iterator[tuple[int, int]]:
    """Yield paragraphs, list items and cells that hold no more than a word such as "coming soon"."""
    spans = [(b.start, b.end) for b in context.document.blocks if b.kind in {"paragraph", "list_item", "quote"}]
    spans += [(cell.start, cell.end) for table in context.document.tables for row in table.rows for cell in row]
    for start, end in spans:
        if end - start <= MAX_LONE_GAP and is_lone_gap(context.folded[start:end]):
            yield start, end


def unread_tail(context: CheckContext) -> Iterator[Hit]:
    """Report the part of a very long text that was not read, so that nobody takes it for checked."""
    read_to = context.document.read_to
    if read_to < len(context.text):
        yield Hit(read_to, len(context.text), f"the last {len(context.text) - read_to:,} characters were not read")


RULES: tuple[Rule, ...] = (
    Rule(
        id="ST-unread",
        family="structure",
        severity="error",
        title="The text is too long to be read",
        clause="The whole text was read: nothing stands behind the limits of the parser unchecked.",
        fix="Shorten the text; move long tables and code into a linked, committed file.",
        check=unread_tail,
    ),
    Rule(
        id="ST-req-section",
        family="structure",
        severity="error",
        title="A required section is missing",
        clause="A proposal has every section that its DAO's template requires (in a draft of ours, one that "
        "is only expected warns).",
        fix="Add the section with its heading; in a draft of ours, draft that section again.",
        check=missing_sections,
    ),
    Rule(
        id="ST-order-section",
        family="structure",
        severity="warning",
        title="Sections stand in another order",
        clause="Sections follow each other as in the DAO's template, so that readers find them.",
        fix="Move the section to the place that the message names.",
        check=section_order,
    ),
    Rule(
        id="ST-extra-section",
        family="structure",
        severity="info",
        title="A section the template does not know",
        clause="Main sections are those of the DAO's template; another one may confuse a form or an importer.",
        fix="Nothing, if the section is wanted; else move its text under a known heading.",
        check=extra_sections,
    ),
    Rule(
        id="ST-duplicate-section",
        family="structure",
        severity="warning",
        title="A section stands twice",
        clause="Each section of the template stands once.",
        fix="Join the two, or give one another heading.",
        check=duplicate_sections,
    ),
    Rule(
        id="ST-empty-section",
        family="structure",
        severity="error",
        title="A section is empty",
        clause="A section of the template has text under its heading; another heading without text warns, and so does "
        f"a required section with fewer than {THIN_WORDS} words.",
        fix="Write the section, or delete its heading if the template does not require it.",
        check=empty_sections,
    ),
    Rule(
        id="ST-len-section",
        family="structure",
        severity="warning",
        title="A section is far too short or long",
        clause="A drafted section keeps to the length band of the template (half below and double above are let pass).",
        fix="Shorten the section, or say more from the evidence.",
        check=section_length,
        needs=("brief",),
    ),
    Rule(
        id="ST-placeholder",
        family="structure",
        severity="error",
        title="A placeholder is left",
        clause="Nothing is left to fill in: no TODO, TBD, filler text, angle-bracket gap, marked gap or slot.",
        fix="Replace it by the fact, or delete the sentence; a fact nobody knows belongs into the risks.",
        check=placeholders,
    ),
)
