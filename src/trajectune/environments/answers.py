"""Answers to wrong calls that every environment gives alike.

Invariant: what an agent wrote is given back only in part, so that an answer stays short.
"""

from __future__ import annotations

from collections.abc import Sequence

from trajectune.environments.contract import StepResult
from trajectune.trajectory import Fault, Tool, ToolCall

MAX_NAME = 100
"""Characters of an unknown tool's name that are given back."""


def unknown_tool(call: ToolCall, tools: Sequence[Tool]) -> StepResult:
    """The answer to a call of a tool that is not there."""
    names = [tool.name for tool in tools]
    known = " or ".join(names) if len(names) < 3 else f"one of: {', '.join(names)}"
    text = f"There is no tool {call.name[:MAX_NAME]!r}; use {known}."
    return StepResult(text, fault=Fault.UNKNOWN_TOOL)


def bad_arguments(observation: str) -> StepResult:
    """The answer to a call whose arguments cannot be used; the observation says why."""
    return StepResult(observation, fault=Fault.BAD_ARGUMENTS)
