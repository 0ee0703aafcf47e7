"""The one client of the model endpoint: streaming chat completions of an OpenAI-compatible server.

Always streams, so that a client who leaves frees the model at once and a dead server is noticed by silence. It sends
every sampling value itself (servers take defaults from the model's files otherwise) and only fields it knows:
vLLM ignores unknown ones with status 200.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from proposal.draft import Sampling
from proposal.errors import UpstreamError
from proposal.hashing import sha256_text
from serve.settings import Settings

START_HINT = "start it with 'dao-agent serve model', or set DAO_MODEL_URL to a running OpenAI-compatible endpoint"
CONNECT_TIMEOUT = 5.0

FRESH_CONNECTIONS = httpx2.Limits(max_keepalive_connections=0)
"""A connection for each request. vLLM closes one that was idle for five seconds, as a client does that keeps them: a
request on a connection that just then closes is lost, and with it a draft."""


@dataclass(frozen=True, slots=True)
class Completion:
    """One finished completion: raw model text, why it ended, and how many tokens it took."""

    text: str
    finish_reason: str
    tokens: int


@dataclass(frozen=True, slots=True)
class ModelHealth:
    """What the endpoint says of itself."""

    reachable: bool
    url: str
    model: str = ""
    detail: str = ""


class ChatModel:
    """An OpenAI-compatible chat endpoint, safe to use from several threads."""

    def __init__(self, settings: Settings) -> None:
        self.url = settings.model_url.rstrip("/")
        self._wanted = settings.model_name
        key = settings.model_api_key.get_secret_value()
        self._client = httpx2.Client(
            headers={"authorization": f"Bearer {key}"} if key else {},
            timeout=httpx2.Timeout(settings.model_timeout, connect=CONNECT_TIMEOUT),
            limits=FRESH_CONNECTIONS,
            trust_env=False,
        )
        self._name: str | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        self._client.close()

    def health(self) -> ModelHealth:
        """Ask the endpoint for its models; never raises."""
        try:
            return ModelHealth(True, self.url, self._served_name())
        except UpstreamError as error:
            return ModelHealth(False, self.url, detail=str(error))

    @property
    def name(self) -> str:
        """Return the model that is asked: the one of the settings, or the first that the endpoint lists."""
        with self._lock:
            if self._name is None:
                self._name = self._served_name()
            return self._name

    @property
    def weights_hash(self) -> str:
        """Return the hash of the served weights where the endpoint serves a local folder of ours, else 'unknown'.

        The folder's `manifest.json` lists the hash of every file, so its own hash stands for all of them.
        """
        for entry in self._get("/models").get("data", []):
            manifest = Path(str(entry.get("root") or "")) / "manifest.json"
            if entry["id"] == self.name and manifest.is_file():
                return f"sha256:{sha256_text(manifest.read_text(encoding='utf-8'))}"
        return "unknown"

    def _served_name(self) -> str:
        served = [entry["id"] for entry in self._get("/models").get("data", [])]
        if self._wanted and self._wanted not in served:
            raise UpstreamError(f"does not serve the model '{self._wanted}'", where=self.url,
                                expected=f"one of: {', '.join(served)}", fix="set DAO_MODEL_NAME")  # fmt: skip
        if not served:
            raise UpstreamError("lists no model", where=self.url, fix=START_HINT)
        return self._wanted or str(served[0])

    def _get(self, path: str) -> dict[str, Any]:
        try:
            response = self._client.get(self.url + path, timeout=CONNECT_TIMEOUT)
            response.raise_for_status()
            answer = response.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise self._unreachable(error) from None
        if not isinstance(answer, dict):
            raise UpstreamError("is not an OpenAI-compatible endpoint", where=self.url + path, fix=START_HINT)
        return answer

    def _unreachable(self, error: Exception) -> UpstreamError:
        return UpstreamError(f"no model answers: {error or type(error).__name__}", where=self.url, fix=START_HINT)

    def complete(
        self,
        messages: Sequence[Mapping[str, str]],
        *,
        sampling: Sampling,
        constraint: Mapping[str, Any],
        on_text: Callable[[str], None],
    ) -> Completion:
        """Stream one completion under a grammar; `on_text` gets each piece as it arrives.

        `constraint` is merged into the request body: `{"response_format": …}`, or nothing.
        Raises `UpstreamError` when the endpoint refuses, or its stream ends without a finish reason.
        """
        body = {
            "model": self.name,
            "messages": list(messages),
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
            "seed": sampling.seed,
            "repetition_penalty": sampling.repetition_penalty,
            **constraint,
        }
        pieces: list[str] = []
        finish, tokens = "", 0
        for chunk in self._stream(body):
            tokens = (chunk.get("usage") or {}).get("completion_tokens", tokens)
            for choice in chunk.get("choices") or ():
                piece = (choice.get("delta") or {}).get("content") or ""
                if piece:
                    pieces.append(piece)
                    on_text(piece)
                finish = choice.get("finish_reason") or finish
        if not finish:
            raise UpstreamError("the model's stream ended before the text did", where=self.url,
                                fix="resume the draft: finished sections are kept")  # fmt: skip
        return Completion("".join(pieces), finish, tokens)

    def _stream(self, body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        try:
            with self._client.stream("POST", self.url + "/chat/completions", json=body) as response:
                if response.status_code != 200:
                    response.read()
                    raise UpstreamError(f"answered {response.status_code}: {response.text[:400]}", where=self.url)
                for line in response.iter_lines():
                    if line.startswith("data: ") and line != "data: [DONE]":
                        yield self._chunk(line[6:])
        except httpx2.HTTPError as error:
            raise self._unreachable(error) from None

    def _chunk(self, data: str) -> dict[str, Any]:
        try:
            chunk = json.loads(data)
        except ValueError:
            raise UpstreamError("sent a line that is not JSON", where=self.url) from None
        if "error" in chunk:
            raise UpstreamError(f"failed while writing: {chunk['error']}", where=self.url,
                                fix="resume the draft: finished sections are kept")  # fmt: skip
        return dict(chunk)
