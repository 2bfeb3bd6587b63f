"""A reply as a model wrote it, read back into thought, words and calls.

Invariants: reading never raises; the same reading proves the masks of training rows, so what is trained
reads as the message that it was written for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from trajectune.example import Message
from trajectune.models.chat.forms import CallForm
from trajectune.models.chat.thought import Thought, with_thought
from trajectune.trajectory import Tool, ToolCall


class ReadReply(NamedTuple):
    """What a reply says."""

    reasoning: str
    """Without the space around it; empty where the reply holds none."""
    content: str
    """The words outside of thought and calls; the whole reply, sign for sign, where it has neither."""
    calls: list[ToolCall]
    """With ids only where the text gives some."""

    @property
    def text(self) -> str:
        """Thought and words in one, as the content of a message may hold both."""
        return with_thought(Message(role="assistant", content=self.content, reasoning=self.reasoning))


def read_reply(text: str, thought: Thought, form: CallForm, tools: Sequence[Tool]) -> ReadReply:
    """A whole reply. `tools` tell what type an argument is where the text does not."""
    parted = thought.part(text)
    content, calls = form.read(text[parted.words :], tools)
    return ReadReply(text[parted.start : parted.end].strip(), content, calls)
