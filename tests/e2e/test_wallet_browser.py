"""Decisions signed in a real Chromium by a wallet that announces itself as browsers' wallets do (EIP-6963, EIP-1193).

The key lives in this test; `eth_account` signs with it, so that what the page asks for is hashed by other code than
ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from serve.app import Gateway, start_gateway
from tests.e2e.test_desk_browser import AXE, WCAG, a_person, chromium, order, playwright
from tests.proposal.wallet import GRACE, KEN, MARY
from tests.serve.builders import ScriptedDrafter, settings_in

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["chromium", "playwright"]  # fixtures of the desk's own browser tests

pytestmark = pytest.mark.browser

ANNOUNCE = """
const provider = { request: async ({ method, params }) => {
  const { result, code } = JSON.parse(await window.__wallet(method, JSON.stringify(params ?? [])));
  if (code) throw Object.assign(new Error("refused"), { code });
  return result;
} };
const announce = () => dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail: Object.freeze({
  info: { uuid: "w-1", name: "Test wallet", icon: "data:,", rdns: "org.example.wallet" }, provider }) }));
addEventListener("eip6963:requestProvider", announce);
announce();
"""
INJECTED = ANNOUNCE.split("const announce")[0] + "window.ethereum = provider;"


@dataclass
class BrowserWallet:
    """A wallet extension as a page sees it; `refuses` answers 4001 as a person who presses Cancel does."""

    number: int
    chain: int = 1
    refuses: bool = False
    asked: list[str] = field(default_factory=list)
    shown: list[dict[str, Any]] = field(default_factory=list)

    @property
    def account(self) -> str:
        return str(self._account().address)

    def _account(self) -> Any:
        from tests.eth_wallet import Account  # here, because every tier collects this file and importing takes a second

        return Account.from_key(self.number.to_bytes(32, "big"))

    def answer(self, method: str, sent: str) -> str:
        self.asked.append(method)
        if method == "eth_requestAccounts":
            return json.dumps({"result": [self.account.lower()]})
        if method == "eth_chainId":
            return json.dumps({"result": hex(self.chain)})
        assert method == "eth_signTypedData_v4"
        account, data = json.loads(sent)
        assert account == self.account.lower()
        if self.refuses:
            return json.dumps({"code": 4001})
        self.shown.append(json.loads(data))
        signed = self._account().sign_typed_data(full_message=self.shown[-1])
        return json.dumps({"result": "0x" + signed.signature.hex().removeprefix("0x")})


@contextmanager
def a_signing_gateway(folder: Path) -> Iterator[Gateway]:
    people = [f"{wallet.name}={wallet.account}" for wallet in (GRACE, KEN, MARY)]
    settings = settings_in(folder, signatures="required")
    with start_gateway(settings, drafter=ScriptedDrafter(), reviewers=people) as gateway:
        yield gateway


@contextmanager
def a_page(chromium: Browser, gateway: Gateway, name: str, wallet: BrowserWallet, draft_id: str, *,
           script: str = ANNOUNCE, **look: Any) -> Iterator[Page]:  # fmt: skip
    with a_person(chromium, gateway, **look) as person:
        person.page.expose_function("__wallet", wallet.answer)
        person.context.add_init_script(script)
        page = person.page
        page.goto(gateway.sign_in_links[name])
        page.locator("main button").click()
        page.goto(f"/drafts/{draft_id}")
        yield page
        # A refusal by the desk has a status that the browser notes as an error.
        person.problems[:] = [one for one in person.problems if "status of 403" not in one]


def sign(page: Page, verdict: str = "approve") -> None:
    page.locator(f"input[value={verdict}]").check()
    page.locator("[name=sign]").click()


@pytest.mark.parametrize("script", [ANNOUNCE, INJECTED], ids=["EIP-6963", "window.ethereum"])
def test_two_wallets_sign_and_the_desk_names_their_accounts(chromium: Browser, tmp_path: Path, script: str) -> None:
    with a_signing_gateway(tmp_path) as gateway:
        draft_id = order(gateway)
        for wallet in (GRACE, KEN):
            mine = BrowserWallet(wallet.number)
            with a_page(chromium, gateway, wallet.name, mine, draft_id, script=script) as page:
                sign(page)
                page.wait_for_url("**#review")
                assert mine.asked == ["eth_requestAccounts", "eth_chainId", "eth_signTypedData_v4"]
                assert mine.shown[0]["message"]["statement"] == f"Approve version 1 of the draft {draft_id}"
                assert f"signed by {wallet.account[:6]}" in page.locator(".trail li").first.inner_text()
                if wallet is KEN:
                    page.screenshot(path=str(tmp_path / "signed.png"), full_page=True)
                    assert "All approvals are signed by wallets." in page.locator(".panel").first.inner_text()
        decisions = _decisions(gateway, draft_id)
        assert [one["signature"]["account"] for one in decisions] == [GRACE.account, KEN.account]


def _decisions(gateway: Gateway, draft_id: str) -> list[Any]:
    import httpx2

    headers = {"authorization": f"Bearer {gateway.api_token}"}
    found = httpx2.get(f"{gateway.url}/v1/drafts/{draft_id}", headers=headers).json()["review"]["decisions"]
    assert isinstance(found, list)
    return found


WRONG = {
    "refused": (BrowserWallet(GRACE.number, refuses=True), "The wallet did not sign"),
    "another account": (BrowserWallet(KEN.number), f"Choose in it: {GRACE.account}"),
    "another chain": (BrowserWallet(GRACE.number, chain=10), "chain with the number 1"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_goes_wrong_in_the_wallet_is_told_and_nothing_is_recorded(
    chromium: Browser, tmp_path: Path, what: str
) -> None:
    wallet, says = WRONG[what]
    with a_signing_gateway(tmp_path) as gateway:
        draft_id = order(gateway)
        with a_page(chromium, gateway, "Grace", wallet, draft_id) as page:
            sign(page)
            page.locator(".wallet-says").get_by_text(says).wait_for()
            assert page.locator("[name=sign]").is_enabled()
        assert _decisions(gateway, draft_id) == []


def test_a_page_of_an_account_that_changed_hands_in_between_is_refused_by_the_desk(
    chromium: Browser, tmp_path: Path
) -> None:
    class Fickle(BrowserWallet):
        def answer(self, method: str, sent: str) -> str:
            if method == "eth_signTypedData_v4":
                _, data = json.loads(sent)
                self.number = KEN.number
                return super().answer(method, json.dumps([self.account.lower(), data]))
            return super().answer(method, sent)

    with a_signing_gateway(tmp_path) as gateway:
        draft_id = order(gateway)
        with a_page(chromium, gateway, "Grace", Fickle(GRACE.number), draft_id) as page:
            sign(page)
            page.locator("#decision-error").get_by_text("did not sign this decision as it stands now").wait_for()
        assert _decisions(gateway, draft_id) == []


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_the_form_with_a_wallet_is_accessible(chromium: Browser, tmp_path: Path, locale: str) -> None:
    with a_signing_gateway(tmp_path) as gateway:
        look = {"locale": locale, "viewport": {"width": 320, "height": 800}}
        wallet = BrowserWallet(GRACE.number, refuses=True)
        with a_page(chromium, gateway, "Grace", wallet, order(gateway), **look) as page:
            sign(page)
            page.locator(".wallet-data summary").click()
            page.evaluate(AXE)
            found = page.evaluate("(tags) => axe.run({runOnly: tags})", WCAG)["violations"]
            assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
            page.screenshot(path=str(tmp_path / f"form-{locale}.png"), full_page=True)
