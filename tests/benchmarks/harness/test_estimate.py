"""Laws of intervals: units, turning round, cover."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.estimate import estimate, t_quantile

rates = st.floats(0.01, 1e6)
many = st.lists(rates, min_size=2, max_size=12)


@given(many)
def test_mean_and_median_lie_where_they_must(values: list[float]) -> None:
    found = estimate(values)
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.mean * (1 + 1e-9)
    assert found.mean <= found.high * (1 + 1e-9)
    assert min(values) * (1 - 1e-9) <= found.median <= max(values) * (1 + 1e-9)


@given(many, rates)
def test_another_unit_scales_everything(values: list[float], factor: float) -> None:
    found, scaled = estimate(values), estimate(value * factor for value in values)
    assert found is not None
    assert scaled is not None
    for name in ("mean", "median", "low", "high"):
        assert getattr(scaled, name) == pytest.approx(factor * getattr(found, name), rel=1e-6)
    assert scaled.half_width == pytest.approx(found.half_width, rel=1e-5, abs=1e-9)


@given(many)
def test_turned_round_the_interval_is_turned_round(values: list[float]) -> None:
    found, turned = estimate(values), estimate(1 / value for value in values)
    assert found is not None
    assert found.low is not None
    assert turned is not None
    assert turned.mean == pytest.approx(1 / found.mean)
    assert turned.high == pytest.approx(1 / found.low, rel=1e-6)


def test_equal_values_have_no_width_and_a_single_one_has_no_interval() -> None:
    equal, single = estimate([2.0, 2.0, 2.0]), estimate([2.0])
    assert equal is not None
    assert equal.half_width == pytest.approx(0)
    assert single is not None
    assert (single.low, single.high, single.half_width) == (None, None, math.inf)
    assert estimate([]) is None


@pytest.mark.parametrize(
    ("freedom", "quantile"), [(1, 12.706), (4, 2.776), (5, 2.571), (8, 2.306), (20, 2.086), (120, 1.980)]
)
def test_quantiles_are_those_of_the_tables(freedom: int, quantile: float) -> None:
    assert t_quantile(freedom) == pytest.approx(quantile, abs=2e-3)


def test_nineteen_of_twenty_intervals_hold_the_truth() -> None:
    draw = random.Random(0)
    samples = ([math.exp(draw.gauss(1.0, 0.2)) for _ in range(6)] for _ in range(2_000))
    held = sum(
        found.low <= math.e <= found.high
        for found in map(estimate, samples)
        if found and found.low is not None and found.high is not None
    )
    assert held / 2_000 == pytest.approx(0.95, abs=0.02)
