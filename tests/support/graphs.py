"""A small graph of films for tests, and a SPARQL endpoint over it that can be told to fail."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from trajectune.environments.knowledge_graph.facts.ntriples import LABEL, RANGE, TYPE, Triples
from trajectune.environments.knowledge_graph.graph.store import EmbeddedGraph, embedded
from trajectune.environments.knowledge_graph.graph.vocabulary import Vocabulary
from trajectune.environments.knowledge_graph.sources.problem import GoldCall, Problem

BASE = "http://films.test/"
FILMS = {
    "alien": ("scott", 1979, 117, ("weaver", "hurt")),
    "gladiator": ("scott", 2000, 155, ("crowe",)),
    "heat": ("mann", 1995, 170, ("pacino", "deniro")),
    "insider": ("mann", 1999, 157, ("pacino", "crowe")),
    "taxi": ("scorsese", 1976, 114, ("deniro",)),
    "aliens": ("cameron", 1986, 137, ("weaver",)),
}
"""Director, year, minutes, actors."""
VOCABULARY = Vocabulary(base=BASE)


def triples() -> Triples:
    """The films, with relations in both directions and two attributes."""
    made = Triples(BASE)
    for relation, kind in (("directed_by", "person"), ("directed", "film"), ("starred", "person")):
        made.link(BASE + relation, RANGE, BASE + kind)
    for name, (director, year, minutes, actors) in FILMS.items():
        film = made.iri(name)
        made.link(film, TYPE, f"{BASE}film")
        made.text(film, LABEL, name.title())
        made.text(film, f"{BASE}tagline", f'"{name}" said <no one>')
        made.both(film, f"{BASE}directed_by", f"{BASE}directed", made.iri(director))
        made.number(film, f"{BASE}year", year)
        made.number(film, f"{BASE}minutes", minutes)
        for actor in actors:
            made.both(film, f"{BASE}starred", f"{BASE}acted_in", made.iri(actor))
            made.link(made.iri(actor), TYPE, f"{BASE}person")
        made.link(made.iri(director), TYPE, f"{BASE}person")
    return made


def films(vocabulary: Vocabulary = VOCABULARY) -> EmbeddedGraph:
    """The graph."""
    return embedded(triples().encoded(), vocabulary)


def problem(
    question: str = "Which films did Ridley Scott direct?",
    answers: frozenset[str] = frozenset({"alien", "gladiator"}),
    gold: tuple[GoldCall, ...] = (
        GoldCall("get_relations", ("Ridley Scott",)),
        GoldCall("get_neighbors", ("Ridley Scott", "directed"), "the films that Ridley Scott directed"),
    ),
    **entities: str,
) -> Problem:
    """A question about it; entities as `Crowe="crowe"`."""
    named = {"Ridley Scott": "scott"} | entities
    return Problem(
        question, "one_hop", {name: BASE + thing for name, thing in named.items()}, answers, gold
    )


@dataclass
class Endpoint:
    """What the endpoint is told to do, and what it was asked."""

    url: str = ""
    queries: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    """How the next queries fail, one each: `500`, `400`, `hang`, `drip`, `torn`, `cut`, `html`."""
    heavy: str = ""
    """Queries with this text always hang."""
    asks_fail: bool = False
    closing: threading.Event = field(default_factory=threading.Event)


@contextmanager
def serving(graph: EmbeddedGraph) -> Iterator[Endpoint]:
    """A real HTTP server that speaks the SPARQL protocol over a graph."""
    told = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            query = parse_qs(body)["query"][0]
            told.queries.append(query)
            if query.startswith("ASK"):
                failure = "500" if told.asks_fail else ""
            elif told.heavy and told.heavy in query:
                failure = "hang"
            else:
                failure = told.failures.pop(0) if told.failures else ""
            self._answer(query, failure)

        def _answer(self, query: str, failure: str) -> None:
            if failure.isdigit():
                self._send(int(failure), b"the server says no")
            elif failure == "hang":
                told.closing.wait(3)
            elif failure == "html":
                self._send(200, b"<html>Welcome</html>")
            elif query.startswith("ASK"):
                self._send(200, b'{"head": {}, "boolean": true}')
            else:
                self._reply(results(graph, query), failure)

        def _reply(self, body: bytes, failure: str) -> None:
            if failure == "drip":
                self._head(200, len(body) * 2)
                for _ in range(40):
                    if told.closing.is_set():
                        return
                    self.wfile.write(b" ")
                    time.sleep(0.05)
            elif failure == "torn":
                self._head(200, len(body))
                self.wfile.write(body[: len(body) // 2])
            elif failure == "cut":
                self._send(200, body[: len(body) // 2])
            else:
                self._send(200, body)

        def _send(self, status: int, body: bytes) -> None:
            self._head(status, len(body))
            self.wfile.write(body)

        def _head(self, status: int, length: int) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/sparql-results+json")
            self.send_header("Content-Length", str(length))
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that went away
    told.url = f"http://127.0.0.1:{server.server_address[1]}/sparql"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        told.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def results(graph: EmbeddedGraph, query: str) -> bytes:
    """The answer to a query as SPARQL results in JSON, by pyoxigraph itself."""
    from pyoxigraph import QueryResultsFormat

    found = graph.store.query(query)
    written = found.serialize(format=QueryResultsFormat.JSON)  # type: ignore[union-attr]
    assert written is not None
    assert json.loads(written)
    return written
