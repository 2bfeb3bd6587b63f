"""The contract of an environment: tools, tasks and rewards.

The idea, in five words: `Environment` has `Task`s, opens an `Episode`, which takes tool calls and
answers with a `StepResult`. Nothing here knows of models, text formats or training; a dialect turns
a model's text into the `ToolCall` that `Episode.step` takes.

Invariants (tested for any environment by `trajectune.environments.check.check_environment`):
the same task and seed give the same episode; a wrong call is answered with a fault and never raises;
two open episodes do not touch each other; observations are bounded; `close` may be called twice; an agent
that does nothing, answers at once, echoes what it sees or replays another task's solution earns nothing.
Infrastructure that breaks raises `EpisodeError`, which the rollout keeps apart from failure.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from trajectune.dialects.contract import Dialect
from trajectune.trajectory import Demonstration, Fault, Tool, ToolCall

Split = Literal["train", "dev", "test"]

MAX_OBSERVATION_CHARS = 4_000
"""No observation is longer than this; an environment cuts and says that it did."""


@dataclass(frozen=True, slots=True)
class Task:
    """One problem of an environment.

    `Task("train-1", "train", kind="easy", data={"seed": 1})`.
    """

    id: str
    """Stable across runs and machines; unique in the environment."""
    split: Split
    kind: str = ""
    """Kind of problem, for tables (`select`, `pick_heat_then_place_in_recep`)."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """What the environment needs to open it; JSON-able, never shown to the agent."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """The answer to one tool call, or to the agent's words.

    `StepResult("It opens.", done=True, reward=1.0)`.
    """

    observation: str
    done: bool = False
    reward: float = 0.0
    """In [0, 1]; counts when `done`."""
    fault: Fault | None = None
    """What was wrong with the call, if something was; the observation explains it to the agent."""
    tools: Sequence[Tool] = ()
    """Tools that the agent may call from now on, besides the earlier ones."""


@dataclass(frozen=True, slots=True)
class Move:
    """What an expert does next: one call or several at once, or words to the user.

    `yield Move("I look first.", ToolCall(name="look"))`.
    """

    thought: str
    call: ToolCall | Sequence[ToolCall] = ()
    trained: bool = True
    """False for a deliberate mistake that is shown so that its repair can be learnt."""
    message: str | None = None
    """Words to the user in place of a call."""

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The calls, also where there is one."""
        return (self.call,) if isinstance(self.call, ToolCall) else tuple(self.call)


Expert = Generator[Move, str, None]
"""Yields moves; each `send` gives it what its last move earned (observations a blank line apart)."""


class Episode(ABC):
    """One run of a task.

    `class Open(Episode)`, with `observation`, `step` and `close`.
    """

    @property
    @abstractmethod
    def observation(self) -> str:
        """What the agent sees first: the problem."""

    @abstractmethod
    def step(self, call: ToolCall) -> StepResult:
        """Carry out one call. A wrong one is answered with a fault; only broken infrastructure raises."""

    @abstractmethod
    def close(self) -> None:
        """Free what the episode holds. Calling it again does nothing."""

    def steps(self, calls: Sequence[ToolCall]) -> list[StepResult]:
        """Carry out the calls of one move: one after the other, none after the end of the episode."""
        results: list[StepResult] = []
        for call in calls:
            results.append(self.step(call))
            if results[-1].done:
                break
        return results

    def reply(self, message: str) -> StepResult:
        """The agent speaks to the user in place of calling a tool; a fault where nobody listens."""
        del message
        return StepResult("Nobody reads this: call a tool.", fault=Fault.BAD_FORMAT)


class Environment(ABC):
    """A place to act in. Built from keyword options that a recipe may set; building it is cheap.

    `class Door(Environment): name = "door"`, with `tasks`, `instruction` and `open`.
    """

    name: ClassVar[str]
    tools: ClassVar[Sequence[Tool]] = ()
    """The tools of every task; see `tools_of` where tasks have tools of their own."""
    dialects: ClassVar[Mapping[str, Dialect]] = {}
    """Dialects of its own by name (an `agentbench` grammar, say); they go before the installed ones."""
    max_steps: int = 15
    """Moves an agent may make in one episode."""
    reward_threshold: float = 1.0
    """Trajectories below this reward are filtered out of training data."""
    note: str = ""
    """Said beside every result: what these tasks are not."""
    origin: tuple[str, Mapping[str, Any]] | None = None
    """Name and options that `load_environment` built it of; `None` where it was built by hand."""

    @abstractmethod
    def tasks(self, split: Split) -> Sequence[Task]:
        """All tasks of a split, in a stable order."""

    @abstractmethod
    def instruction(self, task: Task) -> str:
        """The rules as told to the agent, without a word about reply format."""

    @abstractmethod
    def open(self, task: Task, seed: int = 0) -> Episode:
        """Start an episode. `seed` settles whatever is random in it."""

    def tools_of(self, task: Task) -> Sequence[Tool]:
        """The tools that a task begins with."""
        del task
        return self.tools

    def demonstration(self, task: Task) -> Demonstration | None:
        """Another task as it was solved, to be shown beforehand; `None` for none."""
        del task
        return None

    def expert(self, task: Task, observation: str, seed: int = 0) -> Expert | None:
        """A solver that knows the answer, or `None`. It is told the first observation, as any agent is.

        `seed` chooses among its routes.
        """
        del task, observation, seed
        return None
