"""ShareGPT: `conversations[{from, value}]`, without loss flags, so that every reply is trained.

Tool use is written as in LLaMA-Factory's variant: a `function_call` turn holds the call as JSON text,
an `observation` turn the result, and `tools` the tools as JSON text. A reply with words and calls is a
`gpt` turn followed by a `function_call` turn, and is read back as one message.
"""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from trajectune.curate.formats.base import (
    Format,
    JsonObject,
    RowError,
    is_trained,
    json_value,
    objects,
    optional_text,
    parse_call,
    parse_tools,
    text,
)
from trajectune.example import Example, Message, Role
from trajectune.trajectory import Tool, ToolCall

ROLES: dict[str, Role] = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "model": "assistant",
    "function_call": "assistant",
    "system": "system",
    "observation": "tool",
    "tool": "tool",
    "function": "tool",
}
"""Speakers met in the wild."""
SPEAKERS: dict[Role, str] = {"user": "human", "assistant": "gpt", "system": "system", "tool": "observation"}


class ShareGPT(Format):
    """Conversations of `from` and `value`."""

    name = "sharegpt"
    fields = frozenset({"conversations", "tools", "system"})

    def recognises(self, row: JsonObject) -> bool:
        return has_speakers(row) and not any("loss" in turn for turn in row["conversations"])

    def parse(self, row: JsonObject) -> tuple[list[Message], list[Tool]]:
        return parse_turns(row), parse_tools(row)

    def render(self, example: Example) -> JsonObject:
        turns = [turn for message in example.messages for turn in render_turns(message)]
        return {"conversations": turns, **render_tools(example.tools)}

    @property
    def columns(self) -> list[pa.Field]:
        turn = pa.struct([("from", pa.string()), ("value", pa.string())])
        return [pa.field("conversations", pa.list_(turn)), pa.field("tools", pa.string())]


def has_speakers(row: JsonObject) -> bool:
    """Whether the row is a conversation of `from` and `value`."""
    turns = row.get("conversations")
    return isinstance(turns, list) and all(isinstance(turn, dict) and "from" in turn for turn in turns)


def parse_turns(row: JsonObject) -> list[Message]:
    """The messages of a row of `from` and `value`; `loss` is read where there is one."""
    system = optional_text(row, "system")
    messages = [Message(role="system", content=system)] if system else []
    for index, turn in enumerate(objects(row, "conversations")):
        place = f"conversations.{index}."
        message = _parse_turn(turn, place)
        previous = messages[-1] if messages else None
        if message.tool_calls and previous is not None and _joins(previous, message):
            messages[-1] = previous.model_copy(update={"tool_calls": message.tool_calls})
        else:
            messages.append(message)
    return messages


def render_turns(message: Message) -> list[JsonObject]:
    """The one or two turns of a message."""
    turns = [{"from": SPEAKERS[message.role], "value": message.content}]
    if message.tool_calls:
        calls = {"from": "function_call", "value": _render_calls(message.tool_calls)}
        turns = [*turns, calls] if message.content else [calls]
    return turns


def render_tools(tools: list[Tool]) -> JsonObject:
    """The `tools` field as JSON text; none where there are no tools."""
    values = [tool.model_dump() for tool in tools]
    return {"tools": json.dumps(values, ensure_ascii=False)} if values else {}


def _parse_turn(turn: JsonObject, place: str) -> Message:
    speaker = text(turn, "from", place)
    if speaker not in ROLES:
        raise RowError.expected(f"{place}from", f"one of {', '.join(ROLES)}", speaker)
    role, value = ROLES[speaker], text(turn, "value", place)
    if turn.get("loss") is True and role != "assistant":
        raise RowError(f"{place}loss: expected null or false on a {speaker} turn, found true")
    trained = role == "assistant" and is_trained(turn, place)
    if speaker == "function_call":
        return Message(
            role=role, content="", trained=trained, tool_calls=_parse_calls(value, f"{place}value")
        )
    return Message(role=role, content=value, trained=trained)


def _joins(first: Message, second: Message) -> bool:
    """Whether a turn of words and the turn of calls behind it are one reply."""
    same_reply = first.role == "assistant" and not first.tool_calls and bool(first.content)
    return same_reply and first.trained == second.trained


def _parse_calls(value: str, place: str) -> list[ToolCall]:
    parsed = json_value(value, place)
    calls = parsed if isinstance(parsed, list) and parsed else [parsed]
    return [parse_call(call, place) for call in calls]


def _render_calls(calls: list[ToolCall]) -> str:
    values: list[Any] = [{"name": call.name, "arguments": call.arguments} for call in calls]
    return json.dumps(values if len(values) > 1 else values[0], ensure_ascii=False)
