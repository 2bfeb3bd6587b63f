"""The checker finds each broken promise, and the guide's own environment passes it."""

from __future__ import annotations

import itertools
import re
import types
from pathlib import Path

import pytest

from support.door import Door, DoorEnvironment, rules
from trajectune.environments.check import EnvironmentCheckError, check_environment, ensure_environment
from trajectune.environments.contract import MAX_OBSERVATION_CHARS, Environment, StepResult, Task
from trajectune.environments.unearned import PLAIN_MESSAGE, filled
from trajectune.trajectory import Action, Demonstration, Fault, Step, Tool, ToolCall

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


def test_guide_environment_keeps_the_contract(guide_environment: Environment):
    assert check_environment(guide_environment, tasks_per_split=5) == []


def test_guide_environment_is_about_fifty_lines():
    assert 40 <= len([line for line in guide_source().splitlines() if line.strip()]) <= 60


def test_sound_environment_has_no_finding():
    assert check_environment(DoorEnvironment()) == []
    ensure_environment(DoorEnvironment())


def test_an_environment_without_expert_gets_a_warning(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(DoorEnvironment, "expert", Environment.expert)
    findings = check_environment(DoorEnvironment())
    assert {finding.severity for finding in findings} == {"warning"}
    assert "reachable" in findings[0].message


def raises(*_: object) -> StepResult:
    raise KeyError("word")


COUNTER = itertools.count()


def shown(observation: str, name: str = "say") -> Demonstration:
    action = Action(call=ToolCall(name=name, arguments={"word": "open"}))
    return Demonstration(observation=observation, steps=[Step(actions=[action])])


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
        ("hear", raises, "words to the user"),
        ("hear", lambda *_: "Hello.", "words to the user"),
        ("hear", lambda *_: StepResult("x" * (MAX_OBSERVATION_CHARS + 1)), "observation"),
        ("hear", lambda *_: StepResult(""), "words to the user"),
        ("tools_of", lambda *_: [], "tools"),
        ("tools_of", lambda *_: [Tool(name=f"say{next(COUNTER)}")], "tools"),
        ("tools_of", lambda *_: [*DoorEnvironment.tools] * 2, "tools"),
        ("demonstration", lambda *_: Demonstration(observation="A door.", steps=[]), "demonstration"),
        ("demonstration", lambda *_: shown(""), "demonstration"),
        ("demonstration", lambda *_: shown("A door.", name="kick"), "demonstration"),
        ("demonstration", raises, "demonstration"),
    ],
)
def test_broken_promises_are_found(monkeypatch: pytest.MonkeyPatch, method: str, broken, rule: str):
    monkeypatch.setattr(DoorEnvironment, method, broken)
    assert rule in rules(DoorEnvironment())


@pytest.mark.parametrize("tools", [(), (Tool(name="x"),), (*DoorEnvironment.tools, *DoorEnvironment.tools)])
def test_tools_are_described_and_have_names_of_their_own(
    monkeypatch: pytest.MonkeyPatch, tools: tuple[Tool, ...]
):
    monkeypatch.setattr(DoorEnvironment, "tools", tools)
    assert "tools" in rules(DoorEnvironment())


def test_a_sound_demonstration_and_tools_by_task_pass(monkeypatch: pytest.MonkeyPatch):
    tools = DoorEnvironment.tools
    monkeypatch.setattr(DoorEnvironment, "tools", ())
    monkeypatch.setattr(DoorEnvironment, "tools_of", lambda *_: tools)
    monkeypatch.setattr(DoorEnvironment, "demonstration", lambda *_: shown("Another door."))
    assert check_environment(DoorEnvironment()) == []


def test_calls_at_once_are_answered_each(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Door, "steps", lambda self, calls: [self.step(call) for call in calls[:1]])
    assert "calls at once" in rules(DoorEnvironment())


def paid_for(*words: object):
    """A door that opens for these words, whether said by a tool or to a user."""

    def answer(_: DoorEnvironment, call: ToolCall) -> StepResult:
        word = call.arguments.get("word")
        if call.name != "say" or not isinstance(word, str):
            return StepResult("Say a word.", fault=Fault.BAD_ARGUMENTS)
        return hear(_, word)

    def hear(_: DoorEnvironment, message: str) -> StepResult:
        opens = message in words
        return StepResult("It opens." if opens else "It stays shut.", done=opens, reward=float(opens))

    return answer, hear


@pytest.mark.parametrize(
    ("method", "word", "agent"),
    [
        ("hear", "", "does nothing"),
        ("hear", PLAIN_MESSAGE, "answers at once"),
        ("answer", "", "answers at once"),
        ("hear", "A door.", "echoes the observation"),
        ("answer", "A door.", "echoes the observation"),
    ],
)
def test_reward_must_be_earned(monkeypatch: pytest.MonkeyPatch, method: str, word: str, agent: str):
    answer, hear = paid_for("open", word)
    monkeypatch.setattr(DoorEnvironment, method, {"answer": answer, "hear": hear}[method])
    findings = [f for f in check_environment(DoorEnvironment()) if f.rule == "unearned reward"]
    assert agent in {words for f in findings for words in AGENTS if words in f.message}
    assert all("earned 1 by" in f.message and "measures nothing" in f.message for f in findings)
    assert all(f.severity == "error" and f.task for f in findings)


AGENTS = ("does nothing", "answers at once", "echoes the observation")


def test_calls_of_the_agents_that_know_nothing_fit_the_schema():
    schema = {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "way": {"type": "string", "enum": ["up", "down"]},
            "texts": {"type": "array", "items": {"type": "string"}},
            "count": {"type": ["integer", "null"]},
            "place": {"type": "object", "properties": {"name": {"type": "string"}}},
            "optional": {"type": "string"},
        },
        "required": ["text", "way", "texts", "count", "place"],
    }
    tool = Tool(name="x", parameters=schema)
    assert filled(tool, "").arguments == {
        "text": "",
        "way": "up",
        "texts": [],
        "count": 0,
        "place": {"name": ""},
    }
    assert filled(tool, "echo").arguments == {
        "text": "echo",
        "way": "up",
        "texts": ["echo"],
        "count": 0,
        "place": {"name": "echo"},
    }
    assert filled(Tool(name="free"), "echo").arguments == {}


def test_closing_twice_must_do_nothing(monkeypatch: pytest.MonkeyPatch):
    seen: list[int] = []

    def closed(_: DoorEnvironment) -> None:
        seen.append(1)
        if len(seen) > 2:
            raise RuntimeError("already closed")

    monkeypatch.setattr(DoorEnvironment, "closed", closed)
    assert any("already closed" in finding.message for finding in check_environment(DoorEnvironment()))


def test_shared_state_between_episodes_is_found(monkeypatch: pytest.MonkeyPatch):
    said: list[str] = []

    def answer(_: DoorEnvironment, call: ToolCall) -> StepResult:
        word = call.arguments.get("word")
        if call.name != "say" or not isinstance(word, str):
            return StepResult("Say a word.", fault=Fault.BAD_ARGUMENTS)
        said.append(word)
        return StepResult(f"{len(said)} words so far.", done=True, reward=1.0)

    monkeypatch.setattr(DoorEnvironment, "answer", answer)
    assert rules(DoorEnvironment()) & {"two episodes apart", "same seed same episode"}


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("name", ""),
        ("max_steps", 0),
        ("reward_threshold", 0.0),
    ],
)
def test_declaration(monkeypatch: pytest.MonkeyPatch, attribute: str, value: object):
    monkeypatch.setattr(DoorEnvironment, attribute, value)
    assert rules(DoorEnvironment()) == {"declaration"}


def test_ensure_raises_with_the_findings(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(DoorEnvironment, "name", "")
    with pytest.raises(EnvironmentCheckError, match="set the class attribute") as caught:
        ensure_environment(DoorEnvironment())
    assert caught.value.findings[0].rule == "declaration"
