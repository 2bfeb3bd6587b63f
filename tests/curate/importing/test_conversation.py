"""A released conversation becomes the trajectory that it tells, or is refused with a reason."""

from __future__ import annotations

from collections import Counter

import pytest

from curate.importing.conversations import MOVES, OPENINGS, PROBLEMS, conversation, released
from trajectune.curate.importing.conversation import (
    LOST_WORDS,
    NATIVE,
    NO_GRAMMAR,
    NO_MOVE,
    NO_REPLY,
    NO_TURNS,
    STATED,
    NotImportedError,
    to_trajectory,
)
from trajectune.curate.importing.proof import words_again
from trajectune.dialects.conversation import to_example
from trajectune.dialects.registry import dialect_names
from trajectune.environments.registry import environment_class, find_dialect
from trajectune.example import Example, Message
from trajectune.trajectory import Outcome, ToolCall


@pytest.mark.parametrize("environment", OPENINGS)
def test_what_a_conversation_tells(environment: str) -> None:
    example = released(environment)
    found = to_trajectory(example)
    assert (found.environment, found.task, found.observation) == (
        environment, "row_1", PROBLEMS[environment],
    )  # fmt: skip
    assert found.tools == list(environment_class(environment).tools)
    assert len(found.steps) == (len(MOVES[environment]) + 1) // 2
    names = {tool.name for tool in found.tools}
    assert {call.name for step in found.steps for call in step.calls} <= names
    assert (found.reward, found.outcome) == (
        environment_class(environment).reward_threshold,
        Outcome.COMPLETED,
    )
    assert found.metadata["imported"] == {"from": "released", "reward": STATED}


@pytest.mark.parametrize("environment", OPENINGS)
def test_the_agents_words_come_back_and_every_dialect_can_say_them(environment: str) -> None:
    example = released(environment)
    found = to_trajectory(example)
    again = words_again(found, example, find_dialect("agentbench", environment))
    assert None not in again
    assert again.total() == len(found.steps)
    for name in dialect_names():
        written = to_example(found, find_dialect(name, environment))
        assert sum(message.trained for message in written.messages) == len(found.steps)


def test_words_about_format_are_left_to_the_dialect() -> None:
    assert to_trajectory(released("database")).instruction == "Please operate a MySQL database.\nBe right."
    shell = to_trajectory(released("operating_system")).instruction
    assert shell == "I play the role of linux(ubuntu) operating system."
    assert to_trajectory(released("web_navigation")).instruction == ""


def test_a_solved_problem_is_a_demonstration() -> None:
    shell, graph = (to_trajectory(released(name)) for name in ("operating_system", "knowledge_graph"))
    assert shell.demonstration is not None
    assert graph.demonstration is not None
    assert shell.demonstration.observation == "How many files?"
    assert [step.calls[0].name for step in shell.demonstration.steps] == ["bash_action", "answer_action"]
    assert graph.demonstration.observation == "Question: Who painted it?\nEntities: [It]"
    assert graph.demonstration.steps[0].answer == "[art.painter]"
    assert to_trajectory(released("household")).demonstration is None


def test_answers_stand_in_their_steps_without_the_dialects_own_words() -> None:
    steps = to_trajectory(released("knowledge_graph")).steps
    assert [step.answer for step in steps] == ["[book.author]", ""]
    last = to_trajectory(released("database")).steps[-1]
    assert last.calls == [ToolCall(name="answer", arguments={"values": ["1"]})]


def test_what_is_not_trained_stays_so() -> None:
    turns = (*OPENINGS["database"], *MOVES["database"])
    found = to_trajectory(conversation(turns, trained=[5]))
    assert [step.trained for step in found.steps] == [False, True]


OPEN = OPENINGS["database"]


@pytest.mark.parametrize(
    ("example", "reason"),
    [
        (conversation(["Hello", "Hi"]), NO_GRAMMAR),
        (Example(id="1", messages=[]), NO_GRAMMAR),
        (conversation(OPEN), NO_REPLY),
        (conversation((*OPEN, "I only think.")), NO_MOVE),
        (conversation((*OPEN, "Action: Answer\nFinal Answer: [1]\nI am done.")), LOST_WORDS),
        (conversation((*OPENINGS["web_navigation"], "Answer: C.\nAction: SET\nValue: 5")), LOST_WORDS),
    ],
)
def test_why_a_conversation_is_refused(example: Example, reason: str) -> None:
    with pytest.raises(NotImportedError, match=f"^{reason}$"):
        to_trajectory(example)


def test_turns_must_alternate_and_calls_be_words() -> None:
    example = released("database")
    twice = [*example.messages[:3], example.messages[2], *example.messages[3:]]
    with pytest.raises(NotImportedError, match=NO_TURNS):
        to_trajectory(example.model_copy(update={"messages": twice}))
    call = Message(role="assistant", content="", tool_calls=[ToolCall(name="sql")])
    with pytest.raises(NotImportedError, match=NATIVE):
        to_trajectory(example.model_copy(update={"messages": [*example.messages, call]}))


def test_a_system_message_and_a_last_word_of_the_user_change_nothing() -> None:
    example = released("database")
    system = Message(role="system", content="Be helpful.")
    around = [system, *example.messages, Message(role="user", content="Right.")]
    found = to_trajectory(example.model_copy(update={"messages": around}))
    plain = to_trajectory(example)
    assert [step.calls for step in found.steps] == [step.calls for step in plain.steps]
    again = words_again(found, example, find_dialect("agentbench", "database"))
    assert again == Counter({"exact": 1, "values": 1})
