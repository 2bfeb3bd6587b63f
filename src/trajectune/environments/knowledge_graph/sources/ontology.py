"""What AgentBench knows of Freebase beside its triples: what is shown of it, and where relations lead.

The files are AgentBench's own (`src/server/tasks/knowledgegraph/ontology`): a JSON with the lists
`relations` and `attributes` (`vocab.json`), and `fb_roles`, lines of domain, relation and range. Without
them the graph is asked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trajectune.environments.knowledge_graph.graph.vocabulary import Vocabulary, freebase
from trajectune.errors import DataError
from trajectune.storage import open_binary, read_json

LISTS = ("vocab.json", "ontology_vocab.json")
ROLES = "fb_roles"


def freebase_vocabulary(place: Path | None) -> Vocabulary:
    """Freebase's vocabulary; `place` is the list's file, or its folder, with the roles beside it."""
    if place is None:
        return freebase()
    file = _list_file(place)
    found: Any = read_json(file)
    if not isinstance(found, dict) or not all(
        _is_names(found.get(key)) for key in ("relations", "attributes")
    ):
        raise DataError(
            "Not AgentBench's vocabulary: lists `relations` and `attributes` are needed.", where=str(file)
        )
    roles = file.with_name(ROLES)
    return freebase(found["relations"], found["attributes"], _ranges(roles) if roles.is_file() else {})


def _list_file(place: Path) -> Path:
    if not place.is_dir():
        return place
    for name in LISTS:
        if (place / name).is_file():
            return place / name
    raise DataError(
        "The ontology of AgentBench is not here.",
        where=str(place),
        remedy=f"set ontology: to a folder with {' or '.join(LISTS)}",
    )


def _ranges(file: Path) -> dict[str, str]:
    with open_binary(file) as opened:
        cells = (line.split() for line in opened.read().decode("utf-8", "replace").splitlines())
        return {row[1]: row[2] for row in cells if len(row) == 3}


def _is_names(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(name, str) for name in found)
