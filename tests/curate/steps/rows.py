"""Small trajectories and examples, and strategies for lists of them that repeat each other."""

from __future__ import annotations

from hypothesis import strategies as st

from trajectune.example import Example, Message
from trajectune.trajectory import Action, Outcome, Step, ToolCall, Trajectory


def trajectory(task: str, seed: int, reward: float | None, *numbers: int, thought: str = "") -> Trajectory:
    """An episode of a guessing game that made these guesses; a reward of `None` is our failure."""
    calls = [ToolCall(name="guess", arguments={"number": number}) for number in numbers]
    return Trajectory(
        id=f"guess/{task}/{seed}",
        environment="guess",
        task=task,
        instruction="",
        observation="",
        steps=[Step(thought=thought, actions=[Action(call=call)]) for call in calls],
        reward=reward,
        outcome=Outcome.AGENT_ERROR if reward is None else Outcome.COMPLETED,
    )


def example(number: int, answer: str, *, trained: bool = True) -> Example:
    """A question with its answer."""
    return Example(
        id=f"e{number}",
        messages=[
            Message(role="user", content="?"),
            Message(role="assistant", content=answer, trained=trained),
        ],
    )


TRAJECTORIES = st.lists(
    st.builds(
        lambda task, seed, reward, numbers: trajectory(task, seed, reward, *numbers),
        st.sampled_from("ab"),
        st.integers(0, 5),
        st.sampled_from([None, 0.0, 0.5, 1.0]),
        st.lists(st.integers(1, 2), max_size=2),
    ),
    max_size=8,
)
EXAMPLES = st.lists(st.builds(example, st.integers(0, 5), st.sampled_from("ab")), max_size=8)
