"""Actions: what a passed proposal would do, as typed objects that a person can read.

They are never transactions: there is no nonce, gas or signature, and nothing here can be sent.
Amounts are human units as text ("45000.5"), because a JSON number may silently lose digits, and an
ERC-20 amount becomes base units only where the decimals of the token are stated beside it.
"""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from eth_hash.auto import keccak
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from proposal.addresses import ADDRESS_PATTERN, Address, Recipient
from proposal.inputs import read_structured, validate

_AMOUNT = re.compile(r"[0-9]{1,60}(?:\.[0-9]{1,36})?\Z")
_HEX = re.compile(r"0x(?:[0-9a-fA-F]{2}){0,50000}\Z")
_TRANSFER = keccak(b"transfer(address,uint256)")[:4]
MAX_ACTIONS = 200


def _amount(text: str) -> str:
    if not _AMOUNT.match(text):
        raise ValueError(f"'{text[:80]}' is not an amount in human units, such as \"45000.5\"")
    return text


def _hex(text: str) -> str:
    if not _HEX.match(text):
        raise ValueError("not hexadecimal bytes (0x and an even number of digits, at most 50,000)")
    return text.lower()


def _exact(argument: Any) -> Any:
    """Refuse bare numbers at any depth of an argument: they must be quoted."""
    if isinstance(argument, int | float) and not isinstance(argument, bool):
        raise ValueError(f"the figure {argument} must be quoted: a JSON number can lose digits")
    if isinstance(argument, dict):
        return {str(key): _exact(value) for key, value in argument.items()}
    if isinstance(argument, list | tuple):
        return [_exact(value) for value in argument]
    return argument


Amount = Annotated[str, AfterValidator(_amount)]
HexBytes = Annotated[str, AfterValidator(_hex)]
Argument = Annotated[Any, AfterValidator(_exact)]


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EthTransfer(_Closed):
    """Send ether to an address or an ENS name."""

    type: Literal["eth-transfer"]
    recipient: Recipient
    amount: Amount


class Erc20Transfer(_Closed):
    """Send tokens; `decimals` is asked for only where the amount becomes base units."""

    type: Literal["erc20-transfer"]
    token: Address
    recipient: Recipient
    amount: Amount
    decimals: int | None = Field(default=None, ge=0, le=36)

    @model_validator(mode="after")
    def _not_to_the_token(self) -> Erc20Transfer:
        if self.recipient == self.token:
            raise ValueError("the recipient is the token's own contract: the tokens would be lost")
        return self


class CustomCall(_Closed):
    """Call a contract: its function with ABI and arguments, or ready calldata, not both."""

    type: Literal["custom"]
    contract: Address
    function: str = Field(default="", max_length=400)
    abi: tuple[dict[str, Any], ...] = Field(default=(), max_length=400)
    args: tuple[Argument, ...] = Field(default=(), max_length=100)
    calldata: HexBytes = ""

    @model_validator(mode="before")
    @classmethod
    def _no_value(cls, data: Any) -> Any:
        if isinstance(data, dict) and "value" in data:
            raise ValueError("'value' is refused: no form shows an ether value beside a call; use "
                             "an eth-transfer of its own")  # fmt: skip
        return data

    @model_validator(mode="after")
    def _one_way(self) -> CustomCall:
        if bool(self.calldata) == bool(self.function):
            raise ValueError("give 'function' with 'abi' and 'args', or 'calldata', and not both")
        return self


Action = Annotated[EthTransfer | Erc20Transfer | CustomCall, Field(discriminator="type")]


class _ActionFile(_Closed):
    actions: tuple[Action, ...] = Field(min_length=1, max_length=MAX_ACTIONS)


class Call(NamedTuple):
    """What a Governor stores for one action."""

    target: str
    value: int
    calldata: bytes


def load_actions(path: Path) -> tuple[Action, ...]:
    """Read typed actions from YAML or JSON: a mapping with `actions:`."""
    return validate(_ActionFile, read_structured(path), where=str(path)).actions


def base_units(amount: str, decimals: int) -> int | None:
    """Return an amount in base units, or None when it has more decimals than the token.

    >>> base_units("1.5", 6)
    1500000
    >>> base_units("0.0000001", 6) is None
    True
    """
    whole, _, fraction = amount.partition(".")
    fraction = fraction.rstrip("0")
    if len(fraction) > decimals:
        return None
    return int(whole + fraction.ljust(decimals, "0"))


def encode(action: Action) -> Call | str:
    """Return the call behind an action, or in words why it cannot be told offline."""
    if isinstance(action, CustomCall):
        if not action.calldata:
            return "a function with arguments is encoded by the venue: give 'calldata' instead"
        return Call(action.contract, 0, bytes.fromhex(action.calldata[2:]))
    if not ADDRESS_PATTERN.match(action.recipient):
        return f"the name {action.recipient} resolves to an address only on the chain"
    decimals = 18 if isinstance(action, EthTransfer) else action.decimals
    if decimals is None:
        return "the token's 'decimals' are not stated"
    units = base_units(action.amount, decimals)
    if units is None or units >= 2**256:
        return f"{action.amount} does not fit {decimals} decimals"
    if isinstance(action, EthTransfer):
        return Call(action.recipient, units, b"")
    data = _TRANSFER + bytes.fromhex(action.recipient[2:]).rjust(32, b"\0") + _word(units)
    return Call(action.token, 0, data)


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def plain(action: Action) -> str:
    """Say in one line what an action does."""
    if isinstance(action, EthTransfer):
        return f"send {_grouped(action.amount)} ETH to {action.recipient}"
    if isinstance(action, Erc20Transfer):
        amount = _grouped(action.amount)
        return f"send {amount} of the token {action.token} to {action.recipient}"
    if action.function:
        return f"call {action.function} of {action.contract}"
    return f"call {action.contract} with {len(action.calldata) // 2 - 1} bytes of calldata"


def _grouped(amount: str) -> str:
    return f"{Decimal(amount):,f}"
