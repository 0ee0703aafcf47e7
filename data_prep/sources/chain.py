"""A chain behind JSON-RPC: blocks and logs, read so that a reorganisation in the middle cannot mix two histories.

Logs of a range are accepted only if the block before the range is the one read last, every log lies in a block that the
chain still has, and the range's last block is the same after reading as before. The range shrinks where a node refuses
it and grows again where it does not: nodes limit blocks, results, bytes or time, and no two alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from data_prep.sources.fetcher import (
    BadAnswerError,
    BrokenAnswerError,
    Fetcher,
    LateError,
    Policy,
    TooLargeError,
)
from data_prep.sources.items import canonical

_RANGE_REFUSED = re.compile(
    r"range|limit|too many|too large|exceed|more than|response size|timeout|timed out|max results|10000", re.IGNORECASE
)
_TRIES = 5
"""Readings of one range before a node that keeps changing its mind is named."""


class RpcError(BadAnswerError):
    """The node answered with an error of its own."""

    code = "rpc"


class ReorganisedError(Exception):
    """The chain no longer has the block that was read last."""


@dataclass(frozen=True, slots=True)
class Block:
    """What is used of a block; `timestamp` in seconds since 1970."""

    number: int
    hash: str
    parent: str
    timestamp: int


@dataclass(frozen=True, slots=True)
class LogRange:
    """The logs of a contract from one block to another, with the blocks they lie in; both raw texts as answered."""

    first: Block
    last: Block
    logs: tuple[dict[str, Any], ...]
    bodies: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Chain:
    """One node."""

    url: str
    policy: Policy
    fetcher: Fetcher

    def call(self, method: str, *params: Any) -> tuple[Any, str]:
        """Ask the node; return the result and the raw text of the answer."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        answer = self.fetcher.post(self.url, body, self.policy)
        if isinstance(answer.data, dict) and "result" in answer.data and not answer.data.get("error"):
            return answer.data["result"], answer.text
        error = answer.data.get("error") if isinstance(answer.data, dict) else answer.data
        raise RpcError(f"the node refuses {method}: {canonical(error)[:300]}", where=method)

    def head(self) -> int:
        """Return the number of the newest block."""
        return _number(self.call("eth_blockNumber")[0])

    def block(self, number: int | str) -> Block | None:
        """Return a block by number or tag, or None where the chain has none."""
        asked = number if isinstance(number, str) else hex(number)
        found, _ = self.call("eth_getBlockByNumber", asked, False)
        if found is None:
            return None
        try:
            return Block(_number(found["number"]), found["hash"], found["parentHash"], _number(found["timestamp"]))
        except (KeyError, TypeError) as error:
            raise RpcError(f"the node's block lacks {error}", where="eth_getBlockByNumber") from None

    def logs(self, address: str, topics: Sequence[str], start: int, end: int, parent: str) -> LogRange:
        """Read the logs of one range as one history; `parent` is the hash of the block read last, or empty."""
        for _ in range(_TRIES):
            first, last = self.block(start), self.block(end)
            if first is None or last is None or (parent and first.parent != parent):
                raise ReorganisedError
            asked = {"address": address, "fromBlock": hex(start), "toBlock": hex(end), "topics": [list(topics)]}
            logs, text = self.call("eth_getLogs", asked)
            found = self._whole(logs, address, start, end)
            if found is not None and self.block(end) == last:
                blocks = canonical([[block.number, block.hash, block.timestamp] for block in found])
                return LogRange(first, last, tuple(logs), (text, blocks))
        raise BrokenAnswerError(
            "the node answers from two histories at once",
            where="eth_getLogs",
            fix="ask one node, not several behind one address; then run the command again",
        )

    def _whole(self, logs: Any, address: str, start: int, end: int) -> list[Block] | None:
        """Return the blocks of the logs, or None where one of them is no longer in the chain."""
        if not isinstance(logs, list):
            raise RpcError("the node's logs are no list", where="eth_getLogs")
        hashes: dict[int, str] = {}
        for log in logs:
            number = _number(log.get("blockNumber"))
            if not start <= number <= end or str(log.get("address", "")).lower() != address.lower():
                raise RpcError("the node gives logs that were not asked for", where="eth_getLogs")
            if log.get("removed") or hashes.setdefault(number, log["blockHash"]) != log["blockHash"]:
                return None
        blocks = []
        for number, wanted in sorted(hashes.items()):
            block = self.block(number)
            if block is None or block.hash != wanted:
                return None
            blocks.append(block)
        return blocks


def shrinking(read: Callable[[int], LogRange], size: int) -> tuple[LogRange, int]:
    """Read a range of `size` blocks, of half as many where the node refuses it, and so on; return it and its size."""
    while True:
        try:
            return read(size), size
        except (RpcError, BadAnswerError, LateError) as error:
            if size == 1 or not _is_about_range(error):
                raise
            size = max(1, size // 2)


def _is_about_range(error: BadAnswerError | LateError) -> bool:
    if isinstance(error, RpcError):
        return bool(_RANGE_REFUSED.search(error.message))
    return isinstance(error, TooLargeError | LateError) or getattr(error, "answered", 0) in {400, 413}


def _number(value: Any) -> int:
    try:
        return int(value, 16)
    except (ValueError, TypeError):
        raise RpcError(f"the node answers {canonical(value)[:60]} where a number is due", where="JSON-RPC") from None
