"""Cosmos SDK, governance module v1: the file that `tx gov submit-proposal` reads, and the metadata it points to.

A text proposal has no messages; messages are typed by each chain, so none are written here. What only the proposer
knows (where the metadata was stored, the deposit) stays empty and is named. Source: governance module of the Cosmos SDK
(`draft-proposal` and its metadata type, where authors are a list since v0.47); product.md 3.7.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict, Field

from proposal.decisions import Review
from proposal.draft import Draft
from proposal.exports.aragon import SUMMARY
from proposal.exports.result import Export, ExportProblem, json_file
from proposal.exports.sections import section_texts
from proposal.exports.text import one_line, published_body, title_of
from proposal.template import Template

MAX_METADATA = 255
"""Characters of the on-chain metadata string unless the chain sets more (Cosmos SDK, `MaxMetadataLen`)."""

_PROPOSAL, _METADATA = "cosmos/draft_proposal.json", "cosmos/draft_metadata.json"


class CosmosOptions(BaseModel):
    """Settings of this venue: where the metadata file was stored, the deposit, and whether to vote in haste."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metadata_uri: str = Field(default="", max_length=2_000, pattern=r"^$|^(?:ipfs|https)://[^\s<>\"]+$")
    deposit: str = Field(default="", max_length=80, pattern=r"^$|^[0-9]{1,60}[a-zA-Z][a-zA-Z0-9/:._-]{2,127}$")
    expedited: bool = False
    vote_option_context: str = Field(default="", max_length=2_000)


def to_cosmos(draft: Draft, review: Review, *, template: Template, options: CosmosOptions) -> Export:
    """Return the proposal file and its metadata, and what is still to be filled in."""
    title = title_of(draft)
    summary = section_texts(draft, template).get(SUMMARY, one_line(draft.brief.topic))
    proposal = {
        "messages": [],
        "metadata": options.metadata_uri,
        "deposit": options.deposit,
        "title": title,
        "summary": summary,
        "expedited": options.expedited,
    }
    metadata = {
        "title": title,
        "authors": [one_line(name) for name in draft.brief.authors],
        "summary": summary,
        "details": published_body(draft, review),
        "proposal_forum_url": draft.brief.discussion_url,
        "vote_option_context": options.vote_option_context,
    }
    files = {_PROPOSAL: json_file(proposal), _METADATA: json_file(metadata)}
    return Export("cosmos", files, tuple(_problems(options)))


def _problems(options: CosmosOptions) -> Iterator[ExportProblem]:
    if len(options.metadata_uri) > MAX_METADATA:
        yield ExportProblem(rule="ST-len-metadata", severity="warning", limit=MAX_METADATA,
                            length=len(options.metadata_uri), where=_PROPOSAL, message=(
                                f"'metadata' is above the {MAX_METADATA} characters that a chain allows unless it set "
                                "more"))  # fmt: skip
    if not options.metadata_uri:
        yield ExportProblem(rule="EX-cosmos-metadata", severity="warning", where=_PROPOSAL, message=(
            "'metadata' is empty: store draft_metadata.json (on IPFS) and set 'metadata_uri'"))  # fmt: skip
    if not options.deposit:
        yield ExportProblem(rule="EX-cosmos-deposit", severity="warning", where=_PROPOSAL, message=(
            "'deposit' is empty: set it, as in \"1000000uatom\""))  # fmt: skip
