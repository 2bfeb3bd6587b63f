"""The knowledge graph is tested where its packages are installed, each test with a cache of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.graphs import films
from trajectune.environments.knowledge_graph.graph.store import EmbeddedGraph

pytest.importorskip("pyoxigraph")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAJECTUNE_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def graph() -> EmbeddedGraph:
    """A small graph of films."""
    return films()
