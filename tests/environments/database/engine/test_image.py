"""A database as bytes: made of tables, described, compared."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.database.engine.image import (
    image_of,
    same_state,
    state_of,
    table_info,
    table_names,
)
from trajectune.environments.database.engine.sandbox import Sandbox
from trajectune.environments.database.engine.tables import Column, Table

CELLS = st.none() | st.integers(-(2**63), 2**63 - 1) | st.text(alphabet="ab\0é'`", max_size=4)


def image(*rows: list) -> bytes:
    return image_of([Table("t", [Column("a"), Column("b", "INT")], rows)])


@given(st.lists(st.tuples(CELLS, CELLS).map(list), max_size=5), st.randoms())
def test_rows_are_a_multiset(rows: list[list], rng):
    other = [list(row) for row in rows]
    rng.shuffle(other)
    assert same_state(image(*rows), image(*other))
    assert not same_state(image(*rows, ["new", 1]), image(*other))
    assert sum(state_of(image(*rows))["t"].values()) == len(rows)


def test_no_bytes_are_an_empty_database():
    assert image_of([]) == b""
    assert table_names(b"") == []
    assert state_of(b"") == {}
    assert same_state(b"", b"")
    assert not same_state(b"", image())


def test_a_database_is_described():
    assert table_names(image()) == ["t"]
    assert [row[1:3] for row in table_info(image(), "t")] == [("a", "TEXT"), ("b", "INTEGER")]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (2**63, "too large"),
        (float("nan"), "NaN"),
        ("\ud800", "surrogates"),
        ([1], "not supported"),
    ],
)
def test_what_sqlite_cannot_hold_is_named(cell: object, reason: str):
    with pytest.raises(ValueError, match=f"(?s)'t'.*{reason}"):
        image_of([Table("t", [Column("a")], [[cell]])])  # pyright: ignore[reportArgumentType]


def test_a_database_that_an_agent_filled_is_told_apart_at_once():
    box = Sandbox([Table("t", [Column("a")], [])], seconds=5)
    filled = (
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 600000) SELECT NULL FROM c"
    )
    assert not box.run(f"INSERT INTO t {filled}").failed
    start = time.monotonic()
    assert not same_state(box.image, image_of([Table("t", [Column("a")], [[None]])]))
    assert time.monotonic() - start < 1
    box.close()
