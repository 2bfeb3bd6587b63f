"""A toy environment: guess a number, told higher or lower; and agents that behave and misbehave."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import ClassVar

from trajectune.agents.contract import Agent, AgentReply, Conversation
from trajectune.environments.contract import Environment, Episode, Expert, Move, Split, StepResult, Task
from trajectune.trajectory import Fault, Tool, ToolCall, Usage

NUMBER = {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]}


class GuessEpisode(Episode):
    def __init__(self, secret: int) -> None:
        self.secret = secret

    @property
    def observation(self) -> str:
        return "Guess my number from 0 to 7."

    def step(self, call: ToolCall) -> StepResult:
        number = call.arguments["number"]
        assert isinstance(number, int)
        if not 0 <= number < 8:
            return StepResult("From 0 to 7!", fault=Fault.BAD_ARGUMENTS)
        if number == self.secret:
            return StepResult("Right.", done=True, reward=1.0)
        return StepResult("higher" if number < self.secret else "lower")

    def close(self) -> None:
        pass


class Guess(Environment):
    """Each task's secret is its number modulo 8."""

    name: ClassVar[str] = "guess"
    tools: ClassVar[Sequence[Tool]] = (Tool(name="guess", description="Say a number.", parameters=NUMBER),)
    max_steps = 6

    def __init__(self, size: int = 20) -> None:
        self.size = size
        self.opened: list[str] = []

    def tasks(self, split: Split) -> Sequence[Task]:
        return [
            Task(f"{split}-{n}", split, kind="odd" if n % 2 else "even", data={"n": n % 8})
            for n in range(self.size)
        ]

    def instruction(self, task: Task) -> str:
        del task
        return "You guess numbers."

    def open(self, task: Task, seed: int = 0) -> Episode:
        del seed
        self.opened.append(task.id)
        return GuessEpisode(task.data["n"])

    def expert(self, task: Task, observation: str, seed: int = 0) -> Expert | None:
        del task, observation, seed

        def bisect() -> Expert:
            low, high = 0, 7
            while True:
                middle = (low + high) // 2
                call = ToolCall(name="guess", arguments={"number": middle})
                answer = yield Move(f"Between {low} and {high}.", call, trained=low > 0)
                low, high = (middle + 1, high) if answer == "higher" else (low, middle - 1)

        return bisect()


class Scripted(Agent):
    """Says what a function of the conversation says."""

    name = "scripted"

    def __init__(
        self, say: Callable[[Conversation], AgentReply | str], *, workers: int = 1, batch_size: int = 1
    ) -> None:
        self.say = say
        self.workers = workers
        self.batch_size = batch_size
        self.batches: list[int] = []
        self.open: set[str] = set()
        self._lock = threading.Lock()

    def reply(self, conversations: Sequence[Conversation]) -> list[AgentReply]:
        with self._lock:
            self.batches.append(len(conversations))
            self.open |= {conversation.id for conversation in conversations}
        said = [self.say(conversation) for conversation in conversations]
        return [AgentReply(s, usage=Usage(generated_tokens=1)) if isinstance(s, str) else s for s in said]

    def forget(self, conversation_id: str) -> None:
        with self._lock:
            self.open.discard(conversation_id)


def act(number: object) -> str:
    """A reply in the react dialect."""
    return f'Action: guess\nAction Input: {{"number": {number}}}'


def know(conversation: Conversation) -> str:
    """The reply of one who peeks."""
    return act(conversation.task.data["n"])
