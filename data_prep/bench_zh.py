"""Chinese items of DraftBench, made up by us: families of scenarios and a seed become proposals that nobody ever made.

Published proposals are English almost without exception, so drafting in Chinese cannot be measured on real ones. A
family (`bench_zh.yaml`) holds one kind of request: its brief, its evidence with ranges to draw values from, and the
prose of each section with slots. An item draws its values and names, leaves some evidence out together with the
sentences that rest on it, and takes one wording of each sentence. It then goes the way of an inverted proposal
(`data_prep.draftbench`); its id says that it is made.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from random import Random
from string import Template as Wording
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from data_prep.draftbench import BenchItem, bench_items
from data_prep.inversion import Inverted, Section, restore, stated_facts
from data_prep.records import Case
from proposal.brief import Brief, ProposalType
from proposal.errors import InputError
from proposal.evidence import Evidence, EvidenceKind
from proposal.inputs import read_structured, validate
from proposal.slots import cite_slots, used_ids
from proposal.values import Figure, Value

FILE = Path(__file__).with_name("bench_zh.yaml")
PREFIX = "zh-made-"
"""What the id of every made item begins with."""

MAX_LEFT_OUT = 1
"""Items of evidence that a made proposal may do without."""

TRIES = 1_000
"""Draws of an item's figures before its family is told to have too narrow ranges."""

RETRIEVED = dt.datetime(2026, 11, 12, 8, 0, tzinfo=dt.UTC)
_PUBLISHERS: Mapping[EvidenceKind, str] = {
    "metric": "数据台", "chart": "数据台", "document": "文库", "forum_post": "论坛", "vote": "投票", "event": "公告栏",
    "transaction": "金库",
}  # fmt: skip


def _as_tuple(wordings: object) -> object:
    return (wordings,) if isinstance(wordings, str) else wordings


Wordings = Annotated[tuple[str, ...], BeforeValidator(_as_tuple), Field(min_length=1)]
"""One sentence in one or more wordings; `$dao`, `$token`, `$team` and `$firm` stand for drawn names."""


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Drawn(_Closed):
    """A figure to be drawn: a number or day from `least` to `most` in steps (of days), or the sum of others."""

    label: str = Field(min_length=2, max_length=60)
    unit: str = ""
    least: Figure | None = None
    most: Figure | None = None
    step: Decimal = Field(default=Decimal(1), gt=0)
    sum: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _can_be_drawn(self) -> Drawn:
        if self.sum:
            return self
        if isinstance(self.least, str) or type(self.least) is not type(self.most) or self.least is None:
            raise ValueError(f"'{self.label}' needs least and most, two numbers or two days, or the names of a sum")
        if self.least >= self.most:  # type: ignore[operator]  # both of one type, by the line above
            raise ValueError(f"'{self.label}' has a least value that is not below its most")
        return self


class Source(_Closed):
    """One item of evidence: its values are drawn."""

    kind: EvidenceKind
    title: str
    values: dict[str, Drawn] = Field(min_length=1)
    excerpt: str = ""


class Family(_Closed):
    """One kind of request. A citation that a slot implies need not be written in `sections`; it is added."""

    key: str = Field(pattern=r"^[a-z]{3,12}$")
    type: ProposalType
    topic: Wordings
    ask: Wordings
    background: Wordings
    conflicts: Wordings
    parameters: dict[str, Drawn] = Field(min_length=1)
    evidence: dict[str, Source] = Field(min_length=3)
    notes: dict[str, Wordings]
    sections: dict[str, tuple[Wordings, ...]] = Field(min_length=1)


class Scenarios(_Closed):
    """The file: invented names (each DAO with the symbol of its token), and the families."""

    daos: dict[str, str]
    team: tuple[str, ...]
    firm: tuple[str, ...]
    families: tuple[Family, ...]

    @model_validator(mode="after")
    def _enough_names(self) -> Scenarios:
        if len(self.daos) < len(self.families):
            raise ValueError("every family needs a DAO of its own")
        return self


def load_scenarios(path: Path = FILE) -> Scenarios:
    """Read the families; every mistake is named with its file and field."""
    return validate(Scenarios, read_structured(path), where=str(path))


def made_items(number: int, *, seed: int) -> list[BenchItem]:
    """Return so many made Chinese items: the same for the same seed, anywhere.

    Their distractors are from other families: the items of one DAO tell one story with other figures, which no reader
    could call foreign.
    """
    return list(bench_items(made_cases(number, seed=seed), seed=seed, own_dao=False))


def made_cases(number: int, *, seed: int) -> list[Inverted]:
    """Return so many made proposals as if they had been inverted, the families in turn, each with its own DAO."""
    scenarios = load_scenarios()
    daos = Random(f"{seed}:zh:daos").sample(list(scenarios.daos.items()), len(scenarios.families))
    made = []
    for place in range(number):
        turn, kind = divmod(place, len(scenarios.families))
        made.append(_made(scenarios, kind, turn + 1, daos[kind], seed=seed))
    return made


def _made(scenarios: Scenarios, kind: int, turn: int, dao: tuple[str, str], *, seed: int) -> Inverted:
    family = scenarios.families[kind]
    key = f"{PREFIX}{family.key}-{turn:02d}"
    choice = Random(f"{seed}:{key}")
    names = {
        "dao": dao[0],
        "token": dao[1],
        "team": choice.choice(scenarios.team),
        "firm": choice.choice(scenarios.firm),
    }
    values = _values(family, choice, names)
    evidence = _evidence(family, key, values, choice, names)
    slotted = {
        section: text
        for section, sentences in family.sections.items()
        if (text := _prose(sentences, evidence, choice, names))
    }
    brief = _brief(family, values["P"], choice, names)
    case = Case(key, brief, evidence, slotted)
    facts = {section: tuple(stated_facts(text, case)) for section, text in slotted.items()}
    case = Case(key, brief, evidence, slotted, facts)
    sections = {
        section: Section(section, text, facts[section], (), restore(text, case)) for section, text in slotted.items()
    }
    return Inverted(case, sections)


def _brief(family: Family, parameters: Mapping[str, Value], choice: Random, names: Mapping[str, str]) -> Brief:
    topic = _worded(family.topic, choice, names)
    return Brief(
        topic=topic,
        title=topic,
        ask=_worded(family.ask, choice, names),
        type=family.type,
        dao=names["dao"],
        language="zh",
        authors=(names["team"],),
        background=_worded(family.background, choice, names),
        parameters=dict(parameters),
        notes={section: _worded(wordings, choice, names) for section, wordings in family.notes.items()},
        conflicts_of_interest=_worded(family.conflicts, choice, names),
    )


def _evidence(
    family: Family, key: str, values: Mapping[str, dict[str, Value]], choice: Random, names: Mapping[str, str]
) -> dict[str, Evidence]:
    """Return the family's evidence with drawn values, less some of it; what comes first is always there."""
    spare = choice.sample(list(family.evidence)[1:], choice.randint(0, MAX_LEFT_OUT))
    return {
        item_id: _item(item_id, source, key, values[item_id], names)
        for item_id, source in family.evidence.items()
        if item_id not in spare
    }


def _item(item_id: str, source: Source, key: str, values: dict[str, Value], names: Mapping[str, str]) -> Evidence:
    on_chain = source.kind == "transaction"
    place = hashlib.sha256(f"{key}/{item_id}".encode()).hexdigest()  # a link must not tell which family it is of
    return Evidence(
        id=item_id,
        kind=source.kind,
        title=_filled(source.title, names),
        publisher=names["dao"] + _PUBLISHERS[source.kind],
        url="" if on_chain else f"https://made-up.example.org/{place[:16]}",
        chain="ethereum" if on_chain else "",
        tx=f"0x{place}" if on_chain else "",
        retrieved_at=RETRIEVED,
        values=values,
        excerpt=_filled(source.excerpt, names),
        excerpt_language="zh",
    )


def _prose(
    sentences: Sequence[Wordings], evidence: Mapping[str, Evidence], choice: Random, names: Mapping[str, str]
) -> str:
    """Return one wording of each sentence, without those that rest on evidence that was left out."""
    worded = [_worded(wordings, choice, names) for wordings in sentences]
    return "".join(cite_slots(sentence) for sentence in worded if used_ids(sentence) <= set(evidence))


# --- drawing ----------------------------------------------------------------------------------------------------------


def _values(family: Family, choice: Random, names: Mapping[str, str]) -> dict[str, dict[str, Value]]:
    """Draw every figure by its owner ("P" or an evidence id), until no two of them are equal.

    Two equal figures could each be cited for the other, and one that is missing would stand in the text all the same.
    """
    owners = {"P": family.parameters, **{item_id: source.values for item_id, source in family.evidence.items()}}
    for _ in range(TRIES):
        drawn = {owner: dict(_drawn(figures, choice, names)) for owner, figures in owners.items()}
        figures_of_all = [value.value for values in drawn.values() for value in values.values()]
        if len(set(figures_of_all)) == len(figures_of_all):
            return drawn
    raise InputError(f"{TRIES} draws gave no figures that all differ", where=f"{FILE.name}: {family.key}",
                     fix="widen the ranges of its values")  # fmt: skip


def _drawn(figures: Mapping[str, Drawn], choice: Random, names: Mapping[str, str]) -> Iterator[tuple[str, Value]]:
    known: dict[str, Decimal | dt.date] = {name: _figure(one, choice) for name, one in figures.items() if not one.sum}
    for name, one in figures.items():
        if one.sum:
            known[name] = sum((Decimal(str(known[part])) for part in one.sum), Decimal(0))
    for name, figure in figures.items():
        yield name, Value(value=known[name], unit=_filled(figure.unit, names), label_zh=_filled(figure.label, names))


def _figure(figure: Drawn, choice: Random) -> Decimal | dt.date:
    least, most = figure.least, figure.most
    if isinstance(least, dt.date) and isinstance(most, dt.date):
        return least + dt.timedelta(days=choice.randint(0, (most - least).days // int(figure.step)) * int(figure.step))
    assert isinstance(least, Decimal)
    assert isinstance(most, Decimal)
    return least + figure.step * choice.randint(0, int((most - least) / figure.step))


def _worded(wordings: Wordings, choice: Random, names: Mapping[str, str]) -> str:
    return _filled(choice.choice(wordings), names)


def _filled(text: str, names: Mapping[str, str]) -> str:
    return Wording(text).substitute(names)
