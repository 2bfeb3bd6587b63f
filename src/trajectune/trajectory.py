"""What an agent did, as structure: thoughts, tool calls and observations, never a rendered text.

The idea: text is a rendering. A dialect (`trajectune.dialects`) writes a step as AgentBench text,
ReAct or JSON and reads it back, with `parse(render(step)) == step`; the trajectory itself stays the
same. Where a model wrote the step, its verbatim reply is kept beside the structure.

Invariants: `reward` is `None` exactly when the infrastructure failed (`outcome.is_infrastructure_error`),
so an error of ours never counts as a reward of zero; a step without a `call` has a `fault` that says why.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

SCHEMA_VERSION = 1
"""Raised when the meaning of a stored field changes; readers refuse what is newer than they are."""


class Fault(StrEnum):
    """What went wrong in one reply."""

    BAD_FORMAT = "bad_format"
    """The dialect could not read a move in the reply."""
    UNKNOWN_TOOL = "unknown_tool"
    """A tool was called that the environment does not have."""
    BAD_ARGUMENTS = "bad_arguments"
    """The tool exists, the arguments are wrong: an SQL error, an impossible command."""
    REPETITION = "repetition"
    """The same call as before, in the same state."""
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


class Record(BaseModel):
    """Base of all stored records: unknown fields are errors, and values do not change in place."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Tool(Record):
    """An action that the agent may take."""

    name: str
    description: str = ""
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    """JSON schema of the arguments: `{"type": "object", "properties": …, "required": …}`."""


class ToolCall(Record):
    """One use of a tool."""

    name: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict)


class Usage(Record):
    """What an agent spent. Tokens are counted by its own tokenizer; `seconds` is wall time."""

    prompt_tokens: int = 0
    generated_tokens: int = 0
    seconds: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            generated_tokens=self.generated_tokens + other.generated_tokens,
            seconds=self.seconds + other.seconds,
        )


class Step(Record):
    """One move of the agent and the environment's answer to it."""

    thought: str = ""
    call: ToolCall | None = None
    """`None` when the reply held no readable call; `fault` then says why."""
    observation: str = ""
    """What came back: the tool's output, or the complaint about the fault. Empty after the last move."""
    reply: str | None = None
    """The verbatim text a model wrote; `None` when the step was never text (an expert's, an import)."""
    fault: Fault | None = None
    trained: bool = True
    """Whether a model may learn this move. An expert's deliberate mistake is shown, not taught."""


class Trajectory(Record):
    """One episode of one task, from the instruction to the reward."""

    schema_version: int = SCHEMA_VERSION
    id: str
    """Unique in a run: `environment/task/seed`."""
    environment: str
    task: str
    """The task's stable id."""
    kind: str = ""
    """The kind of task inside its environment (`select`, `pick_and_place_simple`), for tables."""
    split: str = "train"
    seed: int = 0
    agent: str = ""
    """Who acted: `expert`, or the name of a model."""
    dialect: str = ""
    """The dialect in which the agent wrote; empty when it wrote none."""
    instruction: str
    """The rules of the environment, without any words about format (a dialect adds those)."""
    tools: list[Tool] = Field(default_factory=list)
    demonstration: list[Step] = Field(default_factory=list)
    """Steps of another task shown to the agent beforehand; never trained."""
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

    @model_validator(mode="after")
    def _reward_belongs_to_the_agent(self) -> Self:
        if self.schema_version > SCHEMA_VERSION:
            raise ValueError(
                f"schema_version {self.schema_version} is newer than {SCHEMA_VERSION}: upgrade trajectune"
            )
        if (self.reward is None) != self.outcome.is_infrastructure_error:
            raise ValueError("reward must be set, unless the outcome is an infrastructure error")
        return self
