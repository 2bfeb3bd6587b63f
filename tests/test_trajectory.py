"""Trajectories: stored and read without change, and errors of infrastructure kept apart from failure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from trajectune.trajectory import SCHEMA_VERSION, Fault, Outcome, Step, Tool, ToolCall, Trajectory, Usage

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
CALLS = st.builds(ToolCall, name=st.text(), arguments=st.dictionaries(st.text(), JSON, max_size=2))
STEPS = st.builds(
    Step,
    thought=st.text(),
    call=st.none() | CALLS,
    observation=st.text(),
    reply=st.none() | st.text(),
    fault=st.none() | st.sampled_from(Fault),
    trained=st.booleans(),
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


@given(steps=st.lists(STEPS, max_size=3), metadata=st.dictionaries(st.text(), JSON, max_size=2))
def test_a_trajectory_survives_json(steps: list[Step], metadata: dict[str, object]) -> None:
    original = trajectory(
        steps=steps, metadata=metadata, tools=[Tool(name="sql", parameters={"type": "object"})]
    )
    assert Trajectory.model_validate_json(original.model_dump_json()) == original


@pytest.mark.parametrize("outcome", Outcome)
def test_there_is_a_reward_exactly_when_the_machinery_held(outcome: Outcome) -> None:
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
