"""What may stand in a query, and what may not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.knowledge_graph.graph.terms import MAX_IRI, iri_text, is_iri

HOSTILE = [
    "",
    "m.0zd6",
    "http://a> } DELETE WHERE { ?s ?p ?o } #",
    'http://a/"',
    "http://a/{b}",
    "http://a/ b",
    "http://a/\nb",
    "http://a/\\u003E",
    "http://a/`|^",
    "http://a/\x00",
    "http://a/\ud800",
    "http://a/\u2028",
    "//a/b",
    ":a",
    "1http://a",
    "http://a/" + "x" * MAX_IRI,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_no_iri_is_refused(text: str):
    assert not is_iri(text)
    with pytest.raises(ValueError, match="not an IRI"):
        iri_text(text)


@pytest.mark.parametrize(
    "iri", ["http://a/b#c", "urn:x:y", "http://a/é/日本", "https://a/b?c=d&e=%20", "mailto:a@b.test"]
)
def test_iris_stand_between_brackets(iri: str):
    assert iri_text(iri) == f"<{iri}>"


@given(st.text(max_size=30))
def test_an_iri_never_ends_before_its_bracket(text: str):
    iri = f"http://a/{text}"
    if is_iri(iri):
        written = iri_text(iri)
        assert written.count(">") == written.count("<") == 1
        assert not set(written[1:-1]) & set('<>"{}|^`\\ \n\r\t')
