"""What stands in a graph, and the one place where a term becomes SPARQL text.

The idea: nothing that a model writes is ever put into a query; a query holds IRIs that came from a graph, a
task or a vocabulary. These are checked here all the same, because a file or an endpoint may be hostile too.

Invariant: `iri_text` gives a well-formed IRI reference or raises. It never escapes: SPARQL undoes an
escaped sign before it looks for the end of an IRI (SPARQL 1.1, section 19.2), so an escape would protect
nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

_FORBIDDEN = re.compile(r"[\x00-\x20<>\"{}|^`\\\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
MAX_IRI = 2_000

Kind = Literal["iri", "literal", "blank"]


@dataclass(frozen=True, slots=True)
class Term:
    """A node of a graph: what a query binds a variable to."""

    value: str
    """The IRI, the literal's text, or the blank node's label."""
    kind: Kind = "iri"


def is_iri(text: str) -> bool:
    """Whether `text` is an absolute IRI that may stand in a query."""
    return len(text) <= MAX_IRI and bool(_SCHEME.match(text)) and not _FORBIDDEN.search(text)


def iri_text(iri: str) -> str:
    """An IRI as SPARQL writes it. Raises `ValueError` for what is no IRI."""
    if not is_iri(iri):
        raise ValueError(f"not an IRI: {iri[:80]!r}")
    return f"<{iri}>"
