"""One function opens what an agent sees and what a model learns from."""

from __future__ import annotations

from typing import Any

import pytest

from trajectune.dialects.conversation import opening, to_example
from trajectune.dialects.registry import get_dialect
from trajectune.errors import DataError
from trajectune.trajectory import Fault, Outcome, Step, ToolCall, Trajectory

DATABASE = get_dialect("agentbench", "database")
REACT = get_dialect("react", "database")
SQL = ToolCall(name="sql", arguments={"query": "SELECT 1"})
ANSWER = ToolCall(name="answer", arguments={"values": ["1"]})


def trajectory(steps: list[Step], **fields: Any) -> Trajectory:
    return Trajectory(
        id="database/t/0", environment="database", task="t", instruction="Rules.", observation="How many?",
        steps=steps, reward=1.0, outcome=Outcome.COMPLETED, **fields,
    )  # fmt: skip


def test_the_shape_is_agentinstructs() -> None:
    steps = [
        Step(thought="I count.", call=SQL, observation="[(1,)]"),
        Step(call=ANSWER, observation="over"),
    ]
    example = to_example(trajectory(steps), DATABASE)
    assert [(m.role, m.trained) for m in example.messages] == [
        ("user", False), ("assistant", False), ("user", False),
        ("assistant", True), ("user", False), ("assistant", True),
    ]  # fmt: skip
    assert example.source == "database"
    assert example.messages[1].content == "Ok."
    assert example.messages[2].content == "How many?"
    assert example.messages[3].content == "I count.\nAction: Operation\n```sql\nSELECT 1\n```"
    assert example.messages[4].content == "[(1,)]"


def test_without_acknowledgement_rules_and_problem_share_a_message() -> None:
    messages = opening(REACT, "Rules.", [], "How many?")
    assert [m.role for m in messages] == ["user"]
    assert messages[0].content.startswith("Rules.")
    assert messages[0].content.endswith("\n\nHow many?")


def test_faulty_and_untrained_steps_are_shown_but_not_taught() -> None:
    steps = [
        Step(reply="Hm?", fault=Fault.BAD_FORMAT, observation="No action."),
        Step(call=SQL, fault=Fault.BAD_ARGUMENTS, observation="no such table"),
        Step(call=SQL, trained=False, observation="[(1,)]"),
        Step(call=ANSWER),
    ]
    messages = to_example(trajectory(steps), REACT).messages
    assert [m.trained for m in messages if m.role == "assistant"] == [False, False, False, True]
    assert messages[1].content == "Hm?"
    assert messages[2].content == "Observation: No action."


def test_a_models_own_words_are_kept_in_its_dialect_and_rendered_in_another() -> None:
    said = "I count.\n\nAction: Operation\n```sql\nSELECT 1\n```\nThanks!"
    original = trajectory([Step(thought="I count.", call=SQL, reply=said)], dialect="agentbench")
    verbatim = to_example(original, DATABASE).messages[-1]
    assert verbatim.content == said
    assert not verbatim.spans
    assert to_example(original, REACT).messages[-1].content.startswith("Thought: I count.\nAction: sql")


def test_a_demonstration_is_shown_as_turns() -> None:
    demonstration = [
        Step(observation="How many cats?"),
        Step(call=SQL, observation="[(7,)]"),
        Step(call=ANSWER, observation="Right."),
    ]
    messages = opening(DATABASE, "Rules.", [], "How many dogs?", demonstration)
    assert [m.role for m in messages] == ["user", "assistant"] * 3 + ["user"]
    assert messages[2].content == "How many cats?"
    assert messages[-1].content == "Right.\n\nHow many dogs?"
    assert not any(m.trained for m in messages)


@pytest.mark.parametrize("steps", [[], [Step(fault=Fault.BAD_FORMAT)], [Step(call=ToolCall(name="fly"))]])
def test_what_cannot_be_written_names_the_trajectory(steps: list[Step]) -> None:
    with pytest.raises(DataError, match="database/t/0"):
        to_example(trajectory(steps), DATABASE)
