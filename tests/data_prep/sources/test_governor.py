"""Governor events: decoded as the shared ABIs say, and one history only, whatever the chain does meanwhile."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.history import Dropped, ProposalRecord, VoteRecord
from data_prep.sources import SOURCES, Bound
from data_prep.sources.governor_events import FORMS
from proposal.errors import IntegrityError, UpstreamError
from tests.data_prep.sources.scripted_node import CONTRACT, Node, created, vote
from tests.data_prep.sources.worlds import FaultyLine, KilledError, fetched, read, table

ABIS = ["IGovernor.abi", "agora_UniswapGovernor", "agora_NounsGovernor", "agora_ENSGovernor"]


def bound(**changed: object) -> Bound:
    source = SOURCES["governor"]
    spec = {"source": "governor", "name": "gov", "dao": "Test", "licence": "unstated", "chain": "ethereum",
            "chain_id": 1, "contract": CONTRACT, "from_block": 0, "rpc": "http://node.test", "confirmations": 0,
            "decimals": 0, "max_range": 4}  # fmt: skip
    return Bound(source, source.spec.model_validate(spec | changed))


def titles(archive: Path) -> set[str]:
    return {item.title for item in read(bound(), archive) if isinstance(item, ProposalRecord)}


@pytest.mark.parametrize("name", ABIS)
def test_our_events_are_those_of_the_deployed_contracts(name: str, shared_data: Path) -> None:
    abi = json.loads((shared_data / "schemas" / "governor_abi" / f"{name}.json").read_text(encoding="utf-8"))
    events = {
        (item["name"], tuple(argument["type"] for argument in item["inputs"]),
         sum(argument["indexed"] for argument in item["inputs"]))
        for item in (abi["abi"] if isinstance(abi, dict) else abi)
        if item["type"] == "event"
    }  # fmt: skip
    ours = {(form.name, tuple(kind for kind, _ in form.arguments), form.indexed) for form in FORMS}
    wanted = {"ProposalCreated", "VoteCast", "ProposalQueued", "ProposalExecuted", "ProposalCanceled"}
    assert wanted <= {name for name, _, _ in events & ours}


def test_the_first_topic_is_the_published_one() -> None:
    topics = {form.name: form.topic for form in FORMS}
    assert topics["VoteCast"] == "0xb8e138887d0aa13bab447e82de9d5c1777041ecd21ca36ba824ff1e6c07ddda4"
    assert topics["ProposalCreated"] == "0x7d84a6263ae0d98d3329bd7b46bb4e8d6f98cd35a7adb45c274c8b7fd5ebd5e0"


def test_a_range_the_node_refuses_is_halved_and_nothing_is_lost(tmp_path: Path) -> None:
    node = Node(most=3)
    node.extend(*[[created(number, f"P{number}")] for number in range(9)])
    notes = fetched(bound(max_range=1_000), tmp_path, node)
    assert len(titles(tmp_path)) == 9
    assert len(notes) < 9


def test_a_node_on_another_chain_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UpstreamError, match="the node is on chain 1"):
        fetched(bound(chain_id=10), tmp_path, Node())


def test_a_turn_of_the_chain_while_logs_are_read_is_noticed(tmp_path: Path) -> None:
    node = Node(late_reorg=1)
    node.extend([created(1, "P1")], [vote(1, 1, 5)])
    fetched(bound(), tmp_path, node)
    fetched(bound(), tmp_path / "anew", node)
    assert table(bound(), tmp_path) == table(bound(), tmp_path / "anew")


def test_the_contract_s_own_word_decides_the_outcome(tmp_path: Path) -> None:
    node = Node(states={1: 3, 2: 4})
    node.extend([created(1, "Defeated"), created(2, "Succeeded"), created(3, "Unknown")], [])
    fetched(bound(), tmp_path, node)
    found = {item.title: item.outcome for item in read(bound(), tmp_path) if isinstance(item, ProposalRecord)}
    assert found == {"Defeated": "rejected", "Succeeded": "passed", "Unknown": "unknown"}


def test_a_log_that_is_not_what_its_topic_says_is_a_drop(tmp_path: Path) -> None:
    topics, data = vote(1, 1, 5)
    node = Node()
    node.extend([created(1, "P1")], [(topics, data[:80]), (topics[:1], data)])
    fetched(bound(), tmp_path, node)
    drops = [item.reason for item in read(bound(), tmp_path) if isinstance(item, Dropped)]
    assert sorted(drops) == ["undecodable", "unknown-event"]


def test_an_archive_with_a_hole_is_refused(tmp_path: Path) -> None:
    node = Node()
    node.extend(*[[created(number, f"P{number}")] for number in range(12)])
    fetched(bound(), tmp_path, node)
    entries = sorted((tmp_path / "gov").glob("??/*.jsonl.gz"))
    for entry in entries:
        body = entry.read_bytes()
        entry.unlink()
        with pytest.raises(IntegrityError):
            read(bound(), tmp_path)
        entry.write_bytes(body)
        if len(read(bound(), tmp_path)) != 24:
            pytest.fail("the archive is not whole again")


BRANCH = st.tuples(
    st.integers(0, 12), st.lists(st.lists(st.integers(1, 5), max_size=2), min_size=1, max_size=9)
)  # fmt: skip
FAULTS = ["ok", "ok", "lost", "killed", "503", "cut", "torn"]


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(branches=st.lists(BRANCH, min_size=1, max_size=5), faults=st.lists(st.sampled_from(FAULTS), max_size=40))
def test_any_turns_of_the_chain_and_faults_of_the_line_give_the_last_branch(
    branches: list[tuple[int, list[list[int]]]], faults: list[str]
) -> None:
    node = Node(states={1: 7, 2: 3})
    line = FaultyLine(node, iter(faults))
    with tempfile.TemporaryDirectory() as folder:
        worn, anew = Path(folder) / "worn", Path(folder) / "anew"
        for number, (top, blocks) in enumerate(branches):
            events = [[created(word, f"P{word}") if word < 3 else vote(1, word % 3, word) for word in words]
                      for words in blocks]  # fmt: skip
            node.reorganise(min(top, len(node.blocks) - 1), *events, branch=str(number))
            while True:
                try:
                    fetched(bound(), worn, line)
                    break
                except (KilledError, UpstreamError):
                    continue
        fetched(bound(), worn, node)
        fetched(bound(max_range=50), anew, node)
        assert table(bound(), worn) == table(bound(), anew)


def test_a_reorganisation_below_everything_read_starts_anew(tmp_path: Path) -> None:
    node = Node()
    node.extend([created(1, "Old")], [vote(1, 1, 3)], [])
    fetched(bound(), tmp_path, node)
    node.blocks[0] = ("other genesis", [])
    node.reorganise(0, [created(2, "New")], [], [], [], branch="b")
    fetched(bound(), tmp_path, node)
    assert titles(tmp_path) == {"New"}
    assert not [item for item in read(bound(), tmp_path) if isinstance(item, VoteRecord)]
