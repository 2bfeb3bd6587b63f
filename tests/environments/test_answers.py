"""Answers to wrong calls."""

from __future__ import annotations

import pytest

from trajectune.environments.answers import MAX_NAME, bad_arguments, unknown_tool
from trajectune.trajectory import Fault, Tool, ToolCall


def tools(*names: str) -> list[Tool]:
    return [Tool(name=name) for name in names]


@pytest.mark.parametrize(
    ("names", "end"),
    [
        (["act"], "use act."),
        (["sql", "answer"], "use sql or answer."),
        (["a", "b", "c"], "use one of: a, b, c."),
    ],
)
def test_an_unknown_tool_is_answered_with_those_that_are_there(names: list[str], end: str) -> None:
    result = unknown_tool(ToolCall(name="fly"), tools(*names))
    assert (result.observation, result.fault, result.done) == (
        f"There is no tool 'fly'; {end}",
        Fault.UNKNOWN_TOOL,
        False,
    )


def test_what_an_agent_wrote_is_cut() -> None:
    assert len(unknown_tool(ToolCall(name="x" * 10_000), tools("act")).observation) < MAX_NAME + 50


def test_bad_arguments_say_why() -> None:
    result = bad_arguments("A number, please.")
    assert (result.observation, result.fault) == ("A number, please.", Fault.BAD_ARGUMENTS)
