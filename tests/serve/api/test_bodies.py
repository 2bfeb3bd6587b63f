"""Bodies: JSON that means one thing, limits before work, and nobody else held up."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import httpx
import pytest

from serve.conftest import NAME
from trajectune.serve.api import bodies
from trajectune.serve.api.bodies import MAX_VALUES, parse
from trajectune.serve.api.errors import ApiError
from trajectune.serve.api.protocol import MAX_MESSAGES, ChatRequest, CompletionRequest

USER = {"role": "user", "content": ""}


def chat(**more: Any) -> bytes:
    return json.dumps({"model": NAME, "messages": [USER], "max_tokens": 1, **more}).encode()


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b'{"model": "a", "model": "b"}', 400, "'model' is there twice"),
        (b'{"messages": [{"role": "user", "role": "system"}]}', 400, "'role' is there twice"),
        (b'{"n": NaN}', 400, "NaN is no number"),
        (b'{"n": -Infinity}', 400, "-Infinity is no number"),
        (b'{"n": ' + b"1" * 5000 + b"}", 400, "not JSON"),
        (b'{"user": "\\ud83d"}', 400, "surrogate"),
        (b'{"user": "\xed\xa0\x80"}', 400, "not UTF-8"),
        ('{"n": 1}'.encode("utf-16"), 400, "not UTF-8"),
        (b"[" * 100_000, 400, "nested too deeply"),
        (b'"' + b"," * (MAX_VALUES + 1) + b'"', 413, "more than 1,000,000 values"),
        (b"[]", 400, "must be a JSON object"),
        (b'{"model": "a", "messages": [1' + b", 2" * 9999 + b"]}", 400, "messages.0: "),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_means_two_things_or_too_much_is_refused(body: bytes, status: int, said: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse(body, ChatRequest)
    assert caught.value.status == status
    assert said in caught.value.message
    assert len(caught.value.message) < 300


def test_a_pair_of_surrogates_is_a_character() -> None:
    asked = parse(chat(messages=[{"role": "user", "content": "\U0001f600"}]), ChatRequest)
    assert asked.messages[0].content == "\U0001f600"


def test_of_many_mistakes_one_is_looked_at() -> None:
    started = time.perf_counter()
    for wrong in ([1.5] * 300_000, [[1.5]] * 200_000, ["a", 1] * 200_000):
        with pytest.raises(ApiError):
            parse(json.dumps({"model": NAME, "prompt": wrong}).encode(), CompletionRequest)
    assert time.perf_counter() - started < 5


class TestLargeBodies:
    @pytest.mark.parametrize(
        ("path", "fields"),
        [
            ("/v1/chat/completions", {"messages": [USER] * (MAX_MESSAGES + 1)}),
            ("/v1/chat/completions", {"messages": [{"role": "user", "content": "word " * 800_000}]}),
            ("/v1/completions", {"prompt": "word " * 800_000}),
            ("/v1/completions", {"prompt": [5] * 900_000}),
        ],
        ids=["messages", "text", "prompt", "tokens"],
    )
    def test_what_cannot_fit_is_refused_without_being_tokenized(
        self, server: Any, path: str, fields: dict[str, Any]
    ) -> None:
        content = json.dumps({"model": NAME, **fields}, separators=(",", ":")).encode()
        started = time.perf_counter()
        refused = server.post(path, content=content, headers={"Content-Type": "application/json"})
        assert time.perf_counter() - started < 5
        assert refused.status_code == 400
        assert refused.json()["error"]["param"] in ("messages", "prompt")

    def test_small_ones_overtake_them(self, serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        free, reading = threading.Event(), threading.Event()

        def slowly(work: Any) -> Any:
            reading.set()
            free.wait(10)
            return work()

        monkeypatch.setattr(bodies, "_without_collection", slowly)
        running, large = serve(), chat(user="x" * bodies.SMALL)
        answers: list[int] = []
        clients = [
            threading.Thread(target=lambda: answers.append(_send(running, large).status_code))
            for _ in range(3)
        ]
        for client in clients:
            client.start()
        assert reading.wait(10)
        assert _send(running, chat()).status_code == 200
        assert answers == []
        free.set()
        for client in clients:
            client.join(10)
        assert answers == [200] * 3

    def test_their_bytes_have_a_limit_together(self, serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bodies, "ROOM", 3 * bodies.SMALL)
        running = serve()
        refused = _send(running, chat(user="x" * 4 * bodies.SMALL))
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        for _ in range(3):  # what was counted is given back
            assert _send(running, chat(user="x" * 2 * bodies.SMALL)).status_code == 200


def _send(running: Any, content: bytes) -> httpx.Response:
    return running.post(content=content, headers={"Content-Type": "application/json; charset=utf-8"})
