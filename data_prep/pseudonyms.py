"""Reviewed drafts without the names of people: what learning gets of a committee's work.

Every author and reviewer becomes `person-N`, in the order in which they first appear over a whole export, so one person
has one name in it and nothing can be guessed back. The chain of decisions is bound to names by its hashes and is built
again over the new ones, after it was checked; signatures name wallets and are left out.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from data_prep.records import ReviewedDraft
from proposal.decisions import Ballot, Decision, Review, append_decision, check_chain, signature_faults, subject_of
from proposal.draft import Draft
from proposal.errors import IntegrityError
from proposal.people import person_key
from proposal.template import ReviewProfile

MIN_NAME = 2
"""Characters of the shortest name that is looked for inside texts: one letter is a word too often."""


@dataclass(frozen=True, slots=True)
class DraftVersion:
    """One stored version of a draft with the gate it was reviewed under."""

    number: int
    draft: Draft
    profile: ReviewProfile


@dataclass(slots=True)
class Pseudonyms:
    """The names given so far; spellings that are one person share one."""

    given: dict[str, str] = field(default_factory=dict)
    spellings: set[str] = field(default_factory=set)

    def of(self, name: str) -> str:
        """Return the pseudonym of a person, and know the spelling from now on."""
        self.spellings.add(name.strip())
        return self.given.setdefault(person_key(name), f"person-{len(self.given) + 1}")

    def within(self, text: str) -> str:
        """Return a text with every known name in it replaced, the longer ones first."""
        for name in sorted(self.spellings, key=lambda name: (-len(name), name)):
            if len(name) >= MIN_NAME:
                text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", self.of(name), text, flags=re.IGNORECASE)
        return text


def pseudonymous(
    draft_id: str,
    versions: Sequence[DraftVersion],
    chain: Sequence[Decision],
    *,
    asked_at: dt.datetime,
    names: Pseudonyms,
) -> Iterator[ReviewedDraft]:
    """Yield every version of one draft with its review, names replaced; raise `IntegrityError` for a broken chain."""
    broken = [*check_chain(chain), *signature_faults(chain)]
    if broken:
        raise IntegrityError(broken[0].message, where=f"draft {draft_id}", fix="restore the database from a backup")
    for name in (
        *(author for version in versions for author in version.draft.brief.authors),
        *(d.reviewer for d in chain),
    ):
        names.of(name)
    drafts = {version.number: _without_names(version.draft, names) for version in versions}
    profiles = {v.number: v.profile.model_copy(update={"signatures": "optional"}) for v in versions}
    required = {version.number for version in versions if version.profile.signatures == "required"}
    rebuilt: list[Decision] = []
    for decision in chain:
        unsigned = decision.version in required and decision.verdict == "approve" and decision.signature is None
        if decision.version in drafts and not unsigned:
            ballot = _ballot(decision, drafts[decision.version], profiles[decision.version], names)
            rebuilt.append(append_decision(ballot, previous=rebuilt[-1] if rebuilt else None))
    for version in versions:
        review = Review(draft_id=draft_id, version=version.number, profile=profiles[version.number],
                        decisions=tuple(rebuilt), asked_at=asked_at)  # fmt: skip
        yield ReviewedDraft(draft=drafts[version.number], review=review)


def _ballot(decision: Decision, draft: Draft, profile: ReviewProfile, names: Pseudonyms) -> Ballot:
    subject = subject_of(draft, draft_id=decision.draft_id, version=decision.version, profile=profile)
    return Ballot(
        **subject.model_dump(exclude={"opened_at"}),
        reviewer=names.of(decision.reviewer),
        verdict=decision.verdict,
        reason=names.within(decision.reason),
        decided_at=decision.decided_at,
    )


def _without_names(draft: Draft, names: Pseudonyms) -> Draft:
    """Replace names in what people wrote; evidence is published and stays as it was cited."""
    fields: dict[str, Any] = draft.model_dump(mode="json")
    for name in ("title", "text", "sections", "brief", "findings"):
        fields[name] = _replaced(fields[name], names)
    return Draft.model_validate(fields)


def _replaced(value: Any, names: Pseudonyms) -> Any:
    if isinstance(value, str):
        return names.within(value)
    if isinstance(value, list):
        return [_replaced(item, names) for item in value]
    if isinstance(value, dict):
        return {key: _replaced(item, names) for key, item in value.items()}
    return value
