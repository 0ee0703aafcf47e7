"""Aragon OSx: the metadata that a proposal's URI leads to, and its actions as the contract takes them.

The metadata has title, summary, description, resources (name and url) and optional media; an action is target, wei and
call data. Sources: "Create a proposal" in the Aragon OSx developer documentation; product.md 3.7. Media is left out: a
draft has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict

from proposal.actions import Call, encode
from proposal.decisions import Review
from proposal.draft import Draft
from proposal.exports.result import Export, json_file
from proposal.exports.sections import section_texts
from proposal.exports.text import one_line, published_body, title_of
from proposal.template import Template

_METADATA, _ACTIONS = "aragon/metadata.json", "aragon/actions.json"
SUMMARY = "summary"


class AragonOptions(BaseModel):
    """This venue has no settings: naming it is enough."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def to_aragon(draft: Draft, review: Review, *, template: Template) -> Export:
    """Return the metadata, and the brief's actions where there are any."""
    metadata: dict[str, Any] = {
        "title": title_of(draft),
        "summary": section_texts(draft, template).get(SUMMARY, one_line(draft.brief.topic)),
        "description": published_body(draft, review),
        "resources": [{"name": name, "url": url} for name, url in resources(draft)],
    }
    files = {_METADATA: json_file(metadata)}
    calls = [_action(encode(action)) for action in draft.brief.actions]
    if calls:
        files[_ACTIONS] = json_file(calls)
    return Export("aragon", files, ())


def resources(draft: Draft) -> Iterator[tuple[str, str]]:
    """Yield name and address of the discussion and of each evidence item that has a page."""
    if draft.brief.discussion_url:
        yield ("讨论" if draft.language == "zh" else "Discussion"), draft.brief.discussion_url
    for item in draft.evidence:
        if item.link.startswith(("https://", "http://", "ipfs://")):
            yield f"[{item.id}] {one_line(item.title_in(draft.language))}", item.link


def _action(call: Call) -> dict[str, str]:
    return {"to": call.target, "value": str(call.value), "data": "0x" + call.calldata.hex()}
