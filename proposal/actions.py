"""Actions: what a passed proposal would do, as typed objects that a person can read.

They are never transactions: there is no nonce, gas or signature, and nothing here can be sent.
Amounts are human units as text ("45000.5"), because a JSON number may silently lose digits. An action says everything
that its call needs (a transfer its decimals and symbol, addresses instead of names), so every call is told offline.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple

from eth_hash.auto import keccak
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from proposal.addresses import ADDRESS_PATTERN, Address, checksum

_AMOUNT = re.compile(r"[0-9]{1,60}(?:\.[0-9]{1,36})?\Z")
_HEX = re.compile(r"0x(?:[0-9a-fA-F]{2}){0,50000}\Z")
_TYPE = r"(?:address|bool|string|bytes(?:[1-9]|[12][0-9]|3[0-2])?|u?int(?:[1-9][0-9]{0,2})?)(?:\[[0-9]{0,3}\]){0,2}"
_FUNCTION = re.compile(rf"([A-Za-z_$][A-Za-z0-9_$]{{0,79}})\(((?:{_TYPE}(?:,{_TYPE}){{0,19}})?)\)\Z")
_TRANSFER = "transfer(address,uint256)"
NATIVE = "ETH"
MAX_ACTIONS = 50
ETHER_DECIMALS = 18


def _amount(text: str) -> str:
    if not _AMOUNT.match(text) or not Decimal(text):
        raise ValueError(f"'{text[:80]}' is not an amount in human units, such as \"45000.5\"")
    return text


def _hex(text: str) -> str:
    if not _HEX.match(text):
        raise ValueError("not hexadecimal bytes (0x and an even number of digits, at most 50,000)")
    return text.lower()


def _calldata(text: str) -> str:
    return _hex(text) if text else ""


def _function(text: str) -> str:
    if text and not _FUNCTION.match(text):
        raise ValueError(f"'{text[:80]}' is not a function with its types, such as \"setFee(uint256)\" (structs: give "
                         "'calldata' alone)")  # fmt: skip
    return text


Amount = Annotated[str, AfterValidator(_amount)]
HexBytes = Annotated[str, AfterValidator(_calldata)]
Function = Annotated[str, AfterValidator(_function)]
_Single = str | bool
Argument = _Single | tuple[_Single, ...] | tuple[tuple[_Single, ...], ...]
"""An argument of a call; figures are quoted, because a JSON number can lose digits."""


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class EthTransfer(_Closed):
    """Send the chain's own coin."""

    type: Literal["eth-transfer"]
    recipient: Address
    amount: Amount

    @model_validator(mode="after")
    def _fits(self) -> EthTransfer:
        base_units(self.amount, ETHER_DECIMALS)
        return self

    @property
    def symbol(self) -> str:
        return NATIVE


class Erc20Transfer(_Closed):
    """Send tokens; `decimals` and `symbol` are the token's own, so that the amount can be told and read."""

    type: Literal["erc20-transfer"]
    token: Address
    symbol: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9]{1,11}$")
    recipient: Address
    amount: Amount
    decimals: int = Field(ge=0, le=36)

    @model_validator(mode="after")
    def _sane(self) -> Erc20Transfer:
        if self.recipient == self.token:
            raise ValueError("the recipient is the token's own contract: the tokens would be lost")
        base_units(self.amount, self.decimals)
        return self


class CustomCall(_Closed):
    """Call a contract: a function with its types and `args`, or ready `calldata`; with both given, they must agree."""

    type: Literal["custom"]
    contract: Address
    function: Function = ""
    args: tuple[Argument, ...] = Field(default=(), max_length=20)
    calldata: HexBytes = ""

    @model_validator(mode="before")
    @classmethod
    def _no_value(cls, data: Any) -> Any:
        if isinstance(data, dict) and "value" in data:
            raise ValueError("'value' is refused: no form shows an ether value beside a call; use "
                             "an eth-transfer of its own")  # fmt: skip
        _refuse_numbers(data.get("args", ()) if isinstance(data, dict) else ())
        return data

    @model_validator(mode="after")
    def _one_call(self) -> CustomCall:
        if not self.calldata and not self.function:
            raise ValueError("give 'function' with 'args', or 'calldata'")
        if self.function and not self.calldata:
            _encode_function(self.function, self.args)
        if self.function and self.calldata:
            if self.args:
                raise ValueError("give 'args' or 'calldata', and not both: the calldata hold the arguments")
            decode(self.function, self.calldata)
        return self


def _refuse_numbers(argument: Any) -> None:
    """Refuse bare numbers at any depth of the arguments: they must be quoted."""
    if isinstance(argument, int | float) and not isinstance(argument, bool):
        raise ValueError(f"the figure {argument} must be quoted: a JSON number can lose digits")
    if isinstance(argument, list | tuple):
        for one in argument:
            _refuse_numbers(one)


Action = Annotated[EthTransfer | Erc20Transfer | CustomCall, Field(discriminator="type")]
Transfer = EthTransfer | Erc20Transfer


class Call(NamedTuple):
    """What a Governor stores for one action."""

    target: str
    value: int
    calldata: bytes


def base_units(amount: str, decimals: int) -> int:
    """Return an amount in base units; `ValueError` when it has more decimals than the token, or no uint256 holds it.

    >>> base_units("1.5", 6)
    1500000
    """
    whole, _, fraction = amount.partition(".")
    fraction = fraction.rstrip("0")
    units = int(whole + fraction.ljust(decimals, "0")) if len(fraction) <= decimals else 2**256
    if units >= 2**256:
        raise ValueError(f"{amount} does not fit {decimals} decimals")
    return units


def encode(action: Action) -> Call:
    """Return the call behind an action."""
    if isinstance(action, EthTransfer):
        return Call(action.recipient, base_units(action.amount, ETHER_DECIMALS), b"")
    if isinstance(action, Erc20Transfer):
        units = str(base_units(action.amount, action.decimals))
        return Call(action.token, 0, _encode_function(_TRANSFER, (action.recipient, units)))
    if action.calldata:
        return Call(action.contract, 0, bytes.fromhex(action.calldata[2:]))
    return Call(action.contract, 0, _encode_function(action.function, action.args))


def decode(function: str, calldata: str) -> tuple[Any, ...]:
    """Return the arguments that calldata give a function; `ValueError` when they are not a call of it."""
    from eth_abi.abi import decode as read
    from eth_abi.exceptions import DecodingError

    data = bytes.fromhex(calldata[2:])
    if data[:4] != selector(function):
        raise ValueError(f"the calldata do not call {function}: they begin with {calldata[:10]}, not with "
                         f"0x{selector(function).hex()}")  # fmt: skip
    try:
        arguments = read(_types(function), data[4:])
    except (DecodingError, OverflowError, UnicodeDecodeError) as error:
        raise ValueError(f"the calldata do not fit {function}: {str(error)[:120]}") from None
    if _encode_values(function, arguments) != data:
        raise ValueError(f"the calldata hold more than the arguments of {function}")
    return tuple(arguments)


def selector(function: str) -> bytes:
    """Return the four bytes by which a contract knows a function.

    >>> selector("transfer(address,uint256)").hex()
    'a9059cbb'
    """
    name = _FUNCTION.match(function)
    if name is None:
        raise ValueError(f"'{function[:80]}' is not a function with its types")
    return bytes(keccak(f"{name[1]}({','.join(_types(function))})".encode("ascii"))[:4])


def _types(function: str) -> list[str]:
    inside = function[function.index("(") + 1 : -1]
    return [re.sub(r"^(u?int)(?![0-9])", r"\g<1>256", kind) for kind in inside.split(",") if kind]


def _encode_function(function: str, args: tuple[Argument, ...]) -> bytes:
    types = _types(function)
    if len(types) != len(args):
        raise ValueError(f"{function} takes {len(types)} arguments, {len(args)} are given")
    return _encode_values(function, tuple(_typed(kind, one) for kind, one in zip(types, args, strict=True)))


def _encode_values(function: str, values: tuple[Any, ...]) -> bytes:
    from eth_abi.abi import encode as write
    from eth_abi.exceptions import EncodingError

    try:
        return selector(function) + write(_types(function), values)
    except (EncodingError, OverflowError) as error:
        raise ValueError(f"{function}: {str(error)[:160]}") from None


def _typed(kind: str, argument: Any) -> Any:
    """Return an argument as the type of the function asks for it."""
    if kind.endswith("]"):
        if not isinstance(argument, tuple):
            raise ValueError(f"an argument of the type {kind} is a list")
        return [_typed(kind[: kind.rindex("[")], one) for one in argument]
    if kind == "bool":
        if not isinstance(argument, bool):
            raise ValueError("an argument of the type bool is true or false, without quotation marks")
        return argument
    if not isinstance(argument, str):
        raise ValueError(f"an argument of the type {kind} is a text in quotation marks")
    if "int" in kind:
        if not re.fullmatch(r"-?[0-9]{1,80}", argument):
            raise ValueError(f"'{argument[:60]}' is not a whole number")
        return int(argument)
    if kind.startswith("bytes"):
        return bytes.fromhex(_hex(argument)[2:])
    return argument


def plain(action: Action) -> str:
    """Say in one line what an action does, with its amounts and arguments as a person reads them."""
    if isinstance(action, EthTransfer):
        return f"send {_grouped(action.amount)} {NATIVE} to {action.recipient}"
    if isinstance(action, Erc20Transfer):
        return f"send {_grouped(action.amount)} {action.symbol} (token {action.token}) to {action.recipient}"
    if action.function:
        return f"call {called(action)} of {action.contract}"
    return f"call {action.contract} with {len(action.calldata) // 2 - 1} bytes of calldata {action.calldata[:10]}…"


def called(action: CustomCall) -> str:
    """Return a call with its arguments, as the text prints it: `setFee(30)`; without a function its first bytes.

    On one line, and with nothing in it that opens a slot, a citation or the end of a code span.
    """
    if not action.function:
        return action.calldata[:10] + "…"
    arguments = decode(action.function, "0x" + encode(action).calldata.hex())
    line = " ".join(f"{action.function.partition('(')[0]}({', '.join(map(_shown, arguments))})".split())
    for mark in ("{{", "}}", "[[", "]]"):
        line = line.replace(mark, f"{mark[0]} {mark[0]}")
    return line.replace("`", "'")


def _shown(argument: Any) -> str:
    if isinstance(argument, bytes):
        return "0x" + argument.hex()
    if isinstance(argument, bool):
        return str(argument).lower()
    if isinstance(argument, list | tuple):
        return f"[{', '.join(map(_shown, argument))}]"
    return checksum(argument) if isinstance(argument, str) and ADDRESS_PATTERN.match(argument) else str(argument)


def _grouped(amount: str) -> str:
    return f"{Decimal(amount):,f}"
