"""A rate is kept whatever requests turn out to take, over any minute and for any number of workers."""

from __future__ import annotations

import threading
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.agents.pace import Pace, Turn


class Clock:
    """A clock that a test winds."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_without_limits_nobody_waits() -> None:
    pace = Pace()
    for _ in range(100):
        turn = pace.turn()
        pace.settle(turn, 10_000)
        assert turn.wait == 0


@given(st.floats(1, 600), st.lists(st.floats(0, 30), min_size=1, max_size=60))
def test_no_minute_holds_more_requests_than_allowed(rate: float, idle: list[float]) -> None:
    clock = Clock()
    pace = Pace(requests=rate, clock=clock)
    starts = []
    for seconds in idle:
        clock.now += seconds
        starts.append(clock.now + pace.turn().wait)
    assert all(later - earlier >= 60 / rate - 1e-6 for earlier, later in pairwise(starts))


@given(
    st.integers(100, 10_000),
    st.integers(1, 8),
    st.lists(st.integers(0, 3_000), min_size=20, max_size=80),
)
def test_tokens_keep_to_the_rate_but_for_those_in_flight(rate: int, workers: int, sizes: list[int]) -> None:
    """Workers take turns one after the other; an answer comes the moment its request is made."""
    clock = Clock()
    pace = Pace(tokens=rate, clock=clock)
    flying: list[tuple[float, Turn, int]] = []
    used = 0
    for size in sizes:
        if len(flying) == workers:
            flying.sort(key=lambda each: each[0])
            start, turn, took = flying.pop(0)
            clock.now = max(clock.now, start)
            pace.settle(turn, took)
            used += took
            allowed = (clock.now - 100.0) * rate / 60
            assert used <= allowed + (workers + 1) * max(sizes) + 1e-6
        turn = pace.turn()
        flying.append((clock.now + turn.wait, turn, size))


def test_what_failed_costs_nothing() -> None:
    clock = Clock()
    pace = Pace(tokens=600, clock=clock)
    pace.settle(pace.turn(), 100)  # paid for after 10 s, and from now on 100 are expected
    booked = pace.turn()
    assert booked.wait == pytest.approx(10)
    pace.settle(booked, 0)
    assert pace.turn().wait == pytest.approx(10)


def test_threads_share_a_pace() -> None:
    pace = Pace(requests=60 * 200)
    starts: list[float] = []

    def work() -> None:
        for _ in range(5):
            time.sleep(pace.turn().wait)
            starts.append(time.monotonic())

    begun = time.monotonic()
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(starts) == 40
    assert max(starts) - begun >= 39 / 200
