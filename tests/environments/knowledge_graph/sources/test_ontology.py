"""AgentBench's ontology: its lists and its ranges."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trajectune.environments.knowledge_graph.sources.ontology import freebase_vocabulary
from trajectune.errors import DataError


@pytest.mark.parametrize("name", ["vocab.json", "ontology_vocab.json"])
def test_lists_and_roles_are_read(tmp_path: Path, name: str):
    (tmp_path / name).write_text(
        json.dumps({"relations": ["a.b.c"], "attributes": ["a.b.n"], "classes": []})
    )
    (tmp_path / "fb_roles").write_text("a.b a.b.c d.e\nnot three\n\nx y z w\n")
    for place in (tmp_path, tmp_path / name):
        found = freebase_vocabulary(place)
        assert (found.relations, found.attributes) == (frozenset(["a.b.c"]), frozenset(["a.b.n"]))
        assert found.ranges == {"a.b.c": "d.e"}


def test_without_an_ontology_the_graph_is_asked():
    found = freebase_vocabulary(None)
    assert (found.relations, found.attributes, dict(found.ranges)) == (None, None, {})


@pytest.mark.parametrize(
    "content", ["[]", "{}", '{"relations": [1], "attributes": []}', '{"relations": []}']
)
def test_what_is_no_ontology_is_an_error(tmp_path: Path, content: str):
    (tmp_path / "vocab.json").write_text(content)
    with pytest.raises(DataError, match="vocabulary"):
        freebase_vocabulary(tmp_path)


def test_an_empty_folder_is_an_error(tmp_path: Path):
    with pytest.raises(DataError, match=r"vocab\.json"):
        freebase_vocabulary(tmp_path)


def test_the_real_ontology(shared_data: Path):
    found = freebase_vocabulary(shared_data / "agentbench" / "knowledgegraph")
    assert (len(found.relations or ()), len(found.attributes or ())) == (13_100, 3_384)
    assert "basketball.basketball_player.position_s" in (found.relations or ())
