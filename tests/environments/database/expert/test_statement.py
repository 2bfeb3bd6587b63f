"""What a statement does is read from its tree, whatever the statement is."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectune.environments.database.engine.problem import CHANGES
from trajectune.environments.database.engine.tables import quote
from trajectune.environments.database.expert.statement import Statement, read
from trajectune.environments.database.generator.generated import KINDS, Level, make

RANKING = "SELECT `Peak` FROM `High Peaks` ORDER BY `Height (m)` ASC LIMIT 1"
INSERT = "INSERT INTO `High Peaks` (`Peak`, `Height (m)`, `land`) VALUES ('O''Neil', 5, 'Peru')"


@pytest.mark.parametrize(
    ("sql", "statement"),
    [
        (
            RANKING,
            Statement(
                "select", ("`High Peaks`",), ("`Peak`",), order="`Height (m)`", descending=False, limit="1"
            ),
        ),
        (
            "SELECT COUNT(*) FROM `t` WHERE `a` = 'x' AND `b` > 3",
            Statement(
                "select",
                ("`t`",),
                function="COUNT",
                conditions=("`a` is 'x'", "`b` is above 3"),
                tested=("`a`", "`b`"),
            ),
        ),
        (
            INSERT,
            Statement(
                "insert",
                ("`High Peaks`",),
                ("`Peak`", "`Height (m)`", "`land`"),
                values=("'O''Neil'", "5", "'Peru'"),
            ),
        ),
        (
            "UPDATE `t` SET `a` = 1 WHERE `b` LIKE '%x%'",
            Statement("update", ("`t`",), ("`a`",), conditions=("`b` contains 'x'",), tested=("`b`",)),
        ),
        ("DELETE FROM `t`", Statement("delete", ("`t`",))),
        ("not sql at ( all", Statement("other")),
    ],
)
def test_statements_are_taken_apart(sql: str, statement: Statement):
    assert read(sql) == statement


SEEDS = st.integers(0, 10**6).map(str)
LEVELS = st.sampled_from(["plain", "varied"])


@settings(max_examples=150, deadline=None)
@given(SEEDS, st.booleans(), LEVELS, st.sampled_from(KINDS))
def test_every_generated_gold_statement_is_understood(seed: str, unseen: bool, level: Level, kind: str):
    problem = make(seed, kind, unseen, level)
    statement = read(problem.gold)
    assert statement.kind == (kind if kind in CHANGES else "select")
    assert statement.tables == tuple(quote(table.name) for table in problem.tables)
    named = {quote(column.name) for table in problem.tables for column in table.columns}
    assert {*statement.columns, *statement.tested, *filter(None, [statement.order])} <= named
    assert len(statement.conditions) == (
        problem.gold.count(" AND ") + 1 if " WHERE " in problem.gold else 0
    )


@settings(max_examples=150, deadline=None)
@given(SEEDS, st.booleans(), LEVELS, st.sampled_from(KINDS))
def test_every_value_of_a_gold_statement_is_in_what_is_read(
    seed: str, unseen: bool, level: Level, kind: str
):
    problem = make(seed, kind, unseen, level)
    statement = read(problem.gold)
    said = " ".join([*statement.conditions, *statement.values, statement.limit])
    conditions = problem.gold.split(" WHERE ")[-1] if kind != "insert" else problem.gold
    if " WHERE " in problem.gold or kind == "insert":
        for text in re.findall(r"'((?:[^']|'')+)'", conditions):
            assert text.strip("%") in said
    if kind == "ranking":
        assert statement.descending == (" DESC " in problem.gold)
        assert statement.limit == problem.gold[-1]
    if kind in ("sum", "avg", "min", "max"):
        assert statement.function == kind.upper()
    if kind == "insert":
        assert len(statement.values) == len(statement.columns)


@pytest.mark.parametrize(
    ("sql", "phrase"),
    [
        ("a >= 3", "`a` is at least 3"),
        ("a <= 3", "`a` is at most 3"),
        ("a = 'it''s'", "`a` is 'it''s'"),
        ("a LIKE '%x y%'", "`a` contains 'x y'"),
        ("a IN (1, 2)", "a IN (1, 2)"),
        ("a = b", "a = b"),
    ],
)
def test_conditions_in_words(sql: str, phrase: str):
    statement = read(f"SELECT c FROM t WHERE {sql}")
    assert statement.where == phrase
    assert "`a`" in statement.tested


def test_joined_conditions_are_one_phrase():
    statement = read("DELETE FROM t WHERE a > 1 AND b < 2 AND c = 'x'")
    assert statement.where == "`a` is above 1 and `b` is below 2 and `c` is 'x'"
    assert read("SELECT a FROM t WHERE a = 1 OR b = 2").conditions == ("a = 1 OR b = 2",)


@pytest.mark.parametrize(
    "sql",
    [
        "",
        ";",
        "SHOW TABLE",
        "UPDATE t SET b'1'",
        "INSERT LATERAL RECURSIVE",
        "DATE_ADD ( END USING",
        "\x00",
    ],
)
def test_what_is_no_statement_is_other_or_says_little(sql: str):
    statement = read(sql)
    assert statement.kind in ("other", "update")
    assert not statement.columns


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="SELECT INSERTUPDATE FROM t WHERE(*)'`;=,1", max_size=60))
def test_reading_never_fails(sql: str):
    assert read(sql).kind in ("select", "insert", "update", "delete", "other")
