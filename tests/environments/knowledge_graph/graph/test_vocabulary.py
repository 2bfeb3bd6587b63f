"""Names: short, writable, and told apart; what is about the graph itself is not shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.knowledge_graph.graph.vocabulary import (
    OWL,
    RDF,
    RDFS,
    Edge,
    Vocabulary,
    freebase,
)

PLAIN = Vocabulary(base="http://a/")


@pytest.mark.parametrize(
    ("iri", "name"),
    [
        ("http://a/country.capital", "country.capital"),
        ("http://a/city/42", "city/42"),
        ("http://b/x#knows", "knows"),
        ("http://b/x/knows", "knows"),
        ("http://b/x/", "x"),
        ("urn:isbn:123", "123"),
        ("http://a/a,b (c)", "a%2Cb%20%28c%29"),
    ],
)
def test_names_are_short(iri: str, name: str):
    assert PLAIN.name(iri) == name


@given(st.text(min_size=1, max_size=20))
def test_no_name_breaks_an_argument_list(text: str):
    for iri in (f"http://a/{text}", f"http://b/{text}", text):
        assert not set(PLAIN.name(iri)) & set(",()[] \n\t")


def test_names_of_files_become_iris_and_whole_iris_stay():
    assert freebase().iri("m.0zd6") == "http://rdf.freebase.com/ns/m.0zd6"
    assert freebase().iri("http://a/b") == "http://a/b"
    assert Vocabulary().iri("x") == "x"


def test_relations_of_one_name_are_shown_by_their_iris():
    shown = PLAIN.shown_relations(["http://b/knows", "http://c/knows", "http://a/likes"])
    assert shown == {
        "http://b/knows": Edge("http://b/knows"),
        "http://c/knows": Edge("http://c/knows"),
        "likes": Edge("http://a/likes"),
    }


def test_incoming_relations_are_marked():
    shown = PLAIN.shown_relations(["http://a/r"], ["http://a/r", "http://a/s"])
    assert shown == {
        "^r": Edge("http://a/r", inverse=True),
        "^s": Edge("http://a/s", inverse=True),
        "r": Edge("http://a/r"),
    }


def test_what_is_about_the_graph_is_not_shown():
    iris = [f"{RDF}type", f"{RDFS}label", f"{RDFS}range", f"{OWL}sameAs", "http://a/r"]
    assert list(PLAIN.shown_relations(iris)) == ["r"]
    of_freebase = freebase()
    assert of_freebase.shown_relations([of_freebase.type, of_freebase.range]) == {}


def test_an_ontology_limits_what_is_shown():
    limited = freebase(relations=["a.b"], attributes=["a.n"])
    iris = [limited.iri(name) for name in ("a.b", "a.c", "a.n")]
    assert list(limited.shown_relations(iris)) == ["a.b"]
    assert list(limited.shown_attributes(iris)) == ["a.n"]
    assert list(freebase().shown_attributes(iris)) == ["a.b", "a.c", "a.n"]


@given(st.lists(st.sampled_from(["http://a/r", "http://b/r", "http://a/s", "http://c/s"])))
def test_every_relation_is_shown_once_under_a_name_of_its_own(iris: list[str]):
    shown = PLAIN.shown_relations(iris)
    assert sorted(edge.iri for edge in shown.values()) == sorted(set(iris))
    assert list(shown) == sorted(shown)
