"""What MySQL says and SQLite does not understand."""

from __future__ import annotations

import re
import sqlite3
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectune.environments.database.engine.dump import read_dump, statements
from trajectune.environments.database.engine.mysql import rewrite
from trajectune.environments.database.engine.sandbox import Sandbox
from trajectune.environments.database.engine.tables import Column, Table

from trajectune.errors import DataError

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


@pytest.mark.parametrize("sql", ["SELECT `nam` FROM `a table`", "SELECT IF(`nam` = 'b', 1, 2) FROM `a table`"])
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


DUMP = """
-- a comment
CREATE USER 'x'@'%' IDENTIFIED BY 'y';
USE `shop`;
/*!40101 SET NAMES utf8 */;
CREATE TABLE `items` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `name` varchar(20) DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `k` (`name`)
) ENGINE=InnoDB;
INSERT INTO `items` VALUES (1,'semi; colon'),(2,'it\\'s');
USE `empty`;
CREATE TABLE `none` (`a` text);
"""


def test_a_dump_becomes_databases(tmp_path: Path):
    file = tmp_path / "dump.sql"
    file.write_text(DUMP)
    images = read_dump(file)
    assert set(images) == {"shop", "empty"}
    connection = sqlite3.connect(":memory:")
    connection.deserialize(images["shop"])
    assert connection.execute("SELECT * FROM items").fetchall() == [(1, "semi; colon"), (2, "it's")]


def test_a_file_without_databases_is_an_error(tmp_path: Path):
    file = tmp_path / "dump.sql"
    file.write_text("SELECT 1;")
    with pytest.raises(DataError, match="no database"):
        read_dump(file)


def rows_of(tmp_path: Path, dump: str, table: str) -> list[tuple[object, ...]]:
    """What a table of the only database of a dump holds."""
    file = tmp_path / "dump.sql"
    file.write_text(f"USE `d`;\n{dump}", encoding="utf-8")
    connection = sqlite3.connect(":memory:")
    connection.deserialize(read_dump(file)["d"])
    return connection.execute(f"SELECT * FROM {table}").fetchall()


def written(value: str | int | None) -> str:
    """A value as mysqldump writes it."""
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"
    return "NULL" if value is None else str(value)


CELLS = st.none() | st.integers(-(10**9), 10**9) | st.text(alphabet="ab'\"`;\\\n#/*- (),é", max_size=12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=4))
def test_any_row_of_a_dump_comes_back(tmp_path_factory: pytest.TempPathFactory, rows: list):
    tuples = ",".join(f"({', '.join(map(written, row))})" for row in rows)
    dump = f"CREATE TABLE `t` (`a` blob, `b` blob);\nINSERT INTO `t` VALUES {tuples};"
    assert rows_of(tmp_path_factory.mktemp("d"), dump, "t") == rows


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        ("enum('x','y;z') NOT NULL", "'y;z'", "y;z"),
        ("set('p','q')", "'p'", "p"),
        ("int(10) unsigned NOT NULL AUTO_INCREMENT", "'7'", 7),
        ("decimal(10,2) DEFAULT '0.00'", "'2.50'", 2.5),
        ("varchar(20) CHARACTER SET latin1 COMMENT 'a; b'", "'x'", "x"),
        ("timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP", "'2020-01-02 03:04:05'", "2020-01-02 03:04:05"),
        ("year(4)", "1999", 1999),
        ("bit(1)", "b'1'", 1),
    ],
)
def test_columns_of_a_dump_keep_their_values(tmp_path: Path, kind: str, cell: str, value: object):
    dump = f"CREATE TABLE `t` (`a` {kind}, KEY `k` (`a`)) ENGINE=InnoDB;INSERT INTO `t` VALUES ({cell});"
    assert rows_of(tmp_path, dump, "t") == [(value,)]


def test_comments_go_and_what_only_looks_like_one_stays(tmp_path: Path):
    dump = """
-- one; two
# three; four
CREATE TABLE t (a text); -- five
/*!40000 ALTER TABLE `t` DISABLE KEYS */;
INSERT INTO t VALUES ('/* six */'), ('first
-- second'), ('#7'), (8--1)"""
    assert rows_of(tmp_path, dump, "t") == [("/* six */",), ("first\n-- second",), ("#7",), ("9",)]


def test_what_does_not_convert_is_left_out_and_the_rest_kept(tmp_path: Path):
    dump = """CREATE TABLE t (a int); CREATE VIEW v AS SELECT 1; INSERT INTO t VALUES (1);
    INSERT INTO u VALUES (1); CREATE TABLE t (b int); INSERT INTO t VALUES ((((;
    INSERT INTO t VALUES (2);"""
    assert rows_of(tmp_path, dump, "t") == [(1,), (2,)]


@given(st.lists(st.sampled_from(["SELECT 1", "x ';' y", "`a;b`", "\"it''s;\"", "a - b / c"]), max_size=5))
def test_statements_are_cut_at_semicolons_outside_quotes(parts: list[str]):
    assert list(statements(" ;\n".join(parts))) == parts
    assert list(statements("".join(f"{part};" for part in parts))) == parts
