"""Numbers: sums that add up, the same figure everywhere, units, and dates in order.

A budget is recomputed in exact decimals. Only what is decided by the printed text is reported: a column is added up
when all its cells are figures of one unit, and rounding is allowed for where cells are printed rounded (1.2M).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from proposal.checks.framework import CheckContext, Hit, Rule
from proposal.checks.phrases import fold
from proposal.document import Amount, Cell, DateMention, Table
from proposal.matching import states
from proposal.values import format_number

MAX_TOTAL_LABEL = 32
"""Characters of the longest name of a total; a longer label is a description."""

WHOLE = 100
"""What shares of a whole add up to, in percent."""

_TOTAL = re.compile(
    r"(?:grand |overall |sub-?)?(?:total|sum)(?: (?:amount|cost|costs|budget|request|requested|ask|funding|spend|"
    r"expenses|expenditure|payout|payment|allocation|usd|usdc|dai|eth))?|overall cost|"
    r"合计|总计|共计|总额|总预算|预算总额|小计|总金额|总费用"
)
_SUBTOTAL = re.compile(r"sub-?total|小计")
_NOT_ADDED = re.compile(
    r"price|rate|(?<![a-z])per(?![a-z])|unit|apr|apy|yield|average|avg|mean|median|cumulative|running|weight|index|"
    r"ratio|change|date|day|month|year|hash|block|#|(?<![a-z])id(?![a-z])|单价|比率|利率|平均|累计|日期|每"
)
_EMPTY_CELLS = {"", "-", "–", "—", "n/a", "na", "/", "无", "0"}


@dataclass(frozen=True, slots=True)
class _Row:
    kind: str
    cells: tuple[Cell, ...]
    figures: tuple[Amount | None, ...]


def budget_sums(context: CheckContext) -> Iterator[Hit]:
    """Report totals that are not the sum of their rows, in tables and lists."""
    for table in context.document.tables if context.mentions("total", "sum", "overall", "计", "总") else ():
        yield from _table_sums(context, table)
    yield from _list_sums(context)
    yield from _brief_sum(context)


def _table_sums(context: CheckContext, table: Table) -> Iterator[Hit]:
    if not any(_kind(row) == "total" for row in table.rows):
        return
    rows = [_row(context, row) for row in table.rows]
    if _is_shifted(rows):
        return
    width = max((len(row.cells) for row in rows), default=0)
    for column in range(1, width):
        header = fold(table.header[column].text) if column < len(table.header) else ""
        if not _NOT_ADDED.search(header):
            yield from _column_sum(rows, column)


_STARTS_AS_FIGURE = re.compile(r"[\s*_$€£¥~≈<>]{0,6}[0-9]")


def _is_shifted(rows: Sequence[_Row]) -> bool:
    """Tell whether a total stands in a column that has no other figure: then its row is one cell off."""
    columns: dict[bool, set[int]] = {True: set(), False: set()}
    for row in rows:
        columns[row.kind == "row"] |= {
            column for column, cell in enumerate(row.cells) if column and _STARTS_AS_FIGURE.match(cell.text)
        }
    stray = columns[False] - columns[True]
    return bool(stray) and min(stray) < max(columns[True], default=0)


def _row(context: CheckContext, cells: tuple[Cell, ...]) -> _Row:
    return _Row(_kind(cells), cells, tuple(_figure(context, cell) for cell in cells))


def _kind(cells: tuple[Cell, ...]) -> str:
    """Tell a row from a total and a subtotal by its first words."""
    label = next((fold(cell.text).strip("*_ :：.") for cell in cells if cell.text.strip("*_ :：.")), "")
    if len(label) > MAX_TOTAL_LABEL or not _TOTAL.fullmatch(label):
        return "row"
    return "subtotal" if _SUBTOTAL.match(label) else "total"


def _figure(context: CheckContext, cell: Cell) -> Amount | None:
    """Return the one figure that a cell holds, and nothing when it holds words beside it."""
    amounts = context.document.within(context.document.amounts, cell.start, cell.end)
    if len(amounts) != 1 or amounts[0].kind in {"word", "ordinal", "bps"}:
        return None
    rest = context.text[cell.start : amounts[0].start] + context.text[amounts[0].end : cell.end]
    return amounts[0] if not re.search(r"[^\s*_~$€£¥.()]{2,}|[(×x/+]", _CITED.sub("", rest)) else None


_CITED = re.compile(r"\[{1,2}E[0-9]{1,3}\]{1,2}")


def _column_sum(rows: Sequence[_Row], column: int) -> Iterator[Hit]:
    """Compare each total of a column with the rows above it, down from the total before."""
    items: list[Amount] = []
    parts: list[Amount] = []
    for row in rows:
        cell = row.cells[column] if column < len(row.cells) else None
        figure = row.figures[column] if column < len(row.figures) else None
        if row.kind == "row":
            if figure is not None:
                items.append(figure)
            elif cell is not None and cell.text.strip("*_ ").casefold() not in _EMPTY_CELLS:
                return
        elif figure is not None:
            if row.kind == "subtotal":
                parts.append(figure)
            elif not _adds_up(items, parts, figure):
                yield _wrong_sum(items, figure)


def _adds_up(items: Sequence[Amount], parts: Sequence[Amount], total: Amount) -> bool:
    """Tell whether a total fits, or cannot be judged because units differ or there is nothing to add."""
    units = {figure.unit for figure in (*items, total) if figure.unit}
    if len(items) < 2 or len(units) > 1:
        return True
    if units == {"%"} and total.value != WHOLE and sum(item.value for item in items) != WHOLE:
        return True  # rates and averages do not add up; shares of a whole do
    if _fits(items, total) or _fits(items, total, times=2):  # twice: subtotals that are not called so
        return True
    return bool(parts) and (_fits(parts, total) or _fits(items[-_since(items, parts) :], total))


def _since(items: Sequence[Amount], parts: Sequence[Amount]) -> int:
    return sum(1 for item in items if item.start > parts[-1].start) or len(items)


def _fits(items: Sequence[Amount], total: Amount, times: int = 1) -> bool:
    """Compare exactly, with what rounding of the printed figures may hide (cells like 1.2M or 33.3)."""
    rounded = [figure for figure in items if figure.scale != 1 or figure.approx or _is_rounded(figure)]
    slack = sum((figure.tolerance for figure in rounded), Decimal(0))
    if rounded or total.scale != 1 or total.approx or _is_rounded(total):
        slack += total.tolerance * times
    if times > 1:
        slack = sum((item.tolerance for item in items), total.tolerance * times)
    return abs(sum((item.value for item in items), Decimal(0)) - total.value * times) <= slack


def _is_rounded(figure: Amount) -> bool:
    """Tell whether a figure may be rounded: shares always, figures with decimals, but not money with two of them."""
    return figure.unit == "%" or (figure.decimals > 0 and not (figure.kind == "money" and figure.decimals == 2))


def _wrong_sum(items: Sequence[Amount], total: Amount) -> Hit:
    added = format_number(sum((item.value for item in items), Decimal(0)))
    return Hit(total.start, total.end, f"the rows add up to {added}, the total says {total.text}")


_TOTAL_LINE = re.compile(r"[*_ ]{0,4}(?:in )?(?:grand |overall )?(?:total|合计|总计|总额|总预算|预算总额)(?![a-z])")


def _list_sums(context: CheckContext) -> Iterator[Hit]:
    """Compare the last item of a list, when it is a total, with the items before it."""
    blocks = [block for block in context.document.blocks if block.kind == "list_item"]
    if not any(_TOTAL_LINE.match(context.folded, block.start) for block in blocks):
        return
    items: list[Amount] = []
    section = -1
    for block in context.document.blocks:
        money = [
            a for a in context.document.within(context.document.amounts, block.start, block.end) if a.kind == "money"
        ]
        if block.kind != "list_item" or block.section != section or len(money) > 1:
            items, section = [], block.section
            if block.kind != "list_item" or len(money) > 1:
                continue
        if not money:
            items = []
        elif _TOTAL_LINE.match(context.folded, block.start):
            same = {item.unit for item in items} == {money[0].unit}
            if len(items) >= 2 and same and not _fits(items, money[0]):
                yield _wrong_sum(items, money[0])
            items = []
        else:
            items.append(money[0])


def _brief_sum(context: CheckContext) -> Iterator[Hit]:
    """Compare the total of the brief with its budget lines."""
    parameters = context.brief.parameters if context.brief else {}
    total = parameters.get("budget_total")
    lines = [value for name, value in parameters.items() if name.startswith("budget_") and name != "budget_total"]
    if total is None or len(lines) < 2 or any(value.unit != total.unit for value in lines):
        return
    figures = [value.value for value in lines if isinstance(value.value, Decimal)]
    if isinstance(total.value, Decimal) and sum(figures, Decimal(0)) != total.value:
        place = next((amount for amount in context.document.amounts if states(total, amount)), None)
        start, end = (place.start, place.end) if place else (0, 0)
        added, said = format_number(sum(figures, Decimal(0))), format_number(total.value)
        yield Hit(start, end, f"the budget lines of the brief add up to {added}, its total is {said}")


# --- the same figure everywhere ----------------------------------------------------------------------------------

_ASK = re.compile(
    r"(?<![a-z])(?:total budget|total cost|total ask|total request|total funding|total requested|requested amount|"
    r"amount requested|funding request|budget request|grant amount|grant request|overall cost|overall budget|"
    r"requested budget|requested funding)"
    r"(?: (?:of|is|at|to|will be|amounts to|comes to|for this proposal is))?[ :=|*_-]{1,8}(?:usd )?[$€]?\Z"
    r"|(?:总预算|预算总额|申请总额|申请金额|总成本|总费用|资金总额|拨款总额|申请资金)"
    r"(?:为|是|共|共计|合计|达)?[ :：=|*_]{0,6}[$¥]?\Z"
)
_PART_OF_ASK = re.compile(
    r"(?<![a-z])(?:first|second|third|fourth|last|next|previous|prior|initial|original|annual|yearly|monthly|quarterly|"
    r"year|season|phase|stage|q[1-4]|team|their|its)(?:[- ]?(?:year|season|phase|quarter|stage)?(?:['’]?s)?)?[ ]{1,2}\Z"
    r"|(?:首年|第[一二三四五1-5][年期阶季]|每年|每月|年度|季度|首期|上期|去年|上一年)[度段]?(?:的)?\Z"
)
_ASK_WORDS = ("total", "request", "overall", "grant", "总", "申请")
_LOOK_BACK = 64
"""Characters before a figure in which the words that it belongs to are looked for."""
_NARROWED = re.compile(
    r"[ *_|]{0,3}(?:per|each|a|/|every|for (?:q|the first|phase|year|month|option)|monthly|annually|annual|每)"
)


def consistent_figures(context: CheckContext) -> Iterator[Hit]:
    """Report the total of the ask printed with different values, words that disagree with digits, and the brief's
    parameters printed with another value."""
    yield from _one_ask(context)
    yield from _words_and_digits(context)
    yield from _brief_labels(context)


def _one_ask(context: CheckContext) -> Iterator[Hit]:
    found: dict[str, list[Amount]] = {}
    for amount in context.document.amounts:
        before = _before(context, amount) if amount.kind in {"money", "number"} else ""
        named = _ASK.search(before) if any(word in before for word in _ASK_WORDS) else None
        is_ask = named is not None and not _PART_OF_ASK.search(before, 0, named.start())
        if is_ask and not _NARROWED.match(context.folded, amount.end):
            found.setdefault(amount.unit, []).append(amount)
    for asks in found.values():
        first = asks[0]
        others = [ask for ask in asks[1:] if abs(first.value - ask.value) > first.tolerance + ask.tolerance]
        if len({ask.value for ask in others}) == 1:  # more than two totals: the text lists several asks
            for ask in others:
                yield Hit(ask.start, ask.end, f"the total is {ask.text} here and {first.text} before")


def _before(context: CheckContext, amount: Amount) -> str:
    return context.folded[max(0, amount.start - _LOOK_BACK) : amount.start]


_DIGITS_BESIDE = re.compile(r"[A-Za-z]{0,12}[ ]{0,2}[(（][ ]?([0-9]{1,3}(?:,[0-9]{3}){1,4}|[0-9]{1,15})[ ]?[)）]")


def _words_and_digits(context: CheckContext) -> Iterator[Hit]:
    """Report “thirty (45) days” and its like: two printings of one figure that differ."""
    for amount in context.document.amounts:
        beside = _DIGITS_BESIDE.match(context.text, amount.end) if amount.kind == "word" else None
        if beside and amount.value != Decimal(beside[1].replace(",", "")):
            yield Hit(amount.start, beside.end(), f"“{amount.text}” and “{beside[1]}” are two figures")


def _brief_labels(context: CheckContext) -> Iterator[Hit]:
    """Report a table row that gives a parameter of the brief another value."""
    if context.brief is None:
        return
    labels = {fold(value.label_in(context.language)): value for value in context.brief.parameters.values()
              if value.is_number and value.label_in(context.language)}  # fmt: skip
    for table in context.document.tables:
        for row in table.rows:
            value = labels.get(fold(row[0].text).strip("*_ ")) if len(row) == 2 else None
            amounts = context.document.within(context.document.amounts, row[1].start, row[1].end) if value else []
            if value is not None and len(amounts) == 1 and not states(value, amounts[0]):
                yield Hit(amounts[0].start, amounts[0].end, f"the brief gives another value for “{row[0].text[:60]}”")


# --- units -------------------------------------------------------------------------------------------------------

_PAYMENT = re.compile(
    r"(?<![a-z])(?:transfer|send|pay|grant|allocate|disburse|distribute|mint|stream|budget of|request of|requests|"
    r"payment of|allocation of|grant of|transfer of|sum of)(?: (?:of|a|the|up to|exactly|at most|about|total|"
    r"additional|an)){0,3} \Z|(?:拨付|支付|转账|申请|发放|预算为|转出|拨款)(?:约|共|共计|总计|不超过|至多)?[ ]?\Z"
)


def units(context: CheckContext) -> Iterator[Hit]:
    """Report sums that are paid without saying of what."""
    for amount in context.document.amounts:
        if amount.unit or amount.kind != "number" or context.not_prose.covers(amount.start):
            continue
        named = re.match(r"[ \n]?[*_`(]{0,2}[A-Za-z\u3400-\u9fff]", context.text[amount.end : amount.end + 5])
        if not named and _PAYMENT.search(_before(context, amount)):
            yield Hit(amount.start, amount.end, f"“{amount.text}” is paid without a unit", "warning")


_EQUALS = re.compile(
    r"[ ]{0,2}(?:[(（=/,]|or|i\.e\.|that is|equals|is equal to|即|或|等于|相当于)[ ]{0,2}(?:=|i\.e\.|or)?[ ]{0,2}"
)


def percent_and_bps(context: CheckContext) -> Iterator[Hit]:
    """Report a percentage and its basis points, side by side, that are not the same share."""
    amounts = context.document.amounts
    for first, second in pairwise(amounts):
        if {first.unit, second.unit} != {"%", "bps"} or "word" in {first.kind, second.kind}:
            continue
        between, after = context.text[first.end : second.start], context.text[second.end : second.end + 1]
        closed = after in {")", "）"} if between.lstrip()[:1] in {"(", "（"} else True
        if not _EQUALS.fullmatch(between) or not closed:
            continue
        percent, points = (first, second) if first.unit == "%" else (second, first)
        if abs(percent.value * 100 - points.value) > percent.tolerance * 100 + points.tolerance - Decimal("0.5"):
            right = format_number((percent.value * 100).normalize())
            yield Hit(first.start, second.end, f"{percent.text} are {right} bps, not {points.text}")


_OF_WHOLE = re.compile(
    r"turnout|quorum|of (?:the )?(?:total |circulating )?(?:supply|votes|voting power)"
    r"|参与率|投票率|法定人数|赞成率|支持率"
)


def shares(context: CheckContext) -> Iterator[Hit]:
    """Report shares of a whole above one hundred percent."""
    for amount in context.document.amounts:
        if amount.unit == "%" and amount.value > 100:
            sentence = context.sentence_at(amount.start)
            low, high = (sentence.start, sentence.end) if sentence else (amount.start, amount.end)
            if _OF_WHOLE.search(context.folded, max(low, amount.start - 40), min(high, amount.end + 40)):
                yield Hit(amount.start, amount.end, f"{amount.text} of a whole is more than all of it")


_ASK_NAMES = ("budget_total", "budget", "ask", "amount", "requested", "grant", "total")
_TREASURY = re.compile(
    r"balance|holdings|treasury[ _](?:total|size|value|assets|funds)|(?:assets|funds) (?:in|of) the treasury|"
    r"reserves?(?![a-z])|余额|储备|(?:国库|金库)(?:总额|资产|规模)"
)


def balance(context: CheckContext) -> Iterator[Hit]:
    """Report an ask above the treasury that the evidence states."""
    brief = context.brief
    ask = next((brief.parameters[name] for name in _ASK_NAMES if name in brief.parameters), None) if brief else None
    if ask is None or not ask.is_number:
        return
    for item in (context.evidence or {}).values():
        for name, value in item.values.items():
            stated = fold(f"{name} {value.label} {value.label_zh}")
            if value.is_number and value.unit == ask.unit and _TREASURY.search(stated) and ask.value > value.value:  # type: ignore[operator]
                place = next((a for a in context.document.amounts if states(ask, a)), None)
                start, end = (place.start, place.end) if place else (0, 0)
                yield Hit(start, end, f"the ask is above the {format_number(value.value)} {value.unit} of {item.id}")  # type: ignore[arg-type]


# --- dates -------------------------------------------------------------------------------------------------------

_RANGE = re.compile(r"[ ,]{0,3}(?:to|until|till|through|–|—|-|~|至|到)[ ]{0,2}(?:the )?")
_AND = re.compile(r"[ ]?(?:and|和|与)[ ]?")
_START = re.compile(
    r"(?:start(?:s|ing)?|begin(?:s|ning)?|open(?:s|ing)?|commence(?:s|ment)?)(?: date| day| time| on)?[ :|*_]{0,6}"
    r"|(?:开始|起始|启动)(?:日期|时间)?[ :：|*_]{0,6}"
)
_END = re.compile(
    r"(?:end(?:s|ing)?|clos(?:es|ing)|finish(?:es)?|expir(?:es|y|ation))(?: date| day| time| on)?[ :|*_]{0,6}"
    r"|(?:结束|截止|终止)(?:日期|时间)?[ :：|*_]{0,6}"
)


def date_order(context: CheckContext) -> Iterator[Hit]:
    """Report periods that end before they begin."""
    dates = [date for date in context.document.dates if date.date is not None and date.precision == "day"]
    for first, second in pairwise(dates):
        between = context.folded[first.end : second.start]
        before = context.folded[max(0, first.start - 10) : first.start]
        ranged = _RANGE.fullmatch(between) or (_AND.fullmatch(between) and re.search(r"between|介于|在", before))
        if ranged and _earlier(second, first):
            yield Hit(first.start, second.end, f"the period ends on {second.text}, before it begins on {first.text}")
    yield from _labelled_period(context, dates)


def _labelled_period(context: CheckContext, dates: Sequence[DateMention]) -> Iterator[Hit]:
    """Compare “Start: …” with the “End: …” that follows it in the same section."""
    start: DateMention | None = None
    for date in dates:
        before = context.folded[max(0, date.start - 32) : date.start]
        if _labelled(_START, before):
            start = date
        elif _labelled(_END, before) and start is not None:
            same = context.document.section_of(start.start) == context.document.section_of(date.start)
            if same and _earlier(date, start):
                yield Hit(date.start, date.end, f"the end {date.text} lies before the start {start.text}")
            start = None


def _labelled(label: re.Pattern[str], before: str) -> bool:
    """Tell whether the text before a date ends in the label."""
    return any(match.end() == len(before) for match in label.finditer(before))


def _earlier(first: DateMention, second: DateMention) -> bool:
    return first.date is not None and second.date is not None and first.date < second.date


_ISO_LIKE = re.compile(r"[12](?<![0-9A-Za-z./_-].)[09][0-9]{2}-([0-9]{2})-([0-9]{2})(?![0-9A-Za-z_-])")
_ISO = re.compile(r"([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?")
_DAYS_IN_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAMED = re.compile(r"([a-z]{3,9})\.?[ ]([0-9]{1,2})|([0-9]{1,2})(?:st|nd|rd|th)?[ ](?:of )?([a-z]{3,9})")


def impossible_dates(context: CheckContext) -> Iterator[Hit]:
    """Report days that no calendar has."""
    for date in context.document.dates:
        if date.date is None and date.precision in {"day", "month_day"} and _is_impossible(fold(date.text)):
            yield Hit(date.start, date.end, f"there is no day “{date.text}”")
    for match in _ISO_LIKE.finditer(context.text):
        if int(match[1]) > 12 and int(match[2]) <= 31 and not context.not_prose.covers(match.start()):
            yield Hit(match.start(), match.end(), f"there is no month {match[1]}: “{match[0]}”")


def _is_impossible(printed: str) -> bool:
    iso = _ISO.search(printed)
    if iso:
        month, day = int(iso[2]), int(iso[3])
        if month > 12 and "/" in printed:
            return False
        return not 1 <= month <= 12 or day < 1 or day > _days(int(iso[1]), month)
    named = _NAMED.search(printed)
    if not named:
        return False
    name, number = named[1] or named[4], int(named[2] or named[3])
    month = next((index + 1 for index, known in enumerate(_MONTHS) if name.startswith(known)), 0)
    year = re.search(r"[0-9]{4}", printed)
    return bool(month) and number > _days(int(year[0]) if year else 2000, month)


def _days(year: int, month: int) -> int:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 28 if month == 2 and not leap else _DAYS_IN_MONTH[month - 1]


RULES: tuple[Rule, ...] = (
    Rule(
        id="NU-budget-sum", family="figures", severity="error", title="A total is not the sum of its parts",
        clause="The total of a table or list is the exact sum of its rows (rounded cells are allowed for).",
        fix="Correct the row or the total.", check=budget_sums,
    ),
    Rule(
        id="NU-consistent", family="figures", severity="error", title="One figure printed in two ways",
        clause="The same thing has the same figure everywhere: the total of the ask, words beside digits, the "
               "parameters of the brief.",
        fix="Decide which figure is right and print it everywhere.", check=consistent_figures,
    ),
    Rule(
        id="NU-unit", family="figures", severity="warning", title="A sum without a unit",
        clause="Every sum that is paid names its token or currency.",
        fix="Add the unit.", check=units,
    ),
    Rule(
        id="NU-percent-bps", family="figures", severity="error", title="Percent and basis points disagree",
        clause="One percent is one hundred basis points wherever both are printed.",
        fix="Correct one of the two.", check=percent_and_bps,
    ),
    Rule(
        id="NU-share", family="figures", severity="warning", title="More than the whole",
        clause="A turnout, a quorum or a share of supply or votes is at most one hundred percent.",
        fix="Check the figure against its source.", check=shares,
    ),
    Rule(
        id="NU-balance", family="figures", severity="warning", title="The ask is above the treasury",
        clause="A proposal asks for no more than the treasury that its evidence states.",
        fix="Ask for less, or cite newer evidence of the treasury.", check=balance, needs=("evidence", "brief"),
    ),
    Rule(
        id="NU-date-order", family="figures", severity="error", title="A period ends before it begins",
        clause="The end of a period does not lie before its beginning.",
        fix="Correct one of the two dates.", check=date_order,
    ),
    Rule(
        id="NU-date-invalid", family="figures", severity="error", title="A day that does not exist",
        clause="Every date is a day of the calendar.",
        fix="Correct the date.", check=impossible_dates,
    ),
)  # fmt: skip
