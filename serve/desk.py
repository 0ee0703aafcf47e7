"""The desk: the pages on which a committee reads, judges and releases drafts.

Pages are whole without JavaScript; `live.js` only shows text while it is being written. A form that
is refused comes back as it was sent, with the reason beside it.
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import jinja2
import yaml
from babel.dates import format_datetime, format_timedelta
from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from markupsafe import Markup
from pydantic import BaseModel, Field

from proposal.brief import Brief
from proposal.decisions import Verdict
from proposal.draft import DraftRequest
from proposal.errors import AgentError, InputError
from proposal.evidence import Evidence, parse_evidence
from proposal.inputs import parse_structured, validate
from proposal.template import template_names
from serve.api import PAGE, DraftId, check_order, place_order, read_page
from serve.auth import SESSION_LIFE, Caller
from serve.desk_view import shown_progress, shown_version
from serve.reviews import Review, Status, Vote, WaiverForm, find_draft, may_review, standing_of, status_of
from serve.services import (
    SESSION_COOKIE,
    ReviewerDep,
    Services,
    ServicesDep,
    current_reviewer,
    open_to_all,
)
from serve.store import DraftRow, Reviewer
from serve.translation import (
    LOCALES,
    InputRefusal,
    Refusal,
    Sentence,
    catalogue,
    choose_locale,
)

FOLDER = Path(__file__).parent
LOCALE_COOKIE = "dao_locale"
_FIELD_LIMIT = 400_000

pages = APIRouter()

MaybeReviewer = Annotated[Reviewer | None, Depends(current_reviewer)]


class _Assets(StaticFiles):
    """Style sheet and script; their address carries their hash, so they may be kept for ever."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


def static_files() -> StaticFiles:
    return _Assets(directory=FOLDER / "static")


@functools.cache
def _asset(name: str) -> str:
    digest = hashlib.sha256((FOLDER / "static" / name).read_bytes()).hexdigest()
    return f"/static/{name}?{digest[:12]}"


_PAGES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(FOLDER / "pages"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class _Words:
    """What a page says and how it writes times, in one locale."""

    def __init__(self, locale: str, *, now: dt.datetime) -> None:
        self.locale = locale
        self._catalogue = catalogue(locale)
        self._babel = locale.replace("-", "_")
        self._now = now

    def gettext(self, message: str, **values: object) -> Markup:
        return _fill(self._catalogue.gettext(message), values)

    def ngettext(self, one: str, many: str, count: int, **values: object) -> Markup:
        return _fill(self._catalogue.ngettext(one, many, count), {"n": count, **values})

    def say(self, sentence: Sentence) -> str:
        return sentence.in_(self.locale)

    def ago(self, moment: dt.datetime) -> str:
        return str(format_timedelta(moment - self._now, add_direction=True, locale=self._babel))

    def moment(self, moment: dt.datetime) -> str:
        return str(format_datetime(moment, "medium", tzinfo=dt.UTC, locale=self._babel)) + " UTC"


def _fill(text: str, values: Mapping[str, object]) -> Markup:
    """Put values into a message; they are data and come out escaped."""
    return Markup(text) % values if values else Markup(text)


def _show(
    request: Request,
    page: str,
    *,
    code: int = 200,
    reviewer: Reviewer | None = None,
    **context: Any,
) -> HTMLResponse:
    """Render a page in the reader's language."""
    asked = request.query_params.get("lang")
    locale = _locale(request)
    words = _Words(locale, now=dt.datetime.now(dt.UTC))
    body = _PAGES.get_template(page).render(
        _=words.gettext,
        ngettext=words.ngettext,
        say=words.say,
        ago=words.ago,
        moment=words.moment,
        locale=locale,
        locales=LOCALES,
        reviewer=reviewer,
        asset=_asset,
        **{"path": request.url.path, **context},
    )
    response = HTMLResponse(body, status_code=code, headers={"vary": "Accept-Language, Cookie"})
    if asked is not None and asked in LOCALES:
        response.set_cookie(LOCALE_COOKIE, asked, max_age=31_536_000, httponly=True, samesite="lax")
    return response


def _locale(request: Request) -> str:
    """Return the reader's language: the one asked for, the one kept, the browser's."""
    asked = request.query_params.get("lang")
    return choose_locale(asked, request.cookies.get(LOCALE_COOKIE), request.headers.get("accept-language"))


def error_page(request: Request, error: AgentError, status: int) -> Response:
    """Show an error to a person; somebody who is not signed in is told how to."""
    if status == 401:
        return _show(request, "sign_in.html", code=401, error=error)
    return _show(request, "error.html", code=status, error=error)


def _see(address: str) -> RedirectResponse:
    return RedirectResponse(address, status_code=303)


# Signing in


@pages.get("/sign-in", dependencies=[Depends(open_to_all)])
def sign_in_page(request: Request, reviewer: MaybeReviewer) -> Response:
    """Tell how to sign in."""
    return _see("/drafts") if reviewer else _show(request, "sign_in.html", error=None)


@pages.get("/sign-in/{token}", dependencies=[Depends(open_to_all)])
def confirm_sign_in(request: Request, token: str, services: ServicesDep) -> Response:
    """Ask for the click that uses the link up: programs that preview links only open it."""
    invited = services.accounts.link_owner(token[:200])
    return _show(request, "confirm.html", invited=invited, token=token)


@pages.post("/sign-in", dependencies=[Depends(open_to_all)])
def sign_in(request: Request, services: ServicesDep, token: Annotated[str, Form(max_length=200)] = "") -> Response:
    """Use a sign-in link up and begin a session."""
    old = request.cookies.get(SESSION_COOKIE)
    secret = services.accounts.sign_in(token, old_session=old)
    response = _see("/drafts")
    response.set_cookie(
        SESSION_COOKIE,
        secret,
        max_age=int(SESSION_LIFE.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return response


@pages.post("/sign-out", dependencies=[Depends(open_to_all)])
def sign_out(request: Request, services: ServicesDep) -> Response:
    """End the session."""
    if secret := request.cookies.get(SESSION_COOKIE):
        services.accounts.sign_out(secret)
    response = _see("/sign-in")
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="lax")
    return response


# Drafts


@dataclass(frozen=True, slots=True)
class ListedDraft:
    """One line of the list."""

    row: DraftRow
    status: Status
    review: Review | None


@pages.get("/", dependencies=[Depends(open_to_all)])
def home() -> Response:
    return _see("/drafts")


@pages.get("/drafts")
def list_page(
    request: Request,
    services: ServicesDep,
    reviewer: ReviewerDep,
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> Response:
    """List the drafts, newest first."""
    rows, reviews = read_page(services, before=before, limit=PAGE)
    shown = [ListedDraft(row, status_of(row, reviews.get(row.id)), reviews.get(row.id)) for row in rows[:PAGE]]
    older = rows[PAGE - 1].number if len(rows) > PAGE else None
    return _show(request, "drafts.html", reviewer=reviewer, drafts=shown, older=older, before=before)


@pages.get("/drafts/new")
def new_page(request: Request, reviewer: ReviewerDep) -> Response:
    """Show the form that orders a draft."""
    return _new_form(request, reviewer, sent={}, errors={})


def _new_form(
    request: Request,
    reviewer: Reviewer,
    *,
    sent: Mapping[str, str],
    errors: Mapping[str, AgentError],
) -> Response:
    return _show(
        request,
        "new.html",
        code=422 if errors else 200,
        reviewer=reviewer,
        sent=sent,
        errors=errors,
        templates=template_names(),
    )


@pages.post("/drafts")
def order(
    request: Request,
    services: ServicesDep,
    reviewer: ReviewerDep,
    brief: Annotated[str, Form()] = "",
    evidence: Annotated[str, Form()] = "",
) -> Response:
    """Order a draft from pasted YAML or JSON."""
    parsed, errors = read_order(brief, evidence)
    if parsed is None:
        sent = {"brief": brief, "evidence": evidence}
        return _new_form(request, reviewer, sent=sent, errors=errors)
    draft_id = place_order(services, Caller(reviewer), parsed, idempotency_key=None)
    return _see(f"/drafts/{draft_id}")


def read_order(brief: str, evidence: str) -> tuple[DraftRequest | None, dict[str, AgentError]]:
    """Read both fields, so that the mistakes of both are shown at once."""
    errors: dict[str, AgentError] = {}
    read_brief: Brief | None = None
    items: tuple[Evidence, ...] = ()
    try:
        read_brief = validate(Brief, _pasted(brief, "brief"), where="brief")
    except InputError as error:
        errors["brief"] = error
    try:
        items = tuple(parse_evidence(_pasted(evidence, "evidence"), where="evidence").values())
    except InputError as error:
        errors["evidence"] = error
    if read_brief is None or errors:
        return None, errors
    order = DraftRequest(brief=read_brief, evidence=items)
    try:
        check_order(order, where="brief")
    except InputError as error:
        return None, {"brief": error}
    return order, {}


def _pasted(text: str, where: str) -> Any:
    if len(text) > _FIELD_LIMIT:
        raise InputError(f"more than {_FIELD_LIMIT:,} characters", where=where, fix="use the API")
    _refuse_aliases(text, where)
    return parse_structured(text, where=where, as_json=False)


def _refuse_aliases(text: str, where: str) -> None:
    """Refuse YAML aliases: a few lines of them stand for gigabytes."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        found = any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=loader))
    except (yaml.YAMLError, RecursionError):
        return  # not YAML at all: reading it says what is wrong, with the line
    if found:
        raise InputError("YAML aliases (*name) are not read here", where=where, fix="write it out")


@pages.get("/drafts/{draft_id}")
def draft_page(request: Request, draft_id: DraftId, services: ServicesDep, reviewer: ReviewerDep) -> Response:
    """Show a draft: its text with findings and evidence, or how far drafting has come."""
    return _draft_page(request, services, reviewer, draft_id)


@dataclass(frozen=True, slots=True)
class _Refused:
    """A decision that was not taken, with what was typed."""

    error: AgentError
    verdict: str
    reason: str


def _draft_page(
    request: Request,
    services: Services,
    reviewer: Reviewer,
    draft_id: str,
    *,
    refused: _Refused | None = None,
) -> Response:
    with services.store.read() as tx:
        row = find_draft(tx, draft_id)
        review = services.reviews.review(tx, row)
        version = tx.version(draft_id, row.version) if review else None
        shared: dict[str, Any] = {
            "reviewer": reviewer,
            "row": row,
            "status": status_of(row, review),
            "brief": tx.request(draft_id).brief,
            "path": f"/drafts/{row.id}",
        }
        progress = {} if version else shown_progress(tx, row)
    if review is None or version is None:
        return _show(request, "drafting.html", **shared, **progress)
    return _show(
        request,
        "draft.html",
        code=refused.error.status if refused else 200,
        review=review,
        refused=refused,
        may_review=may_review(reviewer, row, review.gate),
        own=standing_of(reviewer, review.quorum),
        **shared,
        **shown_version(version),
    )


class DecisionForm(BaseModel):
    """The form on a draft's page; what is missing in it is told beside it.

    `nonce` and `signature` are filled in by `wallet.js`; empty without it.
    """

    verdict: str = ""
    reason: str = ""
    seen_version: int = Field(ge=1)
    seen_context: str = Field(default="", pattern=r"^[0-9a-f]{0,64}$")
    nonce: str = Field(default="", pattern=r"^[0-9]{0,18}$")
    signature: str = Field(default="", max_length=4_000)

    def vote(self) -> Vote:
        """Return what the form says; a refusal names what is missing."""
        return Vote(
            verdict=_verdict(self.verdict),
            reason=_lines(self.reason),
            seen_version=self.seen_version,
            seen_context=self.seen_context,
            nonce=int(self.nonce) if self.nonce else None,
            signature=self.signature,
        )


@pages.post("/drafts/{draft_id}/decision")
def decide(
    request: Request,
    draft_id: DraftId,
    form: Annotated[DecisionForm, Form()],
    services: ServicesDep,
    reviewer: ReviewerDep,
) -> Response:
    """Record the reviewer's decision on the version that was on the screen."""
    try:
        services.reviews.decide(draft_id, reviewer, form.vote())
    except Refusal as error:
        refused = _Refused(error, form.verdict, form.reason)
        return _draft_page(request, services, reviewer, draft_id, refused=refused)
    return _see(f"/drafts/{draft_id}#review")


class LetStandForm(BaseModel):
    """The form beside a finding."""

    finding: str = Field(default="", pattern=r"^[0-9a-f]{0,64}$")
    reason: str = ""
    seen_version: int = Field(ge=1)


@pages.post("/drafts/{draft_id}/waivers")
def waive(
    request: Request,
    draft_id: DraftId,
    form: Annotated[LetStandForm, Form()],
    services: ServicesDep,
    reviewer: ReviewerDep,
) -> Response:
    """Let a finding stand, with the reviewer's reason."""
    try:
        sent = WaiverForm(
            excerpt_hash=form.finding.rjust(64, "0"), reason=_lines(form.reason), seen_version=form.seen_version
        )
        services.reviews.waive(draft_id, reviewer, sent)
    except Refusal as error:
        return _draft_page(request, services, reviewer, draft_id, refused=_Refused(error, "", ""))
    return _see(f"/drafts/{draft_id}#findings")


@pages.post("/drafts/{draft_id}/signature")
def ask_signature(
    request: Request,
    draft_id: DraftId,
    form: Annotated[DecisionForm, Form()],
    services: ServicesDep,
    reviewer: ReviewerDep,
) -> JSONResponse:
    """Return what the reviewer's wallet is to sign for the decision in the form; a refusal in the reader's language."""
    try:
        asked = services.reviews.ask_signature(draft_id, reviewer, form.vote())
    except Refusal as error:
        locale = _locale(request)
        said = [error.sentence, *([error.fix_sentence] if error.fix_sentence else [])]
        problem = {**error.to_dict(), "message": " ".join(sentence.in_(locale) for sentence in said)}
        return JSONResponse({"error": problem}, status_code=error.status)
    return JSONResponse({"account": asked.account, "nonce": asked.nonce, "typed_data": asked.typed_data})


def _verdict(given: str) -> Verdict:
    known: dict[str, Verdict] = {
        "approve": "approve",
        "request_changes": "request_changes",
        "reject": "reject",
    }
    if given not in known:
        raise InputRefusal(Sentence("choose one of the three decisions"))
    return known[given]


def _lines(text: str) -> str:
    """Return form text with plain line ends (browsers send CRLF) and without what no database
    stores.
    """
    return text.replace("\r\n", "\n").replace("\0", "")


@pages.post("/drafts/{draft_id}/resume")
def resume(draft_id: DraftId, services: ServicesDep, _reviewer: ReviewerDep) -> Response:
    """Go on with an interrupted draft."""
    services.worker.resume(draft_id)
    return _see(f"/drafts/{draft_id}")
