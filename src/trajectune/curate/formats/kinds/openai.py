"""OpenAI messages: `messages[{role, content, reasoning_content, tool_calls, tool_call_id, weight}], tools`.

This is the chat fine-tuning format of OpenAI, which TRL and others read too. Content may be a list of
parts, tools may be JSON text, `developer` is the system, and the `function_call` of before is read as the
call that it is. Every written call has an id: its own, else the one that the tool message behind it
answers to, else one made up, so that a call and its answer always name each other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import takewhile

import pyarrow as pa

from trajectune.curate.formats.base import LISTS, Format, JsonObject, Notes, objects, optional_text
from trajectune.curate.formats.reading.calls import parse_tools
from trajectune.curate.formats.reading.turns import BY_ROLE, CALLING, REASONING, ROLES, parse_turn
from trajectune.example import Example, Message
from trajectune.trajectory import Tool, ToolCall


class OpenAI(Format):
    """Messages with native tool calls."""

    name = "openai"
    fields = frozenset({"messages", "tools", "system"})
    spellings = {  # noqa: RUF012
        "conversations": "messages",
        "conversation": "messages",
        "functions": "tools",
    }

    def recognises(self, row: JsonObject) -> bool:
        return bool(roled_turns(row)[0])

    def parse(self, row: JsonObject, notes: Notes) -> tuple[list[Message], list[Tool]]:
        system = optional_text(row, "system")
        messages = [Message(role="system", content=system)] if system else []
        for index, turn in enumerate(objects(row, "messages")):
            messages.append(parse_turn(turn, BY_ROLE, f"messages.{index}.", notes))
        return messages, parse_tools(row, notes)

    def render(self, example: Example) -> JsonObject:
        row: JsonObject = {"messages": list(_render_messages(example.messages))}
        if example.tools:
            row["tools"] = [{"type": "function", "function": tool.model_dump()} for tool in example.tools]
        return row

    @property
    def columns(self) -> list[pa.Field]:
        function = pa.struct([("name", pa.string()), ("arguments", pa.string())])
        call = pa.struct([("id", pa.string()), ("type", pa.string()), ("function", function)])
        names = ("role", "content", "reasoning_content", "name", "tool_call_id")
        words = [(key, pa.string()) for key in names]
        message = pa.struct([*words, ("weight", pa.int8()), ("tool_calls", pa.list_(call))])
        return [pa.field("messages", pa.list_(message)), pa.field("tools", pa.string())]


def roled_turns(row: JsonObject) -> tuple[str, list[JsonObject]]:
    """The turns with a `role` that a row holds, and under which name; an empty name where it holds none."""
    for field in LISTS:
        turns = row.get(field)
        if isinstance(turns, list) and turns and all(isinstance(t, dict) and "role" in t for t in turns):
            return field, turns
    return "", []


def holds_tools(row: JsonObject, turns: Sequence[JsonObject]) -> bool:
    """Whether a row has tools, calls or answers of tools."""
    if any(row.get(name) not in (None, [], "", "[]") for name in ("tools", "functions")):
        return True
    return any(
        turn.get("tool_calls") or turn.get("function_call") or ROLES.get(role) == "tool" or role in CALLING
        for turn in turns
        if (role := str(turn["role"]))
    )


def _render_messages(messages: Sequence[Message]) -> Iterator[JsonObject]:
    waiting: list[str] = []
    for index, message in enumerate(messages):
        if message.tool_calls:
            waiting = _call_ids(messages, index)
        yield _render_message(message, waiting)


def _render_message(message: Message, waiting: list[str]) -> JsonObject:
    """One message; `waiting` are the ids of the calls that were not answered yet, taken in turn."""
    turn: JsonObject = {"role": message.role, "content": message.content}
    if message.reasoning:
        turn[REASONING[0]] = message.reasoning
    if message.tool_calls:
        turn["tool_calls"] = [_render_call(c, i) for c, i in zip(message.tool_calls, waiting, strict=True)]
    if message.role == "tool":
        answered = waiting.pop(0) if waiting else ""
        turn["tool_call_id"] = message.tool_call_id or answered
    elif message.tool_call_id:
        turn["tool_call_id"] = message.tool_call_id
    if message.name:
        turn["name"] = message.name
    if message.role == "assistant" and not message.trained:
        turn["weight"] = 0
    return turn


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
