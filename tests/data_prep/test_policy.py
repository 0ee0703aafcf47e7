"""Policy: what is masked and what must not be, and which licence allows what."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_prep.policy import load_policy
from proposal.errors import ConfigError

POLICY = load_policy()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Write to ada.lovelace+dao@mail.example.org.", "email"),
        ("Call +44 20 7946 0958 at noon.", "phone"),
        ("Call (415) 555-0132.", "phone"),
        ("Call +14155550132", "phone"),
        ("The node at 203.0.113.7 went down.", "ip"),
        ("The node at 2001:db8::8a2e:370:7334 went down.", "ip"),
    ],
)
def test_personal_data_is_masked_without_a_digit(text: str, kind: str) -> None:
    masked, found = POLICY.masked(text, "proposal")
    assert found == {kind: 1}
    assert not any(character.isdigit() for character in masked)


@pytest.mark.parametrize(
    "text",
    [
        "The budget is 45,000,000 USDC, +1,200,300 more than before, or +12.5%.",
        "Block 18905812 of 2023-11-03 12:30:45, contract 0x52908400098527886E0F7030069857D2E4169EE7.",
        "Upgrade to v1.2.3.4, release 10.4.2.1, as section 1.2.3.4 says; see 1.2.3.4.5 and 300.1.1.1.",
        "Install package@1.2.3 or @scope/package, call Foo::Bar or std::dec.",
        "Rewards of 100-200-300 and a range of 2020-2021.",
    ],
)
def test_a_figure_is_no_personal_data(text: str) -> None:
    assert POLICY.masked(text, "proposal") == (text, {})


def test_handles_are_masked_in_posts_and_stand_in_proposals() -> None:
    text = "As @grace.h wrote, and @ken_t too."
    assert POLICY.masked(text, "proposal")[0] == text
    assert POLICY.masked(text, "post") == ("As a member wrote, and a member too.", {"handle": 2})


def test_masking_twice_changes_nothing() -> None:
    once, _ = POLICY.masked("ada@example.org, +44 20 7946 0958, 203.0.113.7, @grace", "post")
    assert POLICY.masked(once, "post") == (once, {})


def test_a_licence_that_is_not_named_allows_nothing() -> None:
    assert not POLICY.allows("", "training")
    assert not POLICY.allows("MITX", "training")
    assert POLICY.allows("MIT", "training")


def test_a_policy_with_an_unknown_kind_names_it(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("licences: {training: [MIT]}\npersonal: {proposal: {emails: gone}}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="email"):
        load_policy(path)
