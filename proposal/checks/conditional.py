"""Type-conditional requirements: what a proposal of its type has to state beyond its sections.

Which type needs what is data of the template (`types.<type>.require` blocks, `expect` warns). The type is the brief's,
or the front matter's where that names one we know; of a text whose type is unknown nothing of this is asked. Words are
matched widely: a statement that is there but was not recognised would block a good proposal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import get_args

from proposal.brief import ProposalType
from proposal.checks.framework import CheckContext, Hit, Rule, heading_name
from proposal.checks.lexicons import hits
from proposal.checks.phrases import fold
from proposal.checks.structure import count_words
from proposal.checks.venue import title_place
from proposal.document import Sentence
from proposal.findings import Severity
from proposal.template_schema import Requirement

MIN_STATEMENT_WORDS = 4
"""A statement under its own heading needs no set words, but more than "none yet"."""

_TYPES: dict[str, ProposalType] = {name: name for name in get_args(ProposalType)}


def type_of(context: CheckContext) -> ProposalType | None:
    """Return the proposal's type, from the brief or the front matter; None when it is not known."""
    if context.brief is not None:
        return context.brief.type
    stated = context.document.front_matter.get("type") or context.document.front_matter.get("category")
    return _TYPES.get(str(stated).strip().casefold().replace(" ", "-"))


def _sentences_with(context: CheckContext, rule: str) -> Iterator[Sentence]:
    """Yield the sentences and table rows in which the words of a statement stand."""
    last = -1
    for _, hit in hits(context, rule):
        sentence = context.sentence_at(hit.start)
        if sentence is not None and sentence.start != last:
            last = sentence.start
            yield sentence


def _is_said(context: CheckContext, rule: str) -> bool:
    """Tell whether the words stand in the prose, or in a heading of the author's own with text under it.

    A heading that the template prints says nothing: it stands there whatever the section holds.
    """
    for _, hit in hits(context, rule):
        if context.not_prose.covers(hit.start):
            continue
        if context.block_at(hit.start) != "heading":
            return True
        section = context.document.section_of(hit.start)
        if (
            section.level > 1
            and heading_name(section.title) not in _printed(context)
            and section.end > section.body_start + 40
        ):
            return True
    return False


def _printed(context: CheckContext) -> set[str]:
    return {heading_name(spec.heading_in(context.language)) for spec in context.template.sections}


def _with_amount(context: CheckContext, sentence: Sentence) -> bool:
    return any(
        amount.checkable for amount in context.document.within(context.document.amounts, sentence.start, sentence.end)
    )


def _with_money(context: CheckContext, sentence: Sentence) -> bool:
    amounts = context.document.within(context.document.amounts, sentence.start, sentence.end)
    return any(amount.kind == "money" for amount in amounts)


def _with_date(context: CheckContext, sentence: Sentence) -> bool:
    if context.document.within(context.document.dates, sentence.start, sentence.end):
        return True
    amounts = context.document.within(context.document.amounts, sentence.start, sentence.end)
    return any(amount.unit in {"days", "weeks", "months", "quarters", "years"} for amount in amounts)


# --- what each requirement asks ------------------------------------------------------------------------------------


def _has_budget_table(context: CheckContext) -> bool:
    """Tell whether two or more sums of money are itemised, in a table or in a list."""
    amounts = [amount for amount in context.document.amounts if amount.kind == "money"]
    for table in context.document.tables:
        header = " ".join(cell.text for cell in table.header).casefold()
        money = len(context.document.within(amounts, table.start, table.end))
        if money >= 2 or any(word in header for word in _MONEY_COLUMNS):
            return True
    items = [block for block in context.document.blocks if block.kind == "list_item"]
    return sum(bool(context.document.within(amounts, item.start, item.end)) for item in items) >= 2


_MONEY_COLUMNS = ("amount", "cost", "budget", "usd", "usdc", "dai", "price", "fee", "金额", "预算", "费用", "成本")


def _has_total(context: CheckContext) -> bool:
    return any(_with_money(context, sentence) for sentence in _sentences_with(context, "TY-funding-total"))


def _has_milestone(context: CheckContext) -> bool:
    return any(_with_date(context, sentence) for sentence in _sentences_with(context, "TY-funding-milestone"))


def _has_target(context: CheckContext) -> bool:
    return any(_with_amount(context, sentence) for sentence in _sentences_with(context, "TY-kpi"))


def _has_conflicts(context: CheckContext) -> bool:
    """Tell whether conflicts are stated: in those words, in the brief's, or under the heading for nothing else."""
    if _is_said(context, "TY-coi"):
        return True
    stated = fold(context.brief.conflicts_of_interest).strip() if context.brief else ""
    if stated and stated in context.folded:
        return True
    for section, spec in context.known_sections:
        if spec.content == "conflicts" and count_words(context.document.body(section)) >= MIN_STATEMENT_WORDS:
            return True
    return False


def _has_words(rule: str) -> Callable[[CheckContext], bool]:
    return lambda context: _is_said(context, rule)


def _requirement(
    name: Requirement, met: Callable[[CheckContext], bool], message: str
) -> Callable[[CheckContext], Iterator[Hit]]:
    """Build the check of one requirement: a finding where the type asks for it and the text does not have it."""

    def check(context: CheckContext) -> Iterator[Hit]:
        type_ = type_of(context)
        rules = context.template.types.get(type_) if type_ else None
        if rules is None or name not in (*rules.require, *rules.expect) or met(context):
            return
        severity: Severity | None = None if name in rules.require else "warning"
        start, end = title_place(context)
        yield Hit(start, end, f"a proposal of the type “{type_}” states {message}", severity)

    return check


# --- resubmission --------------------------------------------------------------------------------------------------

_CHANGE_WORDS = ("chang", "differ", "revis", "updat", "new", "now", "instead", "adjust", "amend", "reduc", "feedback",
                 "address", "变", "改", "调整", "修订", "不同", "更新")  # fmt: skip
_REASON_WORDS = ("because", "reject", "fail", "quorum", "concern", "objection", "against", "reason", "not pass",
                 "defeat", "因", "否决", "未通过", "未达", "法定人数", "反对", "原因", "驳回")  # fmt: skip


def resubmission(context: CheckContext) -> Iterator[Hit]:
    """Report a resubmission that does not link the first try, say why it failed and what has changed."""
    found = [hit for _, hit in hits(context, "TY-resubmission") if not context.not_prose.covers(hit.start)]
    title_start, title_end = title_place(context)
    declared = [hit for hit in found if title_start <= hit.start < title_end or _speaks_of_itself(context, hit.start)]
    if not declared:
        return
    place = (declared[0].start, declared[0].end)
    if (
        not any(link.url.lower().startswith("http") for link in context.document.links)
        and not context.document.citations
    ):
        yield Hit(*place, "a resubmission links the proposal that failed")
    if not any(word in context.folded for word in _REASON_WORDS):
        yield Hit(*place, "a resubmission says why the first proposal failed", "warning")
    if not any(word in context.folded for word in _CHANGE_WORDS):
        yield Hit(*place, "a resubmission says what has changed", "warning")


def _speaks_of_itself(context: CheckContext, place: int) -> bool:
    """Tell whether the sentence is about this proposal ("this is a resubmission of …")."""
    marks = ("this is", "this proposal", "we resubmit", "we are resubmit", "本提案", "本次")
    return any(mark in context.around(place) for mark in marks)


def _rule(rule_id: str, title: str, clause: str, fix: str, check: Callable[[CheckContext], Iterator[Hit]]) -> Rule:
    return Rule(id=rule_id, family="conditional", severity="error", title=title, clause=clause, fix=fix, check=check)


RULES: tuple[Rule, ...] = (
    _rule("TY-funding-budget", "The budget is not itemised",
          "A proposal that asks for money lists what it is for, in a table or list of at least two lines.",
          "Add a table with one line for each use of the money.",
          _requirement("budget_table", _has_budget_table, "its budget line by line")),
    _rule("TY-funding-total", "The total is missing",
          "A proposal that asks for money states the total.",
          "State the total with its unit.", _requirement("budget_total", _has_total, "the total that it asks for")),
    _rule("TY-funding-recipient", "The recipient is missing",
          "A proposal that asks for money says who receives it.",
          "Name who receives the money.",
          _requirement("recipient", _has_words("TY-funding-recipient"), "who receives the money")),
    _rule("TY-funding-source", "The source of funds is missing",
          "A proposal that asks for money says where the money comes from.",
          "Name the treasury or pool that pays.",
          _requirement("funding_source", _has_words("TY-funding-source"), "where the money comes from")),
    _rule("TY-funding-reporting", "Reporting is missing",
          "A proposal that asks for money says how its use is reported.",
          "Say who reports, when and where.",
          _requirement("reporting", _has_words("TY-funding-reporting"), "how the use of the money is reported")),
    _rule("TY-funding-milestone", "A dated milestone is missing",
          "A proposal that asks for money has at least one milestone with a date or a duration.",
          "Give the date by which something is delivered.",
          _requirement("dated_milestone", _has_milestone, "at least one milestone with a date")),
    _rule("TY-accountable", "Nobody is accountable",
          "A proposal that asks for money names who answers for it.",
          "Name the person or body that answers for the work.",
          _requirement("accountable_party", _has_words("TY-accountable"), "who answers for the work")),
    _rule("TY-kpi", "A measurable target is missing",
          "A proposal says by which number its success will be seen.",
          "Add a number with its unit, and the date at which it is read.",
          _requirement("kpi", _has_target, "a target with a number")),
    _rule("TY-technical-security", "Security considerations are missing",
          "A proposal that changes code says what was done for its security.",
          "Say what was audited or tested, and what could be attacked.",
          _requirement("security", _has_words("TY-technical-security"), "its security considerations")),
    _rule("TY-rollback", "Nothing says how to undo it",
          "A proposal says how its effect can be undone, or that it cannot.",
          "Say who can undo it and how.", _requirement("rollback", _has_words("TY-rollback"), "how it can be undone")),
    _rule("TY-coi", "No statement on conflicts of interest",
          "A proposal states the conflicts of interest of its authors, even if there are none.",
          "State the conflicts of interest, or that there are none.",
          _requirement("conflicts", _has_conflicts, "the authors' conflicts of interest, even if none")),
    _rule("TY-constitutional-compat", "Compatibility with existing rules is missing",
          "A proposal that changes rules names the rules that it replaces or keeps to.",
          "Name the rule that this one replaces, or say that it fits the existing ones.",
          _requirement("compatibility", _has_words("TY-constitutional-compat"), "how it fits the existing rules")),
    _rule("TY-alternatives", "No alternative is named",
          "A proposal names at least one alternative, including leaving things as they are.",
          "Name an alternative and what speaks for it.",
          _requirement("alternatives", _has_words("TY-alternatives"), "at least one alternative")),
    _rule("TY-resubmission", "A resubmission that does not say what is new",
          "A resubmitted proposal links the first one, and says why it failed and what has changed (these warn).",
          "Add the link, the reason and the changes.", resubmission),
)  # fmt: skip
