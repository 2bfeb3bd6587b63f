"""Any RDF file as a graph: N-Triples, N-Quads, Turtle, TriG, N3, RDF/XML and JSON-LD, plain or as `.gz`.

The idea: the parser is pyoxigraph's. A file of lines is read line by line where it does not parse as a
whole, so that a bad line costs itself alone; of the other formats a mistake makes the whole file
unreadable.

Invariant: triples of named graphs stand in one graph with the others; every line is read or rejected.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from trajectune.environments.knowledge_graph.extra import require_store
from trajectune.environments.knowledge_graph.graph.store import EmbeddedGraph
from trajectune.environments.knowledge_graph.graph.vocabulary import Vocabulary
from trajectune.errors import DataError
from trajectune.storage import Rejected, open_binary

if TYPE_CHECKING:
    from pyoxigraph import Quad, RdfFormat

LINES = ("nt", "nq")
"""Endings of the formats in which every line stands for itself."""


def load_rdf(path: Path, vocabulary: Vocabulary, rejected: list[Rejected]) -> EmbeddedGraph:
    """The graph of a file. Raises `DataError` for a file that cannot be read or holds no triple."""
    require_store()
    from pyoxigraph import RdfFormat, Store

    ending = path.with_suffix("").suffix[1:] if path.suffix == ".gz" else path.suffix[1:]
    kind = RdfFormat.from_extension(ending)
    if kind is None:
        raise DataError(
            f"No RDF format is known by the ending {ending!r}.",
            where=str(path),
            remedy="use nt, nq, ttl, trig, n3, rdf, jsonld, plain or .gz",
        )
    with open_binary(path) as file:
        content = file.read()
    store = Store()
    try:
        store.extend(_flat(content, kind, path))
    except SyntaxError as error:
        if ending not in LINES:
            raise DataError(f"The RDF does not parse: {error}", where=str(path), remedy="mend it") from None
        store = Store()
        store.extend(_by_line(content, kind, rejected))
    if not len(store):
        raise DataError("There is no triple in the file.", where=str(path), remedy="name another file")
    return EmbeddedGraph(store, vocabulary)


def _flat(content: bytes, kind: RdfFormat, path: Path) -> Iterator[Quad]:
    from pyoxigraph import Quad, parse

    base = path.resolve().as_uri()
    for quad in parse(input=content, format=kind, base_iri=base):
        yield Quad(quad.subject, quad.predicate, quad.object)


def _by_line(content: bytes, kind: RdfFormat, rejected: list[Rejected]) -> Iterator[Quad]:
    from pyoxigraph import Quad, parse

    for number, line in enumerate(content.split(b"\n"), 1):
        try:
            for quad in parse(input=line, format=kind):
                yield Quad(quad.subject, quad.predicate, quad.object)
        except SyntaxError as error:
            rejected.append(Rejected(number, f"not a triple: {error}"))
