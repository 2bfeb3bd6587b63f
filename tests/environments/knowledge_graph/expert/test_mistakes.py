"""Mistakes: each is one that the episode refuses."""

from __future__ import annotations

from random import Random

import pytest

from support.graphs import problem
from trajectune.environments.knowledge_graph.episode import KnowledgeGraphEpisode
from trajectune.environments.knowledge_graph.expert.mistakes import MISTAKES, mistake
from trajectune.environments.knowledge_graph.graph.store import EmbeddedGraph
from trajectune.environments.knowledge_graph.sources.problem import GoldCall
from trajectune.trajectory import Fault

GOLD = [
    GoldCall("get_relations", ("Crowe",)),
    GoldCall("get_neighbors", ("Crowe", "acted_in")),
    GoldCall("get_relations", ("#0",)),
    GoldCall("get_neighbors", ("#0", "starred")),
    GoldCall("get_attributes", ("#0",)),
    GoldCall("argmin", ("#0", "year")),
    GoldCall("count", ("#2",)),
]


@pytest.mark.parametrize("at", range(len(GOLD)))
@pytest.mark.parametrize("make", MISTAKES, ids=lambda make: make.__name__)
def test_every_mistake_is_refused(graph: EmbeddedGraph, make, at: int):
    for seed in range(6):
        made = make(Random(seed), GOLD, at)
        if made is None:
            continue
        episode = KnowledgeGraphEpisode(graph, problem(Crowe="crowe"))
        for call in GOLD[:at]:
            assert episode.step(call.call()).fault is None
        before = len(episode.variables)
        assert episode.step(made.call.call()).fault is Fault.BAD_ARGUMENTS
        assert len(episode.variables) == before
        assert episode.step(GOLD[at].call()).fault is None
        assert made.mended.endswith(".")


def test_every_mistake_is_made_somewhere():
    for make in MISTAKES:
        listed = [
            GoldCall(call.tool, tuple(part.replace("_", ".") for part in call.arguments)) for call in GOLD
        ]
        assert any(make(Random(0), gold, at) for gold in (GOLD, listed) for at in range(len(GOLD)))


def test_where_none_fits_there_is_none():
    assert mistake(Random(0), [GoldCall("intersection", ("#0", "#1"))], 0) is None
