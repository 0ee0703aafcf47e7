"""The one way sources ask the network: politely, with bounds, and with every failure named.

One request at a time; at most so many a minute to one host; a server that asks for patience gets it; failures are
tried again with growing, jittered pauses, and a storm of them ends in an error that names it. The cursor is not the
fetcher's: a source moves it only after an answer was stored, so the same command goes on where the error was.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import json
import logging
import random
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NoReturn, Self

import httpx2

from data_prep.sources.public_addresses import ALLOW_PRIVATE, PublicOnly
from proposal.errors import UpstreamError

logger = logging.getLogger(__name__)

USER_AGENT = "dao-proposal-agent/0.1 (governance archive; one request at a time)"
MAX_BODY = 64_000_000
"""Bytes of one answer, after decompression: a page of a thousand votes has under two million."""
ATTEMPTS = 6
FIRST_PAUSE_S, MAX_PAUSE_S = 1.0, 60.0
MAX_RETRY_AFTER_S = 300.0
"""Longest wait a server may ask for; for a longer one the person comes back, not the program."""
MAX_REDIRECTS = 3
RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})

AGAIN = "run the same command again: it goes on from here"


class UnreachableError(UpstreamError):
    """No answer: no connection, or one that broke."""

    code = "unreachable"


class LateError(UnreachableError):
    """No answer in time."""

    code = "late"


class ThrottledError(UpstreamError):
    """The server keeps answering that it is too busy, or that we ask too much."""

    code = "throttled"


class BadAnswerError(UpstreamError):
    """An answer that is not what the source answers: a web page, cut-off data, a refusal.

    `answered` is the HTTP status where that was the refusal, else 0.
    """

    code = "bad-answer"
    answered = 0


class BrokenAnswerError(BadAnswerError):
    """An answer that was cut off or is not the service's own (a proxy's web page): worth another try."""

    code = "broken-answer"


class TooLargeError(BadAnswerError):
    """An answer above the size bound; it was not read to its end."""

    code = "too-large"


@dataclass(frozen=True, slots=True)
class Policy:
    """How one source is asked: requests a minute to its host, seconds to wait, and whether it may be private."""

    requests_per_minute: float = 60.0
    timeout_s: float = 30.0
    allow_private: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The text of an answer and the same as data; numbers with a decimal point are exact decimals."""

    text: str
    data: Any


@dataclass(slots=True)
class Fetcher:
    """Asks servers for JSON. `transport`, `clock`, `pause`, `now` and `jitter` are the outside world."""

    transport: httpx2.BaseTransport = field(default_factory=PublicOnly)
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC).replace(microsecond=0)
    jitter: Callable[[], float] = random.random
    max_body: int = MAX_BODY
    kept: dict[str, tuple[int, Iterator[Any]]] = field(default_factory=dict, init=False)
    """Streams that a source holds open between two steps, by its name: where they stand, and the rest of them."""
    _client: httpx2.Client = field(init=False)
    _free_at: dict[str, float] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        headers = {"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "gzip"}
        self._client = httpx2.Client(transport=self.transport, headers=headers, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, url: str, policy: Policy, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask for a page of JSON."""
        return self._asked(self._client.build_request("GET", url, headers=headers), policy)

    def post(self, url: str, body: Any, policy: Policy, headers: Mapping[str, str] | None = None) -> Answer:
        """Send JSON and read the JSON that comes back."""
        return self._asked(self._client.build_request("POST", url, json=body, headers=headers), policy)

    def _asked(self, request: httpx2.Request, policy: Policy) -> Answer:
        """Try until there is an answer, the failures run out, or one says that trying again is vain."""
        where = _place(request.url)
        for attempt in range(1, ATTEMPTS + 1):
            failure: UpstreamError
            waits = 0.0
            try:
                return self._once(request, policy)
            except httpx2.TimeoutException:
                failure = LateError(f"no answer within {policy.timeout_s:g} s", where=where, fix=AGAIN)
            except httpx2.TransportError as error:
                failure = UnreachableError(f"no answer: {error or type(error).__name__}", where=where, fix=AGAIN)
            except _BusyError as busy:
                failure, waits = busy.failure, busy.waits
            except BrokenAnswerError as error:
                failure = error
            if attempt == ATTEMPTS or waits > MAX_RETRY_AFTER_S:
                failure.message += f" (after {attempt} {'try' if attempt == 1 else 'tries'})"
                raise failure
            pause = max(waits, self._backoff(attempt))
            logger.warning("%s: %s; trying again in %.0f s", where, failure.message, pause)
            self.pause(pause)
        raise AssertionError("unreachable")

    def _backoff(self, attempt: int) -> float:
        return float(min(MAX_PAUSE_S, FIRST_PAUSE_S * 2 ** (attempt - 1)) * (0.5 + self.jitter() / 2))

    def _once(self, request: httpx2.Request, policy: Policy) -> Answer:
        for _ in range(MAX_REDIRECTS + 1):
            self._wait_turn(request.url.host, policy)
            request.extensions = {**request.extensions, ALLOW_PRIVATE: policy.allow_private,
                                  "timeout": httpx2.Timeout(policy.timeout_s).as_dict()}  # fmt: skip
            response = self._client.send(request, stream=True)
            try:
                if not response.is_redirect:
                    return self._read(response)
                request = self._redirected(request, response)
            finally:
                response.close()
        raise BadAnswerError(f"more than {MAX_REDIRECTS} redirects", where=_place(request.url))

    def _wait_turn(self, host: str, policy: Policy) -> None:
        wait = self._free_at.get(host, 0.0) - self.clock()
        if wait > 0:
            self.pause(wait)
        self._free_at[host] = max(self.clock(), self._free_at.get(host, 0.0)) + 60.0 / policy.requests_per_minute

    def _redirected(self, request: httpx2.Request, response: httpx2.Response) -> httpx2.Request:
        target = request.url.join(response.headers["location"])
        if request.method != "GET" or target.host != request.url.host or target.scheme != request.url.scheme:
            raise BadAnswerError(f"it redirects to {_place(target)}", where=_place(request.url),
                                 fix="put that address into the spec if it is the right one")  # fmt: skip
        return self._client.build_request("GET", target, headers=dict(request.headers))

    def _read(self, response: httpx2.Response) -> Answer:
        where = _place(response.request.url)
        if response.status_code in RETRIED:
            error = ThrottledError(f"answers {response.status_code}", where=where, fix=AGAIN)
            raise _BusyError(error, self._retry_after(response))
        body = b"".join(self._decoded(response, where))
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError as error:
            _broken(where, f"the answer is not UTF-8 text (byte {error.start})")
        if response.status_code >= 400:
            refused = BadAnswerError(f"answers {response.status_code}: {text[:200].strip()}", where=where,
                                     fix="check the url and the names in the spec")  # fmt: skip
            refused.answered = response.status_code
            raise refused
        if text.lstrip("\ufeff \r\n\t")[:1] == "<":
            _broken(where, "the answer is a web page, not JSON")
        try:
            return Answer(text, parse(text))
        except (ValueError, RecursionError) as error:
            _broken(where, f"the answer is not JSON: {error}")

    def _decoded(self, response: httpx2.Response, where: str) -> Iterator[bytes]:
        """Decompress within the bound; httpx2's own decoder takes gzip data that is cut off for whole."""
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in {"gzip", "x-gzip", "identity", ""}:
            raise BadAnswerError(f"the answer is encoded as '{encoding}', which was not asked for", where=where)
        unzip = zlib.decompressobj(zlib.MAX_WBITS | 16) if "gzip" in encoding else None
        size = 0
        for raw in response.iter_raw():
            try:
                chunk = raw if unzip is None else unzip.decompress(raw, self.max_body + 1)
            except zlib.error as error:
                _broken(where, f"the answer is no valid gzip data: {error}")
            size += len(chunk)
            if size > self.max_body:
                raise TooLargeError(f"the answer has more than {self.max_body:,} bytes and was not read", where=where)
            yield chunk
        if unzip is not None and not unzip.eof:
            _broken(where, "the answer is cut off: its gzip data has no end")

    def _retry_after(self, response: httpx2.Response) -> float:
        """Read the header in either of its two forms: seconds, or a date (RFC 9110, 10.2.3)."""
        value = response.headers.get("retry-after", "").strip()
        if value.isdecimal():
            return float(value[:9])
        try:
            return max(0.0, (email.utils.parsedate_to_datetime(value) - self.now()).total_seconds())
        except (ValueError, TypeError):
            return 0.0


class _BusyError(Exception):
    def __init__(self, failure: UpstreamError, waits: float) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.waits = waits


def parse(text: str) -> Any:
    """Parse JSON without loss: decimals exact, no NaN."""
    return json.loads(text.removeprefix("\ufeff"), parse_float=Decimal, parse_constant=_no_constant)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _broken(where: str, message: str) -> NoReturn:
    raise BrokenAnswerError(message, where=where, fix=AGAIN)


def _place(url: httpx2.URL) -> str:
    """Name a URL without what may be secret in it: its user, its query and a key in the path of a chain node."""
    path = "/".join("…" if len(part) > 30 else part for part in url.path.split("/"))
    return f"{url.scheme}://{url.host}{f':{url.port}' if url.port else ''}{path}"
