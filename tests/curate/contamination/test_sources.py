"""Which texts of files, tables and environments count, and what becomes of rows that have none."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from curate.steps.rows import example, trajectory
from trajectune.curate.contamination.sources import (
    Source,
    evaluation_file,
    evaluation_tasks,
    training_examples,
    training_file,
)
from trajectune.environments.registry import load_environment
from trajectune.errors import DataError
from trajectune.example import Example, Message
from trajectune.trajectory import ToolCall


def jsonl(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def asked(source: Source) -> list[tuple[str, ...]]:
    return [row.texts for row in source]


@pytest.mark.parametrize(
    ("row", "texts"),
    [
        ({"question": "How many?", "answer": "4"}, ("How many?",)),
        ({"question_id": 81, "turns": ["First.", "Then."]}, ("First.", "Then.")),
        ({"task_id": "HumanEval/0", "prompt": "def f():", "canonical_solution": "…"}, ("def f():",)),
        ({"description": "Find it.", "start": "python3", "labels": ["file"]}, ("Find it.",)),
        ({"instruction": "Sum up.", "input": "A text.", "output": "So."}, ("Sum up.", "A text.")),
        ({"question": ["a", 1], "query": "q"}, ("q",)),
        ({"messages": [{"role": "system", "content": "Rules."}, {"role": "user", "content": "Q"}]}, ("Q",)),
        (trajectory("t", 1, 1.0, 3).model_dump(mode="json") | {"observation": "You see."}, ("You see.",)),
    ],
)
def test_what_is_asked_counts(tmp_path: Path, row: dict[str, Any], texts: tuple[str, ...]) -> None:
    assert asked(evaluation_file(jsonl(tmp_path / "q.jsonl", row))) == [texts]


def test_the_users_words_count_of_a_conversation(tmp_path: Path) -> None:
    said = [("system", "Rules."), ("user", "One?"), ("assistant", "1"), ("user", "Two?")]
    rows = {"messages": [{"role": role, "content": text} for role, text in said]}
    assert asked(evaluation_file(jsonl(tmp_path / "q.jsonl", rows))) == [("One?", "Two?")]


def test_fields_that_are_named_count_alone(tmp_path: Path) -> None:
    row = {"question": "Q", "answers": {"gold": ["x", "y"]}, "level": 3}
    path = jsonl(tmp_path / "q.jsonl", row, {"question": "no gold"})
    source = evaluation_file(path, ["answers.gold", "question"])
    assert asked(source) == [("x", "y", "Q")]
    assert [(bad.line, bad.reason) for bad in source.rejected] == [
        (2, "answers.gold: no such field; the row has question")
    ]


def test_a_row_without_a_question_is_rejected_with_its_place(tmp_path: Path) -> None:
    source = evaluation_file(jsonl(tmp_path / "q.jsonl", {"question": "Q"}, {"label": "x"}))
    assert [row.place for row in source] == ["line 1"]
    assert [(bad.line, bad.reason) for bad in source.rejected] == [
        (2, "no question: the row has the fields label; name those that count")
    ]
    assert len(list(source)) == len(source.rejected) == 1  # read again, not added to


def test_tables_with_and_without_a_heading(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('input,target\n"Is it, or not?",Yes\n')
    (tmp_path / "b.csv").write_text('"How, then?",so,or so,A\n\nWhy?,x,y,B\n')
    (tmp_path / "c.tsv").write_text("q one\tanswer\n")
    (tmp_path / "d.txt").write_text("a whole line\tstays\n\nsecond\n")
    (tmp_path / "e.csv").write_text("")
    assert asked(evaluation_file(tmp_path / "a.csv")) == [("Is it, or not?",)]
    assert asked(evaluation_file(tmp_path / "b.csv")) == [("How, then?", "so", "or so"), ("Why?", "x", "y")]
    assert asked(evaluation_file(tmp_path / "c.tsv")) == [("q one",)]
    assert asked(evaluation_file(tmp_path / "d.txt")) == [("a whole line\tstays",), ("second",)]
    assert asked(evaluation_file(tmp_path / "e.csv")) == []
    assert asked(evaluation_file(tmp_path / "a.csv", ["target"])) == [("Yes",)]


def test_an_archive_of_tables_is_read_file_by_file(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "sets.zip", "w") as archive:
        archive.writestr("dev/b.csv", "Why?,x,A\n")
        archive.writestr("dev/a.csv", "How?,y,B\n")
        archive.writestr("readme.md", "no table")
    rows = list(evaluation_file(tmp_path / "sets.zip"))
    assert [(row.place, row.texts) for row in rows] == [
        ("dev/a.csv line 1", ("How?", "y")),
        ("dev/b.csv line 1", ("Why?", "x")),
    ]


def test_archives_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    (tmp_path / "torn.zip").write_bytes(b"PK\x03\x04 and no more")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as archive:
        archive.writestr("readme.md", "no table")
    for name, said in (("torn", "cannot be read"), ("empty", "holds no table"), ("none", "does not exist")):
        with pytest.raises(DataError, match=said):
            list(evaluation_file(tmp_path / f"{name}.zip"))


def test_of_a_training_row_everything_counts_but_names_and_copies(tmp_path: Path) -> None:
    row = {
        "id": "1",
        "conversations": [{"from": "human", "value": "Q", "loss": None}, {"from": "gpt", "value": "A"}],
        "metadata": {"gold": "hidden"},
        "spans": [{"text": "A"}],
        "n": 3,
    }
    path = jsonl(tmp_path / "t.jsonl", row)
    path.write_text(path.read_text() + "no JSON\n")
    source = training_file(path)
    assert [(row.place, row.texts) for row in source] == [("line 1", ("human", "Q", "gpt", "A"))]
    assert [bad.line for bad in source.rejected] == [2]


def test_of_an_example_its_words_reasoning_and_calls_count() -> None:
    call = ToolCall(name="sql", arguments={"query": "SELECT 1", "n": 2})
    reply = Message(role="assistant", content="I look.", reasoning="Hm.", tool_calls=[call])
    made = Example(id="e", messages=[Message(role="user", content="Q"), reply])
    assert asked(training_examples([made, example(2, "x")])) == [
        ("Q", "I look.", "Hm.", "SELECT 1"),
        ("?", "x"),
    ]


def test_the_problems_of_an_environment_are_its_first_observations() -> None:
    environment = load_environment("database", {"train": 1, "test": 3})
    source = evaluation_tasks(environment, "test")
    tasks = environment.tasks("test")
    assert source.name == "database test"
    assert [row.place for row in source] == [task.id for task in tasks]
    opened = environment.open(tasks[0])
    assert asked(source)[0] == (opened.observation,)
    opened.close()
