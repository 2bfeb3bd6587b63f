"""A toy environment in which any words are a move, and suites that behave and misbehave.

The reward is the task's own, so a model with random weights solves exactly the tasks that it should.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from trajectune.dialects.contract import Ask, Dialect, Opening, Reading
from trajectune.environments.contract import Environment, Episode, Split, StepResult, Task
from trajectune.errors import EpisodeError, TrajectuneError
from trajectune.evaluate.contract import Item, Measurement, Suite, System
from trajectune.evaluate.intervals import wilson
from trajectune.evaluate.items import write_items
from trajectune.example import Example, Message
from trajectune.progress import OnProgress, Progress, silent
from trajectune.trajectory import Fault, Reply, Step, Tool, ToolCall


class AnyWords(Dialect):
    """Reads every reply as the call `say`."""

    name = "anywords"

    def open(self, opening: Opening) -> list[Message]:
        return [Message(role="user", content=f"{opening.instruction} {opening.observation}")]

    def speak(self, step: Step, key: str = "") -> list[Message]:
        del key
        return [Message(role="assistant", content=step.thought, trained=True)]

    def answer(self, step: Step, key: str = "") -> list[Message]:
        del key
        return [Message(role="user", content=step.answer)]

    def read(self, replies: Sequence[Reply], key: str = "") -> Reading | Ask:
        del key
        return Reading(calls=(ToolCall(name="say", arguments={"words": replies[-1].text}),))


class NoWords(AnyWords):
    """Reads no reply."""

    name = "nowords"

    def read(self, replies: Sequence[Reply], key: str = "") -> Reading | Ask:
        del replies, key
        return Reading(fault=Fault.BAD_FORMAT, detail="No.")


class Paid(Episode):
    """Over after one call, with the reward that was agreed."""

    def __init__(self, reward: float) -> None:
        self.reward = reward

    @property
    def observation(self) -> str:
        return "Say something."

    def step(self, call: ToolCall) -> StepResult:
        del call
        return StepResult("", done=True, reward=self.reward)

    def close(self) -> None:
        pass


class Payday(Environment):
    """A task for each reward; odd and even ones are two kinds. `broken` tasks cannot be opened."""

    name: ClassVar[str] = "payday"
    tools: ClassVar[Sequence[Tool]] = (
        Tool(name="say", parameters={"type": "object", "properties": {"words": {"type": "string"}}}),
    )
    dialects: ClassVar[Mapping[str, Dialect]] = {"anywords": AnyWords(), "nowords": NoWords()}
    note = "Not a real job."

    def __init__(self, rewards: Sequence[float] = (1.0, 0.0, 1.0, 0.5)) -> None:
        self.rewards = rewards
        self.broken: set[str] = set()
        self.stop_at: int | None = None
        self.opened: list[str] = []

    def tasks(self, split: Split) -> Sequence[Task]:
        return [
            Task(f"{split}-{n}", split, kind="odd" if n % 2 else "even", data={"reward": reward})
            for n, reward in enumerate(self.rewards)
        ]

    def instruction(self, task: Task) -> str:
        del task
        return "You are paid for words."

    def open(self, task: Task, seed: int = 0) -> Episode:
        del seed
        if self.stop_at is not None and len(self.opened) >= self.stop_at:
            raise KeyboardInterrupt
        if task.id in self.broken:
            raise EpisodeError("the door is locked")
        self.opened.append(task.id)
        return Paid(task.data["reward"])


class Fixed(Suite):
    """Gives the scores that it was built with, or raises what it was given."""

    def __init__(
        self,
        scores: Sequence[float] = (1.0, 0.0),
        *,
        name: str = "fixed",
        missing: str = "",
        **options: Any,
    ) -> None:
        self.name = name
        self.group = options.get("group", "held-out")
        self.lower_is_better = options.get("lower_is_better", False)
        self.weights: Sequence[float] = options.get("weights", [1.0] * len(scores))
        self.error: BaseException | None = options.get("error")
        self.scores = scores
        self.missing = missing
        self.calls = 0

    def settings(self) -> dict[str, Any]:
        return {"scores": list(self.scores)}

    def unmet(self) -> str:
        return self.missing

    def measure(
        self, system: System, folder: Path, seed: int = 0, on_progress: OnProgress = silent
    ) -> Measurement:
        self.calls += 1
        on_progress(Progress(self.name, self.calls, None))
        if self.error is not None:
            raise self.error
        items = [
            Item(task=str(n), seed=seed, score=score, weight=weight)
            for n, (score, weight) in enumerate(zip(self.scores, self.weights, strict=True))
        ]
        share = wilson(sum(score == 1 for score in self.scores), len(self.scores))
        return Measurement(
            suite=self.name,
            group=self.group,
            system=system.identity,
            headline="score",
            lower_is_better=self.lower_is_better,
            metrics={"score": share} if share else {},
            items=write_items(folder / "items.jsonl", items),
        )


class UserMustMendError(TrajectuneError):
    """Something that only a user can mend."""


def examples(count: int = 5, unproven: int = 0) -> list[Example]:
    """General examples, the last `unproven` of which train nothing, so that no mask can be proven."""
    rows = []
    for n in range(count + unproven):
        reply = Message(role="assistant", content=f"Hello, number {n}.", trained=n < count)
        rows.append(
            Example(id=f"row-{n}", source="self", messages=[Message(role="user", content="Hi"), reply])
        )
    return rows
