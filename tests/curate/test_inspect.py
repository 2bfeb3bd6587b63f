"""Facts about a file: every row counted once, in one pass."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trajectune.curate.inspect import (
    ExampleFacts,
    Rejections,
    Size,
    TrajectoryFacts,
    example_faults,
    inspect_file,
)
from trajectune.errors import DataError
from trajectune.example import Example, Message
from trajectune.storage import Rejected
from trajectune.trajectory import Action, Fault, Outcome, Reply, Step, ToolCall, Trajectory, Usage


def write(path: Path, *rows: Any) -> Path:
    lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def chat(*turns: tuple[str, str], **fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": content} for role, content in turns], **fields}


def test_examples_are_counted(tmp_path: Path) -> None:
    call = {"function": {"name": "look", "arguments": "{}"}}
    calling = {"role": "assistant", "content": "", "tool_calls": [call, call]}
    rows = [
        chat(("user", "four"), ("assistant", "sixsix"), source="a"),
        {"messages": [{"role": "user", "content": "go"}, calling], "source": "b"},
        {"messages": 5},
        "{torn",
    ]
    found = inspect_file(write(tmp_path / "set.jsonl", *rows), count=len, samples=1)
    facts = found.facts
    assert isinstance(facts, ExampleFacts)
    assert (dict(facts.formats), facts.rows, found.rejections.count) == ({"openai": 2}, 2, 2)
    assert (facts.messages, facts.turns) == (Size(4, 2), Size(2, 1))
    assert (facts.characters, facts.trained_characters) == (Size(12, 10), 6)
    assert (facts.tokens, facts.trained_tokens) == (Size(12, 10), 6)
    assert (dict(facts.sources), facts.tool_calls) == ({"a": 1, "b": 1}, 2)
    assert [(each.line, each.asked, each.answered) for each in facts.samples] == [(1, "four", "sixsix")]


def test_a_reply_of_calls_alone_is_shown_by_their_names(tmp_path: Path) -> None:
    call = {"function": {"name": "look", "arguments": "{}"}}
    row = {"messages": [{"role": "assistant", "content": "", "tool_calls": [call]}]}
    facts = inspect_file(write(tmp_path / "set.jsonl", row)).facts
    assert isinstance(facts, ExampleFacts)
    assert facts.samples[0].answered == "calls look"
    assert facts.tokens is None


def test_trajectories_are_counted(tmp_path: Path) -> None:
    place: dict[str, Any] = {"environment": "db", "task": "t", "instruction": "", "agent": "m"}
    place["observation"] = "o"
    wrong = Action(call=ToolCall(name="f"), fault=Fault.BAD_ARGUMENTS)
    steps = [Step(actions=[wrong], replies=[Reply(text="f()")]), Step(fault=Fault.BAD_FORMAT, thought="hm")]
    usage = Usage(generated_tokens=7)
    rows = [
        Trajectory(id="1", **place, steps=steps, reward=0.5, outcome=Outcome.STEP_LIMIT, usage=usage),
        Trajectory(id="2", **place, steps=steps[:1], reward=1.0, outcome=Outcome.COMPLETED),
        Trajectory(id="3", **place, outcome=Outcome.AGENT_ERROR),
    ]
    path = write(tmp_path / "t.jsonl", *(row.model_dump_json() for row in rows), {"id": "4"})
    found = inspect_file(path)
    facts = found.facts
    assert isinstance(facts, TrajectoryFacts)
    assert (facts.rows, found.rejections.count, facts.steps) == (3, 1, Size(3, 2))
    assert (facts.rewarded, facts.reward, facts.solved, facts.generated_tokens) == (2, 1.5, 1, 7)
    assert dict(facts.faults) == {"bad_arguments": 2, "bad_format": 1}
    assert dict(facts.outcomes) == {Outcome.STEP_LIMIT: 1, Outcome.COMPLETED: 1, Outcome.AGENT_ERROR: 1}
    assert [each.answered for each in facts.samples] == ["hm", "f()", ""]


USER, REPLY = Message(role="user", content="q"), Message(role="assistant", content="a", trained=True)


@pytest.mark.parametrize(
    ("messages", "faults"),
    [
        ([USER, REPLY], []),
        ([USER], ["no trained reply", "does not end with a reply"]),
        ([USER, USER, REPLY], ["two roles in a row"]),
        ([REPLY], ["does not begin with the user"]),
        ([USER, Message(role="assistant", content=" ", trained=True)], ["an empty trained reply"]),
        ([USER, REPLY, *[Message(role="tool", content="t")] * 2, REPLY], []),
        ([Message(role="system", content="s"), USER, REPLY], []),
        ([], ["no trained reply"]),
    ],
)
def test_what_is_odd_about_an_example(messages: list[Message], faults: list[str]) -> None:
    assert example_faults(Example(id="a", messages=messages)) == faults


def test_a_file_without_a_readable_row(tmp_path: Path) -> None:
    found = inspect_file(write(tmp_path / "set.jsonl", "{", "3"))
    assert (found.facts, found.rejections.count) == (None, 2)
    with pytest.raises(DataError, match="no known format"):
        inspect_file(write(tmp_path / "set.jsonl", {"colour": "red"}))


def test_many_rejected_rows_are_counted_and_the_first_kept() -> None:
    sink = Rejections(keep=2)
    for line in range(5):
        sink.append(Rejected(line, "no"))
    assert (sink.count, [row.line for row in sink.first]) == (5, [0, 1])
