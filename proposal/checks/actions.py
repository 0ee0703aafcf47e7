"""Actions: what the text says is paid, and to whom, against what the proposal would do on the chain.

Voters read the text, the chain runs the actions. So every transfer of the brief stands in the text with its recipient
and amount, and the text pays nobody whom no action pays. Compared are addresses, amounts and units, never words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from proposal.actions import CustomCall, Erc20Transfer, Transfer, called, plain
from proposal.checks.addresses import known_tokens, recipients
from proposal.checks.framework import CheckContext, Hit, Rule
from proposal.document import Address, Amount


def text_matches(context: CheckContext) -> Iterator[Hit]:
    """Report actions that the text does not state, and payments of the text that no action makes."""
    actions = context.brief.actions if context.brief else ()
    if not actions:
        return
    transfers = [action for action in actions if not isinstance(action, CustomCall)]
    for action in transfers:
        yield from _transfer(action, transfers, context)
        yield from _token(action)
    stated = {address.text.lower() for address in context.addresses}
    for call in actions:
        if isinstance(call, CustomCall) and not (call.contract.lower() in stated and called(call) in context.text):
            yield Hit(0, 0, f"an action is to {plain(call)}, and the text does not state this call with its contract")
    paid = {action.recipient.lower() for action in transfers}
    for address in recipients(context):
        if address.text.lower() not in paid:
            yield Hit(address.start, address.end, "the text pays this address, and no action does")


def _transfer(action: Transfer, transfers: Sequence[Transfer], context: CheckContext) -> Iterator[Hit]:
    """Where the text pays the recipient it states an amount that is sent to it, and somewhere it states this one."""
    places = [one for one in context.addresses if one.text.lower() == action.recipient.lower()]
    if not places:
        yield Hit(0, 0, f"an action is to {plain(action)}, and the text does not name this recipient")
        return
    sent = _amounts_to(action, transfers)
    this = {Decimal(action.amount), sum(sent, Decimal(0))}
    beside = [(place, one) for place in places for one in amounts_beside(place, transfers, context)
              if _is_unit(one, action.symbol)]  # fmt: skip
    right = {place for place, one in beside if one.value in {*sent, *this}}
    is_told = any(one.value in this for _, one in beside)
    wrong = [one for place, one in beside if place not in right and (not is_told or place in recipients(context))]
    for one in wrong:
        yield Hit(one.start, one.end, f"the text says {one.text}, but the action is to {plain(action)}")
    if not is_told and not wrong:
        first = places[0]
        yield Hit(first.start, first.end, f"an action is to {plain(action)}, and the text does not state this amount "
                  "beside the recipient")  # fmt: skip


def amounts_beside(place: Address, transfers: Sequence[Transfer], context: CheckContext) -> tuple[Amount, ...]:
    """Return the amounts that a recipient's sentence or row gives it; where it pays several, each its own by order."""
    sentence = context.sentence_at(place.start)
    if sentence is None:
        return ()
    units = {action.symbol for action in transfers}
    paid = {action.recipient.lower() for action in transfers}
    inside = context.document.within(context.document.amounts, sentence.start, sentence.end)
    amounts = tuple(one for one in inside if any(_is_unit(one, unit) for unit in units))
    here = [one for one in context.addresses
            if sentence.start <= one.start < sentence.end and one.text.lower() in paid]  # fmt: skip
    if len(here) > 1 and len(here) == len(amounts):
        return (amounts[here.index(place)],)
    return amounts


def _is_unit(amount: Amount, symbol: str) -> bool:
    return amount.unit.upper() == symbol.upper()


def _amounts_to(action: Transfer, transfers: Sequence[Transfer]) -> list[Decimal]:
    """Return every amount that goes to the recipient in this unit."""
    return [Decimal(one.amount) for one in transfers
            if (one.recipient, one.symbol) == (action.recipient, action.symbol)]  # fmt: skip


def _token(action: Transfer) -> Iterator[Hit]:
    """The token contract is the one that its symbol stands for, as far as it is a well-known one."""
    if isinstance(action, Erc20Transfer):
        symbol = known_tokens().get(action.token.lower(), action.symbol)
        if symbol.upper() != action.symbol.upper():
            yield Hit(0, 0, f"an action is to {plain(action)}, but this is the contract of {symbol}")


RULES: tuple[Rule, ...] = (
    Rule(
        id="AC-text-match", family="actions", severity="error", title="The text and the actions differ",
        clause="Every transfer of the brief's actions stands in the text with its recipient and amount in one sentence "
               "or row, every call with its arguments and contract, and the text pays nobody whom no action pays.",
        fix="Correct the text or the action, so that both say the same; the actions are in the brief.",
        check=text_matches, needs=("brief",),
    ),
)  # fmt: skip
