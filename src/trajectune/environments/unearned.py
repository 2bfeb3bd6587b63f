"""The promise that reward is earned: agents that know nothing and try nothing get none.

The idea: four agents need no model, and a task that pays one of them measures nothing. One never calls a
tool. One answers at once: each tool once with empty arguments, or a plain message. One echoes: it gives
back the problem, as a message and as every text that a tool takes. One replays: it repeats, blindly, the
moves by which the expert solved another task. Each plays an episode of its own.

Invariant: a finding names the agent, the very move that was paid, and what pays it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from trajectune.environments.contract import Environment, Move, StepResult, Task
from trajectune.environments.play import start
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


OTHERS = 5
"""Further tasks whose solution is tried where one was paid."""


def replay(environment: Environment, task: Task, other: Task) -> Iterator[Finding]:
    """An agent that repeats what solved another task, one that reads differently.

    A warning, where the solutions of two tasks are paid: a short answer ("yes", 2) may be right by luck.
    It counts from the environment's threshold on, since less may be due for what two tasks share.
    """
    if not _replay_pays(environment, task, other):
        return
    paid = [t for t in environment.tasks(task.split)[:OTHERS] if _replay_pays(environment, task, t)]
    names = {t.id for t in [other, *paid]}
    if len(names) > 1:
        text = (
            f"the moves that solve {', '.join(sorted(names))}, repeated blindly, earn the reward here too: "
            "make the tasks differ in what has to be done, or the answers harder to guess."
        )
        yield Finding("warning", "unearned reward", text, task.id)


def _replay_pays(environment: Environment, task: Task, other: Task) -> bool:
    shown, moves = _expert_moves(environment, other)
    episode, result = environment.open(task, seed=7), StepResult("")
    if (episode.observation, environment.instruction(task)) == shown:
        moves = []
    for move in moves:
        result = episode.reply(move.message) if move.message is not None else episode.steps(move.calls)[-1]
        if result.done:
            break
    episode.close()
    return result.done and result.reward >= environment.reward_threshold


def _expert_moves(environment: Environment, task: Task) -> tuple[tuple[str, str], list[Move]]:
    """What a task shows first, and all that the expert does in it (nothing without an expert)."""
    play, moves = start(environment, task, seed=7), list[Move]()
    if play is None:
        return ("", ""), moves
    shown = play.episode.observation, environment.instruction(task)
    while (moved := play.advance()) is not None:
        moves.append(moved[0])
    play.episode.close()
    return shown, moves


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
