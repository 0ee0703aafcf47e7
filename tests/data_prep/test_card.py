"""The data card: every figure is that of the cut, and writing it again changes no byte."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from data_prep.build import build_cut
from data_prep.card import main, write_card
from data_prep.tokens import tokenizer_of
from tests.data_prep.published import a_line
from tests.data_prep.test_cut import NOW, config_of, rows_of

pytestmark = pytest.mark.slow


def a_tokenizer(folder: Path) -> Path:
    """A real tokenizer of whole words: one token a word, so that a person can count along."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    folder.mkdir()
    made = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text('{"bos_token": "<s>"}', encoding="utf-8")
    (folder / "chat_template.jinja").write_text(
        "{% for m in messages %}{{ m.role }} {{ m.content }} {% endfor %}assistant", encoding="utf-8"
    )
    return folder


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("card")
    tokenizer = a_tokenizer(folder / "tokenizer")
    lines = [a_line(number) for number in range(12)]
    return build_cut(config_of(folder, lines, tokenizer=str(tokenizer)), now=NOW, card=True)


def test_the_card_has_the_figures_of_the_cut(cut: Path) -> None:
    card = json.loads((cut / "card" / "card.json").read_text(encoding="utf-8"))
    rows = rows_of(cut / "sft.jsonl")
    assert card["rows"]["sft"] == len(rows)
    assert card["lengths"]["sft"]["trained"]["min"] == min(len(r["messages"][-1]["content"].split()) for r in rows) + 1
    longest = card["longest"]["sft"][0]
    turns = rows[longest["row"] - 1]["messages"]
    assert longest["tokens"] == sum(len(turn["content"].split()) + 1 for turn in turns) + 1
    assert longest["tokens"] == card["lengths"]["sft"]["tokens"]["max"]


def test_every_plot_is_there_and_is_an_image(cut: Path) -> None:
    text = (cut / "card" / "card.md").read_text(encoding="utf-8")
    plots = re.findall(r"\]\(([a-z_]+\.svg)\)", text)
    assert len(plots) >= 4
    for plot in plots:
        assert ElementTree.parse(cut / "card" / plot).getroot().tag.endswith("svg")


def test_every_drop_and_licence_of_the_cut_stands_in_the_card(cut: Path) -> None:
    text = (cut / "card" / "card.md").read_text(encoding="utf-8")
    assert {drop["reason"] for drop in rows_of(cut / "dropped.jsonl")} <= set(re.findall(r"\| ([a-z-]+) \|", text))
    assert "| MIT | 12 |" in text
    assert "Total: **0**" in text


def test_writing_the_card_again_changes_no_byte(cut: Path) -> None:
    before = {path.name: path.read_bytes() for path in (cut / "card").iterdir()}
    write_card(cut)
    assert {path.name: path.read_bytes() for path in (cut / "card").iterdir()} == before


def test_without_a_tokenizer_lengths_are_said_to_be_characters(tmp_path: Path) -> None:
    cut = build_cut(config_of(tmp_path, [a_line(0)], tokenizer=str(tmp_path / "nowhere")), now=NOW, card=True)
    text = (cut / "card" / "card.md").read_text(encoding="utf-8")
    assert "lengths are in characters" in text
    assert tokenizer_of(str(tmp_path / "nowhere")).answer("some words") is None


def test_a_folder_that_is_no_cut_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    assert "is no data cut" in capsys.readouterr().err
