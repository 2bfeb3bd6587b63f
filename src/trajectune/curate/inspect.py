"""What is in a file: counts, lengths, trained share and faults, in one pass and constant memory.

The idea: whoever receives a data file asks the same questions first. A file of examples and a file of
trajectories answer different ones, so there are two sets of facts.

Invariant: every row of the file is counted once, as a row or as a rejected one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from pydantic import ValidationError

from trajectune.curate.formats import NumberedExample, is_trajectory, read_numbered
from trajectune.curate.formats.stored.containers import read_rows
from trajectune.example import Example, Message
from trajectune.storage import Rejected, explain
from trajectune.trajectory import Outcome, Trajectory

TokenCount = Callable[[str], int]
"""How many tokens a text has."""


@dataclass(slots=True)
class Rejections:
    """A sink that counts all rejected rows and keeps the first ones."""

    keep: int = 10
    count: int = 0
    first: list[Rejected] = field(default_factory=list)

    def append(self, row: Rejected, /) -> None:
        self.count += 1
        if len(self.first) < self.keep:
            self.first.append(row)


@dataclass(slots=True)
class Size:
    """Sum and maximum of something counted row by row."""

    total: int = 0
    largest: int = 0

    def add(self, value: int) -> None:
        self.total += value
        self.largest = max(self.largest, value)


@dataclass(frozen=True, slots=True)
class Sample:
    """The beginning of one row."""

    line: int
    id: str
    asked: str
    answered: str


@dataclass(slots=True)
class ExampleFacts:
    """What a file of examples holds."""

    rows: int = 0
    formats: Counter[str] = field(default_factory=Counter)
    """Rows by the format that they have."""
    turns: Size = field(default_factory=Size)
    """Trained replies: what AgentTuning's Table 1 calls turns."""
    messages: Size = field(default_factory=Size)
    characters: Size = field(default_factory=Size)
    trained_characters: int = 0
    tokens: Size | None = None
    """Tokens of the messages' text, without what a chat template adds; `None` without a tokenizer."""
    trained_tokens: int = 0
    sources: Counter[str] = field(default_factory=Counter)
    tool_calls: int = 0
    reasoning: int = 0
    """Replies with reasoning apart from their words."""
    faults: Counter[str] = field(default_factory=Counter)
    """Rows by what is odd about them; a row may have several."""
    notes: Counter[str] = field(default_factory=Counter)
    """Rows by what of them does not reach the trainer; a row may have several."""
    samples: list[Sample] = field(default_factory=list)

    def add(self, numbered: NumberedExample, count: TokenCount | None, samples: int) -> None:
        """Count one example."""
        example = numbered.example
        self.rows += 1
        self.formats[numbered.format] += 1
        replies = [message for message in example.messages if message.trained]
        self.turns.add(len(replies))
        self.messages.add(len(example.messages))
        self.characters.add(sum(map(_length, example.messages)))
        self.trained_characters += sum(map(_length, replies))
        if count is not None:
            self._add_tokens(example, count)
        self.sources[example.source] += 1
        self.tool_calls += sum(len(message.tool_calls) for message in example.messages)
        self.reasoning += sum(bool(message.reasoning) for message in example.messages)
        self.faults.update(example_faults(example))
        if len(self.samples) < samples:
            self.samples.append(_sample(numbered.line, example))

    def _add_tokens(self, example: Example, count: TokenCount) -> None:
        lengths = [count(message.reasoning + message.content) for message in example.messages]
        self.tokens = self.tokens or Size()
        self.tokens.add(sum(lengths))
        pairs = zip(example.messages, lengths, strict=True)
        self.trained_tokens += sum(length for message, length in pairs if message.trained)


@dataclass(slots=True)
class TrajectoryFacts:
    """What a file of trajectories holds."""

    rows: int = 0
    steps: Size = field(default_factory=Size)
    environments: Counter[str] = field(default_factory=Counter)
    agents: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    """Steps by fault."""
    rewarded: int = 0
    """Trajectories with a reward: all but those whose infrastructure failed."""
    reward: float = 0.0
    """Sum of the rewards."""
    solved: int = 0
    """Trajectories with reward 1."""
    generated_tokens: int = 0
    samples: list[Sample] = field(default_factory=list)

    def add(self, line: int, trajectory: Trajectory, samples: int) -> None:
        """Count one trajectory."""
        self.rows += 1
        self.steps.add(len(trajectory.steps))
        self.environments[trajectory.environment] += 1
        self.agents[trajectory.agent or "unknown"] += 1
        self.outcomes[trajectory.outcome] += 1
        self.faults.update(fault.value for step in trajectory.steps for fault in step.faults)
        self.generated_tokens += trajectory.usage.generated_tokens
        if trajectory.reward is not None:
            self.rewarded += 1
            self.reward += trajectory.reward
            self.solved += trajectory.reward == 1.0
        if len(self.samples) < samples:
            last = trajectory.steps[-1] if trajectory.steps else None
            shown = (last.replies[-1].text if last.replies else last.thought) if last else ""
            self.samples.append(Sample(line, trajectory.id, trajectory.observation, shown))


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a file holds and what of it could not be read."""

    facts: ExampleFacts | TrajectoryFacts | None
    """`None` when the file has no row that can be read."""
    rejections: Rejections


def inspect_file(
    path: Path | str, count: TokenCount | None = None, *, samples: int = 5, format: str | None = None
) -> FileFacts:
    """Read a file once and count. `count` gives the tokens of a text; without it none are counted.

    Raises `DataError` when the file cannot be read or has no known format.
    """
    path, rejections = Path(path), Rejections()
    first = next(read_rows(path, Rejections()), None)
    if format is None and first is not None and is_trajectory(first.value):
        return FileFacts(_trajectory_facts(path, samples, rejections), rejections)
    facts = ExampleFacts()
    for numbered in read_numbered(path, rejections, format=format, notes=facts.notes):
        facts.add(numbered, count, samples)
    return FileFacts(facts if facts.rows else None, rejections)


def example_faults(example: Example) -> list[str]:
    """What is odd about an example. None of it is an error; some chat templates refuse some of it."""
    messages = example.messages
    talk = [message for message in messages if message.role != "system"]
    found = {
        "no trained reply": not any(message.trained for message in messages),
        "an empty trained reply": any(_is_empty(message) for message in messages if message.trained),
        "two roles in a row": any(a.role == b.role != "tool" for a, b in pairwise(messages)),
        "does not begin with the user": bool(talk) and talk[0].role != "user",
        "does not end with a reply": bool(talk) and talk[-1].role != "assistant",
    }
    return [name for name, is_so in found.items() if is_so]


def _length(message: Message) -> int:
    return len(message.reasoning) + len(message.content)


def _is_empty(message: Message) -> bool:
    return not message.content.strip() and not message.tool_calls and not message.reasoning.strip()


def _trajectory_facts(path: Path, samples: int, rejections: Rejections) -> TrajectoryFacts:
    facts = TrajectoryFacts()
    for row in read_rows(path, rejections):
        try:
            facts.add(row.line, Trajectory.model_validate(row.value), samples)
        except ValidationError as error:
            rejections.append(Rejected(row.line, explain(error)))
    return facts


def _sample(line: int, example: Example) -> Sample:
    asked = next((message.content for message in example.messages if message.role == "user"), "")
    replies = [message for message in example.messages if message.role == "assistant"]
    last = replies[-1] if replies else None
    calls = ", ".join(call.name for call in last.tool_calls) if last else ""
    return Sample(line, example.id, asked, (last.content or f"calls {calls}") if last else "")
