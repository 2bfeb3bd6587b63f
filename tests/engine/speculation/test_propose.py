"""Prompt lookup: what followed the newest words the last time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.engine.speculation.propose import lookup


@pytest.mark.parametrize(
    ("tokens", "count", "found"),
    [
        ([1, 2, 3, 4, 1, 2, 3], 2, [4, 1]),
        ([1, 2, 9, 5, 2, 7, 1, 2], 1, [9]),  # two tokens match before one does
        ([4, 8, 4, 9, 4], 1, [9]),  # the last place, not the first
        ([1, 2, 1], 4, [2, 1, 1, 1]),  # the text ends too soon
        ([1, 2, 3], 3, [3, 3, 3]),  # nothing stood before
        ([5], 2, [5, 5]),
    ],
)
def test_examples(tokens: list[int], count: int, found: list[int]) -> None:
    assert lookup(tokens, count) == found


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.integers(1, 8))
def test_it_always_gives_the_number_asked_for_of_tokens_seen(tokens: list[int], count: int) -> None:
    found = lookup(tokens, count)
    assert len(found) == count
    assert set(found) <= set(tokens)


def test_only_the_window_is_searched() -> None:
    assert lookup([1, 7, *[2] * 10, 1], 1, window=5) == [1]
