"""The lexicons beside this module, read once: groups of phrases with the rule that reports them.

They are YAML and not code, so that a reviewer of a DAO can read and correct them. All of them are searched in one
pass, because reading a text once for every rule would cost more than all rules together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from proposal.checks.framework import CheckContext
from proposal.checks.packs import pack_clauses
from proposal.checks.phrases import Phrase, PhraseBook, PhraseHit
from proposal.findings import Severity

FILES = ("tone.yaml", "injection.yaml", "statements.yaml", "subjects.yaml")


@dataclass(frozen=True, slots=True)
class Group:
    """Phrases that mean the same to a rule; `says` is what a message calls them."""

    tag: str
    rule: str
    says: str
    severity: Severity | None
    phrases: tuple[str, ...]
    unless: tuple[str, ...]


@lru_cache(maxsize=1)
def groups() -> dict[str, Group]:
    """Return every group by its tag."""
    found: dict[str, Group] = {}
    for file in FILES:
        data = yaml.safe_load((Path(__file__).parent / file).read_text(encoding="utf-8"))
        for index, entry in enumerate(data):
            group = _group(entry, f"{file}:{index}")
            found[group.tag] = group
    return found


def _group(entry: dict[str, Any], tag: str) -> Group:
    return Group(
        tag=tag,
        rule=entry["rule"],
        says=entry["says"],
        severity=entry.get("severity"),
        phrases=tuple(map(str, entry["phrases"])),
        unless=tuple(map(str, entry.get("unless", ()))),
    )


@lru_cache(maxsize=64)
def _book(template: str) -> PhraseBook:
    """Return all lexicons in one book, with the clauses that bind a template."""
    phrases = [Phrase(group.tag, text, group.unless) for group in groups().values() for text in group.phrases]
    for clause in pack_clauses().values():
        if template and clause.binds(template):
            phrases += [Phrase(clause.id, text, clause.unless) for text in clause.phrases]
    return PhraseBook(phrases)


def _search(context: CheckContext) -> None:
    """Search the text once for everything, and keep the hits by their rule (of packs, under one name)."""
    context.phrase_hits[_SEARCHED] = []
    for hit in _book(context.template.name).find(context.folded):
        group = groups().get(hit.phrase.tag)
        context.phrase_hits.setdefault(group.rule if group else _PACK, []).append(hit)


_SEARCHED, _PACK = "", "pack"


def hits(context: CheckContext, rule: str) -> Sequence[tuple[Group, PhraseHit]]:
    """Return where the phrases of a rule stand in the text, in order."""
    if _SEARCHED not in context.phrase_hits:
        _search(context)
    return [(groups()[hit.phrase.tag], hit) for hit in context.phrase_hits.get(rule, ())]


def pack_hits(context: CheckContext) -> Sequence[PhraseHit]:
    """Return where the wording of clauses of the template's rule packs stands; the tag is the clause's id."""
    if _SEARCHED not in context.phrase_hits:
        _search(context)
    return context.phrase_hits.get(_PACK, [])


@lru_cache(maxsize=1024)
def find(text: str, rule: str) -> Sequence[tuple[Group, PhraseHit]]:
    """Return where the phrases of a rule stand in a folded text that is not the document (an excerpt, a title)."""
    found = ((groups()[hit.phrase.tag], hit) for hit in _book("").find(text))
    return tuple((group, hit) for group, hit in found if group.rule == rule)
