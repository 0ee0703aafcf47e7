"""Discourse forums: topics and posts with their Markdown, over the forum's own JSON.

The list of topics is read by activity, newest first, down to where the last run began, less `reread_days`: a topic that
moves up while the list is read stands on a page that was read already and comes in the next run. Posts arrive twenty at
a time. A post's edit number is its version, so the newest text of an edited post wins.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlencode

from pydantic import Field

from data_prep.history import Dropped, PostRecord, Record
from data_prep.sources.archive import Entry, Stream
from data_prep.sources.fetcher import BadAnswerError, Fetcher, parse
from data_prep.sources.items import FieldError, Item, moment, objects, recorded
from data_prep.sources.source import NetworkSpec, Records, Source, State, Step

POSTS = 20
"""Posts that a forum gives with a topic, and that are asked for at once."""
GONE = (403, 404, 410)
"""Answers for a topic that was deleted or made private since it was listed."""


class DiscourseSpec(NetworkSpec):
    """One forum, or one category of it as in its address: `governance/12`.

    Topics with activity in the `reread_days` before the last run are read again, since an edit moves no topic up.
    """

    tuning: ClassVar[frozenset[str]] = NetworkSpec.tuning | {"reread_days"}

    url: str = Field(pattern=r"^https?://[^\s?#]+[^/\s?#]$", max_length=300)
    category: str = Field(default="", pattern=r"^(?:[\w-]+/)*[0-9]*$")
    reread_days: int = Field(default=30, ge=0, le=3_650)
    requests_per_minute: float = Field(default=30, gt=0, le=6_000)


def begin(spec: DiscourseSpec, last: State | None) -> State:
    """Begin at the newest topic; go down to what the last run began with."""
    newest = (last or {}).get("newest", "")
    stop = (moment(newest, "bumped_at") - dt.timedelta(days=spec.reread_days)).isoformat() if newest else ""
    return {"page": 0, "more": True, "stop": stop, "newest": newest, "queue": [], "topic": None}


def step(spec: DiscourseSpec, state: State, fetcher: Fetcher) -> Step | None:
    """Read the rest of a topic, the next topic, or the next page of the list."""
    if state["topic"]:
        return _posts(spec, state, fetcher)
    if state["queue"]:
        return _topic(spec, state, fetcher)
    return _list(spec, state, fetcher) if state["more"] else None


def _list(spec: DiscourseSpec, state: State, fetcher: Fetcher) -> Step:
    path = f"/c/{spec.category}/l/latest.json" if spec.category else "/latest.json"
    answer = fetcher.get(f"{spec.url}{path}?{urlencode({'order': 'activity', 'page': state['page']})}", spec.policy)
    listed = answer.data.get("topic_list") if isinstance(answer.data, dict) else None
    if not isinstance(listed, dict):
        raise BadAnswerError("the answer lists no topics", where=spec.url, fix="check `url`: is it a Discourse forum?")
    topics = [topic for topic in objects(listed, "topics") if isinstance(topic, dict) and isinstance(topic["id"], int)]
    moved = {topic["id"]: _bumped(topic) for topic in topics}
    wanted = [number for number, bumped in moved.items() if not state["stop"] or bumped >= state["stop"]]
    older = any(moved[topic["id"]] < state["stop"] for topic in topics if not topic.get("pinned"))
    following = {
        **state,
        "page": state["page"] + 1,
        "more": bool(topics) and bool(listed.get("more_topics_url")) and not older,
        "newest": max([state["newest"], *moved.values()]),
        "queue": wanted,
    }
    return Step({"list": state["page"]}, (answer.text,), following, f"page {state['page']}: {len(wanted)} topics")


def _bumped(topic: Mapping[str, Any]) -> str:
    try:
        return moment(topic.get("bumped_at") or topic.get("created_at"), "bumped_at").isoformat()
    except FieldError:
        return ""


def _topic(spec: DiscourseSpec, state: State, fetcher: Fetcher) -> Step:
    number = state["queue"][0]
    following = {**state, "queue": state["queue"][1:]}
    try:
        answer = fetcher.get(f"{spec.url}/t/{number}.json?include_raw=1", spec.policy)
    except BadAnswerError as error:
        if error.answered not in GONE:
            raise
        return Step({"topic": number, "gone": error.answered}, (), following, f"topic {number} is gone")
    posts = [post.get("id") for post in objects(answer.data, "post_stream", "posts") if isinstance(post, dict)]
    left = [post for post in objects(answer.data, "post_stream", "stream") if post not in posts]
    about = {name: str(answer.data.get(name, "")) for name in ("title", "slug")}
    if left:
        following["topic"] = {"id": number, "left": left, **about}
    request = {"topic": number, **about}
    return Step(request, (answer.text,), following, f"topic {number}: {len(posts) + len(left)} posts")


def _posts(spec: DiscourseSpec, state: State, fetcher: Fetcher) -> Step:
    topic = state["topic"]
    asked, left = topic["left"][:POSTS], topic["left"][POSTS:]
    query = urlencode([("post_ids[]", number) for number in asked] + [("include_raw", 1)])
    answer = fetcher.get(f"{spec.url}/t/{topic['id']}/posts.json?{query}", spec.policy)
    request = {"topic": topic["id"], "title": topic["title"], "slug": topic["slug"], "posts": asked}
    following = {**state, "topic": {**topic, "left": left} if left else None}
    return Step(request, (answer.text,), following, f"topic {topic['id']}: {len(left)} posts to go")


def records(spec: DiscourseSpec, place: Stream) -> Records:
    """Read the posts of every archived topic."""
    for entry in place.entries():
        if entry.request.get("gone"):
            yield Dropped("deleted", spec.name, f"topic {entry.request['topic']}", f"answers {entry.request['gone']}")
        elif "topic" in entry.request:
            yield from _entry_records(spec, entry)


def _entry_records(spec: DiscourseSpec, entry: Entry) -> Records:
    def read(item: Item) -> Record:
        return _post(spec, item, entry.request)

    for post in objects(parse(entry.bodies[0]), "post_stream", "posts"):
        where = f"topic {entry.request['topic']} post {post.get('id', '') if isinstance(post, dict) else ''}".strip()
        yield recorded(read, post, at=entry.retrieved_at, stream=spec.name, where=where)


def _post(spec: DiscourseSpec, item: Item, request: Mapping[str, Any]) -> Record:
    if item.data.get("deleted_at") or item.data.get("hidden") or item.data.get("user_deleted"):
        raise FieldError("deleted", "deleted or hidden by the forum")
    number, post, topic = item.whole("post_number"), item.whole("id"), request["topic"]
    if number is None or post is None:
        raise FieldError("missing-field", "id or post_number is missing")
    body = item.text("raw")
    if not body.strip():
        raise FieldError("no-body", "the post is empty")
    return PostRecord(
        **spec.origin(item, str(post)),
        url=f"{spec.url}/t/{request['slug'] or '-'}/{topic}/{number}",
        version=item.whole("version") or 0,
        kind="forum",
        title=request["title"],
        body=body,
        author=item.text("username", default=""),
        created=item.time("created_at"),
        thread=str(topic),
        number=number,
        reply_to=item.whole("reply_to_post_number"),
    )


DISCOURSE = Source("discourse", DiscourseSpec, begin, step, records)
