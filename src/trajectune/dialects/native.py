"""The `native` dialect: tools as the model's own chat template, or the endpoint's API, has them.

A move is one message: the thought as its text and the calls as `tool_calls`; what comes back is one `tool`
message for each call. A message without calls speaks to the user. No form is described to the model, since
it was trained on one; how that looks as text is the business of `trajectune.models.chat`.

Invariant: a call that could not be read is no message. Whoever takes calls out of a text (the renderer, the
endpoint agent) leaves a broken one in it with the mark of its form (`CALL_MARKS`); such a reply is bad
format, and words to the user that hold a mark cannot be written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import ClassVar

from trajectune.dialects.contract import CannotWriteError, Dialect, Opening, Reading
from trajectune.example import Message, Span
from trajectune.trajectory import Fault, Reply, Step, ToolCall

CALL_MARKS = (
    "<tool_call>",
    "<function=",
    "[TOOL_CALLS]",
    "<|python_tag|>",
    "<|tool_call_start|>",
    "<|tool_call>",
    "<|channel|>commentary",
    "<atem:function_calls>",
)
"""What begins a call in the forms that chat templates write."""

_EMPTY = "The reply was empty. Call a tool, or say something."
_BROKEN = "A tool call could not be read: it needs the name of a tool and its arguments as one JSON object."


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
            if not step.message.strip() or _holds_call(step.message):
                raise CannotWriteError(self.name, "words to the user that are blank or hold a call's mark")
            spans = [Span.arguments(step.message)]
            return [Message(role="assistant", content=step.message, trained=True, spans=spans)]
        if not step.actions:
            raise CannotWriteError(self.name, "a step without a call and without words to the user")
        spans = [Span.thought(step.thought)] if step.thought else []
        calls = named(step.calls, key)
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
                tool_call_id=call.id,
                name=call.name,
            )
            for action, call in zip(step.actions, named(step.calls, key), strict=True)
        ]
        if not answers or step.observation:
            answers.append(Message(role="user", content=step.observation))
        return answers

    def read(self, replies: Sequence[Reply], key: str = "") -> Reading:
        reply = replies[-1]
        if reply.calls:
            return Reading(reply.text, tuple(named(reply.calls, key)))
        if _holds_call(reply.text):
            return Reading(reply.text, fault=Fault.BAD_FORMAT, detail=_BROKEN)
        if reply.text.strip():
            return Reading(message=reply.text)
        return Reading(fault=Fault.BAD_FORMAT, detail=_EMPTY)


def named(calls: Sequence[ToolCall], key: str) -> list[ToolCall]:
    """The calls of a step, each with an id: its own, or one that follows from `key`."""
    return [
        call if call.id else call.model_copy(update={"id": call_id(key, number)})
        for number, call in enumerate(calls)
    ]


def call_id(key: str, number: int) -> str:
    """The id of a step's call where it has none: nine letters and digits, which every API accepts."""
    return hashlib.sha256(f"{key}/{number}".encode()).hexdigest()[:9]


def _holds_call(text: str) -> bool:
    return any(mark in text for mark in CALL_MARKS)
