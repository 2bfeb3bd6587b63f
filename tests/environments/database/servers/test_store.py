"""An episode on a server: the observations and the scores of the one on SQLite."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.databases import opened
from trajectune.environments.check import check_environment
from trajectune.environments.database import DatabaseEnvironment
from trajectune.environments.database.engine.problem import Problem
from trajectune.environments.database.engine.tables import Column, Table
from trajectune.environments.database.episode import DatabaseEpisode
from trajectune.environments.database.servers.server import Server
from trajectune.environments.database.servers.store import ServerStore
from trajectune.environments.play import start
from trajectune.errors import EpisodeError
from trajectune.trajectory import Fault, ToolCall

ROWS = [["Rex", 3, 1.5], ["Ada", 9, None], ['O\'Neil % "x"', None, 7.0]]
TABLE = Table("My Pets", [Column("Name"), Column("age", "INT"), Column("% of (x)", "FLOAT")], ROWS)
CHANGE = Problem("?", "update", "UPDATE `My Pets` SET `age` = 4 WHERE `Name` = 'Rex'", None, [TABLE])


def sql(query: str) -> ToolCall:
    return ToolCall(name="sql", arguments={"query": query})


ANSWER = ToolCall(name="answer", arguments={"values": ["done"]})


@pytest.fixture
def episode(server: Server) -> Iterator[DatabaseEpisode]:
    episode = DatabaseEpisode(CHANGE, ServerStore(server, CHANGE, 2))
    yield episode
    episode.close()


SAME = [
    "SELECT * FROM `My Pets` ORDER BY `age` IS NULL, `age`",
    "SELECT `name` FROM `My Pets` WHERE `NAME` = 'REX'",
    "SELECT `name` FROM `My Pets` WHERE `name` LIKE 'r%'",
    "SELECT `% of (x)` FROM `My Pets` WHERE `age` = 3",
    "SELECT COUNT(*), MAX(`age`) FROM `My Pets`",
    "SELECT `Name` FROM `My Pets` WHERE `Name` LIKE '%\"x\"'",
    "UPDATE `My Pets` SET `age` = 5",
    "SELECT `Name` FROM `My Pets` WHERE `age` > 100",
    "SHOW TABLES",
]


@pytest.mark.parametrize("query", SAME)
def test_the_observation_is_that_of_sqlite(episode: DatabaseEpisode, query: str):
    here, there = episode.step(sql(query)), opened(CHANGE).step(sql(query))
    assert (here.observation, here.fault) == (there.observation, there.fault)


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (["UPDATE `My Pets` SET `age` = 4 WHERE `Name` = 'Rex'"], 1),
        (["UPDATE `My Pets` SET `age` = `age` + 1 WHERE `age` = 3"], 1),
        (["DELETE FROM `My Pets` WHERE `Name` = 'Rex'", "INSERT INTO `My Pets` VALUES ('Rex', 4, 1.5)"], 1),
        (["UPDATE `My Pets` SET `age` = 4"], 0),
        (["SELECT 1"], 0),
        (["DELETE FROM `My Pets`"], 0),
    ],
)
def test_a_change_is_judged_by_the_rows_it_leaves(
    episode: DatabaseEpisode, statements: list[str], expected: int
):
    for statement in statements:
        assert episode.step(sql(statement)).fault is None
    result = episode.step(ANSWER)
    assert (result.done, result.reward) == (True, expected)
    assert episode.step(sql("SELECT 1")) == result


def test_faults_and_repetitions(episode: DatabaseEpisode):
    look, grow = (
        sql("SELECT `age` FROM `My Pets` WHERE `Name` = 'Rex'"),
        sql("UPDATE `My Pets` SET `age` = `age` + 1"),
    )
    assert episode.step(sql("SELECT nothing FROM `My Pets`")).fault == Fault.BAD_ARGUMENTS
    assert episode.step(look).fault is None
    assert episode.step(look).fault == Fault.REPETITION
    assert episode.step(grow).fault is None
    assert (seen := episode.step(look)).fault is None
    assert seen.observation == "[(4,)]"
    assert episode.step(sql("SELECT '" + "x" * 20_000 + "'")).fault == Fault.BAD_ARGUMENTS


def test_a_gold_statement_that_fails_is_broken_infrastructure(server: Server):
    problem = Problem("?", "update", "UPDATE nowhere SET x = 1", None, [TABLE])
    episode = DatabaseEpisode(problem, ServerStore(server, problem, 2))
    with pytest.raises(EpisodeError, match="nowhere"):
        episode.step(ANSWER)
    episode.close()


def test_the_environment_keeps_the_contract(server_from: str):
    environment = DatabaseEnvironment(server_from=server_from, train=12, dev=1, test=1)
    assert check_environment(environment, tasks_per_split=1) == []


def test_the_expert_earns_every_kind_of_task(server_from: str):
    environment = DatabaseEnvironment(server_from=server_from, test=12)
    for task in environment.tasks("test"):
        play = start(environment, task, 0)
        assert play is not None
        while play.advance() is not None:
            pass
        assert play.last is not None
        assert play.last.reward == 1, task.kind
        play.episode.close()


cells = st.one_of(st.none(), st.text("abAB 7.%'`,\\", max_size=4), st.integers(-9, 9))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=4))
def test_rows_arrive_as_they_are(mariadb_server: Server, rows: list[tuple[object, object]]):
    table = Table(
        "t", [Column("a"), Column("b")], [[None if c is None else str(c) for c in row] for row in rows]
    )
    problem = Problem("?", "delete", "DELETE FROM t", None, [table])
    store = ServerStore(mariadb_server, problem, 2)
    assert sorted(eval(store.run("SELECT * FROM t").text), key=repr) == sorted(
        (tuple(row) for row in table.rows), key=repr
    )
    store.close()


ROW = {
    "description": "Add Cy.",
    "evidence": "Cy is a cat.",
    "type": ["INSERT"],
    "answer_md5": "",
    "sql": {"query": "INSERT INTO `pets` (`name`) VALUES ('Cy')"},
    "table": [
        {
            "table_name": "pets",
            "table_info": {"columns": [{"name": "name", "type": "TEXT"}], "rows": [["Rex"]]},
        },
        {
            "table_name": "toys",
            "table_info": {"columns": [{"name": "toy", "type": "INT"}], "rows": [["007"]]},
        },
    ],
}


def test_rows_with_several_tables_are_judged_by_all_of_them(tmp_path: Path, mariadb_url: str):
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(ROW) + "\n")
    environment = DatabaseEnvironment("dbbench", path=file, server=mariadb_url, score="hash")
    (task,) = environment.tasks("test")
    for more, expected in ((), 1), ((sql("DELETE FROM toys"),), 0):
        episode = environment.open(task)
        assert episode.observation.startswith("Add Cy. (Cy is a cat.)\nThere are 2 tables")
        assert episode.step(sql("SELECT * FROM toys")).observation == "[('007',)]"
        for call in (sql(ROW["sql"]["query"]), *more):
            episode.step(call)
        assert episode.step(ANSWER).reward == expected
        episode.close()


def test_names_that_a_server_cannot_have_are_rejected(tmp_path: Path, mariadb_url: str):
    blank = json.loads(json.dumps(ROW).replace('"toy"', '""'))
    (tmp_path / "rows.jsonl").write_text(f"{json.dumps(ROW)}\n{json.dumps(blank)}\n")
    environment = DatabaseEnvironment("dbbench", path=tmp_path / "rows.jsonl", server=mariadb_url)
    assert [(row.line, "cannot have the name ''" in row.reason) for row in environment.rejected] == [
        (2, True)
    ]


def test_agentbenchs_hashes_are_computed_again(shared_data: Path, mariadb_url: str):
    file = shared_data / "agentbench" / "dbbench" / "dev.jsonl"
    environment = DatabaseEnvironment("dbbench", path=file, server=mariadb_url, score="hash")
    changes = [task for task in environment.tasks("test") if task.kind in ("insert", "update")]
    assert len(changes) == 40
    for task in changes:
        problem = environment.source.problem(task)
        assert len(problem.answer_md5) == 39  # [('…',)]
        for statement, expected in (problem.gold, 1), ("SELECT 1", 0):
            episode = environment.open(task)
            episode.step(sql(statement))
            assert episode.step(ANSWER).reward == expected
            episode.close()
