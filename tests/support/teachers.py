"""A teacher behind a real HTTP server: it answers chat completions with texts that a test gives."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from trajectune.agents.endpoint import EndpointAgent

Say = Callable[[int, str], str | None]
"""The answer to the n-th request and its prompt; `None` is a failure of the server (500)."""


@dataclass
class Teacher:
    """The server as a test sees it."""

    url: str
    prompts: list[str] = field(default_factory=list)
    """The last message of each request, in the order in which they came."""

    def agent(self, **options: Any) -> EndpointAgent:
        """A client of it; one request at a time, so that a test knows their order."""
        return EndpointAgent(
            self.url, "teacher", **{"workers": 1, "tries": 1, "first_pause": 0.01, **options}
        )


@contextmanager
def teaching(say: Say) -> Iterator[Teacher]:
    """A running teacher."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with lock:
                number = len(teacher.prompts)
                teacher.prompts.append(body["messages"][-1]["content"])
                text = say(number, teacher.prompts[-1])
            self._answer(text)

        def _answer(self, text: str | None) -> None:
            message = {"role": "assistant", "content": text}
            answer = {
                "choices": [{"message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 11, "completion_tokens": 7},
            }
            content = json.dumps(answer).encode()
            self.send_response(500 if text is None else 200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    teacher = Teacher(f"http://127.0.0.1:{server.server_address[1]}/v1")
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield teacher
    finally:
        server.shutdown()
        server.server_close()
