"""Inversion: a published proposal becomes the brief, evidence and slotted sections it could have been drafted from.

By rule and never by a model: every figure, date, hash and other token with a digit is cut out of the prose as a named
value, and a slot stands in its place; the sentence's links become the evidence it cites. Filling the slots gives the
prose back exactly (checked here for every section), so what is taught as slotted text is what people really wrote. What
had to be taken out before (links, lists, tables) is reported as edits beside the section.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pydantic import ValidationError

from data_prep.keys import figure_key, reference_key
from data_prep.naming import Naming, name_figure
from data_prep.points import points
from data_prep.proposals import Proposal
from data_prep.prose import Edit, Prose, Source, prose_of
from data_prep.records import Case, Drop
from proposal.brief import Brief, ProposalType, check_url
from proposal.document import Document, Sentence, heading_key, parse
from proposal.document import Section as DocumentSection
from proposal.evidence import MAX_ITEMS, Evidence
from proposal.plan import Fact, parameter_fact, value_fact
from proposal.slots import MARK, SLOT, cite_slots, resolve
from proposal.template import SectionSpec, Template
from proposal.values import Value, format_value

MIN_WORDS = 20
"""Shortest prose of a section that is worth learning from."""

OWN_WORDS = frozenset({"specification", "timeline"})
"""Sections whose figures are the author's intentions: parameters of the brief, not evidence."""

_TOKEN = re.compile(r"[^\s]*[0-9][^\s]*")
_EDGES = "\"'“”‘’()[]{}<>.,;:!?…*_"
_TYPES: tuple[tuple[str, ProposalType], ...] = (
    ("grant", "grants"),
    ("fund", "funding"),
    ("budget", "funding"),
    ("compensation", "funding"),
    ("cap", "parameter-change"),
    ("parameter", "parameter-change"),
    ("fee", "parameter-change"),
    ("rate", "parameter-change"),
    ("upgrade", "technical"),
    ("deploy", "technical"),
    ("contract", "technical"),
    ("election", "policy"),
    ("council", "policy"),
)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of prose that becomes a slot, with the value that prints exactly its text.

    `states` tells a figure or date, which is a fact and needs a source, from a name that merely holds a digit ("V3").
    """

    start: int
    end: int
    value: Value
    states: bool = True


@dataclass(slots=True)
class Section:
    """One inverted section: its slotted text, the facts it states, and what was taken out of the original."""

    key: str
    slotted: str
    facts: tuple[Fact, ...]
    edits: tuple[Edit, ...]
    original: str


@dataclass(slots=True)
class Inverted:
    """One inverted proposal: what it could have been drafted from, its sections, and what was lost on the way."""

    case: Case
    sections: dict[str, Section]
    drops: list[Drop] = field(default_factory=list)


@dataclass(slots=True)
class _Ledger:
    """Values and evidence of one proposal as they are found; equal texts of one kind share a name."""

    proposal: Proposal
    values: dict[str, dict[str, Value]] = field(default_factory=lambda: {"P": {}})
    sources: dict[str, Source] = field(default_factory=dict)
    slots: dict[str, str] = field(default_factory=dict)
    labels: set[str] = field(default_factory=set)

    def slot(self, span: Span, paragraph: str, sentence: Sentence | None, source: Source | None) -> str:
        """Return the slot body for a printed text, naming its value at its first appearance.

        Without a source the value is the author's own: a parameter of the brief. Only a figure that its sentence names
        gets a label, and no two the same one; a name that holds a digit gets none: it is no fact to be stated.
        """
        printed = paragraph[span.start : span.end]
        if printed not in self.slots:
            owner = "P" if source is None else self.item(source)
            names = self.values.setdefault(owner, {})
            naming = _naming(span, sentence)
            name = _unique(_key(paragraph, span, sentence, naming.topic), names)
            labelled = naming.label and naming.label not in self.labels
            self.labels.add(naming.label)
            names[name] = span.value.model_copy(update={"label": naming.label}) if labelled else span.value
            self.slots[printed] = f"{owner}.{name}"
        return self.slots[printed]

    def item(self, source: Source) -> str:
        """Return the id of the evidence item that stands for a link, or for the proposal's own page."""
        for item_id, known in self.sources.items():
            if known.url == source.url:
                return item_id
        item_id = f"E{len(self.sources) + 1}"
        self.sources[item_id] = source
        return item_id


def invert(proposal: Proposal, template: Template) -> Inverted:
    """Turn a proposal into a case with slotted sections; sections that cannot be inverted are drops."""
    document = parse(proposal.body)
    ledger = _Ledger(proposal)
    specs = [spec for spec in template.sections if spec.writer == "model"]
    done: dict[str, Section] = {}
    drops: list[Drop] = []
    for spec in sorted(specs, key=lambda spec: spec.key not in OWN_WORDS):
        made = _section(spec, document, ledger)
        if isinstance(made, Drop):
            drops.append(made)
        else:
            done[spec.key] = made
    try:
        case = _case(ledger, done)
    except ValidationError as error:
        drops.append(Drop("not-invertible", proposal.id, "sft", detail=str(error.errors()[0]["msg"])[:200]))
        return Inverted(Case(proposal.id, _brief(ledger, {}), {}), {}, drops)
    return _verified(Inverted(case, done, drops))


def _section(spec: SectionSpec, document: Document, ledger: _Ledger) -> Section | Drop:
    prose = _prose(spec, document)
    if prose is None:
        return Drop("no-section", ledger.proposal.id, "sft", spec.key)
    if len(prose.text.split()) < MIN_WORDS:
        return Drop("no-prose", ledger.proposal.id, "sft", spec.key, f"{len(prose.text.split())} words")
    if len(ledger.sources) + len(prose.sources) >= MAX_ITEMS:
        return Drop("too-long", ledger.proposal.id, "sft", spec.key, "too many sources")
    return _slotted_section(spec, prose, ledger)


def _prose(spec: SectionSpec, document: Document) -> Prose | None:
    """Return the prose under the first heading of the section that has enough of it, else under the first one.

    Many proposals have a one-line "Simple Summary" ahead of an "Abstract", and both are names of the summary.
    """
    wanted = {heading_key(name) for name in spec.names()}
    found = [section for section in document.sections if section.level and heading_key(section.title) in wanted]
    lead = _lead(spec, document) if not found else None
    proses = [prose_of(document, section) for section in (*found, *filter(None, (lead,)))]
    return next((prose for prose in proses if len(prose.text.split()) >= MIN_WORDS), proses[0] if proses else None)


def _lead(spec: SectionSpec, document: Document) -> DocumentSection | None:
    """Return what stands before the first heading as the summary of a proposal that has no section of that name."""
    lead = document.sections[0] if document.sections else None
    return lead if spec.key == "summary" and lead is not None and lead.level == 0 else None


def _slotted_section(spec: SectionSpec, prose: Prose, ledger: _Ledger) -> Section | Drop:
    parts: list[str] = []
    for paragraph in prose.paragraphs:
        spans = find_spans(paragraph)
        if spans is None:
            return Drop(
                "not-invertible", ledger.proposal.id, "sft", spec.key, "a figure cannot be printed as it stands"
            )
        parts.append(_with_slots(paragraph, spans, spec, prose, ledger))
    slotted = cite_slots("\n\n".join(parts))
    return Section(spec.key, slotted, (), prose.edits, prose.text)


def _with_slots(paragraph: str, spans: Sequence[Span], spec: SectionSpec, prose: Prose, ledger: _Ledger) -> str:
    """Put a slot in place of each span; a figure of evidence belongs to a link of its sentence, or to the page."""
    sentences = parse(paragraph).sentences
    pieces: list[str] = []
    position = 0
    for span in spans:
        sentence = next((one for one in sentences if one.start <= span.start < one.end), None)
        own = spec.key in OWN_WORDS or not span.states
        source = None if own else _source_of(sentence.text if sentence else paragraph, prose, ledger.proposal)
        body = ledger.slot(span, paragraph, sentence, source)
        pieces += [paragraph[position : span.start], "{{", body, "}}"]
        position = span.end
    return "".join([*pieces, paragraph[position:]])


def _source_of(sentence: str, prose: Prose, proposal: Proposal) -> Source:
    """Return the link whose words stand in the sentence, else the page on which the proposal was discussed."""
    for source in prose.sources:
        if source.words and source.words in sentence and _is_url(source.url):
            return source
    return Source("", proposal.url)


def _is_url(url: str) -> bool:
    try:
        check_url(url)
    except ValueError:
        return False
    return True


# --- figures ----------------------------------------------------------------------------------------------------------


def find_spans(paragraph: str) -> list[Span] | None:
    """Return the spans of a paragraph that hold every digit of it, or None when one cannot be printed again."""
    document = parse(paragraph)
    known = [(date.start, date.end) for date in document.dates if _has_digit(date.text)]
    known += [(amount.start, amount.end) for amount in document.amounts if _has_digit(amount.text)]
    stated = [start for start, _ in known]
    known += [(match.start(), match.end()) for match in _TOKEN.finditer(paragraph)]
    spans: list[Span] = []
    for start, end in _merged(_trimmed(paragraph, known)):
        span = _printable(paragraph, start, end)
        if span is None or (spans and span.start < spans[-1].end):
            return None
        spans.append(replace(span, states=any(start <= place < end for place in stated)))
    return spans


def _has_digit(text: str) -> bool:
    return any(character.isdigit() for character in text)


def _trimmed(text: str, places: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    for start, end in places:
        while start < end and text[start] in _EDGES:
            start += 1
        while end > start and text[end - 1] in _EDGES:
            end -= 1
        if start < end:
            yield start, end


def _merged(places: Iterator[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join places that overlap: a token `45,000` inside the amount `45,000 USDC`."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(places):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _printable(text: str, start: int, end: int) -> Span | None:
    """Return the smallest span around a figure that a value prints exactly: the figure, or it with a word beside it."""
    for place in _candidates(text, start, end):
        printed = text[place[0] : place[1]]
        value = _value(printed)
        if value is not None and format_value(value, "en") == printed:
            return Span(*place, value)
    return None


def _candidates(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    yield start, end
    after = re.compile(r"[ ][A-Za-z][A-Za-z-]{0,30}").match(text, end)
    if after:
        yield start, after.end()
    before = re.compile(r"[A-Za-z][A-Za-z-]{0,30}[ ]\Z").search(text[max(0, start - 40) : start])
    if before:
        yield start - len(before[0]), end


def _value(printed: str) -> Value | None:
    """Read a printed figure as a number with its unit where that prints the same again, else as text."""
    number, _, unit = printed.partition(" ")
    tries = [(number, unit or "count")] if not unit or re.fullmatch(r"[A-Za-z]{2,12}", unit) else []
    if printed.endswith("%"):
        tries.insert(0, (printed[:-1], "%"))
    for digits, of_unit in tries:
        try:
            value = Value.model_validate({"value": digits, "unit": of_unit})
        except ValidationError:
            continue
        if format_value(value, "en") == printed:
            return value
    try:
        return Value.model_validate({"value": printed})
    except ValidationError:
        return None


def _naming(span: Span, sentence: Sentence | None) -> Naming:
    if sentence is None or not span.states:
        return Naming("", "")
    return name_figure(sentence.text, span.start - sentence.start, span.end - sentence.start, span.value)


def _key(paragraph: str, span: Span, sentence: Sentence | None, topic: str) -> str:
    """Return the key of a value: a figure's by its topic, that of a name by the name."""
    if span.states:
        return figure_key(topic, span.value)
    start, text = (sentence.start, sentence.text) if sentence and span.end <= sentence.end else (0, paragraph)
    return reference_key(text, span.start - start, span.end - start, span.value)


def _unique(slug: str, taken: Mapping[str, Value]) -> str:
    name, count = slug, 1
    while name in taken:
        count += 1
        name = f"{slug}_{count}"
    return name


# --- the case ---------------------------------------------------------------------------------------------------------


def _case(ledger: _Ledger, sections: Mapping[str, Section]) -> Case:
    evidence = {item_id: _evidence(item_id, source, ledger) for item_id, source in ledger.sources.items()}
    notes = {key: told for key, section in sections.items() if (told := points(section.original))}
    slotted = {key: section.slotted for key, section in sections.items()}
    return Case(ledger.proposal.id, _brief(ledger, notes), evidence, slotted)


def _brief(ledger: _Ledger, notes: Mapping[str, str]) -> Brief:
    proposal = ledger.proposal
    return Brief(
        topic=proposal.title,
        ask=f"Let the members of {proposal.dao} decide on: {proposal.title}",
        type=proposal_type(proposal.title),
        dao=proposal.dao[:80],
        parameters=ledger.values["P"],
        notes=dict(notes),
    )


def proposal_type(title: str) -> ProposalType:
    """Return the kind of a proposal by the words of its title.

    >>> proposal_type("Grant to the documentation team")
    'grants'
    """
    return next((type_ for word, type_ in _TYPES if word in title.lower()), "signal")


def _evidence(item_id: str, source: Source, ledger: _Ledger) -> Evidence:
    proposal = ledger.proposal
    title = source.words if len(source.words) >= 3 else f"Discussion of {proposal.title}"
    return Evidence(
        id=item_id,
        kind="forum_post" if source.url == proposal.url else "document",
        title=title[:200],
        url=source.url,
        retrieved_at=dt.datetime.combine(proposal.created, dt.time(), dt.UTC),
        values=ledger.values.get(item_id, {}),
    )


def _verified(inverted: Inverted) -> Inverted:
    """Keep the sections whose slots, filled, give the prose back; name the facts of each."""
    case = inverted.case
    for key, section in list(inverted.sections.items()):
        if restore(section.slotted, case) != section.original:
            inverted.drops.append(Drop("round-trip", case.key, "sft", key, "filling the slots gives another text"))
            del inverted.sections[key]
        else:
            section.facts = tuple(stated_facts(section.slotted, case))
    kept = {key: section.slotted for key, section in inverted.sections.items()}
    facts = {key: section.facts for key, section in inverted.sections.items()}
    inverted.case = Case(case.key, case.brief, case.evidence, kept, facts)
    return inverted


def restore(slotted: str, case: Case) -> str:
    """Fill the slots and take the citations away again: the prose as its author wrote it."""
    bare = re.sub(rf"[ ]?{MARK.pattern}", "", slotted)
    return SLOT.sub(lambda match: resolve(match[1], case.evidence, case.brief, case.brief.language).printed, bare)


def slot_known(prose: str, case: Case) -> str:
    """Put the slots of a case into a prose where its figures stand; figures that the case does not have stay."""
    owners = [("P", case.brief.parameters), *((item.id, item.values) for item in case.evidence.values())]
    bodies = {
        format_value(value, "en"): f"{owner}.{name}"
        for owner, values in reversed(owners)
        for name, value in values.items()
    }
    slotted = []
    for paragraph in prose.split("\n\n"):
        position = 0
        for span in find_spans(paragraph) or ():
            body = bodies.get(paragraph[span.start : span.end])
            if body:
                slotted += [paragraph[position : span.start], "{{", body, "}}"]
                position = span.end
        slotted += [paragraph[position:], "\n\n"]
    return cite_slots("".join(slotted).strip())


def stated_facts(slotted: str, case: Case) -> Iterator[Fact]:
    """Yield the facts that slotted text states, as a draft's plan has them: a parameter only where it has a label."""
    for body in dict.fromkeys(SLOT.findall(slotted)):
        owner, _, name = body.partition(".")
        if owner != "P":
            yield value_fact(case.evidence[owner], name, case.brief.language)
        elif fact := parameter_fact(case.brief, name):
            yield fact
