"""The contract of a dialect: how a step is written as text and read back.

The idea: a dialect is a pair of pure functions, `render` and `parse`, side by side in one file, and
the words that tell a model to write so. Rendering gives spans, each with the capability it exercises
(Agent-FLAN), so no regular expression is ever run over our own output.

Invariants: `parse(render(thought, call))` gives back `thought` and `call` (property-tested for every
dialect); `parse` never raises, whatever it is given: a hostile reply is a `Reading` with a fault.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from trajectune.example import Span
from trajectune.trajectory import Fault, Tool, ToolCall


@dataclass(frozen=True, slots=True)
class Reading:
    """What a dialect read in a reply."""

    thought: str = ""
    call: ToolCall | None = None
    fault: Fault | None = None
    """Set exactly when `call` is `None`."""
    detail: str = ""
    """For the agent: what was wrong and what the format asks for."""


class Dialect(ABC):
    """One way of writing steps. Instances are immutable and shared."""

    name: ClassVar[str]
    acknowledgement: str = ""
    """The assistant's untrained reply to the instruction (AgentInstruct has one); empty for none."""
    stop: Sequence[str] = ()
    """Strings after which a reply is over (`Observation:` in ReAct)."""

    @abstractmethod
    def instruct(self, instruction: str, tools: Sequence[Tool]) -> str:
        """The opening words: the environment's rules, its tools, and how to write a reply."""

    @abstractmethod
    def render(self, thought: str, call: ToolCall) -> list[Span]:
        """One move as spans; their texts joined are the reply.

        Raises `ValueError` where the dialect cannot write the move (a thought that holds its markers).
        """

    @abstractmethod
    def parse(self, reply: str) -> Reading:
        """Read a reply. Never raises."""

    def observe(self, observation: str) -> str:
        """How an observation is shown in the user's turn."""
        return observation
