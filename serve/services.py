"""What the routes share: the gateway's parts, and the dependencies that say who may call a route.

Every route names one of `open_to_all`, `api_caller` or `signed_in`; a test walks the routes and
fails on one that does not.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.exc import SQLAlchemyError

from serve.auth import Accounts, ApiToken, Caller, SignInError, SignInRefusal
from serve.events import Drafter
from serve.jobs import Worker
from serve.llm import ModelHealth
from serve.reviews import Reviews
from serve.store import Reviewer, Store
from serve.translation import Sentence

SESSION_COOKIE = "dao_desk"
_HEALTH_SECONDS = 2.0


@dataclass(slots=True)
class Services:
    """The parts of one running gateway."""

    store: Store
    drafter: Drafter
    token: ApiToken
    worker: Worker
    reviews: Reviews
    accounts: Accounts
    stopping: threading.Event = field(default_factory=threading.Event)
    _health: tuple[float, ModelHealth] | None = None

    database_errors = (SQLAlchemyError, OSError)

    @property
    def version(self) -> str:
        try:
            return version("dao-proposal-agent")
        except PackageNotFoundError:  # run from a checkout that is not installed
            return "0"

    def model_health(self) -> ModelHealth:
        """Ask the model at most every two seconds: this endpoint is open, and the model has better
        things to do.
        """
        now = time.monotonic()
        if self._health is None or now - self._health[0] > _HEALTH_SECONDS:
            self._health = (now, self.drafter.health())
        return self._health[1]


def services_of(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(services_of)]


def open_to_all() -> None:
    """Mark a route that anybody may call."""


def current_reviewer(request: Request, services: ServicesDep) -> Reviewer | None:
    """Return who is signed in by the session cookie, if anybody."""
    return services.accounts.signed_in(request.cookies.get(SESSION_COOKIE))


def signed_in(found: Annotated[Reviewer | None, Depends(current_reviewer)]) -> Reviewer:
    """Let only a signed-in reviewer pass."""
    if found is None:
        raise SignInRefusal(
            Sentence("please sign in with your link"),
            fix=Sentence("open the sign-in link that was printed when the desk was started"),
        )
    return found


def api_caller(request: Request, services: ServicesDep) -> Caller:
    """Let a program with the token or a signed-in reviewer pass."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme:
        if scheme.lower() == "bearer" and services.token.matches(given.strip()):
            return Caller(None)
        raise SignInError("the API token is not valid", where="Authorization", fix=_TOKEN_HINT)
    reviewer = services.accounts.signed_in(request.cookies.get(SESSION_COOKIE))
    if reviewer is None:
        raise SignInError("no API token and no session", where="Authorization", fix=_TOKEN_HINT)
    return Caller(reviewer)


_TOKEN_HINT = "send 'Authorization: Bearer TOKEN'; the token is in the file api-token of the data folder"

ReviewerDep = Annotated[Reviewer, Depends(signed_in)]
CallerDep = Annotated[Caller, Depends(api_caller)]
