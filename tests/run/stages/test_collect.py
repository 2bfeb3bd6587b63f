"""Why episodes broke, and what they cost, is said on the terminal, not in a file alone."""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from support.endpoint import completion, reach_this_machine, servers
from trajectune.errors import BudgetError
from trajectune.run.display import Display
from trajectune.run.recipe import Recipe, check_recipe
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


def collecting(url: str, tokens: int | None) -> Recipe:
    agent = {"kind": "endpoint", "url": url, "model": "m", "workers": 2, "price": {"prompt": 1e5}}
    data = {
        "name": "x",
        "model": "tiny",
        "environments": {"database": {"options": {"train": 8, "test": 4}, "collect": 8}},
        "agent": agent | ({"budget": {"tokens": tokens}} if tokens else {}),
    }
    return check_recipe(data, "here")


@pytest.mark.parametrize("larger", [200, None])
def test_a_budget_stops_the_command_and_a_larger_one_goes_on_with_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, larger: int | None
) -> None:
    """Eight episodes of one reply each (it holds no move), for 15 tokens: 120, and the table shows them."""
    reach_this_machine(monkeypatch)
    page = io.StringIO()
    display = Display(Terminal(file=page, width=100, color_system=None))
    with servers() as serve:
        server = serve(completion())
        for _ in range(2):
            with pytest.raises(BudgetError, match=r"tokens, [45]\.\d\d in money\): [45] episodes are left"):
                run_recipe(collecting(server.url, 45), tmp_path / "run", "collect", display=display)
        assert len(server.requests) in (3, 4)
        run_recipe(collecting(server.url, larger), tmp_path / "run", "collect", display=display)
        assert len(server.requests) == 8
    shown = " ".join(page.getvalue().split())
    assert "environment episodes solved errors tokens seconds money" in shown
    assert re.search(r"database 8 0\.0% 0 120 \d 9\.60", shown)
