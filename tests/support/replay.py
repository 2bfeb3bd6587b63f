"""Conversations as glaive writes them, and an environment in which they are had again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from support.templates import QWEN_SYSTEM
from trajectune.environments.contract import Environment, Episode, Split, StepResult, Task
from trajectune.example import Example, Message
from trajectune.trajectory import Tool, ToolCall


def said(*turns: tuple[str, Any], tools: Sequence[str] = (), **more: str) -> dict[str, Any]:
    """A row as glaive writes it: calls and tools are JSON in text."""
    number = {"type": "object", "properties": {"of": {"type": "string"}}, "required": ["of"]}
    shown = [{"name": name, "description": f"Gives a {name}.", "parameters": number} for name in tools]
    texts = [
        {"from": who, "value": value if isinstance(value, str) else json.dumps(value)}
        for who, value in turns
    ]
    return {"conversations": texts, "tools": json.dumps(shown), **more}


def called(name: str, of: str) -> tuple[str, Any]:
    return "function_call", {"name": name, "arguments": {"of": of}}


ROWS = [
    said(
        ("human", "What is bread, and “tea”?"),
        called("price", "bread"),
        ("observation", {"price": 2.5}),
        called("price", "tea"),
        ("observation", '{"price": 4}\n'),
        ("gpt", "Bread is 2.50, tea is 4."),
        ("human", "Thanks!"),
        ("gpt", "You are\n\nwelcome. "),
        tools=["price", "weight"],
    ),
    said(
        ("human", "Good day."),
        ("gpt", "Good day! What can I do?"),
        ("human", "How heavy is a brick?"),
        called("weight", "brick"),
        ("observation", "heavy"),
        ("gpt", "Heavy."),
        tools=["weight"],
        system="You work in a shop.",
    ),
    said(("human", "Hello"), ("gpt", "  Hello!\n"), ("human", "Who are you?"), ("gpt", "A model.")),
]


def can_be_typed(row: dict[str, Any]) -> bool:
    """Whether the user's words are lines, as the terminal reads them."""
    asked = [turn["value"] for turn in row["conversations"] if turn["from"] == "human"]
    return all(words == words.strip() and "\n" not in words for words in asked)


class Replayed(Episode):
    """A conversation that goes on as it once did, as long as the agent says what was said."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self._left = list(messages)
        self._first = self._left.pop(0).content

    @property
    def observation(self) -> str:
        return self._first

    def step(self, call: ToolCall) -> StepResult:
        (expected,) = self._left.pop(0).tool_calls
        assert call.same_as(expected)
        return self._next()

    def reply(self, message: str) -> StepResult:
        assert message == self._left.pop(0).content
        return self._next()

    def close(self) -> None:
        pass

    def _next(self) -> StepResult:
        done = not self._left
        return StepResult("" if done else self._left.pop(0).content, done=done, reward=float(done))


class Replay(Environment):
    """Each conversation is a task: its system message the instruction, its user and tools the episode."""

    name: ClassVar[str] = "replay"

    def __init__(self, examples: Sequence[Example]) -> None:
        self.examples = {example.id: example for example in examples}

    def tasks(self, split: Split) -> Sequence[Task]:
        return [Task(name, split) for name in self.examples]

    def tools_of(self, task: Task) -> Sequence[Tool]:
        return self.examples[task.id].tools

    def instruction(self, task: Task) -> str:
        first = self.examples[task.id].messages[0]
        return first.content if first.role == "system" else QWEN_SYSTEM

    def open(self, task: Task, seed: int = 0) -> Episode:
        del seed
        return Replayed([each for each in self.examples[task.id].messages if each.role != "system"])
