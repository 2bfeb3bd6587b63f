"""What a small request to the server waits for: `/health` on a kept connection, alone and beside others.

    python benchmarks/serve_latency.py                  # the tiny model on the CPU, about a minute

The server runs in a process of its own, once on the socket that `trajectune serve` makes and once on one
whose connections have no TCP_NODELAY. On the first, `/health` is also asked while a reply is generated and
while bodies of 4 MB are read: many short messages, one long text, many token ids. Milliseconds; a body's
status tells whether it was read to the end (200) or refused (400).
"""

from __future__ import annotations

import argparse
import http.client
import json
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trajectune.composition.files import load_composition
from trajectune.engine.engine import Engine
from trajectune.report.sections.provenance import commit, hardware, versions
from trajectune.serve.app import create_app
from trajectune.serve.run import bind, serve_app

SIZE = 4_000_000
"""Bytes of a large body."""


def main() -> None:
    options = _options()
    if options.serve:
        return serve(options.serve, options.model)
    result: dict[str, Any] = {
        "command": " ".join(["python", "benchmarks/serve_latency.py", *sys.argv[1:]]),
        "commit": commit(),
        "hardware": hardware(),
        "versions": versions(),
        "model": options.model,
    }
    with server("plain", options.model) as port:
        result["without_nodelay"] = {"alone": health(port, times=50)}
    with server("ours", options.model) as port:
        result["with_nodelay"] = {"alone": health(port, times=300)}
        result["while_generating"] = beside(port, lambda: generate(port))
        for name, content in bodies().items():
            result[name] = beside(port, lambda content=content: post(port, content))
    options.out.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    print(options.out.read_text("utf-8"))
    return None


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--serve", choices=("ours", "plain"), help=argparse.SUPPRESS)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results" / "serve-latency-cpu.json"
    )
    return parser.parse_args()


def serve(how: str, model: str) -> None:
    """The server, until its input ends."""
    listener = bind("127.0.0.1", 0) if how == "ours" else socket.socket()
    if how == "plain":
        listener.bind(("127.0.0.1", 0))
    composition, _ = load_composition(model, dtype="float32", device="cpu")
    app = create_app(Engine(composition, max_context=4096), name="m")
    print(listener.getsockname()[1], flush=True)
    serve_app(app, listener)


@contextmanager
def server(how: str, model: str) -> Iterator[int]:
    """Its port."""
    command = [sys.executable, __file__, "--serve", how, "--model", model]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        port = int(process.stdout.readline())
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.05)
        post(port, chat("Hello!", 8))
        yield port
    finally:
        process.terminate()
        process.wait()


def health(port: int, times: int = 1 << 30, until: Callable[[], bool] = lambda: False) -> dict[str, float]:
    """Milliseconds of so many requests on one connection."""
    client = http.client.HTTPConnection("127.0.0.1", port)
    found: list[float] = []
    while len(found) < times and not until():
        started = time.perf_counter()
        client.request("GET", "/health")
        client.getresponse().read()
        found.append(1e3 * (time.perf_counter() - started))
        time.sleep(0.002)
    found.sort()
    return {
        "requests": len(found),
        "median": statistics.median(found),
        "p99": found[int(0.99 * (len(found) - 1))],
        "longest": found[-1],
    }


def beside(port: int, work: Callable[[], int]) -> dict[str, Any]:
    """`/health` while something else is asked."""
    status: list[int] = []
    thread = threading.Thread(target=lambda: status.append(work()))
    started = time.perf_counter()
    thread.start()
    found = health(port, until=lambda: bool(status))
    thread.join()
    return {"status": status[0], "seconds": time.perf_counter() - started, "health": found}


def generate(port: int) -> int:
    return post(port, chat("Tell me more.", 1000))


def chat(text: str, tokens: int) -> bytes:
    messages = [{"role": "user", "content": text}]
    return json.dumps({"model": "m", "messages": messages, "max_tokens": tokens, "seed": 0}).encode()


def bodies() -> dict[str, bytes]:
    """Large bodies."""
    message = {"role": "user", "content": ""}
    many = {"messages": [message] * (SIZE // 29)}
    return {
        "many_messages": _body(**many),
        "one_text": chat("word " * (SIZE // 5), 1),
        "token_ids": _body(prompt=[12345] * (SIZE // 6)),
        "ignored_field": _body(messages=[message], max_tokens=1, metadata=[[{}]] * (SIZE // 16)),
    }


def _body(**fields: Any) -> bytes:
    return json.dumps({"model": "m", **fields}, separators=(",", ":")).encode()


def post(port: int, content: bytes) -> int:
    client = http.client.HTTPConnection("127.0.0.1", port)
    path = "/v1/completions" if b'"prompt"' in content[:30] else "/v1/chat/completions"
    client.request("POST", path, content, {"Content-Type": "application/json"})
    response = client.getresponse()
    response.read()
    return response.status


if __name__ == "__main__":
    main()
