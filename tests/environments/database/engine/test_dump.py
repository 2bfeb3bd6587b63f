"""MySQL dumps are read whole, and what is not read is counted."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectune.environments.database.engine.dump import read_dump, statements
from trajectune.environments.database.engine.image import state_of
from trajectune.errors import DataError

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
    dump = read_dump(file)
    images = dump.images
    assert dump.rejected == []
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
    connection.deserialize(read_dump(file).images["d"])
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


def test_what_does_not_convert_is_rejected_with_its_line_and_the_rest_kept(tmp_path: Path):
    dump = """CREATE TABLE t (a int); CREATE VIEW v AS SELECT 1; INSERT INTO t VALUES (1);
    INSERT INTO u VALUES (1); CREATE TABLE t (b int); INSERT INTO t VALUES ((((;
    UPDATE t SET a = 9; LOAD DATA INFILE 'x' INTO TABLE t; ALTER TABLE t ADD COLUMN c int;

    INSERT INTO t VALUES (2);"""
    assert rows_of(tmp_path, dump, "t") == [(1,), (2,)]
    rejected = read_dump(tmp_path / "dump.sql").rejected
    assert [row.line for row in rejected] == [2, 3, 3, 3, 4, 4, 4]
    assert "'CREATE VIEW v AS SELECT 1': neither a table nor rows" in rejected[0].reason
    assert "no such table: u" in rejected[1].reason


def test_rows_before_any_database_are_rejected(tmp_path: Path):
    file = tmp_path / "dump.sql"
    file.write_text("INSERT INTO t VALUES (1);\nUSE d;\nCREATE TABLE t (a int);")
    assert [(row.line, "before any USE" in row.reason) for row in read_dump(file).rejected] == [(1, True)]


SETTINGS = """SET NAMES utf8; LOCK TABLES `t` WRITE; UNLOCK TABLES; DROP TABLE IF EXISTS `t`;
CREATE DATABASE x; ALTER TABLE `t` DISABLE KEYS; GRANT ALL ON *.* TO x; START TRANSACTION;
COMMIT; FLUSH PRIVILEGES"""


def test_settings_are_no_content(tmp_path: Path):
    rows_of(tmp_path, f"CREATE TABLE t (a int);{SETTINGS}", "t")
    assert read_dump(tmp_path / "dump.sql").rejected == []


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("_binary 'text'", "text"),
        ("_binary'it\\'s \\\\ é'", "it's \\ é"),
        ("_binary '\\0\\n'", b"\0\n"),
        ("_binary '\udcff\udcfe'", b"\xff\xfe"),
        ("_binary x'ff00'", b"\xff\x00"),
        ("0xff00", b"\xff\x00"),
        ("_utf8mb4 'é'", "é"),
        ("_latin1'x'", "x"),
        ("N'x'", "x"),
        ("'a\\0b'", "a\0b"),
        ("'\\Z'", "\x1a"),
    ],
)
def test_cells_in_any_character_set_are_read(tmp_path: Path, cell: str, value: object):
    file = tmp_path / "dump.sql"
    dump = f"USE d;\nCREATE TABLE t (n int, a blob);\nINSERT INTO t VALUES (1,{cell}),(2,NULL);"
    file.write_bytes(dump.encode("utf-8", "surrogateescape"))
    read = read_dump(file)
    connection = sqlite3.connect(":memory:")
    connection.deserialize(read.images["d"])
    assert connection.execute("SELECT n, a FROM t").fetchall() == [(1, value), (2, None)]
    assert read.rejected == []


def test_text_that_is_no_utf_8_is_rejected_and_replace_is_read(tmp_path: Path):
    file = tmp_path / "dump.sql"
    file.write_bytes(
        b"USE d; CREATE TABLE t (a text); INSERT INTO t VALUES ('\xe9');\nREPLACE INTO t VALUES ('ok');"
    )
    read = read_dump(file)
    assert [(row.line, row.reason.endswith("a text in it is not UTF-8")) for row in read.rejected] == [
        (1, True)
    ]
    assert state_of(read.images["d"]) == {"t": {("ok",): 1}}


@given(st.lists(st.sampled_from(["SELECT 1", "x ';' y", "`a;b`", "\"it''s;\"", "a - b / c"]), max_size=5))
def test_statements_are_cut_at_semicolons_outside_quotes(parts: list[str]):
    assert [s for _, s in statements(" ;\n".join(parts))] == parts
    assert [s for _, s in statements("".join(f"{part};" for part in parts))] == parts
