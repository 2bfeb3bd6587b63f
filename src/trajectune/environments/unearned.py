"""The promise that reward is earned: agents that know nothing and try nothing get none.

The idea: three agents need no model, and a task that pays one of them measures nothing. One never calls a
tool. One answers at once: each tool once with empty arguments, or a plain message. One echoes: it gives
back the problem, as a message and as every text that a tool takes. Each plays an episode of its own.

Invariant: a finding names the agent, the very move that was paid, and what pays it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from trajectune.environments.contract import Environment, StepResult, Task
from trajectune.environments.promises import Finding
from trajectune.trajectory import Tool, ToolCall

IDLE_MOVES = 4
"""Moves of the agent that does nothing."""
PLAIN_MESSAGE = "Done."

_EMPTY: dict[str, Any] = {
    "string": "",
    "integer": 0,
    "number": 0,
    "boolean": False,
    "array": [],
    "object": {},
    "null": None,
}


def nothing(environment: Environment, task: Task, _: Task) -> Iterator[Finding]:
    """An agent that never calls a tool and says nothing."""
    episode = environment.open(task, seed=7)
    for _move in range(min(IDLE_MOVES, environment.max_steps)):
        result = episode.reply("")
        yield from _paid(result, "does nothing", 'reply("")', task)
        if result.done:
            break
    episode.close()


def at_once(environment: Environment, task: Task, _: Task) -> Iterator[Finding]:
    """An agent that answers without looking: each tool with empty arguments, or a plain message."""
    yield from _one_move(environment, task, "answers at once", "", PLAIN_MESSAGE)


def echo(environment: Environment, task: Task, _: Task) -> Iterator[Finding]:
    """An agent that gives back what it was shown."""
    episode = environment.open(task, seed=7)
    seen = episode.observation
    episode.close()
    yield from _one_move(environment, task, "echoes the observation", seen, seen)


def _one_move(
    environment: Environment, task: Task, agent: str, text: str, message: str
) -> Iterator[Finding]:
    """Each tool with `text` for its texts, and `message` to the user: each in an episode of its own."""
    for tool in environment.tools_of(task):
        episode, call = environment.open(task, seed=7), filled(tool, text)
        result = episode.step(call)
        yield from _paid(result, agent, f"{call.name}({_short(json.dumps(call.arguments))})", task)
        episode.close()
    episode = environment.open(task, seed=7)
    yield from _paid(episode.reply(message), agent, f"reply({_short(message)!r})", task)
    episode.close()


def filled(tool: Tool, text: str) -> ToolCall:
    """A call that fits the tool's schema, with `text` for every text and the least of all else."""
    value = _value(tool.parameters, text)
    return ToolCall(name=tool.name, arguments=value if isinstance(value, dict) else {})


def _value(schema: Any, text: str) -> Any:
    if not isinstance(schema, Mapping):
        return text
    if schema.get("enum"):
        return schema["enum"][0]
    kinds = schema.get("type", "string")
    kind = kinds[0] if isinstance(kinds, list) else kinds
    if kind == "string":
        return text
    if kind == "array" and text:
        return [_value(schema.get("items"), text)]
    if kind == "object":
        properties = schema.get("properties") or {}
        wanted = schema.get("required", list(properties))
        return {name: _value(properties.get(name), text) for name in wanted}
    return _EMPTY.get(kind, text)


def _paid(result: StepResult, agent: str, move: str, task: Task) -> Iterator[Finding]:
    if result.done and result.reward > 0:
        text = (
            f"an agent that {agent} earned {result.reward:g} by {move}: such a task measures nothing. "
            "Let the reward follow from what had to be done, or drop the task."
        )
        yield Finding("error", "unearned reward", text, task.id)


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:60] + "…"
