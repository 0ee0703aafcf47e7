"""Planters that change what a text says: statements of its type, tables, options, risks, addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random

from proposal.actions import CustomCall
from proposal.checks.actions import amounts_beside
from proposal.checks.conditional import type_of
from proposal.checks.framework import CheckContext
from proposal.checks.lexicons import hits
from proposal.document import Table
from proposal.planting.edits import Plant, Planted, insert, prose_blocks, put, span
from proposal.values import Value

# --- statements ------------------------------------------------------------------------------------------------------


def dropping(rule: str, requirement: str) -> Plant:
    """Build the planter that takes every statement of a requirement out of the text."""

    def plant(context: CheckContext, _choice: Random) -> Planted | None:
        type_ = type_of(context)
        rules = context.template.types.get(type_) if type_ else None
        if rules is None or requirement not in (*rules.require, *rules.expect):
            return None
        return _without(context, list(_statements(context, rule)), f"took out: {requirement}")

    return plant


def _statements(context: CheckContext, rule: str) -> Iterator[tuple[int, int]]:
    """Yield the sentences and headings in which the words of a statement stand."""
    for _, hit in hits(context, rule):
        sentence = context.sentence_at(hit.start)
        yield (sentence.start, sentence.end) if sentence else context.paragraph_at(hit.start)
    if rule == "TY-coi":
        for section, spec in context.known_sections:
            if spec.content == "conflicts":
                yield section.body_start, section.end
    if rule == "TY-funding-budget":
        yield from ((table.start, table.end) for table in context.document.tables)
        yield from ((b.start, b.end) for b in context.document.blocks if b.kind == "list_item")


def _without(context: CheckContext, spans: list[tuple[int, int]], note: str) -> Planted:
    """Return the text without some stretches; the place is the whole text, because something is missing."""
    text = context.text
    for start, end in sorted(set(spans), reverse=True):
        text = text[:start] + "—" + text[end:]
    return Planted(text, 0, len(text), note)


def drop_disclosure(context: CheckContext, _choice: Random) -> Planted | None:
    """Take out the sentences that say that a model helped."""
    if context.brief is None:
        return None
    found = [context.sentence_at(hit.start) for _, hit in hits(context, "PO-ai-disclosure")]
    spans = [(sentence.start, sentence.end) for sentence in found if sentence]
    return _without(context, spans, "took out the disclosure") if spans else None


def resubmit(context: CheckContext, choice: Random) -> Planted | None:
    """Call the proposal a resubmission, without a link to the first try."""
    spans = [(link.start, link.end) for link in context.document.links]
    spans += [(mark.start, mark.end) for mark in context.document.citations]
    bare = _without(context, spans, "")
    said = {"en": "This is a resubmission of the earlier proposal.", "zh": "本提案为再次提交。"}[context.language]
    blocks = prose_blocks(context)
    if not blocks:
        return None
    place = choice.choice(blocks)[0]
    at = place - sum(end - start - 1 for start, end in set(spans) if end <= place)
    return Planted(bare.text[:at] + said + " " + bare.text[at:], at, at + len(said), "a resubmission without link")


# --- tables, options, risks -------------------------------------------------------------------------------------------


def unbalance_budget(context: CheckContext, choice: Random) -> Planted | None:
    """Change one digit of a table with a total, or add a table whose total is wrong."""
    tables = [table for table in context.document.tables if _total_row(table) is not None]
    if tables and choice.random() < 0.7:
        return _change_cell(context, choice, choice.choice(tables))
    lines = [choice.randrange(11, 99) * 1000 for _ in range(choice.randrange(2, 6))]
    wrong = _other_digit(str(sum(lines)), choice)
    head = {"en": "| Item | USDC |\n|---|---|\n", "zh": "| 项目 | USDC |\n|---|---|\n"}[context.language]
    total = {"en": "Total", "zh": "合计"}[context.language]
    rows = "".join(f"| {'ABCDEFG'[index]} | {line:,} |\n" for index, line in enumerate(lines))
    return insert_block(context, choice, f"{head}{rows}| {total} | {int(wrong):,} |", "a total that does not add up")


def insert_block(context: CheckContext, choice: Random, block: str, note: str) -> Planted | None:
    """Put a block of its own behind a paragraph."""
    blocks = prose_blocks(context)
    if not blocks:
        return None
    end = choice.choice(blocks)[1]
    planted = put(context, end, end, f"\n\n{block}\n\n", note)
    return Planted(planted.text, end + 2, planted.end, note)


def _total_row(table: Table) -> int | None:
    labels = [row[0].text.strip("*_ ").casefold() if row else "" for row in table.rows]
    return next((at for at, label in enumerate(labels) if at >= 2 and label in {"total", "合计", "总计"}), None)


def _change_cell(context: CheckContext, choice: Random, table: Table) -> Planted | None:
    at = _total_row(table) or 0
    columns = [column for column, cell in enumerate(table.rows[at]) if column and re.search("[0-9]{2}", cell.text)]
    if not columns:
        return None
    column = choice.choice(columns)
    rows = [row for row in table.rows[: at + 1] if column < len(row) and re.search("[1-9]", row[column].text)]
    cell = choice.choice(rows)[column]
    start = cell.start + next(i for i, sign in enumerate(cell.text) if sign in "123456789")
    digit = _other_digit(context.text[start], choice)
    planted = put(context, start, start + 1, digit, "changed a digit of a budget")
    return Planted(planted.text, table.start, table.end, planted.note)


def _other_digit(digits: str, choice: Random) -> str:
    """Change the first digit to another one that is not zero."""
    return choice.choice([digit for digit in "123456789" if digit != digits[0]]) + digits[1:]


def second_ask(context: CheckContext, choice: Random) -> Planted | None:
    """State the total of the ask twice, with different values."""
    first = choice.randrange(20, 90) * 1000
    second = first + choice.choice([-9000, 9000, 900, 1000])
    said = {"en": f"The total budget is {first:,} DAI. The last part adds that the total cost is {second:,} DAI.",
            "zh": f"总预算为{first:,} DAI。后文又写明，总成本为{second:,} DAI。"}  # fmt: skip
    return insert(context, choice, said[context.language])


def change_parameter(context: CheckContext, choice: Random) -> Planted | None:
    """Change a digit in the table that prints the brief's parameters."""
    if context.brief is None:
        return None
    numbers = [value for value in context.brief.parameters.values() if value.is_number]
    labels = {value.label_in(context.language).casefold() for value in numbers}
    rows = [row for table in context.document.tables for row in table.rows if len(row) == 2]
    cells = [row[1] for row in rows if row[0].text.strip().casefold() in labels and row[1].text[:1] in "123456789"]
    if not cells:
        return None
    cell = choice.choice(cells)
    planted = put(context, cell.start, cell.start + 1, _other_digit(cell.text[0], choice), "changed a parameter")
    return Planted(planted.text, cell.start, cell.end, planted.note)


def uneven_options(context: CheckContext, choice: Random) -> Planted | None:
    """Take the way to say no from the ballot, or make an option argue."""
    options = context.document.options
    if len(options) < 2:
        return None
    option = choice.choice(options)
    if choice.random() < 0.5:
        argue = {"en": " (obviously the best plan)", "zh": "（毫无疑问应当通过）"}[context.language]
        return put(context, option.end, option.end, argue, "an option that argues")
    text, names = context.text, {"en": ["Approve", "Accept now", "Yes, at once"], "zh": ["赞成", "同意", "支持"]}
    for index, one in reversed(list(enumerate(options))):
        name = names[context.language][index % 3] + ("" if index < 3 else f" {index}")
        text = text[: one.start] + name + text[one.end :]
    return Planted(text, options[0].start, options[-1].end, "no way to say no")


def deny_risks(context: CheckContext, choice: Random) -> Planted | None:
    """Replace the account of risks by a denial."""
    section = context.sections_by_key.get("risks")
    if section is None:
        return None
    said = {
        "en": ["There are no risks.", "We see no drawbacks.", "This proposal has no downsides.", "No known risks."],
        "zh": ["本提案没有任何风险。", "不存在明显的缺点。", "无任何弊端。"],
    }[context.language]
    end = span(context, section)[1]
    return put(context, section.body_start, end, f"\n{choice.choice(said)}\n\n", "denied the risks")


def swap_addresses(context: CheckContext, choice: Random) -> Planted | None:
    """Exchange two addresses that brief or evidence names."""
    values: list[Value] = list(context.brief.parameters.values()) if context.brief else []
    values += [value for item in (context.evidence or {}).values() for value in item.values.values()]
    named = {str(value.value) for value in values}
    here = [address for address in sorted(named) if address.startswith("0x") and address in context.text]
    if len(here) < 2:
        return None
    first, second = choice.sample(here, 2)
    mark = "0x" + "_" * 40
    text = context.text.replace(first, mark).replace(second, first).replace(mark, second)
    at = text.find(first)
    return Planted(text, at, at + 42, "exchanged two addresses")


def misstate_action(context: CheckContext, choice: Random) -> Planted | None:
    """Change the amount that the text gives to the recipient of an action."""
    actions = context.brief.actions if context.brief else ()
    transfers = [action for action in actions if not isinstance(action, CustomCall)]
    paid = {action.recipient.lower() for action in transfers}
    places = [one for one in context.addresses if one.text.lower() in paid]
    amounts = [amount for place in places for amount in amounts_beside(place, transfers, context)]
    if not amounts:
        return None
    amount = choice.choice(amounts)
    first = amount.text[0]
    other = choice.choice([digit for digit in "123456789" if digit != first])
    return put(context, amount.start, amount.start + 1, other, f"changed the amount {amount.text} of an action")


_DROPPED: tuple[tuple[str, str], ...] = (
    ("TY-funding-budget", "budget_table"), ("TY-funding-total", "budget_total"), ("TY-funding-recipient", "recipient"),
    ("TY-funding-source", "funding_source"), ("TY-funding-reporting", "reporting"),
    ("TY-funding-milestone", "dated_milestone"), ("TY-accountable", "accountable_party"), ("TY-kpi", "kpi"),
    ("TY-technical-security", "security"), ("TY-rollback", "rollback"), ("TY-coi", "conflicts"),
    ("TY-constitutional-compat", "compatibility"), ("TY-alternatives", "alternatives"),
)  # fmt: skip

CHANGES: tuple[tuple[str, str, Plant], ...] = (
    *((f"drop_{requirement}", rule, dropping(rule, requirement)) for rule, requirement in _DROPPED),
    ("resubmit", "TY-resubmission", resubmit),
    ("unbalance_budget", "NU-budget-sum", unbalance_budget),
    ("second_ask", "NU-consistent", second_ask),
    ("change_parameter", "NU-consistent", change_parameter),
    ("uneven_options", "NE-options", uneven_options),
    ("deny_risks", "NE-drawbacks", deny_risks),
    ("swap_addresses", "AD-swapped", swap_addresses),
    ("misstate_action", "AC-text-match", misstate_action),
    ("drop_disclosure", "PO-ai-disclosure", drop_disclosure),
)
