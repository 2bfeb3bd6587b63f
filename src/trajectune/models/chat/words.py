"""Conversations with tools as the chat template is to see them: natively, or all of it in words.

The idea: a template that knows no tools is told of them in the system message, and calls and results of
the conversation are written as text in the Hermes form, which many models have met. Training, acting and
serving do it alike, so that a model tuned this way meets when it acts what it has learned.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from trajectune.example import Message
from trajectune.trajectory import Tool, ToolCall

_ID = re.compile(r"[A-Za-z0-9]{9}")
"""The only ids that every template accepts (Mistral's insist on them)."""


class Written(NamedTuple):
    """A message in words, and the one that it stands for."""

    message: Message
    origin: Message


def in_words(messages: Sequence[Message], tools: Sequence[Tool]) -> list[Written]:
    """The conversation without tools, calls and tool messages: all of it as text."""
    said: list[Written] = []
    if tools:
        told = Message(role="system", content=instruct(tools))
        said.append(Written(told, told))
    for message in messages:
        before = said[-1] if said else None
        # Results of several calls are one turn: many templates insist on turns that alternate.
        if message.role == "tool" and before and before.origin.role == "tool":
            said[-1] = _joined(before.message, _response(message), "\n", message)
        elif message.role == "system" and tools and len(said) == 1:
            said[0] = Written(_text("system", f"{message.content}\n\n{said[0].message.content}"), message)
        elif message.role == "tool":
            said.append(Written(_text("user", _response(message)), message))
        else:
            said.append(Written(_text(message.role, _with_calls(message)), message))
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


def chat_dicts(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages in the shape that chat templates expect; every call and every answer to one has an id."""
    unanswered: deque[str] = deque()
    found: list[dict[str, Any]] = []
    for turn, message in enumerate(messages):
        fields: dict[str, Any] = {"role": message.role, "content": message.content}
        if message.tool_calls:
            ids = [_id(call.id or f"{turn}/{n}") for n, call in enumerate(message.tool_calls)]
            unanswered = deque(ids)
            pairs = zip(message.tool_calls, ids, strict=True)
            fields["tool_calls"] = [_call_dict(call, name) for call, name in pairs]
        if message.role == "tool":
            following = unanswered.popleft() if unanswered else ""
            if answers := _id(message.tool_call_id) if message.tool_call_id else following:
                fields["tool_call_id"] = answers
        if message.name:
            fields["name"] = message.name
        found.append(fields)
    return found


def tool_schema(tool: Tool) -> dict[str, Any]:
    """A tool in the shape that chat templates expect."""
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _call_dict(call: ToolCall, name: str) -> dict[str, Any]:
    function = {"name": call.name, "arguments": dict(call.arguments)}
    return {"id": name, "type": "function", "function": function}


def _id(given: str) -> str:
    """The id itself, or nine letters and digits that stand for it."""
    return given if _ID.fullmatch(given) else hashlib.sha256(given.encode()).hexdigest()[:9]


def _text(role: str, content: str) -> Message:
    return Message(role=role, content=content)  # pyright: ignore[reportArgumentType]


def _joined(message: Message, more: str, between: str, origin: Message) -> Written:
    return Written(_text(message.role, f"{message.content}{between}{more}"), origin)


def _response(message: Message) -> str:
    return f"<tool_response>\n{message.content}\n</tool_response>"


def _with_calls(message: Message) -> str:
    """The words of a message and a block for each of its calls."""
    functions = [{"name": call.name, "arguments": call.arguments} for call in message.tool_calls]
    blocks = [f"<tool_call>{json.dumps(one, ensure_ascii=False)}</tool_call>" for one in functions]
    return "\n".join([message.content, *blocks] if message.content or not blocks else blocks)
