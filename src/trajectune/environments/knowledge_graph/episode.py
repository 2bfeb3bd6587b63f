"""One episode: seven tools over variables, and a reward when the agent answers.

The idea: a call makes a program out of programs (`graph.program`); the graph is asked only for the names to
list and for the values of the answer. What an agent writes is looked up, never interpreted: a variable by
its number, an entity among those of the question, a relation among those that were listed for this very
variable. So nothing it writes can become part of a query.

Invariants: whatever a call holds, it is answered (a wrong one with a fault), in bounded text; no
observation shows a value of a variable; after `answer` the episode is over and its reward stays what it
was. Rules and scores are those of AgentBench's knowledge graph; `MAX_SIZE` is ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from trajectune.environments.answers import unknown_tool
from trajectune.environments.contract import Episode, StepResult
from trajectune.environments.knowledge_graph.graph.program import (
    Count,
    Entity,
    Extreme,
    Intersection,
    Join,
    Program,
    size,
)
from trajectune.environments.knowledge_graph.graph.store import Graph, HeavyQueryError, is_number
from trajectune.environments.knowledge_graph.graph.vocabulary import Edge
from trajectune.environments.knowledge_graph.listing import listed
from trajectune.environments.knowledge_graph.scoring import NOTHING, Scores, score
from trajectune.environments.knowledge_graph.sources.problem import Problem
from trajectune.environments.knowledge_graph.tools import ARGUMENTS, TOOLS
from trajectune.trajectory import Fault, ToolCall

T = TypeVar("T")
NUMBER = "number"
MAX_SIZE = 100
"""Patterns of a program's query; AgentBench's longest gold has ten."""
MAX_SHOWN = 60
"""Characters of a name that are given back in a complaint."""
_VARIABLE = re.compile(r"(?:[Vv]ariable )?#(\d{1,4})")


@dataclass(frozen=True, slots=True)
class Variable:
    """What the agent knows as `#k`."""

    program: Program
    type: str


class _Wrong(Exception):  # noqa: N818
    """A call that cannot be carried out; its text is told to the agent."""


class KnowledgeGraphEpisode(Episode):
    """A question being worked on."""

    def __init__(self, graph: Graph, problem: Problem) -> None:
        self.graph = graph
        self.problem = problem
        self.variables: list[Variable] = []
        self.scores: Scores = NOTHING
        """How good the answer was, in AgentBench's three terms."""
        self._relations: dict[Program, dict[str, Edge]] = {}
        self._attributes: dict[Program, dict[str, str]] = {}
        self._made: set[tuple[str, ...]] = set()
        self._last: StepResult | None = None

    @property
    def observation(self) -> str:
        return self.problem.text

    def step(self, call: ToolCall) -> StepResult:
        if self._last is not None:
            return self._last
        if call.name not in ARGUMENTS:
            return unknown_tool(call, TOOLS)
        try:
            arguments = _texts(call.name, call.arguments)
            result = self._doing[call.name](self, *arguments)
        except _Wrong as wrong:
            return StepResult(str(wrong), fault=Fault.BAD_ARGUMENTS)
        except HeavyQueryError:
            return StepResult(
                "The graph could not answer in time: this is too much at once. Narrow it down.",
                fault=Fault.BAD_ARGUMENTS,
            )
        if result.done:
            self._last = result
        return self._marked(result, (call.name, *arguments))

    def close(self) -> None:
        """Nothing is held."""

    def _marked(self, result: StepResult, made: tuple[str, ...]) -> StepResult:
        """The result, with the fault of having been asked for before."""
        repeated = made in self._made
        self._made.add(made)
        return StepResult(result.observation, fault=Fault.REPETITION) if repeated else result

    def _get_relations(self, variable: str) -> StepResult:
        program = self._start(variable)
        if program not in self._relations:
            self._relations[program] = self.graph.relations(program)
        return StepResult(listed(self._relations[program], self.problem.question, "relations"))

    def _get_neighbors(self, variable: str, relation: str) -> StepResult:
        program = self._start(variable)
        edge = _chosen(self._relations.get(program), relation, "relation", variable, "get_relations")
        return self._new(Variable(Join(edge.iri, program, edge.inverse), self.graph.class_of(edge)))

    def _intersection(self, variable1: str, variable2: str) -> StepResult:
        left, right = self._variable(variable1), self._variable(variable2)
        if left.type != right.type or is_number(left.program):
            raise _Wrong(
                f"{_cut(variable1)} holds instances of {left.type}, {_cut(variable2)} of {right.type}: "
                "only two variables of one type can be intersected. Look at their relations."
            )
        return self._new(Variable(Intersection(left.program, right.program), left.type))

    def _get_attributes(self, variable: str) -> StepResult:
        program = self._members(variable).program
        if program not in self._attributes:
            self._attributes[program] = self.graph.attributes(program)
        return StepResult(listed(self._attributes[program], self.problem.question, "attributes"))

    def _argmax(self, variable: str, attribute: str) -> StepResult:
        return self._extreme(variable, attribute, largest=True)

    def _argmin(self, variable: str, attribute: str) -> StepResult:
        return self._extreme(variable, attribute, largest=False)

    def _extreme(self, variable: str, attribute: str, largest: bool) -> StepResult:
        found = self._members(variable)
        known = self._attributes.get(found.program)
        iri = _chosen(known, attribute, "attribute", variable, "get_attributes")
        return self._new(Variable(Extreme(found.program, iri, largest), found.type))

    def _count(self, variable: str) -> StepResult:
        return self._new(Variable(Count(self._members(variable).program), NUMBER))

    def _answer(self, variable: str) -> StepResult:
        values = self.graph.values(self._variable(variable).program)
        self.scores = score(values, self.problem.answers)
        return StepResult("", done=True, reward=self.scores.f1)

    def _new(self, variable: Variable) -> StepResult:
        """Give a variable the next number."""
        if size(variable.program) > MAX_SIZE:
            raise _Wrong("This variable would be made of too many steps. Start again from an entity.")
        number = len(self.variables)
        self.variables.append(variable)
        if variable.type == NUMBER:
            return StepResult(f"variable #{number}, which is a number")
        return StepResult(f"variable #{number}, which are instances of {variable.type}")

    def _start(self, name: str) -> Program:
        """What a call starts from: an entity of the question, or a variable with members."""
        iri = self.problem.entities.get(name.strip())
        if iri is not None:
            return Entity(iri)
        if _VARIABLE.fullmatch(name.strip()):
            return self._members(name).program
        named = ", ".join(_cut(entity) for entity in list(self.problem.entities)[:10])
        raise _Wrong(f"{_cut(name)} is neither an entity of the question ({named}) nor a variable like #0.")

    def _members(self, name: str) -> Variable:
        variable = self._variable(name)
        if is_number(variable.program):
            raise _Wrong(f"{_cut(name)} is a number; nothing leads on from it.")
        return variable

    def _variable(self, name: str) -> Variable:
        found = _VARIABLE.fullmatch(name.strip())
        if found is None:
            raise _Wrong(f"{_cut(name)} is no variable: write one like #0.")
        number = int(found[1])
        if number >= len(self.variables):
            last = f"the last one is #{len(self.variables) - 1}" if self.variables else "there is none yet"
            raise _Wrong(f"There is no variable #{number}; {last}.")
        return self.variables[number]

    _doing: Mapping[str, Callable[..., StepResult]] = {
        "get_relations": _get_relations,
        "get_neighbors": _get_neighbors,
        "intersection": _intersection,
        "get_attributes": _get_attributes,
        "argmax": _argmax,
        "argmin": _argmin,
        "count": _count,
        "answer": _answer,
    }


def _texts(tool: str, arguments: Mapping[str, Any]) -> list[str]:
    """The arguments of a call in order, all of them texts."""
    wanted = ARGUMENTS[tool]
    if set(arguments) != set(wanted) or not all(isinstance(arguments[key], str) for key in wanted):
        raise _Wrong(f"{tool} needs exactly these texts: {', '.join(wanted)}.")
    return [arguments[key] for key in wanted]


def _chosen(known: Mapping[str, T] | None, name: str, noun: str, variable: str, lister: str) -> T:
    """What stands behind a listed name."""
    if known is None:
        raise _Wrong(f"Call {lister}({_cut(variable)}) first; it lists what can be chosen.")
    if (found := known.get(name.strip())) is None:
        raise _Wrong(f"{_cut(name)} is no {noun} of {_cut(variable)}. Choose one that {lister} listed.")
    return found


def _cut(name: str) -> str:
    """What an agent wrote, short enough to be said back, on one line."""
    line = " ".join(name.split())
    return line if len(line) <= MAX_SHOWN else f"{line[:MAX_SHOWN]}…"
