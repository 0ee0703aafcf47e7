"""Stands in for a chain node: blocks with hashes, a governor's logs, and reorganisations on demand.

The real thing is in `test_governor_chain.py`; this one is for the many orders of events that a real chain is too slow
for, and for nodes that refuse or contradict themselves.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import httpx2
from eth_abi.abi import encode

from data_prep.sources.governor_events import FORMS

CONTRACT = "0x" + "c0" * 20
GENESIS_TIME = 1_760_000_000
_FORM = {form.name: form for form in FORMS}


def event(name: str, *arguments: Any) -> tuple[list[str], str]:
    """Encode an event as the topics and the data of a log."""
    form = _FORM[name]
    kinds = [kind for kind, _ in form.arguments]
    indexed = [
        "0x" + encode([kind], [value]).hex() for kind, value in zip(kinds, arguments[: form.indexed], strict=False)
    ]
    return [form.topic, *indexed], "0x" + encode(kinds[form.indexed :], arguments[form.indexed :]).hex()


def created(number: int, title: str) -> tuple[list[str], str]:
    return event("ProposalCreated", number, "0x" + "11" * 20, [CONTRACT], [0], [""], [b""], 5, 9, f"# {title}\n\nText.")


def vote(number: int, support: int, weight: int) -> tuple[list[str], str]:
    return event("VoteCast", f"0x{weight:040x}", number, support, weight, "why")


@dataclass
class Node:
    """A chain as a list of blocks: each a salt (which branch) and the events in it."""

    blocks: list[tuple[str, list[tuple[list[str], str]]]] = field(default_factory=lambda: [("", [])])
    states: dict[int, int] = field(default_factory=dict)
    most: int = 1_000
    """Blocks above which a range is refused."""
    late_reorg: int = 0
    """Number of reading logs after which the chain turns to another branch, once."""

    def extend(self, *events: list[tuple[list[str], str]], branch: str = "") -> None:
        self.blocks += [(branch, block) for block in events]

    def reorganise(self, top: int, *events: list[tuple[list[str], str]], branch: str) -> None:
        """Drop every block above `top` and put others there."""
        del self.blocks[top + 1 :]
        self.extend(*events, branch=branch)

    def hash(self, number: int) -> str:
        digest = hashlib.sha256(repr(self.blocks[: number + 1]).encode()).hexdigest()
        return "0x" + digest

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        asked = json.loads(request.content)
        method, params = asked["method"], asked["params"]
        try:
            result = getattr(self, "_" + method)(*params)
        except ValueError as error:
            return httpx2.Response(200, json={"id": 1, "error": {"code": -32005, "message": str(error)}})
        return httpx2.Response(200, json={"jsonrpc": "2.0", "id": 1, "result": result})

    def _eth_chainId(self) -> str:
        return "0x1"

    def _eth_blockNumber(self) -> str:
        return hex(len(self.blocks) - 1)

    def _eth_getBlockByNumber(self, number: str, _: bool) -> dict[str, Any] | None:
        block = int(number, 16)
        if block >= len(self.blocks):
            return None
        parent = self.hash(block - 1) if block else "0x" + "00" * 32
        return {"number": number, "hash": self.hash(block), "parentHash": parent,
                "timestamp": hex(GENESIS_TIME + 12 * block)}  # fmt: skip

    def _eth_getLogs(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        start, end = int(asked["fromBlock"], 16), int(asked["toBlock"], 16)
        if end - start + 1 > self.most:
            raise ValueError(f"query exceeds the range of {self.most} blocks")
        logs = [self._log(number, index) for number in range(start, min(end + 1, len(self.blocks)))
                for index in range(len(self.blocks[number][1]))]  # fmt: skip
        if self.late_reorg:
            self.late_reorg -= 1
            if not self.late_reorg:
                self.blocks[-1] = ("turned", self.blocks[-1][1])
        return logs

    def _log(self, number: int, index: int) -> dict[str, Any]:
        topics, data = self.blocks[number][1][index]
        name = hashlib.sha256(f"{self.blocks[number][0]}{topics}{data}".encode()).hexdigest()
        return {"address": CONTRACT, "topics": topics, "data": data, "blockNumber": hex(number), "logIndex": hex(index),
                "blockHash": self.hash(number), "transactionHash": "0x" + name, "removed": False}  # fmt: skip

    def _eth_call(self, call: dict[str, Any], _: str) -> str:
        number = int(call["data"][10:], 16)
        if number not in self.states:
            raise ValueError("execution reverted")
        return f"0x{self.states[number]:064x}"
