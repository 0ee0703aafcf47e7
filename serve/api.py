"""The JSON API: order a draft, watch it, resume it, fetch the approved text.

A stream of events is read from the database, so a reader who reconnects, a second reader and a
reader after a restart all see the same events; `Last-Event-ID` says where to go on.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from fastapi.sse import EventSourceResponse, format_sse_event

from proposal.draft import DraftRequest
from proposal.errors import ConflictError, InputError, nearest
from proposal.evidence import index_evidence
from proposal.hashing import sha256_data
from proposal.inputs import parse_structured, validate
from proposal.template import template_names
from serve.auth import Caller
from serve.edge import HttpError
from serve.reviews import Review, find_draft, status_of
from serve.services import CallerDep, Services, ServicesDep, open_to_all
from serve.store import DraftRow, NewDraft, StoredEvent

PAGE = 25
MAX_PAGE = 100
_MAX_SEQ = 2**31 - 1
_PING_SECONDS = 15.0
_POLL_SECONDS = 1.0

api = APIRouter()

DraftId = Annotated[str, Path(max_length=40)]


@api.get("/healthz", dependencies=[Depends(open_to_all)])
def health(services: ServicesDep) -> JSONResponse:
    """Tell whether gateway, database and model answer; 503 only when the gateway itself cannot
    work.
    """
    model = services.model_health()
    try:
        database: dict[str, Any] = {"reachable": True, "engine": services.store.engine_name()}
    except services.database_errors as error:
        database = {"reachable": False, "detail": type(error).__name__}
    ok = model.reachable and database["reachable"]
    body = {
        "status": "ok" if ok else "degraded",
        "gateway": {"version": services.version},
        "database": database,
        "model": {
            "reachable": model.reachable,
            "url": model.url,
            "model": model.model,
            "detail": model.detail,
        },
    }
    return JSONResponse(body, status_code=200 if database["reachable"] else 503)


async def json_body(request: Request) -> Any:
    """Read a JSON body; says what is wrong with one that is none."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/json":
        raise HttpError(
            f"the body is '{kind[:80] or 'of no stated type'}'",
            status=415,
            code="unsupported_media_type",
            fix="send JSON with Content-Type: application/json",
        )
    body = await request.body()
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 text (byte {error.start})", where="body") from None
    return parse_structured(text, where="body", as_json=True)


def request_from(data: Any, *, where: str) -> DraftRequest:
    """Build an order from parsed data, refusing what only a file on this machine could mean."""
    request = validate(DraftRequest, data, where=where)
    check_order(request, where=where)
    return request


def check_order(request: DraftRequest, *, where: str) -> None:
    """Check what the models alone cannot: ids that repeat, a template that is not built in,
    unprintable text.
    """
    index_evidence(request.evidence, where=where)
    names = template_names()
    if request.brief.template not in names:
        near = nearest(request.brief.template, names)
        hint = f"did you mean '{near}'?" if near else f"known: {', '.join(names)}"
        raise InputError(
            f"'brief.template': there is no template '{request.brief.template}' ({hint})",
            where=where,
        )
    for text in _texts(request.model_dump(mode="json")):
        if "\0" in text:
            raise InputError("a text holds the character U+0000", where=where, fix="remove it")


def _texts(data: Any) -> Iterable[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        for key, value in data.items():
            yield key
            yield from _texts(value)
    elif isinstance(data, list):
        for value in data:
            yield from _texts(value)


IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=200, pattern=r"^[!-~]+$")]


@api.post("/v1/drafts", status_code=202)
def order_draft(
    services: ServicesDep,
    caller: CallerDep,
    data: Annotated[Any, Depends(json_body)],
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Queue a draft of a brief and its evidence; the same Idempotency-Key orders it once."""
    request = request_from(data, where="body")
    draft_id = place_order(services, caller, request, idempotency_key=idempotency_key)
    return JSONResponse(
        {"id": draft_id, "events": f"/v1/drafts/{draft_id}/events"},
        status_code=202,
        headers={"location": f"/v1/drafts/{draft_id}"},
    )


def place_order(services: Services, caller: Caller, request: DraftRequest, *, idempotency_key: str | None) -> str:
    """Store a draft with its job and return its id, or the id of the one ordered before under the
    same key.
    """
    new = NewDraft(f"d-{secrets.token_hex(8)}", request, caller.name, idempotency_key)
    with services.store.write() as tx:
        before = tx.draft_by_key(caller.name, idempotency_key) if idempotency_key else None
        if before is None:
            tx.add_draft(new)
    if before is None:
        services.worker.wake()
        return new.id
    if before[1] != sha256_data(request):
        raise ConflictError(
            "this Idempotency-Key was used for another brief or other evidence",
            where="Idempotency-Key",
            fix="use a new key for a new order",
        )
    return before[0]


@api.get("/v1/drafts")
def list_drafts(
    services: ServicesDep,
    _caller: CallerDep,
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = PAGE,
) -> dict[str, Any]:
    """List drafts, newest first; `next` is the address of the following page."""
    rows, reviews = read_page(services, before=before, limit=limit)
    more = len(rows) > limit
    shown = rows[:limit]
    following = f"/v1/drafts?before={shown[-1].number}&limit={limit}" if more else None
    return {"drafts": [summary(row, reviews.get(row.id)) for row in shown], "next": following}


def read_page(services: Services, *, before: int | None, limit: int) -> tuple[list[DraftRow], dict[str, Review]]:
    """Return one row more than `limit`, if there is one, with the reviews of all."""
    with services.store.read() as tx:
        rows = tx.drafts(before=before, limit=limit + 1)
        return rows, services.reviews.reviews(tx, rows)


@api.get("/v1/drafts/{draft_id}")
def get_draft(draft_id: DraftId, services: ServicesDep, _caller: CallerDep) -> dict[str, Any]:
    """Return a draft with its review; while it is being drafted, the sections that are finished."""
    with services.store.read() as tx:
        row = find_draft(tx, draft_id)
        review = services.reviews.review(tx, row)
        version = tx.version(draft_id, row.version) if row.version else None
        sections = {} if version else tx.sections(draft_id)
    return {
        **summary(row, review),
        "review": None if review is None else review_view(review),
        "draft": None if version is None else version.draft.model_dump(mode="json"),
        "sections": [section.model_dump(mode="json") for section in sections.values()],
    }


def summary(row: DraftRow, review: Review | None) -> dict[str, Any]:
    """Return what the list says about a draft."""
    return {
        "id": row.id,
        "number": row.number,
        "title": row.title,
        "dao": row.dao,
        "template": row.template,
        "language": row.language,
        "status": status_of(row, review),
        "version": row.version,
        "findings": {"error": row.errors, "waived_error": row.waived, "warning": row.warnings, "info": row.notes},
        "error": row.error,
        "created_at": row.created_at.isoformat(),
        "updated_at": row.updated_at.isoformat(),
    }


def review_view(review: Review) -> dict[str, Any]:
    return {
        "approvals": review.quorum.approvals,
        "needed": review.quorum.needed,
        "seats": review.gate.profile.seats,
        "export_open": not review.missing,
        "missing": [str(sentence) for sentence in review.missing],
        "decisions": [decision.model_dump(mode="json") for decision in review.decisions],
        "waivers": [waiver.model_dump(mode="json") for waiver in review.gate.waivers],
    }


@api.post("/v1/drafts/{draft_id}/resume", status_code=202)
def resume_draft(draft_id: DraftId, services: ServicesDep, _caller: CallerDep) -> JSONResponse:
    """Go on with an interrupted draft; its finished sections are kept."""
    services.worker.resume(draft_id)
    return JSONResponse({"id": draft_id}, status_code=202, headers={"location": f"/v1/drafts/{draft_id}"})


@api.get("/v1/drafts/{draft_id}/export.md")
def export_draft(draft_id: DraftId, services: ServicesDep, _caller: CallerDep) -> Response:
    """Return the approved text, byte for byte as it was decided on."""
    export = services.reviews.export(draft_id)
    return Response(
        export.text,
        media_type="text/markdown",
        headers={
            "content-disposition": f'attachment; filename="{export.filename}"',
            "etag": f'"{export.text_hash}"',
        },
    )


@api.get("/v1/drafts/{draft_id}/proposal.md")
def export_published(draft_id: DraftId, services: ServicesDep, _caller: CallerDep) -> Response:
    """Return the approved text with front matter and the statement of how it was made, as it is published."""
    export = services.reviews.published(draft_id)
    return Response(
        export.text,
        media_type="text/markdown",
        headers={"content-disposition": f'attachment; filename="{export.filename}"'},
    )


@api.get("/v1/drafts/{draft_id}/bundle.zip")
def export_bundle(draft_id: DraftId, services: ServicesDep, _caller: CallerDep) -> Response:
    """Return the approved draft with its evidence, findings and decisions, for `dao-agent verify`."""
    bundle = services.reviews.bundle(draft_id)
    return Response(
        bundle.data,
        media_type="application/zip",
        headers={"content-disposition": f'attachment; filename="{bundle.filename}"'},
    )


@api.get("/v1/drafts/{draft_id}/events", response_model=None)
async def watch_draft(
    draft_id: DraftId,
    services: ServicesDep,
    _caller: CallerDep,
    after: Annotated[int, Query(ge=0, le=_MAX_SEQ)] = 0,
    last_event_id: Annotated[str | None, Header(max_length=20)] = None,
) -> Response:
    """Stream the draft's events from the one after `Last-Event-ID`; ends when drafting ends.

    204 when there is nothing more to come, which tells a browser not to reconnect.
    """
    if last_event_id and last_event_id.isascii() and last_event_id.isdigit():
        after = min(int(last_event_id), _MAX_SEQ)
    events, over = await run_in_threadpool(_news, services, draft_id, after)
    if over and not events:
        return Response(status_code=204)
    return EventSourceResponse(_stream(services, draft_id, after))


def _news(services: Services, draft_id: str, after: int) -> tuple[list[StoredEvent], bool]:
    """Return the events behind `after`, and whether no more will come."""
    with services.store.read() as tx:
        row = find_draft(tx, draft_id)
        events = tx.events(draft_id, after=after)
    return events, row.stage != "drafting"


async def _stream(services: Services, draft_id: str, after: int) -> AsyncIterator[bytes]:
    silent = 0.0
    yield format_sse_event(retry=1000)
    with services.worker.wakeups.listening(draft_id) as woken:
        while not services.stopping.is_set():
            woken.clear()
            events, over = await run_in_threadpool(_news, services, draft_id, after)
            for stored in events:
                after = stored.seq
                yield _wire(stored)
            if over and not events:
                return
            if events:
                silent = 0.0
                continue
            # The wake-up is for news of this process; the poll is for another gateway's, and a stop.
            try:
                await asyncio.wait_for(woken.wait(), _POLL_SECONDS)
            except TimeoutError:
                silent += _POLL_SECONDS
            if silent >= _PING_SECONDS:
                silent = 0.0
                yield format_sse_event(comment="still here")


def _wire(stored: StoredEvent) -> bytes:
    event = stored.event
    return format_sse_event(
        event=event.type,
        id=str(stored.seq),
        data_str=json.dumps({"type": event.type, "section": event.section, "data": event.data}),
    )
