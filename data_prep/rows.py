"""Rows for ms-swift out of cases and reviews, one per model-written section.

The prompt of a row is rendered by `proposal.prompt.section_messages`, the function that serving
calls, with the facts that serving would plan: a model never meets a prompt in service that it was
not trained on. Nothing here reads a file or a clock. What cannot become an honest row is handed
back as a `Drop`, never left out.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from data_prep.records import (
    Case,
    DpoRow,
    Drop,
    DropReason,
    GrpoRow,
    KtoRow,
    Message,
    Method,
    ReviewedDraft,
    SftRow,
    index,
)
from proposal.brief import Brief
from proposal.decisions import check_chain
from proposal.draft import Draft, SectionDraft
from proposal.evidence import EvidenceSet
from proposal.grammar import numeral_characters
from proposal.hashing import canonical_json
from proposal.plan import Fact, plan_facts
from proposal.prompt import section_messages, whole_messages
from proposal.sections import Material, server_text
from proposal.slots import MARK, SLOT, fill
from proposal.template import SectionSpec, Template

MAX_CHARACTERS = 16_000
"""Longest row, prompt and text together; a preflight counts its tokens."""

MIN_SECTIONS = 3
"""Sections that make a whole proposal."""

_UNWRITABLE = ("http", "](", "<", "`", "#", "|", "{{", "[[", "}}", "]]")
"""What the serving grammar excludes outside slots and marks: teaching it would teach what can never
be said.
"""

Messages = tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Prompt:
    """The prompt of one section with what it was made from."""

    key: str
    case: Case
    spec: SectionSpec
    template: Template
    facts: tuple[Fact, ...]
    messages: Messages


def prompts(case: Case, template: Template) -> Iterator[Prompt]:
    """Render the prompt of every section that a model writes for this case, as serving would.

    A case that brings its facts has prompts for the sections of these only.
    """
    sections = template.sections_for(case.brief)
    plan = case.facts or plan_facts(sections, evidence=case.evidence, brief=case.brief)
    for spec in sections:
        if spec.writer == "model" and spec.key in plan:
            facts = plan[spec.key]
            turns = section_messages(spec, facts, brief=case.brief, evidence=case.evidence, template=template)
            yield Prompt(case.key, case, spec, template, facts, tuple(Message.model_validate(turn) for turn in turns))


def sft_rows(case: Case, template: Template) -> Iterator[SftRow | Drop]:
    """Turn the reference sections of a case into supervised rows."""
    known = set()
    for prompt in prompts(case, template):
        known.add(prompt.spec.key)
        slotted = clean(case.sections.get(prompt.spec.key, ""))
        yield _refused(prompt, slotted, "sft") or SftRow(messages=answered(prompt, slotted), **_origin(prompt))
    for key in case.sections:
        if key not in known:
            yield Drop(
                "not-a-model-section",
                case.key,
                "sft",
                key,
                f"the template '{template.name}' has no such section",
            )


def whole_rows(case: Case, template: Template) -> Iterator[SftRow | Drop]:
    """Turn a case into one supervised row of the whole proposal, its sections under their headings.

    Only sections with a good text are asked for; with fewer than three of them it is no whole proposal.
    """
    parts = [(prompt, clean(case.sections.get(prompt.spec.key, ""))) for prompt in prompts(case, template)]
    good = [(prompt, slotted) for prompt, slotted in parts if not fault(slotted, prompt)]
    if len(good) < MIN_SECTIONS:
        reason: DropReason = "no-section" if case.sections else "no-reference"
        yield Drop(reason, case.key, "sft", detail=f"{len(good)} sections for a whole proposal")
        return
    turns = whole_messages([(prompt.spec, prompt.facts) for prompt, _ in good], brief=case.brief,
                           evidence=case.evidence, template=template)  # fmt: skip
    language = case.brief.language
    text = "\n\n".join(f"## {prompt.spec.heading_in(language)}\n\n{slotted}" for prompt, slotted in good)
    length = len(text) + sum(len(turn["content"]) for turn in turns)
    if length > MAX_CHARACTERS:
        yield Drop("too-long", case.key, "sft", detail=f"{length:,} characters as a whole proposal")
        return
    messages = tuple(Message.model_validate(turn) for turn in [*turns, {"role": "assistant", "content": text}])
    yield SftRow(messages=messages, dao_source=case.key, dao_section="", dao_template=case.brief.template)


def grpo_rows(case: Case, template: Template) -> Iterator[GrpoRow | Drop]:
    """Turn a case into prompts for reinforcement learning.

    A reference stands only in the rows of a case written by hand, where it is a good text: a published proposal may be
    too short for its template, or loaded, and a preflight holds references against the rewards.
    """
    evidence = canonical_json([item.model_dump(mode="json") for item in case.evidence.values()])
    brief = canonical_json(case.brief)
    for prompt in prompts(case, template):
        reference = clean(case.sections.get(prompt.spec.key, ""))
        yield GrpoRow(
            messages=prompt.messages,
            dao_evidence_json=evidence,
            dao_brief_json=brief,
            dao_required=required_ids(prompt),
            dao_reference="" if case.facts or fault(reference, prompt) else reference,
            **_origin(prompt),
        )


def kto_rows(reviewed: ReviewedDraft, template: Template) -> Iterator[KtoRow | Drop]:
    """Turn the committee's decisions on one version into judged texts, one per section that a model
    or a person wrote.

    Enough approvals and no objection make the texts wanted; a standing rejection or request for
    changes makes them unwanted; a version that is not decided yields nothing but its drop.
    """
    broken = check_chain(reviewed.review.decisions)
    if broken:
        yield Drop("decision-chain-broken", reviewed.source, "kto", detail=broken[0].message)
        return
    label = wanted(reviewed)
    if label is None:
        yield Drop("undecided", reviewed.source, "kto", detail="neither approved nor refused")
        return
    for prompt, slotted in draft_sections(reviewed.draft, reviewed.source, template):
        yield _refused(prompt, slotted, "kto") or KtoRow(
            messages=answered(prompt, slotted), label=label, **_origin(prompt)
        )


def wanted(reviewed: ReviewedDraft) -> bool | None:
    """Tell what the committee made of a version: True approved, False refused, None not decided."""
    state = reviewed.review.state(reviewed.draft)
    if any(decision.verdict != "approve" for decision in state.standing):
        return False
    return True if state.approvals >= state.needed else None


def edit_pairs(before: ReviewedDraft, after: ReviewedDraft, template: Template) -> Iterator[DpoRow | Drop]:
    """Turn an edit into preference pairs: of each changed section the later text is preferred.

    Only where both versions answer the same brief and evidence, and where the committee did not
    refuse the later one: a change for the worse is no preference.
    """
    source = f"{before.source}-{after.review.version}"
    if before.draft.brief != after.draft.brief or before.draft.evidence != after.draft.evidence:
        yield Drop("other-brief", source, "dpo", detail="brief or evidence changed in between")
        return
    if wanted(after) is False:
        yield Drop("undecided", source, "dpo", detail="the committee refused the later version")
        return
    old = {prompt.spec.key: slotted for prompt, slotted in draft_sections(before.draft, source, template)}
    for prompt, slotted in draft_sections(after.draft, source, template):
        key = prompt.spec.key
        if not old.get(key) or old[key] == slotted:
            yield Drop("no-change", source, "dpo", key)
        else:
            yield _refused(prompt, slotted, "dpo") or DpoRow(
                messages=answered(prompt, slotted),
                rejected_response=old[key],
                dao_pair="edit",
                **_origin(prompt),
            )


def draft_sections(draft: Draft, source: str, template: Template) -> Iterator[tuple[Prompt, str]]:
    """Yield each section that was written (not assembled), with its prompt and its text without
    server parts.
    """
    evidence = index(draft.evidence)
    written: Mapping[str, SectionDraft] = {part.key: part for part in draft.sections if part.writer != "server"}
    for prompt in prompts(Case(source, draft.brief, evidence), template):
        if prompt.spec.key in written:
            yield prompt, without_appended(written[prompt.spec.key].slotted, prompt, evidence)


def without_appended(slotted: str, prompt: Prompt, evidence: EvidenceSet) -> str:
    """Cut off what the server adds below a section's text (tables): the model did not write it."""
    material = Material(prompt.case.brief, evidence, prompt.template)
    for content in reversed(prompt.spec.append):
        slotted = slotted.removesuffix(server_text(content, material)).rstrip()
    return clean(slotted)


def clean(slotted: str) -> str:
    """Fold line breaks and runs of spaces inside paragraphs: a reference is written in wrapped
    lines.

    >>> clean("One\\nline. \\n\\nNext.")
    'One line.\\n\\nNext.'
    """
    paragraphs = re.split(r"\n[ \t]*\n", slotted.strip())
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs if paragraph.strip())


def answered(prompt: Prompt, slotted: str) -> Messages:
    """Return the turns of a prompt with the text as the assistant's answer."""
    return (*prompt.messages, Message(role="assistant", content=slotted))


def required_ids(prompt: Prompt) -> str:
    """Return the ids of the evidence that the section was told to state, as a JSON list."""
    return json.dumps(list(dict.fromkeys(item_id for fact in prompt.facts for item_id in fact.ids)))


def _origin(prompt: Prompt) -> dict[str, str]:
    return {
        "dao_source": prompt.key,
        "dao_section": prompt.spec.key,
        "dao_template": prompt.case.brief.template,
    }


def _refused(prompt: Prompt, slotted: str, method: Method) -> Drop | None:
    found = fault(slotted, prompt)
    return Drop(found[0], prompt.key, method, prompt.spec.key, found[1]) if found else None


def fault(slotted: str, prompt: Prompt) -> tuple[DropReason, str] | None:
    """Return why a slotted text must not be taught for this prompt, or None when it may."""
    brief: Brief = prompt.case.brief
    if not slotted:
        return ("no-reference", "no text was given") if not prompt.case.sections else ("empty", "the section is empty")
    length = len(slotted) + sum(len(turn.content) for turn in prompt.messages)
    if length > MAX_CHARACTERS:
        return "too-long", f"{length:,} characters with its prompt, more than {MAX_CHARACTERS:,}"
    filled = fill(slotted, evidence=prompt.case.evidence, brief=brief, language=brief.language)
    if filled.unknown:
        return "unknown-slot", f"'{filled.unknown[0]}' is not among the evidence and parameters"
    unwritable = outside_grammar(slotted)
    if unwritable:
        return "outside-grammar", f"'{unwritable}' cannot be written in service"
    unstated = next((fact.slot for fact in prompt.facts if "{{" + fact.slot + "}}" not in slotted), None)
    if unstated:
        return "fact-not-stated", f"the prompt asks for {{{{{unstated}}}}}"
    return None


def outside_grammar(slotted: str) -> str:
    """Return the first thing in the prose that the serving grammar cannot produce, or an empty
    string.

    >>> outside_grammar("Sales fell to {{E1.sales_q3}} [[E1]].")
    ''
    >>> outside_grammar("Sales fell by 20 percent.")
    '2'
    """
    prose = MARK.sub(" ", SLOT.sub(" ", slotted))
    digit = next((character for character in prose if character in _numerals()), "")
    return digit or next((piece for piece in _UNWRITABLE if piece in prose), "")


@functools.cache
def _numerals() -> frozenset[str]:
    return frozenset(numeral_characters())
