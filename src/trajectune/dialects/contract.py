"""The contract of a dialect: how a step is written as messages and read back.

The idea: a dialect says the same move in its own words. `write` gives the messages of one step: the agent's
turns (one, or several with the user's questions between them), then what came back. `read` takes the
agent's turns and gives the move, or the question that `write` would have put there. Written turns know
their parts (`Span`), so no regular expression is ever run over our own output.

Invariants, tested by property for every dialect: reading the agent's turns of `write(step)` gives the
step's thought, calls and message, and every proper beginning of them gives the `Ask` that `write` put
there; `read` never raises, whatever it is given: a hostile reply is a `Reading` with a fault; writing twice
gives the same messages (choices of wording follow from `key`). What a dialect has no words for is a
`CannotWriteError` that names the dialect.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from trajectune.errors import DataError
from trajectune.example import Message
from trajectune.trajectory import Demonstration, Fault, Reply, Step, Tool, ToolCall


class CannotWriteError(DataError):
    """A step, or a set of tools, that a dialect has no words for."""

    def __init__(self, dialect: str, reason: str, where: str = "") -> None:
        self.dialect = dialect
        self.reason = reason
        super().__init__(
            f"the dialect {dialect!r} cannot write this: {reason}",
            where=where,
            remedy="use another dialect (json writes any move, react and native any single call)",
        )


@dataclass(frozen=True, slots=True)
class Opening:
    """What stands before the agent's first move."""

    instruction: str
    """The environment's rules."""
    tools: Sequence[Tool]
    observation: str
    """The problem."""
    demonstration: Demonstration | None = None
    key: str = ""
    """The task's id: settles choices of wording."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The move that a dialect read in the agent's turns."""

    thought: str = ""
    calls: tuple[ToolCall, ...] = ()
    message: str | None = None
    """Words to the user, in dialects in which an agent may speak instead of acting."""
    fault: Fault | None = None
    """Set exactly when there is neither a call nor a message."""
    detail: str = field(default="", compare=False)
    """For the agent: what was wrong and what the format asks for."""


@dataclass(frozen=True, slots=True)
class Ask:
    """The move is not complete: what the user says next."""

    text: str


class Dialect(ABC):
    """One way of writing steps. Instances are immutable and shared.

    `class Mine(Dialect): name = "mine"`, with `open`, `speak`, `answer` and `read`.
    """

    name: ClassVar[str]
    native: ClassVar[bool] = False
    """Whether tools are offered, called and answered through the chat template or the API itself."""
    stop: Sequence[str] = ()
    """Strings after which a reply is over (`Observation:` in ReAct)."""

    @abstractmethod
    def open(self, opening: Opening) -> list[Message]:
        """The messages before the first move; they end with the user's, which holds the problem."""

    @abstractmethod
    def speak(self, step: Step, key: str = "") -> list[Message]:
        """The agent's turns for a step, with the user's questions between them; ends with the agent's.

        The agent's messages are marked trained. Raises `CannotWriteError`.
        """

    @abstractmethod
    def answer(self, step: Step, key: str = "") -> list[Message]:
        """What came back: a message of the user, or one of the tool for each call. Raises the same."""

    @abstractmethod
    def read(self, replies: Sequence[Reply], key: str = "") -> Reading | Ask:
        """The move in the agent's turns of one step, or the next question. Never raises."""

    def write(self, step: Step, key: str = "") -> list[Message]:
        """A whole step; `key` (task id and step number) settles choices of wording."""
        return self.speak(step, key) + self.answer(step, key)


def step_key(task: str, number: int) -> str:
    """The key of a task's step: what choices of wording follow from."""
    return f"{task}#{number}"
