"""Discourse forums: a prepared new-topic link, the author's own draft, and a publishing payload.

Three files of growing reach, and none of them is sent: the link opens the forum's editor with the
text in it, the draft is stored by its author under their own key, and the payload publishes when a
person sends it. A text too long for a link is left out of the link whole, never cut.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Annotated
from urllib.parse import quote

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from proposal.brief import check_url
from proposal.decisions import Review
from proposal.draft import Draft
from proposal.exports.result import MAX_LINK, Export, ExportProblem, check_limits, json_file, limits_for
from proposal.exports.text import published_body, title_of
from proposal.template import Template

NEW_USER_LINKS = 2
"""Links that a new member may post (Discourse site setting `newuser_max_links`)."""

_WEB_LINK = re.compile(r"https?://[^\s<>()\[\]]{3,2000}")
_EXTERNAL_ID = re.compile(r"[A-Za-z0-9_-]{1,50}\Z")


def _forum(url: str) -> str:
    return check_url(url).rstrip("/")


class DiscourseOptions(BaseModel):
    """Settings of this venue: the forum's address, the category (slug path, id) and tags."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    forum: Annotated[str, AfterValidator(_forum)]
    category: str = Field(default="", max_length=200)
    category_id: int | None = Field(default=None, ge=1)
    tags: tuple[str, ...] = Field(default=(), max_length=20)
    embed_url: Annotated[str, AfterValidator(check_url)] | None = None


def to_discourse(draft: Draft, review: Review, *, template: Template, options: DiscourseOptions) -> Export:
    """Return the text, the link, the draft and the payload, and what the forum may object to."""
    title, body = title_of(draft), published_body(draft, review)
    link = new_topic_link(title, body, options)
    short = len(link) <= MAX_LINK
    if not short:
        link = new_topic_link(title, "", options)
    files = {
        "discourse/body.md": (body + "\n").encode("utf-8"),
        "discourse/new_topic_link.txt": (link + "\n").encode("utf-8"),
        "discourse/draft.json": json_file(_draft(title, body, options)),
        "discourse/post.json": json_file(_post(title, body, review, options)),
    }
    return Export("discourse", files, tuple(_problems(title, body, template, short)))


def new_topic_link(title: str, body: str, options: DiscourseOptions) -> str:
    """Return the link that opens the forum's editor; it needs no credentials."""
    fields = {
        "title": title,
        "body": body,
        "category": options.category,
        "tags": ",".join(options.tags),
    }
    query = "&".join(f"{key}={quote(value, safe='')}" for key, value in fields.items() if value)
    return f"{options.forum}/new-topic?{query}"


def _draft(title: str, body: str, options: DiscourseOptions) -> dict[str, object]:
    data = {
        "reply": body,
        "title": title,
        "categoryId": options.category_id,
        "tags": list(options.tags),
        "action": "createTopic",
        "archetypeId": "regular",
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return {"draft_key": "new_topic", "sequence": 0, "data": text}


def _post(title: str, body: str, review: Review, options: DiscourseOptions) -> dict[str, object]:
    """Return the payload; its external id makes publishing twice impossible."""
    payload: dict[str, object] = {"title": title, "raw": body}
    if options.category_id is not None:
        payload["category"] = options.category_id
    if options.tags:
        payload["tags"] = list(options.tags)
    if _EXTERNAL_ID.match(review.draft_id):
        payload["external_id"] = review.draft_id
    if options.embed_url:
        payload["embed_url"] = options.embed_url
    return payload


def _problems(title: str, body: str, template: Template, short: bool) -> Iterator[ExportProblem]:
    """Site settings differ from forum to forum, so their limits warn and do not block."""
    limits = limits_for(template, "discourse")
    for field, value in (("title", title), ("body", body)):
        for problem in check_limits(limits, field, value, where=f"discourse: {field}"):
            yield problem.model_copy(update={"severity": "warning"})
    if not short:
        yield ExportProblem(rule="EX-link-length", severity="info", limit=MAX_LINK,
                            where="discourse/new_topic_link.txt", message=(
                                "the text is too long for a link: open the link and paste "
                                "discourse/body.md"))  # fmt: skip
    links = len(_WEB_LINK.findall(body))
    if links > NEW_USER_LINKS:
        yield ExportProblem(rule="EX-new-user-links", severity="info", limit=NEW_USER_LINKS,
                            length=links, where="discourse/body.md", message=(
                                f"{links} links: forums let new members post {NEW_USER_LINKS}"
                            ))  # fmt: skip
