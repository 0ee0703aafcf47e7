"""Evidence: every figure, date and quotation of a draft is stated by evidence cited in its own sentence.

These rules run only when the evidence is known. The figures of the brief need no citation, because the proposal
itself is their source; headings cannot carry one, so there any evidence will do. The list of references is written by
the server from the evidence and is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise, permutations
from typing import TypeVar
from urllib.parse import urlsplit

from proposal.checks.framework import CheckContext, Hit, Rule
from proposal.checks.phrases import fold, has_han
from proposal.document import Amount, Citation, DateMention, Document, HashMention, Quote, parse
from proposal.evidence import Evidence
from proposal.hashing import sha256_text
from proposal.matching import Support, date_supported_by, derived, matches_date, states, supported_by
from proposal.slots import OPERATIONS, calculate
from proposal.values import Value, format_value

MAX_CITATIONS = 3
"""More citations in one sentence than this leave open which of them backs what (rewards.md 1.4)."""

MAX_CALCULATED = 8
"""Values of one item between which calculations are tried; the writer is offered no more than pairs of one item."""

MIN_QUOTE_WORDS = 4
MIN_QUOTE_HAN = 8
"""Shorter text between quotation marks is a name or a term, not a quotation."""


@dataclass(slots=True)
class Claim:
    """One sentence or heading with what it states and what it cites; `cited` are the citations that exist.

    Not frozen: there are some sixty in a draft, and a frozen one takes five times as long to make.
    """

    start: int
    end: int
    text: str
    amounts: tuple[Amount, ...]
    dates: tuple[DateMention, ...]
    quotes: tuple[Quote, ...]
    hashes: tuple[HashMention, ...]
    ids: tuple[str, ...]
    cited: tuple[Evidence, ...]
    heading: bool


def claims(context: CheckContext) -> tuple[Claim, ...]:
    """Return every sentence and heading that states or cites something, outside the list of references."""
    if "claims" not in context.memory:
        context.memory["claims"] = tuple(_claims(context))
    found: tuple[Claim, ...] = context.memory["claims"]
    return found


def _claims(context: CheckContext) -> Iterator[Claim]:
    document, evidence = context.document, context.evidence or {}
    skipped = reference_sections(context)
    spans = [(s.start, s.end, False) for s in document.sentences
             if s.section not in skipped and s.block_kind not in {"code", "front_matter"}]  # fmt: skip
    spans += [(b.start, b.end, True) for b in document.blocks if b.kind == "heading"]
    spans.sort()
    amounts = _grouped([_counted(a) for a in document.amounts if a.checkable], spans)
    dates = _grouped([d for d in document.dates if d.precision in {"day", "month", "month_day"}], spans)
    quotes = _grouped([q for q in document.quotes if _is_quotation(q)], spans)
    hashes = _grouped(context.hashes, spans)
    citations = _grouped(document.citations, spans)
    everything = tuple(evidence.values())
    for at in sorted({*amounts, *dates, *quotes, *hashes, *citations}):
        start, end, heading = spans[at]
        ids = tuple(dict.fromkeys([c.id for c in citations.get(at, ())]))
        yield Claim(
            start=start,
            end=end,
            text=document.text[start:end],
            amounts=tuple(amounts.get(at, ())),
            dates=tuple(dates.get(at, ())),
            quotes=tuple(quotes.get(at, ())),
            hashes=tuple(hashes.get(at, ())),
            ids=ids,
            cited=everything if heading else tuple([evidence[i] for i in ids if i in evidence]),
            heading=heading,
        )


def _counted(amount: Amount) -> Amount:
    """Read “23次” as a bare count: 次 counts occurrences, only 倍 is a multiple."""
    return replace(amount, unit="") if amount.unit == "times" and amount.text.endswith("次") else amount


PartT = TypeVar("PartT", Amount, DateMention, Quote, HashMention, Citation)


def _grouped(parts: Sequence[PartT], spans: Sequence[tuple[int, int, bool]]) -> dict[int, list[PartT]]:
    """Put each part under the index of the span that holds it; both are in order of place."""
    found: dict[int, list[PartT]] = {}
    at = 0
    for part in parts:
        while at < len(spans) and spans[at][1] <= part.start:
            at += 1
        if at == len(spans):
            break
        if spans[at][0] <= part.start:
            found.setdefault(at, []).append(part)
    return found


def reference_sections(context: CheckContext) -> frozenset[int]:
    """Return the indexes of the sections that hold nothing but the list of references."""
    return frozenset(
        section.index for section, spec in context.known_sections if "references" in spec.contents()
    )  # fmt: skip


def _is_quotation(quote: Quote) -> bool:
    if has_han(quote.text):
        return len(quote.text) >= MIN_QUOTE_HAN
    return len(quote.text.split()) >= MIN_QUOTE_WORDS


# --- figures -----------------------------------------------------------------------------------------------------


def uncited_claims(context: CheckContext) -> Iterator[Hit]:
    """Report figures, dates and quotations whose sentence cites nothing, unless the brief is their source."""
    for claim in claims(context):
        if claim.ids or claim.heading:
            continue
        for amount in claim.amounts:
            if not _from_brief(context, amount):
                yield Hit(amount.start, amount.end, f"the figure “{amount.text}” cites no evidence in its sentence")
        for date in claim.dates:
            if not _date_from_brief(context, date):
                yield Hit(date.start, date.end, f"the date “{date.text}” cites no evidence in its sentence")
        for quote in claim.quotes:
            if not _quote_from_brief(context, quote):
                yield Hit(quote.start, quote.end, "the quotation cites no evidence in its sentence")


def unsupported_figures(context: CheckContext) -> Iterator[Hit]:
    """Report figures and dates that no evidence cited in their sentence states, nor the brief, nor arithmetic."""
    for claim in claims(context):
        if not claim.cited:
            continue
        for amount in claim.amounts:
            if not _is_backed(context, amount, claim):
                yield Hit(
                    amount.start, amount.end, _unsupported(amount.text, _nearest(amount, claim.cited, context), claim)
                )
        for date in claim.dates:
            if not _is_dated(context, date, claim):
                near = ", ".join(item.date.isoformat() for item in claim.cited[:3] if item.date)
                yield Hit(date.start, date.end, _unsupported(date.text, near, claim))


def _unsupported(printed: str, near: str, claim: Claim) -> str:
    where = "any evidence" if claim.heading else " or ".join(item.id for item in claim.cited[:5])
    hint = f"; there stands {near}" if near else ""
    return f"“{printed}” is not stated by {where}{hint}"


def _is_backed(context: CheckContext, amount: Amount, claim: Claim) -> bool:
    if _supports(context, amount, claim) or _is_parameter(context, amount):
        return True
    if claim.heading:
        return False
    values = [value for item in claim.cited[:MAX_CITATIONS] for value in item.values.values()]
    if derived(amount, values, claim.text) or any(_is_calculated(amount, item, claim) for item in claim.cited):
        return True
    return _is_total_of_brief(context, amount, claim)


_SUM_OR_DIFFERENCE = re.compile(
    r"(?i:total|sum|combined|together|differ|more|less|fewer|rose|fell|grew|drop|declin|increas|decreas|chang|left|"
    r"remain|gap|net)|合计|总|共|差|多|少|增|减|升|降|变化|剩"
)


def _is_calculated(amount: Amount, item: Evidence, claim: Claim) -> bool:
    """Tell whether the figure is what the server prints for a calculation between two values of the item.

    Such a figure may have fewer digits than `derived` trusts; here it has to be printed as exactly as the server does.
    """
    numbers = [value for value in item.values.values() if value.is_number][:MAX_CALCULATED]
    for first, second in permutations(numbers, 2):
        if first.unit != second.unit:
            continue
        for operation in OPERATIONS:
            result = calculate(operation, first, second)
            if result is None or not states(result, amount):
                continue
            exact = {"pct_change": amount.decimals == 1, "ratio": amount.decimals == 2}
            if exact.get(operation, amount.scale == 1 and _SUM_OR_DIFFERENCE.search(claim.text) is not None):
                return True
    return False


def _supports(context: CheckContext, amount: Amount, claim: Claim) -> tuple[Support, ...]:
    """Return where the evidence that a claim cites states a figure; worked out once for each figure."""
    known: dict[int, tuple[Support, ...]] = context.memory.setdefault("supports", {})
    if amount.start not in known:
        known[amount.start] = supported_by(amount, claim.cited, None)
    return known[amount.start]


def _is_parameter(context: CheckContext, amount: Amount) -> bool:
    return context.brief is not None and any(states(value, amount) for value in context.brief.figures.values())


def _from_brief(context: CheckContext, amount: Amount) -> bool:
    if context.brief is None:
        return False
    return _is_parameter(context, amount) or any(
        same_unit(other.unit, amount.unit) and abs(other.value - amount.value) <= amount.tolerance
        for other in _brief_words(context).amounts
    )


def _is_total_of_brief(context: CheckContext, amount: Amount, claim: Claim) -> bool:
    """Tell whether the figure is worked out from figures of the brief that stand in the same sentence."""
    if context.brief is None:
        return False
    others = [value for value in context.brief.figures.values()
              if any(other is not amount and states(value, other) for other in claim.amounts)]  # fmt: skip
    return bool(others) and derived(amount, others, claim.text)


def same_unit(first: str, second: str) -> bool:
    """Tell whether two units may be the same; a bare number agrees with any."""
    return first == second or not first or not second


@lru_cache(maxsize=512)
def _read(text: str) -> Document:
    return parse(text)


def _brief_words(context: CheckContext) -> Document:
    """Return the words of the brief, parsed: a figure that the proposer wrote there is the proposer's own."""
    if "brief" not in context.memory:
        brief = context.brief
        assert brief is not None
        lines = (brief.topic, brief.title, brief.ask, *brief.constraints, *brief.options, brief.conflicts_of_interest)
        context.memory["brief"] = _read("\n\n".join(lines))
    found: Document = context.memory["brief"]
    return found


def _nearest(amount: Amount, items: Iterable[Evidence], context: CheckContext) -> str:
    """Return the stated figure of the same unit that comes closest, as it would be printed."""
    stated = [value for item in items for value in item.values.values()
              if value.is_number and same_unit(_unit(value), amount.unit)]  # fmt: skip
    if not stated:
        return ""
    return format_value(min(stated, key=lambda value: abs(value.value - amount.value)), context.language)  # type: ignore[operator]


def _unit(value: Value) -> str:
    return "" if value.unit == "count" else value.unit


def _is_dated(context: CheckContext, date: DateMention, claim: Claim) -> bool:
    if date_supported_by(date, claim.cited, context.brief):
        return True
    return any(matches_date(item.retrieved_at.date(), date) for item in claim.cited) or _date_from_brief(context, date)


def _date_from_brief(context: CheckContext, date: DateMention) -> bool:
    if context.brief is None:
        return False
    if date_supported_by(date, (), context.brief):
        return True
    return any(other.text == date.text or (other.date is not None and matches_date(other.date, date))
               for other in _brief_words(context).dates)  # fmt: skip


# --- citations ---------------------------------------------------------------------------------------------------


def dangling(context: CheckContext) -> Iterator[Hit]:
    """Report citations of evidence that does not exist."""
    evidence = context.evidence or {}
    for citation in context.document.citations:
        if citation.id not in evidence:
            known = f"{next(iter(evidence))} to {list(evidence)[-1]}" if evidence else "none"
            yield Hit(citation.start, citation.end, f"there is no evidence {citation.id} (known: {known})")


def overcited(context: CheckContext) -> Iterator[Hit]:
    """Report sentences with so many citations that none of them can be checked."""
    for claim in claims(context):
        if len(claim.ids) > MAX_CITATIONS:
            yield Hit(claim.start, claim.end, f"{len(claim.ids)} citations in one sentence")


def unused(context: CheckContext) -> Iterator[Hit]:
    """Note evidence that the text never cites."""
    cited = {identity for claim in claims(context) for identity in claim.ids}
    for identity, item in (context.evidence or {}).items():
        if identity not in cited:
            yield Hit(len(context.text), len(context.text), f"{identity} “{item.title[:80]}” is never cited")


def single_source(context: CheckContext) -> Iterator[Hit]:
    """Note that a text rests on one source alone."""
    evidence = context.evidence or {}
    used = {identity for claim in claims(context) for identity in claim.ids if identity in evidence}
    origins = {evidence[identity].publisher or urlsplit(evidence[identity].link).hostname for identity in used}
    if used and len(origins) == 1 and sum(bool(claim.ids) for claim in claims(context)) >= 3:
        yield Hit(0, 0, f"every citation leads to one source ({next(iter(origins))})")


def quotations(context: CheckContext) -> Iterator[Hit]:
    """Report quotations that the excerpts cited in their sentence do not hold word for word."""
    for claim in claims(context):
        if not claim.cited or claim.heading:
            continue
        for quote in claim.quotes:
            if _quote_from_brief(context, quote) or any(_holds(quote, item) for item in claim.cited):
                continue
            where = " or ".join(item.id for item in claim.cited[:5])
            if any(item.excerpt for item in claim.cited):
                yield Hit(quote.start, quote.end, f"these words do not stand in {where}")
            else:
                yield Hit(quote.start, quote.end, f"{where} has no excerpt to compare the quotation with", "warning")


_QUOTE_NOISE = re.compile(r"[\s*_`“”\"'‘’「」『』]+")
_ELLIPSIS = re.compile(r"\[?(?:\.\.\.|…{1,2})\]?")


def _holds(quote: Quote, item: Evidence) -> bool:
    return _in_order(quote.text, f"{item.excerpt}\n{item.title}\n{item.title_zh}")


def _in_order(quoted: str, source: str) -> bool:
    """Tell whether the pieces of a quotation (cut by ellipses) stand in the source in order."""
    source, position = _plain(source), 0
    for piece in _ELLIPSIS.split(quoted):
        plain = _plain(piece).strip(".,;。，；")
        at = source.find(plain, position)
        if at < 0:
            return False
        position = at + len(plain)
    return True


def _plain(text: str) -> str:
    """Return the words alone: no space, emphasis or quotation mark, which copying changes."""
    return _QUOTE_NOISE.sub("", text)


def _quote_from_brief(context: CheckContext, quote: Quote) -> bool:
    brief = context.brief
    if brief is None:
        return False
    source = "\n".join((brief.topic, brief.title, brief.ask, brief.background, *brief.constraints, *brief.options))
    return _in_order(quote.text, source)


def stored_hashes(context: CheckContext) -> Iterator[Hit]:
    """Report evidence whose excerpt is not the one that was recorded."""
    for identity, item in (context.evidence or {}).items():
        if item.content_hash != "sha256:" + sha256_text(item.excerpt):
            places = [citation for citation in context.document.citations if citation.id == identity]
            start, end = (places[0].start, places[0].end) if places else (0, 0)
            yield Hit(start, end, f"the excerpt of {identity} does not match its recorded hash")


def unknown_hashes(context: CheckContext) -> Iterator[Hit]:
    """Report transaction hashes that no evidence has."""
    if not context.hashes:
        return
    known = {item.tx for item in (context.evidence or {}).values() if item.tx}
    known |= {found.lower() for item in (context.evidence or {}).values()
              for found in _HASH.findall(f"{item.url} {item.excerpt}")}  # fmt: skip
    if context.brief is not None:
        known |= {found.lower() for found in _HASH.findall(context.brief.model_dump_json())}
    for mention in context.hashes:
        if mention.text.lower() not in known:
            yield Hit(mention.start, mention.end, f"no evidence has the hash {mention.text[:10]}…{mention.text[-6:]}")


_HASH = re.compile(r"0x[0-9a-fA-F]{64}(?![0-9a-fA-F])")


def unknown_links(context: CheckContext) -> Iterator[Hit]:
    """Report links to pages that are neither evidence nor named by the brief."""
    known = {_page(item.link) for item in (context.evidence or {}).values()}
    if context.brief is not None and context.brief.discussion_url:
        known.add(_page(context.brief.discussion_url))
    known |= {_page(link.url) for name in context.template.clauses
              for link in _read(context.template.clauses[name].text.in_(context.language)).links}  # fmt: skip
    for link in context.document.links:
        if link.url.lower().startswith("http") and _page(link.url) not in known:
            yield Hit(link.start, link.end, f"“{link.url[:80]}” is no evidence of this draft")


def _page(url: str) -> str:
    try:
        parts = urlsplit(url.strip().lower())
    except ValueError:
        return url
    return f"{(parts.hostname or '').removeprefix('www.')}{parts.path.rstrip('/')}"


# --- age and permanence ------------------------------------------------------------------------------------------


_SIGNAL_TITLE = re.compile(r"temp(?:erature)?[ -]?check|signal|rfc|request for comment|温度检测|信号|征求意见")


def stale(context: CheckContext) -> Iterator[Hit]:
    """Report cited evidence older than the DAO's window, counted back from the newest retrieval.

    A window for temperature checks concerns evidence that is called one; any other window concerns all evidence.
    """
    evidence = context.evidence or {}
    facts = [fact for fact in context.template.process if fact.kind == "max_age_days" and fact.amount]
    if not facts or not evidence:
        return
    newest = max(item.retrieved_at for item in evidence.values()).date()
    for identity, item in evidence.items():
        words = fold(f"{item.title} {item.title_zh}")
        windows = [f.amount for f in facts if f.amount and ("check" not in f.key or _SIGNAL_TITLE.search(words))]
        age = (newest - item.date).days if item.date else 0
        place = next((c for c in context.document.citations if c.id == identity), None)
        if place is not None and windows and age > min(windows):
            message = f"{identity} is {age} days old, the DAO takes {min(windows)} at most"
            yield Hit(place.start, place.end, message)


_MUTABLE = re.compile(
    r"(?i:docs\.google\.com|drive\.google\.com|notion\.(?:so|site)|hackmd\.io|dropbox\.com|airtable\.com|"
    r"github\.com/[^/]{1,60}/[^/]{1,100}/(?:blob|tree|raw)/(?:main|master|develop|dev)(?:/|\Z)|"
    r"raw\.githubusercontent\.com/[^/]{1,60}/[^/]{1,100}/(?:main|master|develop|dev)/)"
)


def unpinned(context: CheckContext) -> Iterator[Hit]:
    """Report cited evidence that can change after the vote: no block, transaction, commit or stored excerpt."""
    for identity, item in (context.evidence or {}).items():
        if item.tx or item.block is not None or item.excerpt:
            continue
        place = next((c for c in context.document.citations if c.id == identity), None)
        if place is None:
            continue
        if _MUTABLE.search(item.url):
            yield Hit(place.start, place.end, f"{identity} leads to a page that its owner can edit, and has no excerpt")
        else:
            yield Hit(place.start, place.end, f"{identity} is pinned to no block, transaction or excerpt", "info")


# --- meaning -----------------------------------------------------------------------------------------------------

_STEM = re.compile(r"[a-z]{4,24}")
_PLAIN_WORDS = frozenset(
    [
        "with",
        "from",
        "that",
        "this",
        "have",
        "been",
        "were",
        "will",
        "which",
        "their",
        "than",
        "into",
        "over",
        "under",
        "share",
    ]
)


def mislabelled(context: CheckContext) -> Iterator[Hit]:
    """Report a cited figure in a sentence that shares no word with what the figure counts."""
    evidence = context.evidence or {}
    for claim in claims(context):
        told = claim.cited and not claim.heading and claim.amounts
        words = _stems(_without_figures(claim)) if told else frozenset()
        for amount in claim.amounts if told else ():
            supports = _supports(context, amount, claim)
            items = [(evidence[support.source], support.name) for support in supports]
            stated = [(item, item.values[name]) for item, name in items if name in item.values]
            if stated and not any(words & _subject(*pair) for pair in stated):
                label = stated[0][1].label_in(context.language) or stated[0][0].title_in(context.language)
                message = f"the figure counts “{label[:80]}”, of which the sentence does not speak"
                yield Hit(amount.start, amount.end, message)


def _without_figures(claim: Claim) -> str:
    """Return the words of a sentence without its figures, whose units are words of any label."""
    text = claim.text
    for amount in reversed(claim.amounts):
        text = text[: amount.start - claim.start] + " " + text[amount.end - claim.start :]
    return text


def _subject(item: Evidence, value: Value) -> frozenset[str]:
    names = [name for name, other in item.values.items() if other is value]
    return _stems(" ".join((value.label, value.label_zh, item.title, item.title_zh, *names)).replace("_", " "))


@lru_cache(maxsize=2048)
def _stems(text: str) -> frozenset[str]:
    """Return the first letters of each longer word, and each pair of Chinese characters."""
    folded = fold(text)
    found = {word[:5] for word in _STEM.findall(folded) if word not in _PLAIN_WORDS}
    if not folded.isascii():
        found |= {pair for pair in map("".join, pairwise(folded)) if has_han(pair[0]) and has_han(pair[1])}
    return frozenset(found)


RULES: tuple[Rule, ...] = (
    Rule(
        id="EV-uncited-claim", family="evidence", severity="error", title="A figure or quotation without citation",
        clause="Every figure, date and quotation cites evidence in its own sentence, unless the brief is its source.",
        fix="Cite the evidence that states it, as in [E3], or delete the statement.",
        check=uncited_claims, needs=("evidence",),
    ),
    Rule(
        id="EV-dangling", family="evidence", severity="error", title="A citation of evidence that does not exist",
        clause="Every citation names an evidence item of this draft.",
        fix="Cite an existing item, or add the missing one to the evidence.", check=dangling, needs=("evidence",),
    ),
    Rule(
        id="EV-number", family="evidence", severity="error", title="A figure that its evidence does not state",
        clause="A cited figure equals a value of evidence cited in the same sentence, in the same unit and rounded "
               "correctly, or follows from such values by arithmetic that the sentence names.",
        fix="Use the figure of the evidence, or cite the item that states this one.",
        check=unsupported_figures, needs=("evidence",),
    ),
    Rule(
        id="EV-quote", family="evidence", severity="error", title="A quotation that is not in the source",
        clause="A quotation stands word for word in an excerpt cited in its sentence; omissions are marked by an "
               "ellipsis.",
        fix="Copy the words from the excerpt, or report them without quotation marks.",
        check=quotations, needs=("evidence",),
    ),
    Rule(
        id="EV-hash", family="evidence", severity="error", title="Evidence that was changed",
        clause="The excerpt of every evidence item matches the hash recorded when it was retrieved.",
        fix="Retrieve the item again.", check=stored_hashes, needs=("evidence",),
    ),
    Rule(
        id="EV-unknown-hash", family="evidence", severity="error", title="A transaction that no evidence has",
        clause="Every transaction hash of the text belongs to an evidence item or to the brief.",
        fix="Add the transaction to the evidence, or delete the hash.",
        check=unknown_hashes, needs=("evidence",),
    ),
    Rule(
        id="EV-unknown-link", family="evidence", severity="warning", title="A link that is no evidence",
        clause="Every link of a draft leads to an evidence item or to what the brief names.",
        fix="Add the page to the evidence, or delete the link.", check=unknown_links, needs=("evidence",),
    ),
    Rule(
        id="EV-label", family="evidence", severity="warning", title="A figure in the wrong sentence",
        clause="A sentence that prints a cited figure speaks of what the figure counts.",
        fix="Say what the figure counts, or use the figure that you mean.", check=mislabelled, needs=("evidence",),
    ),
    Rule(
        id="EV-stale", family="evidence", severity="warning", title="Evidence older than the DAO's window",
        clause="Cited evidence is no older than the DAO allows, counted from the newest retrieval.",
        fix="Retrieve newer evidence, or say why the old one still holds.", check=stale, needs=("evidence",),
    ),
    Rule(
        id="EV-pin", family="evidence", severity="warning", title="Evidence that can change after the vote",
        clause="Evidence is pinned to a block, transaction, commit or stored excerpt (a page that its owner can edit "
               "warns, any other is noted).",
        fix="Add an excerpt, a block or a permanent link.", check=unpinned, needs=("evidence",),
    ),
    Rule(
        id="EV-overcited", family="evidence", severity="warning", title="Too many citations in one sentence",
        clause=f"A sentence has at most {MAX_CITATIONS} citations, so that a reader can tell which backs what.",
        fix="Split the sentence.", check=overcited, needs=("evidence",),
    ),
    Rule(
        id="EV-unused", family="evidence", severity="info", title="Evidence that is never cited",
        clause="Evidence given for a draft is cited in it, or left out on purpose.",
        fix="Cite it where it matters, or take it out of the file.", check=unused, needs=("evidence",),
    ),
    Rule(
        id="EV-single-source", family="evidence", severity="info", title="One source for everything",
        clause="A proposal that rests on one source says so.",
        fix="Add evidence from a second source, or note the dependence in the risks.",
        check=single_source, needs=("evidence",),
    ),
)  # fmt: skip
