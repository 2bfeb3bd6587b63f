"""Laws of conversations: whatever happened in an episode, in every dialect that can write it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.steps import calls, hostile_text
from support.toys import Staged
from trajectune.dialects.contract import Ask, Dialect, step_key
from trajectune.dialects.conversation import opening_of, replied, same_move, to_example
from trajectune.dialects.native import call_id, named
from trajectune.dialects.registry import get_dialect
from trajectune.dialects.single import said
from trajectune.example import Example, Message
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

REACT, JSON, NATIVE = (get_dialect(name, "anything") for name in ("react", "json", "native"))
WRITERS = [REACT, JSON, NATIVE]
STAGED = Staged()
LAW = settings(max_examples=40, deadline=None)

actions = st.builds(
    Action, call=calls, observation=hostile_text, fault=st.none() | st.just(Fault.BAD_ARGUMENTS)
)
steps = st.builds(
    Step, thought=hostile_text, actions=st.lists(actions, min_size=1, max_size=1), trained=st.booleans()
)
demonstrations = st.none() | st.builds(
    Demonstration, observation=hostile_text, steps=st.lists(steps, min_size=1, max_size=2)
)


def episode(moves: Sequence[Step], demonstration: Demonstration | None = None, **fields: Any) -> Trajectory:
    return Trajectory(
        id="e/t/0", environment="e", task="t", instruction="Rules.", tools=[Tool(name="look")],
        observation="The problem.", demonstration=demonstration, steps=list(moves), reward=1.0,
        outcome=Outcome.COMPLETED, **fields,
    )  # fmt: skip


def replies_of(example: Example, count: int) -> list[Message]:
    """The last `count` turns of the agent: those that are no demonstration and no acknowledgement."""
    return [message for message in example.messages if message.role == "assistant"][-count:]


@pytest.mark.parametrize("dialect", WRITERS, ids=lambda dialect: dialect.name)
@LAW
@given(moves=st.lists(steps, min_size=1, max_size=3), shown=demonstrations)
def test_every_move_is_read_back_out_of_the_example(
    dialect: Dialect, moves: list[Step], shown: Demonstration | None
) -> None:
    example = to_example(episode(moves, shown), dialect)
    assert example == to_example(episode(moves, shown), dialect), "writing twice differs"
    for number, (turn, step) in enumerate(zip(replies_of(example, len(moves)), moves, strict=True)):
        reading = dialect.read([Reply(text=turn.content, calls=turn.tool_calls)], step_key("t", number))
        assert not isinstance(reading, Ask)
        assert same_move(reading, step)


@pytest.mark.parametrize("dialect", WRITERS, ids=lambda dialect: dialect.name)
@LAW
@given(moves=st.lists(steps, min_size=1, max_size=3), shown=demonstrations)
def test_what_was_right_is_trained_and_nothing_else(
    dialect: Dialect, moves: list[Step], shown: Demonstration | None
) -> None:
    messages = to_example(episode(moves, shown), dialect).messages
    expected = [step.trained and not step.faults for step in moves]
    turns = [message for message in messages if message.role == "assistant"]
    assert [turn.trained for turn in turns[-len(moves) :]] == expected
    assert not any(turn.trained for turn in turns[: -len(moves)])


@pytest.mark.parametrize("dialect", WRITERS, ids=lambda dialect: dialect.name)
@LAW
@given(moves=st.lists(steps, min_size=1, max_size=3), shown=demonstrations)
def test_an_example_is_what_the_agent_saw_as_it_grew(
    dialect: Dialect, moves: list[Step], shown: Demonstration | None
) -> None:
    """The conversation of the first k moves begins that of the whole: what was seen is never changed."""
    whole = to_example(episode(moves, shown), dialect).messages
    assert whole[: len(dialect.open(opening_of(episode(moves, shown))))] == dialect.open(
        opening_of(episode(moves, shown))
    )
    for count in range(1, len(moves)):
        part = to_example(episode(moves[:count], shown), dialect).messages
        assert whole[: len(part)] == part
    assert whole[-1].role == "assistant"


@pytest.mark.parametrize("dialect", [REACT, JSON], ids=lambda dialect: dialect.name)
@LAW
@given(moves=st.lists(steps, min_size=1, max_size=3), shown=demonstrations)
def test_user_and_assistant_take_turns_in_text(
    dialect: Dialect, moves: list[Step], shown: Demonstration | None
) -> None:
    roles = [message.role for message in to_example(episode(moves, shown), dialect).messages]
    assert roles == ["user", "assistant"] * (len(roles) // 2)


@LAW
@given(moves=st.lists(steps, min_size=1, max_size=3), shown=demonstrations)
def test_every_native_answer_names_a_call_before_it(moves: list[Step], shown: Demonstration | None) -> None:
    messages = to_example(episode(moves, shown), NATIVE).messages
    open_calls: dict[str, str] = {}
    for message in messages:
        open_calls |= {call.id: call.name for call in message.tool_calls}
        if message.role == "tool":
            assert open_calls.pop(message.tool_call_id) == message.name
    assert messages[0].role == "system"


@given(st.lists(calls, max_size=4), st.text(max_size=4), st.text(max_size=4))
def test_calls_without_an_id_get_one_that_follows_from_the_step(
    several: list[ToolCall], key: str, other: str
) -> None:
    first, again = named(several, key), named(several, key)
    assert first == again
    assert len({call.id for call in first}) == len(several)
    assert all(a.same_as(b) for a, b in zip(first, several, strict=True))
    assert named(first, other) == first, "an id of its own stays"
    assert (call_id(key, 0) == call_id(other, 0)) == (key == other)


@given(st.lists(st.tuples(hostile_text, st.none() | st.lists(st.integers(0, 9), max_size=2)), max_size=3))
def test_a_models_turns_are_kept_word_for_word(turns: list[tuple[str, list[int] | None]]) -> None:
    replies = [Reply(text=text, tokens=tokens) for text, tokens in turns]
    messages = replied(STAGED, replies, "k#0")
    kept = [message for message in messages if message.role == "assistant"]
    assert [(message.content, message.tokens) for message in kept] == turns
    asked = [STAGED.read(replies[:count], "k#0") for count in range(1, len(replies))]
    questions = [message.content for message in messages if message.role == "user"]
    assert questions == [each.text for each in asked if isinstance(each, Ask)]


@given(thought=hostile_text, reply=hostile_text, call=calls)
def test_own_words_are_kept_in_their_dialect_alone(thought: str, reply: str, call: ToolCall) -> None:
    step = Step(thought=thought, actions=[Action(call=call)], replies=[Reply(text=reply, tokens=[7])])
    own = to_example(episode([step], dialect="react", template="t"), REACT)
    other = to_example(episode([step], dialect="react", template="t"), JSON)
    assert (own.messages[-1].content, own.messages[-1].tokens, own.template) == (reply, [7], "t")
    assert (other.messages[-1].tokens, other.template) == (None, "")
    assert other.messages[-1].content == JSON.speak(step)[0].content


@given(reply=hostile_text, dialect=st.sampled_from(["react", "json", ""]))
def test_a_step_without_a_move_is_shown_as_it_was_and_never_taught(reply: str, dialect: str) -> None:
    step = Step(replies=[Reply(text=reply)], fault=Fault.BAD_FORMAT, observation="No.")
    good = Step(thought="hm", actions=[Action(call=ToolCall(name="look"))])
    turns = replies_of(to_example(episode([step, good], dialect=dialect), REACT), 2)
    assert (turns[0].content, [turn.trained for turn in turns]) == (reply, [False, True])


@given(
    st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.text(max_size=3)), max_size=4), st.text()
)
def test_words_of_the_user_join_the_turn_before(turns: list[tuple[str, str]], text: str) -> None:
    messages = [Message.model_validate({"role": role, "content": words}) for role, words in turns]
    added = list(messages)
    said(added, text)
    if not text:
        assert added == messages
    else:
        assert added[-1].role == "user"
        assert added[-1].content.endswith(text)
        joined = bool(messages) and messages[-1].role == "user"
        assert len(added) == len(messages) + (not joined)
        assert not joined or added[-1].content.startswith(messages[-1].content)
