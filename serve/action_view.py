"""On-chain actions as the desk shows them: amounts and arguments decoded, beside what a Governor would store."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from proposal.actions import Action, CustomCall, Erc20Transfer, called, encode
from proposal.values import Value, format_value


@dataclass(frozen=True, slots=True)
class ShownAction:
    """One action in plain words; `amount` is empty for a call, `call` for a transfer, `token` for the chain's coin."""

    to: str
    amount: str
    token: str
    call: str
    target: str
    value_wei: str
    calldata: str


def shown_action(action: Action) -> ShownAction:
    """Return an action as a page shows it."""
    stored = encode(action)
    if isinstance(action, CustomCall):
        to, amount, call = action.contract, "", called(action)
    else:
        amount = format_value(Value(value=Decimal(action.amount), unit=action.symbol), "en")
        to, call = action.recipient, ""
    return ShownAction(
        to=to,
        amount=amount,
        token=action.token if isinstance(action, Erc20Transfer) else "",
        call=call,
        target=stored.target,
        value_wei=str(stored.value),
        calldata="0x" + stored.calldata.hex(),
    )
