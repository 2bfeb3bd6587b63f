"""A real server on a free port, over the tiny model, in a thread of the test."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import openai
import pytest

from support.models import Tiny
from trajectune.composition.composition import Composition, Term
from trajectune.engine.engine import Engine, OnToken
from trajectune.engine.requests import Generation
from trajectune.models.loading import LoadedModel
from trajectune.serve.app import create_app
from trajectune.serve.run import Server, bind

NAME = "tiny-model"


@pytest.fixture(autouse=True, scope="session")
def _no_proxy() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setenv("no_proxy", "127.0.0.1")
        yield


@pytest.fixture(scope="session")
def tiny() -> LoadedModel:
    return Tiny(spread=0.3).loaded()


@pytest.fixture(scope="session")
def other() -> LoadedModel:
    return Tiny(seed=1, spread=0.3).loaded()


class Steered(Engine):
    """An engine whose steps can be held back and made to fail, and whose replies can be dictated."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.go = threading.Event()
        self.go.set()
        self.fail: Exception | None = None

    def step(self, on_token: OnToken | None = None) -> dict[Hashable, Generation]:
        self.go.wait(30)
        if self.fail is not None:
            error, self.fail = self.fail, None
            raise error
        return super().step(on_token)

    @contextmanager
    def held(self) -> Iterator[None]:
        """No step begins in this block."""
        self.go.clear()
        try:
            yield
        finally:
            self.go.set()

    @contextmanager
    def dictated(self, text: str) -> Iterator[None]:
        """Every reply is this text."""
        tokenizer = self.composition.tokenizer
        tokens = [*tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
        advance = self.speculator.advance

        def scripted(rows: Sequence[Any], block: int | None = None) -> list[list[int]]:
            advance(rows, block)
            return [[tokens[len(row.tokens)]] for row in rows]

        self.speculator.advance = scripted
        try:
            yield
        finally:
            self.speculator.advance = advance


class Running:
    """A server that runs, and clients of it."""

    def __init__(self, engine: Steered, server: Server, listener: socket.socket, key: str) -> None:
        self.engine = engine
        self._server = server
        self.listener = listener
        self.port = port = listener.getsockname()[1]
        self.root = f"http://127.0.0.1:{port}"
        self.client = openai.OpenAI(base_url=f"{self.root}/v1", api_key=key or "none", max_retries=0)

    def chat(self, content: str = "Hello!", **options: Any) -> Any:
        """One question; 12 tokens, greedy unless asked otherwise."""
        options = {"max_tokens": 12, "temperature": 0, "model": NAME, **options}
        return self.client.chat.completions.create(
            messages=[{"role": "user", "content": content}],
            **options,
        )

    def post(self, path: str = "/v1/chat/completions", **options: Any) -> httpx.Response:
        return httpx.post(self.root + path, timeout=20, **options)

    def stop(self) -> None:
        """As Ctrl-C does."""
        self._server.should_exit = True

    def load(self) -> tuple[int, int]:
        """Replies that run and that wait."""
        found = httpx.get(f"{self.root}/health").json()
        return found["running"], found["waiting"]

    def wait_for(self, load: tuple[int, int], seconds: float = 10) -> None:
        """Until so many run and wait."""
        deadline = time.monotonic() + seconds
        while (now := self.load()) != load:
            assert time.monotonic() < deadline, f"expected {load}, found {now}"
            time.sleep(0.01)


def read_answer(client: socket.socket) -> bytes:
    """A whole answer: the head, and as much as it says."""
    found = b""
    while b"\r\n\r\n" not in found or len(found.split(b"\r\n\r\n", 1)[1]) < _length(found):
        more = client.recv(65536)
        assert more, "the server hung up"
        found += more
    return found


def _length(answer: bytes) -> int:
    head = answer.lower().split(b"\r\n\r\n", 1)[0]
    return int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])


Serve = Callable[..., Running]


@contextmanager
def running(composition: Composition, **options: Any) -> Iterator[Running]:
    sizes = {
        name: options.pop(name) for name in ("max_batch", "max_context", "speculation") if name in options
    }
    engine = Steered(composition, **{"max_batch": 4, "max_context": 512, **sizes})
    app = create_app(engine, name=NAME, **options)
    listener = bind("127.0.0.1", 0)
    server = Server(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield Running(engine, server, listener, options.get("key", ""))
    finally:
        engine.go.set()
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def serve(tiny: LoadedModel) -> Iterator[Serve]:
    """Starts a server: `serve(max_waiting=1, key="secret")`; over `tiny` unless given a composition."""
    with ExitStack() as stack:

        def start(composition: Composition | None = None, **options: Any) -> Running:
            return stack.enter_context(running(composition or Composition.single(tiny), **options))

        yield start


@pytest.fixture(scope="module")
def server(tiny: LoadedModel, other: LoadedModel) -> Iterator[Running]:
    """One for all tests of a module: the tiny model, and another one with weight 0."""
    with running(Composition((Term(tiny, 1.0, "one"), Term(other, 0.0, "other")))) as found:
        yield found
