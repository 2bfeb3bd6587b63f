"""RDF files of every format; bad lines are rejected with their number."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from trajectune.environments.knowledge_graph.graph.program import Entity, Join
from trajectune.environments.knowledge_graph.graph.vocabulary import Vocabulary
from trajectune.environments.knowledge_graph.sources.rdf import load_rdf
from trajectune.errors import DataError
from trajectune.storage import Rejected

NT = b"<http://a/x> <http://a/knows> <http://a/y> .\n<http://a/y> <http://a/knows> <http://a/z> .\n"
FORMATS = {
    "nt": NT,
    "nq": NT.replace(b"y> .", b"y> <http://a/graph> ."),
    "ttl": b"@prefix a: <http://a/> .\na:x a:knows a:y .\na:y a:knows a:z .",
    "trig": b"@prefix a: <http://a/> .\na:g { a:x a:knows a:y . a:y a:knows a:z . }",
    "n3": b"@prefix a: <http://a/> .\na:x a:knows a:y .\na:y a:knows a:z .",
    "rdf": b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:a="http://a/">'
    b'<rdf:Description rdf:about="http://a/x"><a:knows><rdf:Description rdf:about="http://a/y">'
    b'<a:knows rdf:resource="http://a/z"/></rdf:Description></a:knows></rdf:Description></rdf:RDF>',
    "jsonld": b'{"@id": "http://a/x", "http://a/knows": {"@id": "http://a/y",'
    b' "http://a/knows": {"@id": "http://a/z"}}}',
}
TWO_STEPS = Join("http://a/knows", Join("http://a/knows", Entity("http://a/x")))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_is_read(tmp_path: Path, ending: str, packed: bool):
    path = tmp_path / (f"graph.{ending}.gz" if packed else f"graph.{ending}")
    path.write_bytes(gzip.compress(FORMATS[ending]) if packed else FORMATS[ending])
    rejected: list[Rejected] = []
    graph = load_rdf(path, Vocabulary(base="http://a/"), rejected)
    assert graph.values(TWO_STEPS) == {"z"}
    assert rejected == []


def test_bad_lines_are_rejected_with_their_number_and_the_rest_kept(tmp_path: Path):
    path = tmp_path / "graph.nt"
    path.write_bytes(b"rubbish\n\n# a comment\n" + NT + b"<http://a/x> <http://a/knows> .\n\xff\xfe\n")
    rejected: list[Rejected] = []
    graph = load_rdf(path, Vocabulary(base="http://a/"), rejected)
    assert graph.values(TWO_STEPS) == {"z"}
    assert [row.line for row in rejected] == [1, 6, 7]
    assert all(row.reason.startswith("not a triple: ") for row in rejected)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("graph.ttl", b"a:x a:knows", "does not parse"),
        ("graph.rdf", b"<rdf>", "does not parse"),
        ("graph.csv", b"x,y", "No RDF format is known by the ending 'csv'"),
        ("graph", b"x", "No RDF format"),
        ("graph.nt", b"", "no triple"),
        ("graph.nt", b"rubbish\n", "no triple"),
        ("graph.ttl", b"# nothing", "no triple"),
    ],
)
def test_what_is_no_graph_is_an_error(tmp_path: Path, name: str, content: bytes, said: str):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=said):
        load_rdf(path, Vocabulary(), [])


def test_a_missing_file_is_an_error(tmp_path: Path):
    with pytest.raises(DataError, match="does not exist"):
        load_rdf(tmp_path / "none.nt", Vocabulary(), [])
