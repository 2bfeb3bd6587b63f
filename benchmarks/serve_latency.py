"""What a small request to the server waits for: `/health` on a kept connection, alone and beside others.

    python benchmarks/serve_latency.py                  # the tiny model on the CPU, about a minute

The server runs in a process of its own, once on the socket that `trajectune serve` makes and once on one
whose connections have no TCP_NODELAY; the two take turns. On the first, `/health` is also asked while a
reply is generated and while bodies of 4 MB are read: many short messages, one long text, many token ids.
Milliseconds; a body's status tells whether it was read to the end (200) or refused (400).
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

from harness.compare import Side, compare, measure
from harness.comparison import Answer, Comparison
from harness.machine import machine
from harness.progress import line
from harness.results import run, status, write
from harness.table import table
from harness.weather import Station
from trajectune.composition.files import load_composition
from trajectune.engine.engine import Engine
from trajectune.serve.app import create_app
from trajectune.serve.run import bind, serve_app

SIZE = 4_000_000
"""Bytes of a large body."""


def main() -> int:
    options = _options()
    if options.serve:
        serve(options.serve, options.model)
        return 0
    result: dict[str, Any] = machine(model=options.model)
    with server("plain", options.model) as plain, server("ours", options.model) as port:
        station = Station()
        limits: dict[str, Any] = {"seconds": options.seconds, "station": station}
        alone = {"without_nodelay": asking(plain, 30), "with_nodelay": asking(port, 100)}
        show = line("alone")
        found = {"alone": compare(alone, baseline="without_nodelay", show=show, **limits)}
        for side in alone:
            result[side] = {"alone": summary(found["alone"], side)}
        for name, work in meanwhile(port).items():
            limits |= {"warmups": 1, "least": 3, "show": line(name)}
            found[name] = measure(beside(port, work), name, **limits)
            last = found[name].rounds[-1].pieces[name].facts
            result[name] = last | {"health": summary(found[name], name)}
    result["comparisons"] = {name: each.report() for name, each in found.items()}
    write(options.out, result)
    for name, each in found.items():
        print(table(name, each))
    print(options.out)
    return status(found.values())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--serve", choices=("ours", "plain"), help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=20, help="for each case")
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
    while len(found) < times and not (found and until()):
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


def answer(found: dict[str, float], **facts: Any) -> Answer:
    """How many such requests one after the other would fit into a second, and the milliseconds."""
    return Answer(rates={"requests": 1e3 / found["median"]}, facts={**facts, "health": found})


def asking(port: int, times: int) -> Side:
    """`/health` alone."""
    return lambda _: answer(health(port, times))


def beside(port: int, work: Callable[[], int]) -> Side:
    """`/health` while something else is asked."""

    def side(_: int) -> Answer:
        status: list[int] = []
        thread = threading.Thread(target=lambda: status.append(work()))
        started = time.perf_counter()
        thread.start()
        found = health(port, until=lambda: bool(status))
        thread.join()
        return answer(found, status=status[0], seconds=time.perf_counter() - started)

    return side


def summary(found: Comparison, side: str) -> dict[str, float]:
    """Milliseconds over all rounds that count."""
    rounds = [each.pieces[side].facts["health"] for each in found.counted]
    return {
        "requests": sum(each["requests"] for each in rounds),
        "median": statistics.median(each["median"] for each in rounds),
        "p99": statistics.median(each["p99"] for each in rounds),
        "longest": max(each["longest"] for each in rounds),
    }


def meanwhile(port: int) -> dict[str, Callable[[], int]]:
    """What else the server is asked, by name."""
    reading = {name: lambda content=content: post(port, content) for name, content in bodies().items()}
    return {"while_generating": lambda: generate(port), **reading}


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
    run(main)
