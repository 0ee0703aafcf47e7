"""ERC-4824 / DAOIP-2: the proposal in the neutral format that DAO directories read.

An off-chain proposal is identified by the URI of the DAO with its id as a query, and a field
without a value is left out rather than null, as the standard asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import AfterValidator, BaseModel, ConfigDict

from proposal.actions import Call, encode
from proposal.addresses import Address
from proposal.brief import check_url
from proposal.decisions import Review
from proposal.draft import Draft
from proposal.exports.result import Export, ExportProblem, json_file
from proposal.exports.text import title_of

CONTEXT = "https://www.daostar.org/schemas"
_FILE = "daoip/proposal.json"


class DaoipOptions(BaseModel):
    """Settings of this format: the DAO's URI, where the text will be found, who executes calls."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dao_uri: Annotated[str, AfterValidator(check_url)]
    content_uri: Annotated[str, AfterValidator(check_url)] | None = None
    executor: Address | None = None


def to_daoip(draft: Draft, review: Review, *, options: DaoipOptions) -> Export:
    """Return `daoip/proposal.json` and what is missing in it."""
    document: dict[str, Any] = {
        "@context": CONTEXT,
        "type": "proposal",
        "id": f"{options.dao_uri}?proposalId={quote(review.draft_id, safe='')}",
        "name": title_of(draft),
        "contentURI": options.content_uri or draft.brief.discussion_url,
        "status": "approved-for-publication" if review.state(draft).reached else "draft",
        "calls": [_call(encode(action), options) for action in draft.brief.actions],
    }
    filled = {key: value for key, value in document.items() if value}
    problems = tuple(_problems(document, options))
    return Export("daoip", {_FILE: json_file(filled)}, problems)


def _call(call: Call, options: DaoipOptions) -> dict[str, str]:
    fields = {
        "type": "CallDataEVM",
        "operation": "call",
        "from": options.executor or "",
        "to": call.target,
        "value": str(call.value),
        "data": "0x" + call.calldata.hex(),
    }
    return {key: value for key, value in fields.items() if value}


def _problems(document: dict[str, Any], options: DaoipOptions) -> Iterator[ExportProblem]:
    if not document["contentURI"]:
        yield ExportProblem(rule="EX-daoip-content", severity="warning", where=_FILE, message=(
            "no contentURI: set 'content_uri' or give the brief a discussion_url"))  # fmt: skip
    if document["calls"] and options.executor is None:
        yield ExportProblem(rule="EX-daoip-executor", severity="warning", where=_FILE, message=(
            "the calls do not say who executes them: set 'executor'"))  # fmt: skip
