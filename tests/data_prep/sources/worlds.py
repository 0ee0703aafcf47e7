"""Stands in for the internet: servers that answer in the real shape from made-up data, and a line that fails on demand.

No text here comes from a real forum or hub. `FaultyLine` sits between the fetcher and a server and loses, repeats, cuts
off or replaces answers; `Killed` ends a fetch as a signal would.
"""

from __future__ import annotations

import datetime as dt
import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from data_prep.history import Dropped, Record
from data_prep.sources import Bound, Fetcher

NOW = dt.datetime(2026, 6, 1, 12, 0, tzinfo=dt.UTC)
Handler = Callable[[httpx2.Request], httpx2.Response]


def fetcher(handler: Handler, **world: Any) -> Fetcher:
    """Return a fetcher whose clock stands and whose pauses take no time."""
    world = {"pause": lambda _: None, "now": lambda: NOW, "jitter": lambda: 0.5} | world
    return Fetcher(transport=httpx2.MockTransport(lambda request: _streamed(handler(request))), **world)


def fetched(bound: Bound, archive: Path, handler: Handler, **world: Any) -> list[str]:
    """Run one fetch to its end and return its progress lines."""
    with fetcher(handler, **world) as asking:
        return [step.note for step in bound.source.fetch(bound.spec, archive, asking)]


def table(bound: Bound, archive: Path) -> list[str]:
    """Return the records and drops as sorted text: what two readings are compared by."""
    return sorted(str(item.to_dict() if isinstance(item, Record) else item) for item in read(bound, archive))


def read(bound: Bound, archive: Path) -> list[Record | Dropped]:
    return list(bound.source.read(bound.spec, archive))


class KilledError(BaseException):
    """A signal: no handler of ours may catch it."""


@dataclass
class FaultyLine:
    """Hands requests on, spoiling each by the next of the planned faults."""

    server: Handler
    faults: Iterator[str] = field(default_factory=lambda: iter(()))
    asked: int = 0

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked += 1
        fault = next(self.faults, "ok")
        if fault == "lost":
            raise httpx2.ConnectError("the line is dead", request=request)
        if fault == "late":
            raise httpx2.ReadTimeout("no answer in time", request=request)
        if fault == "killed":
            raise KilledError
        if fault == "twice":
            self.server(request)
        if fault in {"429", "503"}:
            return httpx2.Response(int(fault), headers={"Retry-After": "2"}, request=request)
        if fault == "page":
            return httpx2.Response(200, text="<!DOCTYPE html><title>busy</title>", request=request)
        if fault == "cut":
            whole = gzip.compress(self.server(request).content)
            return httpx2.Response(200, headers={"content-encoding": "gzip"}, stream=Chunks([whole[:-12]]))
        if fault == "torn":
            return httpx2.Response(200, content=self.server(request).content[:-3], request=request)
        return self.server(request)


def _streamed(response: httpx2.Response) -> httpx2.Response:
    """Give an answer as a network does, unread; MockTransport hands over one that was read."""
    if not response.is_stream_consumed:
        return response
    return httpx2.Response(response.status_code, headers=response.headers, stream=Chunks([response.content]))


class Chunks(httpx2.SyncByteStream):
    """A body in pieces, as a network gives it."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self.pieces


@dataclass
class Hub:
    """Snapshot's hub, as far as its GraphQL schema and our queries go: filter, sort by creation, cut to a page."""

    proposals: list[dict[str, Any]] = field(default_factory=list)
    votes: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        asked = json.loads(request.content)
        variables = asked["variables"]
        if "query Space" in asked["query"]:
            space = {"id": variables["id"], "name": "Example", "about": "", "network": "1", "symbol": "EXM",
                     "created": 1_600_000_000, "proposalsCount": len(self.proposals), "followersCount": 3,
                     "verified": True, "voting": {"delay": 0, "period": 259200, "quorum": 100.5,
                                                  "quorumType": "default", "type": None}}  # fmt: skip
            return self._answer({"space": space if variables["id"] == "example.eth" else None})
        name = "votes" if "query Votes" in asked["query"] else "proposals"
        found = [item for item in getattr(self, name) if self._matches(item, variables["where"])]
        found.sort(key=lambda item: (item["created"], item["id"]))
        return self._answer({name: found[variables["skip"] :][: variables["first"]]})

    @staticmethod
    def _answer(data: Any) -> httpx2.Response:
        return httpx2.Response(200, json={"data": data})

    @staticmethod
    def _matches(item: dict[str, Any], where: dict[str, Any]) -> bool:
        return (
            item["created"] >= where.get("created_gte", 0)
            and item["id"] in where.get("id_in", [item["id"]])
            and where.get("proposal", item.get("proposal", {}).get("id")) == item.get("proposal", {}).get("id")
        )


def hub_proposal(number: int, created: int, **changed: Any) -> dict[str, Any]:
    """Return a proposal in the shape of the hub's answer."""
    return {
        "id": f"0x{number:064x}", "ipfs": "bafk", "author": "0x" + "a" * 40, "created": created, "updated": None,
        "space": {"id": "example.eth"}, "network": "1", "symbol": "EXM", "type": "basic", "title": f"Proposal {number}",
        "body": "## Motivation\n\nText.", "discussion": "", "choices": ["For", "Against", "Abstain"], "labels": [],
        "start": created, "end": created + 259_200, "quorum": 100, "quorumType": "default", "privacy": "",
        "snapshot": 19_000_000, "state": "closed", "link": "https://snapshot.org/#/s:example.eth", "app": "snapshot",
        "scores": [120.25, 10, 0.5], "scores_state": "final", "scores_total": 130.75, "scores_updated": created,
        "votes": 3, "flagged": False,
    } | changed  # fmt: skip


def hub_vote(number: int, created: int, proposal: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """Return a vote in the shape of the hub's answer."""
    about = {name: proposal[name] for name in ("id", "type", "choices")}
    return {"id": f"0xv{number}", "voter": "0x" + "b" * 40, "created": created, "proposal": about, "choice": 1,
            "reason": "", "app": "snapshot", "vp": 12.125, "vp_state": "final"} | changed  # fmt: skip


@dataclass
class Forum:
    """A Discourse forum, as far as the JSON of its lists, topics and posts goes. Topics are lists of posts."""

    topics: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    bumped: dict[int, str] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    page: int = 2

    def add(self, topic: int, posts: int, bumped: str) -> None:
        """Add a topic with so many posts."""
        self.bumped[topic] = bumped
        self.topics[topic] = [
            {"id": topic * 100 + number, "post_number": number, "username": "member", "created_at": bumped,
             "updated_at": bumped, "version": 1, "raw": f"Post {number} of topic {topic}.", "cooked": "<p>x</p>",
             "reply_to_post_number": None}
            for number in range(1, posts + 1)
        ]  # fmt: skip

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        if path.endswith("latest.json"):
            return self._list(int(request.url.params["page"]))
        topic = int(path.split("/")[2].removesuffix(".json"))
        if topic in self.gone:
            return httpx2.Response(404, json={"errors": ["gone"]})
        posts = self.topics[topic]
        if path.endswith("posts.json"):
            asked = set(map(int, request.url.params.get_list("post_ids[]")))
            return httpx2.Response(
                200, json={"post_stream": {"posts": [post for post in posts if post["id"] in asked]}}
            )
        about = {"id": topic, "title": f"Topic {topic}", "slug": f"topic-{topic}"}
        stream = {"posts": posts[:20], "stream": [post["id"] for post in posts]}
        return httpx2.Response(200, json={**about, "post_stream": stream})

    def _list(self, page: int) -> httpx2.Response:
        newest = sorted(self.bumped, key=lambda topic: (self.bumped[topic], topic), reverse=True)
        shown = newest[page * self.page : (page + 1) * self.page]
        listed = {"topics": [{"id": topic, "bumped_at": self.bumped[topic], "pinned": False} for topic in shown]}
        more = {"more_topics_url": "/latest?page=1"} if newest[(page + 1) * self.page :] else {}
        return httpx2.Response(200, json={"topic_list": listed | more})
