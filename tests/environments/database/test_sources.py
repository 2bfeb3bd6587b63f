"""Tasks from files: AgentBench's dbbench, SQLite files, dumps, and what is wrong with them."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from trajectune.environments.check import check_environment
from trajectune.environments.contract import Split
from trajectune.environments.database import DatabaseEnvironment
from trajectune.environments.database.engine import sandbox
from trajectune.environments.play import start
from trajectune.errors import DataError, RecipeError
from trajectune.trajectory import ToolCall

ROW = {
    "description": "what is the score of ann?",
    "label": ["7"],
    "table": {
        "table_name": "Final Scores",
        "table_info": {
            "columns": [
                {"name": "Name", "type": "TEXT"},
                {"name": "Score", "type": "INT"},
                {"name": "Score", "type": "TEXT"},
                {"name": "", "type": "TEXT"},
            ],
            "rows": [["Ann", "7", "x"], ["Bob", "8", "y", "z", "too many"]],
        },
    },
    "type": ["other"],
    "add_description": "The name of this table is Final Scores, and the headers are Name,Score,Score,.",
    "sql": {"query": "SELECT Score FROM `Final Scores` WHERE Name = 'Ann'"},
}
CHANGE = ROW | {
    "description": "Add Cy.",
    "type": ["INSERT"],
    "label": ["INSERT INTO `Final Scores` (Name, Score) VALUES ('Cy', '5')"],
    "sql": None,
}


def jsonl(path: Path, *rows: object) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def solved(environment: DatabaseEnvironment, split: Split = "test", every: int = 1) -> tuple[int, int, int]:
    """(tasks, tasks with an expert, rewards that experts earn), of `every` so many tasks."""
    tasks = environment.tasks(split)[::every]
    plays = [play for task in tasks if (play := start(environment, task, 0))]
    for play in plays:
        while play.advance() is not None:
            pass
    return len(tasks), len(plays), sum(play.last is not None and play.last.reward == 1 for play in plays)


def test_dbbench_rows(tmp_path: Path):
    file = jsonl(tmp_path / "dev.jsonl", ROW, CHANGE, "not json", {"type": ["other"]})
    environment = DatabaseEnvironment("dbbench", path=file)
    assert "SQLite instead of MySQL" in environment.note
    assert "not AgentBench's tasks" in DatabaseEnvironment().note
    assert solved(environment) == (2, 2, 2)
    assert [task.kind for task in environment.tasks("test")] == ["select", "insert"]
    assert environment.tasks("train") == []
    assert [row.line for row in environment.rejected] == [3, 4]
    episode = environment.open(environment.tasks("test")[0])
    assert episode.observation == f"{ROW['description']}\n{ROW['add_description']}"
    seen = episode.step(ToolCall(name="sql", arguments={"query": "SELECT * FROM `final scores`"}))
    assert seen.observation == "[('Ann', 7, 'x', None), ('Bob', 8, 'y', 'z')]"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"type": ["UPDATE"], "label": ["UPDATE `Final Scores` SET Score = 7 WHERE Name = 'Ann'"]}, "no"),
        ({"type": ["DELETE"], "label": ["DELETE FROM `Final Scores` WHERE Name = 'Nobody'"]}, "no"),
        ({"type": ["INSERT"], "label": ["INSERT INTO `No Such Table` VALUES (1)"]}, "no"),
        ({"label": []}, "answer"),
    ],
)
def test_a_task_that_pays_for_nothing_is_rejected(tmp_path: Path, fields: dict, reason: str):
    file = jsonl(tmp_path / "dev.jsonl", ROW, ROW | {"sql": None} | fields)
    environment = DatabaseEnvironment("dbbench", path=file)
    assert len(environment.tasks("test")) == 1
    (rejected,) = environment.rejected
    assert rejected.line == 2
    words = {"no": "doing nothing would be right", "answer": "the question has no answer"}
    assert words[reason] in rejected.reason


def table(*rows: list | str, columns: tuple[str, ...] = ("a",), name: str = "t") -> dict:
    """A row of a dbbench file with this table."""
    info = {"columns": [{"name": column, "type": "TEXT"} for column in columns], "rows": list(rows)}
    return ROW | {"table": {"table_name": name, "table_info": info}}


@pytest.mark.parametrize(
    "row",
    [
        table([2**63]),
        table([-(10**30)]),
        table(["\ud800"]),
        table([float("nan")]),
        table([["nested"]]),
        table([{"a": 1}]),
        table(columns=("a\0b",)),
        table(columns=()),
        table(name="sqlite_x"),
        table(*"text"),
        ROW | {"label": "7"},
        ROW | {"label": None},
        ROW | {"sql": "SELECT 1"},
        ROW | {"type": []},
        ROW | {"table": None},
        [],
        7,
    ],
)
def test_a_row_that_no_database_holds_is_rejected(tmp_path: Path, row: object):
    file = jsonl(tmp_path / "dev.jsonl", ROW, row)
    environment = DatabaseEnvironment("dbbench", path=file)
    assert len(environment.tasks("test")) == 1
    assert [row.line for row in environment.rejected] == [2]


@pytest.mark.parametrize("cell", [2**63 - 1, -(2**63), 1e308, "a\0b", "é" * 1000, None, True, ""])
def test_a_cell_that_a_database_holds_is_played(tmp_path: Path, cell: object):
    environment = DatabaseEnvironment("dbbench", path=jsonl(tmp_path / "dev.jsonl", table([cell])))
    (task,) = environment.tasks("test")
    episode = environment.open(task)
    seen = episode.step(ToolCall(name="sql", arguments={"query": "SELECT count(*), length(a) FROM t"}))
    assert seen.fault is None
    assert episode.step(ToolCall(name="sql", arguments={"query": "SELECT a FROM t"})).fault is None
    episode.close()


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_a_statement_needs_a_time_that_can_be_kept(seconds: float):
    with pytest.raises(RecipeError, match="seconds"):
        DatabaseEnvironment(seconds=seconds)


def test_a_file_without_tasks_is_an_error(tmp_path: Path):
    with pytest.raises(DataError, match="No dbbench task"):
        DatabaseEnvironment("dbbench", path=jsonl(tmp_path / "dev.jsonl", {}))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    file = tmp_path / "shop.sqlite"
    connection = sqlite3.connect(file)
    connection.executescript(
        "CREATE TABLE items (name TEXT, price REAL); INSERT INTO items VALUES ('nut', 0.5), ('bolt', 2);"
    )
    connection.close()
    return file


def questions(tmp_path: Path, *rows: dict) -> Path:
    file = tmp_path / "questions.json"
    file.write_text(json.dumps(rows))
    return file


def test_questions_over_a_sqlite_file(shop: Path, tmp_path: Path):
    file = questions(
        tmp_path,
        {
            "question": "Cheap things?",
            "SQL": "SELECT name FROM items WHERE price < 1",
            "evidence": "cheap is < 1",
        },
        {"query": "How many?", "gold": "SELECT count(*) FROM items", "db": "shop"},
        {"question": "Drop nuts.", "query": "DELETE FROM items WHERE name = 'nut'", "db_id": "shop"},
        {"question": "Broken?", "SQL": "SELECT nothing FROM nowhere"},
        {"question": "No statement?"},
    )
    before = shop.read_bytes()
    environment = DatabaseEnvironment("sqlite", path=shop, questions=file, split="train")
    assert solved(environment, "train") == (3, 3, 3)
    assert [row.line for row in environment.rejected] == [4, 5]
    assert [task.kind for task in environment.tasks("train")] == ["select", "select", "delete"]
    assert "cheap is < 1" in environment.open(environment.tasks("train")[0]).observation
    assert shop.read_bytes() == before


@pytest.mark.parametrize(
    "row",
    ["text", 7, None, [], {"question": "?", "SQL": ""}, {"question": "?", "SQL": None}, {"question": 1}],
)
def test_a_question_of_another_shape_is_rejected(shop: Path, tmp_path: Path, row: object):
    good = {"question": "How many?", "SQL": "SELECT count(*) FROM items"}
    file = tmp_path / "questions.json"
    file.write_text(json.dumps([row, good]))
    environment = DatabaseEnvironment("sqlite", path=shop, questions=file)
    assert len(environment.tasks("test")) == 1
    assert [row.line for row in environment.rejected] == [1]


def test_a_gold_statement_beyond_its_limits_is_rejected(shop: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(sandbox, "TRUSTED", 0.1)
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
    wide = f"SELECT {','.join(['c'] * 1990)} FROM (SELECT zeroblob(99999) c LIMIT 1)"
    good = {"question": "How many?", "SQL": "SELECT count(*) FROM items"}
    rows = [good, *({"question": "?", "SQL": sql} for sql in (endless, wide))]
    environment = DatabaseEnvironment("sqlite", path=shop, questions=questions(tmp_path, *rows))
    assert [row.line for row in environment.rejected] == [2, 3]
    assert "stopped after" in environment.rejected[0].reason


def test_what_a_dump_holds_and_was_not_read_is_counted(tmp_path: Path):
    dump = tmp_path / "dump.sql"
    dump.write_text("USE d; CREATE TABLE t (a int);\nINSERT INTO t VALUES (1);\nINSERT INTO t VALUES ((((;")
    file = questions(tmp_path, {"question": "?", "SQL": "SELECT a FROM t", "db_id": "d"})
    environment = DatabaseEnvironment("sqlite", path=dump, questions=file)
    assert len(environment.tasks("test")) == 1
    (rejected,) = environment.rejected
    assert rejected.line == 3
    assert "dump.sql, line 3" in rejected.reason


@pytest.mark.parametrize("live", [False, True])
def test_a_database_with_a_write_ahead_log_is_read_whole(tmp_path: Path, live: bool):
    connection = sqlite3.connect(tmp_path / "log.sqlite")
    connection.execute("PRAGMA journal_mode=wal")
    connection.execute("CREATE TABLE t (a)")
    connection.execute("INSERT INTO t VALUES (7)")
    connection.commit()
    if not live:
        connection.close()
    file = questions(tmp_path, {"question": "?", "SQL": "SELECT a FROM t"})
    environment = DatabaseEnvironment("sqlite", path=tmp_path / "log.sqlite", questions=file)
    assert environment.rejected == []
    assert environment.source.problem(environment.tasks("test")[0]).answers == ["7"]
    connection.close()


@pytest.mark.parametrize("name", ["missing.sqlite", "text.sqlite"])
def test_what_is_no_database_is_an_error(tmp_path: Path, name: str):
    (tmp_path / "text.sqlite").write_text("no database at all, and long enough to look at" * 50)
    file = questions(tmp_path, {"question": "?", "SQL": "SELECT 1"})
    with pytest.raises(DataError):
        DatabaseEnvironment("sqlite", path=tmp_path / name, questions=file)


def test_a_folder_of_databases(shop: Path, tmp_path: Path):
    for name in ("a", "b"):
        (tmp_path / "all" / name).mkdir(parents=True)
        (tmp_path / "all" / name / f"{name}.sqlite").write_bytes(shop.read_bytes())
    file = questions(
        tmp_path,
        {"question": "?", "SQL": "SELECT name FROM items", "db_id": "b"},
        {"question": "?", "SQL": "SELECT name FROM items", "db_id": "nowhere"},
    )
    environment = DatabaseEnvironment("sqlite", path=tmp_path / "all", questions=file)
    assert solved(environment) == (1, 1, 1)
    assert len(environment.rejected) == 1


def test_real_dbbench(shared_data: Path):
    environment = DatabaseEnvironment("dbbench", path=shared_data / "agentbench" / "dbbench" / "dev.jsonl")
    tasks, experts, rewards = solved(environment)
    assert (tasks, len(environment.rejected)) == (60, 0)
    assert experts == rewards >= 44  # most gold queries of the 20 questions are not valid SQL
    assert not [f for f in check_environment(environment) if f.severity == "error"]
    labels = [environment.source.problem(task).answers for task in environment.tasks("test")]
    right = [
        environment.open(task).step(ToolCall(name="answer", arguments={"values": list(label)})).reward
        for task, label in zip(environment.tasks("test"), labels, strict=True)
        if label is not None
    ]
    assert right == [1.0] * 20


def test_real_bird(shared_data: Path):
    bird = shared_data / "bird"
    environment = DatabaseEnvironment(
        "sqlite", path=bird / "superhero.sqlite", questions=bird / "superhero_questions.json"
    )
    tasks, experts, rewards = solved(environment)
    assert len(environment.rejected) == 0
    assert experts == rewards
    assert experts / tasks > 0.9


def test_real_spider_dump(shared_data: Path):
    intercode = shared_data / "intercode"
    environment = DatabaseEnvironment(
        "sqlite", path=intercode / "spider_dbs.mysql.sql", questions=intercode / "spider_dev.json"
    )
    assert (len(environment.tasks("test")), len(environment.rejected)) == (1034, 0)
    tasks, experts, rewards = solved(environment, every=10)
    assert experts == rewards
    assert experts / tasks > 0.95
