"""The tone classifier: what it does on sentences it was not trained on, and that its weights are what they claim."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from proposal.errors import GateError
from proposal.hashing import sha256_data
from rewards.tone import NOT_NEUTRAL, sentence_severity
from rewards.tone_model import RECORD, WEIGHTS, load_tone_model
from rewards.tone_training import (
    HELD_OUT,
    MOST_FLAGGED,
    TRAINED_ON,
    chinese_sentences,
    loaded_variants,
    sentences_of,
    share_flagged,
    vocabulary,
    vocabulary_hash,
    write,
)

CASES = Path(__file__).parents[1] / "cases" / "tone"


def sentences(file: str, *keys: str) -> list[str]:
    data = yaml.safe_load((CASES / file).read_text(encoding="utf-8"))
    for key in keys:
        data = data[key]
    return list(data)


def found(texts: list[str]) -> list[str]:
    return [text for text in texts if sentence_severity(text) >= NOT_NEUTRAL]


@pytest.mark.parametrize(
    "place",
    [
        ("english.yaml", "neutral"),
        ("chinese.yaml", "neutral"),
        ("chinese_plain.yaml", "neutral"),
        ("fresh.yaml", "en", "neutral"),
        ("fresh.yaml", "zh", "neutral"),
        ("fresh.yaml", "zh_second", "neutral"),
        ("held_out.yaml", "en", "neutral"),
        ("held_out.yaml", "zh", "neutral"),
        ("held_out_second.yaml", "en", "neutral"),
        ("held_out_second.yaml", "zh", "neutral"),
        ("held_out_third.yaml", "en", "neutral"),
        ("held_out_third.yaml", "zh", "neutral"),
    ],
)
def test_no_neutral_sentence_is_called_loaded(place: tuple[str, ...]) -> None:
    assert found(sentences(*place)) == []


@pytest.mark.parametrize(
    ("place", "at_least"),
    [
        (("english.yaml", "loaded"), 0.95),
        (("chinese.yaml", "loaded"), 0.95),
        (("fresh.yaml", "en", "loaded"), 0.9),
        (("fresh.yaml", "zh", "loaded"), 0.9),
        (("fresh.yaml", "zh_second", "loaded"), 0.9),
        (("held_out_second.yaml", "en", "loaded"), 0.8),
        (("held_out_second.yaml", "zh", "loaded"), 0.85),
        (("held_out_third.yaml", "en", "loaded"), 0.6),
        (("held_out_third.yaml", "zh", "loaded"), 0.7),
    ],
)
def test_most_loaded_sentences_are_found(place: tuple[str, ...], at_least: float) -> None:
    texts = sentences(*place)
    assert len(found(texts)) / len(texts) >= at_least


def test_a_sentence_without_a_known_word_is_not_loaded() -> None:
    model = load_tone_model()
    for text in ("", "123", "Zxqv brrtl.", "乙丁戊己。", "\x00", "a" * 10_000, "\ud800"):
        assert model.weight(text) == 0.0


def test_the_weights_are_small_and_belong_to_their_record() -> None:
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    assert WEIGHTS.stat().st_size < 2_000_000
    assert record["weights_sha256"] == sha256_data(sorted(load_tone_model().weights.items()))
    assert record["vocabulary_sha256"] == vocabulary_hash(), "train again"


def test_training_leaves_daos_out() -> None:
    assert not set(TRAINED_ON) & set(HELD_OUT)
    assert json.loads(RECORD.read_text(encoding="utf-8"))["held_out"] == list(HELD_OUT)


def test_the_generators_are_deterministic() -> None:
    from random import Random

    assert chinese_sentences(50, 3) == chinese_sentences(50, 3)
    lists = vocabulary()["en"]
    made = [list(loaded_variants("The team is paid by the treasury.", "en", Random(5), lists)) for _ in range(2)]
    assert made[0] == made[1]
    assert len(made[0]) >= 8


@pytest.mark.parametrize("measure", ["flagged_in_held_out_daos", "flagged_in_validation"])
def test_weights_that_call_plain_sentences_loaded_are_not_written(measure: str, tmp_path: Path) -> None:
    model, record = load_tone_model(), json.loads(RECORD.read_text(encoding="utf-8"))
    files = {"weights": tmp_path / "model.npz", "record_file": tmp_path / "model.json"}
    for one in record["measured"][measure].values():
        one["share"] = MOST_FLAGGED + 0.001
    with pytest.raises(GateError, match=r"2\.1% of the (held-out DAOs|validation)"):
        write(model, record, **files)
    assert not list(tmp_path.iterdir())


def test_what_was_committed_would_be_written_again(tmp_path: Path) -> None:
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    write(load_tone_model(), record, weights=tmp_path / "model.npz", record_file=tmp_path / "model.json")
    assert (tmp_path / "model.npz").read_bytes() == WEIGHTS.read_bytes()
    assert (tmp_path / "model.json").read_bytes() == RECORD.read_bytes()


@pytest.mark.slow
def test_held_out_daos_are_rarely_flagged(shared_data: Path) -> None:
    model = load_tone_model()
    for name in HELD_OUT[:2]:
        texts = sentences_of(shared_data / "proposals" / f"{name}.jsonl", limit=400, seed=2)
        assert share_flagged(model, texts) <= 0.02
