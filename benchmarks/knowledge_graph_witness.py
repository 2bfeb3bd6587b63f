"""A witness of a question of AgentBench: the smallest graph in which its gold calls give its answers.

The idea: Freebase is not at hand, but a gold solution says what the graph must hold. Going backwards from
the answers, every call gets the triples that it needs, and every intersection and superlative a member that
must be dropped. What the calls then give on that graph is a test of the loader, the tools and the queries;
it is no test of the question against Freebase.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from trajectune.environments.knowledge_graph.facts.ntriples import Triples
from trajectune.environments.knowledge_graph.graph.vocabulary import FREEBASE_NAMESPACE, freebase
from trajectune.environments.knowledge_graph.sources.problem import GoldCall, Problem

MAKING = ("get_neighbors", "intersection", "argmax", "argmin", "count")
CLASS = "witness.thing"
WANTED, DROPPED = 2, 1
"""Values of an attribute for what a superlative keeps and drops, the other way round for the smallest."""


def witness(problem: Problem) -> bytes:
    """The triples; empty where the gold makes no variable."""
    making = [call for call in problem.gold if call.tool in MAKING]
    return _Witness(problem, making).build() if making else b""


class _Witness:
    def __init__(self, problem: Problem, making: Sequence[GoldCall]) -> None:
        self.vocabulary = freebase()
        self.triples = Triples(FREEBASE_NAMESPACE)
        self.making = making
        self.entities = problem.entities
        self.members: defaultdict[int, list[str]] = defaultdict(list)
        self.fresh = 0
        last = len(making) - 1
        if making[last].tool == "count":
            (number,) = problem.answers
            self.members[last] = [self._thing() for _ in range(int(number))]
        else:
            self.members[last] = [self.vocabulary.iri(answer) for answer in sorted(problem.answers)]

    def build(self) -> bytes:
        for number in reversed(range(len(self.making))):
            call, members = self.making[number], self.members[number]
            for member in members:
                self.triples.link(member, self.vocabulary.type, FREEBASE_NAMESPACE + CLASS)
            if call.tool == "get_neighbors":
                self._neighbours(call, members)
            elif call.tool == "intersection":
                for side in call.arguments:
                    self.members[int(side[1:])] += [*members, self._thing()]
            elif call.tool == "count":
                self.members[int(call.arguments[0][1:])] += members
            else:
                self._superlative(call, members)
        return self.triples.encoded()

    def _neighbours(self, call: GoldCall, members: Sequence[str]) -> None:
        source, relation = call.arguments
        if source.startswith("#"):
            known = self.members[int(source[1:])]
            known.append(start := self._thing())
        else:
            start = self.entities.get(source, self.vocabulary.iri(source))
        for member in members:
            self.triples.link(start, FREEBASE_NAMESPACE + relation, member)

    def _superlative(self, call: GoldCall, members: Sequence[str]) -> None:
        source, attribute = call.arguments
        loser = self._thing()
        self.members[int(source[1:])] += [*members, loser]
        sign = 1 if call.tool == "argmax" else -1
        for member in members:
            self.triples.number(member, FREEBASE_NAMESPACE + attribute, sign * WANTED)
        self.triples.number(loser, FREEBASE_NAMESPACE + attribute, sign * DROPPED)

    def _thing(self) -> str:
        self.fresh += 1
        return f"{FREEBASE_NAMESPACE}m.witness_{self.fresh}"
