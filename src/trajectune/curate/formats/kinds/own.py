"""trajectune's own form: an `Example` as it is, with every flag, span, tool and sampled token.

Rows of earlier versions are read too: spans as `{part, text}`, calls without ids. A null stands for what
is not there, as Parquet has it.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from pydantic import ValidationError

from trajectune.curate.formats.base import Format, JsonObject, Notes, RowError, optional_text
from trajectune.curate.formats.reading.calls import json_value, parse_tools
from trajectune.example import Example, Message
from trajectune.storage import explain
from trajectune.trajectory import Tool

MOST_TOKENS = 2**31
"""No vocabulary has so many tokens; a larger id would not fit its column."""


class OwnExample(Format):
    """Messages with `trained` flags and spans; the only format that holds the whole of an example."""

    name = "example"
    fields = frozenset({"messages", "tools", "template", "history_limit"})

    def recognises(self, row: JsonObject) -> bool:
        turns = row.get("messages")
        return isinstance(turns, list) and all(
            isinstance(turn, dict) and "trained" in turn for turn in turns
        )

    def parse(self, row: JsonObject, notes: Notes) -> tuple[list[Message], list[Tool]]:
        turns = row.get("messages")
        if not isinstance(turns, list):
            raise RowError.expected("messages", "a list of messages", turns)
        messages = [_parse_message(turn, f"messages.{index}") for index, turn in enumerate(turns)]
        return messages, parse_tools(row, notes)

    def further(self, row: JsonObject) -> dict[str, Any]:
        limit = row.get("history_limit")
        if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
            raise RowError.expected("history_limit", "a number of segments from 1 up", limit)
        return {"template": optional_text(row, "template"), "history_limit": limit}

    def render(self, example: Example) -> JsonObject:
        row = example.model_dump(mode="json", include=set(self.fields))
        return {key: value for key, value in row.items() if value is not None}

    @property
    def columns(self) -> list[pa.Field]:
        text = pa.string()
        span = pa.struct([("text", text), ("capability", text), ("format", pa.bool_())])
        call = pa.struct([(key, text) for key in ("name", "arguments", "id")])
        words = [(key, text) for key in ("role", "content", "reasoning", "tool_call_id", "name")]
        lists = [("spans", span), ("tool_calls", call), ("tokens", pa.int32())]
        message = pa.struct([*words, ("trained", pa.bool_()), *((key, pa.list_(of)) for key, of in lists)])
        outer = [pa.field(name, text) for name in ("tools", "template")]
        return [pa.field("messages", pa.list_(message)), *outer, pa.field("history_limit", pa.int64())]


def _parse_message(turn: object, place: str) -> Message:
    if not isinstance(turn, dict):
        raise RowError.expected(place, "an object", turn)
    turn = {key: value for key, value in turn.items() if value is not None}
    calls = turn.get("tool_calls")
    if isinstance(calls, list):  # in Parquet the arguments are JSON text
        parsed = [_with_arguments(call, f"{place}.tool_calls") for call in calls]
        turn = {**turn, "tool_calls": parsed}
    try:
        message = Message.model_validate(turn)
    except ValidationError as error:
        raise RowError("; ".join(f"{place}.{part}" for part in explain(error).split("; "))) from None
    if any(not 0 <= token < MOST_TOKENS for token in message.tokens or ()):
        raise RowError(f"{place}.tokens: expected ids of tokens from 0 to {MOST_TOKENS - 1}")
    return message


def _with_arguments(call: object, place: str) -> object:
    if not isinstance(call, dict) or not isinstance(call.get("arguments"), str):
        return call
    return {**call, "arguments": json_value(call["arguments"], f"{place}.arguments")}
