"""A real Ethereum chain on this machine: anvil, and a governor compiled from OpenZeppelin's contracts.

`make test-programs` fetches both from npm into `.chain/`, in the versions that `chain/package.json` names.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from eth_abi.abi import encode
from eth_hash.auto import keccak

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ROOT / ".chain"
SOURCES = ROOT / "tests" / "data_prep" / "chain"
FOR, AGAINST, ABSTAIN = 1, 0, 2


@dataclass
class LocalChain:
    """A running chain. Accounts are anvil's own, unlocked; every transaction is a block."""

    url: str
    token: str = ""
    governor: str = ""

    def rpc(self, method: str, *params: Any) -> Any:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        answer = httpx2.post(self.url, json=body, timeout=30).json()
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def head(self) -> int:
        return int(self.rpc("eth_blockNumber"), 16)

    def mine(self, blocks: int) -> None:
        self.rpc("anvil_mine", hex(blocks))

    def send(self, data: str, to: str | None = None, account: int = 0) -> dict[str, Any]:
        """Send a transaction; return its receipt."""
        sender = self.rpc("eth_accounts")[account]
        transaction = {"from": sender, "data": data, "gas": hex(12_000_000)} | ({"to": to} if to else {})
        receipt: dict[str, Any] = self.rpc("eth_getTransactionReceipt", self.rpc("eth_sendTransaction", transaction))
        assert receipt["status"] == "0x1", receipt
        return receipt

    def deploy(self, bytecodes: dict[str, str]) -> None:
        """Deploy token and governor; account 0 holds all, delegates to itself and passes a part on."""
        self.token = self.send("0x" + bytecodes["TestToken"])["contractAddress"]
        argument = encode(["address"], [self.token]).hex()
        self.governor = self.send("0x" + bytecodes["TestGovernor"] + argument)["contractAddress"]
        accounts = self.rpc("eth_accounts")
        self.send(call("transfer(address,uint256)", accounts[1], 300_000 * 10**18 + 1), self.token)
        for account in (0, 1):
            self.send(call("delegate(address)", accounts[account]), self.token, account)

    def propose(self, description: str) -> int:
        """Propose one call that does nothing; return the proposal's number."""
        receipt = self.send(self._proposal("propose", description), self.governor)
        return int(receipt["logs"][0]["data"][2:66], 16)

    def vote(self, proposal: int, support: int, reason: str, account: int = 0) -> None:
        self.send(call("castVoteWithReason(uint256,uint8,string)", proposal, support, reason), self.governor, account)

    def execute(self, description: str) -> None:
        self.send(self._proposal("execute", bytes(keccak(description.encode()))), self.governor)

    def _proposal(self, function: str, last: str | bytes) -> str:
        kind = "bytes32" if isinstance(last, bytes) else "string"
        noop = bytes.fromhex(call("totalSupply()")[2:])
        return call(f"{function}(address[],uint256[],bytes[],{kind})", [self.token], [0], [noop], last)


def call(signature: str, *arguments: Any) -> str:
    """Encode the call of a contract's function."""
    kinds = re.findall(r"[a-z0-9\[\]]+", signature.partition("(")[2])
    return "0x" + bytes(keccak(signature.encode())).hex()[:8] + encode(kinds, arguments).hex()


def compiled() -> dict[str, str]:
    """Compile the contracts; return the bytecode of each."""
    command = ["node", str(SOURCES / "compile.js"), str(PACKAGES)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"run `make test-programs` first: {result.stderr}"
    bytecodes: dict[str, str] = json.loads(result.stdout)
    return bytecodes


@contextlib.contextmanager
def running() -> Iterator[LocalChain]:
    """Run a chain whose first block is of May 2026 and that mines a block for each transaction."""
    programs = sorted(PACKAGES.glob("node_modules/@foundry-rs/anvil-*/bin/anvil"))
    assert programs, "anvil is not installed: run `make test-programs`"
    command = [str(programs[0]), "--port", "0", "--timestamp", "1777600000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        address = next(found[1] for line in process.stdout if (found := re.search(r"Listening on ([\d.:]+)", line)))
        yield LocalChain(f"http://{address}")
    finally:
        process.terminate()
        process.wait()
