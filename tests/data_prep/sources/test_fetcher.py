"""The one way to ask the network: polite, bounded, and each failure by its name."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import itertools
import zlib
from collections.abc import Iterator

import httpx2
import pytest

from data_prep.sources.fetcher import (
    ATTEMPTS,
    BadAnswerError,
    BrokenAnswerError,
    Fetcher,
    LateError,
    Policy,
    ThrottledError,
    TooLargeError,
    UnreachableError,
)
from data_prep.sources.public_addresses import ForbiddenAddressError, PublicOnly, is_public
from proposal.errors import UpstreamError
from tests.data_prep.sources.worlds import NOW, Chunks, fetcher

URL = "https://hub.test/page"


def answering(*responses: httpx2.Response) -> Iterator[httpx2.Response]:
    """Give the answers in turn, then the last one for ever."""
    for response in itertools.chain(responses, itertools.repeat(responses[-1])):
        stream = response.stream if isinstance(response.stream, Chunks) else Chunks([response.content])
        yield httpx2.Response(response.status_code, headers=response.headers, stream=stream)


def asked(*responses: httpx2.Response, pauses: list[float] | None = None, max_body: int = 1_000_000) -> object:
    waiting = answering(*responses)
    kept = pauses if pauses is not None else []
    with fetcher(lambda _: next(waiting), pause=kept.append, clock=lambda: 0.0, max_body=max_body) as asking:
        return asking.get(URL, Policy(requests_per_minute=1e9)).data


def packed(text: str) -> bytes:
    return gzip.compress(text.encode())


@pytest.mark.parametrize(
    ("response", "error", "text"),
    [
        (httpx2.Response(200, text="<html>hello</html>"), BrokenAnswerError, "a web page, not JSON"),
        (httpx2.Response(200, text='{"a": 1'), BrokenAnswerError, "not JSON"),
        (httpx2.Response(200, text='{"a": NaN}'), BrokenAnswerError, "NaN is not JSON"),
        (httpx2.Response(200, content=b'{"a": "\xff"}'), BrokenAnswerError, "not UTF-8"),
        (httpx2.Response(200, stream=Chunks([packed('{"a": 1}')[:-9]]), headers={"content-encoding": "gzip"}),
         BrokenAnswerError, "cut off"),
        (httpx2.Response(200, stream=Chunks([b"no gzip"]), headers={"content-encoding": "gzip"}),
         BrokenAnswerError, "no valid gzip"),
        (httpx2.Response(200, stream=Chunks([b"{}"]), headers={"content-encoding": "br"}),
         BadAnswerError, "encoded as 'br'"),
        (httpx2.Response(404, text="no such page"), BadAnswerError, "answers 404: no such page"),
        (httpx2.Response(429), ThrottledError, f"answers 429 .after {ATTEMPTS} tries"),
        (httpx2.Response(503), ThrottledError, f"answers 503 .after {ATTEMPTS} tries"),
        (httpx2.Response(302, headers={"location": "https://other.test/"}), BadAnswerError, "redirects to https://other"),
        (httpx2.Response(302, headers={"location": URL}), BadAnswerError, "more than 3 redirects"),
    ],
)  # fmt: skip
def test_each_bad_answer_has_its_name(response: httpx2.Response, error: type[UpstreamError], text: str) -> None:
    with pytest.raises(error, match=text) as caught:
        asked(response)
    assert "hub.test" in str(caught.value)


def test_a_body_above_the_bound_is_refused_without_being_read_to_its_end() -> None:
    read: list[int] = []

    def endless() -> Iterator[bytes]:
        while True:
            read.append(1)
            yield b"x" * 10_000

    with pytest.raises(TooLargeError, match=r"more than 1,000,000 bytes"):
        asked(httpx2.Response(200, stream=Chunks(endless())))
    assert len(read) < 110


def test_a_gzip_bomb_stops_at_the_bound() -> None:
    bomb = zlib.compressobj(9, wbits=31)
    data = b"".join(bomb.compress(bytes(1_000_000)) for _ in range(4)) + bomb.flush()
    assert len(data) < 10_000
    with pytest.raises(TooLargeError):
        asked(httpx2.Response(200, stream=Chunks([data]), headers={"content-encoding": "gzip"}))


def test_pauses_grow_with_jitter_and_a_server_s_wish_goes_before() -> None:
    pauses: list[float] = []
    asked(httpx2.Response(503), httpx2.Response(429, headers={"Retry-After": "17"}), httpx2.Response(502),
          httpx2.Response(200, json={"a": 1}), pauses=pauses)  # fmt: skip
    assert [pause for pause in pauses if pause > 0.01] == [0.75, 17.0, 3.0]


def test_a_date_in_retry_after_is_read() -> None:
    pauses: list[float] = []
    later = (NOW + dt.timedelta(seconds=40)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    asked(httpx2.Response(429, headers={"Retry-After": later}), httpx2.Response(200, json=1), pauses=pauses)
    assert [pause for pause in pauses if pause > 0.01] == [40.0]


def test_a_server_that_asks_for_an_hour_ends_the_command_at_once() -> None:
    pauses: list[float] = []
    with pytest.raises(ThrottledError, match="after 1 try"):
        asked(httpx2.Response(429, headers={"Retry-After": "3600"}), pauses=pauses)
    assert pauses == []


@pytest.mark.parametrize(
    ("raised", "error"), [(httpx2.ConnectError("refused"), UnreachableError), (httpx2.ReadTimeout(""), LateError)]
)
def test_no_answer_has_its_name(raised: Exception, error: type[UpstreamError]) -> None:
    def fail(_: httpx2.Request) -> httpx2.Response:
        raise raised

    with fetcher(fail) as asking, pytest.raises(error, match=f"after {ATTEMPTS} tries"):
        asking.get(URL, Policy())


def test_requests_to_one_host_keep_their_distance_and_other_hosts_do_not_wait() -> None:
    time = [0.0]
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(round(seconds, 6))
        time[0] += seconds

    with fetcher(lambda _: httpx2.Response(200, json={}), pause=pause, clock=lambda: time[0]) as asking:
        for url in (URL, URL, "https://elsewhere.test/", URL):
            asking.get(url, Policy(requests_per_minute=30))
    assert pauses == [2.0, 2.0]


def test_decimals_come_through_exactly() -> None:
    assert str(asked(httpx2.Response(200, text='{"a": 0.10000000000000000001}'))) == (
        "{'a': Decimal('0.10000000000000000001')}"
    )


def test_no_error_shows_a_key_in_the_address() -> None:
    with fetcher(lambda _: httpx2.Response(404)) as asking, pytest.raises(BadAnswerError) as caught:
        asking.get("https://user:pass@node.test/v3/0123456789abcdef0123456789abcdef?key=secret", Policy())
    assert str(caught.value).startswith("https://node.test/v3/…:")


PRIVATE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "192.0.0.1",
    "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "::ffff:10.0.0.1", "64:ff9b::a00:1",
    "64:ff9b:1::a00:1", "2002:7f00:1::", "2001:0:7f00:1::f5ff:fffe", "ff02::1", "fe80::1%eth0", "198.18.0.1",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_never_asked(address: str) -> None:
    assert not is_public(address)
    guard = PublicOnly(resolve=lambda host, port: ["1.1.1.1", address])
    with Fetcher(transport=guard) as asking, pytest.raises(ForbiddenAddressError, match="not public"):
        asking.get("https://innocent.test/", Policy())


@pytest.mark.parametrize(
    "url", ["ftp://host.test/", "https://host.test:8443/", "file:///etc/passwd", "http://127.1/", "http://2130706433/",
            "http://0x7f.1/", "http://localhost/"]
)  # fmt: skip
def test_other_forms_of_a_forbidden_address_are_refused_too(url: str) -> None:
    with Fetcher(pause=lambda _: None) as asking, pytest.raises((ForbiddenAddressError, UnreachableError)):
        asking.get(url, Policy())


def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    seen: list[httpx2.Request] = []

    def keep(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, stream=Chunks([b"{}"]))

    answers = iter([["1.1.1.1"], ["127.0.0.1"]])
    guard = PublicOnly(inner=lambda: httpx2.MockTransport(keep), resolve=lambda host, port: next(answers))
    with Fetcher(transport=guard) as asking:
        asking.get("https://rebinding.test/", Policy(requests_per_minute=1e9))
        with pytest.raises(ForbiddenAddressError):
            asking.get("https://rebinding.test/", Policy(requests_per_minute=1e9))
    assert [(request.url.host, request.headers["host"], request.extensions["sni_hostname"]) for request in seen] == [
        ("1.1.1.1", "rebinding.test", "rebinding.test")
    ]


def test_gzip_in_pieces_is_read(tmp_path: object) -> None:
    data = io.BytesIO(packed('{"a": [1, 2]}'))
    pieces = list(iter(lambda: data.read(3), b""))
    assert asked(httpx2.Response(200, stream=Chunks(pieces), headers={"content-encoding": "gzip"})) == {"a": [1, 2]}
