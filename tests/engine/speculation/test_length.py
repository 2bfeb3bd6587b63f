"""The length of drafted blocks: the estimate is right where times and acceptance are known."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.engine.speculation.length import BlockLength, expected


def simulate(acceptance: float, draft: float, start: float, slope: float, rounds: int = 300) -> BlockLength:
    """Rounds whose times follow the model exactly and whose drafts are kept by a coin."""
    coin, lengths = random.Random(0), BlockLength(longest=16)
    for _ in range(rounds):
        length = lengths.choose()
        kept = next((i for i in range(length) if coin.random() > acceptance), length)
        lengths.observe(length, length * draft, start + slope * length, [kept])
    return lengths


def best(acceptance: float, draft: float, start: float, slope: float) -> int:
    return max(range(1, 17), key=lambda g: expected(acceptance, g) / (g * draft + start + slope * g))


@pytest.mark.parametrize(
    ("acceptance", "draft", "start", "slope"),
    [
        (0.9, 0.1, 1.0, 0.02),
        (0.8, 0.05, 1.0, 0.02),
        (0.6, 0.3, 1.0, 0.02),
        (0.1, 1.0, 1.0, 0.02),
        (0.6, 0.4, 0.1, 0.6),  # a large batch: judging two positions costs nearly twice as much as one
    ],
)
def test_it_settles_near_the_best_length(
    acceptance: float, draft: float, start: float, slope: float
) -> None:
    """Near in what matters: tokens per second within a tenth of the best, most of the time."""
    lengths, rates = simulate(acceptance, draft, start, slope), []
    coin = random.Random(1)
    for _ in range(100):
        length = lengths.choose()
        kept = next((i for i in range(length) if coin.random() > acceptance), length)
        lengths.observe(length, length * draft, start + slope * length, [kept])
        rates.append(expected(acceptance, length) / (length * draft + start + slope * length))
    top = best(acceptance, draft, start, slope)
    assert sum(rates) / len(rates) > 0.9 * expected(acceptance, top) / (top * draft + start + slope * top)


def test_useless_drafts_end_in_plain_decoding() -> None:
    assert simulate(0.0, 0.5, 1.0, 0.1).choose() == 1


def test_a_fixed_length_stays() -> None:
    lengths = BlockLength(fixed=5)
    lengths.observe(5, 1.0, 1.0, [0])
    assert lengths.choose() == 5


@given(st.floats(0, 1), st.integers(1, 16))
def test_expected_tokens_are_the_sum_of_the_chances(acceptance: float, length: int) -> None:
    assert expected(acceptance, length) == pytest.approx(
        sum(acceptance**i for i in range(length)), rel=1e-6
    )


def test_totals_count_all_rows() -> None:
    lengths = BlockLength(fixed=3)
    lengths.observe(3, 0.1, 0.1, [3, 0, 1])
    assert (lengths.rounds, lengths.drafted, lengths.accepted, lengths.tokens) == (1, 9, 4, 3 + 1 + 2)
