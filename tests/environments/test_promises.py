"""For every promise there is an environment that breaks it alone, and only its own check says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from support.door import Door, DoorEnvironment
from support.guess import Guess
from trajectune.environments.check import PLAYED, check_environment, ensure_environment
from trajectune.environments.contract import Environment, Episode, Move, Split, StepResult, Task
from trajectune.environments.promises import Finding, wrong_calls
from trajectune.environments.unearned import PLAIN_MESSAGE
from trajectune.trajectory import Action, Demonstration, Fault, Step, Tool, ToolCall

NO = ToolCall(name="say", arguments={"word": "no"})
SAY = DoorEnvironment.tools[0]


class Lax(DoorEnvironment):
    """Takes a call without its word."""

    def answer(self, call: ToolCall) -> StepResult:
        return StepResult("Mumbled.") if call == ToolCall(name="say") else super().answer(call)


class Undescribed(DoorEnvironment):
    tools = (SAY.model_copy(update={"description": ""}),)


class Kicked(DoorEnvironment):
    """Shows a tool that the agent does not have."""

    def demonstration(self, task: Task) -> Demonstration:
        del task
        step = Step(thought="Kick.", actions=[Action(call=ToolCall(name="kick"), observation="Ouch.")])
        return Demonstration(observation="A gate.", steps=[step])


class Silent(DoorEnvironment):
    def instruction(self, task: Task) -> str:
        del task
        return " \n"


class Half(DoorEnvironment):
    """Pays its expert half."""

    def answer(self, call: ToolCall) -> StepResult:
        result = super().answer(call)
        return StepResult(result.observation, done=True, reward=0.5) if result.done else result


class Draughty(DoorEnvironment):
    """Says so when another door is open at the same time."""

    def __init__(self) -> None:
        self.open_now: set[Episode] = set()

    def open(self, task: Task, seed: int = 0) -> Episode:
        del task, seed
        environment = self

        class Counted(Door):
            def step(self, call: ToolCall) -> StepResult:
                result = super().step(call)
                draught = " A draught." if len(environment.open_now) > 1 else ""
                return StepResult(result.observation + draught, result.done, result.reward, result.fault)

            def close(self) -> None:
                environment.open_now.discard(self)

        self.open_now.add(episode := Counted(self))
        return episode


class Hasty(DoorEnvironment):
    """Answers the first of several calls."""

    def open(self, task: Task, seed: int = 0) -> Episode:
        del task, seed

        class First(Door):
            def steps(self, calls: Sequence[ToolCall]) -> list[StepResult]:
                return super().steps(calls[:1])

        return First(self)


class Deaf(DoorEnvironment):
    def hear(self, message: str) -> StepResult:
        del message
        return StepResult("", fault=Fault.BAD_FORMAT)


def generous(*words: str) -> type[DoorEnvironment]:
    """Opens for these messages to the user."""

    class Generous(DoorEnvironment):
        def hear(self, message: str) -> StepResult:
            paid = message in words
            return StepResult("It opens." if paid else "Hm.", done=paid, reward=float(paid))

    return Generous


class Painted(DoorEnvironment):
    """Doors that look different, and one word for all of them."""

    def tasks(self, split: Split) -> list[Task]:
        return [Task(f"{split}-{n}", split) for n in range(3)]

    def open(self, task: Task, seed: int = 0) -> Episode:
        del seed

        class Coloured(Door):
            @property
            def observation(self) -> str:
                return f"Door {task.id}."

        return Coloured(self)


BROKEN: dict[str, type[DoorEnvironment]] = {
    "tools": Undescribed,
    "demonstration": Kicked,
    "opening": Silent,
    "wrong call": Lax,
    "expert": Half,
    "two episodes apart": Draughty,
    "calls at once": Hasty,
    "words to the user": Deaf,
    "unearned reward: nothing": generous(""),
    "unearned reward: at once": generous(PLAIN_MESSAGE),
    "unearned reward: echo": generous("A door."),
    "unearned reward: replay": Painted,
}


def complaints(environment: Environment) -> dict[str, list[Finding]]:
    """What each check finds by itself."""
    task, other = environment.tasks("train")[:2]
    found = {name: list(check(environment, task, other)) for name, check in PLAYED.items()}
    return {name: findings for name, findings in found.items() if findings}


def test_there_is_a_broken_environment_for_every_check() -> None:
    assert set(BROKEN) == set(PLAYED)
    assert complaints(DoorEnvironment()) == {}


@pytest.mark.parametrize("name", PLAYED)
def test_a_broken_promise_is_found_by_its_own_check_alone(name: str) -> None:
    found = complaints(BROKEN[name]())
    assert set(found) == {name}
    severity = "warning" if name.endswith("replay") else "error"
    assert all(finding.severity == severity and finding.task for finding in found[name])
    assert {str(f) for f in found[name]} <= {str(f) for f in check_environment(BROKEN[name]())}


@pytest.mark.parametrize("name", PLAYED)
def test_an_exception_anywhere_is_a_finding_and_the_other_checks_go_on(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def fails(*_: object) -> Any:
        raise ZeroDivisionError("by accident")
        yield

    monkeypatch.setitem(PLAYED, name, fails)
    last = list(PLAYED)[-1]
    if last != name:
        monkeypatch.setitem(PLAYED, last, lambda *_: iter([Finding("error", "last", "was reached")]))
    findings = check_environment(DoorEnvironment())
    assert {f.rule for f in findings} == ({name} if last == name else {name, "last"})
    assert any("ZeroDivisionError: by accident" in f.message for f in findings)


def test_every_split_is_played_and_tasks_are_spread_over_it() -> None:
    played: list[str] = []

    class Long(Guess):
        def instruction(self, task: Task) -> str:
            played.append(task.id)
            return super().instruction(task)

    check_environment(Long(size=9), tasks_per_split=3)
    expected = [f"{split}-{n}" for split in ("train", "dev", "test") for n in (0, 3, 6)]
    assert list(dict.fromkeys(played)) == expected


def test_a_replay_may_earn_what_two_tasks_share() -> None:
    class Similar(Painted):
        def answer(self, call: ToolCall) -> StepResult:
            result = super().answer(call)
            return StepResult(result.observation, result.done, 0.5 * result.reward, result.fault)

    assert "unearned reward: replay" not in complaints(Similar())


def test_a_warning_lets_ensure_pass() -> None:
    class Marked(DoorEnvironment):
        def instruction(self, task: Task) -> str:
            del task
            return "Open the door. Thought: say how."

    findings = check_environment(Marked())
    assert {f.severity for f in findings} == {"warning"}
    ensure_environment(Marked())


def test_no_train_task_is_a_warning() -> None:
    class Tested(DoorEnvironment):
        def tasks(self, split: Split) -> list[Task]:
            return super().tasks(split) if split == "test" else []

    assert [(f.severity, f.rule) for f in check_environment(Tested())] == [("warning", "tasks")]


@pytest.mark.parametrize("broken", [object(), DoorEnvironment])
def test_what_is_no_environment_is_one_finding(broken: Any) -> None:
    (finding,) = check_environment(broken)
    assert finding.rule == "declaration"
    assert "inherit" in finding.message


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: iter([Move("Nothing.")]), "neither a call nor words"),
        (lambda: iter(()), "stopped too early"),
        (
            lambda: (Move("No.", NO) for _ in range(99)),
            "max_steps",
        ),
        (lambda: (Move("What?", ToolCall(name="shout")) for _ in range(99)), "trained=False"),
    ],
)
def test_experts_that_do_not_finish_are_told_why(make: Callable[[], Any], message: str) -> None:
    class Played(DoorEnvironment):
        def expert(self, task: Task, observation: str, seed: int = 0) -> Any:
            del task, observation, seed
            moves = make()
            return (move for move in moves)

    assert any(message in f.message for f in check_environment(Played()))


def test_a_mistake_that_is_marked_as_one_is_no_finding() -> None:
    class Mending(DoorEnvironment):
        def expert(self, task: Task, observation: str, seed: int = 0) -> Any:
            del task, observation, seed
            yield Move("Shout.", ToolCall(name="shout"), trained=False)
            yield Move("Say it.", ToolCall(name="say", arguments={"word": "open"}))

    assert check_environment(Mending()) == []


@pytest.mark.parametrize("reward", [-0.1, 1.5, float("nan"), float("inf")])
def test_rewards_lie_between_0_and_1(reward: float) -> None:
    class Odd(DoorEnvironment):
        def answer(self, call: ToolCall) -> StepResult:
            result = super().answer(call)
            return StepResult("It opens.", done=True, reward=reward) if result.done else result

    assert "reward" in {f.rule for f in check_environment(Odd())}


def test_wrong_calls_are_wrong_for_any_tool() -> None:
    free = Tool(name="look", description="Look.", parameters={"type": "object", "properties": {}})
    calls = wrong_calls([SAY, free])
    assert [call.name for call in calls] == ["no_such_tool", "say", "say"]
    assert calls[1].arguments == {}
    assert not isinstance(calls[2].arguments["word"], str)


@pytest.mark.parametrize(
    ("finding", "text"),
    [
        (Finding("error", "tasks", "there is none."), "error: tasks: there is none."),
        (Finding("warning", "expert", "none.", "t-1"), "warning: expert [task t-1]: none."),
    ],
)
def test_a_finding_in_one_line(finding: Finding, text: str) -> None:
    assert str(finding) == text
