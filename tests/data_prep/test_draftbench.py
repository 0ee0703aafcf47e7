"""DraftBench items: what a drafter gets holds the truth, foreign evidence is told apart, and gaps are really gaps."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from data_prep.draftbench import bench_items, read_items, template_for, write_items
from data_prep.inversion import Inverted, invert
from data_prep.proposals import Proposal
from proposal.errors import InputError
from proposal.template import load_template

BODY = """# Rebate {name}

## Summary

We propose a rebate for three months. Sales fell to {sales:,} USDC in the third quarter of 2026, as
[the analytics page {name}](https://data.example.org/q/{name}) shows for the markets of this season, and no fee changes.

## Motivation

The request was signed by {people} creators on 2026-{month:02}-11, as [the list of {name}](https://forum.example.org/{name})
says. A sale costs more than it brings, they write, and listings become fewer every month in all of the markets.
"""


def inverted(count: int) -> list[Inverted]:
    template = load_template("generic")
    return [
        invert(
            Proposal(
                id=f"dao-{number}",
                dao=f"DAO {'AB'[number % 2]}",
                title=f"Fund rebate {chr(97 + number)}",
                body=BODY.format(
                    name=f"n{'abcdefghijklmnopqrstuvwxyz'[number]}",
                    sales=40_000 + number,
                    people=50 + number,
                    month=1 + number % 12,
                ),
                created=dt.date(2026, 11, 1),
                url=f"https://forum.example.org/t/{number}",
                licence="MIT",
            ),
            template,
        )
        for number in range(count)
    ]


def test_an_item_mixes_in_evidence_of_others_and_marks_it() -> None:
    for item in bench_items(inverted(12), seed=7):
        ids = {one.id for one in item.evidence}
        assert item.foreign
        assert set(item.foreign) < ids
        planned = {owner for facts in item.plan.values() for fact in facts for owner in fact.ids}
        assert planned
        assert not planned & set(item.foreign)


def test_one_item_in_ten_lacks_evidence_that_its_points_ask_for() -> None:
    items = list(bench_items(inverted(12), seed=7))
    missing = [item for item in items if item.kind == "missing"]
    assert len(missing) == 2
    for item in missing:
        assert item.absent
        given = item.model_dump_json(include={"brief", "evidence", "plan"})
        for printed, subject in item.absent.items():
            assert printed not in given
            assert any(f"state the {subject}" in note for note in item.brief.notes.values())


def test_the_order_of_items_does_not_depend_on_how_they_were_listed() -> None:
    made = inverted(8)
    assert [item.id for item in bench_items(made, seed=7)] == [item.id for item in bench_items(made[::-1], seed=7)]
    assert [item.id for item in bench_items(made, seed=7)] != [item.id for item in bench_items(made, seed=8)]


def test_the_template_of_an_item_asks_for_the_sections_of_its_original() -> None:
    item = next(bench_items(inverted(3), seed=7))
    keys = [spec.key for spec in template_for(item).sections if spec.writer == "model"]
    assert keys == ["summary", "motivation"]


def test_items_are_written_and_read_whole(tmp_path: Path) -> None:
    items = list(bench_items(inverted(3), seed=7))
    path = tmp_path / "items.jsonl"
    assert write_items(items, path) == 3
    assert read_items(path) == items


def test_a_line_that_is_no_item_is_named(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    write_items(bench_items(inverted(2), seed=7), path)
    path.write_text(path.read_text(encoding="utf-8") + '{"id": "x"}\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"dao") as caught:
        read_items(path)
    assert caught.value.where == f"{path}:3"
