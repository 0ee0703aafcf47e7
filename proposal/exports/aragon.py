"""Aragon OSx: the metadata that a proposal's URI leads to, and its actions as the contract takes them.

The metadata has title, summary, description, resources (name and url) and optional media; an action is target, wei and
call data. Sources: "Create a proposal" in the Aragon OSx developer documentation; product.md 3.7. Media is left out: a
draft has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from proposal.actions import Action, Call, encode
from proposal.decisions import Review
from proposal.draft import Draft
from proposal.exports.result import Export, ExportProblem, json_file
from proposal.exports.sections import section_texts
from proposal.exports.text import one_line, published_body, title_of
from proposal.template import Template

_METADATA, _ACTIONS = "aragon/metadata.json", "aragon/actions.json"
SUMMARY = "summary"


class AragonOptions(BaseModel):
    """Settings of this venue."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    actions: tuple[Action, ...] = Field(default=(), max_length=200)


def to_aragon(draft: Draft, review: Review, *, template: Template, options: AragonOptions) -> Export:
    """Return the metadata, the actions where there are any, and what is missing."""
    outcomes = [encode(action) for action in options.actions]
    metadata: dict[str, Any] = {
        "title": title_of(draft),
        "summary": section_texts(draft, template).get(SUMMARY, one_line(draft.brief.topic)),
        "description": published_body(draft, review),
        "resources": [{"name": name, "url": url} for name, url in resources(draft)],
    }
    files = {_METADATA: json_file(metadata)}
    calls = [_action(call) for call in outcomes if isinstance(call, Call)]
    if calls:
        files[_ACTIONS] = json_file(calls)
    return Export("aragon", files, tuple(_problems(outcomes)))


def resources(draft: Draft) -> Iterator[tuple[str, str]]:
    """Yield name and address of the discussion and of each evidence item that has a page."""
    if draft.brief.discussion_url:
        yield ("讨论" if draft.language == "zh" else "Discussion"), draft.brief.discussion_url
    for item in draft.evidence:
        if item.link.startswith(("https://", "http://", "ipfs://")):
            yield f"[{item.id}] {one_line(item.title_in(draft.language))}", item.link


def _action(call: Call) -> dict[str, str]:
    return {"to": call.target, "value": str(call.value), "data": "0x" + call.calldata.hex()}


def _problems(outcomes: list[Call | str]) -> Iterator[ExportProblem]:
    """An action that cannot be told offline blocks: a proposal that does less than its text says is a wrong one."""
    for number, outcome in enumerate(outcomes, start=1):
        if isinstance(outcome, str):
            yield ExportProblem(rule="EX-action-not-encoded", severity="error", where=_ACTIONS,
                                message=f"action {number} cannot be written: {outcome}")  # fmt: skip
