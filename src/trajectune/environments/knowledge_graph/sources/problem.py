"""What a task of the knowledge graph is: a question, where it starts, what is right, and how it is found.

Invariant: a problem is a value, with nothing of the graph in it but names and IRIs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from trajectune.environments.knowledge_graph.tools import ARGUMENTS
from trajectune.trajectory import ToolCall


@dataclass(frozen=True, slots=True)
class GoldCall:
    """One call of the solution."""

    tool: str
    arguments: tuple[str, ...]
    """In the tool's order: names of entities, `#k`, names of relations and attributes."""
    purpose: str = ""
    """What the variable is that the call makes, in the question's own words, where they are known."""

    def call(self) -> ToolCall:
        """The call as an agent makes it."""
        named = zip(ARGUMENTS[self.tool], self.arguments, strict=True)
        arguments: dict[str, JsonValue] = dict(named)
        return ToolCall(name=self.tool, arguments=arguments)


@dataclass(frozen=True, slots=True)
class Problem:
    """A question about a graph."""

    question: str
    kind: str
    entities: Mapping[str, str]
    """IRIs of the entities that the question names, by the names that it uses."""
    answers: frozenset[str]
    """The values of the right answer (see `Graph.values`); never empty."""
    gold: tuple[GoldCall, ...] = ()
    """The calls that lead to the last variable, which is the answer; empty where they are not known."""

    @property
    def text(self) -> str:
        """The problem as the agent sees it."""
        return f"Question: {self.question}\nEntities: [{', '.join(self.entities)}]"
