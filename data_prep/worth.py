"""What the rewards give for a text as the answer to a prompt, and the rows that they give full marks.

Training selects and compares with the same judgement that it later rewards; it is computed once for texts that several
row sets ask about.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

from data_prep.keys import is_unnamed
from data_prep.records import BestPromptRow, BestRow, Case, Drop, DropReason, GrpoRow
from data_prep.rows import Prompt, answered, clean, fault, grpo_rows, prompts, required_ids
from proposal.hashing import canonical_json
from proposal.slots import SLOT
from proposal.template import Template
from rewards import COMPONENTS, REWARDS, Analysis, analyse, read_task
from rewards.tone import NOT_NEUTRAL, sentence_severity

LEAST = {"data_citation": 0.9, "numeric_faithfulness": 0.9, "template_adherence": 0.95, "tone_neutrality": 0.9}
"""What each of these rewards has to give for a text that is worth imitating. Brevity and what a section must say are
left to preference: few real sections are full there."""

MAX_CHARACTERS = 6_000
"""Longest prompt and text together, about 1,600 tokens. Half of it left mostly sections shorter than their templates
ask for, and a model that wrote such."""

_TOTAL = next(reward for reward in REWARDS if reward.name == "dao_total")


def analysed(text: str, prompt: Prompt) -> Analysis:
    """Return the analysis of a text as the answer to a prompt."""
    case = prompt.case
    evidence = canonical_json([item.model_dump(mode="json") for item in case.evidence.values()])
    return _analysed(text, evidence, canonical_json(case.brief), case.brief.template, prompt.spec.key,
                     required_ids(prompt))  # fmt: skip


@functools.lru_cache(maxsize=64)
def _analysed(text: str, evidence: str, brief: str, template: str, section: str, required: str) -> Analysis:
    row = {"dao_evidence_json": evidence, "dao_brief_json": brief, "dao_template": template, "dao_section": section,
           "dao_required": required}  # fmt: skip
    return analyse(text, read_task(row, where=section))


def total(text: str, prompt: Prompt) -> float:
    """Return the total reward of a text as the answer to a prompt."""
    return _TOTAL.score(analysed(text, prompt)).value


def best_rows(case: Case, template: Template) -> Iterator[BestRow | Drop]:
    """Yield the section rows worth imitating first: short, and given full marks (`LEAST`); the others are drops.

    A case with foreign or missing evidence gives a row only where its text states a figure or names a gap: otherwise
    the same text stands under the same task already.
    """
    for prompt in prompts(case, template):
        text = clean(case.sections.get(prompt.spec.key, ""))
        found = fault(text, prompt) or _too_poor(text, prompt)
        if found:
            yield Drop(found[0], case.key, "sft_best", prompt.spec.key, found[1])
        else:
            yield BestRow(messages=answered(prompt, text), dao_source=case.key, dao_section=prompt.spec.key,
                          dao_template=case.brief.template)  # fmt: skip


def best_prompts(case: Case, template: Template) -> Iterator[BestPromptRow]:
    """Yield the prompts whose own text is worth imitating and states a figure or names a gap.

    A prompt that has nothing to state gives full marks to almost any text, and one whose figures have no names gives
    them to nobody: neither tells completions apart. Nothing is lost with the others: all prompts stand in `grpo`, and
    why a text is not worth imitating is told by `best_rows`.
    """
    stating = {row.dao_section for row in best_rows(case, template)
               if isinstance(row, BestRow) and SLOT.search(row.messages[-1].content)}  # fmt: skip
    for row in grpo_rows(case, template):
        if isinstance(row, GrpoRow) and row.dao_section in stating:
            yield BestPromptRow(**dict(row))


def _too_poor(text: str, prompt: Prompt) -> tuple[DropReason, str] | None:
    length = len(text) + sum(len(turn.content) for turn in prompt.messages)
    if length > MAX_CHARACTERS:
        return "too-long", f"{length:,} characters with its prompt, more than {MAX_CHARACTERS:,}"
    if "#" in prompt.key and not SLOT.search(text) and "{{TBD:" not in text:
        return "duplicate", "a variant that states nothing teaches the same text again"
    if nameless := _nameless(text, prompt.case):
        return "not-worth", f"no words say what {nameless[0]} measures"
    analysis = analysed(text, prompt)
    low = [reward.name for reward in COMPONENTS if reward.score(analysis).value < LEAST.get(reward.name, 0.0)]
    loaded = any(sentence_severity(one.sentence.text) >= NOT_NEUTRAL for one in analysis.statements)
    if low or loaded:
        return "not-worth", ", ".join([*low, *(["a loaded sentence"] if loaded else [])])
    return None


def _nameless(text: str, case: Case) -> list[str]:
    """Return the slots of figures that no words name; a text among the author's own values is a name itself."""
    stated = {name: one for name, one in case.brief.parameters.items() if one.is_number or is_unnamed(name)}
    own = {f"P.{name}": value for name, value in stated.items()}
    given = {f"{item.id}.{name}": value for item in case.evidence.values() for name, value in item.values.items()}
    values = own | given
    return [body for body in SLOT.findall(text) if body in values and not values[body].label_in(case.brief.language)]
