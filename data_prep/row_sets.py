"""Which functions make rows of which records: the one visible list that a build, a stream and a cluster run.

Every function here is pure: records in, rows or counted drops out. Another kind of row is a function in this list.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence

from data_prep.inversion import invert
from data_prep.pairs import mutation_pairs
from data_prep.proposals import Proposal
from data_prep.published import cpt_rows, vote_rows
from data_prep.records import ROW_OF, Case, Drop, Method, ReviewedDraft, Row
from data_prep.revisions import revision_rows
from data_prep.rows import edit_pairs, grpo_rows, kto_rows, sft_rows, whole_rows
from data_prep.timing import as_of, known_by
from data_prep.variants import with_distractors, with_missing
from proposal.evidence import Evidence
from proposal.template import Template, load_template

Made = Iterator[Row | Drop]

OF_CASE: tuple[Callable[[Case, Template], Made], ...] = (
    sft_rows,
    whole_rows,
    mutation_pairs,
    grpo_rows,
)
"""What every case gives, be it written by hand or inverted from a proposal."""

OF_VARIANT: tuple[Callable[[Case, Template], Made], ...] = (sft_rows, grpo_rows)
"""What a case with foreign or missing evidence gives."""

OF_PROPOSAL: tuple[Callable[[Proposal], Made], ...] = (cpt_rows,)
"""What a published proposal gives as it stands."""

OF_VOTE: tuple[Callable[[Case, Template, str], Made], ...] = (vote_rows,)
"""What an inverted proposal gives with its outcome."""

OF_HISTORY: tuple[Callable[[Sequence[Proposal], Template], Made], ...] = (revision_rows,)
"""What the proposals of one DAO and side give together."""

TEMPLATE = "generic"
"""The template that published proposals are inverted into: its sections go by the names that all DAOs use."""

_METHOD_OF: dict[type[Row], Method] = {row: method for method, row in ROW_OF.items()}


def method_of(row: Row) -> Method:
    """Return the method that a row is for."""
    return _METHOD_OF[type(row)]


def rows_of_case(case: Case) -> Made:
    """Make the rows of a case that was written by hand."""
    template = load_template(case.brief.template)
    for make in OF_CASE:
        yield from make(case, template)


def rows_of_proposal(
    proposal: Proposal, before: Sequence[Evidence], seed: int | None
) -> tuple[list[Row | Drop], list[Evidence]]:
    """Make the rows of a published proposal; return them with its evidence, from which a later one may be distracted.

    `before` is the evidence of an earlier proposal of the same side; what is later than this proposal is left out.
    """
    template = load_template(TEMPLATE)
    made: list[Row | Drop] = [item for make in OF_PROPOSAL for item in make(proposal)]
    inverted = invert(proposal, template)
    made += inverted.drops
    if not inverted.sections:
        return made, []
    case = as_of(inverted.case, proposal.created)
    if isinstance(case, Drop):
        return [*made, case], []
    made += [item for make in OF_CASE for item in make(case, template)]
    made += [item for make in OF_VOTE for item in make(case, template, proposal.outcome)]
    if seed is not None:
        for variant in variants(case, before, proposal.created, seed):
            made += [item for make in OF_VARIANT for item in make(variant, template)]
    return made, list(case.evidence.values())


def variants(case: Case, others: Sequence[Evidence], day: dt.date, seed: int) -> Iterator[Case]:
    """Yield the case with foreign evidence that was known on the day, and with some of its own missing."""
    yield from filter(None, (with_distractors(case, known_by(others, day), seed=seed), with_missing(case, seed=seed)))


def rows_of_history(proposals: Sequence[Proposal]) -> Made:
    """Make the rows that several proposals of one DAO and side give together."""
    template = load_template(TEMPLATE)
    for make in OF_HISTORY:
        yield from make(proposals, template)


def rows_of_reviews(reviews: Iterator[ReviewedDraft]) -> Made:
    """Make the rows of reviewed drafts: judged texts, and pairs of a text before and after an edit."""
    latest: dict[str, ReviewedDraft] = {}
    for reviewed in reviews:
        template = load_template(reviewed.draft.brief.template)
        yield from kto_rows(reviewed, template)
        draft_id = reviewed.review.draft_id
        before = latest.get(draft_id)
        if before is not None and before.review.version < reviewed.review.version:
            yield from edit_pairs(before, reviewed, template)
        latest[draft_id] = reviewed
