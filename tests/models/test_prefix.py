"""The longest common beginning, of lists and of arrays."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trajectune.models.prefix import common_prefix

TOKENS = st.lists(st.integers(0, 2), max_size=12)


def slowly(left: list[int], right: list[int]) -> int:
    pairs = zip(left, right, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


@given(shared=TOKENS, left=TOKENS, right=TOKENS)
def test_it_is_the_one_found_token_by_token(shared: list[int], left: list[int], right: list[int]) -> None:
    left, right = shared + left, shared + right
    expected = slowly(left, right)
    assert expected >= len(shared)
    assert common_prefix(left, right) == common_prefix(right, left) == expected
    assert common_prefix(np.array(left, np.int32), np.array(right, np.int32)) == expected


def test_the_first_token_decides() -> None:
    assert common_prefix([1, 2, 3], [4, 2, 3]) == 0
    assert common_prefix([1], [2]) == 0
    assert common_prefix(list(range(10_001)), [*range(9_999), -1, 10_000]) == 9_999
