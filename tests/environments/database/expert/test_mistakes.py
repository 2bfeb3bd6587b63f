"""Mistakes show themselves, change nothing, and are told as what they are."""

from __future__ import annotations

import re
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.databases import opened
from trajectune.environments.database.engine.sandbox import Answer, Sandbox
from trajectune.environments.database.engine.tables import Column, Table
from trajectune.environments.database.expert.expert import Routes, expert
from trajectune.environments.database.expert.mistakes import Mistake, mistakes
from trajectune.environments.database.expert.statement import read
from trajectune.environments.database.generator.generated import KINDS, Level, make

TABLE = Table(
    "High Peaks",
    [Column("Peak"), Column("Height (m)", "INT"), Column("land")],
    [["Mount Elgin", 3100, "Peru"], ["North Horn", 2900, "Chile"], ["Big Ben", 2745, "Peru"]],
)
RANKING = "SELECT `Peak` FROM `High Peaks` ORDER BY `Height (m)` ASC LIMIT 1"
INSERT = "INSERT INTO `High Peaks` (`Peak`, `Height (m)`, `land`) VALUES ('O''Neil', 5, 'Peru')"
SELECT = "SELECT `land` FROM `High Peaks` WHERE `Peak` = 'North Horn'"


@pytest.mark.parametrize(
    "gold", [RANKING, INSERT, SELECT, "DELETE FROM `High Peaks` WHERE `land` = 'Peru'"]
)
def test_mistakes_are_wrong_harmless_and_mended(gold: str):
    kinds = set()
    for seed in range(40):
        for mistake in mistakes(Random(seed), read(gold), gold, "Which is the lowest?"):
            box = Sandbox([TABLE])
            before = box.state()
            seen = box.run(mistake.sql)
            assert box.state() == before
            assert mistake.shows(seen, box.run(gold))
            assert "\n" not in mistake.mended
            kinds.add(mistake.sql)
            box.close()
    assert len(kinds) >= 3


def test_a_misspelling_that_hits_another_column_is_not_made():
    mistake = Mistake("SELECT `land` FROM `High Peaks`", "error", "The error says so.")
    assert not mistake.shows(Answer("[]"), Answer("[]"))
    assert mistake.shows(Answer("Error: x", failed=True), Answer("[]"))


SEEDS = st.integers(0, 10**6)
LEVELS = st.sampled_from(["plain", "varied"])


@settings(max_examples=150, deadline=None)
@given(SEEDS, st.booleans(), LEVELS, st.sampled_from(KINDS))
def test_no_mistake_changes_a_row_and_each_differs_from_the_gold_statement(
    number: int, unseen: bool, level: Level, kind: str
):
    problem = make(str(number), kind, unseen, level)
    box = Sandbox(problem.tables)
    before = box.changes
    for mistake in mistakes(Random(number), read(problem.gold), problem.gold, problem.question):
        assert mistake.sql != problem.gold
        if mistake.shows(box.run(mistake.sql), Answer("never seen")):
            assert box.changes == before
    box.close()


@settings(max_examples=100, deadline=None)
@given(SEEDS, st.booleans(), LEVELS, st.sampled_from(KINDS))
def test_a_shown_mistake_fails_or_finds_something_else(number: int, unseen: bool, level: Level, kind: str):
    problem = make(str(number), kind, unseen, level)
    moves = expert(problem, str(number), Routes(repair=1.0))
    assert moves is not None
    first = next(moves)
    if first.trained:
        return  # no mistake of this statement shows itself
    episode = opened(problem)
    right = Sandbox(problem.tables)
    wrong = episode.step(first.calls[0])
    assert wrong.fault is not None or wrong.observation != right.run(problem.gold).text
    repair = moves.send(wrong.observation)
    assert repair.trained
    assert repair.calls[0].arguments["query"] == problem.gold
    episode.close()
    right.close()


def test_most_statements_have_a_mistake_that_shows():
    first = [
        next(expert(make(str(n), k, False), "0", Routes(repair=1)) or iter([]))
        for n in range(5)
        for k in KINDS
    ]
    assert sum(not move.trained for move in first) > 0.9 * len(first)


@pytest.mark.parametrize(
    ("gold", "wrong", "mended"),
    [
        (RANKING, "DESC LIMIT 1", "sorted the wrong way"),
        (SELECT, "`Peak` = 'North'", "the whole value"),
        (INSERT, "VALUES ('O''Neil', 5)", "3 columns need 3 values. The last one is 'Peru'"),
        (RANKING, "FROM High Peaks", "back quotes"),
    ],
)
def test_each_sort_of_mistake_is_made_and_explained(gold: str, wrong: str, mended: str):
    made = [
        m for seed in range(20) for m in mistakes(Random(seed), read(gold), gold, "Which is the lowest?")
    ]
    assert any(wrong in mistake.sql and mended in mistake.mended for mistake in made)


def test_a_misspelt_name_is_named_with_the_right_one():
    for seed in range(40):
        for mistake in mistakes(Random(seed), read(RANKING), RANKING, "")[:2]:
            (wrong,) = set(re.findall("`.+?`", mistake.sql)) - set(re.findall("`.+?`", RANKING))
            (right,) = set(re.findall("`.+?`", RANKING)) - set(re.findall("`.+?`", mistake.sql))
            assert right in mistake.mended
            assert wrong.lower() != right.lower()


@pytest.mark.parametrize(
    ("symptom", "seen", "shows"),
    [
        ("error", Answer("Error: x", failed=True), True),
        ("error", Answer("[]"), False),
        ("nothing", Answer("[]"), True),
        ("nothing", Answer("[(1,)]"), False),
        ("other rows", Answer("[(2,)]"), True),
        ("other rows", Answer("[(1,)]"), False),
    ],
)
def test_what_gives_a_mistake_away(symptom, seen: Answer, shows: bool):
    assert Mistake("SELECT 1", symptom, "").shows(seen, Answer("[(1,)]")) is shows
