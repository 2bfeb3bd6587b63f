"""Every question has one answer, found by reckoning in Python what the gold statement does in SQL."""

from __future__ import annotations

import re

import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import expressions as exp

from trajectune.environments.database.engine.problem import CHANGES, Problem
from trajectune.environments.database.engine.sandbox import Sandbox
from trajectune.environments.database.engine.scoring import answers_match
from trajectune.environments.database.engine.tables import Table, Value
from trajectune.environments.database.generator.generated import KINDS, Level, answers_of, make
from trajectune.environments.database.generator.questions import MAX_ANSWERS

SEEDS = st.integers(0, 10**6).map(str)
UNSEEN = st.booleans()
LEVELS = st.sampled_from(["plain", "varied"])
ASKED = [kind for kind in KINDS if kind not in CHANGES]


def cells(table: Table, column: str) -> list[Value]:
    position = [c.name for c in table.columns].index(column)
    return [row[position] for row in table.rows]


def rows_kept(table: Table, gold: str) -> list[int]:
    """The rows that the WHERE clause of a gold statement keeps, reckoned from its text."""
    where = re.search(r" WHERE (.*?)(?: ORDER BY |$)", gold)
    kept = list(range(len(table.rows)))
    for part in re.split(r" AND (?=`)", where[1]) if where else []:
        match = re.fullmatch(r"`(.+?)` (=|<|>|LIKE) (.+)", part)
        assert match is not None
        column, operator, value = cells(table, match[1]), match[2], match[3]
        kept = [n for n in kept if holds(column[n], operator, value)]
    return kept


def holds(cell: Value, operator: str, literal: str) -> bool:
    if literal.startswith("'"):
        text = literal[1:-1].replace("''", "'").lower()
        return text.strip("%") in str(cell).lower() if operator == "LIKE" else str(cell).lower() == text
    number = float(literal)
    assert isinstance(cell, int | float)
    return {"=": cell == number, "<": cell < number, ">": cell > number}[operator]


@settings(max_examples=60, deadline=None)
@given(SEEDS, UNSEEN, LEVELS)
def test_a_selected_value_is_that_of_the_rows_meant(seed: str, unseen: bool, level: Level):
    problem = make(seed, "select", unseen, level)
    (table,) = problem.tables
    wanted = re.match(r"SELECT `(.+?)` FROM", problem.gold)
    assert wanted is not None
    found = [str(cells(table, wanted[1])[n]) for n in rows_kept(table, problem.gold)]
    assert problem.answers == found
    assert 1 <= len(found) <= MAX_ANSWERS


@settings(max_examples=60, deadline=None)
@given(SEEDS, UNSEEN, LEVELS)
def test_a_count_is_that_of_the_rows_meant(seed: str, unseen: bool, level: Level):
    problem = make(seed, "count", unseen, level)
    (table,) = problem.tables
    if distinct := re.match(r"SELECT COUNT\(DISTINCT `(.+?)`\)", problem.gold):
        number = len({str(cell).lower() for cell in cells(table, distinct[1])})
    else:
        number = len(rows_kept(table, problem.gold))
    assert problem.answers == [str(number)]
    assert number > 0


@settings(max_examples=60, deadline=None)
@given(SEEDS, UNSEEN, LEVELS)
def test_a_ranking_has_no_tie_at_the_top(seed: str, unseen: bool, level: Level):
    problem = make(seed, "ranking", unseen, level)
    (table,) = problem.tables
    parts = re.fullmatch(r"SELECT `(.+?)` FROM .* ORDER BY `(.+?)` (ASC|DESC) LIMIT (\d)", problem.gold)
    assert parts is not None
    ranks, top = cells(table, parts[2]), int(parts[4])
    down = parts[3] == "DESC"
    order = sorted(rows_kept(table, problem.gold), key=lambda n: float(str(ranks[n])), reverse=down)
    assert len(order) > top
    assert ranks[order[top - 1]] != ranks[order[top]]
    assert answers_match([str(cells(table, parts[1])[n]) for n in order[:top]], problem.answers or [])


@settings(max_examples=60, deadline=None)
@given(SEEDS, UNSEEN, LEVELS)
def test_a_comparison_holds_for_exactly_the_answers(seed: str, unseen: bool, level: Level):
    problem = make(seed, "comparison", unseen, level)
    (table,) = problem.tables
    wanted = re.match(r"SELECT `(.+?)` FROM", problem.gold)
    assert wanted is not None
    assert re.search(r"` [<>] [\d.]", problem.gold)
    found = [str(cells(table, wanted[1])[n]) for n in rows_kept(table, problem.gold)]
    assert problem.answers == (found or ["none"])
    assert len(found) <= MAX_ANSWERS


def test_about_one_comparison_in_four_has_no_answer():
    empty = [make(str(n), "comparison", unseen=False).answers == ["none"] for n in range(400)]
    assert 0.15 < sum(empty) / len(empty) < 0.35


@settings(max_examples=80, deadline=None)
@given(SEEDS, UNSEEN, LEVELS, st.sampled_from(["sum", "avg", "min", "max"]))
def test_an_aggregate_is_reckoned_over_the_rows_meant(seed: str, unseen: bool, level: Level, kind: str):
    problem = make(seed, kind, unseen, level)
    (table,) = problem.tables
    parts = re.match(r"SELECT (SUM|AVG|MIN|MAX)\(`(.+?)`\) FROM", problem.gold)
    assert parts is not None
    assert parts[1] == kind.upper()
    column = cells(table, parts[2])
    numbers = [float(str(column[n])) for n in rows_kept(table, problem.gold)]
    reckoned = {"sum": sum, "avg": lambda v: sum(v) / len(v), "min": min, "max": max}[kind](numbers)
    assert answers_match([repr(reckoned)], problem.answers or [])


@settings(max_examples=80, deadline=None)
@given(SEEDS, UNSEEN, st.sampled_from(ASKED))
def test_a_plain_question_quotes_names_and_values_as_the_statement_has_them(
    seed: str, unseen: bool, kind: str
):
    problem = make(seed, kind, unseen, "plain")
    question, header = problem.question.split("\n")
    for text in re.findall(r" = '((?:[^']|'')*)'", problem.gold):
        assert f"'{text.replace(chr(39) * 2, chr(39))}'" in question
    for number in re.findall(r"` [<>=] ([\d.]+)", problem.gold):
        assert number in question
    assert len(re.findall(" AND ", problem.gold)) == 0
    for table in problem.tables:
        assert f"`{table.name}`" in header
    named = {column.name for table in problem.tables for column in table.columns}
    assert set(re.findall(r"`(.+?)`", question)) <= named | {table.name for table in problem.tables}


@settings(max_examples=200, deadline=None)
@given(SEEDS, UNSEEN, LEVELS, st.sampled_from(ASKED))
def test_a_question_does_not_tell_its_answer(seed: str, unseen: bool, level: Level, kind: str):
    problem = make(seed, kind, unseen, level)
    said = problem.question.split("\n", 1)[0].lower()
    telling = [a for a in problem.answers or [] if len(a) >= 4 and a != "none" and a.lower() in said]
    assert telling == []


@settings(max_examples=80, deadline=None)
@given(SEEDS, UNSEEN, LEVELS, st.sampled_from(KINDS))
def test_a_gold_statement_is_one_line_with_every_name_in_back_quotes(
    seed: str, unseen: bool, level: Level, kind: str
):
    problem = make(seed, kind, unseen, level)
    assert "\n" not in problem.gold
    assert problem.question.count("\n") == 1
    (tree,) = sqlglot.parse(problem.gold, read="mysql")
    assert tree is not None
    aliases = {alias.name for alias in tree.find_all(exp.TableAlias)}
    names = {name for name in tree.find_all(exp.Identifier) if name.name not in aliases}
    assert names
    assert all(name.args.get("quoted") for name in names)


@settings(max_examples=60, deadline=None)
@given(SEEDS, UNSEEN, LEVELS, st.sampled_from(ASKED))
def test_the_answers_are_those_of_the_sandbox(seed: str, unseen: bool, level: Level, kind: str):
    problem = make(seed, kind, unseen, level)
    box = Sandbox(problem.tables)
    assert answers_of(box.query(problem.gold)) == problem.answers
    box.close()


@pytest.mark.parametrize(
    ("rows", "values"),
    [([], ["none"]), ([(None,)], ["none"]), ([(1, "a"), (2.5, None)], ["1", "a", "2.5", "none"])],
)
def test_a_result_as_values(rows: list, values: list[str]):
    assert answers_of(rows) == values


def test_words_that_rank_fit_the_direction():
    """A question that says `lowest` is not sorted from the top, whatever the theme."""
    high = re.compile(r"\b(highest|largest|greatest|biggest|most|latest)\b")
    low = re.compile(r"\b(lowest|smallest|least|fewest|earliest)\b")
    seen = {"ASC": 0, "DESC": 0}
    for seed in range(300):
        problem: Problem = make(str(seed), "ranking", bool(seed % 2), "plain" if seed % 3 else "varied")
        said = problem.question.split("\n", 1)[0].lower()
        way = "DESC" if " DESC " in problem.gold else "ASC"
        words = [w for w in high.findall(said) + low.findall(said) if w not in problem.gold.lower()]
        if len(words) == 1:
            assert bool(high.fullmatch(words[0])) == (way == "DESC"), problem.question
            seen[way] += 1
    assert min(seen.values()) > 50
