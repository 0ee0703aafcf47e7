"""The gateway as a whole: what every response carries, one shape of error, starting and stopping."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient

from proposal.errors import ConfigError
from serve.app import start_gateway
from tests.serve.builders import App, ScriptedDrafter, an_app, an_order, settings_in

MB = 1_000_000


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with an_app(tmp_path) as one:
        yield one


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """Yield a gateway for calls that change nothing."""
    with an_app(tmp_path_factory.mktemp("unchanged")) as one:
        yield one


def bad_calls() -> list[Any]:
    deep = b'{"brief":' + b"[" * 200_000
    return [
        pytest.param("GET", "/v1/nothing", {}, 404, "there is nothing at '/v1/nothing'", id="path"),
        pytest.param("GET", "/v1/drafts/d-0", {}, 404, "there is no draft 'd-0'", id="draft"),
        pytest.param("GET", "/v1/drafts/d-0/export.md", {}, 404, "no draft 'd-0'", id="export"),
        pytest.param("GET", "/v1/drafts/d-0/proposal.md", {}, 404, "no draft 'd-0'", id="published"),
        pytest.param("GET", "/v1/drafts/d-0/bundle.zip", {}, 404, "no draft 'd-0'", id="bundle"),
        pytest.param("GET", "/v1/drafts/d-0/events", {}, 404, "no draft 'd-0'", id="events"),
        pytest.param("POST", "/v1/drafts/d-0/resume", {}, 404, "no draft 'd-0'", id="resume"),
        pytest.param("POST", "/drafts/d-0/signature", {}, 401, "please sign in", id="signature"),
        pytest.param("POST", "/drafts/d-0/waivers", {}, 401, "please sign in", id="waivers"),
        pytest.param("GET", f"/v1/drafts/{'x' * 41}", {}, 422, "draft_id", id="long-id"),
        pytest.param("PUT", "/v1/drafts", {}, 405, "does not take PUT", id="method"),
        pytest.param("GET", "/v1/drafts?limit=0", {}, 422, "'query.limit'", id="limit"),
        pytest.param("GET", "/v1/drafts?before=x", {}, 422, "'query.before'", id="before"),
        pytest.param("GET", "/v1/drafts?before=99999999999", {}, 422, "'query.before'", id="large"),
        pytest.param("POST", "/v1/drafts", {"content": b"{"}, 415, "of no stated type", id="type"),
        pytest.param("POST", "/v1/drafts", {"data": {"a": "b"}}, 415, "x-www-form", id="form"),
        pytest.param("POST", "/v1/drafts", raw(b""), 422, "the file is empty", id="empty"),
        pytest.param("POST", "/v1/drafts", raw(b"{,}"), 422, "not valid JSON", id="malformed"),
        pytest.param("POST", "/v1/drafts", raw(b"[1]"), 422, "found list", id="list"),
        pytest.param("POST", "/v1/drafts", raw(b"\xff"), 422, "not UTF-8 text (byte 0)", id="utf8"),
        pytest.param("POST", "/v1/drafts", raw(deep), 422, "nested too deeply", id="deep"),
        pytest.param("POST", "/v1/drafts", raw(b'{"a":' + b"9" * 5000), 422, "digit", id="digits"),
        pytest.param("POST", "/v1/drafts", raw(b"x" * 10 * MB), 413, "larger than", id="10MB"),
        pytest.param("POST", "/v1/drafts", json_(evidence=[]), 422, "'evidence'", id="no-evidence"),
        pytest.param("POST", "/v1/drafts", json_(), 422, "'evidence' is missing", id="missing"),
    ]


def raw(content: bytes) -> dict[str, Any]:
    return {"content": content, "headers": {"content-type": "application/json; charset=utf-8"}}


def json_(**parts: Any) -> dict[str, Any]:
    return {"json": {"brief": an_order()["brief"], **parts}}


@pytest.mark.parametrize(("method", "path", "sent", "status", "says"), bad_calls())
def test_every_mistake_is_told_in_the_one_shape(
    unchanged: App, method: str, path: str, sent: dict[str, Any], status: int, says: str
) -> None:
    answer = unchanged.client.request(method, path, **sent)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()) == {"error"}
    assert set(answer.json()["error"]) == {"code", "message", "where", "expected", "fix"}
    assert says in answer.json()["error"]["message"]


def test_a_crash_is_told_in_the_same_shape_and_says_nothing_of_the_inside(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash() -> None:
        raise RuntimeError("secret path /home/x")

    monkeypatch.setattr(app.services.drafter, "health", crash)
    answer = TestClient(app.app, raise_server_exceptions=False).get("/healthz")
    assert answer.status_code == 500
    assert answer.json()["error"]["message"] == "an unexpected error; nothing was changed"
    assert "secret" not in answer.text
    assert "script-src 'self'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/healthz", "/drafts", "/sign-in", "/nowhere", "/static/desk.css"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_response_forbids_what_is_not_ours(unchanged: App, method: str, path: str) -> None:
    headers = unchanged.stranger().request(method, path).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["img-src"] == "'self'"
    assert policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert (policy["require-trusted-types-for"], policy["trusted-types"]) == ("'script'", "'none'")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "no-store" in headers["cache-control"] or path.startswith("/static")
    assert "server" not in headers


def test_a_large_body_is_refused_at_its_declared_length_before_it_is_sent(tmp_path: Path) -> None:
    with start_gateway(settings_in(tmp_path), drafter=ScriptedDrafter(), reviewers=[]) as gateway:
        host, port = gateway.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(
                b"POST /v1/drafts HTTP/1.1\r\nhost: x\r\ncontent-length: 10000000\r\n"
                b"authorization: Bearer x\r\ncontent-type: application/json\r\n\r\n"
            )
            assert connection.recv(12) == b"HTTP/1.1 413"


def test_a_large_body_without_a_length_is_refused_where_it_crosses_the_limit(
    tmp_path: Path,
) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(10):
            sent += MB
            yield b"x" * MB

    with an_app(tmp_path) as app:
        answer = app.client.post("/v1/drafts", **{**raw(b""), "content": endless()})
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "too_large"


def test_health_tells_what_answers_and_needs_nobody_signed_in(tmp_path: Path) -> None:
    drafter = ScriptedDrafter(reachable=False)
    with an_app(tmp_path, drafter) as app:
        answer = app.stranger().get("/healthz")
        assert answer.status_code == 200
        body = answer.json()
        assert body["status"] == "degraded"
        assert body["database"]["engine"].startswith("SQLite 3.")
        assert body["model"] == {
            "reachable": False,
            "url": "http://127.0.0.1:8100/v1",
            "model": "scripted",
            "detail": "",
        }


def test_a_database_that_does_not_answer_makes_health_fail(tmp_path: Path) -> None:
    with an_app(tmp_path) as app:
        app.services.store.close()
        for file in (tmp_path / "data").glob("desk.sqlite3*"):
            file.unlink()
        (tmp_path / "data" / "desk.sqlite3").mkdir()
        answer = app.stranger().get("/healthz")
        assert answer.status_code == 503
        assert answer.json()["database"] == {"reachable": False, "detail": "OperationalError"}


def test_a_started_gateway_says_where_it_is_and_whom_it_expects(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with start_gateway(settings, drafter=ScriptedDrafter(), reviewers=["Ada", "Lin"]) as gateway:
        assert httpx2.get(f"{gateway.url}/healthz").json()["status"] == "ok"
        lines = "\n".join(gateway.lines())
        assert gateway.url in lines
        assert str(tmp_path / "data" / "api-token") in lines
        assert gateway.api_token not in lines
        for name in ("Ada", "Lin"):
            assert gateway.sign_in_links[name].startswith(f"{gateway.url}/sign-in/")
            assert gateway.sign_in_links[name] in lines


def test_no_log_holds_a_sign_in_link(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    settings = settings_in(tmp_path)
    with start_gateway(settings, drafter=ScriptedDrafter(), reviewers=["Ada"]) as gateway:
        link = gateway.sign_in_links["Ada"]
        with socket.create_connection(("127.0.0.1", int(gateway.url.rsplit(":", 1)[1]))) as one:
            path = link.removeprefix(gateway.url)
            one.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
            assert one.recv(15) == b"HTTP/1.1 200 OK"
    assert link.rsplit("/", 1)[1] not in caplog.text


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{port}"):
            start_gateway(settings_in(tmp_path), drafter=ScriptedDrafter(), reviewers=[], port=port)


def test_a_second_gateway_on_the_same_database_is_refused_and_voids_no_link(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with start_gateway(settings, drafter=ScriptedDrafter(), reviewers=["Ada"]) as gateway:
        with pytest.raises(ConfigError, match="another gateway is running on this database"):
            start_gateway(settings, drafter=ScriptedDrafter(), reviewers=["Ada"])
        assert httpx2.get(gateway.sign_in_links["Ada"]).status_code == 200
    with start_gateway(settings, drafter=ScriptedDrafter(), reviewers=[]):
        pass


def test_stopping_does_not_wait_for_those_who_watch(tmp_path: Path) -> None:
    never = threading.Event()
    drafter = ScriptedDrafter(between=lambda: never.wait(0.05) and None)
    gateway = start_gateway(settings_in(tmp_path), drafter=drafter, reviewers=[])
    gateway.start()
    client = httpx2.Client(base_url=gateway.url, headers={"authorization": f"Bearer {gateway.api_token}"})
    draft_id = client.post("/v1/drafts", json=an_order()).json()["id"]
    with client.stream("GET", f"/v1/drafts/{draft_id}/events") as stream:
        lines = stream.iter_lines()
        next(lines)
        started = time.monotonic()
        gateway.stop()
        assert time.monotonic() - started < 3
        list(lines)
