"""Calls are checked against the tools before an environment sees them."""

from __future__ import annotations

from typing import Any

import pytest

from trajectune.rollout.arguments import check_call
from trajectune.trajectory import Fault, Tool, ToolCall

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "values": {"type": "array", "items": {"type": "string"}},
        "how": {"type": "string", "enum": ["fast", "slow"]},
        "count": {"type": ["integer", "null"]},
        "where": {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]},
    },
    "required": ["values"],
}
TOOLS = [Tool(name="answer", parameters=SCHEMA), Tool(name="free")]


@pytest.mark.parametrize(
    "arguments",
    [
        {"values": []},
        {"values": ["a"], "how": "fast", "count": None},
        {"values": ["a"], "count": 3.0, "where": {"x": 1}},
    ],
)
def test_calls_that_fit(arguments: dict[str, Any]) -> None:
    assert check_call(ToolCall(name="answer", arguments=arguments), TOOLS) is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "'values' is missing"),
        ({"values": "a"}, "'values' must be of type array"),
        ({"values": ["a", 1]}, "each item of 'values' must be of type string"),
        ({"values": [], "how": "never"}, "'how' must be one of"),
        ({"values": [], "count": True}, "'count' must be of type integer or null"),
        ({"values": [], "count": 1.5}, "'count' must be of type integer or null"),
        ({"values": [], "where": {}}, "'x' is missing from 'where'"),
        ({"values": [], "valeus": 1}, "'valeus' is not known"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], words: str) -> None:
    found = check_call(ToolCall(name="answer", arguments=arguments), TOOLS)
    assert found is not None
    assert found[0] is Fault.BAD_ARGUMENTS
    assert words in found[1]


def test_tools_that_do_not_exist_are_answered_with_those_that_do() -> None:
    found = check_call(ToolCall(name="fly" * 1000), TOOLS)
    assert found is not None
    assert found[0] is Fault.UNKNOWN_TOOL
    assert found[1].endswith("The tools are: answer, free.")
    assert len(found[1]) < 200


def test_a_tool_without_a_schema_takes_anything() -> None:
    assert check_call(ToolCall(name="free", arguments={"a": [1]}), TOOLS) is None
