"""Conversations with tools as the chat template is to see them: natively, or all of it in words.

The idea: a template that knows no tools is told of them in the system message, and calls and results of
the conversation are written as text in the Hermes form, which many models have met. Training, acting and
serving do it alike, so that a model tuned this way meets when it acts what it has learned.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from trajectune.example import Message
from trajectune.models.chat.dicts import tool_schema
from trajectune.trajectory import Tool


class Written(NamedTuple):
    """A message in words, and the one that it stands for."""

    message: Message
    origin: Message


def in_words(turns: Sequence[Written], tools: Sequence[Tool]) -> list[Written]:
    """The conversation without tools, calls and tool messages: all of it as text."""
    said: list[Written] = []
    if tools:
        told = Message(role="system", content=instruct(tools))
        said.append(Written(told, told))
    for message, origin in turns:
        before = said[-1] if said else None
        # Results of several calls are one turn: many templates insist on turns that alternate.
        if message.role == "tool" and before and before.origin.role == "tool":
            said[-1] = _joined(before.message, _response(message), "\n", origin)
        elif message.role == "system" and tools and len(said) == 1:
            said[0] = Written(_text("system", f"{message.content}\n\n{said[0].message.content}"), origin)
        elif message.role == "tool":
            said.append(Written(_text("user", _response(message)), origin))
        else:
            said.append(Written(_with_calls(message), origin))
    return said


def instruct(tools: Sequence[Tool]) -> str:
    """Our own words about tools, for templates that have none."""
    shown = [
        {key: value for key, value in tool_schema(tool)["function"].items() if value} for tool in tools
    ]
    lines = "\n".join(json.dumps(tool, ensure_ascii=False) for tool in shown)
    return (
        "These tools can be called; each line is one of them, with the JSON schema of its arguments:\n"
        f"{lines}\n"
        "To call one, write a block like this, and nothing behind it:\n"
        '<tool_call>{"name": "its name", "arguments": {"argument": "value"}}</tool_call>\n'
        "Several blocks call several tools. The results come back in <tool_response> blocks. "
        "Where no tool is needed, answer in plain words."
    )


def _text(role: str, content: str) -> Message:
    return Message(role=role, content=content)  # pyright: ignore[reportArgumentType]


def _joined(message: Message, more: str, between: str, origin: Message) -> Written:
    return Written(_text(message.role, f"{message.content}{between}{more}"), origin)


def _response(message: Message) -> str:
    return f"<tool_response>\n{message.content}\n</tool_response>"


def _with_calls(message: Message) -> Message:
    """The message with a block for each of its calls among its words."""
    functions = [{"name": call.name, "arguments": call.arguments} for call in message.tool_calls]
    blocks = [f"<tool_call>{json.dumps(one, ensure_ascii=False)}</tool_call>" for one in functions]
    if not blocks:
        return message
    text = "\n".join([message.content, *blocks] if message.content else blocks)
    more = {"content": text, "spans": [], "tool_calls": []}
    return message.model_copy(update=more)
