"""A graph behind a SPARQL endpoint: time-outs, retries, and a cache on disk.

The idea: a reply is awaited up to a deadline and up to a size. What may be better in a moment (no
connection, 429, 5xx) is tried again; then, and after a time-out, the endpoint is asked something trivial.
If it answers, the query was too much for it and the agent is told so (`HeavyQueryError`); if not, the
infrastructure is broken (`EpisodeError`) and the episode will be run again.

Invariants: only whole, well-formed replies are believed and kept; a damaged file of the cache is asked
anew. Protocol: SPARQL 1.1 Protocol, section 2.1.2 (POST of a form), results as SPARQL 1.1 JSON.
"""

from __future__ import annotations

import time
from typing import Any

import httpx

from trajectune.environments.knowledge_graph.graph.cache import ReplyCache
from trajectune.environments.knowledge_graph.graph.store import Graph, HeavyQueryError
from trajectune.environments.knowledge_graph.graph.terms import Term
from trajectune.environments.knowledge_graph.graph.vocabulary import Vocabulary
from trajectune.errors import EpisodeError, RecipeError
from trajectune.storage import parse_json

TRIES = 3
PAUSE = 0.5
"""Seconds before the second try; twice as many before the third."""
MAX_BYTES = 64 * 2**20
TRANSIENT = {429, 500, 502, 503, 504}
HEADERS = {"Accept": "application/sparql-results+json"}
KINDS: dict[str, Any] = {"uri": "iri", "literal": "literal", "typed-literal": "literal", "bnode": "blank"}


class _Again(Exception):  # noqa: N818
    """This try failed in a way that the next may not."""


class EndpointGraph(Graph):
    """Whatever answers at a URL; `seconds` limits one query, `cache` keeps replies (`None`: nothing)."""

    def __init__(
        self, url: str, vocabulary: Vocabulary, seconds: float = 30.0, cache: ReplyCache | None = None
    ) -> None:
        super().__init__(vocabulary)
        if httpx.URL(url).scheme not in ("http", "https"):
            raise RecipeError(
                f"{url!r} is no address of an endpoint.",
                where="option endpoint",
                remedy="http://HOST/sparql",
            )
        self.url = url
        self.seconds = seconds
        self.cache = cache
        self._client = httpx.Client(headers=HEADERS, follow_redirects=True)

    def select(self, query: str) -> tuple[Term, ...]:
        if self.cache is not None and (kept := self.cache.get(self.url, query)) is not None:
            return kept
        found = self._tried(query)
        if self.cache is not None:
            self.cache.put(self.url, query, found)
        return found

    def _tried(self, query: str) -> tuple[Term, ...]:
        why = ""
        for number in range(TRIES):
            if number:
                time.sleep(PAUSE * 2 ** (number - 1))
            try:
                return self._once(query)
            except httpx.ReadTimeout:
                why = f"no answer within {self.seconds:g} s"
                break  # a second try would only wait as long again
            except (_Again, httpx.TransportError) as error:
                why = str(error) or type(error).__name__
        if self._is_alive():
            raise HeavyQueryError(f"The endpoint does not answer this query: {why}", where=self.url)
        raise EpisodeError(
            f"The SPARQL endpoint fails: {why}", where=self.url, remedy="start it, or mend option endpoint"
        )

    def _once(self, query: str) -> tuple[Term, ...]:
        deadline = time.monotonic() + self.seconds
        with self._client.stream("POST", self.url, data={"query": query}, timeout=self.seconds) as reply:
            if reply.status_code in TRANSIENT:
                raise _Again(f"status {reply.status_code}")
            body = bytearray()
            for chunk in reply.iter_bytes():
                body += chunk
                if time.monotonic() > deadline:  # a reply that drips passes every time-out between bytes
                    raise httpx.ReadTimeout("the reply goes on and on")
                if len(body) > MAX_BYTES:
                    raise HeavyQueryError(f"A reply of more than {MAX_BYTES} bytes", where=self.url)
            if reply.status_code != httpx.codes.OK:
                raise self._refused(reply.status_code, bytes(body))
        return _bindings(bytes(body))

    def _refused(self, status: int, body: bytes) -> EpisodeError:
        said = " ".join(body[:300].decode("utf-8", "replace").split())
        return EpisodeError(
            f"The SPARQL endpoint refuses the query with status {status}: {said}",
            where=self.url,
            remedy="mend option endpoint, or what guards it",
        )

    def _is_alive(self) -> bool:
        """Whether the endpoint answers the least of queries."""
        try:
            reply = self._client.post(self.url, data={"query": "ASK {}"}, timeout=self.seconds)
        except httpx.TransportError:
            return False
        return reply.status_code == httpx.codes.OK


def _bindings(body: bytes) -> tuple[Term, ...]:
    """The first variable of every row. Raises `_Again` for a reply that is cut short or no result."""
    try:
        reply: Any = parse_json(body.decode("utf-8"))
        variable = reply["head"]["vars"][0]
        rows = [row[variable] for row in reply["results"]["bindings"] if variable in row]
        return tuple(Term(str(row["value"]), KINDS[row["type"]]) for row in rows)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise _Again(
            f"a reply that is no SPARQL result in JSON ({type(error).__name__}: {error})"
        ) from error
