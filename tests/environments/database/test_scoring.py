"""Right answers in any dress are right, and wrong ones wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.database.engine.sandbox import Sandbox
from trajectune.environments.database.engine.scoring import answers_match, states_match
from trajectune.environments.database.engine.tables import Column, Table


@pytest.mark.parametrize(
    ("given_values", "expected"),
    [
        (["7"], ["7.0"]),
        ([" 7 "], ["7"]),
        (["'Giza'"], ["Giza"]),
        (["None"], ["none"]),
        (["NULL"], ["none"]),
        ([""], ["none"]),
        (["b", "a"], ["a", "b"]),
        (["a", "a", "b"], ["a", "b"]),
        (["1", "x"], ["x", "1.0"]),
        (["13.333333333333334"], ["13.333333333"]),
    ],
)
def test_same_answers(given_values: list[str], expected: list[str]):
    assert answers_match(given_values, expected)


@pytest.mark.parametrize(
    ("given_values", "expected"),
    [
        (["7"], ["8"]),
        (["13.3"], ["13.333333333"]),
        (["giza"], ["Giza"]),
        ([], ["none"]),
        (["a"], ["a", "b"]),
        (["a", "b", "c"], ["a", "b"]),
        (["nan"], ["1"]),
        (["inf"], ["-inf"]),
    ],
)
def test_different_answers(given_values: list[str], expected: list[str]):
    assert not answers_match(given_values, expected)


@given(st.lists(st.text(max_size=5), min_size=1), st.randoms())
def test_order_and_repetition_do_not_matter(values: list[str], rng):
    shuffled = [*values, *values]
    rng.shuffle(shuffled)
    assert answers_match(shuffled, [*values, *values])


def box(*rows: list) -> Sandbox:
    return Sandbox([Table("t", [Column("a"), Column("n", "INT")], rows)])


@pytest.mark.parametrize(
    ("rows", "same"),
    [
        ([["y", 2], ["x", 1]], True),
        ([["x", "1"], ["y", 2.0]], True),
        ([["x", 1]], False),
        ([["x", 1], ["y", 2], ["y", 2]], False),
        ([["x", 1], ["y", 3]], False),
        ([["x", 1], [None, 2]], False),
    ],
)
def test_states_are_multisets_of_rows(rows: list, same: bool):
    assert states_match(box(["x", 1], ["y", 2]), box(*rows)) is same
