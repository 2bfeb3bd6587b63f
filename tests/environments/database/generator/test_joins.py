"""Tables taken apart: nothing is lost by joining them again, and the question asks across them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectune.environments.database.engine.sandbox import Sandbox
from trajectune.environments.database.generator.generated import Level, make

SEEDS = st.integers(0, 10**6).map(str)
UNSEEN = st.booleans()
LEVELS = st.sampled_from(["plain", "varied"])


@settings(max_examples=120, deadline=None)
@given(SEEDS, UNSEEN, LEVELS)
def test_every_row_finds_exactly_one_partner(seed: str, unseen: bool, level: Level):
    problem = make(seed, "join", unseen, level)
    source = re.search(r" FROM (.*) WHERE ", problem.gold)
    assert source is not None
    box = Sandbox(problem.tables)
    ((joined,),) = box.query(f"SELECT COUNT(*) FROM {source[1]}")
    box.close()
    assert joined == len(problem.tables[0].rows)


@settings(max_examples=120, deadline=None)
@given(SEEDS, UNSEEN, LEVELS)
def test_the_tables_are_told_apart_and_linked_by_ids(seed: str, unseen: bool, level: Level):
    problem = make(seed, "join", unseen, level)
    names = [table.name.lower() for table in problem.tables]
    assert len(set(names)) == len(names) == 2 + (" AS T3 " in problem.gold)
    assert problem.question.split("\n")[1].startswith(f"There are {len(names)} tables involved")
    for parent in problem.tables[1:]:
        assert parent.columns[0].name.lower() == "id"
        assert [row[0] for row in parent.rows] == list(range(1, len(parent.rows) + 1))
        moved = [str(row[1]).lower() for row in parent.rows]
        assert len(set(moved)) == len(moved)
    columns = [column.name.lower() for column in problem.tables[0].columns]
    assert len(set(columns)) == len(columns)


@settings(max_examples=120, deadline=None)
@given(SEEDS, UNSEEN, LEVELS)
def test_what_is_asked_and_what_is_known_stand_in_different_tables(seed: str, unseen: bool, level: Level):
    problem = make(seed, "join", unseen, level)
    wanted = re.match(r"SELECT (?:COUNT\(\*\)|(T\d)\.`.+?`) FROM", problem.gold)
    known = re.search(r" WHERE (T\d)\.`(.+?)` = ", problem.gold)
    assert wanted is not None
    assert known is not None
    assert wanted[1] != known[1]
    tested = problem.tables[int(known[1][1]) - 1]
    assert known[2] in [column.name for column in tested.columns]


@pytest.mark.parametrize(("level", "expected"), [("plain", {2}), ("varied", {2, 3})])
def test_a_plain_join_is_over_two_tables(level: Level, expected: set[int]):
    assert {len(make(str(n), "join", unseen=False, level=level).tables) for n in range(80)} == expected


def test_all_forms_of_a_join_occur():
    golds = [make(str(n), "join", unseen=True).gold for n in range(120)]
    for form in (r"SELECT T1\.", r"SELECT T2\.", r"SELECT COUNT\(\*\)"):
        assert sum(bool(re.match(form, gold)) for gold in golds) >= 12
