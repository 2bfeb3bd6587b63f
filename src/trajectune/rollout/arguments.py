"""Whether a tool call fits the tools of an environment, before the environment sees it.

The idea: a model invents tools and arguments; one small check answers all such mistakes alike, so that
no environment has to. It knows the part of JSON schema that tools use: types, required properties,
enumerations and the items of arrays. A property that a schema does not name is a mistake, unless the
schema says `additionalProperties`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trajectune.trajectory import Fault, Tool, ToolCall

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def check_call(call: ToolCall, tools: Sequence[Tool]) -> tuple[Fault, str] | None:
    """What is wrong with the call, with words for the agent; `None` if nothing is."""
    tool = next((tool for tool in tools if tool.name == call.name), None)
    if tool is None:
        names = ", ".join(tool.name for tool in tools)
        return Fault.UNKNOWN_TOOL, f"There is no tool {call.name[:100]!r}. The tools are: {names}."
    problem = _check(call.arguments, {"type": "object", **tool.parameters}, "the arguments")
    if problem is None:
        return None
    return Fault.BAD_ARGUMENTS, f"Wrong arguments for the tool {tool.name}: {problem}."


def _check(value: Any, schema: Mapping[str, Any], place: str) -> str | None:
    """The first thing wrong with `value`, or `None`."""
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(_is_a(value, name) for name in types):
        return f"{place} must be of type {' or '.join(types)}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{place} must be one of {schema['enum']}"
    if isinstance(value, dict):
        return _check_object(value, schema, place)
    if isinstance(value, list):
        problems = (_check(item, schema.get("items", {}), f"each item of {place}") for item in value)
        return next((problem for problem in problems if problem), None)
    return None


def _check_object(value: dict[str, Any], schema: Mapping[str, Any], place: str) -> str | None:
    properties: Mapping[str, Any] = schema.get("properties", {})
    for name in schema.get("required", []):
        if name not in value:
            return f"{name!r} is missing from {place}"
    for name, item in value.items():
        if name in properties:
            problem = _check(item, properties[name], f"{name!r}")
            if problem:
                return problem
        elif properties and not schema.get("additionalProperties", False):
            return f"{name[:100]!r} is not known; {place} are: {', '.join(properties)}"
    return None


def _is_a(value: Any, name: str) -> bool:
    if isinstance(value, bool):  # in Python a boolean is an integer, in JSON it is not
        return name == "boolean"
    if name == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES.get(name, (object,)))
