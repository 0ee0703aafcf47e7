"""Preparing a draft: everything that is decided before a model is asked, and that stays the same while it writes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from proposal.brief import Brief
from proposal.draft import DraftRequest
from proposal.errors import InputError
from proposal.evidence import EvidenceSet, index_evidence
from proposal.plan import Fact, plan_facts
from proposal.sections import Material
from proposal.slots import Vocabulary, vocabulary
from proposal.template import SectionSpec, Template, builtin_template
from rewards.wording import terms


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything that stays the same while one draft is written.

    `names` holds every Latin word of brief, evidence and template in small letters: what a sentence may name. `topics`
    holds the terms (`rewards.wording.terms`) of brief and evidence: what a sentence may be about; `labels` the terms
    that name the figure of each slot.
    """

    request: DraftRequest
    template: Template
    evidence: EvidenceSet
    words: Vocabulary
    plan: Mapping[str, tuple[Fact, ...]]
    sections: tuple[SectionSpec, ...]
    names: frozenset[str]
    topics: frozenset[str]
    labels: Mapping[str, frozenset[str]]

    @property
    def material(self) -> Material:
        return Material(self.request.brief, self.evidence, self.template)


def prepare(request: DraftRequest, template: Template | None = None) -> Prepared:
    """Resolve the template, index the evidence and plan the facts; raises `InputError` before any model is asked.

    Without a given template the brief names a built-in one: a request must not make us read a file.
    """
    brief = request.brief
    template = template or builtin_template(brief.template)
    if brief.language not in template.languages:
        raise InputError(f"the template '{template.name}' has no language '{brief.language}'", where="brief.language",
                         expected=f"one of: {', '.join(template.languages)}")  # fmt: skip
    sections = template.sections_for(brief)
    unknown = set(brief.notes) - {section.key for section in sections}
    if unknown:
        raise InputError(f"'{sorted(unknown)[0]}' is not a section of the template '{template.name}'",
                         where="brief.notes", expected=", ".join(section.key for section in sections))  # fmt: skip
    evidence = index_evidence(request.evidence, where="evidence")
    given = " ".join(_texts(request.model_dump(mode="json")))
    return Prepared(
        request=request,
        template=template,
        evidence=evidence,
        words=vocabulary(evidence, brief),
        plan=plan_facts(sections, evidence=evidence, brief=brief),
        sections=sections,
        names=frozenset(re.findall(r"[a-z]+", f"{given} {template.model_dump_json()}".lower())),
        topics=terms(given),
        labels=dict(_labels(brief, evidence)),
    )


def _labels(brief: Brief, evidence: EvidenceSet) -> Iterator[tuple[str, frozenset[str]]]:
    owners = [("P", brief.figures), *((item.id, item.values) for item in evidence.values())]
    for owner, values in owners:
        for name, value in values.items():
            yield f"{owner}.{name}", terms(value.label_in(brief.language))


def _texts(data: Any) -> Iterator[str]:
    """Yield every text of JSON data; the keys of its objects are our words, not the author's."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict | list):
        for one in data.values() if isinstance(data, dict) else data:
            yield from _texts(one)
