"""The expert: makes the gold calls one by one, thinking aloud, and answers with the last variable.

The idea: what is known of a solution are its calls, as AgentBench writes them; the expert says why each is
made and reads the number of a variable from the observation that it is sent. Some episodes (`repair`) hold
one wrong call and its repair; it is shown and not trained.

Invariant: an expert exists exactly where its gold calls, carried out on this graph, earn the whole reward.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from random import Random

from trajectune.environments.contract import Expert, Move
from trajectune.environments.knowledge_graph.expert import thoughts
from trajectune.environments.knowledge_graph.expert.mistakes import MAKING, mistake
from trajectune.environments.knowledge_graph.graph.store import Graph
from trajectune.environments.knowledge_graph.sources.problem import GoldCall, Problem
from trajectune.environments.knowledge_graph.sources.replay import answers_of

MAX_CALLS = 13
"""Gold calls that leave room for a mistake and the answer in fifteen steps."""
_VARIABLE = re.compile(r"variable (#\d+)")


def expert(graph: Graph, problem: Problem, seed: str, repair: float = 0.0) -> Expert | None:
    """A solver of this problem; `seed` settles the words and the mistake."""
    if not 0 < len(problem.gold) <= MAX_CALLS:
        return None
    if answers_of(graph, problem.entities, problem.gold) != problem.answers:
        return None
    return _moves(list(problem.gold), Random(seed), repair)


def _moves(gold: list[GoldCall], rng: Random, repair: float) -> Expert:
    wrong_at = rng.randrange(len(gold)) if rng.random() < repair else -1
    variable, purpose = "#0", ""
    for number, call in enumerate(gold):
        why = thoughts.thought(rng, call, gold[:number])
        if number >= wrong_at >= 0:
            # The drawn place may offer none: the next that does is taken.
            why, was_made = yield from _mistaken(rng, gold, number, why)
            wrong_at = -1 if was_made else wrong_at
        seen = yield Move(why, call.call())
        if call.tool in MAKING and (found := _VARIABLE.search(seen)):
            variable, purpose = found[1], call.purpose
    answer = GoldCall("answer", (variable,)).call()
    yield Move(thoughts.committing(rng, variable, purpose), answer)


def _mistaken(
    rng: Random, gold: list[GoldCall], at: int, why: str
) -> Generator[Move, str, tuple[str, bool]]:
    """Make a mistake in front of a call; gives the thought for the call, and whether one was made."""
    made = mistake(rng, gold, at)
    if made is None:
        return why, False
    yield Move(made.reason or why, made.call.call(), trained=False)
    return made.mended, True
