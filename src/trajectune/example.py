"""What the trainer sees: a list of messages, each marked trained or not.

The idea: an example is the last form before tokens. Everything upstream (dialects, importers,
negatives) ends in one; everything downstream (masks, packing, loss) starts from one.

Invariants: only assistant messages may be trained; where a message has `spans`, their texts joined
are exactly its `content`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from trajectune.trajectory import Record, Tool, ToolCall

Role = Literal["system", "user", "assistant", "tool"]


class Part(StrEnum):
    """The capability that a span of a reply exercises (Agent-FLAN, section 4.2)."""

    REASONING = "reasoning"
    """The thought."""
    RETRIEVAL = "retrieval"
    """The choice of the tool."""
    UNDERSTANDING = "understanding"
    """The arguments."""
    FORMAT = "format"
    """Instruction following: the markers and brackets that the dialect demands."""


class Span(Record):
    """A stretch of a message and the part it plays."""

    part: Part
    text: str


class Message(Record):
    """One turn of a conversation."""

    role: Role
    content: str
    trained: bool = False
    """Whether the loss covers this message (its text and its end-of-turn token)."""
    spans: list[Span] = Field(default_factory=list)
    """The parts of `content`, in order; empty when they are not known."""
    tool_calls: list[ToolCall] = Field(default_factory=list)
    """Calls made natively (OpenAI `tool_calls`), beside `content`."""
    tool_call_id: str = ""
    """On a `tool` message: which call it answers. May be empty when the source had no ids."""
    name: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.trained and self.role != "assistant":
            raise ValueError(f"a {self.role} message cannot be trained: only the assistant's words are")
        if self.spans and "".join(span.text for span in self.spans) != self.content:
            raise ValueError("spans joined must equal content")
        return self


class Example(Record):
    """A conversation to learn from."""

    id: str
    source: str = ""
    """The data set or environment it came from; mixture weights and loss curves go by this name."""
    messages: list[Message]
    tools: list[Tool] = Field(default_factory=list)
    """Tools offered through the chat template itself (native calls); empty otherwise."""
    metadata: dict[str, Any] = Field(default_factory=dict)
    """What the source's own format held beyond the above, so that an export gives it back."""
