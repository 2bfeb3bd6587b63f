"""Why episodes broke is said on the terminal, not in a file alone."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from trajectune.run.display import Display
from trajectune.run.recipe import check_recipe
from trajectune.run.run import run_recipe
from trajectune.terminal import Terminal


class Refusing(BaseHTTPRequestHandler):
    """Refuses a field of every request."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        content = json.dumps({"error": "unknown field temperature \x1b[2J"}).encode()
        self.send_response(400)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        del format, args


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    server.server_close()


def test_the_table_shows_why_an_endpoint_failed(url: str, tmp_path: Path) -> None:
    data = {
        "name": "x",
        "model": "tiny",
        "environments": {"database": {"options": {"train": 4, "test": 4}, "collect": 3}},
        "agent": {"kind": "endpoint", "url": url, "model": "m"},
    }
    page = io.StringIO()
    display = Display(Terminal(file=page, width=100, color_system=None))
    run_recipe(check_recipe(data, "here"), tmp_path / "run", "collect", display=display)
    shown = " ".join(page.getvalue().split())
    reason = (
        'database: 3 of 3 episodes broke in the infrastructure: 3 × the endpoint answers 400: {"error": '
    )
    assert shown.count(reason) == 2, "as it happens, and in the table"
    assert "unknown field temperature" in shown
