"""Right answers in any dress are right, and wrong ones wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.database.engine.sandbox import Sandbox
from trajectune.environments.database.engine.scoring import answers_match, plain_answer, states_match
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


VALUES = st.one_of(
    st.text(alphabet="aA 1.'\"", max_size=4),
    st.integers(-99, 99).map(str),
    st.floats(-9, 9).map(str),
    st.sampled_from(["none", "NULL", "", "nan", "inf", "7", "7.0", " 7."]),
)
LISTS = st.lists(VALUES, min_size=1, max_size=4)


@given(LISTS, LISTS)
def test_matching_is_symmetric(left: list[str], right: list[str]):
    assert answers_match(left, right) == answers_match(right, left)


@given(LISTS)
def test_an_answer_matches_itself_in_other_dress(values: list[str]):
    assert answers_match(values, values)
    assert answers_match([f"  {value}\n" for value in values], values)
    undressed = [value for value in values if value.strip()[:1] not in ("'", '"')]
    assert not undressed or answers_match([f"'{value}'" for value in undressed], undressed)


@given(LISTS, st.text(alphabet="xyz", min_size=1, max_size=5))
def test_one_value_more_or_another_is_wrong(values: list[str], strange: str):
    assert not answers_match([*values, strange], values)
    assert not answers_match([strange, *values[1:]], values)


@given(st.floats(-1e6, 1e6), st.floats(1e-5, 1))
def test_numbers_may_differ_by_rounding_and_no_more(number: float, share: float):
    other = number + max(abs(number), 1) * share
    assert answers_match([repr(number * (1 + 1e-9))], [repr(number)])
    assert not answers_match([repr(other)], [repr(number)])


@given(VALUES)
def test_the_normal_form_is_a_finite_number_or_a_bare_text(value: str):
    normal = plain_answer(value)
    if not isinstance(normal, str):
        assert float(value.strip().strip("'\"")) == normal
    else:
        assert normal == normal.strip()
        assert normal.lower() not in ("", "null")


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


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2)).map(list), max_size=5), st.randoms())
def test_states_compare_as_sorted_rows_do(rows: list, rng):
    other = [list(row) for row in rows]
    rng.shuffle(other)
    assert states_match(box(*rows), box(*other))
    for row in other[:1]:
        row[1] += 1
        assert not states_match(box(*rows), box(*other))


def test_a_table_more_is_another_state():
    more = Sandbox([Table("t", [Column("a"), Column("n", "INT")], []), Table("u", [Column("a")], [])])
    assert not states_match(box(), more)


ANY_TEXT = st.one_of(
    st.text(st.characters(), max_size=8),
    st.sampled_from(
        ["9" * 5000, "-" + "9" * 5000, "1e999", "\ud800", "a\0", "nan", "-inf", "0." + "1" * 5000]
    ),
)


@given(st.lists(ANY_TEXT, max_size=4), st.lists(ANY_TEXT, max_size=4))
def test_any_texts_are_compared(left: list[str], right: list[str]):
    assert answers_match(left, left)
    assert answers_match(left, right) == answers_match(right, left)
