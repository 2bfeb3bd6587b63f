"""Writing triples: facts become N-Triples, the plainest form that a store loads.

Invariant: lines are well formed whatever the names hold, and come in a settled order.
"""

from __future__ import annotations

from urllib.parse import quote

from trajectune.environments.knowledge_graph.graph.sparql import XSD
from trajectune.environments.knowledge_graph.graph.vocabulary import RDF, RDFS

TYPE, LABEL, RANGE = f"{RDF}type", f"{RDFS}label", f"{RDFS}range"


class Triples:
    """Collects triples under one namespace; each is kept once."""

    def __init__(self, base: str) -> None:
        self.base = base
        self._lines: dict[str, None] = {}

    def iri(self, *parts: str) -> str:
        """The IRI of a thing: `iri("city", "42")`; signs that an IRI cannot hold are percent-encoded."""
        return self.base + "/".join(quote(part, safe=".-_") for part in parts)

    def link(self, subject: str, predicate: str, thing: str) -> None:
        """A triple between IRIs."""
        self._lines[f"<{subject}> <{predicate}> <{thing}> .\n"] = None

    def number(self, subject: str, predicate: str, value: float) -> None:
        """A triple with a number."""
        kind = "integer" if isinstance(value, int) else "decimal"
        self._lines[f'<{subject}> <{predicate}> "{value}"^^<{XSD}{kind}> .\n'] = None

    def text(self, subject: str, predicate: str, value: str) -> None:
        """A triple with a text."""
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
        self._lines[f'<{subject}> <{predicate}> "{escaped}" .\n'] = None

    def both(self, subject: str, forth: str, back: str, thing: str) -> None:
        """A fact with a relation in either direction, as Freebase has them."""
        self.link(subject, forth, thing)
        self.link(thing, back, subject)

    def encoded(self) -> bytes:
        """All of them."""
        return "".join(self._lines).encode()
