"""Whatever a statement does, it is answered in time and in little memory, and the next one works.

Each case is a statement that SQLite's own limits do not stop: rewriting that grows exponentially, single
operations of seconds, rows of hundreds of megabytes, sorts that would go to disk.
"""

from __future__ import annotations

import re
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st

from trajectune.environments.database.engine.processes import PROCESSES
from trajectune.environments.database.engine.sandbox import Sandbox
from trajectune.environments.database.engine.tables import Column, Table

LONG = [Table("t", [Column("x")], [["a" * 50_000]]), Table("u", [Column("y")], [["b" * 7_999 + "a"]])]
COUNT = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 9000000) "
MEGABYTES = 300
SLACK = 2.0
"""Seconds that a loaded machine may add."""


def peak() -> float:
    """The most memory that a living database process has had, in MB."""
    lines = [Path(f"/proc/{process.pid}/status").read_text() for process in PROCESSES.running()]
    sizes = [text.partition("VmHWM:")[2].split()[0] for text in lines if "VmHWM:" in text]
    return max((int(size) * 1024 / 1e6 for size in sizes), default=0.0)


@pytest.fixture
def box() -> Iterator[Sandbox]:
    box = Sandbox(LONG, seconds=0.3)
    assert box.run("SELECT 1").text == "[(1,)]"  # its process has started
    yield box
    box.close()


ATTACKS = {
    "exponential rewriting": "SELECT " + "JOIN DIV " * 18,
    "exponential rewriting at full length": "SELECT " + "JOIN DIV " * 200,
    "few slow operations": "SELECT " + "+".join(["length(ltrim(x, y))"] * 20) + " FROM t, u",
    "one slow operation": "SELECT length(trim(x || x, y)) FROM t, u",
    "a row of 200 MB of blobs": f"SELECT {','.join(['c'] * 1990)} FROM (SELECT zeroblob(99999) c LIMIT 1)",
    "a sort that spills": COUNT + "SELECT x FROM c ORDER BY hex(zeroblob(2000)) || x",
    "distinct values that spill": COUNT + "SELECT count(DISTINCT hex(zeroblob(4000)) || x) FROM c",
    "a materialized table": COUNT + ", d AS MATERIALIZED (SELECT hex(zeroblob(4000)) || x AS y FROM c) "
    "SELECT count(*) FROM d a, d b",
    "a window": COUNT + "SELECT sum(x) OVER (ORDER BY -x) FROM c",
    "a union": COUNT + "SELECT hex(zeroblob(4000)) || x FROM c UNION SELECT 1",
    "quotes without end": "'" * 9_999,
    "blanks": "DESCRIBE x" + " " * 9_000 + "y",
    "more blanks": "DESCRIBE x" + " " * 300_000 + "y",
    "a long text": "SELECT '" + "x" * 10_000_000,
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_stopped_and_the_next_statement_works(box: Sandbox, attack: str):
    start = time.monotonic()
    answer = box.run(ATTACKS[attack])
    assert time.monotonic() - start < 0.3 + 0.5 + SLACK
    assert answer.failed
    assert answer.text.startswith("Error: ")
    assert peak() < MEGABYTES
    other = Sandbox(seconds=5)
    assert other.run("SELECT 2").text == "[(2,)]"
    assert box.run("SELECT length(x) FROM t").text == "[(50000,)]"
    other.close()


@pytest.mark.parametrize(
    "sql", ["SHOW TABLE", "SHOW FULL", "SHOW", "DESCRIBE", "EXPLAIN", "SHOW FULL TABLE x"]
)
def test_a_slip_in_a_statement_that_is_rewritten_is_answered(box: Sandbox, sql: str):
    assert box.run(sql).failed


def test_wide_rows_are_shown_without_writing_them_out(box: Sandbox):
    answer = box.run(f"SELECT {','.join(['x'] * 1000)} FROM t")
    assert answer.text == "[('" + "a" * 797 + "[TRUNCATED]"
    assert peak() < MEGABYTES


def test_a_statement_that_is_killed_has_changed_nothing(box: Sandbox):
    box.run("INSERT INTO t VALUES ('kept')")
    before = box.changes
    killed = "UPDATE t SET x = length(trim(t.x || t.x, u.y)) FROM u"
    assert box.run(killed).text == "Error: stopped after 0.3 seconds"
    assert box.changes == before
    assert box.run("SELECT count(*) FROM t WHERE x = 'kept'").text == "[(1,)]"


def test_a_process_may_write_no_file_and_leave_no_core(box: Sandbox):
    (process, *_) = PROCESSES.running()
    assert resource.prlimit(process.pid, resource.RLIMIT_FSIZE) == (0, 0)
    assert resource.prlimit(process.pid, resource.RLIMIT_CORE) == (0, 0)
    assert box.run("PRAGMA temp_store").failed


def test_a_database_that_is_none_is_answered():
    box = Sandbox(image=b"no database at all" * 500)
    assert box.run("SELECT * FROM t").failed
    box.close()


WORDS = re.findall(
    r"\S+",
    """SELECT FROM WHERE JOIN DIV ON GROUP BY ORDER LIMIT UNION ALL DISTINCT CASE WHEN THEN END CAST AS NOT
    IN IS NULL LIKE BETWEEN AND OR XOR INTERVAL WITH RECURSIVE VALUES INSERT INTO UPDATE SET DELETE SHOW
    TABLES DESCRIBE EXPLAIN PRAGMA ATTACH OVER PARTITION t u x y * ( ) , ; = + - || << 'a' "b" `c` x'00ff'
    1e999 9223372036854775808 zeroblob(99999) hex(x) replace(x,'a',x) ltrim(x,y)
    count(*) \x00 \ud800 é -- /*""",
)
PIECES = st.one_of(
    st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join),
    st.tuples(st.sampled_from(WORDS), st.sampled_from(WORDS), st.integers(1, 300)).map(
        lambda parts: f"{parts[0]} {parts[1]} " * parts[2]
    ),
    st.tuples(st.sampled_from(["(", "((SELECT ", "CASE WHEN ", "NOT ", "-"]), st.integers(1, 400)).map(
        lambda parts: parts[0] * parts[1]
    ),
    st.text(max_size=60),
    st.binary(max_size=40).map(lambda raw: f"x'{raw.hex()}'"),
)
STATEMENTS = st.tuples(
    st.sampled_from(
        ["", "SELECT ", "SELECT * FROM t, u WHERE ", COUNT + "SELECT ", "INSERT INTO t SELECT "]
    ),
    st.lists(PIECES, min_size=1, max_size=3).map(" ".join),
).map("".join)


@seed(0)
@settings(max_examples=300, deadline=None, database=None, phases=[Phase.generate])
@given(STATEMENTS)
def test_any_statement_is_answered_in_time_and_memory(sql: str):
    box, other = Sandbox(LONG, seconds=0.2), Sandbox(seconds=5)
    start = time.monotonic()
    answer = box.run(sql)
    assert time.monotonic() - start < 0.2 + 0.5 + SLACK
    assert len(answer.text) < 900
    assert peak() < MEGABYTES
    assert other.run("SELECT 2").text == "[(2,)]"
    box.close()
    other.close()
