"""What rounds cost: drift moves all lengths, a trial its own, and what trials lose is bounded."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.engine.speculation.costs import SHARE, START, Costs


def measured(**seconds: float) -> Costs:
    """Costs of lengths `_1`, `_4`, …, each seen three times, the first length in use."""
    costs = Costs()
    for place, (name, each) in enumerate(seconds.items()):
        for _ in range(3):
            costs.observe(int(name[1:]), each, None if place == 0 else 0.0)
    return costs


def test_the_shortest_of_the_first_rounds_counts() -> None:
    costs = Costs()
    for seconds in (9.0, 2.0, 1.0):
        assert not costs.known(1)
        costs.observe(1, seconds, None)
    assert costs.known(1)
    assert costs.seconds(1) == 1.0


def test_lengths_not_measured_lie_on_the_line() -> None:
    costs = measured(_1=1.0, _4=2.5)
    assert costs.seconds(2) == pytest.approx(1.5)
    assert costs.seconds(8) == pytest.approx(4.5)


def test_a_jump_at_the_first_draft_is_not_taken_for_a_slope() -> None:
    """As on a GPU, where blocks of any length leave the fast path of single tokens."""
    costs = measured(_1=1.0, _2=6.5)
    assert costs.seconds(8) == pytest.approx(6.5 + 6 * 1.0)


def test_the_length_in_use_moves_all_and_a_trial_only_itself() -> None:
    costs = measured(_1=1.0, _4=2.0)
    for _ in range(60):  # the context grows
        costs.observe(1, 1.4, None)
    assert costs.seconds(1) == pytest.approx(1.4, rel=0.01)
    assert costs.seconds(4) == pytest.approx(2.8, rel=0.01)
    for _ in range(20):
        costs.observe(4, 4.0, 0.1)
    assert costs.seconds(4) == pytest.approx(4.0, rel=0.01)
    assert costs.seconds(1) == pytest.approx(1.4, rel=0.01)


def test_one_slow_round_says_little() -> None:
    costs = measured(_1=1.0)
    costs.observe(1, 100.0, None)
    assert costs.seconds(1) < 1.1


@given(st.lists(st.floats(0.01, 20.0), min_size=1, max_size=20))
def test_no_more_is_lost_than_is_allowed(losses: list[float]) -> None:
    """Whatever a trial is expected to lose, and does lose."""
    costs, total, lost = measured(_1=1.0), 3.0, 0.0
    for round_ in range(400):
        loss = losses[round_ % len(losses)]
        if costs.may_try(2, loss):
            costs.observe(2, 1.0 + loss, loss)
            total, lost = total + 1.0 + loss, lost + loss
        else:
            costs.observe(1, 1.0, None)
            total += 1.0
        assert lost <= SHARE * total + START + 1e-6


def test_what_is_tried_in_vain_is_tried_ever_more_rarely_but_not_never() -> None:
    costs, tries = measured(_1=1.0), []
    for round_ in range(2000):
        if costs.may_try(2, 0.01):
            costs.observe(2, 1.01, 0.01)
            tries.append(round_)
        else:
            costs.observe(1, 1.0, None)
    pauses = [after - before for before, after in pairwise(tries)]
    assert pauses == sorted(pauses)
    assert 100 < pauses[-1] < 150
