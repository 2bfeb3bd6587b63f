"""trajectune's own form: an `Example` as it is, with every flag, span and tool."""

from __future__ import annotations

import pyarrow as pa
from pydantic import ValidationError

from trajectune.curate.formats.base import Format, JsonObject, RowError, json_value, parse_tools
from trajectune.example import Example, Message
from trajectune.storage import explain
from trajectune.trajectory import Tool


class OwnExample(Format):
    """Messages with `trained` flags and spans; the only format that holds the whole of an example."""

    name = "example"
    fields = frozenset({"messages", "tools"})

    def recognises(self, row: JsonObject) -> bool:
        turns = row.get("messages")
        return isinstance(turns, list) and all(
            isinstance(turn, dict) and "trained" in turn for turn in turns
        )

    def parse(self, row: JsonObject) -> tuple[list[Message], list[Tool]]:
        turns = row.get("messages")
        if not isinstance(turns, list):
            raise RowError.expected("messages", "a list of messages", turns)
        return [_parse_message(turn, f"messages.{index}") for index, turn in enumerate(turns)], parse_tools(
            row
        )

    def render(self, example: Example) -> JsonObject:
        return example.model_dump(mode="json", include={"messages", "tools"})

    @property
    def columns(self) -> list[pa.Field]:
        span = pa.struct([("part", pa.string()), ("text", pa.string())])
        call = pa.struct([("name", pa.string()), ("arguments", pa.string())])
        words = [(key, pa.string()) for key in ("role", "content", "tool_call_id", "name")]
        lists = [("spans", pa.list_(span)), ("tool_calls", pa.list_(call))]
        message = pa.struct([*words, ("trained", pa.bool_()), *lists])
        return [pa.field("messages", pa.list_(message)), pa.field("tools", pa.string())]


def _parse_message(turn: object, place: str) -> Message:
    if not isinstance(turn, dict):
        raise RowError.expected(place, "an object", turn)
    calls = turn.get("tool_calls")
    if isinstance(calls, list):  # in Parquet the arguments are JSON text
        parsed = [_with_arguments(call, f"{place}.tool_calls") for call in calls]
        turn = {**turn, "tool_calls": parsed}
    try:
        return Message.model_validate(turn)
    except ValidationError as error:
        raise RowError("; ".join(f"{place}.{part}" for part in explain(error).split("; "))) from None


def _with_arguments(call: object, place: str) -> object:
    if not isinstance(call, dict) or not isinstance(call.get("arguments"), str):
        return call
    return {**call, "arguments": json_value(call["arguments"], f"{place}.arguments")}
