"""What serves the engine over a pipe: it answers every request, errors included, until the pipe ends."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

import pytest

from trajectune.environments.household.engine import worker


class Toy:
    """An engine that counts."""

    def __init__(self) -> None:
        self.games = 0

    def load(self, game: dict[str, Any]) -> dict[str, Any]:
        self.games += game["size"]
        return {"observation": f"game {self.games}", "won": False, "commands": ["look"]}

    def step(self, command: str) -> dict[str, Any]:
        return {"observation": command.upper(), "won": command == "win", "commands": []}

    def plan(self) -> dict[str, Any]:
        raise RuntimeError("there is no plan")


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    monkeypatch.setattr(worker, "Engine", Toy)
    ours, theirs = Pipe()
    thread = threading.Thread(target=worker.serve, args=(theirs,), daemon=True)
    thread.start()
    yield ours
    ours.close()
    thread.join(timeout=10)
    assert not thread.is_alive()


def ask(pipe: Connection, **request: object) -> dict[str, Any]:
    pipe.send_bytes(json.dumps(request).encode())
    assert pipe.poll(10)
    return json.loads(pipe.recv_bytes())


def test_one_engine_serves_all_requests_in_turn(pipe: Connection) -> None:
    assert ask(pipe, do="load", game={"size": 2})["observation"] == "game 2"
    assert ask(pipe, do="load", game={"size": 3})["observation"] == "game 5"
    assert ask(pipe, do="step", command="win") == {"observation": "WIN", "won": True, "commands": []}


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"do": "plan"}, "RuntimeError: there is no plan"),
        ({"do": "sing"}, "KeyError"),
        ({"command": "look"}, "KeyError"),
        ({"do": "step"}, "TypeError"),
        ({"do": "step", "command": "x", "twice": 1}, "TypeError"),
        ({"do": "load", "game": {}}, "KeyError: 'size'"),
    ],
)
def test_an_error_is_answered_and_the_next_request_served(
    pipe: Connection, request_: dict[str, object], reason: str
) -> None:
    assert reason in ask(pipe, **request_)["error"]
    assert ask(pipe, do="step", command="look")["observation"] == "LOOK"
