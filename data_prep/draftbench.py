"""DraftBench items: briefs and evidence of held-out proposals, with what a good draft of each has and has not.

An item is a proposal that no row was made from, inverted (`data_prep.inversion`): its brief, its evidence mixed with
evidence of other proposals, the facts each section has to state, and the prose its author wrote. A tenth of the items
lack evidence for a figure that the author's points ask for: there the right draft says that it is missing. The ids are
frozen in the repository, the texts are not: items are made again from the data wherever it is.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from data_prep.faults import Fault
from data_prep.inversion import Inverted
from data_prep.reading import read_rows
from data_prep.records import Case
from data_prep.variants import with_distractors, with_missing
from proposal.brief import Brief
from proposal.draft import Draft
from proposal.errors import InputError
from proposal.evidence import Evidence
from proposal.inputs import validate
from proposal.plan import Fact
from proposal.slots import resolve
from proposal.template import Template, builtin_template
from proposal.whole_files import write_whole

DISTRACTOR_SHARE = 0.3
"""Share of an item's evidence that has nothing to do with it."""

MISSING_EVERY = 10
"""One item of so many lacks evidence for a figure that is asked for."""

Kind = Literal["plain", "missing"]


class PlannedFact(BaseModel):
    """One fact that a section has to state, as `proposal.plan.Fact` holds it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    subject: str
    slot: str
    ids: tuple[str, ...] = ()
    kind: str

    def fact(self) -> Fact:
        return Fact(self.subject, self.slot, self.ids, self.kind)


class BenchItem(BaseModel):
    """One item: what a drafter is given (`brief`, `evidence`, `plan`) and what its draft is held against.

    `foreign` are ids of evidence that no good draft cites; `absent` are the printed figures whose evidence was taken
    away, and the words under which the author's points ask for them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    dao: str
    kind: Kind
    brief: Brief
    evidence: tuple[Evidence, ...] = Field(min_length=1)
    plan: dict[str, tuple[PlannedFact, ...]]
    reference: dict[str, str] = Field(min_length=1)
    foreign: tuple[str, ...] = ()
    absent: dict[str, str] = Field(default_factory=dict)


class ItemDraft(BaseModel):
    """One drafted item: by which line of drafting, the best of how many, and the draft."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    line: str
    best_of: int
    draft: Draft


def template_for(item: BenchItem) -> Template:
    """Return the brief's template with the model-written sections that the original has, and all of the server's."""
    template = builtin_template(item.brief.template)
    kept = tuple(spec for spec in template.sections if spec.writer != "model" or spec.key in item.plan)
    return template.model_copy(update={"sections": kept})


def bench_items(inverted: Sequence[Inverted], *, seed: int, own_dao: bool = True) -> Iterator[BenchItem]:
    """Turn held-out proposals into items, in an order that does not depend on how they were listed.

    Proposals that state nothing from evidence are left out: there is nothing to cite in them. One item in ten lacks
    evidence, as far as there is a proposal that can spare some. `own_dao` tells whether foreign evidence is taken from
    proposals of the same DAO first, else from those of other DAOs only.
    """
    usable = [one for one in inverted if any(fact.ids for section in one.sections.values() for fact in section.facts)]
    ranked = sorted(usable, key=lambda one: _rank(one.case.key, seed))
    lacking = 0
    for place, one in enumerate(ranked):
        others = [
            item
            for other in _neighbours(ranked, place, one.case.brief.dao, own_dao=own_dao)
            for item in other.case.evidence.values()
        ]
        reduced = with_missing(one.case, seed=seed) if lacking * MISSING_EVERY <= place else None
        lacking += reduced is not None
        yield _item(one, reduced, others, seed=seed)


def _neighbours(ranked: Sequence[Inverted], place: int, dao: str, *, own_dao: bool) -> Iterator[Inverted]:
    """Yield a few other proposals, of the same DAO first: their evidence is the hardest to tell from one's own."""
    others = [*ranked[place + 1 :], *ranked[:place]]
    wanted = [one for one in others if (one.case.brief.dao == dao) == own_dao]
    yield from (wanted or others)[:3]


def _item(one: Inverted, reduced: Case | None, others: Sequence[Evidence], *, seed: int) -> BenchItem:
    own = reduced or one.case
    count = max(1, math.ceil(len(own.evidence) * DISTRACTOR_SHARE / (1 - DISTRACTOR_SHARE)))
    mixed = with_distractors(own, others, seed=seed, count=count) or own
    return BenchItem(
        id=one.case.key,
        dao=own.brief.dao,
        kind="missing" if reduced else "plain",
        brief=own.brief,
        evidence=tuple(mixed.evidence.values()),
        plan={key: tuple(_planned(fact) for fact in facts) for key, facts in own.facts.items()},
        reference={key: section.original for key, section in one.sections.items()},
        foreign=tuple(item_id for item_id in mixed.evidence if item_id not in own.evidence),
        absent=_absent(one.case, reduced) if reduced else {},
    )


def _absent(case: Case, reduced: Case) -> dict[str, str]:
    """Return what the facts that were taken away would have printed, with their names."""
    left = {fact.slot for facts in reduced.facts.values() for fact in facts}
    gone = {fact.slot: fact.subject for facts in case.facts.values() for fact in facts if fact.slot not in left}
    return {
        resolve(slot, case.evidence, case.brief, case.brief.language).printed: subject for slot, subject in gone.items()
    }


def _planned(fact: Fact) -> PlannedFact:
    return PlannedFact(subject=fact.subject, slot=fact.slot, ids=fact.ids, kind=fact.kind)


def write_items(items: Iterable[BenchItem], path: Path) -> int:
    """Write items as JSON Lines, whole or not at all; return how many."""
    lines = [item.model_dump_json() for item in items]
    write_whole(path, "".join(f"{line}\n" for line in lines).encode())
    return len(lines)


def read_items(path: Path) -> list[BenchItem]:
    """Read the items of a JSON Lines file; a line that is none is an error that names it."""
    items = []
    for row in read_rows(path):
        if isinstance(row, Fault):
            raise InputError(row.message, where=f"{row.file}:{row.line}", fix=row.fix)
        items.append(validate(BenchItem, row.data, where=f"{path}:{row.line}"))
    if not items:
        raise InputError("holds no item", where=str(path), fix="make the items again (docs/draftbench.md)")
    return items


def _rank(key: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}\0{key}".encode()).hexdigest()
