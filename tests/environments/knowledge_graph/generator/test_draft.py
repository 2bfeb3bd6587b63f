"""Drafts: calls, words and members grow together, and what is not worth asking is unlucky."""

from __future__ import annotations

from random import Random

import pytest

from trajectune.environments.knowledge_graph.facts.geography import BASE
from trajectune.environments.knowledge_graph.generator.atlas import atlas, world
from trajectune.environments.knowledge_graph.generator.draft import Draft, Node, Unlucky
from trajectune.environments.knowledge_graph.generator.wordings import TRAIN
from trajectune.environments.knowledge_graph.sources.problem import GoldCall
from trajectune.environments.knowledge_graph.sources.replay import answers_of

pytest.importorskip("pycountry")


@pytest.fixture
def draft() -> Draft:
    return Draft(Random(0), atlas(), TRAIN, unseen=False)


def played(draft: Draft) -> frozenset[str]:
    """What the calls of a draft give in an episode."""
    entities = {name: BASE + thing for name, thing in draft.entities.items()}
    return answers_of(world(), entities, draft.calls)


def test_a_chain(draft: Draft):
    node = draft.hop(draft.hop(draft.start("country/PT"), "country.neighbours"), "country.capital")
    assert draft.calls == [
        GoldCall("get_relations", ("Portugal",)),
        GoldCall("get_neighbors", ("Portugal", "country.neighbours"), draft.calls[1].purpose),
        GoldCall("get_relations", ("#0",)),
        GoldCall("get_neighbors", ("#0", "country.capital"), node.words),
    ]
    assert "Portugal" in draft.calls[1].purpose
    assert (node.name, node.kind, node.plural, node.clause) == ("#1", "city", True, "")
    assert node.words.startswith("the capital")
    assert node.words.endswith(draft.calls[1].purpose)
    assert {atlas().labels[city] for city in node.members} == {"Madrid"}
    assert played(draft) == node.members


def test_an_intersection_counted(draft: Draft):
    left = draft.hop(draft.start("country/FR"), "country.neighbours")
    right = draft.hop(draft.start("currency/CHF"), "currency.countries")
    both = draft.both(left, right)
    assert both.members == {"country/CH"}
    assert both.words.startswith("the countries ")
    assert draft.calls[-1].arguments == ("#0", "#1")
    assert played(draft) == both.members
    with pytest.raises(Unlucky):
        draft.count(both)
    draft.count(left)
    assert played(draft) == {"8"}


def test_a_ranking(draft: Draft):
    node = draft.hop(draft.start("country/FR"), "country.neighbours")
    first = draft.extreme(node, "country.population", largest=True)
    assert first.members == {"country/DE"}
    assert not first.plural
    assert played(draft) == first.members
    last = draft.extreme(node, "country.area", largest=False)
    assert last.members == {"country/MC"}
    assert [call.tool for call in draft.calls].count("get_attributes") == 1, "listed once"


def test_relations_are_listed_once_for_each_variable(draft: Draft):
    start = draft.start("country/FR")
    draft.hop(start, "country.capital")
    draft.hop(start, "country.continent")
    assert [call.tool for call in draft.calls] == ["get_relations", "get_neighbors", "get_neighbors"]


def test_what_is_not_worth_asking_is_unlucky(draft: Draft):
    iceland = draft.start("country/IS")
    with pytest.raises(Unlucky, match="no member"):
        draft.hop(iceland, "country.neighbours")
    spain = draft.hop(draft.start("country/PT"), "country.neighbours")
    with pytest.raises(Unlucky, match="too few to rank"):
        draft.extreme(spain, "country.area", largest=True)
    with pytest.raises(Unlucky, match="takes nothing away"):
        draft.both(spain, spain)
    with pytest.raises(Unlucky, match="one name"):
        draft.start("country/PT")
    with pytest.raises(Unlucky, match="nothing to choose"):
        draft.one_of([])
    world = Node("#8", "country", "x", True, frozenset(atlas().links["country.cities"]))
    with pytest.raises(Unlucky, match="nearly everything"):
        draft.hop(world, "country.cities")
