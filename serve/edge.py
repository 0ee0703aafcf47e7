"""The HTTP edge: what every request must pass and every response carries, and the one shape of an
error.

Three walls stand before any route: a body larger than the limit is refused before it is read whole;
a request that changes something must come from our own pages or carry the API token; every response
forbids scripts, styles and requests that are not ours, so that model text which slipped through
could still do nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from proposal.errors import AgentError, ForbiddenError, InputError

log = logging.getLogger(__name__)

_CONTENT_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)
_HEADERS = {
    "content-security-policy": _CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    # Browsers leave Origin out of a form post under 'no-referrer', and our own check reads it.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "x-frame-options": "DENY",
}
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}

ErrorPage = Callable[[Request, AgentError, int], Response]


class HttpError(AgentError):
    """What goes wrong in HTTP itself; the status is given."""

    def __init__(self, message: str, *, status: int, code: str, fix: str | None = None) -> None:
        super().__init__(message, fix=fix)
        self.status = status
        self.code = code


def too_large(limit: int) -> HttpError:
    return HttpError(
        f"the request is larger than {limit:,} bytes",
        status=413,
        code="too_large",
        fix="send less: only the evidence that the proposal cites",
    )


class TooLarge(HTTPException):
    """Raised out of reading a body; an HTTPException, because FastAPI turns any other one into a
    400.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(413)
        self.limit = limit


class BodyLimit:
    """Refuse a large body at its declared length, or where it crosses the limit."""

    def __init__(self, app: ASGIApp, *, limit: int) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isascii() and declared.isdigit() and int(declared[:20]) > self.limit:
            response = error_response(too_large(self.limit))
            response.headers["connection"] = "close"
            await response(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self.limit:
                raise TooLarge(self.limit)
            return message

        await self.app(scope, counted, send)


class SameOrigin:
    """Refuse a change that another site's page asks for in our reader's name."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not comes_from_us(scope["method"], Headers(scope=scope), scheme=scope["scheme"]):
            error = ForbiddenError(
                "this request comes from another site, or hides where it comes from",
                fix="use the desk's own pages, or send the API token (Authorization: Bearer …)",
            )
            await error_response(error)(scope, receive, send)
            return
        await self.app(scope, receive, send)


def comes_from_us(method: str, headers: Mapping[str, str], *, scheme: str) -> bool:
    """Tell whether a request may change something: ours by `Sec-Fetch-Site`, by `Origin`, or by its
    bearer token.

    A page cannot send another site's bearer token, so such a request needs no further proof.
    """
    if method in _SAFE_METHODS:
        return True
    if headers.get("authorization", "").lower().startswith("bearer "):
        return True
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    return headers.get("origin") == f"{scheme}://{headers.get('host', '')}"


class SafeHeaders:
    """Add the security headers to every response; pages and data are never kept by a cache."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                if "cache-control" not in headers:
                    headers["cache-control"] = "no-store"
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


def error_response(error: AgentError, *, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return the one shape in which every endpoint tells an error."""
    return JSONResponse({"error": error.to_dict()}, status_code=error.status, headers=headers)


def add_error_handlers(app: FastAPI, *, page: ErrorPage) -> None:
    """Answer every error in one shape; `page` renders it for people."""

    def answer(request: Request, error: AgentError, headers: Mapping[str, str] | None = None) -> Response:
        if wants_page(request):
            response = page(request, error, error.status)
            response.headers.update(headers or {})
            return response
        return error_response(error, headers=headers)

    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, AgentError)
        if error.status >= 500:
            log.error("request_failed path=%s code=%s", request.url.path, error.code)
        return answer(request, error)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return answer(request, from_http(request, error), error.headers)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return answer(request, from_validation(error))

    async def unexpected(request: Request, error: Exception) -> Response:
        log.error("request_crashed path=%s", request.url.path, exc_info=error)
        told = AgentError("an unexpected error; nothing was changed", fix="see the gateway's log")
        # The framework answers this one outside of our middleware.
        return answer(request, told, {**_HEADERS, "cache-control": "no-store"})

    handlers: list[tuple[Any, Callable[[Request, Exception], Awaitable[Response]]]] = [
        (AgentError, ours),
        (HTTPException, http),
        (RequestValidationError, invalid),
        (Exception, unexpected),
    ]
    for kind, handler in handlers:
        app.add_exception_handler(kind, handler)


def wants_page(request: Request) -> bool:
    """Tell whether a person's browser asks, so that an error is a page and not data."""
    path = request.url.path
    is_data = path.startswith(("/v1/", "/healthz")) or path == "/v1"
    return not is_data and "text/html" in request.headers.get("accept", "")


def from_http(request: Request, error: HTTPException) -> AgentError:
    """Turn an error of the framework into ours."""
    if isinstance(error, TooLarge):
        return too_large(error.limit)
    path = request.url.path[:200]
    if error.status_code == 404:
        return HttpError(f"there is nothing at '{path}'", status=404, code="not_found")
    if error.status_code == 405:
        return HttpError(
            f"'{path}' does not take {request.method}",
            status=405,
            code="method_not_allowed",
        )
    return HttpError(str(error.detail), status=error.status_code, code="http")


def from_validation(error: RequestValidationError) -> InputError:
    """Turn the framework's list of problems into one message with field paths."""
    problems = []
    for problem in error.errors():
        field = ".".join(str(part) for part in problem["loc"])
        problems.append(f"'{field}': {problem['msg']}")
    return InputError("; ".join(problems), where="request")
