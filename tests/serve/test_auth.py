"""Who gets in: links that work once, sessions that end, a token that only its owner reads, and no open door."""

from __future__ import annotations

import datetime as dt
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.datastructures import Headers

from proposal.errors import ConfigError, InputError
from proposal.people import person_key
from serve.api import api
from serve.auth import Accounts, ApiToken, SignInError
from serve.desk import pages
from serve.edge import comes_from_us
from serve.services import SESSION_COOKIE, api_caller, open_to_all, signed_in
from tests.serve.builders import NOON, App, a_store, an_app, an_order


class Hands:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> dt.datetime:
        return self.now


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with an_app(tmp_path) as one:
        yield one


def test_opening_a_link_does_not_use_it_up_and_pressing_the_button_does(app: App) -> None:
    token = app.services.accounts.invite("Ada")
    browser = app.stranger()
    for _ in range(3):
        page = browser.get(f"/sign-in/{token}")
        assert page.status_code == 200
        assert "Sign in as Ada" in page.text
    assert browser.post("/sign-in", data={"token": token}).headers["location"] == "/drafts"
    assert browser.get("/drafts").status_code == 200
    again = app.stranger().post("/sign-in", data={"token": token})
    assert again.status_code == 401
    assert "this sign-in link was used" in again.text


def test_of_eight_who_press_at_once_one_gets_in(tmp_path: Path) -> None:
    accounts = Accounts(a_store(tmp_path))
    token = accounts.invite("Ada")
    sessions, refused = [], []

    def press() -> None:
        try:
            sessions.append(accounts.sign_in(token))
        except SignInError as error:
            refused.append(error)

    threads = [threading.Thread(target=press) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(sessions), len(refused)) == (1, 7)


def test_a_newer_link_replaces_the_older_one(tmp_path: Path) -> None:
    accounts = Accounts(a_store(tmp_path))
    old, new = accounts.invite("Ada"), accounts.invite("ada")
    with pytest.raises(SignInError, match="replaced by a newer one"):
        accounts.sign_in(old)
    assert accounts.sign_in(new)


def test_a_link_lives_for_a_day(tmp_path: Path) -> None:
    clock = Hands()
    accounts = Accounts(a_store(tmp_path, clock=clock))
    token = accounts.invite("Ada")
    clock.now += dt.timedelta(hours=24, seconds=1)
    with pytest.raises(SignInError, match="older than a day"):
        accounts.link_owner(token)
    with pytest.raises(SignInError, match="older than a day"):
        accounts.sign_in(token)


def test_a_session_ends_after_two_idle_hours_and_after_twelve_in_all(tmp_path: Path) -> None:
    clock = Hands()
    accounts = Accounts(a_store(tmp_path, clock=clock))
    idle, busy = accounts.sign_in(accounts.invite("Ada")), accounts.sign_in(accounts.invite("Lin"))
    for _ in range(11):
        clock.now += dt.timedelta(hours=1)
        assert accounts.signed_in(busy) is not None
    assert accounts.signed_in(idle) is None
    clock.now += dt.timedelta(hours=1)
    assert accounts.signed_in(busy) is None


def test_signing_out_ends_the_session_on_the_server(app: App) -> None:
    browser = app.browser("Ada")
    stolen = browser.cookies[SESSION_COOKIE]
    assert browser.post("/sign-out").headers["location"] == "/sign-in"
    thief = app.stranger()
    thief.cookies.set(SESSION_COOKIE, stolen)
    assert thief.get("/drafts").status_code == 401


def test_signing_in_again_ends_the_session_before(app: App) -> None:
    browser = app.browser("Ada")
    first = browser.cookies[SESSION_COOKIE]
    browser.post("/sign-in", data={"token": app.services.accounts.invite("Ada")})
    assert app.services.accounts.signed_in(first) is None
    assert app.services.accounts.signed_in(browser.cookies[SESSION_COOKIE]) is not None


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(app: App) -> None:
    token = app.services.accounts.invite("Ada")
    cookie = app.stranger().post("/sign-in", data={"token": token}).headers["set-cookie"]
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))


def test_no_secret_stands_in_the_database(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    accounts = Accounts(store)
    used, unused = accounts.invite("Ada"), accounts.invite("Lin")
    session = accounts.sign_in(used)
    store.close()
    stored = b"".join(file.read_bytes() for file in tmp_path.glob("desk.sqlite3*"))
    assert b"Ada" in stored
    for secret in (used, unused, session):
        assert secret.encode() not in stored


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, "a\nb\x07", "\u202eAda"])
def test_a_name_that_cannot_be_shown_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="is not a reviewer's name"):
        Accounts(a_store(tmp_path)).invite(name)


def test_one_person_has_one_key_however_the_name_is_typed() -> None:
    assert len({person_key(name) for name in ("Ada L", "ada l", " ADA  L ", "Ａｄａ L")}) == 1


def test_the_api_token_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    token = ApiToken.load(tmp_path / "data")
    assert stat.S_IMODE(token.file.stat().st_mode) == 0o600
    assert ApiToken.load(tmp_path / "data").value == token.value
    assert token.matches(token.value)
    assert not token.matches(token.value[:-1])
    token.file.chmod(0o644)
    with pytest.raises(ConfigError, match="others can read this token"):
        ApiToken.load(tmp_path / "data")


@pytest.mark.parametrize("given", ["Bearer", "Bearer x", "Basic x", "bearer \xe9"])
def test_a_wrong_token_is_refused_even_with_a_session(app: App, given: str) -> None:
    browser = app.browser("Ada")
    assert browser.get("/v1/drafts").status_code == 200
    answer = browser.get("/v1/drafts", headers={"authorization": given.encode("latin-1")})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "sign_in"


ROUTES = [*api.routes, *pages.routes]


def test_every_route_says_who_may_call_it() -> None:
    allowed = {open_to_all, api_caller, signed_in}
    assert len(ROUTES) > 15
    for route in ROUTES:
        assert isinstance(route, APIRoute)
        declared = {one.call for one in route.dependant.dependencies} & allowed
        assert len(declared) == 1, f"{route.path} declares {declared or 'nobody'}"


def test_every_call_of_the_api_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "desk.md").read_text(encoding="utf-8")
    for route in api.routes:
        assert isinstance(route, APIRoute)
        for method in route.methods:
            assert f"| `{method} {route.path}` |" in page


def calls() -> Iterator[Any]:
    for route in ROUTES:
        assert isinstance(route, APIRoute)
        if open_to_all not in {one.call for one in route.dependant.dependencies}:
            for method in sorted(route.methods):
                yield pytest.param(method, route.path, id=f"{method} {route.path}")


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[App, str]]:
    """Yield a gateway with one draft, which nobody gets into."""
    with an_app(tmp_path_factory.mktemp("closed")) as one:
        yield one, one.order()


@pytest.mark.parametrize(("method", "path"), list(calls()))
def test_a_stranger_gets_nothing(closed: tuple[App, str], method: str, path: str) -> None:
    app, draft_id = closed
    address = path.replace("{draft_id}", draft_id)
    given = {"verdict": "approve", "seen_version": "1", "brief": "a: b", "evidence": "a: b"}
    sent = {"json": an_order()} if path.startswith("/v1") else {"data": given}
    answer = app.stranger().request(method, address, **(sent if method == "POST" else {}))
    assert answer.status_code == 401, answer.text
    assert "Creator rebate" not in answer.text


@pytest.mark.parametrize(
    ("method", "headers", "ours"),
    [
        ("GET", {}, True),
        ("HEAD", {"sec-fetch-site": "cross-site"}, True),
        ("POST", {"sec-fetch-site": "same-origin"}, True),
        ("POST", {"sec-fetch-site": "same-site"}, False),
        ("POST", {"sec-fetch-site": "cross-site"}, False),
        ("POST", {"sec-fetch-site": "none"}, False),
        ("POST", {"sec-fetch-site": "cross-site", "origin": "http://desk:1"}, False),
        ("POST", {"origin": "http://desk:1"}, True),
        ("POST", {"origin": "http://desk:2"}, False),
        ("POST", {"origin": "https://desk:1"}, False),
        ("POST", {"origin": "null"}, False),
        ("POST", {}, False),
        ("PUT", {"sec-fetch-site": "cross-site", "authorization": "Bearer x"}, True),
        ("POST", {"sec-fetch-site": "cross-site", "authorization": "Basic x"}, False),
    ],
)
def test_only_our_own_pages_and_token_holders_change_anything(method: str, headers: dict[str, str], ours: bool) -> None:
    given = Headers({"host": "desk:1", **headers})
    assert comes_from_us(method, given, scheme="http") is ours


def test_another_sites_form_is_refused_before_it_reaches_a_route(app: App) -> None:
    draft_id = app.order()
    browser = app.browser("Ada")
    form = {"verdict": "approve", "seen_version": "1"}
    evil = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
    answer = browser.post(f"/drafts/{draft_id}/decision", data=form, headers=evil)
    assert answer.status_code == 403
    assert app.client.get(f"/v1/drafts/{draft_id}").json()["review"]["decisions"] == []
