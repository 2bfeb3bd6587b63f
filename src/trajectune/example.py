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


class Capability(StrEnum):
    """What a stretch of a reply exercises (Agent-FLAN, section 4.2)."""

    REASONING = "reasoning"
    """The thought."""
    RETRIEVAL = "retrieval"
    """The choice of the tool."""
    UNDERSTANDING = "understanding"
    """The arguments."""
    INSTRUCTION_FOLLOWING = "instruction_following"
    """The form that was asked for."""


class Span(Record):
    """A stretch of a message, the capability that it exercises, and whether it is form or content."""

    text: str
    capability: Capability
    format: bool = False
    """Markers and brackets that the dialect demands, as against what the agent has to say."""

    @model_validator(mode="before")
    @classmethod
    def _read_version_1(cls, data: Any) -> Any:
        """Spans were stored as `{part, text}`, with `format` for a part of its own."""
        if not isinstance(data, dict) or "part" not in data:
            return data
        part = data["part"]
        is_format = part == "format"
        capability = Capability.INSTRUCTION_FOLLOWING if is_format else part
        return {"text": data.get("text"), "capability": capability, "format": is_format}

    @classmethod
    def thought(cls, text: str) -> Span:
        """What the agent thinks."""
        return cls(text=text, capability=Capability.REASONING)

    @classmethod
    def tool(cls, text: str) -> Span:
        """The name of the tool that it chose."""
        return cls(text=text, capability=Capability.RETRIEVAL)

    @classmethod
    def arguments(cls, text: str) -> Span:
        """What it calls the tool with."""
        return cls(text=text, capability=Capability.UNDERSTANDING)

    @classmethod
    def marker(cls, text: str) -> Span:
        """What the format asks for."""
        return cls(text=text, capability=Capability.INSTRUCTION_FOLLOWING, format=True)


class Message(Record):
    """One turn of a conversation."""

    role: Role
    content: str
    reasoning: str = ""
    """What was thought before the words, where the source keeps it apart (`reasoning_content`)."""
    trained: bool = False
    """Whether the loss covers this message (its reasoning, text, calls and end-of-turn token)."""
    spans: list[Span] = Field(default_factory=list)
    """The parts of `content`, in order; empty when they are not known."""
    tool_calls: list[ToolCall] = Field(default_factory=list)
    """Calls made natively (OpenAI `tool_calls`), beside `content`."""
    tool_call_id: str = ""
    """On a `tool` message: which call it answers. May be empty when the source had no ids."""
    name: str = ""
    tokens: list[int] | None = None
    """The ids that a model sampled for this turn (see `Example.template`); `None` where unknown."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.trained and self.role != "assistant":
            raise ValueError(f"a {self.role} message cannot be trained: only the assistant's words are")
        if self.spans and "".join(span.text for span in self.spans) != self.content:
            raise ValueError("spans joined must equal content")
        return self


class Example(Record):
    """A conversation to learn from.

    `Example(id="1", messages=[Message(role="user", content="Hi"), …])`.
    """

    id: str
    source: str = ""
    """The data set or environment it came from; mixture weights and loss curves go by this name."""
    messages: list[Message]
    tools: list[Tool] = Field(default_factory=list)
    """Tools offered through the chat template itself (native calls); empty otherwise."""
    template: str = ""
    """Digest of the tokenizer and chat template under which `Message.tokens` were sampled."""
    history_limit: int | None = None
    """Segments of the conversation that each turn was shown (`trajectune.history`); `None`: all of it."""
    metadata: dict[str, Any] = Field(default_factory=dict)
    """What the source's own format held beyond the above, so that an export gives it back."""
