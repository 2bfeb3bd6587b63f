"""A graph behind a real HTTP server: slow, broken, torn and heavy replies, and a cache on disk."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.graphs import BASE, VOCABULARY, Endpoint, serving
from trajectune.environments.knowledge_graph.graph import endpoint as module
from trajectune.environments.knowledge_graph.graph.cache import ReplyCache
from trajectune.environments.knowledge_graph.graph.endpoint import EndpointGraph
from trajectune.environments.knowledge_graph.graph.program import Count, Entity, Extreme, Join
from trajectune.environments.knowledge_graph.graph.store import EmbeddedGraph, HeavyQueryError
from trajectune.environments.knowledge_graph.graph.terms import Term
from trajectune.errors import EpisodeError, RecipeError

SCOTT = Entity(f"{BASE}scott")
DIRECTED = Join(f"{BASE}directed", SCOTT)
QUERY = "SELECT ?x WHERE { <urn:a> <urn:b> ?x }"


@pytest.fixture
def told(graph: EmbeddedGraph, monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.setattr(module, "PAUSE", 0.01)
    with serving(graph) as endpoint:
        yield endpoint


def client(told: Endpoint, seconds: float = 5.0, cache: ReplyCache | None = None) -> EndpointGraph:
    return EndpointGraph(told.url, VOCABULARY, seconds, cache)


@pytest.mark.parametrize(
    "program",
    [DIRECTED, Count(DIRECTED), Extreme(DIRECTED, f"{BASE}year", True), Join(f"{BASE}tagline", DIRECTED)],
)
def test_an_endpoint_answers_as_the_embedded_graph_does(told: Endpoint, graph: EmbeddedGraph, program):
    remote = client(told)
    assert remote.values(program) == graph.values(program)
    if not isinstance(program, Count):
        assert remote.relations(program) == graph.relations(program)
        assert remote.attributes(program) == graph.attributes(program)


@pytest.mark.parametrize("failure", ["500", "503", "429", "torn", "cut", "html"])
def test_what_may_be_better_in_a_moment_is_tried_again(told: Endpoint, failure: str):
    told.failures = [failure, failure]
    assert client(told).values(DIRECTED) == {"alien", "gladiator"}
    assert len(told.queries) == 3


def test_a_query_that_the_endpoint_never_answers_is_too_heavy(told: Endpoint):
    told.failures = ["500"] * 3
    with pytest.raises(HeavyQueryError, match="status 500"):
        client(told).values(DIRECTED)
    assert told.queries[-1] == "ASK {}"


def test_an_endpoint_that_answers_nothing_is_broken(told: Endpoint):
    told.failures = ["500"] * 3
    told.asks_fail = True
    with pytest.raises(EpisodeError, match=r"status 500(.|\n)*option endpoint"):
        client(told).values(DIRECTED)


def test_a_slow_reply_ends_at_the_time_out_and_is_not_awaited_twice(told: Endpoint):
    told.failures = ["hang"]
    start = time.perf_counter()
    with pytest.raises(HeavyQueryError, match=r"within 0\.3 s"):
        client(told, seconds=0.3).values(DIRECTED)
    assert time.perf_counter() - start < 2
    assert [query[:3] for query in told.queries] == ["SEL", "ASK"]


def test_a_reply_that_drips_ends_at_the_time_out_too(told: Endpoint):
    told.failures = ["drip"]
    start = time.perf_counter()
    with pytest.raises(HeavyQueryError):
        client(told, seconds=0.3).values(DIRECTED)
    assert time.perf_counter() - start < 2


def test_a_reply_beyond_all_bounds_is_not_read(told: Endpoint, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MAX_BYTES", 10)
    with pytest.raises(HeavyQueryError, match="more than 10 bytes"):
        client(told).values(DIRECTED)


@pytest.mark.parametrize("status", ["400", "401", "404"])
def test_a_refusal_is_told_with_the_endpoints_words(told: Endpoint, status: str):
    told.failures = [status]
    with pytest.raises(EpisodeError, match=rf"status {status}: the server says no"):
        client(told).values(DIRECTED)
    assert len(told.queries) == 1


def test_nobody_there_is_broken_infrastructure(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "PAUSE", 0.01)
    graph = EndpointGraph("http://127.0.0.1:9/sparql", VOCABULARY, 0.5)
    with pytest.raises(EpisodeError, match="endpoint fails"):
        graph.values(DIRECTED)


@pytest.mark.parametrize("url", ["ftp://a/b", "nowhere", "file:///etc/passwd"])
def test_what_is_no_address_is_said_at_once(url: str):
    with pytest.raises(RecipeError, match="no address"):
        EndpointGraph(url, VOCABULARY)


def test_replies_are_kept_on_disk(told: Endpoint, tmp_path: Path):
    cache = ReplyCache(tmp_path)
    first = client(told, cache=cache).values(DIRECTED)
    asked = len(told.queries)
    assert client(told, cache=cache).values(DIRECTED) == first
    assert len(told.queries) == asked
    assert len(list(tmp_path.rglob("*.json"))) == 1


def test_failures_are_not_kept(told: Endpoint, tmp_path: Path):
    told.failures = ["500"] * 3
    graph = client(told, cache=ReplyCache(tmp_path))
    with pytest.raises(HeavyQueryError):
        graph.values(DIRECTED)
    assert graph.values(DIRECTED) == {"alien", "gladiator"}


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"url": 1}', '{"url": "u", "query": "other", "terms": []}']
)
def test_a_damaged_file_of_the_cache_is_as_good_as_none(tmp_path: Path, content: str):
    cache = ReplyCache(tmp_path)
    terms = (Term("http://a/b"), Term('x "y"\n\ud800', "literal"), Term("_:b", "blank"))
    cache.put("u", QUERY, terms)
    assert cache.get("u", QUERY) == terms
    assert cache.get("v", QUERY) is None
    (file,) = tmp_path.rglob("*.json")
    file.write_text(content)
    assert cache.get("u", QUERY) is None
    cache.put("u", QUERY, terms)
    assert cache.get("u", QUERY) == terms


def test_the_cache_stands_in_trajectunes_own(tmp_path: Path):
    ReplyCache().put("u", QUERY, (Term("http://a/b"),))
    (file,) = (tmp_path / "cache" / "sparql").rglob("*.json")
    assert json.loads(file.read_text())["query"] == QUERY
