"""WebShop's reward, part by part, against numbers worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.web_shop.shop.goal import Goal
from trajectune.environments.web_shop.shop.product import Product
from trajectune.environments.web_shop.shop.reward import Score, score, type_of


def test_everything_met_earns_one(coat: Product, wished: Goal) -> None:
    assert score(coat, ["navy"], wished) == Score(1.0, 2, 1, True, 4)
    assert score(coat, ["navy"], wished).reward == 1.0


@pytest.mark.parametrize(
    ("chosen", "changes", "reward"),
    [
        ([], {}, 0.75),  # no option chosen
        (["black"], {}, 0.75),  # another one chosen
        (["black", "navy"], {}, 1.0),  # of two options
        (["navy"], {"limit": 39.0}, 0.75),
        (["navy"], {"limit": 39.5}, 1.0),
        (["navy"], {"limit": None}, 1.0),
        (["navy"], {"attributes": ("waterproof", "heated")}, 0.75),
        ([], {"attributes": ("heated",), "limit": 1.0}, 0.0),
        ([], {"attributes": ("heated",), "options": ()}, 0.5),
    ],
)
def test_what_is_not_met_costs_its_share(
    coat: Product, wished: Goal, chosen: list[str], changes: dict, reward: float
) -> None:
    assert score(coat, chosen, replace(wished, **changes)).reward == pytest.approx(reward)


@pytest.mark.parametrize("place", ["title", "description", "bullets", "attributes"])
def test_an_attribute_counts_wherever_it_stands(coat: Product, wished: Goal, place: str) -> None:
    wanted = replace(wished, attributes=("self drying",))
    assert score(coat, [], wanted).attributes == 0
    text = "Coat, Self Drying"
    told = replace(coat, **{place: (text,) if place in ("bullets", "attributes") else text})
    assert score(told, [], wanted).attributes == 1


def test_options_are_compared_by_their_colour(coat: Product, wished: Goal) -> None:
    assert score(coat, ["dark navy"], wished).options == 1
    assert score(coat, ["navy blue"], wished).options == 0  # its first colour is blue
    assert score(coat, ["navy blue"], replace(wished, options=("sky blue",))).options == 1


TITLE = "Alpha Beta Gamma Delta Rho Sigma Tau Phi Chi Psi Omega"
WANTED = Goal("", "A", TITLE, "tent", ("Sports", "Camping", "Tent"), ("x",))


@pytest.mark.parametrize(
    ("title", "query", "path", "kind"),
    [
        (TITLE, "other", ("Else",), 1.0),  # the title says it
        ("Alpha Beta Gamma", "other", ("Else",), 1.0),  # 3 of 11 nouns
        ("Alpha Beta", "other", ("Else",), 0.5),  # 2 of 11: between 0.1 and 0.2
        ("Alpha Beta", "tent", ("Else",), 1.0),
        ("Alpha Beta", "other", ("Camping", "Sports"), 1.0),
        ("Alpha Beta", "other", ("Sports",), 0.5),
        ("Alpha", "tent", ("Sports", "Camping"), 0.1),  # 1 of 11 is below 0.1, whatever else is the same
        ("Nothing Shared", "tent", ("Sports", "Camping", "Tent"), 0.0),
        ("", "tent", ("Sports", "Camping", "Tent"), 0.0),
    ],
)
def test_how_right_a_kind_is(title: str, query: str, path: tuple[str, ...], kind: float) -> None:
    assert type_of(Product("B", title, query=query, path=path), WANTED) == kind


def test_a_wanted_title_without_nouns_is_decided_by_query_and_shelves() -> None:
    wanted = replace(WANTED, title="12")
    assert type_of(Product("B", "Anything", query="tent"), wanted) == 1.0
    assert type_of(Product("B", "Anything", query="pot"), wanted) == 0.5


@given(
    st.lists(st.sampled_from(["waterproof", "heated", "zip pockets"]), min_size=1, max_size=4),
    st.lists(st.sampled_from(["navy", "black", "large", "red"]), max_size=4),
    st.lists(st.sampled_from(["navy", "black", "large", "red"]), max_size=4),
    st.none() | st.floats(0, 100),
)
def test_a_reward_lies_between_nothing_and_one(
    attributes: list[str], options: list[str], chosen: list[str], limit: float | None
) -> None:
    coat = Product("B0", "Rain Coat", "Waterproof.", prices=(39.5,), query="rain coat")
    wanted = Goal("", "B0", "Rain Coat", "rain coat", (), tuple(attributes), tuple(options), limit)
    found = score(coat, chosen, wanted)
    assert 0 <= found.reward <= 1
    met = found.attributes == len(attributes) and found.options == len(options) and found.price
    assert (found.reward == 1) == met
