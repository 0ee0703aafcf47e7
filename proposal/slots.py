"""Slots: how a figure gets from evidence into text without a model ever writing a digit.

The writer puts `{{E3.turnout}}`, `{{P.budget}}`, `{{calc:pct_change(E1.before,E1.after)}}`, `{{TBD:reason}}` and
`[[E3]]` where figures and citations belong; `fill` replaces them by the printed values. A printed digit therefore
cannot differ from its evidence and a citation cannot dangle. What no grammar can promise (number words, the right slot
in the right sentence) is found by the checks on the filled text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import permutations

from proposal.brief import Brief
from proposal.evidence import Evidence, EvidenceSet
from proposal.values import Language, Value, format_value

SLOT = re.compile(r"\{\{([^{}\n]{1,160})\}\}")
"""A slot anywhere in slotted text; its body is group 1."""
MARK = re.compile(r"\[\[(E[1-9][0-9]{0,2})\]\]")
"""A citation mark in slotted text; its evidence id is group 1."""
_REFERENCE = re.compile(r"(?:(E[1-9][0-9]{0,2})|P)\.([a-z][a-z0-9_]{0,39})\Z")
_CALC = re.compile(r"calc:([a-z_]{1,12})\(([^(),]{1,50}),([^(),]{1,50})\)\Z")
_SENTENCE_END = re.compile(r"[.!?]+(?=\s|\Z)|[。！？；]+|\n|\Z")

OPERATIONS = ("sum", "diff", "ratio", "pct_change")
"""Calculations that the server does exactly: a+b, a−b, a/b, (b−a)/a in percent."""

MAX_QUOTE = 240
"""Longest quotation taken from an excerpt, in characters: a sentence, not a page."""


@dataclass(frozen=True, slots=True)
class Use:
    """One slot as it was filled: its body, the printed text and where it stands in the filled text."""

    body: str
    printed: str
    start: int
    end: int
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Filled:
    """Filled text, the slots that were used, and what could not be filled (each is printed as `[needs: …]`)."""

    text: str
    uses: tuple[Use, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resolved:
    """What one slot stands for."""

    printed: str
    ids: tuple[str, ...] = ()
    value: Value | None = None
    known: bool = True


@dataclass(frozen=True)
class Vocabulary:
    """Every slot and citation that one request admits; grammar and prompt are both built from it."""

    values: tuple[str, ...]
    parameters: tuple[str, ...]
    calculations: tuple[str, ...]
    ids: tuple[str, ...]
    _all: frozenset[str] = field(init=False, repr=False, compare=False, default=frozenset())

    def __post_init__(self) -> None:
        object.__setattr__(self, "_all", frozenset((*self.values, *self.parameters, *self.calculations)))

    def __contains__(self, body: object) -> bool:
        return body in self._all


def vocabulary(evidence: EvidenceSet, brief: Brief) -> Vocabulary:
    """List every legal slot body and citation id for this evidence and brief.

    Calculations are offered only between two values of one item with the same unit, in both orders: across items
    the number of pairs explodes and most of them mean nothing.
    """
    values = [f"{item.id}.{name}" for item in evidence.values() for name in _value_names(item)]
    return Vocabulary(
        values=tuple(values),
        parameters=tuple(f"P.{name}" for name in brief.figures),
        calculations=tuple(_calculations(evidence)),
        ids=tuple(evidence),
    )


def _value_names(item: Evidence) -> list[str]:
    names = list(item.values)
    for builtin in ("date", "quote", "tx"):
        if builtin not in names and _builtin(item, builtin) is not None:
            names.append(builtin)
    return names


def _calculations(evidence: EvidenceSet) -> Iterator[str]:
    for item in evidence.values():
        numbers = [name for name, value in item.values.items() if value.is_number]
        for first, second in permutations(numbers, 2):
            if item.values[first].unit == item.values[second].unit:
                for operation in OPERATIONS:
                    yield f"calc:{operation}({item.id}.{first},{item.id}.{second})"


def resolve(body: str, evidence: EvidenceSet, brief: Brief, language: Language) -> Resolved:
    """Return what a slot body prints; an unknown or impossible one prints a visible `[needs: …]`.

    >>> from proposal.brief import Brief
    >>> brief = Brief(topic="Rebates", ask="Fund them", type="funding", dao="D",
    ...               parameters={"budget": {"value": 45000, "unit": "USDC"}})
    >>> resolve("P.budget", {}, brief, "en").printed
    '45,000 USDC'
    >>> resolve("E9.votes", {}, brief, "en").printed
    '[needs: E9.votes]'
    """
    if body.startswith("TBD:"):
        return Resolved(needs(body[4:].strip(), language))
    calculation = _CALC.match(body)
    if calculation:
        return _calculate(calculation, evidence, brief, language)
    value, ids = _lookup(body, evidence, brief)
    if value is not None:
        return Resolved(format_value(value, language), ids, value)
    printed = _lookup_builtin(body, evidence)
    if printed is not None:
        return Resolved(printed, (body.split(".")[0],))
    return Resolved(needs(body, language), known=False)


def needs(reason: str, language: Language) -> str:
    """Print a visible gap: it stands in the text until a person fills it, and it blocks export."""
    return f"[待补充：{reason}]" if language == "zh" else f"[needs: {reason}]"


def _lookup(body: str, evidence: EvidenceSet, brief: Brief) -> tuple[Value | None, tuple[str, ...]]:
    reference = _REFERENCE.match(body)
    if not reference:
        return None, ()
    item_id, name = reference.groups()
    if item_id is None:
        return brief.figures.get(name), ()
    item = evidence.get(item_id)
    return (item.values.get(name), (item_id,)) if item else (None, ())


def _lookup_builtin(body: str, evidence: EvidenceSet) -> str | None:
    item_id, _, name = body.partition(".")
    item = evidence.get(item_id)
    return _builtin(item, name) if item else None


def _builtin(item: Evidence, name: str) -> str | None:
    """Return a slot that every item has without naming it: its date, its first sentence, its transaction."""
    if name == "date" and item.date:
        return item.date.isoformat()
    if name == "tx" and item.tx:
        return f"`{item.tx}`"
    if name == "quote" and item.excerpt:
        return quotation(item)
    return None


def quotation(item: Evidence) -> str | None:
    """Return the first sentence of the excerpt in quotation marks, or None when it is too long or unclean."""
    end = _SENTENCE_END.search(item.excerpt.strip())
    sentence = item.excerpt.strip()[: end.end()].strip() if end else ""
    if not sentence or len(sentence) > MAX_QUOTE or re.search(r"[{}\[\]<>|`*_#]", sentence):
        return None
    return f"“{sentence}”"


def _calculate(match: re.Match[str], evidence: EvidenceSet, brief: Brief, language: Language) -> Resolved:
    operation, first_body, second_body = match.groups()
    first, first_ids = _lookup(first_body, evidence, brief)
    second, second_ids = _lookup(second_body, evidence, brief)
    value = calculate(operation, first, second) if first and second else None
    if value is None:
        return Resolved(needs(match.group(0), language), known=False)
    ids = tuple(dict.fromkeys((*first_ids, *second_ids)))
    return Resolved(format_value(value, language), ids, value)


def calculate(operation: str, first: Value, second: Value) -> Value | None:
    """Do one calculation exactly; None when it has no meaning (other units, division by zero, not numbers).

    Percentages and ratios are rounded half-even, to one and two decimals.

    >>> calculate("pct_change", Value(value=200, unit="USDC"), Value(value=150, unit="USDC")).value
    Decimal('-25.0')
    """
    a, b = first.value, second.value
    if not isinstance(a, Decimal) or not isinstance(b, Decimal) or first.unit != second.unit:
        return None
    if operation == "sum":
        return Value(value=a + b, unit=first.unit)
    if operation == "diff":
        return Value(value=a - b, unit=first.unit)
    if operation == "ratio" and b:
        return Value(value=_round(a / b, "0.01"), unit="x")
    if operation == "pct_change" and a:
        return Value(value=_round((b - a) / a * 100, "0.1"), unit="%", exact=False)
    return None


def _round(number: Decimal, step: str) -> Decimal:
    return number.quantize(Decimal(step), rounding=ROUND_HALF_EVEN)


def fill(slotted: str, *, evidence: EvidenceSet, brief: Brief, language: Language) -> Filled:
    """Replace slots by printed values and marks by citations, and cite what a slot took but the writer did not.

    A value slot implies its evidence: where its sentence lacks the citation, it is added before the full stop. So
    no figure from evidence can stand uncited.
    """
    text = cite_slots(slotted)
    parts: list[str] = []
    uses: list[Use] = []
    unknown: list[str] = []
    position = length = 0
    for match in re.finditer(f"{SLOT.pattern}|{MARK.pattern}", text):
        before = text[position : match.start()]
        body, mark = match.group(1), match.group(2)
        if mark:
            printed = f"[{mark}]" if mark in evidence else needs(mark, language)
            known = mark in evidence
        else:
            resolved = resolve(body, evidence, brief, language)
            printed, known = resolved.printed, resolved.known
            start = length + len(before)
            uses.append(Use(body, printed, start, start + len(printed), resolved.ids))
        if not known:
            unknown.append(body or mark)
        parts += [before, printed]
        length += len(before) + len(printed)
        position = match.end()
    parts.append(text[position:])
    return Filled("".join(parts), tuple(uses), tuple(unknown))


def cite_slots(slotted: str) -> str:
    """Add the citation that each evidence slot implies to sentences that lack it; other text stays as it is.

    >>> cite_slots("Sales fell to {{E2.sales}}. More text.")
    'Sales fell to {{E2.sales}} [[E2]]. More text.'
    """
    parts: list[str] = []
    position = 0
    for end in _sentence_ends(slotted):
        parts.append(_cite_sentence(slotted[position : end.start()]) + end.group())
        position = end.end()
    return "".join(parts)


def _sentence_ends(text: str) -> Iterator[re.Match[str]]:
    """Yield sentence ends that do not lie inside a slot (a TBD reason may hold a full stop)."""
    slots = SLOT.finditer(text)
    slot = next(slots, None)
    for end in _SENTENCE_END.finditer(text):
        while slot is not None and slot.end() <= end.start():
            slot = next(slots, None)
        if slot is None or not slot.start() < end.start():
            yield end


def _cite_sentence(sentence: str) -> str:
    cited = set(MARK.findall(sentence))
    needed = dict.fromkeys(
        item_id for match in SLOT.finditer(sentence) for item_id in re.findall(r"\bE[1-9][0-9]{0,2}(?=\.)", match[1])
        if not match[1].startswith("TBD:")
    )  # fmt: skip
    missing = [item_id for item_id in needed if item_id not in cited]
    if not missing:
        return sentence
    return sentence.rstrip() + "".join(f" [[{item_id}]]" for item_id in missing)


def used_ids(slotted: str) -> set[str]:
    """Return the evidence ids that slotted text cites or takes a value from."""
    return set(MARK.findall(cite_slots(slotted)))


def escape_slots(text: str) -> str:
    """Make user text safe to stand in slotted text: its braces and double brackets can no longer open a slot."""
    return text.replace("{{", "{ {").replace("[[", "[ [")
