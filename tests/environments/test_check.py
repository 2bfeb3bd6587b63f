"""The checker finds each broken promise, and the guide's own environment passes it."""

from __future__ import annotations

import itertools
import re
import types
from pathlib import Path

import pytest

from trajectune.environments.check import EnvironmentCheckError, check_environment, ensure_environment
from trajectune.environments.contract import (
    MAX_OBSERVATION_CHARS,
    Environment,
    Episode,
    Move,
    StepResult,
    Task,
)
from trajectune.trajectory import Fault, Tool, ToolCall

GUIDE = Path(__file__).parents[2] / "docs" / "environments.md"


def guide_source() -> str:
    """The complete environment in the guide."""
    match = re.search(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.S)
    assert match is not None
    return match[1]


@pytest.fixture
def guide_environment() -> Environment:
    module = types.ModuleType("stockroom")
    exec(guide_source(), vars(module))
    return module.StockRoom()


class Door(Episode):
    """Opens with the word `open`."""

    def __init__(self, environment: DoorWorld) -> None:
        self.environment = environment

    @property
    def observation(self) -> str:
        return self.environment.greeting()

    def step(self, call: ToolCall) -> StepResult:
        return self.environment.answer(call)

    def close(self) -> None:
        self.environment.closed()


class DoorWorld(Environment):
    """A sound environment, whose methods the tests break one at a time."""

    name = "door"
    tools = (
        Tool(
            name="say",
            description="Say a word.",
            parameters={
                "type": "object",
                "properties": {"word": {"type": "string"}},
                "required": ["word"],
            },
        ),
    )

    def tasks(self, split):
        return [Task(f"{split}-{n}", split) for n in range(2)]

    def instruction(self, task: Task) -> str:
        del task
        return "Open the door."

    def open(self, task: Task, seed: int = 0) -> Episode:
        del task, seed
        return Door(self)

    def expert(self, task: Task, seed: int = 0):
        del task, seed
        yield Move("The word is open.", ToolCall(name="say", arguments={"word": "open"}))

    def greeting(self) -> str:
        return "A door."

    def answer(self, call: ToolCall) -> StepResult:
        if call.name != "say" or not isinstance(call.arguments.get("word"), str):
            return StepResult("Say a word.", fault=Fault.BAD_ARGUMENTS)
        return StepResult("It opens.", done=True, reward=1.0)

    def closed(self) -> None:
        pass


def rules(environment: Environment) -> set[str]:
    return {finding.rule for finding in check_environment(environment)}


def test_guide_environment_keeps_the_contract(guide_environment: Environment):
    assert check_environment(guide_environment, tasks_per_split=5) == []


def test_guide_environment_is_about_fifty_lines():
    assert 40 <= len([line for line in guide_source().splitlines() if line.strip()]) <= 60


def test_sound_environment_has_no_finding():
    assert check_environment(DoorWorld()) == []
    ensure_environment(DoorWorld())


def test_an_environment_without_expert_gets_a_warning(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(DoorWorld, "expert", Environment.expert)
    findings = check_environment(DoorWorld())
    assert {finding.severity for finding in findings} == {"warning"}
    assert "reachable" in findings[0].message


def raises(*_: object) -> StepResult:
    raise KeyError("word")


COUNTER = itertools.count()


@pytest.mark.parametrize(
    ("method", "broken", "rule"),
    [
        ("answer", raises, "wrong call"),
        ("answer", lambda *_: StepResult("Fine.", done=True, reward=1.0), "wrong call"),
        ("answer", lambda *_: StepResult("Never.", fault=Fault.BAD_ARGUMENTS), "expert"),
        ("answer", lambda *_: StepResult("Half.", done=True, reward=0.5, fault=Fault.BAD_FORMAT), "expert"),
        ("answer", lambda *_: StepResult("Much.", done=True, reward=7.0, fault=Fault.BAD_FORMAT), "reward"),
        ("greeting", lambda _: f"Door {next(COUNTER)}.", "same seed same episode"),
        ("greeting", lambda _: "x" * (MAX_OBSERVATION_CHARS + 1), "observation"),
        ("instruction", lambda *_: " ", "instruction"),
        ("instruction", lambda *_: "Reply with Action: say.", "instruction"),
        ("tasks", lambda _, split: [Task("same", split)], "tasks"),
        ("tasks", lambda _, split: [Task(str(next(COUNTER)), split)], "tasks"),
        ("tasks", lambda _, split: [Task(split, "train")], "tasks"),
        ("tasks", lambda _, split: [Task(split, split, "", {"x": {1}})], "tasks"),
        ("tasks", lambda *_: [], "tasks"),
    ],
)
def test_broken_promises_are_found(monkeypatch: pytest.MonkeyPatch, method: str, broken, rule: str):
    monkeypatch.setattr(DoorWorld, method, broken)
    assert rule in rules(DoorWorld())


def test_closing_twice_must_do_nothing(monkeypatch: pytest.MonkeyPatch):
    seen: list[int] = []

    def closed(_: DoorWorld) -> None:
        seen.append(1)
        if len(seen) > 2:
            raise RuntimeError("already closed")

    monkeypatch.setattr(DoorWorld, "closed", closed)
    assert any("already closed" in finding.message for finding in check_environment(DoorWorld()))


def test_shared_state_between_episodes_is_found(monkeypatch: pytest.MonkeyPatch):
    said: list[str] = []

    def answer(_: DoorWorld, call: ToolCall) -> StepResult:
        word = call.arguments.get("word")
        if call.name != "say" or not isinstance(word, str):
            return StepResult("Say a word.", fault=Fault.BAD_ARGUMENTS)
        said.append(word)
        return StepResult(f"{len(said)} words so far.", done=True, reward=1.0)

    monkeypatch.setattr(DoorWorld, "answer", answer)
    assert rules(DoorWorld()) & {"two episodes apart", "same seed same episode"}


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("name", ""),
        ("tools", ()),
        ("max_steps", 0),
        ("reward_threshold", 0.0),
        ("tools", (Tool(name="x"),)),
    ],
)
def test_declaration(monkeypatch: pytest.MonkeyPatch, attribute: str, value: object):
    monkeypatch.setattr(DoorWorld, attribute, value)
    assert rules(DoorWorld()) == {"declaration"}


def test_ensure_raises_with_the_findings(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(DoorWorld, "name", "")
    with pytest.raises(EnvironmentCheckError, match="set the class attribute") as caught:
        ensure_environment(DoorWorld())
    assert caught.value.findings[0].rule == "declaration"
