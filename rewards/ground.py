"""What the evidence and the brief of a task state, indexed once so that each completion is only looked up.

A figure is compared with `proposal.matching.states`, the comparison that checks and claims use too; the index only
spares the comparisons that cannot succeed. Topics, links and copied passages are indexed beside it.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import lru_cache

from proposal.document import Amount, DateMention, parse
from proposal.evidence import EXPLORERS, Evidence
from proposal.hashing import canonical_json
from proposal.matching import APPROXIMATE, matches_date, states
from proposal.values import Value
from rewards.rows import MAX_TASKS, Task
from rewards.wording import GENERIC, PERIODS, terms, tokens, words

MAX_ANSWERS = 2_000
"""Figures whose meaning is remembered per task."""

COPY_ENGLISH, COPY_CHINESE = 12, 24
"""Tokens in a row that count as copied: a quotation is shorter, a dump longer."""

_SCHEMA_WORDS = frozenset(
    [
        "id",
        "kind",
        "title",
        "values",
        "value",
        "unit",
        "label",
        "publisher",
        "url",
        "date",
        "tx",
        "block",
        "chain",
        "excerpt",
        "retrieved",
        "at",
        "evidence",
        "source",
        "name",
        "zh",
        "transaction",
        "event",
        "metric",
        "document",
        "forum",
        "post",
        "chart",
        "vote",
        "https",
        "http",
        "www",
        "com",
        "org",
        "e",
        "p",
        "null",
        "true",
        "false",
    ]
)
_HEX = re.compile(r"0x[0-9a-fA-F]{64}(?![0-9a-fA-F])")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}(?![0-9a-fA-F])")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{1,250}\.eth(?![A-Za-z0-9-])")
_COUNTERS = {"people"}
"""Units that count without saying what: "338名" counts creators, voters or members."""
_SCALES = (1.0, 100.0, 0.01, 10_000.0, 0.0001, 1 / 7, 7.0)
"""A value may be printed in another unit: percent, fraction and basis points; days and weeks."""


@dataclass(frozen=True, eq=False, slots=True)
class Known:
    """One value that a text may state: where it stands ("E3", or "P" for the brief) and what it is about.

    `spoken` are the words of which one tells that a sentence speaks of it: those of the label; of the title only where
    the label has none to tell. `rivals` are values of the same unit with the words that tell the two apart: (rival, its
    own words, words of ours).
    """

    source: str
    name: str
    value: Value
    label: frozenset[str]
    topic: frozenset[str]
    spoken: frozenset[str] = field(init=False)
    rivals: list[tuple[Known, frozenset[str], frozenset[str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        object.__setattr__(self, "spoken", self.label - GENERIC - PERIODS or self.topic)

    @property
    def slot(self) -> str:
        return f"{self.source}.{self.name}"


@dataclass(frozen=True, eq=False)
class Ground:
    """Everything a completion can be held against."""

    numbers: tuple[Known, ...]
    keys: tuple[float, ...]
    order: tuple[int, ...]
    dates: tuple[Known, ...]
    days: dict[dt.date, list[Known]]
    periods: dict[tuple[dt.date, str], list[Known]]
    by_slot: dict[str, Known]
    links: dict[str, str]
    hashes: dict[str, str]
    addresses: frozenset[str]
    names: frozenset[str]
    topics: dict[str, frozenset[str]]
    excerpts: dict[str, frozenset[str]]
    weights: dict[str, float]
    languages: dict[str, str]
    vocabulary: frozenset[str]
    substance: frozenset[str]
    said: dict[str, str]
    copied: frozenset[tuple[str, ...]]
    copied_chinese: frozenset[tuple[str, ...]]
    copied_heads: frozenset[tuple[str, ...]]
    answers: dict[tuple[object, ...], list[Known]] = field(default_factory=dict)

    def named(self, part: Amount | DateMention) -> list[Known]:
        """Return the values that a printed figure or date states; figures that recur are looked up once."""
        if not isinstance(part, Amount):
            if part.precision == "day":
                return self.days.get(part.date, []) if part.date else []
            named = [known for known in self.dates if matches_date(known.value, part)]
            return [*named, *self.periods.get((part.date, part.precision), ())] if part.date else named
        question = (part.value, part.unit, part.scale, part.decimals, part.approx)
        known = self.answers.get(question)
        if known is None:
            if len(self.answers) > MAX_ANSWERS:
                self.answers.clear()
            known = self.answers[question] = self.stating(part)
        return known

    def stating(self, amount: Amount) -> list[Known]:
        """Return the values that the printed amount states."""
        if amount.unit in _COUNTERS:
            amount = replace(amount, unit="")
        printed = float(abs(amount.value))
        width = float(amount.tolerance) + 1e-9 * printed
        if amount.approx:
            width = max(width, printed * float(APPROXIMATE) * 1.1)
        first = bisect_left(self.keys, printed - width)
        last = bisect_right(self.keys, printed + width)
        candidates = dict.fromkeys(self.order[first:last])
        return [self.numbers[index] for index in candidates if states(self.numbers[index].value, amount)]


@lru_cache(maxsize=MAX_TASKS)
def ground_of(task: Task) -> Ground:
    """Return the index of a task."""
    items = list(task.evidence.values())
    known = [*_known(task), *_read_from_texts(task)]
    numbers = tuple(value for value in known if value.value.is_number)
    _link_rivals([value for value in known if value.name and not isinstance(value.value.value, str)])
    pairs = sorted(
        (abs(float(one.value.value)) * scale, index)  # type: ignore[arg-type]
        for index, one in enumerate(numbers)
        for scale in _SCALES
    )
    topics = {item.id: _topic(item) for item in items}
    dumps = [tokens(text) for item in items for text in _dumps(item)]
    brief_texts = _brief_texts(task)
    dates = tuple(value for value in known if isinstance(value.value.value, dt.date))
    days: dict[dt.date, list[Known]] = {}
    for value in dates:
        assert isinstance(value.value.value, dt.date)
        days.setdefault(value.value.value, []).append(value)
    return Ground(
        numbers=numbers,
        keys=tuple(key for key, _ in pairs),
        order=tuple(index for _, index in pairs),
        dates=dates,
        days=days,
        periods=_periods(task),
        by_slot={value.slot: value for value in known if value.name},
        links=dict(_links(task)),
        hashes={found.lower(): item.id for item in reversed(items) for found in _hashes(item)},
        addresses=frozenset(
            found.lower()
            for text in (*brief_texts, *(canonical_json(item) for item in items))
            for found in _ADDRESS.findall(text)
        ),
        names=frozenset(
            found.lower()
            for text in (*brief_texts, *(canonical_json(item) for item in items), task.template.model_dump_json())
            for found in _NAME.findall(text)
        ),
        topics=topics,
        excerpts={item.id: terms(item.excerpt) for item in items if item.excerpt},
        weights=_weights(topics.values()),
        languages={item.id: item.excerpt_language for item in items if item.excerpt},
        vocabulary=_vocabulary(items),
        substance=frozenset().union(*topics.values(), *(terms(text) for text in brief_texts)) - GENERIC,
        said={item.id: squeeze(item.excerpt + " " + item.title + " " + item.title_zh) for item in items}
        | {"P": squeeze(" ".join(brief_texts))},
        copied=_grams(dumps, COPY_ENGLISH),
        copied_chinese=_grams(dumps, COPY_CHINESE),
        copied_heads=_grams(dumps, 3),
    )


def _known(task: Task) -> Iterator[Known]:
    """Yield the named values of the evidence and the figures of the brief: parameters and amounts of actions."""
    for item in task.evidence.values():
        title = terms(f"{item.title} {item.title_zh}")
        for name, value in item.values.items():
            yield _one(item.id, name, value, title)
        if item.date is not None and "date" not in item.values:
            yield _one(item.id, "date", Value(value=item.date, unit="date"), title)
        if item.block is not None:
            yield Known(item.id, "", Value(value=Decimal(item.block), unit="count"), frozenset(), title)
        yield Known(item.id, "", Value(value=item.retrieved_at.date(), unit="date"), frozenset(), title)
    for name, value in task.brief.figures.items():
        yield _one("P", name, value, frozenset())


def _one(source: str, name: str, value: Value, title: frozenset[str]) -> Known:
    label = terms(f"{value.label} {value.label_zh} {name.replace('_', ' ')}")
    unit = terms(value.unit) if value.unit.islower() and value.unit not in {"count", "date", "text"} else frozenset()
    topic = label | title | unit
    return Known(source, name, value, label, topic - PERIODS or topic)


def _read_from_texts(task: Task) -> Iterator[Known]:
    """Yield figures and days that stand in running text."""
    for source, text in _texts(task):
        document = parse(text)
        for amount in document.amounts:
            if amount.kind != "ordinal":
                yield Known(
                    source, "", Value(value=amount.value, unit=amount.unit or "count"), frozenset(), frozenset()
                )
        for mention in document.dates:
            if mention.date is not None and mention.precision == "day":
                yield Known(source, "", Value(value=mention.date, unit="date"), frozenset(), frozenset())


def _periods(task: Task) -> dict[tuple[dt.date, str], list[Known]]:
    """Return the months, quarters and years that running text names, by their first day and kind."""
    found: dict[tuple[dt.date, str], list[Known]] = {}
    for source, text in _texts(task):
        for mention in parse(text).dates:
            if mention.date is not None and mention.precision != "day":
                known = Known(source, "", Value(value=mention.date, unit="date"), frozenset(), frozenset())
                found.setdefault((mention.date, mention.precision), []).append(known)
    return found


def _texts(task: Task) -> Iterator[tuple[str, str]]:
    """Yield the running texts of a task with where they stand: excerpts, titles, labels, the brief's own words."""
    for item in task.evidence.values():
        yield item.id, f"{item.title}. {item.title_zh}。 {item.excerpt}"
        for value in item.values.values():
            if isinstance(value.value, str):
                yield item.id, value.value
            yield item.id, f"{value.label}. {value.label_zh}。"
    for text in _brief_texts(task):
        yield "P", text


def _brief_texts(task: Task) -> tuple[str, ...]:
    brief = task.brief
    texts = [str(value.value) for value in brief.parameters.values() if isinstance(value.value, str)]
    return tuple(
        text
        for text in (
            brief.topic,
            brief.title,
            brief.ask,
            brief.background,
            *brief.constraints,
            *brief.notes.values(),
            *brief.options,
            brief.conflicts_of_interest,
            *texts,
            *(value.label for value in brief.parameters.values()),
            *(value.label_zh for value in brief.parameters.values()),
        )
        if text
    )


def _link_rivals(values: list[Known]) -> None:
    """Tell values of the same unit apart by the words of their labels."""
    for known in values:
        for rival in values:
            if rival is known or rival.value.unit != known.value.unit or rival.value.value == known.value.value:
                continue
            theirs, ours = rival.label - known.label, known.label - rival.label
            if theirs and ours:
                known.rivals.append((rival, theirs, ours))


def _topic(item: Evidence) -> frozenset[str]:
    labels = " ".join(f"{value.label} {value.label_zh} {name.replace('_', ' ')}" for name, value in item.values.items())
    return terms(f"{item.title} {item.title_zh} {item.publisher} {labels} {item.excerpt}")


def _weights(topics: Iterable[frozenset[str]]) -> dict[str, float]:
    """Weigh terms: one that every item shares says little about which item is meant."""
    topics = list(topics)
    counts = Counter(term for topic in topics for term in topic)
    return {term: math.log((len(topics) + 1) / count) for term, count in counts.items()}


def _vocabulary(items: Iterable[Evidence]) -> frozenset[str]:
    """Return the words of which a bare listing of the evidence consists."""
    found = set(_SCHEMA_WORDS)
    for item in items:
        found.update(words(f"{item.id} {item.title} {item.title_zh} {item.publisher} {item.chain} {item.kind}"))
        for name, value in item.values.items():
            found.update(words(f"{name} {name.replace('_', ' ')} {value.label} {value.label_zh} {value.unit}"))
    return frozenset(found)


def _dumps(item: Evidence) -> Iterator[str]:
    """Yield the item in the forms in which it could be copied out of the prompt."""
    yield item.excerpt
    yield canonical_json(item)
    for language in ("en", "zh"):
        yield " ".join(f"{value.label_in(language)} {value.value} {value.unit}" for value in item.values.values())


def _grams(texts: Iterable[list[str]], size: int) -> frozenset[tuple[str, ...]]:
    return frozenset(gram for text in texts for gram in zip(*(text[start:] for start in range(size)), strict=False))


def squeeze(text: str) -> str:
    """Return letters, digits and Han characters only: how quotations are compared.

    >>> squeeze("We list less, because …")
    'welistlessbecause'
    """
    return "".join(tokens(text))


def _hashes(item: Evidence) -> list[str]:
    return _HEX.findall(f"{item.tx} {item.url} {item.excerpt}")


def _links(task: Task) -> Iterator[tuple[str, str]]:
    """Yield the links that may stand in the text: to the evidence, of the brief, of the template's clauses."""
    clauses = " ".join(clause.text.en + " " + clause.text.zh for clause in task.template.clauses.values())
    for text in (clauses, *_brief_texts(task), *(item.excerpt for item in task.evidence.values())):
        for link in parse(text).links:
            yield bare_link(link.url), ""
    if task.brief.discussion_url:
        yield bare_link(task.brief.discussion_url), ""
    for item in task.evidence.values():
        if item.tx and item.chain in EXPLORERS:
            yield bare_link(EXPLORERS[item.chain] + item.tx), item.id
        yield bare_link(item.link), item.id


def bare_link(url: str) -> str:
    """Return a link without what does not change where it leads: scheme, case of the host, query, fragment.

    >>> bare_link("HTTPS://Etherscan.io/tx/0xAB?utm=1#x")
    'etherscan.io/tx/0xab'
    """
    rest = url.strip().split("#")[0].split("?")[0]
    rest = re.sub(r"^[A-Za-z]{2,6}://(?:www\.)?", "", rest[:2_100])
    host, slash, path = rest.partition("/")
    path = path.lower() if "0x" in path.lower() else path
    return host.lower() + (slash + path.rstrip("/") if path else "")


def without_approximation(amount: Amount) -> Amount:
    """Return the amount as if the text did not say "about"."""
    return replace(amount, approx=False)
