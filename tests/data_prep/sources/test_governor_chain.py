"""A governor on a real chain: a whole life of proposals, and blocks that are taken back under the reader's feet."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from data_prep.history import ActionRecord, Dropped, ProposalRecord, VoteRecord
from data_prep.sources import SOURCES, Bound, Fetcher
from tests.data_prep.sources.local_chain import ABSTAIN, AGAINST, FOR, LocalChain, compiled, running
from tests.data_prep.sources.worlds import NOW, read, table

pytestmark = [pytest.mark.chain, pytest.mark.slow]


@pytest.fixture(scope="module")
def bytecodes() -> dict[str, str]:
    return compiled()


@pytest.fixture
def chain(bytecodes: dict[str, str]) -> Iterator[LocalChain]:
    with running() as chain:
        chain.deploy(bytecodes)
        yield chain


def bound(chain: LocalChain, **changed: object) -> Bound:
    source = SOURCES["governor"]
    spec = {"source": "governor", "name": "test", "dao": "Test", "licence": "unstated", "chain": "anvil",
            "chain_id": 31337, "contract": chain.governor, "from_block": 0, "rpc": chain.url, "confirmations": 2,
            "max_range": 7, "allow_private": True, "requests_per_minute": 60_000, "symbol": "TST"}  # fmt: skip
    return Bound(source, source.spec.model_validate(spec | changed))


def fetch(bound: Bound, archive: Path) -> list[str]:
    with Fetcher(now=lambda: NOW) as asking:
        return [step.note for step in bound.source.fetch(bound.spec, archive, asking)]


def passed(chain: LocalChain, description: str) -> int:
    """Take a proposal through its whole life."""
    proposal = chain.propose(description)
    chain.mine(2)
    chain.vote(proposal, FOR, "It is due.")
    chain.vote(proposal, AGAINST, "Too dear: 100 %.", account=1)
    chain.mine(6)
    chain.execute(description)
    return proposal


def test_the_life_of_two_proposals_is_read_with_votes_and_exact_power(chain: LocalChain, tmp_path: Path) -> None:
    first = passed(chain, "# Pay the auditors\n\nBody – with 中文.")
    second = chain.propose("Nobody likes this")
    chain.mine(2)
    chain.vote(second, AGAINST, "")
    chain.vote(second, ABSTAIN, "", account=1)
    chain.mine(10)
    fetch(bound(chain), tmp_path)
    items = read(bound(chain), tmp_path)
    proposals = {item.source_id: item for item in items if isinstance(item, ProposalRecord)}
    assert {key: (item.title, item.status, item.outcome) for key, item in proposals.items()} == {
        str(first): ("Pay the auditors", "Executed", "passed"),
        str(second): ("Nobody likes this", "Defeated", "rejected"),
    }
    assert proposals[str(first)].scores == (
        Decimal("300000.000000000000000001"), Decimal("699999.999999999999999999"), Decimal(0)
    )  # fmt: skip
    votes = [item for item in items if isinstance(item, VoteRecord)]
    assert sorted(vote.support for vote in votes) == ["abstain", "against", "against", "for"]
    assert {vote.reason for vote in votes} == {"It is due.", "Too dear: 100 %.", ""}
    events = [item.event for item in items if isinstance(item, ActionRecord)]
    assert sorted(events) == ["ProposalCreated"] * 2 + ["ProposalExecuted"] + ["VoteCast"] * 4
    assert not [item for item in items if isinstance(item, Dropped)]


def test_what_a_reorganisation_takes_back_is_in_no_table(chain: LocalChain, tmp_path: Path) -> None:
    kept = chain.propose("# Kept")
    chain.mine(3)
    lost = bound(chain, confirmations=0)
    before = chain.rpc("evm_snapshot")
    chain.vote(kept, FOR, "on the lost branch")
    chain.propose("# Lost")
    chain.mine(2)
    fetch(lost, tmp_path)
    assert {item.title for item in read(lost, tmp_path) if isinstance(item, ProposalRecord)} == {"Kept", "Lost"}
    chain.rpc("evm_revert", before)
    chain.vote(kept, AGAINST, "on the branch that stays", account=1)
    chain.propose("# Instead")
    chain.mine(8)
    notes = fetch(lost, tmp_path)
    items = read(lost, tmp_path)
    assert any("reorganised" in note for note in notes)
    assert {item.title for item in items if isinstance(item, ProposalRecord)} == {"Kept", "Instead"}
    assert [item.reason for item in items if isinstance(item, VoteRecord)] == ["on the branch that stays"]
    fetch(bound(chain, confirmations=0, max_range=100), tmp_path / "anew")
    assert table(lost, tmp_path) == table(lost, tmp_path / "anew")


def test_a_deep_reorganisation_by_the_node_itself_is_followed(chain: LocalChain, tmp_path: Path) -> None:
    proposal = chain.propose("# One")
    chain.mine(3)
    chain.vote(proposal, FOR, "")
    chain.mine(4)
    spec = bound(chain, confirmations=0, max_range=3)
    fetch(spec, tmp_path)
    assert len([item for item in read(spec, tmp_path) if isinstance(item, VoteRecord)]) == 1
    chain.rpc("anvil_reorg", 6, [])
    chain.mine(2)
    fetch(spec, tmp_path)
    fetch(spec, tmp_path / "anew")
    assert not [item for item in read(spec, tmp_path) if isinstance(item, VoteRecord)]
    assert table(spec, tmp_path) == table(spec, tmp_path / "anew")
