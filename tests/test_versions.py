"""Files of version 1 are read as what they meant; newer ones, and what is no row at all, are rejected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from trajectune.storage import Rejected, read_records
from trajectune.trajectory import (
    SCHEMA_VERSION,
    Action,
    Demonstration,
    Fault,
    Outcome,
    Reply,
    Step,
    ToolCall,
    Trajectory,
)

SQL = ToolCall(name="sql", arguments={"query": "SELECT 1"})
CALL = {"name": "sql", "arguments": {"query": "SELECT 1"}}
ROW: dict[str, Any] = {
    "schema_version": 1,
    "id": "database/t/7",
    "environment": "database",
    "task": "t",
    "kind": "select",
    "split": "train",
    "seed": 7,
    "attempt": 0,
    "agent": "tiny",
    "dialect": "react",
    "instruction": "Rules.",
    "tools": [{"name": "sql", "description": "Run.", "parameters": {}}],
    "demonstration": [],
    "observation": "How many?",
    "steps": [],
    "reward": 1.0,
    "outcome": "completed",
    "error": "",
    "usage": {"prompt_tokens": 3, "generated_tokens": 2, "seconds": 0.5},
    "metadata": {"seconds": 1.5},
}
"""A row as version 1 stored it."""


def step(**fields: Any) -> dict[str, Any]:
    """A step as version 1 stored it."""
    empty = {"thought": "", "call": None, "observation": "", "reply": None, "fault": None, "trained": True}
    return {**empty, **fields}


def read(**fields: Any) -> Trajectory:
    return Trajectory.model_validate_json(json.dumps({**ROW, **fields}))


def test_the_fields_around_the_steps_stay() -> None:
    row = read()
    assert (row.schema_version, row.template, row.demonstration, row.steps) == (2, "", None, [])
    assert (row.id, row.kind, row.seed, row.outcome) == ("database/t/7", "select", 7, Outcome.COMPLETED)
    assert (row.usage.seconds, row.metadata, row.tools[0].name) == (0.5, {"seconds": 1.5}, "sql")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            step(thought="I count.", call=CALL, observation="[(1,)]"),
            Step(thought="I count.", actions=[Action(call=SQL, observation="[(1,)]")]),
        ),
        (
            step(call=CALL, observation="no", fault="bad_arguments", reply="Action: …", trained=False),
            Step(
                actions=[Action(call=SQL, observation="no", fault=Fault.BAD_ARGUMENTS)],
                replies=[Reply(text="Action: …")],
                trained=False,
            ),
        ),
        (
            step(thought="Hm?", observation="No action.", fault="bad_format", reply="Hm?"),
            Step(
                thought="Hm?",
                observation="No action.",
                fault=Fault.BAD_FORMAT,
                replies=[Reply(text="Hm?")],
            ),
        ),
        ({"call": CALL}, Step(actions=[Action(call=SQL)])),
    ],
)
def test_a_step_of_version_1(old: dict[str, Any], new: Step) -> None:
    assert read(steps=[old]).steps == [new]


def test_both_forms_of_a_demonstration() -> None:
    shown = Step(actions=[Action(call=SQL, observation="[(7,)]")])
    moves = [step(call=CALL, observation="[(7,)]")]
    with_problem = read(demonstration=[step(observation="How many cats?"), *moves])
    assert with_problem.demonstration == Demonstration(observation="How many cats?", steps=[shown])
    assert read(demonstration=moves).demonstration == Demonstration(observation="", steps=[shown])


def test_what_was_read_is_written_as_the_present_version() -> None:
    row = read(steps=[step(call=CALL, reply="x")])
    assert json.loads(row.model_dump_json())["schema_version"] == SCHEMA_VERSION
    assert Trajectory.model_validate_json(row.model_dump_json()) == row


@pytest.mark.parametrize(
    "fields",
    [
        {"steps": [7]},
        {"steps": 7},
        {"steps": {"call": CALL}},
        {"steps": [step(call=7)]},
        {"steps": [step(reply=7)]},
        {"demonstration": [7]},
        {"demonstration": 7},
        {"reward": None},
    ],
)
def test_broken_rows_of_version_1_are_rejected_and_break_nothing(
    tmp_path: Path, fields: dict[str, Any]
) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(f"{json.dumps({**ROW, **fields})}\n{json.dumps(ROW)}\n", encoding="utf-8")
    rejected: list[Rejected] = []
    assert [row.id for row in read_records(path, Trajectory, rejected)] == ["database/t/7"]
    assert [row.line for row in rejected] == [1]


@pytest.mark.parametrize("version", [SCHEMA_VERSION + 1, 99])
def test_newer_versions_are_refused(version: int) -> None:
    with pytest.raises(ValidationError, match="upgrade trajectune"):
        read(schema_version=version, demonstration=None)
