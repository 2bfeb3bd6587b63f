"""A graph that can be asked: the contract, and the one that is embedded in this process.

The idea: whoever answers SPARQL is a `Graph`; everything else (values of a program, its relations and
attributes, what a relation leads to) is written once, over `select`. The embedded graph is pyoxigraph's
store in memory: read only, shared by all episodes, and asked the very queries that an endpoint would be.

Invariants: the same query gives the same answer for as long as the graph lives, so answers are kept; a
query that is too much for the graph raises `HeavyQueryError`, broken infrastructure raises `EpisodeError`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from trajectune.environments.knowledge_graph.extra import require_store
from trajectune.environments.knowledge_graph.graph import sparql
from trajectune.environments.knowledge_graph.graph.program import Count, Program
from trajectune.environments.knowledge_graph.graph.terms import Term
from trajectune.environments.knowledge_graph.graph.vocabulary import Edge, Vocabulary
from trajectune.errors import EpisodeError, TrajectuneError

if TYPE_CHECKING:
    from pyoxigraph import Store

KEPT = 4_096
"""Answers that a graph keeps in memory, the latest."""
UNKNOWN = "thing"
"""The class of what no graph says anything about."""


class HeavyQueryError(TrajectuneError):
    """The graph is there, but this query is too much for it: the agent asks for too much."""


class Graph(ABC):
    """Anything that answers SPARQL. `vocabulary` says how its IRIs are named."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self._ask = lru_cache(maxsize=KEPT)(self.select)
        self._class = lru_cache(maxsize=KEPT)(self._find_class)

    @abstractmethod
    def select(self, query: str) -> tuple[Term, ...]:
        """What a SELECT query binds its first variable to, row by row."""

    def values(self, program: Program) -> frozenset[str]:
        """The values of a program as AgentBench compares them: names of the base, IRIs, or texts."""
        found = self._ask(sparql.values_query(program, self.vocabulary))
        return frozenset(self.answer(term) for term in found)

    def relations(self, program: Program) -> dict[str, Edge]:
        """Name → edge of the relations that lead on from a program's values."""
        vocabulary = self.vocabulary
        forth = self._ask(sparql.relations_query(program, vocabulary))
        back = self._ask(sparql.incoming_query(program, vocabulary)) if vocabulary.inverse else ()
        return vocabulary.shown_relations((t.value for t in forth), (t.value for t in back))

    def attributes(self, program: Program) -> dict[str, str]:
        """Name → IRI of the attributes that a program's values have."""
        found = self._ask(sparql.attributes_query(program, self.vocabulary))
        return self.vocabulary.shown_attributes(term.value for term in found)

    def class_of(self, edge: Edge) -> str:
        """The name of the class that an edge leads to."""
        return self._class(edge)

    def answer(self, term: Term) -> str:
        """A term as it stands in an answer; Virtuoso's time zone of dates goes, as in AgentBench."""
        if term.kind == "iri":
            return term.value.removeprefix(self.vocabulary.base)
        return term.value.removesuffix("-08:00")

    def _find_class(self, edge: Edge) -> str:
        vocabulary = self.vocabulary
        known = vocabulary.ranges.get(vocabulary.name(edge.iri))
        if known and not edge.inverse:
            return known
        for query in (sparql.stated_class_query, sparql.usual_class_query):
            if found := self._ask(query(edge, vocabulary)):
                return vocabulary.name(found[0].value)
        return UNKNOWN


class EmbeddedGraph(Graph):
    """A graph in memory, out of N-Triples."""

    def __init__(self, store: Store, vocabulary: Vocabulary) -> None:
        super().__init__(vocabulary)
        self.store = store

    def select(self, query: str) -> tuple[Term, ...]:
        try:
            return tuple(_term(row[0]) for row in self.store.query(query) if row[0] is not None)  # type: ignore[union-attr]
        except (SyntaxError, ValueError, OSError) as error:
            raise EpisodeError(
                f"The graph cannot be asked: {error}", where=query[:500], remedy="report this query"
            ) from error


def embedded(triples: bytes, vocabulary: Vocabulary) -> EmbeddedGraph:
    """A graph of N-Triples, all of them well formed. Raises `UnavailableError` without pyoxigraph."""
    require_store()
    from pyoxigraph import RdfFormat, Store

    store = Store()
    store.bulk_load(input=triples, format=RdfFormat.N_TRIPLES)
    return EmbeddedGraph(store, vocabulary)


def is_number(program: Program) -> bool:
    """Whether a program gives a number, from which nothing leads on."""
    return isinstance(program, Count)


def _term(node: Any) -> Term:
    """A node of pyoxigraph's as a term."""
    match type(node).__name__:
        case "NamedNode":
            return Term(node.value)
        case "Literal":
            return Term(node.value, "literal")
    return Term(str(node), "blank")
