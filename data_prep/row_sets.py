"""Which functions make rows of which records: the one visible list that a build, a stream and a cluster run.

Every function here is pure: records in, rows or counted drops out. Another kind of row is a function in this list.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence

from data_prep.chart_rows import Picture, chart_rows
from data_prep.inversion import invert
from data_prep.pairs import mutation_pairs
from data_prep.proposals import Proposal
from data_prep.published import cpt_rows, vote_rows
from data_prep.records import METHODS, ROW_OF, Case, Drop, Method, ReviewedDraft, Row
from data_prep.revisions import revision_rows
from data_prep.rows import edit_pairs, grpo_rows, kto_rows, sft_rows, whole_rows
from data_prep.series import made_up
from data_prep.timing import as_of, known_by
from data_prep.variants import with_distractors, with_missing
from data_prep.worth import best_prompts, best_rows
from proposal.evidence import Evidence
from proposal.template import Template, load_template
from proposal.values import Language

Made = Iterator[Row | Drop]

OF_CASE: tuple[tuple[Method, Callable[[Case, Template], Made]], ...] = (
    ("sft", sft_rows),
    ("sft", whole_rows),
    ("sft_best", best_rows),
    ("dpo", mutation_pairs),
    ("grpo", grpo_rows),
    ("grpo_best", best_prompts),
)
"""What every case gives, be it written by hand or inverted from a proposal."""

OF_VARIANT: tuple[tuple[Method, Callable[[Case, Template], Made]], ...] = (
    ("sft", sft_rows),
    ("sft_best", best_rows),
    ("grpo", grpo_rows),
    ("grpo_best", best_prompts),
)
"""What a case with foreign or missing evidence gives."""

OF_VOTE: tuple[tuple[Method, Callable[[Case, Template, str], Made]], ...] = (("kto_votes", vote_rows),)
"""What an inverted proposal gives together with what became of it."""

OF_PROPOSAL: tuple[tuple[Method, Callable[[Proposal], Made]], ...] = (("cpt", cpt_rows),)
"""What a published proposal gives as it stands."""

OF_HISTORY: tuple[tuple[Method, Callable[[Sequence[Proposal], Template], Made]], ...] = (("rm", revision_rows),)
"""What the proposals of one DAO and side give together; versions give pairs for DPO too."""

TEMPLATE = "generic"
"""The template that published proposals are inverted into: its sections go by the names that all DAOs use."""

_METHOD_OF: dict[type[Row], Method] = {row: method for method, row in ROW_OF.items()}


def method_of(row: Row) -> Method:
    """Return the method that a row is for."""
    return _METHOD_OF[type(row)]


def rows_of_case(case: Case, row_sets: Sequence[Method] = METHODS) -> Made:
    """Make the rows of a case that was written by hand."""
    template = load_template(case.brief.template)
    for method, make in OF_CASE:
        if method in row_sets:
            yield from make(case, template)


def rows_of_proposal(
    proposal: Proposal, before: Sequence[Evidence], seed: int | None, row_sets: Sequence[Method] = METHODS
) -> tuple[list[Row | Drop], list[Evidence]]:
    """Make the rows of a published proposal; return them with its evidence, from which a later one may be distracted.

    `before` is the evidence of an earlier proposal of the same side; what is later than this proposal is left out.
    """
    template = load_template(TEMPLATE)
    made: list[Row | Drop] = [item for method, make in OF_PROPOSAL if method in row_sets for item in make(proposal)]
    inverted = invert(proposal, template)
    made += inverted.drops
    if not inverted.sections:
        return made, []
    case = as_of(inverted.case, proposal.created)
    if isinstance(case, Drop):
        return [*made, case], []
    made += [item for method, make in OF_CASE if method in row_sets for item in make(case, template)]
    made += [item for method, make in OF_VOTE if method in row_sets for item in make(case, template, proposal.outcome)]
    if seed is not None:
        for variant in variants(case, before, proposal.created, seed):
            made += [item for method, make in OF_VARIANT if method in row_sets for item in make(variant, template)]
    return made, list(case.evidence.values())


def variants(case: Case, others: Sequence[Evidence], day: dt.date, seed: int) -> Iterator[Case]:
    """Yield the case with foreign evidence that was known on the day, and with some of its own missing."""
    yield from filter(None, (with_distractors(case, known_by(others, day), seed=seed), with_missing(case, seed=seed)))


def rows_of_history(proposals: Sequence[Proposal], row_sets: Sequence[Method] = METHODS) -> Made:
    """Make the rows that several proposals of one DAO and side give together."""
    template = load_template(TEMPLATE)
    for method, make in OF_HISTORY:
        if method in row_sets:
            yield from (item for item in make(proposals, template) if isinstance(item, Drop) or _asked(item, row_sets))


def _asked(row: Row, row_sets: Sequence[Method]) -> bool:
    return method_of(row) in row_sets


def rows_of_charts(numbers: Iterable[int], seed: int, languages: Sequence[Language]) -> Iterator[Row | Drop | Picture]:
    """Draw made-up charts by number, the languages in turn, and make their rows."""
    for number in numbers:
        language = languages[number % len(languages)]
        yield from chart_rows(made_up(number, seed), language=language, seed=seed)


def rows_of_reviews(reviews: Iterator[ReviewedDraft], row_sets: Sequence[Method] = METHODS) -> Made:
    """Make the rows of reviewed drafts: judged texts, and pairs of a text before and after an edit."""
    latest: dict[str, ReviewedDraft] = {}
    for reviewed in reviews:
        template = load_template(reviewed.draft.brief.template)
        if "kto" in row_sets:
            yield from kto_rows(reviewed, template)
        draft_id = reviewed.review.draft_id
        before = latest.get(draft_id)
        if "dpo" in row_sets and before is not None and before.review.version < reviewed.review.version:
            yield from edit_pairs(before, reviewed, template)
        latest[draft_id] = reviewed
