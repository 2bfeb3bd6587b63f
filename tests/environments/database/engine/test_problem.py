"""A condition means the same in Python and in SQL, so that a generator may reckon with its rows."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectune.environments.database.engine.problem import Condition, Operator, where_sql
from trajectune.environments.database.engine.sandbox import Sandbox
from trajectune.environments.database.engine.tables import Column, Table, Value

WORDS = st.text(alphabet="aAbB' \"_", max_size=5) | st.just("None")
NUMBERS = st.integers(-9, 9) | st.sampled_from([0.5, 2.5])


def kept(rows: list[list[Value]], conditions: list[Condition]) -> list[tuple[object, ...]]:
    """The rows that SQLite keeps."""
    box = Sandbox([Table("t", [Column("word"), Column("n", "FLOAT"), Column("id", "INT")], rows)])
    try:
        return box.query(f"SELECT id FROM t{where_sql(conditions)} ORDER BY id")
    finally:
        box.close()


@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS | st.none(), min_size=1, max_size=6), st.sampled_from(["=", "LIKE"]), st.data())
def test_texts_are_compared_as_the_database_does(
    words: list[str | None], operator: Operator, data: st.DataObject
):
    wanted = data.draw(st.sampled_from([word for word in words if word] or ["x"]) | WORDS)
    if operator == "LIKE":
        wanted = wanted.replace("_", "")  # a wildcard of SQL, which no generated value holds
    condition = Condition("word", operator, wanted)
    expected = [(n,) for n, word in enumerate(words) if condition.holds(word)]
    assert kept([[word, 1, n] for n, word in enumerate(words)], [condition]) == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(NUMBERS | st.none(), min_size=1, max_size=6), st.sampled_from("=<>"), NUMBERS)
def test_numbers_are_compared_as_the_database_does(
    numbers: list[float | None], operator: Operator, bound: float
):
    condition = Condition("n", operator, bound)
    expected = [(n,) for n, number in enumerate(numbers) if condition.holds(number)]
    assert kept([["", number, n] for n, number in enumerate(numbers)], [condition]) == expected


def test_several_conditions_must_all_hold():
    conditions = [Condition("word", "=", "A"), Condition("n", ">", 1)]
    assert kept([["a", 2, 0], ["a", 1, 1], ["b", 2, 2]], conditions) == [(0,)]
    assert kept([["a", 2, 0]], []) == [(0,)]


@pytest.mark.parametrize(
    ("condition", "alias", "sql"),
    [
        (Condition("a b", "=", "it's"), "", "`a b` = 'it''s'"),
        (Condition("n", ">", 3), "T2.", "T2.`n` > 3"),
        (Condition("c", "LIKE", "part"), "", "`c` LIKE '%part%'"),
        (Condition("x`y", "=", None), "", "`x``y` = NULL"),
    ],
)
def test_conditions_in_sql(condition: Condition, alias: str, sql: str):
    assert condition.sql(alias) == sql
    assert where_sql([condition], alias) == f" WHERE {sql}"
