"""One preference pair: what two episodes of a task have in common, and how each goes on.

The idea: both episodes are rendered in one dialect; the messages that they share are the prompt, and the
first reply in which they differ begins the completions. Preference losses compare the whole probability of
two completions, so what is shared would cancel out in them; as prompt it costs nothing. A `step` pair stops
after that first reply: its completions are the agent's words alone. In an `episode` pair both go on to
their ends, and what the environment answered in between stands in the completions too.

Invariants: prompt + chosen and prompt + rejected are the two conversations (an `episode`), or beginnings of
them (a `step`); a prompt ends with what the agent was told; the first completed reply of both sides
differs. What is chosen holds no reply that must not be learnt (a fault, an expert's deliberate mistake).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from trajectune.dialects.contract import Dialect
from trajectune.dialects.conversation import to_example
from trajectune.errors import DataError
from trajectune.example import Message
from trajectune.trajectory import Tool, Trajectory

Form = Literal["episode", "step"]
OTHER_PROBLEM = "the two were told different problems"
OTHER_ANSWER = "the same moves were answered differently"
SAME_WORDS = "one is the beginning of the other"
CHOSEN_FAULT = "the success holds a reply that must not be learnt"
UNWRITABLE = "the dialect cannot write it"


class NoPairError(ValueError):
    """Two episodes that give no pair; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two ways to go on, the better and the worse one."""

    chosen_from: Trajectory
    rejected_from: Trajectory
    prompt: Sequence[Message]
    chosen: Sequence[Message]
    rejected: Sequence[Message]
    tools: Sequence[Tool] = ()
    """Tools offered through the chat template itself, in a native dialect."""

    def row(self) -> dict[str, Any]:
        """As TRL's DPO trainer reads it: lists of messages; `tools`, where there are any, as JSON text."""
        own = {
            "id": f"{self.chosen_from.id} > {self.rejected_from.id}",
            "environment": self.chosen_from.environment,
            "task": self.chosen_from.task,
            "chosen_reward": self.chosen_from.reward,
            "rejected_reward": self.rejected_from.reward,
            "prompt": [_turn(message) for message in self.prompt],
            "chosen": [_turn(message) for message in self.chosen],
            "rejected": [_turn(message) for message in self.rejected],
        }
        return own | ({"tools": _tools(self.tools)} if self.tools else {})


def make_pair(success: Trajectory, failure: Trajectory, dialect: Dialect, form: Form = "episode") -> Pair:
    """The pair of two episodes of one task. Raises `NoPairError` with the reason why there is none."""
    try:
        better, worse = to_example(success, dialect), to_example(failure, dialect)
    except DataError:
        raise NoPairError(UNWRITABLE) from None
    shared = _shared(better.messages, worse.messages)
    chosen, rejected = better.messages[shared:], worse.messages[shared:]
    if not chosen or not rejected:
        raise NoPairError(SAME_WORDS)
    if chosen[0].role != "assistant" or rejected[0].role != "assistant":
        told_apart = any(message.trained for message in better.messages[:shared])
        raise NoPairError(OTHER_ANSWER if told_apart else OTHER_PROBLEM)
    if form == "step":
        chosen, rejected = chosen[:1], rejected[:1]
    if any(message.role == "assistant" and not message.trained for message in chosen):
        raise NoPairError(CHOSEN_FAULT)
    return Pair(success, failure, better.messages[:shared], chosen, rejected, better.tools)


def _shared(one: Sequence[Message], other: Sequence[Message]) -> int:
    """How many messages both begin with, whatever the ids of their calls are."""
    number = 0
    for a, b in zip(one, other, strict=False):
        if _said(a) != _said(b):
            break
        number += 1
    return number


def _said(message: Message) -> tuple[str, str, list[tuple[str, Any]]]:
    return message.role, message.content, [(call.name, call.arguments) for call in message.tool_calls]


def _turn(message: Message) -> dict[str, Any]:
    """A message as chat templates take it: arguments as objects, ids where they are known."""
    turn: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        turn["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in message.tool_calls
        ]
    if message.tool_call_id:
        turn["tool_call_id"] = message.tool_call_id
    return turn | ({"name": message.name} if message.name else {})


def _tools(tools: Sequence[Tool]) -> str:
    """JSON text: schemas of different tools in one column would be filled up with each other's keys."""
    functions = [{"type": "function", "function": tool.model_dump(mode="json")} for tool in tools]
    return json.dumps(functions, ensure_ascii=False)
