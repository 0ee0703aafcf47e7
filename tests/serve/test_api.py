"""The JSON API over a real gateway: ordering, watching, resuming, exporting."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from proposal.draft import Draft
from serve.app import Gateway, start_gateway
from serve.reviews import Vote
from serve.store import Reviewer
from tests.serve.builders import (
    FILLED,
    SECTIONS,
    App,
    ScriptedDrafter,
    a_brief,
    a_draft,
    an_app,
    an_order,
    settings_in,
    some_evidence,
)

JSON = {"content-type": "application/json"}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with an_app(tmp_path) as one:
        yield one


def test_an_ordered_draft_is_accepted_and_then_there(app: App) -> None:
    answer = app.client.post("/v1/drafts", json=an_order())
    assert answer.status_code == 202
    address = answer.headers["location"]
    waiting = app.client.get(address).json()
    assert (waiting["status"], waiting["draft"], waiting["sections"]) == ("drafting", None, [])
    app.run_jobs()
    found = app.client.get(address).json()
    assert found["status"] == "drafted"
    assert Draft.model_validate(found["draft"]) == a_draft()
    assert found["review"]["missing"] == ["2 more approvals are needed"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"topik": "x"}, "unknown key 'brief.topik' (did you mean 'topic'?)"),
        ({"type": "gift"}, "'brief.type'"),
        ({"parameters": {"budget": {"value": 1}}}, "the number 1 has no unit"),
        ({"parameters": {"budget": {"value": "1e999999999", "unit": "USDC"}}}, "'brief.parameters.budget"),
        ({"template": "generik"}, "did you mean 'generic'?"),
        ({"template": "../../etc/passwd"}, "there is no template"),
        ({"template": "/etc/x.yaml"}, "there is no template"),
        ({"ask": "nul \0 inside"}, "holds the character U+0000"),
        ({"discussion_url": "javascript:alert(1)"}, "is not a plain http(s) link"),
    ],
)
def test_a_wrong_brief_is_refused_with_the_field(app: App, change: dict[str, Any], says: str) -> None:
    answer = app.client.post("/v1/drafts", json=an_order(**change))
    assert answer.status_code == 422
    assert says in answer.json()["error"]["message"]
    assert app.client.get("/v1/drafts").json()["drafts"] == []


def test_wrong_evidence_is_refused_with_the_field(app: App) -> None:
    def refused(**change: Any) -> str:
        items = some_evidence()
        items[0].update(change)
        answer = app.client.post("/v1/drafts", json={"brief": a_brief(), "evidence": items})
        assert answer.status_code == 422
        return str(answer.json()["error"]["message"])

    assert "the id E2 repeats" in refused(id="E2")
    assert "is not a transaction hash" in refused(tx="0x12", chain="base")
    assert "unknown key 'evidence.0.valuse' (did you mean 'values'?)" in refused(valuse={})
    assert "has no unit" in refused(values={"a": {"value": 3}})
    assert "content_hash does not match" in refused(content_hash="sha256:" + "0" * 64)


def test_the_same_key_orders_once(app: App) -> None:
    key = {"idempotency-key": "order-1"}
    first = app.client.post("/v1/drafts", json=an_order(), headers=key)
    again = app.client.post("/v1/drafts", json=an_order(), headers=key)
    assert first.json()["id"] == again.json()["id"]
    other = app.client.post("/v1/drafts", json=an_order(topic="Another"), headers=key)
    assert other.status_code == 409
    assert "was used for another brief" in other.json()["error"]["message"]
    assert len(app.client.get("/v1/drafts").json()["drafts"]) == 1


def test_the_same_key_of_eight_at_once_orders_once(app: App) -> None:
    found: list[str] = []

    def order() -> None:
        key = {"idempotency-key": "order-1"}
        found.append(app.client.post("/v1/drafts", json=an_order(), headers=key).json()["id"])

    threads = [threading.Thread(target=order) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


@pytest.mark.parametrize("key", ["", "x" * 201, "two words", "\x7f"])
def test_a_key_that_is_none_is_refused(app: App, key: str) -> None:
    answer = app.client.post("/v1/drafts", json=an_order(), headers={"idempotency-key": key})
    assert answer.status_code == 422
    assert "idempotency-key" in answer.json()["error"]["message"]


def test_keys_of_two_people_do_not_meet(app: App) -> None:
    key = {"idempotency-key": "1", "sec-fetch-site": "same-origin"}
    ids = {app.client.post("/v1/drafts", json=an_order(), headers=key).json()["id"]}
    for name in ("Ada", "Lin"):
        browser = app.browser(name)
        ids.add(browser.post("/v1/drafts", json=an_order(), headers=key).json()["id"])
    assert len(ids) == 3


def test_the_list_is_paged_from_newest_to_oldest(app: App) -> None:
    ordered = [app.order() for _ in range(5)]
    found, address = [], "/v1/drafts?limit=2"
    while address:
        page = app.client.get(address).json()
        found += [draft["id"] for draft in page["drafts"]]
        address = page["next"]
    assert found == ordered[::-1]


def test_the_export_opens_with_the_quorum_and_is_the_text_byte_for_byte(app: App) -> None:
    draft_id = app.order()
    address = f"/v1/drafts/{draft_id}/export.md"
    closed = app.client.get(address)
    assert closed.status_code == 409
    assert closed.json()["error"]["code"] == "gate"
    for name in ("Ada", "Lin"):
        vote = Vote(verdict="approve", seen_version=1)
        app.services.reviews.decide(draft_id, Reviewer(name.lower(), name), vote)
    answer = app.client.get(address)
    assert answer.status_code == 200
    assert answer.content == a_draft().text.encode()
    assert answer.headers["content-type"].startswith("text/markdown")
    assert answer.headers["content-disposition"].startswith('attachment; filename="creator-rebate')
    published = app.client.get(f"/v1/drafts/{draft_id}/proposal.md")
    assert published.status_code == 409, "the stand-in's template is none of ours, so nothing may be published with it"
    assert "the template has changed" in published.json()["error"]["message"]
    shown = app.client.get(f"/v1/drafts/{draft_id}").json()
    assert shown["review"]["export_open"] is True
    assert [one["reviewer"] for one in shown["review"]["decisions"]] == ["Ada", "Lin"]


def test_a_draft_that_blocks_is_never_exported(tmp_path: Path) -> None:
    drafter = ScriptedDrafter(flaws=[("45,000 USDC", "error")])
    with an_app(tmp_path, drafter) as app:
        draft_id = app.order()
        answer = app.client.get(f"/v1/drafts/{draft_id}/export.md")
        assert "1 finding blocks approval and export" in answer.json()["error"]["message"]


def test_a_dying_model_leaves_finished_sections_and_the_draft_resumes(tmp_path: Path) -> None:
    drafter = ScriptedDrafter(dies_in="motivation", once=True)
    with an_app(tmp_path, drafter) as app:
        draft_id = app.order()
        found = app.client.get(f"/v1/drafts/{draft_id}").json()
        assert found["status"] == "interrupted"
        assert found["error"]["message"] == "the model stopped answering"
        assert [section["key"] for section in found["sections"]] == ["summary"]
        answer = app.client.post(f"/v1/drafts/{draft_id}/resume")
        assert answer.status_code == 202
        assert app.client.get(f"/v1/drafts/{draft_id}").json()["status"] == "drafting"
        app.run_jobs()
        assert app.client.get(f"/v1/drafts/{draft_id}").json()["status"] == "drafted"
        assert drafter.drafted == ["summary", "motivation", "risks"]
        again = app.client.post(f"/v1/drafts/{draft_id}/resume")
        assert again.status_code == 409


# Watching, over a real server


def read_events(
    client: httpx2.Client, draft_id: str, *, last: str = "", stop_after: int = 10_000
) -> list[tuple[int, dict[str, Any]]]:
    """Read the stream as a browser does, until it ends or `stop_after` events were read."""
    found: list[tuple[int, dict[str, Any]]] = []
    headers = {"last-event-id": last} if last else {}
    with client.stream("GET", f"/v1/drafts/{draft_id}/events", headers=headers) as answer:
        if answer.status_code == 204:
            return []
        assert answer.headers["content-type"].startswith("text/event-stream")
        data = ""
        for line in answer.iter_lines():
            if line.startswith("data: "):
                data = line[6:]
            elif line.startswith("id: "):
                found.append((int(line[4:]), json.loads(data)))
                if len(found) >= stop_after:
                    break
    return found


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Gateway]:
    drafter = ScriptedDrafter(between=lambda: time.sleep(0.02))
    with start_gateway(settings_in(tmp_path), drafter=drafter, reviewers=[]) as gateway:
        yield gateway


def client_of(gateway: Gateway) -> httpx2.Client:
    headers = {"authorization": f"Bearer {gateway.api_token}"}
    return httpx2.Client(base_url=gateway.url, headers=headers, timeout=10)


def test_a_reader_sees_a_draft_being_written_word_by_word(slow: Gateway) -> None:
    client = client_of(slow)
    started = time.monotonic()
    draft_id = client.post("/v1/drafts", json=an_order()).json()["id"]
    first = read_events(client, draft_id, stop_after=1)
    assert time.monotonic() - started < 1
    assert first[0][1]["type"] == "started"
    events = read_events(client, draft_id)
    assert [seq for seq, _ in events] == list(range(1, len(events) + 1))
    assert sum(event["type"] == "delta" for _, event in events) > 5
    assert events[-1][1]["type"] == "finished"
    for key in SECTIONS:
        said = "".join(e["data"]["text"] for _, e in events if (e["type"], e["section"]) == ("delta", key))
        assert said.strip() == FILLED[key]


def test_a_reader_who_comes_back_misses_nothing_and_sees_nothing_twice(slow: Gateway) -> None:
    client = client_of(slow)
    draft_id = client.post("/v1/drafts", json=an_order()).json()["id"]
    events: list[tuple[int, dict[str, Any]]] = []
    while not events or events[-1][1]["type"] != "finished":
        last = str(events[-1][0]) if events else ""
        events += read_events(client, draft_id, last=last, stop_after=3)
    assert [seq for seq, _ in events] == list(range(1, len(events) + 1))
    assert events == read_events(client, draft_id)


def test_a_reader_of_a_finished_draft_is_told_not_to_come_back(slow: Gateway) -> None:
    client = client_of(slow)
    draft_id = client.post("/v1/drafts", json=an_order()).json()["id"]
    last = str(read_events(client, draft_id)[-1][0])
    address = f"/v1/drafts/{draft_id}/events"
    assert client.get(address, headers={"last-event-id": last}).status_code == 204
    assert client.get(address, params={"after": last}).status_code == 204
    assert client.get(address, headers={"last-event-id": "9" * 20}).status_code == 204
    assert read_events(client, draft_id, last="not a number") != []


@pytest.mark.slow
def test_twenty_readers_see_the_same(slow: Gateway) -> None:
    client = client_of(slow)
    draft_id = client.post("/v1/drafts", json=an_order()).json()["id"]
    seen: list[list[tuple[int, dict[str, Any]]]] = []

    def read() -> None:
        seen.append(read_events(client_of(slow), draft_id))

    threads = [threading.Thread(target=read) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 20
    assert all(one == seen[0] for one in seen)
