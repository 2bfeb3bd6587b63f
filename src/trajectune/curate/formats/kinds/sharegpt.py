"""ShareGPT: `conversations[{from, value}]`; every reply is trained unless its turn says otherwise.

Tool use is written as in LLaMA-Factory's variant: a `function_call` turn holds the call as JSON text,
an `observation` turn the result, and `tools` the tools as JSON text. A reply with words and calls is a
`gpt` turn followed by a `function_call` turn, and is read back as one message; its reasoning stands on
the first of them. There is no `loss`: a flag that others add (`weight`, `train`) is read.
"""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from trajectune.curate.formats.base import Format, JsonObject, Notes, objects, optional_text
from trajectune.curate.formats.reading.calls import parse_tools
from trajectune.curate.formats.reading.turns import BY_FROM, CALLING, REASONING, parse_turn
from trajectune.example import Example, Message, Role
from trajectune.trajectory import Tool, ToolCall

SPEAKERS: dict[Role, str] = {"user": "human", "assistant": "gpt", "system": "system", "tool": "observation"}


class ShareGPT(Format):
    """Conversations of `from` and `value`."""

    name = "sharegpt"
    fields = frozenset({"conversations", "tools", "system"})
    spellings = {"functions": "tools"}  # noqa: RUF012

    def recognises(self, row: JsonObject) -> bool:
        return has_speakers(row) and not any("loss" in turn for turn in row["conversations"])

    def parse(self, row: JsonObject, notes: Notes) -> tuple[list[Message], list[Tool]]:
        return parse_turns(row, notes), parse_tools(row, notes)

    def render(self, example: Example) -> JsonObject:
        turns = [turn for message in example.messages for turn in render_turns(message)]
        return {"conversations": turns, **render_tools(example.tools)}

    @property
    def columns(self) -> list[pa.Field]:
        turn = pa.struct([(key, pa.string()) for key in ("from", "value", "reasoning_content")])
        return [pa.field("conversations", pa.list_(turn)), pa.field("tools", pa.string())]


def has_speakers(row: JsonObject) -> bool:
    """Whether the row is a conversation of `from` and `value`."""
    turns = row.get("conversations")
    return isinstance(turns, list) and all(isinstance(turn, dict) and "from" in turn for turn in turns)


def parse_turns(row: JsonObject, notes: Notes) -> list[Message]:
    """The messages of a row of `from` and `value`."""
    system = optional_text(row, "system")
    messages = [Message(role="system", content=system)] if system else []
    for index, turn in enumerate(objects(row, "conversations")):
        message = parse_turn(turn, BY_FROM, f"conversations.{index}.", notes)
        if turn["from"] in CALLING and messages and _joins(messages[-1], message):
            messages[-1] = messages[-1].model_copy(update={"tool_calls": message.tool_calls})
        else:
            messages.append(message)
    return messages


def render_turns(message: Message) -> list[JsonObject]:
    """The one or two turns of a message."""
    turns: list[JsonObject] = [{"from": SPEAKERS[message.role], "value": message.content}]
    if message.tool_calls:
        calls = {"from": "function_call", "value": _render_calls(message.tool_calls)}
        turns = [*turns, calls] if message.content else [calls]
    if message.reasoning:
        turns[0][REASONING[0]] = message.reasoning
    return turns


def render_tools(tools: list[Tool]) -> JsonObject:
    """The `tools` field as JSON text; none where there are no tools."""
    values = [tool.model_dump() for tool in tools]
    return {"tools": json.dumps(values, ensure_ascii=False)} if values else {}


def _joins(first: Message, second: Message) -> bool:
    """Whether a turn of words and the turn of calls behind it are one reply."""
    is_words = first.role == "assistant" and not first.tool_calls and bool(first.content)
    return is_words and first.trained == second.trained and not second.content and not second.reasoning


def _render_calls(calls: list[ToolCall]) -> str:
    values: list[Any] = [{"name": call.name, "arguments": call.arguments} for call in calls]
    return json.dumps(values if len(values) > 1 else values[0], ensure_ascii=False)
