"""What an agent did, as structure: thoughts, tool calls and observations, never a rendered text.

The idea: text is a rendering. A dialect (`trajectune.dialects`) writes a step as AgentBench text, ReAct,
JSON or a native tool call and reads it back; the trajectory itself stays the same. Where a model wrote the
step, its verbatim replies and the token ids that it sampled are kept beside the structure.

Invariants: `reward` is `None` exactly when the infrastructure failed (`outcome.is_infrastructure_error`),
so an error of ours never counts as a reward of zero. A step holds tool calls or words to the user, never
both; one that holds neither has a fault that says why.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, JsonValue, model_validator

from trajectune.record import Record, Usage
from trajectune.versions import upgraded

SCHEMA_VERSION = 2
"""Raised when the meaning of a stored field changes; readers refuse what is newer than they are."""


class Fault(StrEnum):
    """What went wrong in one reply, or in one call of it."""

    BAD_FORMAT = "bad_format"
    """The dialect could not read a move in the reply."""
    UNKNOWN_TOOL = "unknown_tool"
    """A tool was called that the environment does not have."""
    BAD_ARGUMENTS = "bad_arguments"
    """The tool exists, the arguments are wrong: an SQL error, an impossible command."""
    REPETITION = "repetition"
    """The same calls as before, in the same state."""
    REFUSAL = "refusal"
    """The model declined to act."""


class Outcome(StrEnum):
    """How an episode ended."""

    COMPLETED = "completed"
    STEP_LIMIT = "step_limit"
    CONTEXT_LIMIT = "context_limit"
    BAD_FORMAT = "bad_format"
    BAD_ACTION = "bad_action"
    ENVIRONMENT_ERROR = "environment_error"
    AGENT_ERROR = "agent_error"

    @property
    def is_infrastructure_error(self) -> bool:
        """Whether our infrastructure failed, so that the episode says nothing about the agent."""
        return self in (Outcome.ENVIRONMENT_ERROR, Outcome.AGENT_ERROR)


class Tool(Record):
    """An action that the agent may take.

    `Tool(name="look", description="Look around.", parameters={"type": "object", …})`.
    """

    name: str
    description: str = ""
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    """JSON schema of the arguments: `{"type": "object", "properties": …, "required": …}`."""


class ToolCall(Record):
    """One use of a tool.

    `ToolCall(name="open", arguments={"door": 2})`.
    """

    name: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    id: str = ""
    """Which call of the conversation this is; its answer names it. Empty where the source has no ids."""

    def same_as(self, other: ToolCall) -> bool:
        """Whether both ask for the same, whatever their ids."""
        return (self.name, self.arguments) == (other.name, other.arguments)


class Reply(Record):
    """One turn of a model, word for word."""

    text: str
    """Without the end-of-turn token, and without the calls where the model made them natively."""
    calls: list[ToolCall] = Field(default_factory=list)
    """Native calls, as the endpoint or the chat template's own form gave them."""
    tokens: list[int] | None = None
    """The ids that were sampled, with the end-of-turn token if there was one; `None` where unknown."""


class Action(Record):
    """A tool call and what became of it."""

    call: ToolCall
    observation: str = ""
    """The tool's output, or the complaint about the fault. Empty after the last move."""
    fault: Fault | None = None


class Step(Record):
    """One move of the agent, and what came back."""

    thought: str = ""
    actions: list[Action] = Field(default_factory=list)
    """The calls of the move, in order; several where the agent made them at once."""
    message: str | None = None
    """Words to the user in place of a call; `None` when there are none."""
    observation: str = ""
    """What came back where no tool answered: the user's words, or the complaint about the fault."""
    fault: Fault | None = None
    """What was wrong with the reply as a whole; faults of single calls are in `actions`."""
    replies: list[Reply] = Field(default_factory=list)
    """The turns of the model that made the move; empty when it was never text (an expert's, an import)."""
    tools: list[Tool] = Field(default_factory=list)
    """Tools that this step's answer brought, besides the earlier ones."""
    trained: bool = True
    """Whether a model may learn this move. An expert's deliberate mistake is shown, not taught."""

    @model_validator(mode="after")
    def _one_kind_of_move(self) -> Self:
        if self.actions and self.message is not None:
            raise ValueError("a step holds tool calls or words to the user, not both")
        return self

    @property
    def calls(self) -> list[ToolCall]:
        """The tool calls alone."""
        return [action.call for action in self.actions]

    @property
    def faults(self) -> list[Fault]:
        """Everything that was wrong: with the reply, then with its calls."""
        own = [self.fault] if self.fault is not None else []
        return own + [action.fault for action in self.actions if action.fault is not None]

    @property
    def words(self) -> str:
        """What the agent said, verbatim where a model said it."""
        return self.message or "\n".join(reply.text for reply in self.replies) or self.thought

    @property
    def move(self) -> str:
        """What was asked for, as text: equal for equal moves, whatever was thought.

        The calls with their arguments; where there is none, the words, spaces and case apart.
        """
        if self.actions:
            return " ".join(f"{c.name} {json.dumps(c.arguments, sort_keys=True)}" for c in self.calls)
        return " ".join(self.words.lower().split())

    def repeats(self, other: Step) -> bool:
        """The same move as another step with the same answer: nothing was learnt and nothing changed."""
        return (self.move, self.answer) == (other.move, other.answer)

    @property
    def answer(self) -> str:
        """All that came back, as one text: the observations in order, a blank line apart."""
        parts = [action.observation for action in self.actions] + [self.observation]
        return "\n\n".join(part for part in parts if part)


class Demonstration(Record):
    """Another task as it was solved, shown to the agent beforehand; never trained."""

    observation: str
    """The problem that it solves."""
    steps: list[Step]


class Trajectory(Record):
    """One episode of one task, from the instruction to the reward.

    `played.trajectories()[0].steps`.
    """

    schema_version: int = SCHEMA_VERSION
    id: str
    """Unique in a run: `source/task/seed`, the source being the recipe's name for the environment."""
    environment: str
    task: str
    """The task's stable id."""
    kind: str = ""
    """The kind of task inside its environment (`select`, `pick_and_place_simple`), for tables."""
    split: str = "train"
    seed: int = 0
    attempt: int = 0
    """Which of several episodes of this task it is, from 0."""
    agent: str = ""
    """Who acted: `expert`, or the name of a model."""
    dialect: str = ""
    """The dialect in which the agent wrote; empty when it wrote none."""
    template: str = ""
    """Digest of the tokenizer and chat template under which `Reply.tokens` were sampled; empty for none."""
    history_limit: int | None = None
    """Segments of the conversation that the agent was shown (`trajectune.history`); `None`: all of it."""
    instruction: str
    """The rules of the environment, without any words about format (a dialect adds those)."""
    tools: list[Tool] = Field(default_factory=list)
    """What the agent could call from the start; `Step.tools` brings what came later."""
    demonstration: Demonstration | None = None
    observation: str
    """The first thing the environment says: the problem."""
    steps: list[Step] = Field(default_factory=list)
    reward: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    """In [0, 1]; `None` exactly when the infrastructure failed."""
    outcome: Outcome
    error: str = ""
    """What failed, when `outcome.is_infrastructure_error`."""
    usage: Usage = Field(default_factory=Usage)
    metadata: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _read_older_versions(cls, data: Any) -> Any:
        return upgraded(data) if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _reward_belongs_to_the_agent(self) -> Self:
        if self.schema_version > SCHEMA_VERSION:
            raise ValueError(
                f"schema_version {self.schema_version} is newer than {SCHEMA_VERSION}: upgrade trajectune"
            )
        if (self.reward is None) != self.outcome.is_infrastructure_error:
            raise ValueError("reward must be set, unless the outcome is an error of the infrastructure")
        return self
