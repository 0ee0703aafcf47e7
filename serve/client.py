"""A client of our own gateway: submit a brief, follow its events, read the draft. The demo and the tests use it.

Events are followed by server-sent events with `Last-Event-ID`, so a broken connection loses nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx2

from proposal.draft import Draft, DraftRequest
from proposal.errors import UpstreamError
from serve.events import DraftEvent

MAX_RECONNECTS = 5


class GatewayClient:
    """Talks to one gateway with an API token."""

    def __init__(self, url: str, *, token: str) -> None:
        self.url = url.rstrip("/")
        self._client = httpx2.Client(
            base_url=self.url, headers={"authorization": f"Bearer {token}"}, timeout=60.0, trust_env=False
        )

    def submit(self, request: DraftRequest) -> str:
        """Submit a request and return the id of its draft."""
        answer = self._json(self._client.post("/v1/drafts", json=request.model_dump(mode="json")))
        return str(answer["id"])

    def draft(self, draft_id: str) -> Draft:
        """Return a finished draft."""
        return Draft.model_validate(self._json(self._client.get(f"/v1/drafts/{draft_id}"))["draft"])

    def follow(self, draft_id: str, on_event: Callable[[DraftEvent], None]) -> None:
        """Pass on every event until the draft is finished; raises `UpstreamError` with the reason when it failed."""
        last = ""
        for _ in range(MAX_RECONNECTS):
            for seen, event in self._events(draft_id, last):
                last = seen
                on_event(event)
                if event.type == "finished":
                    return
                if event.type == "failed":
                    raise UpstreamError(str(event.data.get("message")), where=str(event.data.get("where") or self.url),
                                        fix=event.data.get("fix"))  # fmt: skip
        raise UpstreamError("the event stream ended before the draft did", where=self.url)

    def _events(self, draft_id: str, last: str) -> Iterator[tuple[str, DraftEvent]]:
        headers = {"last-event-id": last} if last else {}
        fields: dict[str, str] = {}
        with self._client.stream("GET", f"/v1/drafts/{draft_id}/events", headers=headers) as response:
            if response.status_code != 200:
                response.read()
                self._json(response)
            for line in response.iter_lines():
                name, _, value = line.partition(": ")
                if line:
                    fields[name] = value
                elif "data" in fields:
                    yield fields.get("id", last), DraftEvent.model_validate(json.loads(fields["data"]))
                    fields = {}

    def _json(self, response: httpx2.Response) -> dict[str, Any]:
        if response.status_code >= 400:
            raise UpstreamError(f"answered {response.status_code}: {response.text[:400]}", where=self.url)
        return dict(response.json())
