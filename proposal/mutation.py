"""The mutation engine: plants one violation at a time into a clean proposal and says where.

One asset serves three uses: it measures whether each rule finds what it is for, it makes pairs of a good and a worse
text for training, and it tests rewards. So a mutation is small, plausible, and the same for the same seed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from random import Random

import yaml

from proposal import planting
from proposal.brief import Brief
from proposal.checks import language_of, rule
from proposal.checks.framework import CheckContext
from proposal.document import parse
from proposal.evidence import EvidenceSet
from proposal.planting import Planted
from proposal.planting.slots import SLOT_CHANGES
from proposal.template import Template
from proposal.values import Language

PHRASES_FILE = Path(__file__).with_suffix(".yaml")


@dataclass(frozen=True, slots=True)
class Mutation:
    """One planted violation: `rule` should find it at `start:end` of `text`.

    `evidence` and `brief` are set when the violation lies in them (a changed excerpt, an older source), and None when
    they are as they were.
    """

    kind: str
    rule: str
    text: str
    start: int
    end: int
    note: str
    evidence: EvidenceSet | None = None
    brief: Brief | None = None


@dataclass(frozen=True, slots=True)
class Planter:
    """One kind of violation; `plant` returns None where the text has no place for it."""

    kind: str
    rule: str
    plant: Callable[[CheckContext, Random], Planted | None]


def mutations(
    text: str,
    *,
    template: Template,
    evidence: EvidenceSet | None = None,
    brief: Brief | None = None,
    seed: int = 0,
    kinds: Collection[str] | None = None,
) -> Iterator[Mutation]:
    """Yield one mutation of each kind that the text has a place for; the same seed gives the same mutations.

    Kinds whose rule needs evidence or a brief that is not given are left out. `kinds` limits them to some kinds
    (`mutation_kinds()` lists all).
    """
    language: Language = brief.language if brief else language_of(text)
    context = CheckContext(document=parse(text), template=template, language=language, evidence=evidence, brief=brief)
    for planter in planters():
        if (kinds is not None and planter.kind not in kinds) or not rule(planter.rule).applies(context):
            continue
        planted = planter.plant(context, Random(f"{seed}:{planter.kind}"))
        if planted is not None:
            yield Mutation(kind=planter.kind, rule=planter.rule, **planted.fields())


def slotted_mutation(
    kind: str, slotted: str, *, heading: str, template: Template, evidence: EvidenceSet, brief: Brief, seed: int = 0
) -> str | None:
    """Return a section's slotted text with one violation planted, or None where it has no place for this kind.

    The kinds that read text see it under its heading, as it stands in a proposal; what they change outside the text
    (the title, the evidence) is no mutation of it. `slot_kinds()` are those that exist for slotted text only.
    """
    slot_change = dict(SLOT_CHANGES).get(kind)
    if slot_change is not None:
        return slot_change(slotted, evidence, brief, Random(f"{seed}:{kind}"))
    head = f"# {brief.title or brief.topic}\n\n## {heading}\n\n"
    planted = next(
        mutations(head + slotted, template=template, evidence=evidence, brief=brief, seed=seed, kinds=(kind,)), None
    )
    if planted is None or planted.evidence is not None or planted.brief is not None:
        return None
    return planted.text.removeprefix(head).strip() if planted.text.startswith(head) else None


def slot_kinds() -> tuple[str, ...]:
    """Return the names of the kinds that change slots and citations of slotted text."""
    return tuple(kind for kind, _ in SLOT_CHANGES)


def mutation_kinds() -> tuple[str, ...]:
    """Return the names of all kinds of mutation."""
    return tuple(planter.kind for planter in planters())


@lru_cache(maxsize=1)
def planters() -> tuple[Planter, ...]:
    """Return every planter: those that insert a sentence of the phrase file, and those that change what is there."""
    sentences = yaml.safe_load(PHRASES_FILE.read_text(encoding="utf-8"))
    inserting = [
        Planter(entry["kind"], entry["rule"], planting.inserting(entry, tuple(entry.get("templates", ()))))
        for entry in sentences
    ]
    changing = [Planter(kind, rule, plant) for kind, rule, plant in planting.CHANGES]
    return (*inserting, *changing)
