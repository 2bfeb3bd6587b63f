"""The contract of an agent: given a batch of conversations, it returns a reply for each.

The idea: an agent sees messages and says something, whoever it is; the rollout (`trajectune.rollout`)
owns episodes and dialects. An agent says how it likes to be driven: `batch_size` conversations in one
call (an engine) or `workers` calls at the same time (an endpoint).

Invariants: replies come in the order of the conversations; infrastructure that fails for one conversation
is an `AgentReply` with `finish="error"`, and the others go on.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from trajectune.environments.contract import Move, Task
from trajectune.example import Message
from trajectune.trajectory import Reply, Tool, ToolCall, Usage

Finish = Literal["stop", "length", "context", "error"]


@dataclass(frozen=True, slots=True)
class Conversation:
    """An episode as an agent sees it."""

    id: str
    """Unique among open conversations; an agent may keep state (a KV cache) under it."""
    messages: Sequence[Message]
    """What was said so far; ends with a user's or a tool's message.

    Grows by appending only, unless a limit of the history leaves out more than before (`omitted`).
    """
    task: Task
    """For the expert, which knows the answer. Models must not look."""
    tools: Sequence[Tool] = ()
    """Tools to offer natively (through the chat template, or the API's own field); empty otherwise."""
    observation: str = ""
    """The last thing the environment said, before the dialect dressed it. For the expert too."""
    seed: int = 0
    stop: Sequence[str] = ()
    """Strings after which the reply is over."""
    omitted: int = 0
    """Earlier messages that are left out of `messages` (`trajectune.history`)."""

    @property
    def length(self) -> int:
        """Messages said so far, those left out among them: another number for each turn."""
        return len(self.messages) + self.omitted


@dataclass(frozen=True, slots=True)
class AgentReply:
    """What the agent said."""

    text: str
    finish: Finish = "stop"
    """`length`: cut at the reply limit; `context`: the conversation does not fit; `error`: see `error`."""
    error: str = ""
    usage: Usage = field(default_factory=Usage)
    move: Move | None = None
    """What an expert does, as structure, in place of text; `None` for models."""
    calls: Sequence[ToolCall] = ()
    """Native calls, taken out of the text, where `Conversation.tools` were offered."""
    tokens: Sequence[int] | None = None
    """The ids that were sampled; `None` where they are unknown."""

    @property
    def reply(self) -> Reply:
        """The words alone, as they are stored."""
        tokens = None if self.tokens is None else list(self.tokens)
        return Reply(text=self.text, calls=list(self.calls), tokens=tokens)


class Agent(ABC):
    """What chooses the next move."""

    name: str
    """Stored with each trajectory: `expert`, or the model's name."""
    template: str = ""
    """Digest of the tokenizer and chat template under which `AgentReply.tokens` are sampled."""
    batch_size: int = 1
    """Conversations to hand over in one call."""
    workers: int = 1
    """Calls to `reply` that may run at the same time, from different threads."""
    computes: ClassVar[bool] = False
    """Whether replies are computed in this process: on a cluster it gets a GPU, or all cores of a node."""

    @abstractmethod
    def reply(self, conversations: Sequence[Conversation]) -> list[AgentReply]:
        """One reply for each conversation, in order."""

    def forget(self, conversation_id: str) -> None:
        """The conversation is over: free what is kept for it. Unknown ids are ignored."""
        del conversation_id

    def give_up(self) -> None:  # noqa: B027 - optional
        """Replies that only wait, for their turn or for another try, end now as errors.

        Later ones are asked for as ever. Called from any thread.
        """

    def close(self) -> None:  # noqa: B027 - optional
        """Free everything. Calling it again does nothing."""
