"""Equal values have one form, and what is shown is what Python would write, cut."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trajectune.environments.database.engine.cells import MAX_CHARS, plain, shown


def test_equal_cells_have_one_plain_form():
    assert plain(7) == plain(7.0) == plain("7") == plain(" 7.0 ")
    assert len({plain(None), plain(""), plain("None"), plain("7a")}) == 4


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
@example(10**17, 10**17 + 1)
def test_whole_numbers_are_one_value_exactly_when_they_are_equal(left: int, right: int):
    assert (plain(left) == plain(right)) == (left == right)
    assert plain(str(left)) == plain(left)
    assert plain(float(left)) == plain(int(float(left)))


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_one_value_exactly_when_they_are_equal(left: float, right: float):
    assert (plain(left) == plain(right)) == (left == right)
    assert plain(repr(left)) == plain(left)


@pytest.mark.parametrize(
    ("left", "right"),
    [("nan", "NaN"), ("inf", "Infinity"), ("1_000", "1000"), ("٣", "3"), ("0x10", "16"), ("1" * 5000, "1")],
)
def test_words_that_python_takes_for_numbers_are_texts(left: str, right: str):
    assert plain(left) != plain(right)


@pytest.mark.parametrize(
    "text", ["1" * 100_000 + "x", "1." + "1" * 100_000 + "x", "1" * 100_000, "1e" + "9" * 100_000]
)
def test_the_plain_form_of_a_long_cell_takes_linear_time(text: str):
    start = time.monotonic()
    assert plain(text) == text
    assert time.monotonic() - start < 0.5


CELLS = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(alphabet="ab'\"\\\n\0é\u202e", max_size=12),
    st.binary(max_size=6),
    st.tuples(
        st.sampled_from(["x", "'", '"', "\x00", "'\"", b"x", b"'", b"\0", b"'\""]), st.integers(1, 2000)
    ).map(lambda pair: pair[0] * pair[1]),
    st.integers(750, 850).map(lambda size: "x" * size + "'"),
)


@given(st.integers(1, 5).flatmap(lambda width: st.lists(st.tuples(*[CELLS] * width), max_size=6)))
def test_what_is_shown_is_what_python_writes(rows: list[tuple[object, ...]]):
    whole = repr(rows)
    cut = whole if len(whole) <= MAX_CHARS else whole[:MAX_CHARS] + "[TRUNCATED]"
    assert shown(rows) == cut


def test_no_more_is_read_than_is_shown():
    read: list[int] = []
    assert shown((read.append(n) or (n,)) for n in range(10**9)).endswith("[TRUNCATED]")
    assert len(read) < MAX_CHARS
