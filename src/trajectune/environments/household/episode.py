"""One game as an agent plays it: text commands in, observations and a reward out.

Beyond ALFWorld's engine stand three rules of AgentBench's household task:
the words about arriving somewhere are cut from observations; with `snap`, a command that cannot be
carried out is replaced by the nearest one that can (`nearest`); and an agent that gives the same
command three times in a row, after its third move, has lost (`Fault.REPETITION`, reward 0). AgentBench
compares whole replies there; an episode sees commands only, so it compares those.

Invariant: whatever the command is, the answer is a `StepResult`; only broken infrastructure raises.
"""

from __future__ import annotations

import re
from typing import Any

from trajectune.environments.answers import unknown_tool
from trajectune.environments.contract import MAX_OBSERVATION_CHARS, Episode, StepResult
from trajectune.environments.household.engine.nearest import nearest
from trajectune.environments.household.engine.pool import Pool, Worker
from trajectune.errors import EpisodeError
from trajectune.trajectory import Fault, Tool, ToolCall

MAX_COMMAND = 200
"""Longest command that is looked at; the longest admissible one has about 50 characters."""
TOOLS = (
    Tool(
        name="act",
        description="Carry out one text command in the room.",
        parameters={
            "type": "object",
            "properties": {"command": {"type": "string", "description": "such as: go to shelf 1"}},
            "required": ["command"],
        },
    ),
)
SAME_COMMANDS = 3
NOTHING = "Nothing happens."
CUT = " ... (cut)"
_ARRIVAL = re.compile(r"^You arrive at (?:loc|[a-z]+) \d+\. ")
_PUT = re.compile(r"(?:put|move|place) (.+?) (?:in/on|into|onto|inside|in|on|to) (.+)")
_TASK = re.compile(r"\n+(Your task is to: )")


class HouseholdEpisode(Episode):
    """A game in a borrowed process. `close` gives the process back."""

    def __init__(self, pool: Pool, game: dict[str, Any], *, snap: bool) -> None:
        self._pool = pool
        self._snap = snap
        self._commands: list[str] = []
        self._over = False
        self._worker: Worker | None = pool.take()
        state = self._ask("load", game=game)
        self._admissible: list[str] = state["commands"]
        self._observation = opening(state["observation"])

    @property
    def observation(self) -> str:
        return self._observation

    def step(self, call: ToolCall) -> StepResult:
        if call.name != "act":
            return unknown_tool(call, TOOLS)
        command = call.arguments.get("command")
        if not isinstance(command, str) or len(call.arguments) > 1:
            return StepResult("act takes one text: command.", fault=Fault.BAD_ARGUMENTS)
        if self._over:
            return StepResult("The game is over.", done=True, fault=Fault.BAD_ARGUMENTS)
        return self._act(normal(command))

    def close(self) -> None:
        self._over = True
        worker, self._worker = self._worker, None
        if worker is not None:
            self._pool.give(worker)

    def _act(self, command: str) -> StepResult:
        chosen = self._choose(command)
        if chosen is None:
            result = StepResult(NOTHING, fault=Fault.BAD_ARGUMENTS)
        else:
            state = self._ask("step", command=chosen)
            self._admissible = state["commands"]
            won = bool(state["won"])
            result = StepResult(tidy(state["observation"]), done=won, reward=float(won))
        self._commands.append(command)
        if not result.done and self._stuck():
            result = StepResult(result.observation, done=True, fault=Fault.REPETITION)
        self._over = result.done
        return result

    def _choose(self, command: str) -> str | None:
        """The admissible command that is meant, or `None`."""
        for form in spellings(command):
            if form in self._admissible:
                return form
        return nearest(command, self._admissible) if self._snap else None

    def _stuck(self) -> bool:
        last = self._commands[-SAME_COMMANDS:]
        return len(self._commands) > SAME_COMMANDS and len(set(last)) == 1

    def _ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        if self._worker is None:
            raise EpisodeError("The episode is closed.", where=f"request {do!r}", remedy="open it again")
        return self._worker.ask(do, **arguments)


def normal(command: str) -> str:
    """A command as the environment reads it: the first line, lower case, single spaces, not too long."""
    lines = command[: 4 * MAX_COMMAND].strip().splitlines() or [""]
    return " ".join(lines[0].lower().split())[:MAX_COMMAND]


def spellings(command: str) -> list[str]:
    """The command and its other forms: older games say `put A in/on B`, newer ones `move A to B`."""
    if match := _PUT.fullmatch(command):
        thing, place = match.groups()
        return [command, f"move {thing} to {place}", f"put {thing} in/on {place}"]
    return [command]


def opening(feedback: str) -> str:
    """The first observation: the room and the task, without the engine's greeting."""
    _, _, text = feedback.partition("\n\n")
    return tidy(_TASK.sub(r"\n\1", text.strip()))


def tidy(observation: str) -> str:
    """An observation as AgentBench shows it, and never too long."""
    text = _ARRIVAL.sub("", observation.strip()) or NOTHING
    return text if len(text) <= MAX_OBSERVATION_CHARS else text[: MAX_OBSERVATION_CHARS - len(CUT)] + CUT
