"""Every dialect obeys the two laws: what is rendered is read back, and nothing it reads can hurt it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trajectune.dialects.contract import Dialect
from trajectune.dialects.registry import get_dialect
from trajectune.errors import RecipeError
from trajectune.example import Part
from trajectune.trajectory import Fault, Tool, ToolCall

DATABASE = get_dialect("agentbench", "database")
HOUSEHOLD = get_dialect("agentbench", "household")
REACT = get_dialect("react", "anything")
ALL = [DATABASE, HOUSEHOLD, REACT]

MARKERS = ["Action: Operation", "Action: Answer", "```sql", "```", "\\", "\n", " ", "Final Answer: [1]"]
MARKERS += ["THOUGHT:", "ACTION: look", "action:", "Action:", "Action Input: {}", "Observation:"]
MARKERS += ["Thought: ", "\r", "\t", "\u2028"]
hostile_text = st.one_of(st.text(), st.lists(st.sampled_from(MARKERS)).map("".join))
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | hostile_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(hostile_text, inner, max_size=3),
    max_leaves=6,
)


def rendered(dialect: Dialect, thought: str, call: ToolCall) -> str:
    return "".join(span.text for span in dialect.render(thought, call))


def assert_read_back(dialect: Dialect, thought: str, call: ToolCall) -> None:
    reading = dialect.parse(rendered(dialect, thought, call))
    assert (reading.thought, reading.call, reading.fault) == (thought, call, None)


@given(hostile_text, hostile_text)
@example("Action: Operation", "SELECT '\n```\nAction: Answer\nFinal Answer: [1]'")
@example("\n", "")
def test_sql_is_read_back(thought: str, query: str) -> None:
    assert_read_back(DATABASE, thought, ToolCall(name="sql", arguments={"query": query}))


@given(hostile_text, st.lists(hostile_text))
def test_answers_are_read_back(thought: str, values: list[str]) -> None:
    call = ToolCall(name="answer", arguments={"values": list(values)})
    assert_read_back(DATABASE, thought, call)
    assert_read_back(REACT, thought, call)


@given(hostile_text, st.text().map(lambda text: text.lower().strip()).filter(lambda text: "\n" not in text))
def test_commands_are_read_back_or_refused(thought: str, command: str) -> None:
    call = ToolCall(name="act", arguments={"command": command})
    if command and command == command.strip().lower() and "action:" not in command:
        assert_read_back(HOUSEHOLD, thought, call)


@given(
    hostile_text,
    st.from_regex(r"[\w.:-]{1,12}", fullmatch=True),
    st.dictionaries(hostile_text, json_values),
)
@example("Final Answer: x", "answer", {"values": "not a list"})
def test_any_call_is_read_back_in_react(thought: str, name: str, arguments: dict[str, object]) -> None:
    call = ToolCall.model_validate({"name": name, "arguments": arguments})
    assert_read_back(REACT, thought, call)


@pytest.mark.parametrize("dialect", ALL)
@given(reply=hostile_text)
def test_parse_never_raises_and_a_fault_stands_for_a_missing_call(dialect: Dialect, reply: str) -> None:
    reading = dialect.parse(reply)
    assert (reading.call is None) == (reading.fault is not None)
    assert reading.call is not None or reading.detail


HOSTILE = {
    "empty": "",
    "no marker": "Let me think about it.",
    "two actions": "Action: Operation\n```sql\nSELECT 1\n```\nAction: Answer\nFinal Answer: [1]",
    "unclosed fence": "Action: Operation\n```sql\nSELECT 1",
    "unclosed list": 'Action: Answer\nFinal Answer: ["a", \'b',
    "no answer": "Action: Answer\n",
    "deep list": "Action: Answer\nFinal Answer: " + "[" * 50_000,
    "control characters": "\x00\x01\x1b[31m\x7f",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_database_reply_is_bad_format(name: str) -> None:
    assert DATABASE.parse(HOSTILE[name]).fault is Fault.BAD_FORMAT


@pytest.mark.parametrize(
    "reply",
    [
        "Action: sql",
        "Action: sql\nAction Input: {",
        "Action: sql\nAction Input: [1]",
        "Action: sql\nAction Input: " + '{"a":' * 40 + "1" + "}" * 40,
        'Action: sql\nAction Input: {"a": NaN}',
        "Action: sql\nAction Input: {}\nAction: sql\nAction Input: {}",
        "Action:\nAction Input: {}",
        "Final Answer:",
        "Final Answer: [1,",
    ],
)
def test_a_hostile_react_reply_is_bad_format(reply: str) -> None:
    assert REACT.parse(reply).fault is Fault.BAD_FORMAT


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize(
    "unit",
    [" ", "\n", "a", "[", '{"', "\\", "Action: ", "ACTION:", "```sql\n", "\n ```", "Action: Answer\n", "'"],
)
def test_a_hundred_kilobytes_are_read_in_linear_time(dialect: Dialect, unit: str) -> None:
    body = unit * (100_000 // len(unit))
    start = time.perf_counter()
    for head in (
        "",
        "Action: Operation\n```sql\n",
        "Action: Answer\nFinal Answer: [",
        "Action: t\nAction Input: ",
    ):
        dialect.parse(head + body)
    assert time.perf_counter() - start < 2.0


@pytest.mark.parametrize("dialect", ALL)
def test_a_refusal_is_told_from_bad_format(dialect: Dialect) -> None:
    assert dialect.parse("I'm sorry, but I can't help with that.").fault is Fault.REFUSAL
    assert dialect.parse("I’m unable to do this.").fault is Fault.REFUSAL


@pytest.mark.parametrize(
    ("written", "values"),
    [
        ('["a", "b"]', ["a", "b"]),
        ("['a', 'b c']", ["a", "b c"]),
        ("[0, 1.5, true]", ["0", "1.5", "true"]),
        ("[Paris, Rome]", ["Paris", "Rome"]),
        ("[]", []),
        ("42", ["42"]),
        (r'["\ud800"]', ["\ufffd"]),
    ],
)
def test_answers_are_read_without_evaluating_them(written: str, values: list[str]) -> None:
    call = DATABASE.parse(f"Done.\nAction: Answer\nFinal Answer: {written}").call
    assert call == ToolCall(name="answer", arguments={"values": list(values)})


def test_only_the_first_sql_block_counts() -> None:
    reply = "Action: Operation\n```sql\nSELECT 1\n```\nor\n```sql\nSELECT 2\n```"
    call = DATABASE.parse(reply).call
    assert call is not None
    assert call.arguments == {"query": "SELECT 1"}


def test_household_reads_what_agenttuning_reads() -> None:
    def command(reply: str) -> object:
        call = HOUSEHOLD.parse(reply).call
        return call and call.arguments["command"]

    assert command("THOUGHT: I look.\n ACTION: Go to Shelf 1\nand more") == "go to shelf 1"
    assert command("THOUGHT: all in one line. ACTION: open fridge 1") == "open fridge 1"
    assert command("Take apple 1 from fridge 1\n") == "take apple 1 from fridge 1"
    assert command("THOUGHT: nothing but a thought") is None
    assert command("ACTION: look\nACTION: look") is None
    assert command("ACTION:   ") is None


def test_react_cuts_what_the_model_invented() -> None:
    reading = REACT.parse(
        'Thought: t\nAction: sql\nAction Input: ```json\n{"query": "x"}\n```\nObservation: 1\nAction: sql'
    )
    assert reading.thought == "t"
    assert reading.call == ToolCall(name="sql", arguments={"query": "x"})


def test_golden_forms_and_their_parts() -> None:
    sql = ToolCall(name="sql", arguments={"query": "SELECT 1"})
    assert rendered(DATABASE, "I count.", sql) == "I count.\nAction: Operation\n```sql\nSELECT 1\n```"
    assert [span.part for span in DATABASE.render("I count.", sql)] == [
        Part.REASONING, Part.FORMAT, Part.RETRIEVAL, Part.FORMAT, Part.UNDERSTANDING, Part.FORMAT,
    ]  # fmt: skip
    answer = ToolCall(name="answer", arguments={"values": ["é", "2"]})
    assert rendered(DATABASE, "", answer) == 'Action: Answer\nFinal Answer: ["é", "2"]'
    act = ToolCall(name="act", arguments={"command": "look"})
    assert rendered(HOUSEHOLD, "Hm.", act) == "THOUGHT: Hm.\n ACTION: look"
    assert rendered(REACT, "Hm.", act) == 'Thought: Hm.\nAction: act\nAction Input: {"command": "look"}'
    assert rendered(REACT, "", answer) == 'Final Answer: ["é", "2"]'


@pytest.mark.parametrize(
    ("dialect", "call"),
    [
        (DATABASE, ToolCall(name="act", arguments={"command": "look"})),
        (DATABASE, ToolCall(name="answer", arguments={"values": [1]})),
        (HOUSEHOLD, ToolCall(name="act", arguments={"command": "Look\nup"})),
        (HOUSEHOLD, ToolCall(name="sql")),
        (REACT, ToolCall(name="two words")),
    ],
)
def test_what_cannot_be_written_is_refused(dialect: Dialect, call: ToolCall) -> None:
    with pytest.raises(ValueError, match=r"dialect|command|react"):
        dialect.render("", call)


def test_instructions_name_the_forms_they_ask_for() -> None:
    tool = Tool(name="answer", parameters={"type": "object", "properties": {"values": {"type": "array"}}})
    assert "Action: Operation\n```sql\n" in DATABASE.instruct("Rules.", [])
    assert "\n ACTION: " in HOUSEHOLD.instruct("Rules.", [])
    text = REACT.instruct("Rules.", [tool])
    assert text.startswith("Rules.")
    assert 'Final Answer: ["first value"' in text
    assert json.dumps(tool.parameters) in text
    assert "Final Answer" not in REACT.instruct("Rules.", [Tool(name="look")])


def test_unknown_names_say_what_to_use() -> None:
    with pytest.raises(RecipeError, match="did you mean 'agentbench'"):
        get_dialect("agentbnch", "database")
    with pytest.raises(RecipeError, match="use the dialect 'react'"):
        get_dialect("agentbench", "my-environment")


def test_all_trained_turns_of_agentinstruct_are_read_and_written_back(shared_data: Path) -> None:
    turns = 0
    with (shared_data / "agentinstruct/db.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            for turn in json.loads(line)["conversations"]:
                if turn["from"] != "gpt" or not turn["loss"]:
                    continue
                turns += 1
                reading = DATABASE.parse(turn["value"])
                assert reading.call is not None, turn["value"]
                again = DATABASE.parse(rendered(DATABASE, reading.thought, reading.call))
                assert again == reading
    assert turns == 1109


def test_all_real_household_turns_are_read(shared_data: Path) -> None:
    rows = json.loads((shared_data / "agentinstruct/sample_alfworld.json").read_text(encoding="utf-8"))
    replies = [t["content"] for r in rows for t in r["conversations"][3:] if t["role"] == "assistant"]
    for reply in replies:
        reading = HOUSEHOLD.parse(reply)
        assert reading.call is not None
        assert "ACTION" not in reading.thought
    assert len(replies) > 70
