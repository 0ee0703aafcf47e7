"""Charts: what a row says about a picture is what was drawn, as far as the axis lets one read it."""

from __future__ import annotations

import datetime as dt
import io
import json
import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from data_prep import chart_fonts
from data_prep.chart_folder import figure_rows
from data_prep.chart_rows import Picture, chart_rows
from data_prep.chart_style import THEMES, Look
from data_prep.charts import draw, reading_of, scale_of
from data_prep.cli import data_app
from data_prep.formats import validate
from data_prep.history import MetricRecord
from data_prep.images import MAX_SOURCE_PIXELS, PIXEL_BUDGET, clean_image
from data_prep.method_checks import check_for
from data_prep.reading import RawRow
from data_prep.records import ChartRow, Drop, FigureRow
from data_prep.series import LEAST_VALUE, ChartData, Line, charts_of, made_up
from proposal.chart_reading import ChartAction, ChartReading, kendall, read_series
from proposal.errors import ConfigError, InputError

LOOK = Look(kind="line", theme=THEMES[0], font="DejaVu Sans", font_size=10, size=(640, 400), truncated=False, grid=True,
            minor=False, frame=True, legend="below", markers=False, dashes=False, width=2, titled=True, jpeg=0,
            grain=0.0, shrink=1.0)  # fmt: skip


def data(*values: float, unit: str = "USD", name: str = "Fees", **more: object) -> ChartData:
    days = tuple(dt.date(2025, month, 1) for month in range(1, len(values) + 1))
    fields = {"key": "k", "title": "Fees", "unit": unit, "days": days, "lines": (Line(name=name, values=values),)}
    return ChartData.model_validate({**fields, **more})


def rows_of(number: int, language: str = "en") -> list[ChartRow | Drop | Picture]:
    return list(chart_rows(made_up(number, 7), language=language, seed=7))  # type: ignore[arg-type]


# --- truth --------------------------------------------------------------------------------------------------------


def test_a_reading_is_that_of_the_values_drawn_rounded_to_what_the_axis_shows() -> None:
    chart = data(1_240_000, 1_900_000, 780_000)
    scale = scale_of(chart, truncated=False)
    reading = reading_of(chart, "en", LOOK, scale)
    assert (scale.low, scale.high, scale.step, scale.resolution) == (0, 2_000_000, 500_000, 100_000)
    (series,) = reading.series
    assert (series.start, series.end, series.change, series.change_percent) == (1_200_000, 800_000, -400_000, -33)
    assert (reading.period.start, reading.period.end) == ("2025-01", "2025-03")
    assert not reading.axis.truncated


def test_an_axis_that_leaves_zero_out_is_named_in_the_reading() -> None:
    chart = data(100, 104, 109)
    assert reading_of(chart, "en", LOOK, scale_of(chart, truncated=True)).axis.truncated
    assert not reading_of(chart, "en", LOOK, scale_of(chart, truncated=False)).axis.truncated


VALUES = st.floats(0, 1e9, allow_nan=False).map(lambda value: value if value >= LEAST_VALUE else 0.0)


@given(st.lists(VALUES, min_size=2, max_size=12), st.booleans())
def test_any_series_lies_within_its_axis_and_is_read_to_half_a_step_of_reading(
    values: list[float], truncated: bool
) -> None:
    chart = data(*values)
    scale = scale_of(chart, truncated=truncated)
    (series,) = reading_of(chart, "en", LOOK, scale).series
    assert float(scale.low) <= min(values) <= max(values) <= float(scale.high)
    assert 1 <= (scale.high - scale.low) / scale.step <= 8
    for read, true in ((series.start, values[0]), (series.end, values[-1])):
        assert abs(read - true) <= float(scale.resolution) * 0.501
    assert series.change == pytest.approx(series.end - series.start, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("values", "trend"),
    [((1, 2, 3, 4), "rising"), ((9, 7, 5, 3), "falling"), ((5, 5.05, 5), "flat"), ((1, 5, 1, 5, 1), "mixed")],
)
def test_a_trend_has_a_definition(values: tuple[float, ...], trend: str) -> None:
    assert read_series("s", values, resolution=Decimal("0.2"), percent=False).trend == trend
    assert -1 <= kendall(values) <= 1


def test_a_change_of_a_percentage_is_in_points() -> None:
    chart = data(40, 50, unit="%")
    (series,) = reading_of(chart, "en", LOOK, scale_of(chart, truncated=False)).series
    assert (series.change, series.change_percent) == (10, None)


# --- pictures -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "zh"])
def test_equal_input_gives_equal_bytes_within_the_budget_and_without_metadata(language: str) -> None:
    first = draw(made_up(9, 7), language=language, seed=7)  # type: ignore[arg-type]
    assert first.image == draw(made_up(9, 7), language=language, seed=7).image  # type: ignore[arg-type]
    picture = Image.open(io.BytesIO(first.image))
    assert (picture.format, picture.mode) == ("PNG", "RGB")
    assert picture.width * picture.height <= PIXEL_BUDGET
    assert not picture.info
    assert len(picture.getcolors(2**24) or []) > 8


@pytest.mark.slow
def test_thirty_charts_are_drawn_with_no_word_on_another_and_no_glyph_missing() -> None:
    """`draw` refuses a layout in which words overlap or a glyph is missing; none is refused in every layout."""
    drawn = [draw(made_up(n, 11), language=("en", "zh")[n % 2], seed=11) for n in range(30)]  # type: ignore[arg-type]
    assert {chart.look.kind for chart in drawn} == {"line", "bar", "area"}
    assert len({chart.name for chart in drawn}) == 30


@pytest.mark.slow  # draws every layout
def test_words_that_fit_in_no_layout_are_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"leaves the picture|lies on"):
        draw(data(1, 2, title="W" * 80), language="en", seed=3)


def test_without_a_chinese_font_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chart_fonts, "_FOLDERS", ())
    monkeypatch.setattr(chart_fonts, "_OWN_FOLDERS", ())
    monkeypatch.delenv(chart_fonts.FONT_VARIABLE, raising=False)
    chart_fonts.cjk_font.cache_clear()
    with pytest.raises(ConfigError) as caught:
        chart_fonts.families("zh", "DejaVu Sans")
    chart_fonts.cjk_font.cache_clear()
    assert "apt-get install fonts-wqy-microhei" in str(caught.value)
    assert chart_fonts.families("en", "DejaVu Sans") == ["DejaVu Sans"]


def test_a_font_without_chinese_characters_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib

    latin = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    monkeypatch.setenv(chart_fonts.FONT_VARIABLE, str(latin))
    chart_fonts.cjk_font.cache_clear()
    with pytest.raises(ConfigError, match="the font lacks '提'"):
        chart_fonts.cjk_font()
    chart_fonts.cjk_font.cache_clear()


# --- rows ---------------------------------------------------------------------------------------------------------


def test_a_chart_gives_its_picture_and_three_rows_whose_answers_follow_from_the_reading() -> None:
    picture, reading, question, action = rows_of(0)
    assert isinstance(picture, Picture)
    for row in (reading, question, action):
        assert isinstance(row, ChartRow)
        assert row.images == (picture.path,)
        assert [turn.role for turn in row.messages] == ["system", "user", "assistant"]
        assert row.messages[1].content.count("<image>") == 1
    assert isinstance(reading, ChartRow)
    assert isinstance(action, ChartRow)
    truth = ChartReading.model_validate_json(reading.messages[-1].content)
    assert truth == ChartReading.model_validate_json(reading.dao_chart_json)
    said = ChartAction.model_validate_json(action.messages[-1].content)
    assert said.change == next(series.change for series in truth.series if series.name == said.series)
    assert (said.action is None) != said.rule_applies


@pytest.mark.slow
def test_every_answer_is_right_and_a_cut_axis_is_told() -> None:
    applied = 0
    for number in range(24):
        made = rows_of(number, ("en", "zh")[number % 2])
        rows = {row.dao_section: row for row in made if isinstance(row, ChartRow)}
        if not rows:
            assert [drop.reason for drop in made if isinstance(drop, Drop)] == ["not-decidable"]
            continue
        truth = ChartReading.model_validate_json(rows["chart-reading"].dao_chart_json)
        told = rows["chart-question"].messages[-1].content
        if truth.axis.truncated:
            assert re.search("begins at|从.*开始", told)
        if "chart-action" in rows:
            said = ChartAction.model_validate_json(rows["chart-action"].messages[-1].content)
            words = rows["chart-action"].messages[1].content
            limit = Decimal(re.findall(r"(?:more than |超过)([0-9][0-9.,]*[0-9]|[0-9])", words)[0].replace(",", ""))
            sign = 1 if re.search("rises by|上升超过", words) else -1
            assert said.rule_applies == (sign * Decimal(str(said.change)) > limit)
            applied += said.rule_applies
    assert applied >= 2


def test_a_trend_that_can_be_seen_two_ways_is_a_counted_drop() -> None:
    (drop,) = [item for item in chart_rows(data(10, 11, 12, 13, 10.2), language="en", seed=1) if isinstance(item, Drop)]
    assert drop.reason == "not-decidable"


def test_the_command_writes_a_folder_that_validates(tmp_path: Path) -> None:
    out = tmp_path / "charts"
    done = CliRunner().invoke(data_app, ["charts", "--out", str(out), "--count", "2", "--seed", "3", "--json"])
    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in (out / "sft_multimodal.jsonl").read_text(encoding="utf-8").splitlines()]
    assert rows
    result = validate(out / "sft_multimodal.jsonl")
    assert (result.format, result.faults) == ("multimodal", [])
    for number, row in enumerate(rows, 1):
        row["images"] = [str(out / name) for name in row["images"]]
        assert not check_for(RawRow(number, number, row), "sft", out / "sft_multimodal.jsonl")
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["counts"]["pictures"] == len(list((out / "images").iterdir()))


def test_series_with_a_gap_or_a_misspelt_field_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "series.jsonl"
    path.write_text(json.dumps({"key": "a", "titel": "x", "unit": "USD"}) + "\n", encoding="utf-8")
    done = CliRunner().invoke(data_app, ["charts", "--out", str(tmp_path / "o"), "--from", str(path)])
    assert isinstance(done.exception, InputError)
    assert "did you mean 'title'?" in str(done.exception)
    with pytest.raises(ValueError, match="has 2 values for 3 days"):
        data(1, 2, days=(dt.date(2025, 1, 1), dt.date(2025, 2, 1), dt.date(2025, 3, 1)))


def test_metrics_of_the_lake_become_charts_the_last_reading_of_a_day_counting() -> None:
    def metric(day: int, value: int, read: int = 1, subject: str = "ENS") -> MetricRecord:
        return MetricRecord(source="metrics", stream="m", source_id=f"{day}", dao="ENS", licence="", raw_hash="0",
                            retrieved_at=dt.datetime(2026, 1, read, tzinfo=dt.UTC), subject=subject, metric="tvl",
                            unit="USD", at=dt.datetime(2025, 5, day, tzinfo=dt.UTC), value=Decimal(value))  # fmt: skip

    (chart,) = charts_of([metric(2, 7), metric(1, 5), metric(2, 9, read=2), metric(1, 1, subject="alone")])
    assert (chart.title, chart.unit, chart.lines[0].values) == ("ENS tvl", "USD", (5.0, 9.0))
    assert chart.days == (dt.date(2025, 5, 1), dt.date(2025, 5, 2))


# --- pictures from outside ----------------------------------------------------------------------------------------


def png(size: tuple[int, int], mode: str = "RGB", **save: object) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size).save(out, "PNG", **save)  # type: ignore[arg-type]
    return out.getvalue()


def test_a_picture_is_brought_within_the_budget_and_loses_its_metadata() -> None:
    camera = Image.new("RGB", (2000, 1000), "red")
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "a place"
    out = io.BytesIO()
    camera.save(out, "JPEG", exif=exif)
    clean = Image.open(io.BytesIO(clean_image(out.getvalue(), where="x.jpg")))
    assert clean.width < clean.height
    assert clean.width * clean.height <= PIXEL_BUDGET
    assert not clean.info
    assert not clean.getexif()


def test_what_is_transparent_is_shown_on_white() -> None:
    clean = Image.open(io.BytesIO(clean_image(png((40, 40), "RGBA"), where="x.png")))
    assert clean.getpixel((3, 3)) == (255, 255, 255)


def test_a_flood_of_pixels_is_refused_before_it_is_decoded() -> None:
    side = int(MAX_SOURCE_PIXELS**0.5) + 10
    with pytest.raises(InputError, match="too many pixels"):
        clean_image(png((side, side), "1"), where="bomb.png")


@pytest.mark.parametrize(
    "content", [b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7", b"\x89PNG\r\n\x1a\n" + b"\0" * 40,
                png((50, 50))[:60]]
)  # fmt: skip
def test_what_is_no_picture_is_refused_by_name(content: bytes) -> None:
    with pytest.raises(InputError, match=r"fig\.png: not a picture"):
        clean_image(content, where="fig.png")


def test_a_sliver_is_refused() -> None:
    with pytest.raises(InputError, match="proportion"):
        clean_image(png((500, 5)), where="x.png")


def test_a_real_figure_becomes_an_evaluation_row_and_a_missing_one_a_drop(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png((300, 200)))
    lines = [{"proposal_id": "p-1", "image": "a.png", "alt": "Sales"}, {"proposal_id": "p-2", "image": None}]
    (tmp_path / "charts.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")
    picture, row, drop = figure_rows(tmp_path / "charts.jsonl")
    assert isinstance(picture, Picture)
    assert isinstance(row, FigureRow)
    assert row.messages[-1].role == "user"
    assert json.loads(row.dao_around_json)["alt"] == "Sales"
    assert isinstance(drop, Drop)
    assert drop.reason == "no-picture"


@pytest.mark.slow
def test_the_shared_figures_become_evaluation_rows_or_counted_drops(shared_data: Path) -> None:
    items = list(figure_rows(shared_data / "charts" / "charts.jsonl"))
    assert sum(isinstance(item, FigureRow) for item in items) >= 100
    for item in items:
        if isinstance(item, Picture):
            picture = Image.open(io.BytesIO(item.data))
            assert picture.width * picture.height <= PIXEL_BUDGET
