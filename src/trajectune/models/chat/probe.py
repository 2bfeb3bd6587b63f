"""What is asked of a chat template, once: how it begins and ends a reply, and how it writes a call."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Protocol

from trajectune.errors import ModelError
from trajectune.example import Message
from trajectune.models.chat.forms import CallForm
from trajectune.models.chat.words import chat_dicts, tool_schema
from trajectune.trajectory import Tool, ToolCall

_PROBE = "Qx7probeZk9"
"""A reply that no template writes by itself."""
_NAME, _KEY, _VALUE = "qx7_tool", "qx7_key", "Qx7valueZk9"
_TOOL = Tool(
    name=_NAME,
    description="Qx7toolZk9",
    parameters={"type": "object", "properties": {_KEY: {"type": "string", "description": "Qx7keyZk9"}}},
)
_QUESTION = Message(role="user", content="Hi")


class Apply(Protocol):
    """A chat template at work. Raises ModelError when it refuses the conversation."""

    def __call__(
        self, messages: Sequence[dict[str, Any]], tools: Sequence[dict[str, Any]], *, opened: bool
    ) -> str: ...


def ask_turn(apply: Apply, special: re.Pattern[str], where: str) -> tuple[str, str]:
    """What stands between the generation prompt and a plain reply, and the marker that ends the reply.

    Raises ModelError when the template refuses a question and an answer, or does not mark them.
    """
    reply = Message(role="assistant", content=_PROBE)
    try:
        opened = apply(chat_dicts([_QUESTION]), [], opened=True)
        closed = apply(chat_dicts([_QUESTION, reply]), [], opened=False)
    except ModelError as error:
        raise ModelError(
            f"the chat template fails on a plain question and answer: {error.what}", where=where
        ) from error
    before, _, after = closed.partition(_PROBE)
    marker = special.search(after)
    end = after[: marker.end()] if marker else after.rstrip()
    if not before.startswith(opened) or not end.strip():
        raise ModelError(
            "the chat template does not mark where a reply begins and ends",
            where=where,
            remedy="use another template: llama-2, llama-3, chatml or agent-flan",
        )
    return before[len(opened) :], end


def ask_form(
    apply: Apply, special: re.Pattern[str], forms: Sequence[CallForm]
) -> tuple[CallForm, str] | None:
    """The form in which the template writes calls, and the marker that ends a reply with calls.

    `None` where it does not show tools, calls and answers, or writes calls in no form that is known.
    """
    call = ToolCall(name=_NAME, arguments={_KEY: _VALUE}, id="Qx7callZ9")
    called = Message(role="assistant", content="", tool_calls=[call])
    answer = Message(role="tool", content=_PROBE, tool_call_id=call.id, name=_NAME)
    tools = [tool_schema(_TOOL)]
    try:
        opened = apply(chat_dicts([_QUESTION]), tools, opened=True)
        closed = apply(chat_dicts([_QUESTION, called]), tools, opened=False)
        answered = apply(chat_dicts([_QUESTION, called, answer]), tools, opened=False)
    except ModelError:
        return None
    if _TOOL.description not in opened or _PROBE not in answered or not closed.startswith(opened):
        return None
    reply = closed[len(opened) :]
    for form in forms:
        ends = (m for m in special.finditer(reply, max(reply.find(_VALUE), 0)) if m[0] not in form.words)
        end = next(ends, None)
        if end is not None and _reads(form, reply[: end.start()], call):
            return form, end[0]
    return None


def _reads(form: CallForm, reply: str, call: ToolCall) -> bool:
    return [found.same_as(call) for found in form.read(reply, [_TOOL])[1]] == [True]
