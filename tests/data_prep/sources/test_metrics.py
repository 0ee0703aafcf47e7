"""Metric series: made-up answers in the real shape of each service, read exactly and with their unit."""

from __future__ import annotations

import json
from pathlib import Path

import httpx2
import pytest

from data_prep.history import Dropped, MetricRecord
from data_prep.sources import SOURCES, Bound
from proposal.errors import UpstreamError
from tests.data_prep.sources.worlds import NOW, fetched, read

DAY = 1_700_006_400
ANSWERS: dict[str, object] = {
    "/protocol/ens": {"name": "x", "tvl": [{"date": DAY, "totalLiquidityUSD": 0.25}]},
    "/v2/historicalChainTvl/Base": "DECIMALS",
    "/summary/fees/ens": {"totalDataChart": [[DAY, 7]]},
    "/summary/dexs/ens": {"totalDataChart": [[DAY, 8]]},
    "/stablecoincharts/all": [{"date": str(DAY), "totalCirculating": {"peggedUSD": 9.5}}],
    "/own.json": {"data": {"days": [
        {"day": "2023-11-15", "count": 3}, {"day": "soon", "count": 4}, {"day": "2023-11-16"},
        {"day": "2031-01-01", "count": 1}, 5,
    ]}},
}  # fmt: skip
OWN = {"kind": "json", "subject": "ENS", "metric": "names", "unit": "names", "url": "https://own.test/own.json",
       "points": "data.days", "at": "day", "value": "count"}  # fmt: skip


def bound(*series: dict[str, str]) -> Bound:
    source = SOURCES["metrics"]
    spec = {"source": "metrics", "name": "metrics", "dao": "Test", "licence": "unstated", "series": list(series)}
    return Bound(source, source.spec.model_validate(spec))


def answer(request: httpx2.Request) -> httpx2.Response:
    text = json.dumps(ANSWERS[request.url.path])
    return httpx2.Response(200, text=text.replace('"DECIMALS"', f'[{{"date": {DAY}, "tvl": 12345678901234567890.5}}]'))


@pytest.mark.parametrize(
    ("kind", "name", "value", "unit"),
    [("tvl", "ens", "0.25", "USD"), ("chain-tvl", "Base", "12345678901234567890.5", "USD"), ("fees", "ens", "7", "USD"),
     ("revenue", "ens", "7", "USD"), ("volume", "ens", "8", "USD"), ("stablecoin", "2", "9.5", "USD")],
)  # fmt: skip
def test_each_kind_of_series_is_read_exactly(tmp_path: Path, kind: str, name: str, value: str, unit: str) -> None:
    spec = bound({"kind": kind, "id": name, "subject": "Example"})
    fetched(spec, tmp_path, answer)
    (found,) = read(spec, tmp_path)
    assert isinstance(found, MetricRecord)
    assert (str(found.value), found.unit, found.at.isoformat()) == (value, unit, "2023-11-15T00:00:00+00:00")


def test_a_form_of_one_s_own_and_points_that_are_none(tmp_path: Path) -> None:
    fetched(bound(OWN), tmp_path, answer)
    items = read(bound(OWN), tmp_path)
    assert [str(item.value) for item in items if isinstance(item, MetricRecord)] == ["3"]
    drops = sorted(item.reason for item in items if isinstance(item, Dropped))
    assert drops == ["future-date", "missing-field", "wrong-type", "wrong-type"]


def test_a_figure_that_was_corrected_since_supersedes_the_old_one(tmp_path: Path) -> None:
    spec = bound({"kind": "fees", "id": "ens", "subject": "Example"})
    fetched(spec, tmp_path, answer)
    later = NOW.replace(month=7)
    fetched(spec, tmp_path, lambda _: httpx2.Response(200, json={"totalDataChart": [[DAY, 11]]}), now=lambda: later)
    (found,) = read(spec, tmp_path)
    assert isinstance(found, MetricRecord)
    assert found.value == 11


def test_an_answer_without_the_series_is_named(tmp_path: Path) -> None:
    spec = bound({"kind": "tvl", "id": "ens", "subject": "Example"})
    with pytest.raises(UpstreamError, match="no list of points stands at 'tvl'"):
        fetched(spec, tmp_path, lambda _: httpx2.Response(200, json={"message": "Protocol not found"}))


@pytest.mark.parametrize(
    ("series", "text"),
    [({"kind": "tvl", "subject": "x"}, "needs `id`"), (OWN | {"unit": ""}, "kind json needs unit"),
     ({"kind": "fees", "id": "x", "subject": "x", "url": "https://x.test"}, "and nothing else")],
)  # fmt: skip
def test_a_series_that_is_half_said_is_refused(series: dict[str, str], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        bound(series)
