"""Experts at play, and what the contract gives an environment that says nothing more."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.door import Door, DoorEnvironment
from support.guess import Guess
from trajectune.environments.contract import Environment, Expert, Move, StepResult, Task
from trajectune.environments.play import run, start
from trajectune.trajectory import Fault, ToolCall


def guess(number: int) -> ToolCall:
    return ToolCall(name="guess", arguments={"number": number})


@given(st.integers(0, 7))
def test_an_expert_plays_to_the_end_and_sees_what_its_moves_earn(secret: int) -> None:
    environment = Guess()
    play = start(environment, environment.tasks("train")[secret], 0)
    assert play is not None
    moves = []
    while (moved := play.advance()) is not None:
        moves.append(moved)
        assert play.seen == moved[1].observation
    assert play.last is not None
    assert play.last.reward == 1.0
    assert play.observations == [result.observation for _, result in moves]
    assert play.moves_left == environment.max_steps - len(moves)
    assert play.advance() is None


def test_running_gives_the_same_observations_and_closes() -> None:
    closed: list[int] = []

    class Closing(DoorEnvironment):
        def closed(self) -> None:
            closed.append(1)

    environment = Closing()
    task = environment.tasks("train")[0]
    assert run(environment, task, 0) == run(environment, task, 1) == ["It opens."]
    assert closed == [1, 1]


def test_without_an_expert_the_episode_is_closed_again() -> None:
    closed: list[int] = []

    class Alone(DoorEnvironment):
        def expert(self, task: Task, observation: str, seed: int = 0) -> None:
            del task, observation, seed

        def closed(self) -> None:
            closed.append(1)

    environment = Alone()
    assert start(environment, environment.tasks("train")[0], 0) is None
    assert closed == [1]
    assert run(environment, environment.tasks("train")[0], 0) == []


def played(moves: list[Move], **options: Any) -> tuple[list[str], list[str]]:
    """(what an expert with these moves was sent, what was said to the door's user)."""
    sent: list[str] = []
    said: list[str] = []

    class Told(DoorEnvironment):
        max_steps = options.get("max_steps", 15)

        def expert(self, task: Task, observation: str, seed: int = 0) -> Expert:
            del task, observation, seed
            for move in moves:
                answer = yield move
                sent.append(answer)

        def hear(self, message: str) -> StepResult:
            said.append(message)
            return StepResult("Aha.")

    environment = Told()
    run(environment, environment.tasks("train")[0], 0)
    return sent, said


def test_answers_to_several_calls_stand_a_blank_line_apart() -> None:
    say = [ToolCall(name="say", arguments={"word": word}) for word in ("no", "never")]
    assert played([Move("Two.", say)])[0] == ["It stays shut.\n\nIt stays shut."]


def test_words_go_to_the_user() -> None:
    assert played([Move("Ask.", message="Who is there?")]) == (["Aha."], ["Who is there?"])
    assert played([Move("Say nothing.", message="")]) == (["Aha."], [""])


def test_a_play_ends_after_max_steps() -> None:
    endless = [Move("No.", ToolCall(name="say", arguments={"word": "no"}))] * 50
    assert len(played(endless, max_steps=4)[0]) == 3  # the fourth answer is nobody's to read


def test_a_move_without_call_or_words_is_an_error() -> None:
    with pytest.raises(ValueError, match="neither a call nor words"):
        played([Move("Nothing.")])


def test_the_calls_of_a_move() -> None:
    one, two = guess(1), guess(2)
    assert Move("", one).calls == (one,)
    assert Move("", [one, two]).calls == (one, two)
    assert Move("", message="Hello.").calls == ()


def test_calls_of_one_move_end_with_the_episode() -> None:
    opening = ToolCall(name="say", arguments={"word": "open"})
    shut = ToolCall(name="say", arguments={"word": "no"})
    results = Door(DoorEnvironment()).steps([shut, opening, shut])
    assert [result.done for result in results] == [False, True]


def test_what_an_environment_has_by_default() -> None:
    environment = Guess()
    task = environment.tasks("train")[3]
    assert environment.tools_of(task) == Guess.tools
    assert environment.demonstration(task) is None
    heard = environment.open(task).reply("Hello?")
    assert (heard.fault, heard.done, heard.reward) == (Fault.BAD_FORMAT, False, 0.0)
    assert "tool" in heard.observation
    assert Environment.expert(environment, task, "") is None
