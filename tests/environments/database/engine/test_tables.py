"""Tables come into SQLite as they are described: every name, every value, MySQL's way to compare."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectune.environments.database.engine.tables import (
    Column,
    Table,
    headers,
    literal,
    load,
    ordinal,
    quote,
    sqlite_type,
)

NAMES = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
VALUES = (
    st.none()
    | st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9)
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
)


def loaded(*tables: Table) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    load(connection, tables)
    return connection


@settings(max_examples=80, deadline=None)
@given(NAMES.filter(lambda name: not name.lower().startswith("sqlite_")), NAMES)
def test_any_name_can_be_quoted(table: str, column: str):
    connection = loaded(Table(table, [Column(column)], [["x"]]))
    cursor = connection.execute(f"SELECT {quote(column)} FROM {quote(table)}")
    assert cursor.description[0][0] == column
    assert cursor.fetchall() == [("x",)]


@settings(max_examples=120, deadline=None)
@given(VALUES)
def test_a_literal_gives_the_value_back(value: str | int | float | None):
    ((seen,),) = sqlite3.connect(":memory:").execute(f"SELECT {literal(value)}").fetchall()
    assert seen == value
    assert type(seen) is type(value)


@given(st.lists(st.sampled_from(["a", "A", "a_2", "b", ""]), min_size=1, max_size=6))
def test_columns_of_one_name_are_told_apart_and_none_is_lost(names: list[str]):
    connection = loaded(Table("t", [Column(name) for name in names], [list(range(len(names)))]))
    cursor = connection.execute("SELECT * FROM t")
    seen = [entry[0].lower() for entry in cursor.description]
    assert len(set(seen)) == len(names)
    assert cursor.fetchall() == [tuple(map(str, range(len(names))))]
    first = {name.lower(): n for n, name in reversed(list(enumerate(names)))}
    assert all(seen[n] == name for name, n in first.items() if name != "a_2")


@pytest.mark.parametrize(
    ("given_type", "expected"),
    [
        ("INT", "INTEGER"),
        ("bigint(20) unsigned", "INTEGER"),
        ("TinyInt", "INTEGER"),
        ("FLOAT", "REAL"),
        ("decimal(10,2)", "REAL"),
        ("double precision", "REAL"),
        ("DATE", "TEXT"),
        ("varchar(20)", "TEXT"),
        ("", "TEXT"),
    ],
)
def test_types(given_type: str, expected: str):
    assert sqlite_type(given_type) == expected


def test_texts_ignore_case_and_numbers_stay_numbers():
    connection = loaded(Table("t", [Column("word"), Column("n", "INT")], [["Abc", "12"], ["x", "y"]]))
    assert connection.execute("SELECT n, n + 1 FROM t WHERE word = 'aBC'").fetchall() == [(12, 13)]
    assert connection.execute("SELECT count(DISTINCT word) FROM t").fetchall() == [(2,)]


def test_headers_of_one_table_and_of_several():
    one = Table("High Peaks", [Column("Peak"), Column("Height (m)")], [])
    two = Table("land", [Column("id")], [])
    assert headers([one]) == (
        "The name of this table is High Peaks, and the headers of this table are Peak,Height (m)."
    )
    assert headers([one, two], quoted=True) == (
        "There are 2 tables involved with this task. "
        "The name of the 1st table is `High Peaks`, and the headers of this table are `Peak`,`Height (m)`. "
        "The name of the 2nd table is `land`, and the headers of this table are `id`."
    )


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1, "1st"),
        (2, "2nd"),
        (3, "3rd"),
        (4, "4th"),
        (11, "11th"),
        (12, "12th"),
        (13, "13th"),
        (22, "22nd"),
    ],
)
def test_ordinals(number: int, text: str):
    assert ordinal(number) == text
    assert ordinal(number + 100) == text.replace(str(number), str(number + 100))
