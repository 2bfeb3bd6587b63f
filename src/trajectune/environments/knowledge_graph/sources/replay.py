"""Gold calls carried out: which program they make, and what its values are.

The idea: the calls of a solution are AgentBench's own (`get_neighbors(#0, country.capital)`). Replayed on
an episode of their own they make the very variable that an agent would make by them, so a gold is only
believed where it can be played.

Invariant: nothing is raised for a gold that does not hold; `Replay.why` says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trajectune.environments.knowledge_graph.episode import KnowledgeGraphEpisode, Variable
from trajectune.environments.knowledge_graph.graph.store import Graph, HeavyQueryError
from trajectune.environments.knowledge_graph.sources.problem import GoldCall, Problem
from trajectune.trajectory import Fault


@dataclass(frozen=True, slots=True)
class Replay:
    """What became of gold calls."""

    variable: Variable | None
    """The last one that they make."""
    why: str = ""
    """Why they do not hold: the complaint about the first call that is refused."""


def replay(graph: Graph, entities: Mapping[str, str], gold: Sequence[GoldCall]) -> Replay:
    """Carry out gold calls. Raises `EpisodeError` only where the graph itself is broken."""
    episode = KnowledgeGraphEpisode(graph, Problem("", "", entities, frozenset()))
    for each in gold:
        result = episode.step(each.call())
        if result.fault not in (None, Fault.REPETITION):
            return Replay(None, f"{each.tool}: {result.observation}")
    if not episode.variables:
        return Replay(None, "the calls make no variable")
    return Replay(episode.variables[-1])


def answers_of(graph: Graph, entities: Mapping[str, str], gold: Sequence[GoldCall]) -> frozenset[str]:
    """The values of the last variable that gold calls make; nothing where they do not hold."""
    found = replay(graph, entities, gold).variable
    if found is None:
        return frozenset()
    try:
        return graph.values(found.program)
    except HeavyQueryError:
        return frozenset()
