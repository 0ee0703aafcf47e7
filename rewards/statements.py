"""What a completion states, sentence by sentence, and what each figure in it rests on.

A figure is settled in a fixed order: by the slot that printed it, by a value cited in its sentence, by the brief, by a
calculation from cited values, by evidence that was not cited, by nothing. Everything later (citation, faithfulness,
coverage) only counts these verdicts, so that all components judge the same reading.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from proposal.checks.phrases import Spans
from proposal.document import Amount, DateMention, Document, Quote, Sentence
from proposal.matching import derived
from proposal.slots import Use
from rewards.ground import Ground, Known, bare_link, squeeze, without_approximation
from rewards.meaning import Meaning, meanings
from rewards.reading import Reading
from rewards.wording import terms_of, tokens, words

Verdict = Literal["cited", "brief", "derived", "uncited", "miscited", "invented"]
"""What a figure rests on; `miscited` is stated by other evidence than the sentence cites."""

_ODD_HEX = re.compile(r"0x(?:[0-9a-fA-F]{20,39}|[0-9a-fA-F]{41,63}|[0-9a-fA-F]{65,80})(?![0-9a-zA-Z…])")
"""Neither an address nor a transaction: nobody can look it up."""
_TRUNCATED_HASH = re.compile(r"0x([0-9a-fA-F]{4,16})(?:…|\.{2,3})([0-9a-fA-F]{4,16})(?![0-9a-fA-F])")
_VAGUE = re.compile(
    r"(?<![A-Za-z])(?:[Cc]onsiderable|[Ss]ignificant|[Ss]ubstantial|[Ss]izeable|[Ss]izable|[Ll]arge|[Hh]uge|[Gg]reat"
    r"|[Cc]ertain|[Uu]nspecified|[Nn]ontrivial|[Mm]eaningful|[Mm]odest) (?:amounts?|numbers?|sums?|shares?|portions?"
    r"|percentages?|fractions?|quantit(?:y|ies)|budgets?)(?![a-z])|(?<![A-Za-z])[Aa] (?:lot|great deal) of(?![a-z])"
    r"|(?:相当|颇为)?可观的?(?:数额|数量|金额|比例|份额|规模)?|一定(?:数量|数额|金额|比例|份额)的?|若干(?:金额|数额|资金)?"
    r"|(?:相当|较|很)大(?:的?(?:数额|金额|比例|份额))"
    r"|(?<![A-Za-z])(?:[Dd]ozens|[Hh]undreds|[Tt]housands|[Ss]cores) of(?![a-z])"
    r"|(?<![A-Za-z])(?:[Ss]everal|[Mm]any|[Aa] few) (?:dozen|hundred|thousand|million)(?![a-z])"
    r"|(?<![A-Za-z])[Oo]ne in (?:two|three|four|five|ten)(?![a-z])"
    r"|(?:more than )?(?:doubled|tripled|quadrupled)(?![a-z])(?! (?:from|to)(?![a-z]))"
    r"|(?:数|几|上)(?:十|百|千|万|亿)(?=[名个位人枚笔项家次万元])|成倍(?:增长|上升|下降|减少)"
)
"""An amount without a number: where a figure could stand, it dodges being checked."""
_VAGUE_WORDS = (
    "onsiderable", "ignificant", "ubstantial", "izeable", "izable", "arge ", "uge ", "reat ", "ertain ", "nspecified",
    "ontrivial", "eaningful", "odest", " lot of", " deal of", "ozens of", "undreds of", "housands of", "cores of",
    " hundred", " thousand", " million", " dozen", "ne in ", "bled", "pled",
)  # fmt: skip
_VAGUE_HAN = (
    "可观", "一定", "若干", "很大", "较大", "相当大", "数十", "数百", "数千", "数万", "数亿", "几十", "几百", "几千",
    "几万", "几亿", "上十", "上百", "上千", "上万", "上亿", "成倍",
)  # fmt: skip
_BEFORE_WORD = 17
"""How far before one of these words the pattern may begin ("more than quadrupled")."""
_HEDGE = re.compile(
    r"(?<![a-z])(?:perhaps|possibly|allegedly|supposedly|reportedly|arguably|it (?:may|might|could) be that|who knows)"
    r"(?![a-z])|或许|也许|据说|据称|似乎|兴许"
)
_HEDGE_WORDS = (
    "perhaps", "possibly", "edly", "arguably", "be that", "who knows", "或许", "也许", "据说", "据称", "似乎", "兴许",
)  # fmt: skip
"""A figure that evidence states is either stated or left out: a hedge before it dodges being held to it."""
_ENS_NAME = re.compile(
    r"(?<![A-Za-z0-9.@/-])[A-Za-z0-9][A-Za-z0-9-]{1,60}(?:\.[A-Za-z0-9-]{1,60}){0,3}\.eth(?![A-Za-z0-9-])"
)
_LOOSE = frozenset({"year", "month_day"})


@dataclass(slots=True)
class Figure:
    """One figure or date of a sentence with what it rests on."""

    part: Amount | DateMention
    verdict: Verdict
    known: tuple[Known, ...] = ()
    ids: tuple[str, ...] = ()
    stretched: bool = False
    meaning: Meaning = "unknown"
    key: tuple[str, str] = field(init=False)

    def __post_init__(self) -> None:
        part = self.part
        if isinstance(part, Amount):
            self.key = (str(part.value.normalize()), part.unit)
        else:
            self.key = (str(part.date or part.text), "date")

    @property
    def written_out(self) -> bool:
        """Whether a figure that a reader would expect in digits is written in words."""
        return isinstance(self.part, Amount) and self.part.kind == "word"


@dataclass(slots=True)
class Cite:
    """One citation of a sentence: a mark, a link or a transaction hash; `id` is "" when it leads nowhere."""

    start: int
    end: int
    id: str
    mark: bool


@dataclass(slots=True)
class Statement:
    """One sentence with its figures, citations and topic; words and topic are read when somebody asks.

    `substance` remembers whether it says something about the proposal, as the analysis has decided.
    """

    sentence: Sentence
    cites: list[Cite] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    quotes_invented: list[Quote] = field(default_factory=list)
    quotes_found: set[str] = field(default_factory=set)
    vague: list[str] = field(default_factory=list)
    reference: bool = False
    listing: bool = False
    repeats: bool = False
    again: bool = False
    row: bool = field(init=False)
    cited: tuple[str, ...] = field(init=False)
    substance: bool | None = None
    lowered: str = field(init=False)
    _words: list[str] | None = None
    _terms: frozenset[str] | None = None

    def __post_init__(self) -> None:
        self.row = self.sentence.block_kind == "table_row"
        self.lowered = self.sentence.text.lower()
        self.cited = tuple(dict.fromkeys(cite.id for cite in self.cites if cite.id))

    # No cached_property here: in Python 3.11 each takes a lock, which costs more than the rest of a short sentence.

    @property
    def words(self) -> list[str]:
        if self._words is None:
            self._words = words(self.sentence.text)
        return self._words

    @property
    def terms(self) -> frozenset[str]:
        if self._terms is None:
            self._terms = terms_of(self.words, self.sentence.text)
        return self._terms


Part = TypeVar("Part", Amount, DateMention, Quote, Cite)


def statements_of(reading: Reading, ground: Ground) -> list[Statement]:
    """Return every sentence of the reading with its figures settled."""
    document = reading.document
    starts = [sentence.start for sentence in document.sentences]
    references = _references(document)
    cites = _by_sentence(list(_cites(document, ground)), starts, document)
    quotes = _by_sentence(document.quotes, starts, document)
    amounts = _by_sentence([amount for amount in document.amounts if amount.checkable], starts, document)
    dates = _by_sentence(document.dates, starts, document)
    vague = _vague(document, starts)
    lowered = document.text.lower()
    hedged = any(word in lowered for word in _HEDGE_WORDS)
    found: list[Statement] = []
    for index, sentence in enumerate(document.sentences):
        statement = Statement(sentence, cites.get(index, []))
        statement.reference = references.covers(sentence.start)
        statement.vague = vague.get(index, [])
        if index in quotes:
            _settle_quotes(statement, quotes[index], ground)
        _settle_figures(statement, [*amounts.get(index, ()), *dates.get(index, ())], reading, ground)
        if hedged and any(figure.verdict in {"cited", "derived"} for figure in statement.figures):
            hedge = _HEDGE.search(statement.lowered)
            statement.vague = [*statement.vague, hedge[0]] if hedge else statement.vague
        statement.listing = bool(statement.figures or statement.cites) and _is_listing(statement, ground)
        if statement.figures and not statement.row and not statement.reference:
            meanings(statement.figures, statement)
        found.append(statement)
    return found


def outside_sentences(reading: Reading, ground: Ground) -> list[Figure]:
    """Return the figures of headings and titles: read by everybody, in no sentence."""
    document = reading.document
    spans = [(sentence.start, sentence.end) for sentence in document.sentences]
    starts = [start for start, _ in spans]
    found: list[Figure] = []
    for amount in document.amounts:
        place = bisect_right(starts, amount.start) - 1
        if amount.checkable and (place < 0 or amount.start >= spans[place][1]):
            known = ground.stating(amount)
            found.append(Figure(amount, "brief" if known else "invented", tuple(known)))
    return found


def _vague(document: Document, starts: list[int]) -> dict[int, list[str]]:
    """Return amounts without a number, by sentence; the pattern is slow, so it is only tried where it can match."""
    text = document.text
    places: set[int] = set()
    for word in _VAGUE_WORDS if text.isascii() else (*_VAGUE_WORDS, *_VAGUE_HAN):
        at = text.find(word)
        while at >= 0:
            places.update(range(max(0, at - _BEFORE_WORD), at + 1))
            at = text.find(word, at + 1)
    dealt: dict[int, list[str]] = {}
    end = 0
    for place in sorted(places):
        match = _VAGUE.match(text, place) if place >= end else None
        if match:
            end = match.end()
            dealt.setdefault(bisect_right(starts, place) - 1, []).append(match[0])
    return dealt


def _by_sentence(parts: Sequence[Part], starts: list[int], document: Document) -> dict[int, list[Part]]:
    """Deal the parts (in source order) to the sentences that they stand in."""
    dealt: dict[int, list[Part]] = {}
    for part in parts:
        index = bisect_right(starts, part.start) - 1
        if index >= 0 and part.start < document.sentences[index].end:
            dealt.setdefault(index, []).append(part)
    return dealt


def _cites(document: Document, ground: Ground) -> Iterator[Cite]:
    """Yield marks, links, hashes and shortened hashes, in source order."""
    found = [
        Cite(mark.start, mark.end, mark.id if mark.id in ground.topics else "", True) for mark in document.citations
    ]
    for link in document.links:
        bare = bare_link(link.url)
        if bare in ground.links:
            if ground.links[bare]:
                found.append(Cite(link.start, link.end, ground.links[bare], False))
        else:
            found.append(Cite(link.start, link.end, _by_hash(bare, ground), False))
    for mention in document.hashes:
        found.append(Cite(mention.start, mention.end, ground.hashes.get(mention.text.lower(), ""), False))
    for address in document.addresses:
        if address.text.lower() not in ground.addresses:
            found.append(Cite(address.start, address.end, "", False))
    if ".eth" in document.text:
        for name in _ENS_NAME.finditer(document.text):
            if name[0].lower() not in ground.names:
                found.append(Cite(name.start(), name.end(), "", False))
    if "0x" in document.text:
        for odd in _ODD_HEX.finditer(document.text):
            found.append(Cite(odd.start(), odd.end(), "", False))
        for short in _TRUNCATED_HASH.finditer(document.text):
            found.append(
                Cite(short.start(), short.end(), _completed(short[1].lower(), short[2].lower(), ground), False)
            )
    found.sort(key=lambda cite: cite.start)
    return iter(found)


def _by_hash(link: str, ground: Ground) -> str:
    """Resolve a link by the transaction or proposal in it, but only on the host that the evidence gives for it."""
    host, _, path = link.partition("/")
    for known, item_id in ground.links.items():
        if item_id and known.startswith(host + "/") and known.rpartition("/")[2] == path.rpartition("/")[2]:
            return item_id if len(path) > 12 else ""
    return ""


def _completed(head: str, tail: str, ground: Ground) -> str:
    """Return the item of a shortened hash when exactly one fits."""
    fitting = {item for known, item in ground.hashes.items() if known[2:].startswith(head) and known.endswith(tail)}
    return fitting.pop() if len(fitting) == 1 else ""


def _references(document: Document) -> Spans:
    """Return the lines of the reference list: list items that begin with a mark and hold a link. They claim nothing."""
    marks = {mark.start for mark in document.citations}
    return Spans(
        (block.start, block.end)
        for block in document.blocks
        if block.kind == "list_item"
        and not marks.isdisjoint(range(block.start, block.start + 3))
        and document.within(document.links, block.start, block.end)
    )


def _settle_quotes(statement: Statement, quotes: Sequence[Quote], ground: Ground) -> None:
    """Look quotations up in what was really said; short ones are terms, not quotations."""
    for quote in quotes:
        wanted = squeeze(quote.text)
        if len(tokens(quote.text)) < 5:
            continue
        sources = {source for source, text in ground.said.items() if wanted in text}
        if sources:
            statement.quotes_found |= sources
        else:
            statement.quotes_invented.append(quote)


def _settle_figures(
    statement: Statement, parts: Sequence[Amount | DateMention], reading: Reading, ground: Ground
) -> None:
    if not parts:
        return
    cited = set(statement.cited)
    for part in sorted(parts, key=lambda part: part.start):
        figure = _by_slot(part, reading.filled.uses, ground) or _settled(part, cited, statement, ground)
        if figure is not None:
            statement.figures.append(figure)


def _by_slot(part: Amount | DateMention, uses: Sequence[Use], ground: Ground) -> Figure | None:
    """Settle a figure that a slot printed: it is right by construction."""
    place = bisect_right(uses, part.start, key=lambda use: use.start) - 1
    if place < 0 or part.end > uses[place].end + 8 or part.start >= uses[place].end:
        return None
    use = uses[place]
    if use.body.startswith("P."):
        known = ground.by_slot.get(use.body)
        return Figure(part, "brief", (known,) if known else ())
    if not use.ids:
        return None
    if use.body.startswith("calc:"):
        return Figure(part, "derived", _operands(use.body, ground), use.ids)
    known = ground.by_slot.get(use.body)
    return Figure(part, "cited", (known,) if known else (), use.ids)


def _operands(body: str, ground: Ground) -> tuple[Known, ...]:
    names = body[body.find("(") + 1 : -1].split(",")
    return tuple(ground.by_slot[name] for name in names if name in ground.by_slot)


def _settled(part: Amount | DateMention, cited: set[str], statement: Statement, ground: Ground) -> Figure | None:
    known = ground.named(part)
    own = tuple(one for one in known if one.source in cited)
    if own:
        ids = tuple(dict.fromkeys(one.source for one in own))
        return Figure(part, "cited", own, ids, stretched=_is_stretched(part, own, ground))
    if any(one.source == "P" for one in known):
        return Figure(part, "brief", tuple(one for one in known if one.source == "P"))
    if isinstance(part, DateMention) and not known and _is_no_day(part):
        return Figure(part, "invented")
    if isinstance(part, DateMention) and not known and _is_loose(part):
        return None
    if isinstance(part, Amount) and cited:
        values = [one for one in ground.numbers if one.source in cited and one.name]
        used = _derived_from(part, values, statement)
        if used:
            return Figure(part, "derived", used, tuple(dict.fromkeys(one.source for one in used)))
    if known:
        return Figure(part, "miscited" if cited else "uncited", tuple(known))
    return Figure(part, "invented")


def _derived_from(amount: Amount, values: Sequence[Known], statement: Statement) -> tuple[Known, ...]:
    """Return the cited values the amount is calculated from: those that the sentence prints, or all of a small set."""
    printed = [one for one in values if any(one in figure.known for figure in statement.figures)]
    for chosen in (printed, list(values)):
        if 1 < len(chosen) <= 3 and derived(amount, [one.value for one in chosen], statement.sentence.text):
            return tuple(chosen)
    return ()


def _is_stretched(part: Amount | DateMention, known: Sequence[Known], ground: Ground) -> bool:
    """Tell whether the figure only fits because the text says "about"."""
    if not isinstance(part, Amount) or not part.approx:
        return False
    exact = ground.stating(without_approximation(part))
    return not any(one in exact for one in known)


def _is_no_day(part: DateMention) -> bool:
    """Tell whether a date is written out in full and does not exist (30 February)."""
    return part.precision == "day" and part.date is None and part.text[:4].isdigit()


def _is_loose(part: DateMention) -> bool:
    """Tell whether a date names no single day, month or quarter ("in 2026", "2 November"): it claims too little."""
    return part.precision in _LOOSE or part.date is None


def _is_listing(statement: Statement, ground: Ground) -> bool:
    """Tell a bare listing of evidence ("label: value") from a statement: it has no word beyond labels and titles."""
    if statement.row or statement.reference:
        return False
    return ground.vocabulary.issuperset(statement.words)
