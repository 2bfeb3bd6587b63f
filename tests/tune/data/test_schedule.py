"""Steps as a pure function of the seed."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectune.tune.data.rows import TokenRow
from trajectune.tune.data.schedule import Schedule, learning_rate


def make(agent: int, general: int, batch: int, **options: int) -> Schedule:
    tokens, trained = np.zeros(2, np.int32), np.array([False, True])
    rows = [TokenRow(str(i), "agent", tokens, trained) for i in range(agent)]
    rows += [TokenRow(str(i), "general", tokens, trained) for i in range(general)]
    return Schedule(rows, batch, **options)


@settings(deadline=None)
@given(
    agent=st.integers(1, 60), general=st.integers(0, 60), batch=st.integers(1, 20), seed=st.integers(0, 9)
)
def test_an_epoch_is_every_row_once_each_source_spread_evenly(
    agent: int, general: int, batch: int, seed: int
) -> None:
    schedule = make(agent, general, batch, seed=seed)
    steps = [schedule.rows_of(step) for step in range(schedule.steps)]
    assert sorted(index for step in steps for index in step) == list(range(agent + general))
    sizes = list(map(len, steps))
    assert max(sizes) <= batch
    assert max(sizes) - min(sizes) <= 1
    for step in steps:
        assert abs(sum(index < agent for index in step) - agent / len(steps)) < 2


def test_any_step_is_known_without_the_ones_before() -> None:
    forward = [make(20, 10, 7, steps=20).rows_of(step) for step in range(20)]
    assert [make(20, 10, 7, steps=20).rows_of(step) for step in reversed(range(20))] == forward[::-1]


def test_epochs_and_seeds_differ() -> None:
    schedule = make(30, 0, 30, steps=2)
    assert schedule.rows_of(0) != schedule.rows_of(1)
    assert schedule.rows_of(0) != make(30, 0, 30, seed=1).rows_of(0)


@pytest.mark.parametrize(
    ("options", "steps"), [({}, 5), ({"epochs": 2}, 10), ({"steps": 7, "epochs": 3}, 7)]
)
def test_number_of_steps(options: dict[str, int], steps: int) -> None:
    assert make(10, 7, 4, **options).steps == steps


def test_learning_rate_rises_and_falls() -> None:
    rates = [learning_rate(step, 100, 1.0, 0.1) for step in range(100)]
    assert rates[:10] == pytest.approx(np.arange(1, 11) / 10)
    assert rates[10] == 1.0
    assert rates[55] == pytest.approx(0.5)
    assert rates[99] < 1e-3
    assert all(a >= b for a, b in pairwise(rates[10:]))
