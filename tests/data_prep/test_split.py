"""Splits: by DAO and by time, a gap between, and clusters on one side."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.split import NO_SPLIT, Place, Split, load_split
from proposal.errors import ConfigError

SPLIT = Split(held_out_daos=("ENS",), held_out_from={"*": dt.date(2025, 10, 1)}, gap_days=30, validation_per_mille=200)
DAYS = st.dates(dt.date(2018, 1, 1), dt.date(2027, 1, 1))


def test_a_held_out_dao_is_held_out_on_every_day() -> None:
    assert SPLIT.own_place("ENS", dt.date(2020, 1, 1)) == Place("held_out", "dao")


@pytest.mark.parametrize(
    ("day", "place"),
    [
        (dt.date(2025, 8, 31), Place("train")),
        (dt.date(2025, 9, 1), Place(None, "gap")),
        (dt.date(2025, 9, 30), Place(None, "gap")),
        (dt.date(2025, 10, 1), Place("held_out", "date")),
    ],
)
def test_the_gap_lies_between_the_last_trained_day_and_the_first_held_out(day: dt.date, place: Place) -> None:
    assert SPLIT.own_place("Aave", day) == place


@given(DAYS, st.text(max_size=12), st.booleans())
def test_a_cluster_decides_for_all_its_members(day: dt.date, cluster: str, held_out: bool) -> None:
    place = SPLIT.place(SPLIT.own_place("Aave", day), cluster=cluster, cluster_is_held_out=held_out)
    other = SPLIT.place(Place("train"), cluster=cluster, cluster_is_held_out=held_out)
    if held_out:
        assert place.side != "train"
        assert other == Place(None, "cluster")
    elif place.side == "train":
        assert other == place


def test_about_the_asked_share_is_watched() -> None:
    places = [SPLIT.place(Place("train"), cluster=str(number), cluster_is_held_out=False) for number in range(2_000)]
    assert 320 < sum(place.side == "validation" for place in places) < 480


def test_a_held_out_name_with_a_typing_slip_is_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean 'ENS DAO'"):
        Split(held_out_daos=("ENS DOA",)).check_names(["ENS DAO", "Aave"], where="split.yaml")
    SPLIT.check_names(["Aave"], where="split.yaml")


def test_without_a_split_everything_is_trained_on() -> None:
    assert NO_SPLIT.place(NO_SPLIT.own_place("ENS", dt.date(2030, 1, 1)), cluster="c", cluster_is_held_out=False) == (
        Place("train")
    )


def test_the_shipped_split_holds_out_whole_daos_and_later_dates() -> None:
    split = load_split()
    assert len(split.held_out_daos) >= 2
    assert split.held_out_from["*"] > split.held_out_from["Synthetix"]
    assert split.gap_days >= 30


def test_a_split_file_with_a_wrong_key_names_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "split.yaml"
    path.write_text("held_out_dao: [ENS]\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="did you mean 'held_out_daos'"):
        load_split(path)
