"""The promises of an environment, one generator of findings for each.

The idea: a promise of `trajectune.environments.contract` is a function that plays the environment in one
way and yields what it sees broken; `trajectune.environments.check` calls them all.

Invariant: every message says what was seen and what to do about it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from trajectune.environments.contract import (
    MAX_OBSERVATION_CHARS,
    Environment,
    Move,
    Split,
    StepResult,
    Task,
)
from trajectune.environments.play import run, start
from trajectune.trajectory import Tool, ToolCall

Severity = Literal["error", "warning"]

MARKERS = ("Thought:", "Action:", "Final Answer:", "```", "ACTION:")
"""Words of reply formats; they belong to a dialect, never to an environment's instruction."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken promise of the contract."""

    severity: Severity
    rule: str
    """Short name of the promise: `tasks`, `same seed same episode`, `wrong call`, `expert`, …"""
    message: str
    """What was seen and how to mend it."""
    task: str = ""
    """The task's id, where one was being played."""

    def __str__(self) -> str:
        place = f" [task {self.task}]" if self.task else ""
        return f"{self.severity}: {self.rule}{place}: {self.message}"


def declaration(environment: Environment) -> Iterator[Finding]:
    """The class attributes: name, limits."""

    def wrong(message: str) -> Finding:
        return Finding("error", "declaration", message)

    if not isinstance(environment, Environment):
        yield wrong("is not an Environment: inherit trajectune.environments.contract.Environment.")
        return
    if not isinstance(getattr(environment, "name", None), str) or not environment.name:
        yield wrong("has no name: set the class attribute `name` to a short lower-case word.")
    if environment.max_steps < 1:
        yield wrong(f"max_steps is {environment.max_steps}; an agent needs at least one move.")
    if not 0 < environment.reward_threshold <= 1:
        yield wrong(f"reward_threshold is {environment.reward_threshold}; it must lie in (0, 1].")


def tasks(environment: Environment) -> Iterator[Finding]:
    """Task lists: stable, unique, storable."""
    seen: dict[str, str] = {}
    for split in get_args(Split):
        tasks = list(environment.tasks(split))
        if [t.id for t in tasks] != [t.id for t in environment.tasks(split)]:
            yield Finding("error", "tasks", f"tasks({split!r}) changes between calls: sort or seed them.")
        for task in tasks:
            if task.split != split:
                yield Finding("error", "tasks", f"listed in {split} but says {task.split}.", task.id)
            if task.id in seen:
                yield Finding("error", "tasks", f"its id is used in {seen[task.id]} and {split}.", task.id)
            seen[task.id] = split
        yield from _check_storable(tasks)
    if not seen:
        yield Finding("error", "tasks", "there is no task in any split.")
    elif not environment.tasks("train"):
        yield Finding("warning", "tasks", "there is no train task: good for evaluation only.")


def _check_storable(tasks: Sequence[Task]) -> Iterator[Finding]:
    for task in tasks:
        try:
            json.dumps(dict(task.data))
        except (TypeError, ValueError) as error:
            yield Finding(
                "error", "tasks", f"its data is not JSON ({error}): keep a seed or names.", task.id
            )
            return


def opening(environment: Environment, task: Task, _: Task) -> Iterator[Finding]:
    """What an agent sees first."""
    instruction = environment.instruction(task)
    if not instruction.strip():
        yield Finding("error", "instruction", "is empty: say the rules of the environment.", task.id)
    for marker in MARKERS:
        if marker in instruction:
            yield Finding(
                "warning", "instruction", f"holds {marker!r}: leave reply formats to dialects.", task.id
            )
    first, second = environment.open(task, seed=7), environment.open(task, seed=7)
    if first.observation != second.observation:
        yield Finding("error", "same seed same episode", "two openings differ at once.", task.id)
    yield from check_observation(first.observation, task)
    for episode in (first, second, first, second):
        episode.close()  # each twice: the second call must do nothing


def check_observation(observation: object, task: Task) -> Iterator[Finding]:
    """What an agent is shown: a text of bounded length."""
    if not isinstance(observation, str):
        yield Finding("error", "observation", f"is {type(observation).__name__}, not str.", task.id)
    elif len(observation) > MAX_OBSERVATION_CHARS:
        yield Finding(
            "error",
            "observation",
            f"has {len(observation)} characters; cut it at {MAX_OBSERVATION_CHARS} and say so in it.",
            task.id,
        )


def wrong_calls(tools: Sequence[Tool]) -> list[ToolCall]:
    """Calls that no environment should accept: an unknown tool, missing and ill-typed arguments."""
    calls = [ToolCall(name="no_such_tool", arguments={"x": 1})]
    for tool in tools:
        required = tool.parameters.get("required")
        if isinstance(required, list) and required:
            calls.append(ToolCall(name=tool.name))
            calls.append(
                ToolCall(name=tool.name, arguments={str(key): {"\x00": [None]} for key in required})
            )
    return calls


def answers_wrong_calls(environment: Environment, task: Task, _: Task) -> Iterator[Finding]:
    """A wrong call is answered with a fault and ends nothing."""
    episode = environment.open(task, seed=7)
    for call in wrong_calls(environment.tools_of(task)):
        shown = f"{call.name}({json.dumps(call.arguments)})"
        try:
            result = episode.step(call)
        except Exception as error:
            yield Finding(
                "error",
                "wrong call",
                f"{shown} raised {type(error).__name__}: {error}. Answer it with a fault instead.",
                task.id,
            )
            continue
        if result.fault is None:
            yield Finding("error", "wrong call", f"{shown} was answered without a fault.", task.id)
        if result.done:
            yield Finding(
                "error", "wrong call", f"{shown} ended the episode; let the agent mend it.", task.id
            )
        if not result.observation:
            yield Finding("error", "wrong call", f"{shown}: say in the observation what is wrong.", task.id)
        yield from check_observation(result.observation, task)
    episode.close()


def expert_earns(environment: Environment, task: Task, _: Task) -> Iterator[Finding]:
    """The expert earns reward 1 by three routes."""
    for seed in range(3):
        play = start(environment, task, seed)
        if play is None:
            yield Finding(
                "warning", "expert", "there is none, so no reward was seen to be reachable.", task.id
            )
            return
        while (moved := play.advance()) is not None:
            yield from _check_result(moved[1], moved[0], task)
        play.episode.close()
        if play.last is None or not play.last.done:
            why = "needs more than max_steps" if play.moves_left == 0 else "stopped too early"
            yield Finding("error", "expert", f"seed {seed}: {why}; the episode was not done.", task.id)
        elif play.last.reward < 1:
            yield Finding(
                "error", "expert", f"seed {seed}: earned {play.last.reward:g}; an expert earns 1.", task.id
            )


def _check_result(result: StepResult, move: Move, task: Task) -> Iterator[Finding]:
    yield from check_observation(result.observation, task)
    if not (math.isfinite(result.reward) and 0 <= result.reward <= 1):
        yield Finding("error", "reward", f"is {result.reward}; it must lie in [0, 1].", task.id)
    if result.fault is not None and move.trained:
        yield Finding(
            "warning",
            "expert",
            f"teaches a move that the environment faults ({result.fault}): mark it trained=False.",
            task.id,
        )


def isolation(environment: Environment, task: Task, other: Task) -> Iterator[Finding]:
    """Two experts, move by move in turn, must see what each of them saw alone."""
    alone = [run(environment, t, seed=7) for t in (task, other)]
    again = run(environment, task, seed=7)
    if alone[0] != again:
        yield Finding("error", "same seed same episode", "the same calls got other answers.", task.id)
    plays = [start(environment, t, seed=7) for t in (task, other)]
    pair = [(play, seen) for play, seen in zip(plays, alone, strict=True) if play is not None]
    moving = True
    while moving:
        moves = [play.advance() for play, _ in pair]
        moving = any(move is not None for move in moves)
    for play, seen in pair:
        if play.observations != seen:
            yield Finding(
                "error",
                "two episodes apart",
                "an episode sees other answers while a second one is open: share no state.",
                task.id,
            )
        play.episode.close()
