"""Drawn tables: a key, a number column, rows enough to ask about, and the same for the same seed."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectune.environments.database.engine.schema import MAX_ROWS, RANKED, STYLES, draw_table, new_row
from trajectune.environments.database.engine.tables import Column
from trajectune.environments.database.generator.pools import sql_type
from trajectune.environments.database.generator.themes import Field, Theme, train_themes
from trajectune.environments.database.generator.themes import test_themes as unseen_themes

THEMES = (*train_themes(), *unseen_themes())
SEEDS = st.integers(0, 10**6)


@settings(max_examples=200, deadline=None)
@given(SEEDS)
def test_a_table_keeps_what_the_generators_rely_on(seed: int):
    drawn = draw_table(Random(seed), THEMES)
    table, theme = drawn.table, drawn.theme
    assert drawn.fields[0] == theme.fields[0]
    assert set(drawn.fields) <= set(theme.fields)
    assert len(drawn.fields) == len(set(drawn.fields)) == len(table.columns) >= 3
    assert any(field.kind in RANKED for field in drawn.fields[1:])
    keys = [str(drawn.value(row, drawn.fields[0])).lower() for row in table.rows]
    assert len(set(keys)) == len(keys)
    assert 2 <= len(keys) <= MAX_ROWS
    assert all(len(row) == len(table.columns) and None not in row for row in table.rows)
    names = [column.name.lower() for column in table.columns]
    assert all(names)
    assert len(set(names)) == len(names)


@given(SEEDS)
def test_the_same_seed_draws_the_same_table(seed: int):
    one, two = (draw_table(Random(seed), THEMES) for _ in range(2))
    assert (one.table, one.fields, one.made_up) == (two.table, two.fields, two.made_up)


@given(SEEDS)
def test_fields_and_columns_go_together(seed: int):
    drawn = draw_table(Random(seed), THEMES)
    assert {*drawn.ranked, *drawn.textual} == set(drawn.fields)
    for field in drawn.fields:
        position = [column.name for column in drawn.table.columns].index(drawn.column(field))
        assert drawn.table.columns[position].type == sql_type(field.spec)
        for row in drawn.table.rows:
            assert drawn.value(row, field) == row[position]
            assert isinstance(row[position], int | float) == (field in drawn.ranked)


@given(SEEDS)
def test_a_new_row_has_a_new_key(seed: int):
    rng = Random(seed)
    drawn = draw_table(rng, THEMES)
    row = new_row(rng, drawn)
    assert len(row) == len(drawn.table.columns)
    assert row[0] not in [old[0] for old in drawn.table.rows]


@given(SEEDS)
def test_a_new_row_is_found_though_the_pool_is_used_up(seed: int):
    small = Theme("x", "xs", ("t",), (Field("Key", "of a,b"), Field("N", "int 1 9"), Field("M", "int 1 9")))
    rng = Random(seed)
    drawn = draw_table(rng, [small])
    assert new_row(rng, drawn)[0] not in [old[0] for old in drawn.table.rows]


def test_columns_that_a_style_would_make_equal_keep_their_headers():
    alike = Theme(
        "x", "xs", ("t",), (Field("Key", "person"), Field("A b", "int 1 9"), Field("a_B", "int 1 9"))
    )
    seen = set()
    for seed in range(60):
        names = tuple(column.name for column in draw_table(Random(seed), [alike]).table.columns)
        assert len({name.lower() for name in names}) == 3
        seen.add(names)
    assert ("Key", "A b", "a_B") in seen


def test_tables_are_written_in_every_style():
    headers = {style("Top ticket (€)") for style in STYLES}
    assert headers == {"Top ticket (€)", "Top Ticket (€)", "top_ticket", "TopTicket", "top ticket (€)"}


@pytest.mark.parametrize(
    ("spec", "column"),
    [
        ("int 1 9", "INT"),
        ("year 1900 2000", "INT"),
        ("float 1 2", "FLOAT"),
        ("isodate", "DATE"),
        ("date", "TEXT"),
    ],
)
def test_types_of_columns(spec: str, column: str):
    assert Column("c", sql_type(spec)).type == column
