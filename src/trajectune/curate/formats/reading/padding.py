"""Nulls that a file format made: Arrow unites unlike objects, and gives each the keys of all.

The idea: the columns of a Parquet file (and of every data set that once was one) hold for each tool call
the arguments of all tools, those of others as null, and likewise in the schemas of tools. A null is padding
where it cannot be meant: in a schema, where JSON schema has none; in arguments, where the tool's schema has
no such key or allows no null there. Arguments as JSON text cannot be padded.

Invariant: a null is taken out only where the schema says that it cannot be meant; where no schema can tell,
it stays and is noted.
"""

from __future__ import annotations

from typing import Any

from trajectune.curate.formats.base import LISTS, JsonObject, Notes, RowError
from trajectune.curate.formats.reading.calls import json_value

TAKEN_OUT = "nulls that an Arrow file made are taken out of tools or arguments"
UNSURE = "arguments hold null, which may be padding: no schema of the tool says"
_DATA = frozenset({"default", "const", "example"})
"""Keywords of JSON schema whose value is data, so that null may be meant."""
_NAMED = frozenset({"properties", "$defs", "definitions", "patternProperties"})
"""Keywords under which every key is a name, not a keyword."""


def unpadded(row: JsonObject, notes: Notes) -> JsonObject:
    """The row without the nulls that Arrow made; the row itself where there are none."""
    changed: JsonObject = {}
    tools = row.get("tools")
    if isinstance(tools, list) and (cleaned := _schemas_unpadded(tools)) != tools:
        changed["tools"] = cleaned
    for field in LISTS:
        turns = row.get(field)
        if isinstance(turns, list) and any(_calls_with_null(turn) for turn in turns if _may_call(turn)):
            schemas = _schemas(changed.get("tools", tools))
            changed[field] = [_turn(turn, schemas, notes) for turn in turns]
    if not changed:
        return row
    if any(changed[key] != row[key] for key in changed):
        notes.add(TAKEN_OUT)
    return {**row, **changed}


def _may_call(turn: object) -> bool:
    return isinstance(turn, dict) and ("tool_calls" in turn or "function_call" in turn)


def _calls(turn: object) -> list[Any]:
    """The calls of a turn, in whatever form."""
    if not isinstance(turn, dict):
        return []
    calls = turn.get("tool_calls")
    single = turn.get("function_call")
    return [*(calls if isinstance(calls, list) else []), *([single] if isinstance(single, dict) else [])]


def _calls_with_null(turn: object) -> bool:
    return any(_holds_null(arguments) for call in _calls(turn) if (arguments := _arguments_of(call)))


def _arguments_of(call: object) -> Any:
    """The arguments of a call where they are an object; `None` otherwise."""
    inner = call.get("function") or call if isinstance(call, dict) else None
    found = inner.get("arguments") if isinstance(inner, dict) else None
    return found if isinstance(found, dict) else None


def _holds_null(value: object) -> bool:
    if isinstance(value, dict):
        return any(item is None or _holds_null(item) for item in value.values())
    return isinstance(value, list) and any(map(_holds_null, value))


def _schemas(tools: object) -> dict[str, Any]:
    """The schema of each tool by its name; those that cannot be read are left out."""
    try:
        value = json_value(tools, "tools")
    except RowError:
        return {}
    found: dict[str, Any] = {}
    for tool in value if isinstance(value, list) else []:
        inner = tool.get("function") or tool if isinstance(tool, dict) else None
        if isinstance(inner, dict):
            found[str(inner.get("name"))] = inner.get("parameters") or inner.get("input_schema")
    return found


def _turn(turn: Any, schemas: dict[str, Any], notes: Notes) -> Any:
    if not _calls_with_null(turn):
        return turn
    changed = dict(turn)
    if isinstance(turn.get("tool_calls"), list):
        changed["tool_calls"] = [_call(call, schemas, notes) for call in turn["tool_calls"]]
    if isinstance(turn.get("function_call"), dict):
        changed["function_call"] = _call(turn["function_call"], schemas, notes)
    return changed


def _call(call: Any, schemas: dict[str, Any], notes: Notes) -> Any:
    arguments = _arguments_of(call)
    if arguments is None:
        return call
    if isinstance(call.get("function"), dict):
        return {**call, "function": _call(call["function"], schemas, notes)}
    return {**call, "arguments": _meant(arguments, schemas.get(str(call.get("name"))), notes)}


def _meant(value: Any, schema: Any, notes: Notes) -> Any:
    """A value of arguments without the nulls that its schema rules out."""
    schema = schema if isinstance(schema, dict) else {}
    if isinstance(value, list):
        return [_meant(item, schema.get("items"), notes) for item in value]
    if not isinstance(value, dict):
        return value
    kept: JsonObject = {}
    for key, item in value.items():
        allowed = _allows_key(schema, key) if item is None else True
        if allowed is None:
            notes.add(UNSURE)
        if allowed is not False:
            kept[key] = _meant(item, (schema.get("properties") or {}).get(key), notes)
    return kept


def _allows_key(schema: JsonObject, key: str) -> bool | None:
    """Whether an object of this schema may hold null under a key; `None` where it does not say."""
    names = schema.get("properties")
    if not isinstance(names, dict) or not names:
        return None
    if names.get(key) is None:
        return None if schema.get("additionalProperties") else False
    return _allows_null(names[key])


def _allows_null(schema: Any) -> bool | None:
    if not isinstance(schema, dict):
        return None
    either = [one for key in ("anyOf", "oneOf") if isinstance(schema.get(key), list) for one in schema[key]]
    if schema.get("nullable") is True or any(_allows_null(one) for one in either):
        return True
    if isinstance(schema.get("enum"), list):
        return None in schema["enum"]
    kind = schema.get("type")
    if kind is None:
        return False if either else None
    return "null" in kind if isinstance(kind, list) else kind == "null"


def _schemas_unpadded(tools: list[Any]) -> list[Any]:
    """The tools without nulls that are no schema; a null default goes too where the others show padding."""
    if _without_nulls(tools, data=True) == tools:
        return tools
    return _without_nulls(tools, data=False)


def _without_nulls(value: Any, *, data: bool, named: bool = False) -> Any:
    """A schema without its nulls; `data` keeps those that may be meant, `named` where keys are names."""
    if isinstance(value, list):
        return [_without_nulls(item, data=data) for item in value]
    if not isinstance(value, dict):
        return value
    kept: JsonObject = {}
    for key, item in value.items():
        is_data = key in _DATA and not named
        if item is None and not (is_data and (data or _allows_null(value) is not False)):
            continue
        inner_named = key in _NAMED and not named
        kept[key] = item if is_data else _without_nulls(item, data=data, named=inner_named)
    return kept
