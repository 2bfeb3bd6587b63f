"""One function opens what an agent sees and what a model learns from."""

from __future__ import annotations

from typing import Any

import pytest

from support.toys import Staged, question
from trajectune.dialects.contract import Opening, step_key
from trajectune.dialects.conversation import replied, to_example
from trajectune.dialects.registry import get_dialect
from trajectune.errors import DataError
from trajectune.trajectory import (
    Action,
    Demonstration,
    Fault,
    Outcome,
    Reply,
    Step,
    Tool,
    ToolCall,
    Trajectory,
)

DATABASE = get_dialect("agentbench", "database")
REACT = get_dialect("react", "database")
NATIVE = get_dialect("native", "database")
STAGED = Staged()
SQL = ToolCall(name="sql", arguments={"query": "SELECT 1"})
ANSWER = ToolCall(name="answer", arguments={"values": ["1"]})


def did(call: ToolCall, observation: str = "", fault: Fault | None = None, **fields: Any) -> Step:
    """A step of one call."""
    return Step(actions=[Action(call=call, observation=observation, fault=fault)], **fields)


def trajectory(steps: list[Step], **fields: Any) -> Trajectory:
    return Trajectory(
        id="database/t/0", environment="database", task="t", instruction="Rules.", observation="How many?",
        steps=steps, reward=1.0, outcome=Outcome.COMPLETED, **fields,
    )  # fmt: skip


def test_the_shape_is_agentinstructs() -> None:
    steps = [
        did(SQL, "[(1,)]", thought="I count."),
        did(ANSWER, "over"),
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
    messages = REACT.open(Opening("Rules.", [], "How many?"))
    assert [m.role for m in messages] == ["user"]
    assert messages[0].content.startswith("Rules.")
    assert messages[0].content.endswith("\n\nHow many?")


def test_faulty_and_untrained_steps_are_shown_but_not_taught() -> None:
    steps = [
        Step(replies=[Reply(text="Hm?")], fault=Fault.BAD_FORMAT, observation="No action."),
        did(SQL, "no such table", Fault.BAD_ARGUMENTS),
        did(SQL, "[(1,)]", trained=False),
        did(ANSWER),
    ]
    messages = to_example(trajectory(steps), REACT).messages
    assert [m.trained for m in messages if m.role == "assistant"] == [False, False, False, True]
    assert messages[1].content == "Hm?"
    assert messages[2].content == "Observation: No action."


def test_a_models_own_words_are_kept_in_its_dialect_and_rendered_in_another() -> None:
    said = "I count.\n\nAction: Operation\n```sql\nSELECT 1\n```\nThanks!"
    original = trajectory(
        [did(SQL, thought="I count.", replies=[Reply(text=said, tokens=[1, 2])])], dialect="agentbench"
    )
    verbatim = to_example(original, DATABASE).messages[-1]
    assert verbatim.content == said
    assert not verbatim.spans
    assert verbatim.tokens == [1, 2]
    assert to_example(original, REACT).messages[-1].content.startswith("Thought: I count.\nAction: sql")


def test_a_demonstration_is_shown_as_turns() -> None:
    shown = Demonstration(observation="How many cats?", steps=[did(SQL, "[(7,)]"), did(ANSWER, "Right.")])
    messages = DATABASE.open(Opening("Rules.", [], "How many dogs?", shown))
    assert [m.role for m in messages] == ["user", "assistant"] * 3 + ["user"]
    assert messages[2].content == "How many cats?"
    assert messages[-1].content == "Right.\n\nHow many dogs?"
    assert not any(m.trained for m in messages)


def test_an_example_opens_as_the_agent_saw_it_with_the_demonstration() -> None:
    shown = Demonstration(observation="How many cats?", steps=[did(SQL, "[(7,)]")])
    messages = to_example(trajectory([did(ANSWER)], demonstration=shown), DATABASE).messages
    assert [m.content for m in messages if m.role == "user"][1] == "How many cats?"
    assert [m.trained for m in messages if m.role == "assistant"] == [False, False, True]


def test_a_models_turns_within_a_step_are_kept_with_the_questions_between_them() -> None:
    said = [Reply(text="I  count.", tokens=[5]), Reply(text="sql "), Reply(text='{"query":"SELECT 1"}')]
    step = did(SQL, "[(1,)]", thought="I  count.", replies=said)
    example = to_example(trajectory([step, did(ANSWER, thought="So.")], dialect="staged"), STAGED)
    key = step_key("t", 0)
    assert [(m.role, m.content) for m in example.messages[1:7]] == [
        ("assistant", "I  count."), ("user", question(1, key)), ("assistant", "sql "),
        ("user", question(2, key)), ("assistant", '{"query":"SELECT 1"}'), ("user", "[(1,)]"),
    ]  # fmt: skip
    assert example.messages[1].tokens == [5]
    assert [m.trained for m in example.messages if m.role == "assistant"] == [True] * 6


def test_what_a_turn_says_of_its_parts_holds_for_the_same_words_only() -> None:
    same = did(
        SQL,
        thought="I count.",
        replies=[Reply(text=DATABASE.speak(did(SQL, thought="I count."))[0].content)],
    )
    assert to_example(trajectory([same], dialect="agentbench"), DATABASE).messages[-1].spans


def test_tools_are_offered_natively_by_native_alone() -> None:
    told = trajectory([did(SQL)], tools=[Tool(name="sql"), Tool(name="answer")])
    assert [tool.name for tool in to_example(told, NATIVE).tools] == ["sql", "answer"]
    assert to_example(told, REACT).tools == []


def test_native_calls_without_an_id_get_the_one_that_their_answer_names() -> None:
    step = did(SQL, "[(1,)]", replies=[Reply(text="", calls=[SQL])])
    messages = to_example(trajectory([step, did(ANSWER)], dialect="native"), NATIVE).messages
    assert messages[2].tool_calls[0].id == messages[3].tool_call_id != ""
    assert replied(NATIVE, step.replies, step_key("t", 0))[0].tool_calls == messages[2].tool_calls


@pytest.mark.parametrize("steps", [[], [Step(fault=Fault.BAD_FORMAT)], [did(ToolCall(name="fly"))]])
def test_what_cannot_be_written_names_the_trajectory(steps: list[Step]) -> None:
    with pytest.raises(DataError, match="database/t/0"):
        to_example(trajectory(steps), DATABASE)
