"""What drafting and the gateway say to each other: the events of a draft and the protocol of
whoever drafts.

Events are what a person watches, so they are kept: the gateway stores each one before it shows it.
Drafting runs several sections at once, so `emit` may be called from several threads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from proposal.draft import Draft, DraftRequest, SectionDraft
from serve.llm import ModelHealth

DraftEventType = Literal["started", "section_started", "delta", "section_finished", "findings", "finished", "failed"]


class DraftEvent(BaseModel):
    """One step of drafting.

    `data` by type: `started` has `sections` (a list of `{key, heading, writer}` in order), `delta`
    has `text`, `section_finished` is the `SectionDraft` as JSON, `findings` has `findings`,
    `failed` is `AgentError.to_dict()`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: DraftEventType
    section: str = ""
    data: dict[str, Any] = Field(default_factory=dict)


class DraftingStopped(Exception):
    """Raised out of `emit` when nobody waits for this draft any more: let it pass, it is not a
    failure.
    """


Emit = Callable[[DraftEvent], None]


class Drafter(Protocol):
    """Whoever turns a request into a draft. Blocking and safe to call from a thread."""

    def draft(self, request: DraftRequest, *, done: Mapping[str, SectionDraft], emit: Emit) -> Draft:
        """Draft the sections that are not in `done`; raise `UpstreamError` when the model dies.

        Each finished section is emitted before an error is raised, so that it is kept.
        """

    def health(self) -> ModelHealth:
        """Tell whether the model answers; never raises."""
