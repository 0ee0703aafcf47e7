"""A governor contract on an EVM chain: its proposals with their results, votes and events, safe from reorganisations.

What is read forms a chain of its own: each piece names the hash of the block before it and of its last block. When the
chain no longer has the block that was read last, reading goes back to the last piece it still has; the pieces of the
lost branch stay in the archive, but no reading reaches them. So records come from one history only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from data_prep.sources.archive import Stream
from data_prep.sources.chain import Chain, ReorganisedError, RpcError, shrinking
from data_prep.sources.fetcher import BadAnswerError, Fetcher
from data_prep.sources.governor_events import BY_TOPIC, ENDS, FORMS, decoded
from data_prep.sources.governor_records import read_history
from data_prep.sources.items import FieldError
from data_prep.sources.source import NetworkSpec, Records, Source, State, Step

MAX_ANCHORS = 2_000
"""Ends of pieces that are remembered to go back to; a reorganisation below all of them starts anew."""
FRESH = 32
"""Blocks that may have come while reading; after more the run reads on, since nodes forget the state of old blocks."""


class GovernorSpec(NetworkSpec):
    """One governor contract. `rpc_env` names the variable that holds the node's address, for one with a key in it.

    `confirmations` is how many blocks must lie above a block before it is read: 64 are two epochs of Ethereum's
    proof of stake. `max_range` is the most blocks that are asked for at once.
    """

    tuning: ClassVar[frozenset[str]] = NetworkSpec.tuning | {"rpc", "rpc_env", "max_range", "confirmations", "symbol"}

    chain: str = Field(min_length=1, max_length=40)
    chain_id: int = Field(ge=1)
    contract: str = Field(pattern=r"^0x[0-9a-fA-F]{40}$")
    from_block: int = Field(ge=0)
    rpc: str = ""
    rpc_env: str = ""
    confirmations: int = Field(default=64, ge=0)
    max_range: int = Field(default=2_000, ge=1, le=100_000)
    decimals: int = Field(default=18, ge=0, le=36)
    symbol: str = ""
    requests_per_minute: float = Field(default=300, gt=0, le=60_000)

    def node(self, fetcher: Fetcher) -> Chain:
        """Return the node to ask."""
        url = self.rpc or self.key_header("url", self.rpc_env).get("url", "")
        if not url:
            raise BadAnswerError("no node is named", where=self.name, fix="set `rpc`, or `rpc_env` and that variable")
        return Chain(url, self.policy, fetcher)


def begin(spec: GovernorSpec, last: State | None) -> State:
    """Begin at the first block; a later run where the last one ended."""
    start: dict[str, Any] = {"next": spec.from_block, "anchors": [], "proposals": {}, "states_at": -1}
    return {**start, **(last or {}), "target": None, "range": spec.max_range}


def step(spec: GovernorSpec, state: State, fetcher: Fetcher) -> Step | None:
    """Read the next range of blocks; at the end the state of every proposal that may still change."""
    node = spec.node(fetcher)
    if state["target"] is None:
        return _aimed(spec, state, node)
    if state["next"] <= state["target"]:
        try:
            return _range(spec, state, node)
        except ReorganisedError:
            return _rolled_back(spec, state, node)
    anchors = state["anchors"]
    if not anchors or state["states_at"] == anchors[-1][0]:
        return None
    if node.head() - spec.confirmations - state["target"] > FRESH:
        return _aimed(spec, state, node)
    return _states(spec, state, node)


def _aimed(spec: GovernorSpec, state: State, node: Chain) -> Step:
    """Fix how far this run reads, on the right chain, and go back first if the chain was reorganised."""
    found = int(node.call("eth_chainId")[0], 16)
    if found != spec.chain_id:
        raise BadAnswerError(f"the node is on chain {found}", where=spec.name, expected=f"chain {spec.chain_id}",
                             fix="correct `rpc` or `chain_id`")  # fmt: skip
    target = node.head() - spec.confirmations
    aimed = {**state, "target": target}
    if not _still_there(node, state["anchors"]):
        return _rolled_back(spec, aimed, node)
    return Step({}, (), aimed, f"blocks {state['next']} to {target}")


def _still_there(node: Chain, anchors: list[list[Any]]) -> bool:
    if not anchors:
        return True
    block = node.block(anchors[-1][0])
    return block is not None and block.hash == anchors[-1][1]


def _range(spec: GovernorSpec, state: State, node: Chain) -> Step:
    start, anchors = state["next"], state["anchors"]
    parent = anchors[-1][1] if anchors else ""
    topics = [form.topic for form in FORMS]
    size = min(state["range"], state["target"] - start + 1)
    found, size = shrinking(
        lambda blocks: node.logs(spec.contract, topics, start, start + blocks - 1, parent), size
    )  # fmt: skip
    request = {"from": start, "to": found.last.number, "parent": found.first.parent, "end": found.last.hash}
    following = {
        **state,
        "next": found.last.number + 1,
        "range": min(spec.max_range, size * 2),
        "anchors": [*anchors, [found.last.number, found.last.hash]][-MAX_ANCHORS:],
        "proposals": _followed(state["proposals"], found.logs),
    }
    return Step(request, found.bodies, following, f"blocks {start} to {found.last.number}: {len(found.logs)} events")


def _followed(proposals: Mapping[str, list[int]], logs: tuple[dict[str, Any], ...]) -> dict[str, list[int]]:
    """Note at which block each proposal was created and at which it came to its end (-1: not yet)."""
    known = {key: list(value) for key, value in proposals.items()}
    for log in logs:
        if (form := BY_TOPIC.get((log.get("topics") or [""])[0])) is None or form.name not in {
            "ProposalCreated", *ENDS
        }:  # fmt: skip
            continue
        try:
            event = decoded(log)
        except FieldError:
            continue
        block = int(log["blockNumber"], 16)
        if event.name == "ProposalCreated":
            known.setdefault(event.proposal_id, [block, -1])
        elif event.proposal_id in known:
            known[event.proposal_id][1] = block
    return known


def _rolled_back(spec: GovernorSpec, state: State, node: Chain) -> Step:
    """Forget what was read above the last block that the chain still has."""
    anchors = list(state["anchors"])
    while anchors and not _still_there(node, anchors):
        anchors.pop()
    top = anchors[-1][0] if anchors else spec.from_block - 1
    kept = {
        key: [created, ended if ended <= top else -1]
        for key, (created, ended) in state["proposals"].items()
        if created <= top
    }
    following = {**state, "anchors": anchors, "next": top + 1, "proposals": kept, "states_at": -1, "target": None}
    return Step({}, (), following, f"the chain was reorganised: back to block {top}")


NOT_KNOWN = -1
"""Stands for a state that the node would not tell: it has pruned that block, or the contract refuses."""
_STATE_SELECTOR = "0x3e4f49e6"
"""The first four bytes of keccak-256 of `state(uint256)`."""


def _states(spec: GovernorSpec, state: State, node: Chain) -> Step:
    """Ask the contract what state each open proposal has at the last block that was read."""
    number, end = state["anchors"][-1]
    bodies = []
    for proposal, (_, ended) in sorted(state["proposals"].items()):
        if ended < 0:
            call = {"to": spec.contract, "data": f"{_STATE_SELECTOR}{int(proposal):064x}"}
            try:
                result, _ = node.call("eth_call", call, hex(number))
                bodies.append(f"{proposal} {int(result, 16)}")
            except (RpcError, ValueError):
                bodies.append(f"{proposal} {NOT_KNOWN}")
    following = {**state, "states_at": number}
    if not _still_there(node, state["anchors"]):
        return _rolled_back(spec, state, node)
    return Step({"states_at": number, "end": end}, tuple(bodies), following, f"{len(bodies)} proposals are open")


def records(spec: GovernorSpec, place: Stream) -> Records:
    """Read the one history that the cursor ends in."""
    cursor = place.cursor()
    anchors = cursor.state["anchors"] if cursor else []
    if cursor and anchors:
        number, tip = anchors[-1]
        yield from read_history(spec, place, tip=tip, states_known=cursor.state["states_at"] == number)


GOVERNOR = Source("governor", GovernorSpec, begin, step, records)
