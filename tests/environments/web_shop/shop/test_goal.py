"""Goals as data, and limits of prices on WebShop's ladder."""

from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.web_shop.shop.goal import Goal, goal, price_limit


def test_a_goal_is_plain_data(wished: Goal) -> None:
    assert goal(json.loads(json.dumps(wished.data()))) == wished


@given(st.floats(0, 2000), st.integers())
def test_a_limit_is_one_of_the_next_steps_but_the_first(price: float, seed: int) -> None:
    limit = price_limit(price, Random(seed))
    above = [10.0 * n for n in range(1, 100) if 10.0 * n > price]
    assert limit in above[1:4] if len(above) > 1 else limit is None


@pytest.mark.parametrize(("price", "limit"), [(975.0, 990.0), (980.0, None), (990.0, None), (5000.0, None)])
def test_where_the_ladder_ends(price: float, limit: float | None) -> None:
    assert price_limit(price, Random(0)) == limit


def test_all_three_steps_are_drawn() -> None:
    assert {price_limit(32.0, Random(seed)) for seed in range(50)} == {50.0, 60.0, 70.0}
