"""Rows from bug reports of the field's tools, and the kinds that they stand for: what a row holds is read.

The shared cases are run where they are at hand; each of their kinds is held by rows of our own as well.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trajectune.curate.formats import FORMATS, read_examples, write_examples
from trajectune.curate.formats.reading.padding import TAKEN_OUT, UNSURE
from trajectune.example import Example
from trajectune.storage import Rejected

PARIS = {"name": "weather", "arguments": '{"city": "Paris"}'}
CALL = {"id": "c1", "type": "function", "function": PARIS}
ASKED = {"role": "user", "content": "Paris?"}
ANSWERED = {"role": "assistant", "content": "18"}


def read(
    path: Path, *rows: dict[str, Any], format: str | None = None
) -> tuple[list[Example], Counter[str]]:
    """What is read of the rows, none of them rejected, and what is noted."""
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(list(rows)), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    rejected: list[Rejected] = []
    notes: Counter[str] = Counter()
    examples = list(read_examples(path, rejected, format=format, notes=notes))
    assert rejected == []
    return examples, notes


def reason(path: Path, row: dict[str, Any], format: str | None = None) -> str:
    """Why a row is rejected."""
    path.write_text(json.dumps(row), "utf-8")
    rejected: list[Rejected] = []
    assert list(read_examples(path, rejected, format=format, notes=Counter())) == []
    return rejected[0].reason


def shared_cases() -> list[Any]:
    data = os.environ.get("TRAJECTUNE_TEST_DATA", Path(__file__).parents[4] / "shared" / "data")
    path = Path(data).parent / "cases" / "data-and-templates.json"
    if not path.exists():
        return [pytest.param({}, marks=pytest.mark.skip(reason=f"no shared cases at {path}"))]
    return [pytest.param(case, id=case["id"]) for case in json.loads(path.read_text("utf-8"))["cases"]]


@pytest.mark.parametrize("case", shared_cases())
def test_everything_that_a_shared_case_holds_is_in_the_example(
    case: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / ("set.parquet" if case.get("parquet") else "set.jsonl")
    examples, _ = read(path, *case["rows"])
    for row, example in zip(case["rows"], examples, strict=True):
        held = example.model_dump_json()
        assert [
            word for word in words_of(row) if json.dumps(word, ensure_ascii=False)[1:-1] not in held
        ] == []


LABELS = {"role", "from", "type", "loss", "weight", "arguments"}


def words_of(value: Any, key: str = "") -> list[str]:
    """All texts of a row but the names of roles and the like; arguments by their values."""
    if isinstance(value, dict):
        return [word for name, item in value.items() for word in words_of(item, name)]
    if isinstance(value, list):
        return [word for item in value for word in words_of(item, key)]
    if key == "arguments" and isinstance(value, str):
        return words_of(json.loads(value), "argument")
    return [] if key in LABELS or not isinstance(value, str) else [value]


@pytest.mark.parametrize("field", ["messages", "conversations", "conversation"])
@pytest.mark.parametrize("flag", [{}, {"loss": True}, {"weight": 1}])
def test_calls_are_read_whatever_the_list_is_called_and_whatever_flags_stand_beside(
    field: str, flag: dict[str, Any], tmp_path: Path
) -> None:
    calling = {"role": "assistant", "content": "Let me look.", "tool_calls": [CALL], **flag}
    told = {"role": "tool", "tool_call_id": "c1", "content": "18"}
    ((example,), notes) = read(
        tmp_path / "set.jsonl", {field: [ASKED, calling, told, {**ANSWERED, **flag}]}
    )
    assert [call.name for call in example.messages[1].tool_calls] == ["weather"]
    assert example.messages[2].role == "tool"
    assert [message.trained for message in example.messages] == [False, True, False, True]
    assert notes == {}


def test_tools_beside_plain_turns_are_read(tmp_path: Path) -> None:
    row = {
        "conversations": [ASKED, ANSWERED],
        "functions": [{"name": "weather", "input_schema": {"type": "object"}}],
    }
    ((example,), _) = read(tmp_path / "set.jsonl", row)
    assert [(tool.name, tool.parameters) for tool in example.tools] == [("weather", {"type": "object"})]


def test_the_calls_of_before_are_calls(tmp_path: Path) -> None:
    turns = [
        ASKED,
        {"role": "assistant", "content": None, "function_call": PARIS},
        {"role": "function", "name": "weather", "content": "18"},
        ANSWERED,
    ]
    ((example,), notes) = read(tmp_path / "set.jsonl", {"messages": turns})
    assert example.messages[1].tool_calls[0].arguments == {"city": "Paris"}
    assert (example.messages[2].role, example.messages[2].name) == ("tool", "weather")
    assert notes == {}
    both = {"role": "assistant", "content": "", "function_call": PARIS, "tool_calls": [CALL]}
    assert "found both" in reason(tmp_path / "set.jsonl", {"messages": [ASKED, both]})
    told = {"role": "user", "content": "", "function_call": PARIS}
    assert "on an assistant's message only" in reason(tmp_path / "set.jsonl", {"messages": [told]})


def test_words_of_a_call_are_a_call_whatever_names_the_speaker(tmp_path: Path) -> None:
    turns = [
        ASKED,
        {"role": "function_call", "content": json.dumps(PARIS)},
        {"role": "observation", "content": "18"},
    ]
    ((example,), _) = read(tmp_path / "set.jsonl", {"conversation": [*turns, ANSWERED]})
    assert example.messages[1].tool_calls[0].arguments == {"city": "Paris"}
    assert [message.role for message in example.messages] == ["user", "assistant", "tool", "assistant"]


def test_prompts_and_completions_are_questions_and_answers(tmp_path: Path) -> None:
    ((example,), _) = read(tmp_path / "set.jsonl", {"prompt": "q", "completion": "a"})
    assert [message.content for message in example.messages] == ["q", "a"]


FLAGGED = [
    ({"loss": False}, False),
    ({"train": False}, False),
    ({"trained": False, "loss": None}, False),
    ({"weight": 0}, False),
    ({"weight": 0.0, "loss": False}, False),
    ({"loss": 0}, False),
    ({"weight": 1, "train": True}, True),
    ({"loss": None}, True),
    ({}, True),
]


@pytest.mark.parametrize(("flags", "trained"), FLAGGED)
@pytest.mark.parametrize("turns", [("messages", "role", "content"), ("conversations", "from", "value")])
def test_a_flag_means_the_same_in_every_format(
    turns: tuple[str, str, str], flags: dict[str, Any], trained: bool, tmp_path: Path
) -> None:
    field, speaker, words = turns
    reply = {speaker: "assistant", words: "Draft", **flags}
    row = {field: [{speaker: "user", words: "Hi", "weight": 1}, reply, {speaker: "assistant", words: "x"}]}
    ((example,), _) = read(tmp_path / "set.jsonl", row)
    assert [message.trained for message in example.messages] == [False, trained, True]


def test_flags_that_say_nothing_clear_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    assert "flags that agree" in reason(path, {"messages": [{**ANSWERED, "loss": True, "weight": 0}]})
    assert "weight: expected 0 or 1" in reason(path, {"messages": [{**ANSWERED, "weight": 0.5}]})
    assert "train: expected true, false or null" in reason(
        path, {"messages": [{**ANSWERED, "train": "yes"}]}
    )
    assert "on the turn of a user, found true" in reason(path, {"messages": [{**ASKED, "train": True}]})


def test_a_greeting_is_read_with_its_flag(tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    for flag, trained in (({}, True), ({"loss": False}, False)):
        greeting = {"role": "assistant", "content": "Welcome!", **flag}
        ((example,), _) = read(path, {"messages": [greeting, ASKED, ANSWERED]})
        assert [message.trained for message in example.messages] == [trained, False, True]


THOUGHTS: list[dict[str, Any]] = [
    {"reasoning_content": "hm"},
    {"reasoning": "hm"},
    {"thinking": "hm", "reasoning_content": "hm"},
    {"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "18"}]},
    {"content": [{"type": "reasoning", "text": "hm"}, {"type": "output_text", "text": "1"}, "8"]},
]


@pytest.mark.parametrize("held", THOUGHTS)
@pytest.mark.parametrize("field", ["messages", "conversation"])
def test_reasoning_is_read_apart_and_comes_back_exactly(
    field: str, held: dict[str, Any], tmp_path: Path
) -> None:
    row = {field: [ASKED, {**ANSWERED, **held}]}
    ((example,), notes) = read(tmp_path / "set.jsonl", row)
    reply = example.messages[1]
    assert (reply.reasoning, reply.content, reply.trained, notes) == ("hm", "18", True, {})
    write_examples(tmp_path / "again.jsonl", [example], "openai" if field == "messages" else "agentflan")
    assert json.loads((tmp_path / "again.jsonl").read_text()) == row


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("container", ["jsonl", "parquet"])
def test_reasoning_goes_into_every_format_and_back(name: str, container: str, tmp_path: Path) -> None:
    (examples, _) = read(tmp_path / "set.jsonl", {"messages": [ASKED, {**ANSWERED, "thinking": "hm"}]})
    out = tmp_path / f"out.{container}"
    count = write_examples(out, examples, name)
    assert (count.written, dict(count.lost)) == (1, {})
    (again,) = read_examples(out)
    assert [(m.role, m.reasoning, m.content) for m in again.messages] == [
        ("user", "", "Paris?"),
        ("assistant", "hm", "18"),
    ]


def test_reasoning_stands_on_the_first_turn_of_a_reply_with_calls(tmp_path: Path) -> None:
    calling = {"role": "assistant", "content": "Look:", "reasoning": "hm", "tool_calls": [CALL]}
    silent = {**calling, "content": ""}
    examples, _ = read(
        tmp_path / "set.jsonl", {"messages": [ASKED, calling]}, {"messages": [ASKED, silent]}
    )
    write_examples(tmp_path / "out.jsonl", examples, "sharegpt")
    again = list(read_examples(tmp_path / "out.jsonl"))
    assert [each.messages[1].reasoning for each in again] == ["hm", "hm"]
    assert [len(each.messages) for each in again] == [2, 2]


def test_reasoning_that_has_no_place_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    first = {**ANSWERED, "thinking": "hm"}
    (examples, _) = read(path, {"messages": [ASKED, first, ASKED, ANSWERED]})
    rejected: list[Rejected] = []
    assert write_examples(tmp_path / "out.jsonl", examples, "alpaca", rejected).written == 0
    assert "messages.1.reasoning cannot be written" in rejected[0].reason
    assert "several that differ" in reason(path, {"messages": [{**first, "reasoning": "other"}]})
    assert "assistant's message only" in reason(path, {"messages": [{**ASKED, "thinking": "hm"}]})
    late = [{"type": "text", "text": "18"}, {"type": "thinking", "thinking": "hm"}]
    assert "thoughts before the words" in reason(
        path, {"messages": [{"role": "assistant", "content": late}]}
    )


def test_the_context_of_dolly_is_the_input(tmp_path: Path) -> None:
    row = {
        "instruction": "Summarise",
        "context": "A LONG TEXT",
        "response": "Short.",
        "category": "summary",
    }
    ((example,), notes) = read(tmp_path / "set.jsonl", row)
    assert [message.content for message in example.messages] == ["Summarise\nA LONG TEXT", "Short."]
    assert notes == {}
    write_examples(tmp_path / "again.jsonl", [example], "alpaca")
    assert json.loads((tmp_path / "again.jsonl").read_text()) == row


UNREAD: list[tuple[dict[str, Any], str]] = [
    ({"observation": "x"}, "a row holds `observation`"),
    ({"notes": "words that somebody wrote beside the row"}, "a row holds `notes`"),
    ({"extra": [{"role": "user", "content": "q"}]}, "a row holds `extra`"),
    ({"deep": {"er": [{"function_call": "f"}]}}, "a row holds `deep`"),
    ({"weight": 0.5}, "a row holds `weight`"),
    ({"\x1b[2J\u202e": "words that somebody wrote beside the row"}, "a row holds `\\x1b[2J\\u202e`"),
    ({"category": "summary", "score": 1.5, "url": "https://example.org/a/long/address/without/spaces"}, ""),
    ({"observation": "", "thought": None, "history_length": 4}, ""),
]


@pytest.mark.parametrize(("fields", "note"), UNREAD)
def test_fields_that_carry_content_and_that_nothing_reads_are_noted(
    fields: dict[str, Any], note: str, tmp_path: Path
) -> None:
    rows = [
        {"messages": [ASKED, ANSWERED]},
        {"conversation": [ASKED, ANSWERED]},
        {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]},
        {"instruction": "q", "output": "a"},
    ]
    _, notes = read(tmp_path / "set.jsonl", *({**row, **fields} for row in rows))
    assert notes == ({f"{note}, which no reader knows": 4} if note else {})


def test_what_a_turn_holds_that_nothing_reads_is_noted(tmp_path: Path) -> None:
    odd = {"observation": "18", "timestamp": "noon", "refusal": ""}
    rows = [
        {"messages": [ASKED, {**ANSWERED, **odd}]},
        {"conversation": [ASKED, {**ANSWERED, **odd}]},
        {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a", **odd}]},
    ]
    _, notes = read(tmp_path / "set.jsonl", *rows)
    assert notes == {"a turn holds `observation`, which no reader knows": 3}


def test_what_a_call_or_a_tool_holds_that_nothing_reads_is_noted(tmp_path: Path) -> None:
    call = {**CALL, "result": "18", "index": 0}
    tool = {"name": "weather", "strict": True, "response": {"type": "object"}}
    turns = [ASKED, {"role": "assistant", "content": "", "tool_calls": [call]}]
    _, notes = read(tmp_path / "set.jsonl", {"messages": turns, "tools": [tool]})
    assert set(notes) == {
        "a call holds `result`, which no reader knows",
        "a tool holds `response`, which no reader knows",
    }


def calling(name: str, **arguments: Any) -> dict[str, Any]:
    call = {"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}}
    return {"role": "assistant", "content": "", "tool_calls": [call]}


def tool(name: str, **properties: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


TEXT = {"type": "string"}


def test_nulls_that_arrow_made_are_taken_out_where_the_schema_tells(tmp_path: Path) -> None:
    rows = [
        {"messages": [ASKED, calling("weather", city="Paris")], "tools": [tool("weather", city=TEXT)]},
        {"messages": [ASKED, calling("read", path="a")], "tools": [tool("read", path=TEXT)]},
    ]
    examples, notes = read(tmp_path / "set.parquet", *rows)
    assert [each.messages[1].tool_calls[0].arguments for each in examples] == [
        {"city": "Paris"},
        {"path": "a"},
    ]
    assert [each.tools[0].parameters["properties"] for each in examples] == [{"city": TEXT}, {"path": TEXT}]
    assert notes == {TAKEN_OUT: 2}


def test_nulls_that_may_be_meant_stay_and_are_noted(tmp_path: Path) -> None:
    rows = [{"messages": [ASKED, calling(name, **{name: "a"})]} for name in ("weather", "read")]
    examples, notes = read(tmp_path / "set.parquet", *rows)
    assert examples[0].messages[1].tool_calls[0].arguments == {"weather": "a", "read": None}
    assert notes == {UNSURE: 2}


NULLS: list[tuple[dict[str, Any], dict[str, Any], set[str]]] = [
    ({"type": ["string", "null"]}, {"x": None}, set()),
    ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"x": None}, set()),
    ({"type": "string", "nullable": True}, {"x": None}, set()),
    ({"enum": ["a", None]}, {"x": None}, set()),
    ({"enum": ["a"]}, {}, {TAKEN_OUT}),
    ({"anyOf": [{"type": "string"}]}, {}, {TAKEN_OUT}),
    ({"description": "anything"}, {"x": None}, {UNSURE}),
    ({"type": "string"}, {}, {TAKEN_OUT}),
]


@pytest.mark.parametrize(("schema", "arguments", "noted"), NULLS)
def test_a_null_is_padding_where_the_schema_rules_it_out(
    schema: dict[str, Any], arguments: dict[str, Any], noted: set[str], tmp_path: Path
) -> None:
    row = {"messages": [ASKED, calling("f", x=None)], "tools": json.dumps([tool("f", x=schema)])}
    ((example,), notes) = read(tmp_path / "set.jsonl", row)
    assert example.messages[1].tool_calls[0].arguments == arguments
    assert set(notes) == noted


def test_nulls_inside_objects_and_lists_go_by_the_schema_inside(tmp_path: Path) -> None:
    item = {"type": "object", "properties": {"a": TEXT}}
    schema = tool("f", list={"type": "array", "items": item}, object=item)
    arguments = {"list": [{"a": "x", "b": None}], "object": {"a": None}}
    ((example,), _) = read(
        tmp_path / "set.jsonl", {"messages": [calling("f", **arguments)], "tools": [schema]}
    )
    assert example.messages[0].tool_calls[0].arguments == {"list": [{"a": "x"}], "object": {}}


def test_arguments_as_text_and_defaults_of_null_are_meant(tmp_path: Path) -> None:
    call = {"function": {"name": "f", "arguments": '{"x": null}'}}
    default = {"type": "string", "default": None}
    row = {"messages": [{"role": "assistant", "tool_calls": [call]}], "tools": [tool("f", x=default)]}
    ((example,), notes) = read(tmp_path / "set.jsonl", row)
    assert example.messages[0].tool_calls[0].arguments == {"x": None}
    assert example.tools[0].parameters["properties"] == {"x": default}
    assert notes == {}


@pytest.mark.parametrize("name", ["openai", "example"])
def test_a_padded_row_is_written_without_padding_in_another_form(name: str, tmp_path: Path) -> None:
    rows = [
        {"messages": [ASKED, calling(name, **{name: "a"})], "tools": [tool(name, **{name: TEXT})]}
        for name in ("weather", "read")
    ]
    examples, _ = read(tmp_path / "set.parquet", *rows)
    write_examples(tmp_path / "out.parquet", examples, name)
    again, notes = read(tmp_path / "set.jsonl", *rows)
    found = list(read_examples(tmp_path / "out.parquet"))
    assert [each.messages for each in found] == [each.messages for each in again]
    assert notes == {}
