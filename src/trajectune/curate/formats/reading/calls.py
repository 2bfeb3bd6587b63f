"""Tool calls and tools as rows hold them: objects or JSON text, with or without OpenAI's wrappers.

Invariant: a call or a tool is read whole, or the row is rejected with the place.
"""

from __future__ import annotations

from typing import Any

from trajectune.curate.formats.base import JsonObject, Notes, RowError, optional_text, text
from trajectune.curate.formats.reading.unread import note_unread
from trajectune.storage import parse_json
from trajectune.trajectory import Tool, ToolCall

_SCHEMAS = ("parameters", "input_schema")
"""Where the schema of a tool's arguments is met."""
_TOOL_FIELDS = frozenset({"type", "function", "name", "description", *_SCHEMAS})
_CALL_FIELDS = frozenset({"type", "function", "name", "arguments", "id", "index"})


def json_value(value: object, place: str) -> Any:
    """`value`, parsed first when it is JSON text."""
    if not isinstance(value, str):
        return value
    try:
        return parse_json(value) if value.strip() else None
    except ValueError as error:
        raise RowError(f"{place}: {error}") from None


def parse_call(value: object, place: str, id: str = "") -> ToolCall:
    """A tool call `{"name", "arguments"}` under its `id`; the arguments may be JSON text."""
    if not isinstance(value, dict):
        raise RowError.expected(place, "an object with name and arguments", value)
    arguments = json_value(value.get("arguments"), f"{place}.arguments")
    if arguments is not None and not isinstance(arguments, dict):
        raise RowError.expected(f"{place}.arguments", "a JSON object", arguments)
    return ToolCall(name=text(value, "name", f"{place}."), arguments=arguments or {}, id=id)


def parse_turn_calls(turn: JsonObject, place: str, notes: Notes) -> list[ToolCall]:
    """The calls beside a turn's words: `tool_calls`, or the one `function_call` of before."""
    calls, single = turn.get("tool_calls"), turn.get("function_call")
    if calls and single is not None:
        raise RowError(f"{place}function_call: expected the call here or in tool_calls, found both")
    if single is not None:
        return [parse_call(single, f"{place}function_call")]
    if calls is None:
        return []
    if not isinstance(calls, list):
        raise RowError.expected(f"{place}tool_calls", "a list of calls", calls)
    return [_parse_wrapped(call, f"{place}tool_calls.{index}", notes) for index, call in enumerate(calls)]


def parse_call_text(value: str, place: str) -> list[ToolCall]:
    """The calls that a turn's words are, as JSON text: one, or a list of them."""
    parsed = json_value(value, place)
    calls = parsed if isinstance(parsed, list) and parsed else [parsed]
    return [parse_call(call, place) for call in calls]


def parse_tools(row: JsonObject, notes: Notes, field: str = "tools") -> list[Tool]:
    """The tools of a row: a list, or JSON text of one, of functions with or without OpenAI's wrapper."""
    value = json_value(row.get(field), field)
    if value is None:
        return []
    if not isinstance(value, list):
        raise RowError.expected(field, "a list of tools", value)
    return [_parse_tool(item, f"{field}.{index}", notes) for index, item in enumerate(value)]


def _parse_wrapped(call: object, place: str, notes: Notes) -> ToolCall:
    if not isinstance(call, dict):
        raise RowError.expected(place, "an object", call)
    note_unread(call, _CALL_FIELDS, "a call", notes)
    id = optional_text(call, "id", f"{place}.")
    wrapped = call.get("function")
    if wrapped is None and "name" in call:
        return parse_call(call, place, id)
    return parse_call(wrapped, f"{place}.function", id)


def _parse_tool(value: object, place: str, notes: Notes) -> Tool:
    if not isinstance(value, dict):
        raise RowError.expected(place, "an object", value)
    inner = value.get("function")
    inner = value if inner is None else inner
    if not isinstance(inner, dict):
        raise RowError.expected(place, "an object", inner)
    schemas = [(key, inner[key]) for key in _SCHEMAS if inner.get(key) is not None]
    if len(schemas) > 1:
        raise RowError(f"{place}: expected one schema of the arguments, found {' and '.join(_SCHEMAS)}")
    for key, schema in schemas:
        if not isinstance(schema, dict):
            raise RowError.expected(f"{place}.{key}", "a JSON schema", schema)
    note_unread(inner, _TOOL_FIELDS, "a tool", notes)
    return Tool(
        name=text(inner, "name", f"{place}."),
        description=optional_text(inner, "description", f"{place}."),
        parameters=schemas[0][1] if schemas else {},
    )
