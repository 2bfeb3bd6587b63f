"""Every fault is found in rows that were given it, and hardly anything in rows that were not."""

from __future__ import annotations

import pytest

from lint import faults_of, measured
from lint_mutants import MUTATIONS, mutants
from lint_rows import clean_rows
from trajectune.curate.lint.finding import DataFault
from trajectune.example import Example

ENVIRONMENTS = ["database", "web_navigation"]


@pytest.fixture(scope="module")
def rows() -> list[Example]:
    return clean_rows(ENVIRONMENTS, tasks=8, made=30)


def test_faults_are_found_and_clean_rows_are_left_alone(rows: list[Example]) -> None:
    found = measured(rows, count=40)
    assert found["false_hits"] <= 0.01 * found["clean_rows"]
    assert found["faults"].keys() == {fault.value for fault in DataFault}
    for name, each in found["faults"].items():
        assert each["mutants"] == 40, name
        assert each["recall"] >= 0.95, name
        assert each["precision"] >= 0.95, name


def test_mutants_are_drawn_by_their_seed_and_differ_from_their_rows(rows: list[Example]) -> None:
    assert set(MUTATIONS) == set(DataFault)
    first = mutants(rows, DataFault.LOOP, 5)
    assert first == mutants(rows, DataFault.LOOP, 5)
    assert first != mutants(rows, DataFault.LOOP, 5, seed=1)
    assert all(mutant not in rows for mutant in first)


def test_rows_are_rendered_in_every_dialect_and_made_up_ones_have_tools(rows: list[Example]) -> None:
    assert {row.source for row in rows} == {"agentbench", "react", "json", "native", "made up"}
    assert not any(faults_of(row) for row in rows[-30:])
