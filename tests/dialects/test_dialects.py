"""How each dialect reads what models really write, and the exact words that it writes itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.steps import moved, read_text, written
from trajectune.dialects.contract import Dialect, Opening, Reading
from trajectune.dialects.conversation import same_move
from trajectune.dialects.native import call_id
from trajectune.dialects.registry import get_dialect
from trajectune.errors import RecipeError
from trajectune.example import Capability, Message
from trajectune.trajectory import Action, Demonstration, Fault, Reply, Step, Tool, ToolCall

DATABASE = get_dialect("agentbench", "database")
HOUSEHOLD = get_dialect("agentbench", "household")
REACT = get_dialect("react", "anything")
JSON = get_dialect("json", "anything")
NATIVE = get_dialect("native", "anything")


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
    assert read_text(DATABASE, HOSTILE[name]).fault is Fault.BAD_FORMAT


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
    assert read_text(REACT, reply).fault is Fault.BAD_FORMAT


@pytest.mark.parametrize(
    ("given", "values"),
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
def test_answers_are_read_without_evaluating_them(given: str, values: list[str]) -> None:
    reading = read_text(DATABASE, f"Done.\nAction: Answer\nFinal Answer: {given}")
    assert reading.calls == (ToolCall(name="answer", arguments={"values": list(values)}),)


def test_only_the_first_sql_block_counts() -> None:
    reply = "Action: Operation\n```sql\nSELECT 1\n```\nor\n```sql\nSELECT 2\n```"
    (call,) = read_text(DATABASE, reply).calls
    assert call.arguments == {"query": "SELECT 1"}


def test_household_reads_what_agenttuning_reads() -> None:
    def command(reply: str) -> object:
        calls = read_text(HOUSEHOLD, reply).calls
        return calls[0].arguments["command"] if calls else None

    assert command("THOUGHT: I look.\n ACTION: Go to Shelf 1\nand more") == "go to shelf 1"
    assert command("THOUGHT: all in one line. ACTION: open fridge 1") == "open fridge 1"
    assert command("Take apple 1 from fridge 1\n") == "take apple 1 from fridge 1"
    assert command("THOUGHT: nothing but a thought") is None
    assert command("ACTION: look\nACTION: look") is None
    assert command("ACTION:   ") is None


def test_react_cuts_what_the_model_invented() -> None:
    reading = read_text(
        REACT,
        'Thought: t\nAction: sql\nAction Input: ```json\n{"query": "x"}\n```\nObservation: 1\nAction: sql',
    )
    assert reading.thought == "t"
    assert reading.calls == (ToolCall(name="sql", arguments={"query": "x"}),)


SQL = ToolCall(name="sql", arguments={"query": "SELECT 1"})
ANSWER = ToolCall(name="answer", arguments={"values": ["é", "2"]})
LOOK = ToolCall(name="act", arguments={"command": "look"})


def test_golden_forms_of_single_calls() -> None:
    assert written(DATABASE, moved("I count.", SQL)) == "I count.\nAction: Operation\n```sql\nSELECT 1\n```"
    assert written(DATABASE, moved("", ANSWER)) == 'Action: Answer\nFinal Answer: ["é", "2"]'
    assert written(HOUSEHOLD, moved("Hm.", LOOK)) == "THOUGHT: Hm.\n ACTION: look"
    assert written(REACT, moved("Hm.", LOOK)) == (
        'Thought: Hm.\nAction: act\nAction Input: {"command": "look"}'
    )
    assert written(REACT, moved("", ANSWER)) == 'Final Answer: ["é", "2"]'


def test_golden_forms_of_json() -> None:
    assert written(JSON, moved('A "b"\n', SQL)) == (
        '{"thought": "A \\"b\\"\\n", "calls": [{"name": "sql", "arguments": {"query": "SELECT 1"}}]}'
    )
    assert written(JSON, moved("", LOOK, ANSWER)) == (
        '{"thought": "", "calls": [{"name": "act", "arguments": {"command": "look"}}, '
        '{"name": "answer", "arguments": {"values": ["é", "2"]}}]}'
    )
    assert written(JSON, moved("So.", message="Wie heißt du?")) == (
        '{"thought": "So.", "message": "Wie heißt du?"}'
    )
    assert [m.content for m in JSON.answer(moved("", LOOK, ANSWER))] == ["seen 0\n\nseen 1"]


def test_golden_forms_of_native() -> None:
    own = SQL.model_copy(update={"id": "call_1"})
    assert [
        m.model_dump(exclude_defaults=True) for m in NATIVE.write(moved("Both.", own, LOOK), "t#3")
    ] == [
        {
            "role": "assistant",
            "content": "Both.",
            "trained": True,
            "spans": [{"text": "Both.", "capability": "reasoning"}],
            "tool_calls": [
                {"id": "call_1", "name": "sql", "arguments": {"query": "SELECT 1"}},
                {"id": call_id("t#3", 1), "name": "act", "arguments": {"command": "look"}},
            ],
        },
        {"role": "tool", "content": "seen 0", "tool_call_id": "call_1", "name": "sql"},
        {"role": "tool", "content": "seen 1", "tool_call_id": call_id("t#3", 1), "name": "act"},
    ]
    assert [(m.role, m.content) for m in NATIVE.write(moved("", message="Which?"))] == [
        ("assistant", "Which?"),
        ("user", "Yes."),
    ]
    assert len(call_id("t#3", 1)) == 9
    assert call_id("t#3", 1).isalnum()


def test_native_opens_with_rules_example_and_problem() -> None:
    shown = Step(thought="Hm.", actions=[Action(call=SQL, observation="7")])
    opening = Opening("Rules.", [], "Dogs?", Demonstration(observation="Cats?", steps=[shown]), "t")
    messages = NATIVE.open(opening)
    assert [(m.role, m.content) for m in messages] == [
        ("system", "Rules."), ("user", "Cats?"), ("assistant", "Hm."), ("tool", "7"), ("user", "Dogs?"),
    ]  # fmt: skip
    assert not any(m.trained for m in messages)
    assert messages[2].tool_calls[0].id == messages[3].tool_call_id != ""
    assert NATIVE.open(Opening("Rules.", [], "Dogs?")) == [messages[0], messages[-1]]


def parts(turn: Message) -> list[tuple[str, Capability, bool]]:
    return [(span.text, span.capability, span.format) for span in turn.spans]


def test_the_parts_of_a_reply_are_known() -> None:
    thought, tool = Capability.REASONING, Capability.RETRIEVAL
    arguments, form = Capability.UNDERSTANDING, Capability.INSTRUCTION_FOLLOWING
    (database,) = DATABASE.speak(moved("I count.", SQL))
    assert parts(database) == [
        ("I count.", thought, False), ("\nAction: ", form, True), ("Operation", tool, False),
        ("\n```sql\n", form, True), ("SELECT 1", arguments, False), ("\n```", form, True),
    ]  # fmt: skip
    (json_turn,) = JSON.speak(moved("Hm.", LOOK, LOOK))
    assert parts(json_turn) == [
        ('{"thought": "', form, True), ("Hm.", thought, False), ('", "calls": [', form, True),
        ('{"name": "', form, True), ("act", tool, False), ('", "arguments": ', form, True),
        ('{"command": "look"}', arguments, False), ("}", form, True),
        (', {"name": "', form, True), ("act", tool, False), ('", "arguments": ', form, True),
        ('{"command": "look"}', arguments, False), ("}", form, True), ("]}", form, True),
    ]  # fmt: skip
    (talk,) = NATIVE.speak(moved("", message="Which?"))
    assert parts(talk) == [("Which?", arguments, False)]


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "Let me think.",
        "[]",
        "{}",
        '{"thought": 1, "calls": [{"name": "x"}]}',
        '{"thought": "", "calls": []}',
        '{"thought": "", "calls": [{"name": ""}]}',
        '{"thought": "", "calls": [{"name": "x"}, 7]}',
        '{"thought": "", "calls": [{"name": "x", "arguments": []}]}',
        '{"thought": "", "calls": [{"name": "x"}], "message": "both"}',
        '{"message": null}',
        '{"thought": "", "message": 7}',
        '{"calls": [{"name": "x", "arguments": {"a": NaN}}]}',
        '{"calls": ' * 5_000,
    ],
)
def test_a_hostile_json_reply_is_bad_format(reply: str) -> None:
    reading = read_text(JSON, reply)
    assert (reading.fault, reading.calls, reading.message) == (Fault.BAD_FORMAT, (), None)
    assert '"calls"' in reading.detail


def test_json_in_a_fence_with_words_behind_it_is_read() -> None:
    reading = read_text(JSON, '```json\n{"calls": [{"name": "look"}]}\n```\nDone.')
    assert reading.calls == (ToolCall(name="look"),)
    assert read_text(JSON, '{"message": "Hi \\ud800"}').message == "Hi \ufffd"


def test_a_broken_native_call_is_bad_format_and_no_message() -> None:
    broken = '<tool_call>{"name": "sql", "arguments": "{"}</tool_call>'
    reading = read_text(NATIVE, broken)
    assert (reading.fault, reading.message) == (Fault.BAD_FORMAT, None)
    assert "one JSON object" in reading.detail
    assert read_text(NATIVE, " \n").fault is Fault.BAD_FORMAT
    with_calls = NATIVE.read([Reply(text=broken, calls=[SQL])])
    assert isinstance(with_calls, Reading)
    assert same_move(with_calls, moved(broken, SQL))


def test_instructions_name_the_forms_they_ask_for() -> None:
    tool = Tool(name="answer", parameters={"type": "object", "properties": {"values": {"type": "array"}}})

    def words(dialect: Dialect, *tools: Tool) -> str:
        return dialect.open(Opening("Rules.", tools, "Problem."))[0].content

    assert "Action: Operation\n```sql\n" in words(DATABASE)
    assert "\n ACTION: " in words(HOUSEHOLD)
    text = words(REACT, tool)
    assert text.startswith("Rules.")
    assert 'Final Answer: ["first value"' in text
    assert json.dumps(tool.parameters) in text
    assert "Final Answer" not in words(REACT, Tool(name="look"))
    assert json.dumps(tool.parameters) in words(JSON, tool)
    assert '"calls": [{"name": "a tool"' in words(JSON, tool)
    assert words(NATIVE, tool) == "Rules."


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
                reading = read_text(DATABASE, turn["value"])
                assert reading.calls, turn["value"]
                again = read_text(DATABASE, written(DATABASE, moved(reading.thought, *reading.calls)))
                assert again == reading
    assert turns == 1109


def test_all_real_household_turns_are_read(shared_data: Path) -> None:
    rows = json.loads((shared_data / "agentinstruct/sample_alfworld.json").read_text(encoding="utf-8"))
    replies = [t["content"] for r in rows for t in r["conversations"][3:] if t["role"] == "assistant"]
    for reply in replies:
        reading = read_text(HOUSEHOLD, reply)
        assert reading.calls
        assert "ACTION" not in reading.thought
    assert len(replies) > 70
