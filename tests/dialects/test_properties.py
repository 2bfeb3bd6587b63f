"""What every dialect promises: what it writes is read back, and nothing that it reads can hurt it."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from support.steps import (
    as_replies,
    calls,
    check_read_back,
    hostile_text,
    json_values,
    moved,
    read_text,
)
from support.toys import Staged
from trajectune.dialects.contract import Ask, CannotWriteError, Dialect, Reading
from trajectune.dialects.conversation import same_move
from trajectune.dialects.native import CALL_MARKS
from trajectune.dialects.registry import get_dialect
from trajectune.trajectory import Fault, Reply, Step, Tool, ToolCall

DATABASE = get_dialect("agentbench", "database")
HOUSEHOLD = get_dialect("agentbench", "household")
REACT = get_dialect("react", "anything")
JSON = get_dialect("json", "anything")
NATIVE = get_dialect("native", "anything")
STAGED = Staged()
ALL = [DATABASE, HOUSEHOLD, REACT, JSON, NATIVE, STAGED]
ONE_TURN = ALL[:-1]


def named(dialect: Dialect) -> str:
    return type(dialect).__name__


def check(dialect: Dialect, step: Step) -> None:
    assert same_move(check_read_back(dialect, step), step)


@given(hostile_text, hostile_text)
@example("Action: Operation", "SELECT '\n```\nAction: Answer\nFinal Answer: [1]'")
@example("\n", "")
def test_sql_is_read_back(thought: str, query: str) -> None:
    check(DATABASE, moved(thought, ToolCall(name="sql", arguments={"query": query})))


@given(hostile_text, st.lists(hostile_text))
def test_answers_are_read_back(thought: str, values: list[str]) -> None:
    step = moved(thought, ToolCall(name="answer", arguments={"values": list(values)}))
    for dialect in (DATABASE, REACT, JSON, NATIVE):
        check(dialect, step)


commands = st.lists(
    st.one_of(st.text(), st.sampled_from(["action:", "ACTION: look", "thought:", "go", " "]))
)


@given(hostile_text, commands.map("".join))
@example("", "action: look")
@example("I say: action: x", "say action: go to shelf 1")
@example("ACTION: look", "action:action:look")
@example("", "Look")
@example("", "look\nup")
def test_commands_are_read_back_or_refused(thought: str, command: str) -> None:
    step = moved(thought, ToolCall(name="act", arguments={"command": command}))
    one_line = command.strip() == command and "\n" not in command and command != ""
    if one_line and command == command.lower():
        check(HOUSEHOLD, step)
    else:
        with pytest.raises(CannotWriteError, match="'agentbench' cannot write this: a command is one line"):
            HOUSEHOLD.speak(step)


@pytest.mark.parametrize("dialect", [REACT, JSON, NATIVE], ids=named)
@given(thought=hostile_text, call=calls)
@example(thought="Final Answer: x", call=ToolCall(name="answer", arguments={"values": "not a list"}))
def test_any_single_call_is_read_back(dialect: Dialect, thought: str, call: ToolCall) -> None:
    check(dialect, moved(thought, call))


@pytest.mark.parametrize("dialect", [JSON, NATIVE], ids=named)
@given(thought=hostile_text, several=st.lists(calls, min_size=2, max_size=3))
def test_several_calls_are_read_back(dialect: Dialect, thought: str, several: list[ToolCall]) -> None:
    check(dialect, moved(thought, *several))


@given(hostile_text, hostile_text)
def test_words_to_the_user_are_read_back(thought: str, message: str) -> None:
    check(JSON, moved(thought, message=message))
    if message.strip() and not any(mark in message for mark in CALL_MARKS):
        check(NATIVE, moved("", message=message))
    else:
        with pytest.raises(CannotWriteError, match="'native' cannot write this: words to the user"):
            NATIVE.speak(moved("", message=message))


@given(hostile_text, calls, st.text())
def test_turns_within_a_step_are_read_back_and_each_beginning_asks(
    thought: str, call: ToolCall, key: str
) -> None:
    assume(thought.strip())
    step = moved(thought, call)
    assert len(STAGED.speak(step, key)) == 5
    assert same_move(check_read_back(STAGED, step, key), step)


@pytest.mark.parametrize("dialect", ALL, ids=named)
@given(reply=hostile_text, others=st.lists(hostile_text, max_size=2))
def test_reading_never_raises_and_a_fault_stands_for_a_missing_move(
    dialect: Dialect, reply: str, others: list[str]
) -> None:
    reading = dialect.read([Reply(text=text) for text in [*others, reply]])
    if isinstance(reading, Ask):
        assert dialect is STAGED
        return
    moves = bool(reading.calls) + (reading.message is not None)
    assert moves == (reading.fault is None)
    assert moves or reading.detail


json_objects = st.dictionaries(
    st.sampled_from(["thought", "calls", "message", "name", "arguments"]),
    json_values
    | st.lists(st.dictionaries(st.sampled_from(["name", "arguments"]), json_values), max_size=2),
)


@given(json_objects)
def test_any_json_object_is_a_move_or_a_fault(value: dict[str, object]) -> None:
    reading = read_text(JSON, json.dumps(value))
    assert (bool(reading.calls) + (reading.message is not None)) == (reading.fault is None)


@pytest.mark.parametrize("dialect", ALL, ids=named)
@given(odd=st.lists(st.builds(ToolCall, name=hostile_text, arguments=st.just({}), id=hostile_text)))
def test_odd_native_calls_hurt_nobody(dialect: Dialect, odd: list[ToolCall]) -> None:
    reading = dialect.read([Reply(text="", calls=odd)])
    assert isinstance(reading, Reading)
    if dialect is NATIVE and odd:
        assert [call.name for call in reading.calls] == [call.name for call in odd]
        assert all(call.id for call in reading.calls)
    else:
        assert reading.fault is not None


@pytest.mark.parametrize("dialect", ALL, ids=named)
@pytest.mark.parametrize(
    "unit",
    [
        " ", "\n", "a", "[", '{"', "\\", "'", "Action: ", "ACTION:", "```sql\n", "\n ```",
        "Action: Answer\n", '{"thought": ', '{"calls":[', "```json", "<tool_call>",
    ],
)  # fmt: skip
def test_a_hundred_kilobytes_are_read_in_linear_time(dialect: Dialect, unit: str) -> None:
    body = unit * (100_000 // len(unit))
    heads = [
        "",
        "Action: Operation\n```sql\n",
        "Action: Answer\nFinal Answer: [",
        "Action: t\nAction Input: ",
        '{"thought": "',
        '{"thought": "", "calls": [',
    ]
    start = time.perf_counter()
    for head in heads:
        dialect.read([Reply(text=head + body)])
        dialect.read([Reply(text="x"), Reply(text="x"), Reply(text=head + body)])
    assert time.perf_counter() - start < 2.0


@pytest.mark.parametrize("dialect", [DATABASE, HOUSEHOLD, REACT, JSON], ids=named)
def test_a_refusal_is_told_from_bad_format(dialect: Dialect) -> None:
    assert read_text(dialect, "I'm sorry, but I can't help with that.").fault is Fault.REFUSAL
    assert read_text(dialect, "I’m unable to do this.").fault is Fault.REFUSAL


@pytest.mark.parametrize("dialect", [DATABASE, REACT, JSON], ids=named)
def test_what_cannot_be_found_is_no_refusal(dialect: Dialect) -> None:
    assert read_text(dialect, "I can't find it, so I look elsewhere.").fault is Fault.BAD_FORMAT


LOOK = ToolCall(name="look")
TALK = moved("", message="Hello?")
TWO = moved("", LOOK, LOOK)
NEW = moved("Hm.", LOOK).model_copy(update={"tools": [Tool(name="order")]})
DEEP = ToolCall(name="x", arguments={"a": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]})
LONG = ToolCall(name="x", arguments={"a": "x" * 30_000})


@pytest.mark.parametrize(
    ("dialect", "step", "reason"),
    [
        (DATABASE, moved("", ToolCall(name="act", arguments={"command": "look"})), r"sql\(query\)"),
        (DATABASE, moved("", ToolCall(name="answer", arguments={"values": [1]})), r"sql\(query\)"),
        (HOUSEHOLD, moved("", ToolCall(name="act", arguments={"command": "Look\nup"})), "lower case"),
        (HOUSEHOLD, moved("", ToolCall(name="sql")), r"act\(command\)"),
        (REACT, moved("", ToolCall(name="two words")), "two words"),
        (JSON, moved("", ToolCall(name="")), "without a name"),
        (JSON, moved("", DEEP), "nested too deeply"),
        (JSON, moved("x" * 30_000, LONG), "too long"),
        (NATIVE, moved("Hm.", message="Hello?"), "a thought beside words"),
        *[(dialect, TALK, "words to the user") for dialect in (DATABASE, HOUSEHOLD, REACT, STAGED)],
        *[(dialect, TWO, "2 calls in one step") for dialect in (DATABASE, HOUSEHOLD, REACT, STAGED)],
        *[(dialect, Step(fault=Fault.BAD_FORMAT), "without a call") for dialect in ALL],
    ],
)
def test_what_cannot_be_written_is_refused_by_name(dialect: Dialect, step: Step, reason: str) -> None:
    with pytest.raises(CannotWriteError, match=rf"{dialect.name!r} cannot write this: .*{reason}"):
        dialect.speak(step)


@pytest.mark.parametrize("dialect", [DATABASE, HOUSEHOLD, NATIVE, STAGED], ids=named)
def test_a_tool_that_appears_in_the_middle_is_refused_by_name(dialect: Dialect) -> None:
    with pytest.raises(CannotWriteError, match=rf"{dialect.name!r} cannot write this: .*\(order\)"):
        dialect.answer(NEW)


@pytest.mark.parametrize("dialect", [REACT, JSON], ids=named)
def test_a_tool_that_appears_in_the_middle_is_announced(dialect: Dialect) -> None:
    (message,) = dialect.answer(NEW)
    assert message.role == "user"
    assert message.content.endswith("seen 0\n\nNew tools:\n- order Arguments (JSON schema): {}")


@pytest.mark.parametrize("dialect", ALL, ids=named)
def test_replies_of_a_step_are_the_agents_turns_alone(dialect: Dialect) -> None:
    call = ToolCall(name="sql", arguments={"query": "SELECT 1"})
    if dialect is HOUSEHOLD:
        call = ToolCall(name="act", arguments={"command": "look"})
    turns = dialect.write(moved("Hm.", call), "t#0")
    assert len(as_replies(turns)) == (3 if dialect is STAGED else 1)
    assert turns[-1].role == ("tool" if dialect is NATIVE else "user")
