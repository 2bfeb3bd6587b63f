"""Whatever a model writes: it is answered in time, and stays inside the episode's own database."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from trajectune.environments.database.engine.problem import Problem
from trajectune.environments.database.engine.tables import Column, Table
from trajectune.environments.database.servers.server import Server
from trajectune.environments.database.servers.store import ServerStore

TABLE = Table("pets", [Column("name"), Column("age", "INT")], [["Rex", 3], ["Ada", 9]])
GOLD = "UPDATE `pets` SET `age` = 4 WHERE `name` = 'Rex'"
CHANGE = Problem("Rex is 4 now.", "update", GOLD, None, [TABLE])
SECONDS = 0.5
SLACK = 3.0
"""Seconds that a loaded machine may add."""


@pytest.fixture
def store(server: Server) -> Iterator[ServerStore]:
    store = ServerStore(server, CHANGE, SECONDS)
    assert store.run("SELECT 1").text == "[(1,)]"  # its process has started
    yield store
    store.close()


SLOW = {
    "sleeping": "SELECT SLEEP(20)",
    "sleeping in PostgreSQL": "SELECT pg_sleep(20)",
    "a change that sleeps": "UPDATE pets SET age = age + SLEEP(20)",
    "a change that sleeps in PostgreSQL": "UPDATE pets SET age = age + length(pg_sleep(20)::text)",
    "a product": f"SELECT count(*) FROM {', '.join(f'pets p{n}' for n in range(40))}",
    "exponential rewriting": "SELECT `" + "JOIN DIV " * 200,
    "a timeout taken away": "SELECT set_config('statement_timeout', '0', false), pg_sleep(20)",
}


@pytest.mark.parametrize("sql", SLOW.values(), ids=SLOW.keys())
def test_slow_statements_are_stopped(store: ServerStore, sql: str):
    begin = time.monotonic()
    answer = store.run(sql)
    assert answer.failed
    assert time.monotonic() - begin < SECONDS + 0.5 + SLACK
    assert store.run("SELECT count(*) FROM pets").text == "[(2,)]"
    assert store.run("SELECT sum(age) FROM pets").text == "[(Decimal('12'),)]"


FORBIDDEN = [
    "SELECT * FROM mysql.user",
    "SELECT * FROM pg_authid",
    "SELECT 'x' INTO OUTFILE '/tmp/trajectune-test'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT * INTO other FROM pets",
    "SELECT * INTO TEMP other FROM pets",
    "INSERT INTO pets SELECT 'x', 1; DELETE FROM pets",
    "DELETE FROM pets; SELECT 1",
    "SELECT pg_terminate_backend(pg_backend_pid())",
    "SELECT dblink('', '')",
    "SELECT '\0'; DROP TABLE pets",
    "SELECT \ud800",
    "COPY pets TO PROGRAM 'id'",
    "DROP TABLE pets",
    "TRUNCATE pets",
]


@pytest.mark.parametrize("sql", FORBIDDEN)
def test_what_is_not_the_episodes_is_refused(store: ServerStore, sql: str):
    before = store.state()
    assert store.run(sql).failed
    assert store.state() == before
    assert store.run("SELECT name FROM pets WHERE name = 'rex'").text == "[('Rex',)]"


def test_a_file_is_read_as_nothing(store: ServerStore):
    answer = store.run("SELECT LOAD_FILE('/etc/passwd')")
    assert answer.failed or answer.text == "[(None,)]"


def test_two_episodes_do_not_see_each_other(server: Server):
    one, two = (ServerStore(server, CHANGE, SECONDS) for _ in range(2))
    try:
        assert one.run("DELETE FROM pets").text == "[]"
        assert two.run("SELECT count(*) FROM pets").text == "[(2,)]"
        other = two._place.name
        assert one.run(f"SELECT * FROM {other}.pets").failed
        assert one.run(f"DELETE FROM {other}.pets").failed
        seen = one.run("SELECT schema_name FROM information_schema.schemata")
        assert other not in seen.text
    finally:
        one.close()
        two.close()


@pytest.mark.parametrize("where", ["text", "rows"])
def test_a_database_cannot_grow_without_end(store: ServerStore, where: str):
    store.run("UPDATE pets SET name = repeat('x', 60000)")
    assert store.run("INSERT INTO pets SELECT repeat('x', 70000), 1 FROM pets").failed
    grow = {
        "text": "INSERT INTO pets SELECT * FROM pets",
        "rows": "INSERT INTO pets SELECT 'x', 1 FROM pets a, pets",
    }
    answers = [store.run(grow[where]) for _ in range(14)]
    assert answers[-1].failed
    assert sum(sum(rows.values()) for rows in store.state().values()) < 300_000
    assert not store.run("DELETE FROM pets").failed


def test_no_more_rows_are_read_than_are_shown(store: ServerStore):
    begin = time.monotonic()
    many = ", ".join(f"pets p{n}" for n in range(20))
    answer = store.run(f"SELECT 1 FROM {many}")
    assert answer.failed or answer.text.endswith("[TRUNCATED]")
    assert time.monotonic() - begin < SECONDS + 0.5 + SLACK
    assert store.run("SELECT 2").text == "[(2,)]"


def test_messages_do_not_hold_the_random_name(store: ServerStore):
    for sql in ("SELECT * FROM nothing", "SELECT nothing FROM pets", "DELETE FROM nothing", "SELEC 1"):
        answer = store.run(sql)
        assert answer.failed
        assert "trajectune_" not in answer.text


def test_the_gold_is_never_in_the_episodes_database(store: ServerStore):
    before = store.state()
    assert store.is_right() is False
    assert store.state() == before
