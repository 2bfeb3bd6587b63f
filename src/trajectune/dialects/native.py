"""The `native` dialect: tools as the model's own chat template, or the endpoint's API, has them.

A move is one message: the thought as its text and the calls as `tool_calls`; what comes back is one `tool`
message for each call. A message without calls speaks to the user. No form is described to the model, since
it was trained on one; how that looks as text is the business of `trajectune.models.chat`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import ClassVar

from trajectune.dialects.contract import CannotWriteError, Dialect, Opening, Reading
from trajectune.dialects.text import no_move
from trajectune.example import Message, Span
from trajectune.trajectory import Reply, Step, ToolCall

_HELP = "The reply was empty. Call a tool, or say something."


class Native(Dialect):
    """Any tools, several calls in a turn, and words to the user."""

    name: ClassVar[str] = "native"
    native: ClassVar[bool] = True

    def open(self, opening: Opening) -> list[Message]:
        messages = [Message(role="system", content=opening.instruction)]
        if opening.demonstration is not None:
            messages.append(Message(role="user", content=opening.demonstration.observation))
            for number, step in enumerate(opening.demonstration.steps):
                written = self.write(step, f"{opening.key}#demonstration{number}")
                messages += [shown.model_copy(update={"trained": False}) for shown in written]
            messages = [m for m in messages if m.role != "user" or m.content]
        return [*messages, Message(role="user", content=opening.observation)]

    def speak(self, step: Step, key: str = "") -> list[Message]:
        if step.message is not None:
            if step.thought:
                raise CannotWriteError(self.name, "a thought beside words to the user")
            return [Message(role="assistant", content=step.message, trained=True)]
        if not step.actions:
            raise CannotWriteError(self.name, "a step without a call and without words to the user")
        spans = [Span.thought(step.thought)] if step.thought else []
        calls = [_named(call, key, number) for number, call in enumerate(step.calls)]
        return [
            Message(role="assistant", content=step.thought, trained=True, spans=spans, tool_calls=calls)
        ]

    def answer(self, step: Step, key: str = "") -> list[Message]:
        if step.tools:
            raise CannotWriteError(
                self.name, f"new tools in the middle of an episode ({step.tools[0].name})"
            )
        answers = [
            Message(
                role="tool",
                content=action.observation,
                tool_call_id=_named(action.call, key, number).id,
                name=action.call.name,
            )
            for number, action in enumerate(step.actions)
        ]
        if not answers or step.observation:
            answers.append(Message(role="user", content=step.observation))
        return answers

    def read(self, replies: Sequence[Reply], key: str = "") -> Reading:
        reply = replies[-1]
        if reply.calls:
            calls = tuple(_named(call, key, number) for number, call in enumerate(reply.calls))
            return Reading(reply.text, calls)
        if reply.text.strip():
            return Reading(message=reply.text)
        return no_move(reply.text, "", _HELP)


def call_id(key: str, number: int) -> str:
    """The id of a step's call where it has none: nine letters and digits, which every API accepts."""
    return hashlib.sha256(f"{key}/{number}".encode()).hexdigest()[:9]


def _named(call: ToolCall, key: str, number: int) -> ToolCall:
    return call if call.id else call.model_copy(update={"id": call_id(key, number)})
