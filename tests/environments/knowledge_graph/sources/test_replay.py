"""Gold calls carried out, and what is wrong with those that cannot be."""

from __future__ import annotations

import pytest

from support.graphs import BASE, VOCABULARY, problem
from trajectune.environments.knowledge_graph.graph.program import Entity, Join
from trajectune.environments.knowledge_graph.graph.store import EmbeddedGraph, Graph, HeavyQueryError
from trajectune.environments.knowledge_graph.graph.terms import Term
from trajectune.environments.knowledge_graph.sources.problem import GoldCall
from trajectune.environments.knowledge_graph.sources.replay import answers_of, replay

ENTITIES = {"Scott": f"{BASE}scott"}
LIST, FOLLOW = GoldCall("get_relations", ("Scott",)), GoldCall("get_neighbors", ("Scott", "directed"))


def test_gold_makes_its_variable(graph: EmbeddedGraph):
    made = replay(graph, ENTITIES, [LIST, FOLLOW])
    assert made.variable is not None
    assert made.variable.program == Join(f"{BASE}directed", Entity(f"{BASE}scott"))
    assert answers_of(graph, ENTITIES, [LIST, FOLLOW]) == {"alien", "gladiator"}


def test_gold_may_repeat_itself(graph: EmbeddedGraph):
    assert answers_of(graph, ENTITIES, [LIST, LIST, FOLLOW, FOLLOW]) == {"alien", "gladiator"}


@pytest.mark.parametrize(
    ("gold", "why"),
    [
        ([], "no variable"),
        ([LIST], "no variable"),
        ([FOLLOW], "get_neighbors: Call get_relations"),
        ([LIST, GoldCall("get_neighbors", ("Scott", "wrote"))], "get_neighbors: wrote is no relation"),
        ([GoldCall("get_relations", ("Mann",))], "get_relations: Mann is neither"),
    ],
)
def test_gold_that_does_not_hold_says_why(graph: EmbeddedGraph, gold: list[GoldCall], why: str):
    made = replay(graph, ENTITIES, gold)
    assert made.variable is None
    assert why in made.why
    assert answers_of(graph, ENTITIES, gold) == frozenset()


def test_gold_that_is_too_heavy_finds_nothing(graph: EmbeddedGraph):
    class Tired(Graph):
        def select(self, query: str) -> tuple[Term, ...]:
            if "LIMIT 100000" in query:
                raise HeavyQueryError("no answer")
            return graph.select(query)

    assert answers_of(Tired(VOCABULARY), ENTITIES, problem().gold) == frozenset()
    assert answers_of(Tired(VOCABULARY), ENTITIES, [LIST, FOLLOW]) == frozenset()
