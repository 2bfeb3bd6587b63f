"""What MySQL says and SQLite does not understand."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.database.engine.mysql import read_dump, rewrite
from trajectune.environments.database.engine.sandbox import Sandbox
from trajectune.environments.database.engine.tables import Column, Table
from trajectune.environments.database.episode import run
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
    assert run(box, sql).text == expected
    box.close()


def test_the_first_error_is_shown_when_rewriting_does_not_help():
    box = Sandbox([TABLE])
    assert run(box, "SELECT nam FROM `a table`").text == "Error: no such column: nam"
    box.close()


@given(st.text(max_size=80))
def test_rewrite_never_raises(sql: str):
    rewrite(sql)


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
