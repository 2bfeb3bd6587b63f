"""Triples are well formed whatever the names hold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.knowledge_graph.facts.ntriples import Triples
from trajectune.environments.knowledge_graph.graph.store import embedded
from trajectune.environments.knowledge_graph.graph.terms import is_iri
from trajectune.environments.knowledge_graph.graph.vocabulary import Vocabulary

BASE = "http://a/"
words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)


@given(words, words, words)
def test_any_name_and_text_is_loaded_as_it_is(name: str, other: str, text: str):
    made = Triples(BASE)
    made.link(made.iri("x", name), f"{BASE}r", made.iri(other))
    made.text(made.iri("x", name), f"{BASE}t", text)
    store = embedded(made.encoded(), Vocabulary(base=BASE)).store
    assert len(store) == 2
    (found,) = [row[0].value for row in store.query(f"SELECT ?o WHERE {{ ?s <{BASE}t> ?o }}")]  # type: ignore[union-attr]
    assert found == text
    assert is_iri(made.iri("x", name))


@given(words, words)
def test_different_names_have_different_iris(one: str, other: str):
    made = Triples(BASE)
    assert (made.iri(one) == made.iri(other)) is (one == other)


def test_a_triple_is_kept_once_and_in_order():
    made = Triples(BASE)
    made.both(made.iri("a"), f"{BASE}r", f"{BASE}s", made.iri("b"))
    made.link(made.iri("a"), f"{BASE}r", made.iri("b"))
    made.number(made.iri("a"), f"{BASE}n", 3)
    made.number(made.iri("a"), f"{BASE}n", 2.5)
    assert made.encoded().decode().splitlines() == [
        "<http://a/a> <http://a/r> <http://a/b> .",
        "<http://a/b> <http://a/s> <http://a/a> .",
        '<http://a/a> <http://a/n> "3"^^<http://www.w3.org/2001/XMLSchema#integer> .',
        '<http://a/a> <http://a/n> "2.5"^^<http://www.w3.org/2001/XMLSchema#decimal> .',
    ]
