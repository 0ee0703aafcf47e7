"""A fake of the model's wording, and of nothing else: a real HTTP server that streams scripted sentences.

It stands where an OpenAI-compatible vLLM endpoint would, so that tests can say what the model writes and when it dies.
The grammar that a real engine enforces is not enforced here: a script may break it on purpose.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

Script = Callable[[dict[str, Any]], str]


class ScriptedEndpoint:
    """Serves `script(request body)` as a stream of words; `die_after` words per reply, the connection is cut."""

    def __init__(self, script: Script, *, die_after: int | None = None, finish: str = "stop") -> None:
        self.requests: list[dict[str, Any]] = []
        self.script = script
        self.die_after = die_after
        self.finish = finish
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> ScriptedEndpoint:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: object) -> None:
                """Keep the test's output clean."""

            def do_GET(self) -> None:
                self._send(200, {"data": [{"id": "scripted", "root": "/nowhere"}]})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                endpoint.requests.append(body)
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.end_headers()
                words = endpoint.script(body).split(" ")
                for index, word in enumerate(words):
                    if endpoint.die_after is not None and index >= endpoint.die_after:
                        return
                    self._event({"choices": [{"delta": {"content": word if index == 0 else " " + word}}]})
                self._event({"choices": [{"delta": {}, "finish_reason": endpoint.finish}]})
                self._event({"choices": [], "usage": {"completion_tokens": len(words)}})
                self.wfile.write(b"data: [DONE]\n\n")

            def _event(self, data: dict[str, Any]) -> None:
                self.wfile.write(f"data: {json.dumps(data)}\n\n".encode())
                self.wfile.flush()

            def _send(self, status: int, data: dict[str, Any]) -> None:
                payload = json.dumps(data).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

        return Handler
