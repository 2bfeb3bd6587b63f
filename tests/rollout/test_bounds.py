"""Whatever an agent sends costs at most its limit: a fault or stored, never the end of a run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.guess import Guess, GuessEpisode, Scripted, know
from trajectune.agents.contract import AgentReply, Conversation
from trajectune.dialects.registry import get_dialect
from trajectune.environments.contract import Episode, StepResult, Task
from trajectune.rollout.bounds import MAX_CALLS, MAX_OBSERVATION, MAX_REPLY
from trajectune.rollout.rollout import rollout
from trajectune.storage import MAX_LINE_BYTES, encode, parse_json, read_records
from trajectune.trajectory import Fault, Outcome, Reply, Step, ToolCall, Trajectory

NAMES = ("react", "json", "native", "agentbench")


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


def played(
    reply: AgentReply | str,
    path: Path,
    dialect: str = "native",
    environment: Guess | None = None,
    **more: Any,
) -> Trajectory:
    """The only episode of an agent that always says the same; it is in the file and can be read."""
    environment = environment or Guess(1)
    spoken = get_dialect(dialect, "database")
    agent = Scripted(lambda _: reply)
    result = rollout(environment, environment.tasks("train"), agent, spoken, path, **more)
    assert result.errors == 0
    rejected: list[Any] = []
    (row,) = read_records(path, Trajectory, rejected)
    assert not rejected
    return row


CALL = ToolCall(name="guess", arguments={"number": 1})
HOSTILE = {
    "a reply of 1 MB": AgentReply("x" * 1_000_000),
    "100,000 calls": AgentReply("", calls=[CALL] * 100_000),
    "100,000 calls as text": "<tool_call>{}</tool_call>" * 4_000,
    "deep arguments": AgentReply("", calls=[CALL.model_copy(update={"arguments": deep(300)})]),
    "no number": AgentReply("", calls=[ToolCall(name="guess", arguments={"number": float("nan")})]),
    "an endless number": AgentReply("", calls=[ToolCall(name="guess", arguments={"number": float("inf")})]),
    "1e999 as text": '<tool_call>{"name": "guess", "arguments": {"number": 1e999}}</tool_call>',
    "a long argument": AgentReply("", calls=[ToolCall(name="guess", arguments={"number": "x" * 10**6})]),
    "a long name": AgentReply("", calls=[ToolCall(name="x" * 10**6)]),
}


@pytest.mark.parametrize("dialect", NAMES)
@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_too_much_is_a_fault_that_is_stored_within_its_limit(
    what: str, dialect: str, tmp_path: Path
) -> None:
    row = played(HOSTILE[what], tmp_path / "t.jsonl", dialect)
    assert row.steps[0].faults
    assert row.steps[0].faults[0] in (Fault.BAD_FORMAT, Fault.BAD_ARGUMENTS, Fault.UNKNOWN_TOOL)
    assert len(encode(row)) < 4 * MAX_REPLY


def test_the_limits_are_said_to_the_agent(tmp_path: Path) -> None:
    def said(reply: AgentReply, name: str) -> str:
        return played(reply, tmp_path / name, bad_format_limit=2, max_steps=2).steps[0].observation

    assert "1000000 characters, at most 200000" in said(HOSTILE["a reply of 1 MB"], "a")  # type: ignore[arg-type]
    assert "Too many calls at once: 100000" in said(HOSTILE["100,000 calls"], "b")  # type: ignore[arg-type]


def test_as_many_calls_as_are_allowed_are_carried_out(tmp_path: Path) -> None:
    row = played(AgentReply("", calls=[CALL] * MAX_CALLS), tmp_path / "t.jsonl", repetition_limit=1)
    assert len(row.steps[0].actions) == MAX_CALLS


class Loud(Guess):
    """Answers at length."""

    length: ClassVar[int] = 10**6
    max_steps = 1_000

    def open(self, task: Task, seed: int = 0) -> Episode:
        del task, seed
        outer = self

        class Shouting(GuessEpisode):
            def step(self, call: ToolCall) -> StepResult:
                del call
                return StepResult("\x01" * outer.length)

        return Shouting(3)


def test_an_observation_is_cut_and_the_cut_is_marked(tmp_path: Path) -> None:
    row = played(AgentReply("", calls=[CALL]), tmp_path / "t.jsonl", environment=Loud(1), max_steps=1)
    shown = row.steps[0].actions[0].observation
    assert len(shown) < MAX_OBSERVATION + 100
    assert shown.endswith("[950000 characters cut]")


def test_an_episode_of_the_greatest_size_is_a_line_that_can_be_read(tmp_path: Path) -> None:
    reply = AgentReply("\x01" * MAX_REPLY, calls=[CALL] * MAX_CALLS)
    row = played(reply, tmp_path / "t.jsonl", environment=Loud(1))
    assert row.outcome is Outcome.CONTEXT_LIMIT
    assert (tmp_path / "t.jsonl").stat().st_size < MAX_LINE_BYTES


def test_half_of_a_pair_is_replaced_and_the_others_go_on(tmp_path: Path) -> None:
    def say(conversation: Conversation) -> AgentReply | str:
        if conversation.task.data["n"] == 1:
            return AgentReply("\ud800", calls=[ToolCall(name="\udfff", arguments={"\ud800": "\ud800"})])
        return know(conversation)

    environment = Guess(3)
    spoken = get_dialect("react", "guess")
    path = tmp_path / "t.jsonl"
    rollout(environment, environment.tasks("train"), Scripted(say), spoken, path)
    assert path.read_bytes().decode().count("\n") == 3
    assert len(list(read_records(path, Trajectory))) == 3


TEXT = st.text(st.characters(categories=["L", "Cc", "Cf", "Cs", "Zl", "So", "Co"]), max_size=12)
NUMBERS = st.integers(-(10**300), 10**300) | st.floats(allow_nan=False, allow_infinity=False)
VALUES: st.SearchStrategy[Any] = st.recursive(
    TEXT | NUMBERS | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@given(text=TEXT, arguments=st.dictionaries(TEXT, VALUES, max_size=3), replies=st.lists(TEXT, max_size=2))
@example(text="\u2028\x00\x1b\u202e\ud800", arguments={"\ud800": 10**300}, replies=["\udfff"])
@example(text="\x85\x7f\ufeff", arguments={"": -0.0}, replies=["\n\r"])
def test_a_stored_trajectory_is_read_back(
    text: str, arguments: dict[str, Any], replies: Sequence[str]
) -> None:
    """Equal, but for half pairs that stand side by side in memory: as JSON they are one character."""
    step = Step(
        thought=text,
        message=text,
        replies=[Reply(text=reply, calls=[ToolCall(name=text, arguments=arguments)]) for reply in replies],
    )
    row = Trajectory(
        id=text, environment=text, task=text, instruction=text, observation=text, steps=[step],
        outcome=Outcome.COMPLETED, reward=0.5,
    )  # fmt: skip
    line = encode(row)
    assert line.count(b"\n") == 1
    again = Trajectory.model_validate(parse_json(line))
    assert encode(again) == encode(Trajectory.model_validate(parse_json(encode(again))))
    if not any(
        "\ud800" <= sign <= "\udfff" for sign in json.dumps([text, arguments, replies], ensure_ascii=False)
    ):
        assert again == row
