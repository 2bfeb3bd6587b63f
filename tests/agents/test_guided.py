"""The guided agent: the expert's moves in a teacher's words, through a server that speaks the protocol."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.teachers import teaching
from trajectune.agents import guided
from trajectune.agents import thoughts as faults
from trajectune.agents.contract import AgentReply, Conversation
from trajectune.agents.thoughts import Wanted, says, texts_in, thought_fault
from trajectune.environments.contract import Environment, Move, Task
from trajectune.environments.registry import load_environment
from trajectune.run.api.acting import Expert, Guided, rollout
from trajectune.trajectory import Outcome, ToolCall, Trajectory

THOUGHT = "I look for what the question asks, since the table holds it."


def thinking(number: int, prompt: str = "") -> str:
    """A good thought, each time another."""
    del prompt
    return f"{THOUGHT} This is look {'I' * number}."


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def database(**options: object) -> Environment:
    return load_environment(
        "database", {"train": 3, "repair": 0.0, "look": 0.0, "kinds": ["count"], **options}
    )


def play(
    say: Callable[[int, str], str | None], folder: Path, environment: Environment | None = None
) -> tuple[list[Trajectory], dict[str, int], list[str]]:
    """What was played, where the thoughts come from, and what the teacher was asked."""
    with teaching(say) as teacher:
        agent = Guided(teacher.agent())
        played = rollout(environment or database(), agent, to=folder / "played.jsonl").trajectories()
        agent.teacher.close()
    return played, dict(agent.counts), teacher.prompts


def thoughts(played: list[Trajectory]) -> list[str]:
    return [step.thought for each in played for step in each.steps]


def test_moves_are_the_experts_and_thoughts_the_teachers(tmp_path: Path) -> None:
    played, counts, prompts = play(lambda number, _: f"Thought: {thinking(number)}\n", tmp_path / "guided")
    own = rollout(database(), Expert(), to=tmp_path / "own.jsonl").trajectories()
    assert [each.reward for each in played] == [1.0] * 3
    assert [[s.actions for s in a.steps] for a in played] == [[s.actions for s in b.steps] for b in own]
    assert sorted(thoughts(played)) == sorted(map(thinking, range(6)))
    assert counts == {guided.WRITTEN: 6}
    assert played[0].agent == "guided teacher"
    assert played[0].usage.generated_tokens == 2 * 7
    assert "SELECT" in prompts[0]
    assert own[0].observation in prompts[0]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("", faults.EMPTY),
        ("Thought: ", faults.EMPTY),
        ("I run it.\nAction: Operation", faults.CALLS),
        ("I run ```sql\nSELECT 1\n```", faults.CALLS),
        ('{"name": "sql"}', faults.CALLS),
        ("x" * 900, faults.LONG),
        ("The agent counts them.", faults.ABOUT),
        ("I count, since the next move is the right one.", faults.ABOUT),
    ],
)
def test_a_bad_thought_is_asked_for_again_with_the_reason(bad: str, reason: str, tmp_path: Path) -> None:
    played, counts, prompts = play(lambda n, prompt: thinking(n) if reason in prompt else bad, tmp_path)
    assert all(thought.startswith(THOUGHT) for thought in thoughts(played))
    assert counts == {guided.AGAIN: 6}
    assert sum(reason in prompt for prompt in prompts) == 6


def test_a_thought_is_not_had_twice(tmp_path: Path) -> None:
    played, counts, _ = play(lambda *_: THOUGHT, tmp_path)
    assert [each.steps[0].thought for each in played] == [THOUGHT] * 3
    assert counts == {guided.WRITTEN: 3, guided.KEPT.format(faults.REPEATS): 3}


def test_twice_bad_leaves_the_experts_own(tmp_path: Path) -> None:
    played, counts, _ = play(lambda *_: "", tmp_path)
    own = rollout(database(), Expert(), to=tmp_path / "own.jsonl").trajectories()
    assert thoughts(played) == thoughts(own)
    assert counts == {guided.KEPT.format(faults.EMPTY): 6}


def test_the_answer_is_not_said_before_it_was_seen(tmp_path: Path) -> None:
    environment = database(train=1)
    (own,) = rollout(environment, Expert(), to=tmp_path / "own.jsonl").trajectories()
    values = own.steps[-1].actions[0].call.arguments["values"]
    assert isinstance(values, list)
    (answer,) = values
    played, counts, _ = play(
        lambda number, _: f"There must be {answer} of them{'!' * number}", tmp_path, environment
    )
    leaked = guided.KEPT.format(faults.LEAKS)
    assert counts == {leaked: 1, guided.WRITTEN: 1}, "once it is seen it may be said"
    assert thoughts(played)[1].startswith(f"There must be {answer} of them")


def test_deliberate_mistakes_keep_their_thought(tmp_path: Path) -> None:
    environment = database(repair=1.0, kinds=["select"])
    played, counts, _ = play(thinking, tmp_path, environment)
    wrong = [step for each in played for step in each.steps if not step.trained]
    assert wrong
    assert counts[guided.MISTAKE] == len(wrong)
    assert not any(step.thought.startswith(THOUGHT) for step in wrong)


def test_a_teacher_that_fails_is_an_error_of_the_infrastructure(tmp_path: Path) -> None:
    played, counts, _ = play(lambda *_: None, tmp_path)
    assert {each.outcome for each in played} == {Outcome.AGENT_ERROR}
    assert {each.reward for each in played} == {None}
    assert counts == {}


def fault_of(thought: str, move: Move, unseen: tuple[str, ...] = (), **more: Any) -> str:
    talk = Conversation("c", [], Task("t", "train"))
    return thought_fault(AgentReply(thought, **more), thought, Wanted(talk, move, "", unseen))


def test_a_call_is_found_in_a_thought() -> None:
    query = "SELECT count(*) FROM `players` WHERE `goals` > 3"
    move = Move("", ToolCall(name="sql", arguments={"query": query}))
    assert fault_of(f"I run {query} now.", move) == faults.CALLS
    assert fault_of("I run it.", move, calls=[ToolCall(name="sql")]) == faults.CALLS
    assert fault_of("I count them.", move, ("3",)) == ""
    assert fault_of("I count to 3.", move, ("3",)) == faults.LEAKS
    assert fault_of("I saw", move, finish="length") == faults.LONG


def test_values_and_words() -> None:
    assert texts_in({"values": ["a", 2, None, True, {"b": ["c"]}]}) == ["a", "2", "c"]
    assert says("It is Red.", "red")
    assert not says("It is 125.", "12")
