"""Trajectories: stored and read without change, and errors of infrastructure kept apart from failure."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from trajectune.trajectory import (
    SCHEMA_VERSION,
    Action,
    Demonstration,
    Fault,
    Outcome,
    Reply,
    Step,
    Tool,
    ToolCall,
    Trajectory,
    Usage,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
CALLS = st.builds(
    ToolCall, name=st.text(), arguments=st.dictionaries(st.text(), JSON, max_size=2), id=st.text(max_size=3)
)
FAULTS = st.none() | st.sampled_from(Fault)
TOOLS = st.lists(st.builds(Tool, name=st.text(max_size=3)), max_size=1)
ACTIONS = st.lists(st.builds(Action, call=CALLS, observation=st.text(), fault=FAULTS), max_size=2)
REPLIES = st.builds(
    Reply, text=st.text(), calls=st.lists(CALLS, max_size=1), tokens=st.none() | st.lists(st.integers(0, 9))
)


AROUND: dict[str, Any] = {
    "thought": st.text(),
    "observation": st.text(),
    "fault": FAULTS,
    "replies": st.lists(REPLIES, max_size=2),
    "tools": TOOLS,
    "trained": st.booleans(),
}
STEPS = st.builds(Step, actions=ACTIONS, **AROUND) | st.builds(
    Step, message=st.none() | st.text(), **AROUND
)
DEMONSTRATIONS = st.none() | st.builds(
    Demonstration, observation=st.text(), steps=st.lists(STEPS, max_size=1)
)


def trajectory(**changes: object) -> Trajectory:
    values = {
        "id": "database/t1/0",
        "environment": "database",
        "task": "t1",
        "instruction": "rules",
        "observation": "problem",
        "reward": 1.0,
        "outcome": Outcome.COMPLETED,
    }
    return Trajectory.model_validate({**values, **changes})


@given(
    steps=st.lists(STEPS, max_size=2),
    demonstration=DEMONSTRATIONS,
    metadata=st.dictionaries(st.text(), JSON, max_size=2),
)
def test_a_trajectory_survives_json(
    steps: list[Step], demonstration: Demonstration | None, metadata: dict[str, object]
) -> None:
    tools = [Tool(name="sql", parameters={"type": "object"})]
    original = trajectory(steps=steps, demonstration=demonstration, metadata=metadata, tools=tools)
    assert Trajectory.model_validate_json(original.model_dump_json()) == original


def test_a_step_acts_or_speaks_and_never_both() -> None:
    action = Action(call=ToolCall(name="sql"))
    with pytest.raises(ValidationError, match="not both"):
        Step(actions=[action], message="Hello.")
    assert Step(message="Hello.").faults == []


def test_what_came_back_and_what_was_wrong_is_told_in_order() -> None:
    calls = [ToolCall(name="a", id="1"), ToolCall(name="b", id="2")]
    actions = [
        Action(call=calls[0], observation="one", fault=Fault.BAD_ARGUMENTS),
        Action(call=calls[1], observation="two"),
    ]
    step = Step(actions=actions, observation="three", fault=Fault.REPETITION)
    assert step.calls == calls
    assert step.answer == "one\n\ntwo\n\nthree"
    assert step.faults == [Fault.REPETITION, Fault.BAD_ARGUMENTS]
    assert calls[0].same_as(ToolCall(name="a"))
    assert not calls[0].same_as(calls[1])


@pytest.mark.parametrize("outcome", Outcome)
def test_there_is_a_reward_exactly_when_the_infrastructure_held(outcome: Outcome) -> None:
    wrong, right = (0.0, None) if outcome.is_infrastructure_error else (None, 0.0)
    assert trajectory(outcome=outcome, reward=right).reward == right
    with pytest.raises(ValidationError, match="infrastructure"):
        trajectory(outcome=outcome, reward=wrong)


@pytest.mark.parametrize("reward", [-0.1, 1.1])
def test_rewards_lie_between_0_and_1(reward: float) -> None:
    with pytest.raises(ValidationError):
        trajectory(reward=reward)


def test_records_of_a_newer_trajectune_are_refused() -> None:
    with pytest.raises(ValidationError, match="upgrade trajectune"):
        trajectory(schema_version=SCHEMA_VERSION + 1)


def test_unknown_fields_are_errors_and_values_do_not_change() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        trajectory(rewrad=1.0)
    with pytest.raises(ValidationError, match="frozen"):
        trajectory().reward = 0.0  # pyright: ignore[reportAttributeAccessIssue]


def test_usage_adds_up() -> None:
    total = Usage(prompt_tokens=1, generated_tokens=2, seconds=0.5) + Usage(
        prompt_tokens=3, generated_tokens=4
    )
    assert total == Usage(prompt_tokens=4, generated_tokens=6, seconds=0.5)


def called(*numbers: int, seen: str = "", **more: Any) -> Step:
    actions = [
        Action(call=ToolCall(name="press", arguments={"b": n, "a": 1}, id=str(n)), observation=seen)
        for n in numbers
    ]
    return Step(actions=actions, **more)


def test_a_move_is_what_was_asked_for_whatever_was_thought() -> None:
    reordered = ToolCall(name="press", arguments={"a": 1, "b": 2}, id="other")
    assert called(2, thought="x").move == Step(actions=[Action(call=reordered)], thought="y").move
    assert called(2).move != called(3).move
    assert called(2, 3).move != called(3, 2).move
    assert Step(message="Hello  there").move == Step(replies=[Reply(text="hello\nThere ")]).move


def test_a_step_repeats_another_when_it_gets_the_same_answer_again() -> None:
    assert called(2, seen="no").repeats(called(2, seen="no", thought="again"))
    assert not called(2, seen="yes").repeats(called(2, seen="no"))
    assert not called(3, seen="no").repeats(called(2, seen="no"))


def test_words_are_verbatim_where_a_model_said_them() -> None:
    said = [Reply(text="I think."), Reply(text="Done.")]
    assert Step(thought="I think", replies=said, fault=Fault.BAD_FORMAT).words == "I think.\nDone."
    assert Step(thought="Hm.").words == "Hm."
    assert Step(message="Hi!", replies=said).words == "Hi!"
