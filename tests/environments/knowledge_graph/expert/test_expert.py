"""The expert: earns the reward, thinks aloud, and mends its mistakes."""

from __future__ import annotations

from support.graphs import problem
from trajectune.environments.contract import Move
from trajectune.environments.knowledge_graph.episode import KnowledgeGraphEpisode
from trajectune.environments.knowledge_graph.expert.expert import MAX_CALLS, expert
from trajectune.environments.knowledge_graph.graph.store import EmbeddedGraph
from trajectune.environments.knowledge_graph.sources.problem import GoldCall, Problem
from trajectune.trajectory import Fault

LONG = problem(
    "Which is the longest film of a director of a film with Crowe?",
    frozenset({"heat"}),
    (
        GoldCall("get_relations", ("Crowe",)),
        GoldCall("get_neighbors", ("Crowe", "acted_in"), "the films with Crowe"),
        GoldCall("get_relations", ("#0",)),
        GoldCall("get_neighbors", ("#0", "directed_by"), "the directors of the films with Crowe"),
        GoldCall("get_relations", ("#1",)),
        GoldCall("get_neighbors", ("#1", "directed"), "the films of the directors of the films with Crowe"),
        GoldCall("get_attributes", ("#2",)),
        GoldCall("argmax", ("#2", "minutes"), "the longest of them"),
    ),
    Crowe="crowe",
)


def played(
    graph: EmbeddedGraph, asked: Problem, seed: str, repair: float = 0.0
) -> list[tuple[Move, Fault | None, bool]]:
    """The moves of an expert, each with its fault and whether it ended the episode with reward 1."""
    solver = expert(graph, asked, seed, repair)
    assert solver is not None
    episode = KnowledgeGraphEpisode(graph, asked)
    found: list[tuple[Move, Fault | None, bool]] = []
    move = next(solver)
    while True:
        result = episode.steps(move.calls)[0]
        found.append((move, result.fault, result.done and result.reward == 1))
        if result.done:
            return found
        move = solver.send(result.observation)


def test_it_makes_the_gold_calls_and_answers(graph: EmbeddedGraph):
    moves = played(graph, LONG, "0")
    assert [move.call for move, *_ in moves[:-1]] == [call.call() for call in LONG.gold]
    assert moves[-1][0].calls[0].arguments == {"variable": "#3"}
    assert moves[-1][2]


def test_thoughts_vary_with_the_seed_and_the_calls_do_not(graph: EmbeddedGraph):
    runs = [played(graph, LONG, str(seed)) for seed in range(5)]
    assert len({tuple(move.thought for move, *_ in run) for run in runs}) == 5
    assert len({tuple(str(move.call) for move, *_ in run) for run in runs}) == 1
    assert played(graph, LONG, "3") == runs[3]


def test_a_mistake_is_refused_shown_untrained_and_mended(graph: EmbeddedGraph):
    wrong_tools = set()
    for seed in range(60):
        moves = played(graph, LONG, str(seed), repair=1.0)
        wrong = [number for number, (move, *_) in enumerate(moves) if not move.trained]
        assert len(wrong) <= 1
        for number, (move, fault, _) in enumerate(moves):
            assert (fault is None) is move.trained
            assert "\n" not in move.thought
            assert 2 <= len(move.thought.split()) <= 40 or number in wrong
        assert moves[-1][2], "the mistake costs nothing but a step"
        wrong_tools |= {moves[number][0].calls[0].name for number in wrong}
    assert {"get_neighbors", "argmax"} <= wrong_tools


def test_no_thought_names_a_relation_before_it_was_listed(graph: EmbeddedGraph):
    for seed in range(40):
        seen = LONG.text
        for move, *_ in played(graph, LONG, str(seed), repair=0.5):
            for name in ("acted_in", "directed_by", "minutes"):
                if name in move.thought:
                    assert any(name in text for text in seen.split("\n")), move.thought
            episode = KnowledgeGraphEpisode(graph, LONG)
            for call in LONG.gold:
                seen += "\n" + episode.step(call.call()).observation
                if call.call() == move.calls[0]:
                    break


def test_without_a_gold_that_holds_there_is_no_expert(graph: EmbeddedGraph):
    assert expert(graph, problem(gold=()), "0") is None
    assert expert(graph, problem(answers=frozenset({"heat"})), "0") is None
    wrong = (GoldCall("get_neighbors", ("Ridley Scott", "directed")),)
    assert expert(graph, problem(gold=wrong), "0") is None
    many = problem().gold * MAX_CALLS
    assert expert(graph, problem(gold=many), "0") is None
