"""How a graph's IRIs are named to an agent, and which predicates it is shown.

The idea: an agent reads and writes short names (`country.capital`), a graph has IRIs. Going from IRI to
name is a rule (`Vocabulary.name`); going back is never done by rule: a name is looked up among those that
were shown, so whatever an agent writes, only IRIs of the graph come out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDFS = "http://www.w3.org/2000/01/rdf-schema#"
OWL = "http://www.w3.org/2002/07/owl#"
_LAST = re.compile(r"[^/#:]+(?=[/#:]*$)")
_UNWRITABLE = re.compile(r"[\s,()\[\]]")


@dataclass(frozen=True, slots=True)
class Edge:
    """A relation in one of its two directions."""

    iri: str
    inverse: bool = False
    """Whether it is followed from what it leads to; its name then begins with `^`, as in SPARQL."""


@dataclass(frozen=True)
class Vocabulary:
    """The conventions of one graph."""

    base: str = ""
    """Names of this namespace are shown without it."""
    type: str = f"{RDF}type"
    """The predicate from a thing to its class."""
    range: str = f"{RDFS}range"
    """The predicate from a relation to the class of what it leads to."""
    domain: str = f"{RDFS}domain"
    """The same for what it leads from."""
    inverse: bool = False
    """Whether relations are shown in both directions; a graph that has inverses of its own needs no
    other."""
    never_back: bool = False
    """Whether what a question starts from is left out at every step, not only of the answer (MetaQA)."""
    language: str = ""
    """Texts of other languages than this are no values; empty where any will do."""
    relations: frozenset[str] | None = None
    """Names of the only relations that are shown; `None` for all whose values are things or words."""
    attributes: frozenset[str] | None = None
    """The same for attributes; `None` for all whose values are numbers or dates."""
    ranges: Mapping[str, str] = field(default_factory=dict)
    """Class names by relation name, where they are known beforehand."""

    def name(self, iri: str) -> str:
        """The short name of an IRI, without anything that an argument list could not hold."""
        if self.base and iri.startswith(self.base):
            short = iri[len(self.base) :]
        else:
            found = _LAST.search(iri)
            short = found[0] if found else iri
        return _UNWRITABLE.sub(lambda sign: quote(sign[0]), short) or iri

    def iri(self, name: str) -> str:
        """The IRI of a name of this vocabulary's own files (`m.0zd6`); what has a scheme is one already."""
        return name if "://" in name or not self.base else self.base + name

    def shown_relations(self, iris: Iterable[str], incoming: Iterable[str] = ()) -> dict[str, Edge]:
        """Name → edge of the relations to show, sorted by name."""
        forth = self._shown(iris, self.relations)
        back = self._shown(incoming, self.relations)
        edges = {name: Edge(iri) for name, iri in forth.items()}
        edges |= {f"^{name}": Edge(iri, inverse=True) for name, iri in back.items()}
        return dict(sorted(edges.items()))

    def shown_attributes(self, iris: Iterable[str]) -> dict[str, str]:
        """Name → IRI of the attributes to show, sorted by name."""
        return self._shown(iris, self.attributes)

    def _shown(self, iris: Iterable[str], only: frozenset[str] | None) -> dict[str, str]:
        names: dict[str, list[str]] = {}
        for iri in sorted(iris):
            name = self.name(iri)
            if self._is_about_the_graph(iri) or (only is not None and name not in only):
                continue
            names.setdefault(name, []).append(iri)
        found = {}
        for name, known in names.items():
            # Two relations of one name are told apart by the whole IRI.
            found.update({name: known[0]} if len(known) == 1 else {iri: iri for iri in known})
        return dict(sorted(found.items()))

    def _is_about_the_graph(self, iri: str) -> bool:
        return iri in (self.type, self.range, self.domain) or iri.startswith((RDF, RDFS, OWL))


FREEBASE_NAMESPACE = "http://rdf.freebase.com/ns/"


def freebase(
    relations: Iterable[str] | None = None,
    attributes: Iterable[str] | None = None,
    ranges: Mapping[str, str] | None = None,
) -> Vocabulary:
    """Freebase as AgentBench asks it, with the parts of its ontology that are at hand."""
    return Vocabulary(
        base=FREEBASE_NAMESPACE,
        type=f"{FREEBASE_NAMESPACE}type.object.type",
        range=f"{FREEBASE_NAMESPACE}type.property.expected_type",
        domain=f"{FREEBASE_NAMESPACE}type.property.schema",
        language="en",
        relations=None if relations is None else frozenset(relations),
        attributes=None if attributes is None else frozenset(attributes),
        ranges=ranges or {},
    )
