"""Anticapture: the JSON document that its proposal form imports (version 1, 2026-08).

Every figure is a quoted string in human units and `decimals` is never given, because the form reads
the decimals from the token's contract: a wrong claim there would send a million times too much.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict

from proposal.actions import Action, CustomCall, EthTransfer, encode
from proposal.decisions import Review
from proposal.draft import Draft
from proposal.exports.result import Export, ExportProblem, check_limits, json_file, limits_for
from proposal.exports.text import published_body, title_of
from proposal.template import Template

_FILE = "anticapture/import.json"


class AnticaptureOptions(BaseModel):
    """This venue has no settings: naming it is enough."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def to_anticapture(draft: Draft, review: Review, *, template: Template) -> Export:
    """Return `anticapture/import.json` and what stands against importing it."""
    document = {
        "title": title_of(draft),
        "discussionUrl": draft.brief.discussion_url,
        "body": published_body(draft, review),
        "actions": [action_json(action) for action in draft.brief.actions],
    }
    filled = {key: value for key, value in document.items() if value}
    problems = tuple(_problems(document, template))
    return Export("anticapture", {_FILE: json_file(filled)}, problems)


def action_json(action: Action) -> dict[str, Any]:
    """Return one action in the form's own keys."""
    if isinstance(action, EthTransfer):
        return {"type": action.type, "recipient": action.recipient, "amount": action.amount}
    if not isinstance(action, CustomCall):
        return {
            "type": action.type,
            "tokenAddress": action.token,
            "recipient": action.recipient,
            "amount": action.amount,
        }
    return {
        "type": action.type,
        "contractAddress": action.contract,
        "calldata": "0x" + encode(action).calldata.hex(),
    }


def _problems(document: dict[str, Any], template: Template) -> Iterator[ExportProblem]:
    limits = limits_for(template, "anticapture")
    for field, key in (("title", "title"), ("url", "discussionUrl"), ("body", "body")):
        yield from check_limits(limits, field, document[key], where=_FILE)
    yield from check_limits(limits, "actions", len(document["actions"]), where=_FILE)
    if not document["actions"]:
        yield ExportProblem(rule="EX-no-action", severity="info", where=_FILE, message=(
            "no action: the form asks for at least one before it publishes"))  # fmt: skip
