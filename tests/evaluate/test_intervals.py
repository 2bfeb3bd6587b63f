"""Intervals against known values and their laws."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.evaluate.intervals import (
    Interval,
    bootstrap_mean,
    bootstrap_ratio,
    gap_share,
    mcnemar,
    over_seeds,
    wilson,
)

numbers = st.floats(-1e3, 1e3)


@given(values=st.lists(numbers, min_size=1, max_size=30), seed=st.integers(0, 3))
def test_every_interval_holds_its_value(values: list[float], seed: int) -> None:
    for interval in (bootstrap_mean(values, seed), over_seeds(values)):
        assert interval is not None
        assert interval.low <= interval.value <= interval.high


@given(gained=st.integers(0, 40), lost=st.integers(0, 40))
def test_mcnemar_is_a_p_value_that_takes_no_side(gained: int, lost: int) -> None:
    assert 0 < mcnemar(gained, lost) <= 1
    assert mcnemar(gained, lost) == mcnemar(lost, gained)


def test_intervals_are_plain_records() -> None:
    interval = Interval(value=0.5, low=0.1, high=0.9)
    assert Interval.model_validate_json(interval.model_dump_json()) == interval


def test_wilson_known_values() -> None:
    half = wilson(5, 10)
    assert half is not None
    assert (half.low, half.high) == pytest.approx((0.23659, 0.76341), abs=1e-5)
    none = wilson(0, 60)
    assert none is not None
    assert (none.low, none.high) == pytest.approx((0.0, 0.06017), abs=1e-5)
    assert wilson(0, 0) is None


@given(total=st.integers(1, 500), part=st.floats(0, 1))
def test_wilson_holds_its_value(total: int, part: float) -> None:
    interval = wilson(round(part * total), total)
    assert interval is not None
    assert 0 <= interval.low <= interval.value <= interval.high <= 1


def test_bootstrap_agrees_with_the_normal_approximation_and_its_seed() -> None:
    values = [0.0, 1.0] * 200
    interval = bootstrap_mean(values, seed=3)
    assert interval is not None
    assert interval.value == 0.5
    assert interval.low == pytest.approx(0.5 - 1.96 * 0.025, abs=0.006)
    assert interval == bootstrap_mean(values, seed=3)
    assert bootstrap_mean([]) is None
    ratio = bootstrap_ratio([2.0, 30.0], [1, 3])
    assert ratio is not None
    assert ratio.value == 8.0


def test_mcnemar_and_seeds() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(8, 0) == pytest.approx(2 / 256)
    assert mcnemar(8, 2) == mcnemar(2, 8) == pytest.approx(0.109375)
    three = over_seeds([1.0, 2.0, 3.0])
    assert three is not None
    assert three.high == pytest.approx(2 + 4.303 / 3**0.5)
    assert over_seeds([]) is None


def test_the_share_of_a_gap():
    floor, ceiling = [0.0] * 40, [1.0] * 30 + [0.0] * 10
    nothing = gap_share(floor, floor, ceiling)
    assert nothing is not None
    assert (nothing.low, nothing.value, nothing.high) == (0, 0, 0)
    half = gap_share(floor, [1.0] * 15 + [0.0] * 25, ceiling)
    assert half is not None
    assert half.value == pytest.approx(0.5)
    assert 0.25 < half.low < 0.5 < half.high < 0.75
    whole = gap_share(floor, ceiling, ceiling)
    assert whole is not None
    assert (whole.low, whole.value, whole.high) == (1, 1, 1)
    beyond = gap_share(floor, [1.0] * 40, ceiling)
    assert beyond is not None
    assert beyond.value > 1
    below = gap_share([1.0] * 20 + [0.0] * 20, floor, ceiling)
    assert below is not None
    assert below.value < 0


def test_without_a_gap_there_is_no_share():
    assert gap_share([1.0, 0.0], [1.0, 1.0], [0.0, 1.0]) is None
    assert gap_share([], [], []) is None
