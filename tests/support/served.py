"""A server on a free port of this machine, and the official client of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import openai

from trajectune.composition.files import load_composition
from trajectune.engine.engine import Engine
from trajectune.serve.app import create_app
from trajectune.serve.run import Server, bind


@contextmanager
def served(model: str, max_context: int = 512) -> Iterator[openai.OpenAI]:
    """Serve a model under the name `tuned`."""
    engine = Engine(load_composition(model, "float32", "cpu")[0], max_batch=1, max_context=max_context)
    listener = bind("127.0.0.1", 0)
    server = Server(create_app(engine, name="tuned"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    try:
        yield openai.OpenAI(base_url=url, api_key="none", max_retries=0)
    finally:
        server.should_exit = True
        thread.join(10)
