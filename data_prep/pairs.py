"""Preference pairs on one prompt by a known change for the worse: the reference is preferred to its
mutation.

The prompt is the same on both sides, so a pair teaches the difference and nothing else. Each
mutation is one that the checks and rewards also know (a figure in the wrong sentence, a vague word
for a figure, praise, a repetition), and each result can be written under the serving grammar: a
pair against something that cannot be said teaches nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from data_prep.records import Case, DpoRow, Drop
from data_prep.rows import Prompt, answered, clean, fault, outside_grammar, prompts
from proposal.document import parse
from proposal.slots import MARK, SLOT, resolve
from proposal.template import Template
from proposal.values import Language

_VAGUE = {"en": "a considerable amount", "zh": "相当可观的数额"}
_PRAISE = {
    "en": "This is a unique and outstanding opportunity that no member should miss.",
    "zh": "这是千载难逢的绝佳机会，任何社区成员都不应错过。",
}

Mutation = Callable[[str, Prompt], str]


def mutation_pairs(case: Case, template: Template) -> Iterator[DpoRow | Drop]:
    """Pair each reference section with every mutation that changes it; a section that none changes
    is a drop.
    """
    for prompt in prompts(case, template):
        chosen = clean(case.sections.get(prompt.spec.key, ""))
        problem = fault(chosen, prompt)
        if problem:
            yield Drop(problem[0], case.key, "dpo", prompt.spec.key, problem[1])
            continue
        pairs = list(_mutated(chosen, prompt))
        if not pairs:
            yield Drop(
                "no-mutation",
                case.key,
                "dpo",
                prompt.spec.key,
                "no known change applies to this text",
            )
        yield from (_row(prompt, chosen, rejected, kind) for kind, rejected in pairs)


def _mutated(chosen: str, prompt: Prompt) -> Iterator[tuple[str, str]]:
    for kind, mutate in MUTATIONS:
        rejected = mutate(chosen, prompt)
        if rejected != chosen and not outside_grammar(rejected):
            yield kind, rejected


def _row(prompt: Prompt, chosen: str, rejected: str, kind: str) -> DpoRow:
    return DpoRow(
        messages=answered(prompt, chosen),
        rejected_response=rejected,
        dao_pair=kind,
        dao_source=prompt.key,
        dao_section=prompt.spec.key,
        dao_template=prompt.case.brief.template,
    )


def swap_figures(text: str, prompt: Prompt) -> str:
    """Exchange the first two figures that a reader could mistake for each other: same unit, other
    value.

    The citations stay where they are, so the sentence now states a figure that its evidence does
    not.
    """
    slots = list(SLOT.finditer(text))
    for index, first in enumerate(slots):
        for second in slots[index + 1 :]:
            if _interchangeable(first[1], second[1], prompt):
                between = text[first.end() : second.start()]
                return text[: first.start()] + second[0] + between + first[0] + text[second.end() :]
    return text


def _interchangeable(first: str, second: str, prompt: Prompt) -> bool:
    case = prompt.case
    a, b = (resolve(body, case.evidence, case.brief, case.brief.language).value for body in (first, second))
    return a is not None and b is not None and a.unit == b.unit and a.value != b.value


def blur_figure(text: str, prompt: Prompt) -> str:
    """Put a vague word for the first figure and take the citation behind it away."""
    return re.sub(
        rf"{SLOT.pattern}(?:[ \t]?{MARK.pattern}){{0,5}}",
        _VAGUE[prompt.case.brief.language],
        text,
        count=1,
    )


def add_praise(text: str, prompt: Prompt) -> str:
    """End with a sentence that urges the reader."""
    return _joined([text, _PRAISE[prompt.case.brief.language]], prompt.case.brief.language)


def repeat_sentence(text: str, prompt: Prompt) -> str:
    """Say the first sentence again at the end."""
    first = parse(text).sentences[0].text.strip()
    return _joined([text, first], prompt.case.brief.language)


def _joined(parts: list[str], language: Language) -> str:
    return ("" if language == "zh" else " ").join(parts)


MUTATIONS: tuple[tuple[str, Mutation], ...] = (
    ("swapped-figures", swap_figures),
    ("blurred-figure", blur_figure),
    ("praise", add_praise),
    ("repetition", repeat_sentence),
)
"""Every mutation with the name that its pairs carry in `dao_pair`."""
