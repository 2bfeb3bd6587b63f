"""What MySQL says and SQLite does not understand."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectune.environments.database.engine.dump import statements
from trajectune.environments.database.engine.mysql import brackets, rewrite
from trajectune.environments.database.engine.sandbox import Sandbox
from trajectune.environments.database.engine.tables import Column, Table

TABLE = Table("a table", [Column("name"), Column("n", "INT")], [["Don't", 1], ["b", 2]])


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SHOW TABLES;", "[('a table',)]"),
        ("DESCRIBE `a table`", "[(0, 'name', 'TEXT', 0, None, 0), (1, 'n', 'INTEGER', 0, None, 0)]"),
        (
            "show columns from `a table`;",
            "[(0, 'name', 'TEXT', 0, None, 0), (1, 'n', 'INTEGER', 0, None, 0)]",
        ),
        ("SELECT n FROM `a table` WHERE name = 'Don\\'t'", "[(1,)]"),
        ("SELECT IF(n > 1, 'x', 'y') FROM `a table`", "[('y',), ('x',)]"),
        ("SELECT name FROM `a table` LIMIT 1, 1", "[('b',)]"),
    ],
)
def test_mysql_statements_run(sql: str, expected: str):
    box = Sandbox([TABLE])
    assert box.run(sql).text == expected
    box.close()


@pytest.mark.parametrize(
    "sql", ["SELECT `nam` FROM `a table`", "SELECT IF(`nam` = 'b', 1, 2) FROM `a table`"]
)
def test_a_misspelt_column_in_back_quotes_stays_an_error_when_rewritten(sql: str):
    box = Sandbox([TABLE])
    assert box.run(sql).failed
    box.close()


def test_the_first_error_is_shown_when_rewriting_does_not_help():
    box = Sandbox([TABLE])
    assert box.run("SELECT nam FROM `a table`").text == "Error: no such column: nam"
    box.close()


WORDS = re.findall(
    r"\S+",
    """SELECT INSERT UPDATE DELETE FROM WHERE VALUES SET ( ) , ; = 'a' "b" `c` t1 a.b * COUNT( DATE_ADD(
    LIMIT 1 ORDER BY JOIN ON WITH RECURSIVE CASE WHEN END SHOW TABLE DESCRIBE EXPLAIN INTERVAL CAST( @x ? {
    [ 0x1F b'1' 1e9 -- /* NULL LATERAL PARTITION""",
)


@pytest.mark.parametrize(
    "sql", ["SHOW TABLE", "DATE_ADD ( END USING", "UPDATE t SET b'1'", "'", "/*", "SELECT {", "\x00;\x00"]
)
def test_what_is_no_statement_is_not_rewritten_but_answered(sql: str):
    box = Sandbox([TABLE])
    assert box.run(sql).failed
    box.close()


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=80) | st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join))
def test_rewrite_never_raises_and_never_makes_two_statements_of_one(sql: str):
    if (other := rewrite(sql)) is not None:
        assert len(list(statements(other))) <= 1


IDENTIFIERS = st.text(alphabet="abAB1_$ -.\"'", min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(
    IDENTIFIERS,
    st.sampled_from(["DESCRIBE", "desc", "EXPLAIN", "SHOW COLUMNS FROM", "show full fields in"]),
)
def test_any_table_can_be_described(name: str, words: str):
    box = Sandbox([Table(name, [Column("one")], []), Table("another", [Column("two")], [])])
    assert "'one'" in box.run(f"{words} `{name}`;").text
    assert "'two'" in box.run(f"{words}\n another ;").text
    box.close()


def test_a_change_that_needs_rewriting_is_carried_out_once():
    box = Sandbox([TABLE])
    before = box.changes
    assert not box.run("INSERT INTO `a table` VALUES ('it\\'s', 3)").failed
    assert box.query("SELECT name, n FROM `a table` WHERE n = 3") == [("it's", 3)]
    assert box.changes == before + 1
    box.close()


def test_long_statements_are_not_worth_a_parse():
    short, long = (f"SELECT IF(n > 1, 'x', '{'y' * size}') FROM t" for size in (10, 3_000))
    assert rewrite(short) is not None
    assert rewrite(long) is None


@pytest.mark.parametrize(
    "sql", ["SELECT " + "(" * 5000, "SELECT " + "f(" * 29, "SELECT " + "case when " * 150]
)
def test_rewrite_is_quick_on_deep_nesting(sql: str):
    start = time.monotonic()
    rewrite(sql)
    assert time.monotonic() - start < 1


def test_rewrite_gives_one_statement_or_none():
    assert rewrite("SELECT 1; SELECT IF(1, 2, 3)") is None


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT `a b`, '`x`', \"`y`\" FROM `t`", "SELECT [a b], '`x`', \"`y`\" FROM [t]"),
        ("SELECT 'it''s `so`'", "SELECT 'it''s `so`'"),
        ("SELECT `a``b`, `c]`", "SELECT `a``b`, `c]`"),
    ],
)
def test_brackets_touch_names_only(sql: str, expected: str):
    assert brackets(sql) == expected


@pytest.mark.parametrize(
    "sql",
    [
        "DESCRIBE x" + " " * 300_000,
        "DESCRIBE x" + " " * 300_000 + "y",
        "SHOW" + " " * 300_000 + "TABLE",
        "SHOW FULL" + " " * 300_000,
        "'" * 300_000,
        "`" * 300_001,
        "'a" * 300_000,
        "'\"`" * 100_000,
        "a" * 300_000,
    ],
)
def test_a_long_statement_takes_linear_time(sql: str):
    start = time.monotonic()
    rewrite(sql)
    brackets(sql)
    assert time.monotonic() - start < 1


def test_a_table_is_described_whatever_blanks_stand_around():
    assert rewrite("  DESCRIBE \n  `a b` ;; \n ") == "PRAGMA table_info(`a b`)"
    assert rewrite("DESCRIBE a b") != "PRAGMA table_info(`a b`)"
