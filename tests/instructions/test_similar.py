"""Likeness is ROUGE-L over words, checked against its definition."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.instructions.similar import LEAST, Pool, words

VOCABULARY = ("how", "many", "files", "are", "in", "the", "folder", "today")
sentences = st.lists(st.sampled_from(VOCABULARY), max_size=9).map(" ".join)


def rouge_l(left: list[str], right: list[str]) -> float:
    """2·LCS / (m + n), by its recursion."""

    @cache
    def common(i: int, j: int) -> int:
        if i == len(left) or j == len(right):
            return 0
        if left[i] == right[j]:
            return 1 + common(i + 1, j + 1)
        return max(common(i + 1, j), common(i, j + 1))

    whole = len(left) + len(right)
    return 2 * common(0, 0) / whole if whole else 1.0


@given(left=sentences, right=sentences)
def test_likeness_is_rouge_l_from_the_threshold_on(left: str, right: str) -> None:
    pool = Pool()
    pool.add(left)
    wanted = rouge_l(words(left), words(right))
    assert pool.has(right) == (wanted >= LEAST - 1e-12)
    if wanted >= LEAST:
        assert pool.nearest(right) == pytest.approx(wanted)


def test_case_and_punctuation_do_not_count() -> None:
    pool = Pool()
    pool.add("How many files are in /tmp?")
    assert pool.nearest("how many FILES are in tmp") == 1.0
    assert not pool.has("Which user owns the largest file?")


def test_an_empty_pool_has_nothing() -> None:
    assert Pool().nearest("anything") == 0.0
