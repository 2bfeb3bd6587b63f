"""Tools in words, for templates that know none; and ids that every template accepts."""

from __future__ import annotations

import json
import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from trajectune.example import Message
from trajectune.models.chat.dicts import Manner, chat_dicts, tool_schema
from trajectune.models.chat.forms import Hermes
from trajectune.models.chat.words import Written, in_words, instruct
from trajectune.trajectory import Tool, ToolCall

TOOLS = [
    Tool(
        name="sql", description="Run a statement.", parameters={"type": "object", "properties": {"q": {}}}
    ),
    Tool(name="now"),
]
IDS = st.sampled_from(["", "abc123XYZ", "call_1", "abc123XY", "é"])
CALLS = st.builds(
    ToolCall,
    name=st.sampled_from(["sql", "now"]),
    arguments=st.dictionaries(st.text(max_size=3), st.text(max_size=6) | st.integers(), max_size=2),
    id=IDS,
)
MESSAGES = st.lists(
    st.one_of(
        st.builds(Message, role=st.sampled_from(["system", "user"]), content=st.text(max_size=5)),
        st.builds(
            Message,
            role=st.just("assistant"),
            content=st.sampled_from(["", "I look."]),
            tool_calls=st.lists(CALLS, max_size=3),
        ),
        st.builds(Message, role=st.just("tool"), content=st.text(max_size=5), tool_call_id=IDS),
    ),
    max_size=8,
)


def as_it_is(messages: list[Message]) -> list[Written]:
    return [Written(message, message) for message in messages]


@given(messages=MESSAGES, nine=st.booleans())
def test_ids_are_handed_on_or_are_nine_signs(messages: list[Message], nine: bool) -> None:
    given = {call.id for message in messages for call in message.tool_calls}
    given |= {message.tool_call_id for message in messages}
    for turn, given_ in zip(chat_dicts(messages, Manner(nine_signs=nine)), messages, strict=True):
        ids = [call["id"] for call in turn.get("tool_calls", [])]
        ids += [turn["tool_call_id"]] if "tool_call_id" in turn else []
        assert all(re.fullmatch(r"[A-Za-z0-9]{9}", name) or (not nine and name in given) for name in ids)
        own = [call.id for call in given_.tool_calls] + [given_.tool_call_id] * (given_.role == "tool")
        assert nine or all(name in ids for name in own if name)
        for call, shown in zip(given_.tool_calls, turn.get("tool_calls", []), strict=True):
            assert shown["function"] == {"name": call.name, "arguments": call.arguments}
            assert call.id != "abc123XYZ" or shown["id"] == call.id


@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=3), min_size=1, max_size=3))
def test_answers_without_ids_answer_the_calls_in_order(turns: list[list[bool]]) -> None:
    messages: list[Message] = []
    for calls in turns:
        messages.append(
            Message(role="assistant", content="", tool_calls=[ToolCall(name="f") for _ in calls])
        )
        messages += [Message(role="tool", content="r") for _ in calls]
    shown = chat_dicts(messages)
    asked = [call["id"] for turn in shown for call in turn.get("tool_calls", [])]
    assert [turn["tool_call_id"] for turn in shown if turn["role"] == "tool"] == asked
    assert len(set(asked)) == len(asked)


def test_an_answer_that_nobody_asked_for_has_no_id() -> None:
    (turn,) = chat_dicts([Message(role="tool", content="r")])
    assert turn == {"role": "tool", "content": "r"}


def test_arguments_contents_and_thoughts_in_another_manner() -> None:
    call = ToolCall(name="f", arguments={"x": "é"}, id="a")
    said = Message(role="assistant", content="", reasoning="Hm.", tool_calls=[call])
    manner = Manner(parts=True, arguments_as_text=True, null_content=True, thought_beside_calls="thinking")
    (turn,) = chat_dicts([said], manner)
    assert (turn["content"], turn["thinking"]) == (None, "Hm.")
    assert turn["tool_calls"][0]["function"]["arguments"] == '{"x": "é"}'
    (plain,) = chat_dicts([Message(role="assistant", content="Hi", reasoning="Hm.")], manner)
    assert plain == {"role": "assistant", "content": [{"type": "text", "text": "Hi"}]}


def test_the_same_long_id_stands_for_the_same_call() -> None:
    call = ToolCall(name="f", id="call_with_a_long_name")
    asked = Message(role="assistant", content="", tool_calls=[call])
    answers = [Message(role="tool", content="r", tool_call_id=call.id, name="f")]
    first, second = chat_dicts([asked, *answers], Manner(nine_signs=True))
    assert first["tool_calls"][0]["id"] == second["tool_call_id"]
    assert second["name"] == "f"


@given(messages=MESSAGES, offered=st.booleans())
def test_in_words_nothing_is_lost_and_no_call_is_left(messages: list[Message], offered: bool) -> None:
    written = in_words(as_it_is(messages), TOOLS if offered else [])
    assert not any(turn.message.tool_calls for turn in written)
    assert {turn.message.role for turn in written} <= {"system", "user", "assistant"}
    everything = "\n".join(turn.message.content for turn in written)
    for message in messages:
        assert message.content in everything
    asked = [(turn.message, turn.origin) for turn in written if turn.origin.role == "assistant"]
    assert [origin for _, origin in asked] == [m for m in messages if m.role == "assistant"]
    for message, origin in asked:
        words, calls = Hermes().read(message.content)
        assert words == origin.content
        assert [(call.name, call.arguments) for call in calls] == [
            (call.name, call.arguments) for call in origin.tool_calls
        ]


@given(MESSAGES)
def test_results_in_a_row_are_one_turn(messages: list[Message]) -> None:
    written = in_words(as_it_is(messages), TOOLS)
    assert not any(a.origin.role == b.origin.role == "tool" for a, b in pairwise(written))
    shown = "\n".join(turn.message.content for turn in written if turn.origin.role == "tool")
    assert shown.count("<tool_response>\n") == sum(message.role == "tool" for message in messages)


def test_tools_are_told_in_the_systems_own_message() -> None:
    talk = [Message(role="system", content="Be brief."), Message(role="user", content="Hi")]
    system, user = in_words(as_it_is(talk), TOOLS)
    assert system.message.content == f"Be brief.\n\n{instruct(TOOLS)}"
    assert system.origin is talk[0]
    assert user.message == talk[1]
    alone = in_words(as_it_is(talk[1:]), TOOLS)
    assert [turn.message.role for turn in alone] == ["system", "user"]
    # A later system message is a turn of its own: it may take back what the first one said.
    late = in_words(as_it_is([talk[1], talk[0]]), TOOLS)
    assert [turn.message.content for turn in late] == [instruct(TOOLS), "Hi", "Be brief."]


def test_each_tool_is_a_line_of_json_without_what_it_lacks() -> None:
    lines = [line for line in instruct(TOOLS).splitlines() if line.startswith("{")]
    assert [json.loads(line) for line in lines] == [
        tool_schema(TOOLS[0])["function"],
        {"name": "now"},
    ]


def test_the_example_in_the_instruction_is_a_call_that_we_read() -> None:
    (call,) = Hermes().read(instruct(TOOLS))[1]
    assert (call.name, call.arguments) == ("its name", {"argument": "value"})
