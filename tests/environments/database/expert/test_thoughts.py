"""Thoughts name what the statement does: columns, values, conditions, direction; in one short line."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectune.environments.database.expert.statement import Statement, read
from trajectune.environments.database.expert.thoughts import committing, purpose, rank_word
from trajectune.environments.database.generator.generated import KINDS, Level, make

RANKING = "SELECT `Peak` FROM `High Peaks` ORDER BY `Height (m)` ASC LIMIT 1"
INSERT = "INSERT INTO `High Peaks` (`Peak`, `Height (m)`, `land`) VALUES ('O''Neil', 5, 'Peru')"


@given(st.integers(0, 1_000))
def test_thoughts_say_which_value_goes_where_and_what_is_read(seed: int):
    said = purpose(Random(seed), read(INSERT), "")
    assert "`Peak` 'O''Neil', `Height (m)` 5, `land` 'Peru'" in said
    ranked = purpose(Random(seed), read(RANKING), "Which peak is the lowest?")
    assert "`Peak`" in ranked
    assert "ascending" in ranked


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ("Which peak is the tallest?\nheaders: lowest", "tallest"),
        ("Who has the most expensive interest?", "most expensive"),
        ("Name one from the west.", "first"),
    ],
)
def test_the_word_that_ranks(question: str, word: str):
    assert rank_word(question) == word


@pytest.mark.parametrize(("way", "end"), [("ASC", "lowest"), ("DESC", "highest")])
def test_a_ranking_thought_states_the_direction(way: str, end: str):
    for seed in range(20):
        thought = purpose(Random(seed), read(RANKING.replace("ASC", way)), "Which is the lowest?")
        assert way in thought
        assert end in thought
        assert "`Height (m)`" in thought


SEEDS = st.integers(0, 10**6)
LEVELS = st.sampled_from(["plain", "varied"])


@settings(max_examples=250, deadline=None)
@given(SEEDS, st.booleans(), LEVELS, st.sampled_from(KINDS))
def test_a_thought_names_what_its_statement_names(number: int, unseen: bool, level: Level, kind: str):
    problem = make(str(number), kind, unseen, level)
    statement = read(problem.gold)
    thought = purpose(Random(number), statement, problem.question)
    assert "\n" not in thought
    assert "{" not in thought
    if kind in ("insert", "update"):
        assert all(column in thought for column in statement.columns)
    if kind == "insert":
        assert all(value in thought for value in statement.values)
    elif kind == "join":
        assert all(table in thought for table in statement.tables)
    else:
        assert all(condition in thought for condition in statement.conditions)
    if kind == "ranking":
        assert ("DESC" if statement.descending else "ASC") in thought
        assert statement.order in thought
        assert all(column in thought for column in statement.columns)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT SUM(`a`) FROM `t`", {"sum of `a`", "total of `a`"}),
        ("SELECT AVG(`a`) FROM `t`", {"average of `a`", "mean of `a`"}),
        ("SELECT MAX(`a`) FROM `t`", {"the highest `a`"}),
        ("SELECT MIN(`a`) FROM `t`", {"the lowest `a`"}),
        ("SELECT COUNT(*) FROM `t` WHERE `a` = 1", {"the number of rows where `a` is 1"}),
        ("SELECT COUNT(DISTINCT `a`) FROM `t`", {"the number of different `a`"}),
        ("SELECT `a`, `b`, `c` FROM `t`", {"`a`, `b` and `c`"}),
        ("SELECT * FROM `t`", {"everything"}),
        ("UPDATE `t` SET `a` = 1", {"`a` in the rows where any"}),
        ("SHOW STATUS", {"One statement gives what is asked for."}),
        ("INSERT INTO `t` VALUES (1)", {"a value for each column"}),
    ],
)
def test_what_is_wanted_in_words(sql: str, words: set[str]):
    thoughts = {purpose(Random(seed), read(sql), "") for seed in range(40)}
    assert all(any(word in thought for word in words) for thought in thoughts)
    assert all(any(word in thought for thought in thoughts) for word in words)


def test_a_ranking_of_several_speaks_of_several():
    for seed in range(20):
        thought = purpose(Random(seed), read(RANKING.replace("LIMIT 1", "LIMIT 3")), "Show the 3 lowest.")
        assert "3 lowest" in thought
        assert "their" in thought
        assert "LIMIT 3" in thought


@given(SEEDS, st.lists(st.text(alphabet="abc", min_size=1, max_size=60), min_size=1, max_size=4))
def test_committing_tells_a_short_value_and_never_a_long_one(seed: int, values: list[str]):
    said = committing(Random(seed), values)
    assert "\n" not in said
    if len(values) == 1 and len(values[0]) >= 40:
        assert values[0] not in said
    if len(values) > 1:
        assert "none" not in said
        assert "all" in said or "Every" in said


def test_an_empty_answer_is_said_to_be_none():
    assert all("none" in committing(Random(seed), ["none"]) for seed in range(10))
    assert any("Rex" in committing(Random(seed), ["Rex"]) for seed in range(10))


def test_a_condition_stands_in_the_ranking_thought():
    ranked = Statement("select", ("`t`",), ("`a`",), conditions=("`b` is 2",), order="`c`", limit="1")
    assert "where `b` is 2" in purpose(Random(0), ranked, "")
