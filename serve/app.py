"""The gateway: one FastAPI application with the JSON API, the desk and the drafting worker, and how
it is run.

Everything is put together here and nothing is decided here.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import uvicorn
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool

from proposal.errors import AgentError, ConfigError
from serve import desk
from serve.api import api
from serve.auth import Accounts, ApiToken, invitations
from serve.edge import BodyLimit, SafeHeaders, SameOrigin, add_error_handlers
from serve.events import Drafter
from serve.jobs import Worker
from serve.reviews import Reviews
from serve.services import Services
from serve.settings import Settings
from serve.store import Store

log = logging.getLogger(__name__)

_STOP_SECONDS = 3


def create_app(settings: Settings, *, drafter: Drafter, store: Store | None = None) -> FastAPI:
    """Put the gateway together; its worker starts and ends with the application."""
    store = store or Store.open(settings.database)
    app = FastAPI(lifespan=_lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.services = Services(
        store=store,
        drafter=drafter,
        token=ApiToken.load(settings.data_dir),
        worker=Worker(store, drafter, signatures_required=settings.signatures == "required"),
        reviews=Reviews(store, chain_id=settings.chain_id),
        accounts=Accounts(store),
    )
    app.include_router(api)
    app.include_router(desk.pages)
    app.mount("/static", desk.static_files(), name="static")
    add_error_handlers(app, page=desk.error_page)
    app.add_middleware(SameOrigin)
    app.add_middleware(BodyLimit, limit=settings.max_request_bytes)
    app.add_middleware(SafeHeaders)
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services: Services = app.state.services
    services.worker.start()
    try:
        yield
    finally:
        services.stopping.set()
        await run_in_threadpool(services.worker.stop)


class _Server(uvicorn.Server):
    """uvicorn, telling open event streams to end before it waits for them."""

    def __init__(self, config: uvicorn.Config, *, stopping: threading.Event) -> None:
        super().__init__(config)
        self._streams_end = stopping

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._streams_end.set()
        await super().shutdown(sockets)


class Gateway:
    """A gateway on its port: `url`, the reviewers' `sign_in_links` and the `api_token` with its
    file.

    Used as a context manager it runs in a thread for as long as the block lasts.
    """

    def __init__(self, settings: Settings, *, drafter: Drafter, reviewers: Sequence[str], port: int | None) -> None:
        """Take the port and the database; raises `ConfigError` when another process has one of
        them.
        """
        host = settings.gateway_host
        with contextlib.ExitStack() as undo:
            self._socket = _listen(host, settings.gateway_port if port is None else port)
            undo.callback(self._socket.close)
            self.url = _address(host, self._socket.getsockname()[1])
            app = create_app(settings, drafter=drafter)
            self.services: Services = app.state.services
            undo.callback(self.services.store.close)
            # Before links are made: they void older ones, which another gateway may just have
            # printed.
            self.services.worker.take_database()
            undo.callback(self.services.worker.stop)
            self.sign_in_links: Mapping[str, str] = invitations(self.services.accounts, reviewers, base_url=self.url)
            self._undo = undo.pop_all()
        self.api_token: str = self.services.token.value
        self.token_file: Path = self.services.token.file
        self._server = _Server(_config(app), stopping=self.services.stopping)
        self._thread = threading.Thread(target=self._serve, name="gateway", daemon=True)
        self._failed: BaseException | None = None

    def run(self) -> None:
        """Serve until a signal says stop."""
        with self._undo:
            self._server.run(sockets=[self._socket])

    def start(self) -> None:
        """Serve in a thread; returns when requests are answered."""
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            self._thread.join(0.02)
        if not self._server.started:
            raise self._failed or AgentError("the gateway did not start", fix="see its log")

    def stop(self) -> None:
        """End the server of `start` and wait for it."""
        self._server.should_exit = True
        self._thread.join()

    def _serve(self) -> None:
        try:
            self.run()
        except BaseException as error:  # handed to the thread that waits in `start`
            self._failed = error

    def lines(self) -> list[str]:
        """Return what whoever starts a gateway has to be told, as lines for a terminal."""
        width = max((len(name) for name in self.sign_in_links), default=0)
        links = [f"  {name:<{width}}  {link}" for name, link in self.sign_in_links.items()]
        return [
            f"desk       {self.url}",
            f"API token  {self.token_file}",
            *(["sign-in links, each for one person, one use, one day:", *links] if links else []),
        ]

    def __enter__(self) -> Gateway:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def start_gateway(
    settings: Settings, *, drafter: Drafter, reviewers: Sequence[str], port: int | None = None
) -> Gateway:
    """Return a gateway for a `with` block, in which it runs in a thread."""
    return Gateway(settings, drafter=drafter, reviewers=reviewers, port=port)


def run_gateway(
    settings: Settings,
    *,
    drafter: Drafter,
    reviewers: Sequence[str],
    port: int | None = None,
    announce: Callable[[str], None],
) -> None:
    """Run a gateway in this thread until it is told to stop; `announce` gets its address and links,
    line by line.
    """
    gateway = Gateway(settings, drafter=drafter, reviewers=reviewers, port=port)
    for line in gateway.lines():
        announce(line)
    gateway.run()


def _config(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        # A sign-in link is a path, and an access log would keep it.
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_STOP_SECONDS,
        lifespan="on",
    )


def _listen(host: str, port: int) -> socket.socket:
    """Take the port ourselves: a free one is known before the server runs, and a taken one is our
    own error.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(256)
    except OSError as error:
        listening.close()
        raise ConfigError(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            where="DAO_GATEWAY_PORT",
            fix="stop what uses the port, or set another one (0 takes a free one)",
        ) from None
    return listening


def _address(host: str, port: int) -> str:
    anywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}
    shown = anywhere.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"
