"""Tables on their way to a server: types that fit, names in quotes, sizes."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import pytest

pytest.importorskip("sqlalchemy", reason="the extra servers is not installed")

from sqlalchemy import BigInteger, Double, LargeBinary, Text
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.dialects.postgresql import CITEXT
from sqlalchemy.schema import CreateTable

from trajectune.environments.database.engine.image import image_of
from trajectune.environments.database.engine.problem import Problem
from trajectune.environments.database.engine.tables import Column, Table
from trajectune.environments.database.servers.hashing import bare, hash_query, joined
from trajectune.environments.database.servers.tables import quoted, size_of, tables_of, unholdable


def image(declared: str, values: Sequence[object]) -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE TABLE t (a {declared})")
    connection.executemany("INSERT INTO t VALUES (?)", [(value,) for value in values])
    connection.commit()
    return connection.serialize()


@pytest.mark.parametrize(
    ("declared", "values", "kind", "stored"),
    [
        ("INTEGER", ["1", 2, None], BigInteger, [1, 2, None]),
        ("INTEGER", ["1", "x"], Text, ["1", "x"]),
        ("INT", [], BigInteger, []),
        ("REAL", [1, 2.5], Double, [1.0, 2.5]),
        ("DECIMAL(5,2)", [1, 2.5], Double, [1.0, 2.5]),
        ("VARCHAR(9)", [7, None], Text, ["7", None]),
        ("DATE", ["2020-01-01"], Text, ["2020-01-01"]),
        ("DATE", [], Text, []),
        ("BLOB", [b"\0"], LargeBinary, [b"\0"]),
        ("TEXT", [b"ab", "c"], Text, ["ab", "c"]),
    ],
)
def test_a_column_is_a_number_only_where_every_cell_is(
    declared: str, values: list, kind: type, stored: list
):
    ((table, rows),) = tables_of(image(declared, values), mysql=True)
    assert isinstance(table.columns["c0"].type, kind)
    assert [row[0] for row in rows] == stored


def test_texts_are_compared_without_case_and_are_bounded():
    ((table, _),) = tables_of(image("TEXT", ["x"]), mysql=False)
    assert isinstance(table.columns["c0"].type, CITEXT)
    assert "octet_length(a) <= 65535" in str(CreateTable(table).compile(dialect=postgresql.dialect()))
    ((long, _),) = tables_of(image("TEXT", ["x" * 20_000]), mysql=True)
    assert "TEXT(20000)" in str(CreateTable(long).compile(dialect=mysql.dialect()))


def test_names_stand_in_quotes():
    assert quoted("a`b", "`") == "`a``b`"
    ((table, _),) = tables_of(image_of([Table('a"b', [Column('x"y')], [["1"]])]), mysql=False)
    assert size_of([table], '"') == (
        'SELECT (SELECT COALESCE(SUM(64 + COALESCE(octet_length("x""y"), 0)), 0) FROM "a""b")'
    )


@pytest.mark.parametrize(
    ("name", "mysql", "postgres"),
    [
        ("a", False, False),
        ("", True, True),
        ("a ", True, False),
        ("é" * 40, False, True),
        ("x" * 65, True, True),
    ],
)
def test_names_that_a_server_cannot_have(name: str, mysql: bool, postgres: bool):
    problem = Problem("?", "select", "", ["1"], [Table("t", [Column("a0"), Column(name)], [])])
    assert bool(unholdable(problem, True)) is mysql
    assert bool(unholdable(problem, False)) is postgres


def test_the_hash_is_agentbenchs():
    assert hash_query("`t`", ["`a`", "`b`"]) == (
        "SELECT md5(group_concat(rowhash ORDER BY rowhash)) FROM "
        "(SELECT substring(md5(concat_ws(',', `a`, `b`)), 1, 5) AS rowhash FROM `t`) AS hashed"
    )
    assert joined(["b", "a", None]) == "None_a_b"
    assert bare("[('09aa8fbf',)]") == "09aa8fbf" == bare("09aa8fbf")
