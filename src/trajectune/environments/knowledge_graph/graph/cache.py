"""Replies of endpoints on disk: a query that was answered once is not asked again, by any run.

Invariants: a file holds the query and address that it answers, so that no mix-up can go unseen; it appears
whole or not at all; what cannot be read back is as good as absent, and is written anew.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from trajectune.environments.knowledge_graph.graph.terms import Term
from trajectune.errors import DataError
from trajectune.storage import cache_dir, filling, read_json, write_atomic


class ReplyCache:
    """A folder of replies; `folder` defaults to `sparql` in trajectune's cache."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or cache_dir() / "sparql"

    def get(self, url: str, query: str) -> tuple[Term, ...] | None:
        """The reply that was kept, or `None`."""
        file = self._file(url, query)
        if not file.is_file():
            return None
        try:
            kept: Any = read_json(file)
            if (kept["url"], kept["query"]) != (url, query):
                return None
            return tuple(Term(value, kind) for kind, value in kept["terms"])
        except (DataError, KeyError, TypeError, ValueError):
            return None

    def put(self, url: str, query: str, terms: tuple[Term, ...]) -> None:
        """Keep a reply. Raises `DataError` where the cache cannot be written."""
        file = self._file(url, query)
        kept = {"url": url, "query": query, "terms": [[term.kind, term.value] for term in terms]}
        with filling(file.parent):
            file.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(file, json.dumps(kept, ensure_ascii=True))

    def _file(self, url: str, query: str) -> Path:
        digest = hashlib.sha256(f"{url}\n{query}".encode()).hexdigest()
        return self.folder / digest[:2] / f"{digest}.json"
