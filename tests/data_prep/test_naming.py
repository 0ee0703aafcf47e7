"""Names of figures: what a sentence says a figure measures, and nothing where it does not say."""

from __future__ import annotations

import pytest

from data_prep.naming import MAX_WORDS, Naming, name_figure
from proposal.values import Value


def named(sentence: str, printed: str, value: object = "", unit: str = "") -> Naming:
    start = sentence.index(printed)
    return name_figure(
        sentence, start, start + len(printed), Value.model_validate({"value": value or printed, "unit": unit})
    )


@pytest.mark.parametrize(
    ("sentence", "printed", "value", "unit", "label"),
    [
        ("The quorum is 4% of the supply.", "4%", "4", "%", "share of supply"),
        ("The quorum is 4%.", "4%", "4", "%", "quorum"),
        ("We propose raising the deposit cap from 200 ETH to 600 ETH.", "200 ETH", "200", "ETH",
         "deposit cap before the change"),
        ("We propose raising the deposit cap from 200 ETH to 600 ETH.", "600 ETH", "600", "ETH",
         "deposit cap after the change"),
        ("The minting fee rises by 5%.", "5%", "5", "%", "change of the minting fee"),
        ("The keeper bot serves 14 lending markets.", "14", "14", "count", "number of lending markets"),
        ("This asks for a grant of 9,000 USDC for the audit.", "9,000 USDC", "9000", "USDC", "grant for audit"),
        ("The cost of the security review was 30,000 USDC.", "30,000 USDC", "30000", "USDC",
         "cost of the security review"),
        ("The new curve was deployed on 2024-05-03.", "2024-05-03", "2024-05-03", "date", "date of the new curve"),
        ("The council divides 75% of emissions.", "75%", "75", "%", "share of emissions"),
    ],
)  # fmt: skip
def test_the_phrase_that_says_what_a_figure_measures_is_its_label(
    sentence: str, printed: str, value: str, unit: str, label: str
) -> None:
    assert named(sentence, printed, value, unit).label == label


@pytest.mark.parametrize(
    ("sentence", "printed", "value", "unit"),
    [
        ("The treasury holds 40,000 USDC.", "40,000 USDC", "40000", "USDC"),  # an actor, not what is measured
        ("Members voted over the next 5 weeks.", "5 weeks", "5", "weeks"),  # when, not how long what is
        ("The same test on a Pi 4 was slow.", "4", "4", "count"),  # part of a name
        ("It answers in 1.1 seconds.", "1.1 seconds", "1.1", "seconds"),
        ("This is 2.5% of it.", "2.5%", "2.5", "%"),
        ("7%", "7%", "7", "%"),
        ("The vast majority is 60%.", "60%", "60", "%"),  # where it stands, not what it is
        ("Since Tuesday it is 60%.", "60%", "60", "%"),
        ("It is Ana's at 60%.", "60%", "60", "%"),
    ],
)
def test_a_figure_that_its_sentence_does_not_name_has_no_label(
    sentence: str, printed: str, value: str, unit: str
) -> None:
    assert named(sentence, printed, value, unit).label == ""


def test_a_figure_without_a_label_still_has_a_phrase_near_it_for_its_key() -> None:
    assert named("The treasury holds 40,000 USDC.", "40,000 USDC", "40000", "USDC").topic == "treasury"


def test_no_topic_is_an_adverb_a_letter_or_a_command_of_a_formula() -> None:
    for sentence in ("Additionaly 12 follow.", "Rates briefly, then 12.", "So n = 12.", r"It is \\frac 12."):
        assert named(sentence, "12", "12", "count").topic in ("", "Rates")


@pytest.mark.parametrize("sentence", ["", "12", "12 12 12", "of 12 of", "((( 12 )))", "x " * 400 + "12", "的12个"])
def test_any_text_is_read_and_no_label_is_long_or_holds_a_digit(sentence: str) -> None:
    place = max(sentence.find("12"), 0)
    label = name_figure(sentence, place, place + 2, Value.model_validate({"value": "12", "unit": "count"})).label
    assert len(label.split()) <= MAX_WORDS
    assert not any(map(str.isdigit, label))
