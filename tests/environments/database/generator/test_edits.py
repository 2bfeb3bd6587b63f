"""Changes: what the gold statement does to the rows is what the question asks for."""

from __future__ import annotations

import re
from collections import Counter

from hypothesis import example, given, settings
from hypothesis import strategies as st

from trajectune.environments.database.engine.problem import CHANGES, Problem
from trajectune.environments.database.engine.sandbox import Sandbox
from trajectune.environments.database.generator.edits import MAX_CHANGED
from trajectune.environments.database.generator.generated import Level, make

SEEDS = st.integers(0, 10**6).map(str)
UNSEEN = st.booleans()
LEVELS = st.sampled_from(["plain", "varied"])
KINDS = st.sampled_from(CHANGES)

Rows = Counter[tuple[str, ...]]


def carried_out(problem: Problem) -> tuple[Rows, Rows, int]:
    """(rows gone, rows new, rows changed) by the gold statement."""
    box = Sandbox(problem.tables)
    name = problem.tables[0].name
    before, changes = box.state()[name], box.changes
    assert not box.run(problem.gold).failed
    after = box.state()[name]
    box.close()
    return before - after, after - before, box_changes(changes, problem)


def box_changes(before: int, problem: Problem) -> int:
    box = Sandbox(problem.tables)
    box.run(problem.gold)
    changed = box.changes - before
    box.close()
    return changed


@settings(max_examples=100, deadline=None)
@given(SEEDS, UNSEEN, LEVELS, KINDS)
def test_a_change_touches_a_handful_of_rows_and_never_none(
    seed: str, unseen: bool, level: Level, kind: str
):
    problem = make(seed, kind, unseen, level)
    gone, new, changed = carried_out(problem)
    assert 1 <= changed <= MAX_CHANGED
    assert (gone.total(), new.total()) == {
        "insert": (0, 1),
        "update": (changed, changed),
        "delete": (changed, 0),
    }[kind]


@settings(max_examples=60, deadline=None)
@given(SEEDS, UNSEEN, LEVELS)
def test_an_update_changes_every_cell_that_it_sets_and_no_other(seed: str, unseen: bool, level: Level):
    problem = make(seed, "update", unseen, level)
    (table,) = problem.tables
    set_columns = set(re.findall(r"`([^`]+)` = ", problem.gold.split(" SET ")[1].rsplit(" WHERE ", 1)[0]))
    kept = [n for n, column in enumerate(table.columns) if column.name not in set_columns]
    gone, new, _ = carried_out(problem)
    assert Counter(tuple(row[n] for n in kept) for row in gone.elements()) == Counter(
        tuple(row[n] for n in kept) for row in new.elements()
    )
    for n in set(range(len(table.columns))) - set(kept):
        values = {row[n] for row in new}
        assert len(values) == 1
        assert not values & {row[n] for row in gone}


@settings(max_examples=60, deadline=None)
@given(SEEDS, UNSEEN, LEVELS)
@example("162", False, "varied")  # "A Elgin Story", told as "An Elgin Story"
def test_an_inserted_row_is_told_cell_by_cell(seed: str, unseen: bool, level: Level):
    problem = make(seed, "insert", unseen, level)
    (table,) = problem.tables
    _, new, _ = carried_out(problem)
    ((row, _),) = new.items()
    said = problem.question.split("\n", 1)[0]
    for value in re.findall(r"'((?:[^']|'')*)'|(?<=[ (])(-?\d[\d.]*)(?=[,)])", problem.gold):
        text = (value[0] or value[1]).replace("''", "'")
        assert text.lower() in said.lower()
    assert row[0] not in {str(old[0]) for old in table.rows}
    names = re.search(r"\((`.*`)\) VALUES", problem.gold)
    assert names is not None
    assert sorted(names[1].strip("`").split("`, `")) == sorted(column.name for column in table.columns)


@settings(max_examples=60, deadline=None)
@given(SEEDS, UNSEEN, KINDS)
def test_new_values_keep_their_case(seed: str, unseen: bool, kind: str):
    problem = make(seed, kind, unseen, "varied")
    said = problem.question.split("\n", 1)[0]
    for text in re.findall(r"'((?:[^']|'')*)'", problem.gold):
        assert text.replace("''", "'") in said


def test_most_inserts_follow_the_order_of_the_columns():
    in_order = 0
    for seed in range(200):
        problem = make(str(seed), "insert", unseen=False)
        names = ", ".join(f"`{column.name}`" for column in problem.tables[0].columns)
        in_order += f"({names}) VALUES" in problem.gold
    assert 0.8 < in_order / 200 < 1
