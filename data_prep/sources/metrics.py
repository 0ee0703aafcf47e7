"""Series of figures over time, as DefiLlama and its like give them: value locked, fees, stablecoins in circulation.

Each kind of series is a form, as data: where it is asked for, where the points stand in the answer, and in which unit.
A form of one's own (`kind: json`) says the same in the spec. Values are read exactly and never converted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, model_validator

from data_prep.faults import shown
from data_prep.history import MetricRecord, Record
from data_prep.sources.archive import Entry, Stream
from data_prep.sources.fetcher import BadAnswerError, Fetcher, parse
from data_prep.sources.items import FieldError, Item, moment, number, recorded
from data_prep.sources.source import NetworkSpec, Records, Source, State, Step

API = "https://api.llama.fi"
STABLECOINS = "https://stablecoins.llama.fi"


@dataclass(frozen=True, slots=True)
class SeriesForm:
    """Where a series is: its address, the path to its points, and in a point the place of time and value.

    Places are keys of an object or, in digits, positions in a list; a dot goes one level down.
    """

    url: str
    points: str
    at: str
    value: str
    metric: str
    unit: str


Kind = Literal["tvl", "chain-tvl", "fees", "revenue", "volume", "stablecoin", "json"]
FORMS: Mapping[str, SeriesForm] = {
    "tvl": SeriesForm(API + "/protocol/{id}", "tvl", "date", "totalLiquidityUSD", "tvl", "USD"),
    "chain-tvl": SeriesForm(API + "/v2/historicalChainTvl/{id}", "", "date", "tvl", "chain tvl", "USD"),
    "fees": SeriesForm(API + "/summary/fees/{id}?dataType=dailyFees", "totalDataChart", "0", "1", "daily fees", "USD"),
    "revenue": SeriesForm(
        API + "/summary/fees/{id}?dataType=dailyRevenue", "totalDataChart", "0", "1", "daily revenue", "USD"
    ),
    "volume": SeriesForm(API + "/summary/dexs/{id}", "totalDataChart", "0", "1", "daily volume", "USD"),
    "stablecoin": SeriesForm(
        STABLECOINS + "/stablecoincharts/all?stablecoin={id}", "", "date", "totalCirculating.peggedUSD",
        "circulating", "USD",
    ),
}  # fmt: skip


class Series(BaseModel):
    """One series: `id` is the service's name for the subject; the fields of a form are for `kind: json` alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    subject: str = Field(min_length=1, max_length=120)
    id: str = Field(default="", max_length=120)
    url: str = Field(default="", max_length=1_000)
    points: str = ""
    at: str = ""
    value: str = ""
    metric: str = ""
    unit: str = ""

    @model_validator(mode="after")
    def _whole(self) -> Series:
        own = {"url": self.url, "at": self.at, "value": self.value, "metric": self.metric, "unit": self.unit}
        if self.kind == "json" and not all(own.values()):
            raise ValueError(f"kind json needs {', '.join(name for name, value in own.items() if not value)}")
        if self.kind != "json" and (any(own.values()) or self.points or not self.id):
            raise ValueError(f"kind {self.kind} needs `id` and `subject`, and nothing else")
        return self

    @property
    def form(self) -> SeriesForm:
        """Return where the points are."""
        if self.kind == "json":
            return SeriesForm(self.url, self.points, self.at, self.value, self.metric, self.unit)
        return FORMS[self.kind]


class MetricsSpec(NetworkSpec):
    """Some series of one DAO."""

    tuning: ClassVar[frozenset[str]] = NetworkSpec.tuning | {"series"}

    series: tuple[Series, ...] = Field(min_length=1)


def begin(_: MetricsSpec, __: State | None) -> State:
    """Ask for every series anew: services give the whole of it, and correct its past."""
    return {"next": 0}


def step(spec: MetricsSpec, state: State, fetcher: Fetcher) -> Step | None:
    """Read the next series."""
    if state["next"] >= len(spec.series):
        return None
    series = spec.series[state["next"]]
    url = series.form.url.replace("{id}", quote(series.id, safe=""))
    answer = fetcher.get(url, spec.policy)
    found = _at(answer.data, series.form.points)
    if not isinstance(found, list):
        raise BadAnswerError(f"no list of points stands at '{series.form.points}' (found {shown(found)})", where=url,
                             fix=f"check `id` and `kind` of {series.subject} in the spec")  # fmt: skip
    request = {"series": series.model_dump(mode="json"), "url": url}
    return Step(request, (answer.text,), {"next": state["next"] + 1}, f"{series.subject}: {len(found)} points")


def records(spec: MetricsSpec, place: Stream) -> Records:
    """Read the points of every archived answer."""
    for entry in place.entries():
        yield from _points(spec, Series.model_validate(entry.request["series"]), entry)


def _points(spec: MetricsSpec, series: Series, entry: Entry) -> Records:
    form = series.form

    def read(item: Item) -> Record:
        at = item.checked(moment(item.data["at"], "time"), "time")
        if item.data["value"] is None:
            raise FieldError("missing-field", "value is missing")
        return MetricRecord(
            **spec.origin(item, f"{series.subject}/{form.metric}/{at.isoformat()}"),
            url=entry.request["url"],
            subject=series.subject,
            metric=form.metric,
            unit=form.unit,
            at=at,
            value=number(item.data["value"], "value"),
        )

    for position, point in enumerate(_list(parse(entry.bodies[0]), form.points)):
        data = {"at": _at(point, form.at), "value": _at(point, form.value)}
        where = f"{series.subject} {form.metric} point {position}"
        yield recorded(read, data, at=entry.retrieved_at, stream=spec.name, where=where)


def _list(data: Any, path: str) -> Iterator[Any]:
    found = _at(data, path)
    yield from found if isinstance(found, list) else ()


def _at(data: Any, path: str) -> Any:
    """Go down a path of keys and positions; None where it leads nowhere."""
    for name in path.split(".") if path else ():
        if isinstance(data, list) and name.isdecimal() and int(name) < len(data):
            data = data[int(name)]
        else:
            data = data.get(name) if isinstance(data, Mapping) else None
    return data


METRICS = Source("metrics", MetricsSpec, begin, step, records)
