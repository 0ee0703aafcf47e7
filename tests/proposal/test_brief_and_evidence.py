"""Reading a user's files: good ones load whole, each mistake is named with its file, field and a way out."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest

from proposal.brief import load_brief
from proposal.errors import InputError
from proposal.evidence import evidence_hash, load_evidence
from proposal.hashing import sha256_text
from proposal.values import Value, format_value

BRIEF = """
topic: Creator rebates
ask: Fund a rebate of marketplace fees.
type: funding
dao: Lantern DAO
parameters:
  budget: {value: 45000, unit: USDC, label: total budget}
  start: {value: 2026-12-01}
"""

ITEM = """
evidence:
  - id: E1
    kind: metric
    title: Creator sales
    url: https://data.example.org/sales
    retrieved_at: 2026-11-02T09:00:00Z
    values:
      sales: {value: 1234567.5, unit: USDC, label: creator sales}
"""


def write(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_brief_is_read_with_exact_numbers_and_dates(tmp_path: Path) -> None:
    brief = load_brief(write(tmp_path, "brief.yaml", BRIEF))
    assert brief.parameters["budget"].value == Decimal(45000)
    assert brief.parameters["start"].value == dt.date(2026, 12, 1)
    assert brief.template == "generic"
    assert brief.language == "en"


def test_a_brief_survives_json_unchanged(tmp_path: Path) -> None:
    brief = load_brief(write(tmp_path, "brief.yaml", BRIEF))
    again = load_brief(write(tmp_path, "brief.json", brief.model_dump_json()))
    assert again == brief


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("topic:", "topc:", "did you mean 'topic'?"),
        ("label: total budget", "lable: total budget", "parameters.budget.lable"),
        ("value: 45000, unit: USDC", "value: 45000", "the number 45000 has no unit"),
        ("type: funding", "type: found", "'type'"),
        ("budget:", "Total-Budget:", "'Total-Budget' is not a name"),
        ("dao: Lantern DAO", "dao: Lantern DAO\ndao: Other", "the key 'dao' stands twice"),
        ("ask: Fund a rebate of marketplace fees.", "", "'ask' is missing"),
        ("value: 2026-12-01", "value: 2026-13-01, unit: date", "is not a date (write YYYY-MM-DD)"),
        ("dao: Lantern DAO", "dao: Lantern DAO\ndiscussion_url: javascript:x", "not a plain http(s) link"),
    ],
)
def test_each_mistake_in_a_brief_is_named_with_its_file_and_field(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    path = write(tmp_path, "brief.yaml", BRIEF.replace(old, new))
    with pytest.raises(InputError) as caught:
        load_brief(path)
    assert expected in str(caught.value)
    assert str(path) in str(caught.value)


TX = "0x" + "ab" * 32


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("id: E1", "id: F1", "'F1' is not an evidence id"),
        ("unit: USDC, ", "", "evidence.0.values.sales': the number 1234567.5 has no unit"),
        ("    url:", "    chain: ethereum\n    tx: 0x12\n    url:", "not a transaction hash"),
        ("    url: https://data.example.org/sales\n", "", "needs a url, or a chain and tx"),
        ("    url:", f"    tx: '{TX}'\n    url:", "a transaction hash needs its chain"),
        ("    url: https://data.example.org/sales", f"    chain: moon\n    tx: '{TX}'", "no explorer is known"),
        ("    retrieved_at: 2026-11-02T09:00:00Z\n", "", "'evidence.0.retrieved_at' is missing"),
        ("    kind:", "    content_hash: md5:1\n    kind:", "64 hexadecimal digits"),
        ("    kind:", f"    content_hash: sha256:{'0' * 64}\n    kind:", "does not match the excerpt"),
        ("kind: metric", "kind: metrics", "evidence.0.kind"),
        ("title: Creator sales", "titel: Creator sales", "did you mean 'title'?"),
    ],
)
def test_each_mistake_in_evidence_is_named_with_its_file_and_field(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    path = write(tmp_path, "evidence.yaml", ITEM.replace(old, new))
    with pytest.raises(InputError) as caught:
        load_evidence(path)
    assert expected in str(caught.value)
    assert str(path) in str(caught.value)


def test_yaml_keeps_what_the_user_wrote(tmp_path: Path) -> None:
    text = BRIEF.replace("45000", "0.10") + "options: [Yes, No, Abstain]\n"
    brief = load_brief(write(tmp_path, "brief.yaml", text))
    assert brief.options == ("Yes", "No", "Abstain")
    assert format_value(brief.parameters["budget"], "en") == "0.10 USDC"
    unquoted = ITEM.replace("    url: https://data.example.org/sales", f"    chain: base\n    tx: {TX}")
    assert load_evidence(write(tmp_path, "e.yaml", unquoted))["E1"].tx == TX


def test_an_id_that_repeats_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "evidence.yaml", ITEM + ITEM.split("evidence:\n")[1])
    with pytest.raises(InputError, match="the id E1 repeats"):
        load_evidence(path)


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_file_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="the file is empty"):
        load_evidence(write(tmp_path, "evidence.yaml", text))


def test_a_missing_file_a_folder_and_bytes_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_brief(tmp_path / "none.yaml")
    with pytest.raises(InputError, match="this is a folder"):
        load_brief(tmp_path)
    path = tmp_path / "bytes.yaml"
    path.write_bytes(b"topic: \xff\xfe")
    with pytest.raises(InputError, match="not UTF-8 text"):
        load_brief(path)


def test_the_content_hash_is_the_hash_of_the_excerpt(tmp_path: Path) -> None:
    path = write(tmp_path, "evidence.yaml", ITEM + "    excerpt: Sales fell.\n")
    item = load_evidence(path)["E1"]
    assert item.content_hash == "sha256:" + sha256_text("Sales fell.")


def test_a_transaction_links_to_its_explorer(tmp_path: Path) -> None:
    text = ITEM.replace("    url: https://data.example.org/sales", f"    chain: arbitrum\n    tx: '{TX}'")
    assert load_evidence(write(tmp_path, "e.yaml", text))["E1"].link == f"https://arbiscan.io/tx/{TX}"


def test_the_evidence_hash_ignores_order_and_sees_every_change(tmp_path: Path) -> None:
    first = load_evidence(write(tmp_path, "a.yaml", ITEM))["E1"]
    second = first.model_copy(update={"id": "E2"})
    one = evidence_hash({"E1": first, "E2": second})
    assert one == evidence_hash({"E2": second, "E1": first})
    assert one != evidence_hash({"E1": first, "E2": second.model_copy(update={"title": "Creator sale"})})


@pytest.mark.parametrize(
    ("value", "language", "printed"),
    [
        (Value(value=1234567, unit="USDC"), "en", "1,234,567 USDC"),
        (Value(value="0.10", unit="ETH"), "en", "0.10 ETH"),
        (Value(value=37.5, unit="%"), "zh", "37.5%"),
        (Value(value=90, unit="days"), "zh", "90天"),
        (Value(value=90, unit="days"), "en", "90 days"),
        (Value(value=412, unit="count"), "en", "412"),
        (Value(value="2026-12-01"), "en", "2026-12-01"),
        (Value(value="multisig", unit="text"), "en", "multisig"),
    ],
)
def test_values_are_printed_exactly_with_their_unit(value: Value, language: str, printed: str) -> None:
    assert format_value(value, language) == printed  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", ["NaN", "Infinity", True])
def test_what_is_not_a_finite_number_is_refused(bad: object) -> None:
    with pytest.raises(ValueError, match=r"finite|figure"):
        Value(value=bad, unit="USDC")  # type: ignore[arg-type]
