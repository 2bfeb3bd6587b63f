"""A chat server of a few lines that answers what a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

Answer = tuple[int, dict[str, str], bytes]


def completion(text: str | None = "Hello.", finish: str = "stop") -> Answer:
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": finish}
    body = {"choices": [choice], "usage": {"prompt_tokens": 12, "completion_tokens": 3}}
    return 200, {}, json.dumps(body).encode()


def stream(*pieces: Any, done: bool = True, kind: str = "text/event-stream") -> Answer:
    """Server-sent events: dictionaries as JSON, bytes as they are."""
    lines = [each if isinstance(each, bytes) else b"data: " + json.dumps(each).encode() for each in pieces]
    ended = [b"data: [DONE]"] if done else []
    return 200, {"content-type": kind}, b"\n\n".join([*lines, *ended, b""])


def delta(finish: str | None = None, **fields: Any) -> dict[str, Any]:
    """A piece of a reply."""
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


class Server:
    """Answers the n-th request with the n-th answer (the last one for ever)."""

    def __init__(self, *answers: Answer | Callable[[], Answer]) -> None:
        self.answers = answers
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with lock:
                    number = len(outer.requests)
                    outer.requests.append({"path": self.path, **body})
                    outer.headers.append({k.lower(): v for k, v in self.headers.items()})
                    outer.times.append(time.monotonic())
                answer = outer.answers[min(number, len(outer.answers) - 1)]
                status, headers, content = answer() if callable(answer) else answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                del format, args

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/v1"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()


@contextmanager
def servers() -> Iterator[Callable[..., Server]]:
    """Starts servers, and ends them."""
    started: list[Server] = []

    def start(*answers: Answer | Callable[[], Answer]) -> Server:
        started.append(Server(*answers))
        return started[-1]

    yield start
    for server in started:
        server.http.shutdown()
        server.http.server_close()


def reach_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy stands between the test and its server."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")


def bodies(server: Server, *names: str) -> Sequence[tuple[Any, ...]]:
    """These fields of each request."""
    return [tuple(body.get(name) for name in names) for body in server.requests]
