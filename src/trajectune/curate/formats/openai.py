"""OpenAI messages: `messages[{role, content, tool_calls, tool_call_id, weight}], tools`.

This is the chat fine-tuning format of OpenAI, which TRL and others read too. `weight` 0 on a reply
means not trained; none means trained. Content may be a list of text parts, tools may be JSON text, and
`developer` is the system. Every written call has an id: its own, else the one that the tool message behind
it answers to, else one made up, so that a call and its answer always name each other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import takewhile

import pyarrow as pa

from trajectune.curate.formats.base import (
    Format,
    JsonObject,
    RowError,
    objects,
    optional_text,
    parse_call,
    parse_tools,
    text,
)
from trajectune.example import Example, Message, Role
from trajectune.trajectory import Tool, ToolCall

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}


class OpenAI(Format):
    """Messages with native tool calls."""

    name = "openai"
    fields = frozenset({"messages", "tools"})

    def recognises(self, row: JsonObject) -> bool:
        turns = row.get("messages")
        return isinstance(turns, list) and all(isinstance(turn, dict) and "role" in turn for turn in turns)

    def parse(self, row: JsonObject) -> tuple[list[Message], list[Tool]]:
        turns = objects(row, "messages")
        return [_parse_message(turn, f"messages.{i}.") for i, turn in enumerate(turns)], parse_tools(row)

    def render(self, example: Example) -> JsonObject:
        row: JsonObject = {"messages": list(_render_messages(example.messages))}
        if example.tools:
            row["tools"] = [{"type": "function", "function": tool.model_dump()} for tool in example.tools]
        return row

    @property
    def columns(self) -> list[pa.Field]:
        function = pa.struct([("name", pa.string()), ("arguments", pa.string())])
        call = pa.struct([("id", pa.string()), ("type", pa.string()), ("function", function)])
        words = [(key, pa.string()) for key in ("role", "content", "name", "tool_call_id")]
        message = pa.struct([*words, ("weight", pa.int8()), ("tool_calls", pa.list_(call))])
        return [pa.field("messages", pa.list_(message)), pa.field("tools", pa.string())]


def _parse_message(turn: JsonObject, place: str) -> Message:
    name = text(turn, "role", place)
    if name not in _ROLES:
        raise RowError.expected(f"{place}role", f"one of {', '.join(_ROLES)}", name)
    if turn.get("function_call") is not None:
        raise RowError(f"{place}function_call: expected the call in tool_calls, as its successor has it")
    role, calls = _ROLES[name], _parse_calls(turn, place)
    if calls and role != "assistant":
        raise RowError(f"{place}tool_calls: expected on an assistant's message only, found on a {name}'s")
    weight = turn.get("weight")
    if weight not in (None, 0, 1):
        raise RowError.expected(f"{place}weight", "0 or 1", weight)
    return Message(
        role=role,
        content=_parse_content(turn, place, may_be_null=bool(calls)),
        trained=role == "assistant" and weight != 0,
        tool_calls=calls,
        tool_call_id=optional_text(turn, "tool_call_id", place),
        name=optional_text(turn, "name", place),
    )


def _parse_content(turn: JsonObject, place: str, *, may_be_null: bool) -> str:
    content = turn.get("content")
    if content is None and may_be_null:
        return ""
    if not isinstance(content, list):
        return text(turn, "content", place)
    for index, part in enumerate(content):
        if not isinstance(part, dict) or part.get("type") != "text":
            raise RowError(f"{place}content.{index}: expected a text part; images and sound are not read")
    return "".join(text(part, "text", f"{place}content.{index}.") for index, part in enumerate(content))


def _parse_calls(turn: JsonObject, place: str) -> list[ToolCall]:
    calls = turn.get("tool_calls")
    if calls is None:
        return []
    if not isinstance(calls, list):
        raise RowError.expected(f"{place}tool_calls", "a list of calls", calls)
    return [_parse_call(call, f"{place}tool_calls.{index}.") for index, call in enumerate(calls)]


def _parse_call(call: object, place: str) -> ToolCall:
    if not isinstance(call, dict):
        return parse_call(call, f"{place}function")
    return parse_call(call.get("function"), f"{place}function", optional_text(call, "id", place))


def _render_messages(messages: Sequence[Message]) -> Iterator[JsonObject]:
    waiting: list[str] = []
    for index, message in enumerate(messages):
        if message.tool_calls:
            waiting = _call_ids(messages, index)
        turn: JsonObject = {"role": message.role, "content": message.content}
        if message.tool_calls:
            turn["tool_calls"] = [
                _render_call(c, i) for c, i in zip(message.tool_calls, waiting, strict=True)
            ]
        if message.role == "tool":
            answered = waiting.pop(0) if waiting else ""
            turn["tool_call_id"] = message.tool_call_id or answered
        elif message.tool_call_id:
            turn["tool_call_id"] = message.tool_call_id
        if message.name:
            turn["name"] = message.name
        if message.role == "assistant" and not message.trained:
            turn["weight"] = 0
        yield turn


def _call_ids(messages: Sequence[Message], index: int) -> list[str]:
    """Ids for the calls of a message: their own, else those that the tool messages behind it answer to."""
    calls = messages[index].tool_calls
    ids = [call.id for call in calls]
    behind = messages[index + 1 : index + 1 + len(calls)]
    for number, answer in enumerate(takewhile(lambda message: message.role == "tool", behind)):
        ids[number] = ids[number] or answer.tool_call_id
    return [id or f"call_{index}_{number}" for number, id in enumerate(ids)]


def _render_call(call: ToolCall, call_id: str) -> JsonObject:
    arguments = json.dumps(call.arguments, ensure_ascii=False)
    return {"id": call_id, "type": "function", "function": {"name": call.name, "arguments": arguments}}
