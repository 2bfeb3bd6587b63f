"""The shopper on pages that the test writes: what it does next, why, and what it never does."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from trajectune.environments.contract import Move
from trajectune.environments.web_shop import WebShopEnvironment
from trajectune.environments.web_shop.episode import ShopEpisode
from trajectune.environments.web_shop.expert.shopper import Shopper, quoted
from trajectune.environments.web_shop.expert.wishes import wish
from trajectune.environments.web_shop.shop.catalogue import stocked
from trajectune.environments.web_shop.shop.goal import Goal, goal
from trajectune.environments.web_shop.shop.product import Product

ALL_SAID = "Waterproof Rain Coat with Zip Pockets"
OPTIONS = {"color": ("navy", "black")}
RIGHT = Product(
    "B0RIGHT001", "Rain Coat", "Waterproof.", ("With zip pockets.",), (39.0,), OPTIONS, query="rain coat"
)


def walked(products: list[Product], wished: Goal, rounds: int = 10) -> tuple[list[Move], float]:
    """The moves of a shopper, and what they earn."""
    episode = ShopEpisode(stocked(products), wished)
    shopper = Shopper(wish(wished), "rain coat", "Features", rounds, Random(1)).moves()
    moves: list[Move] = []
    seen, reward = None, 0.0
    while True:
        try:
            moves.append(next(shopper) if seen is None else shopper.send(seen))
        except StopIteration:
            return moves, reward
        result = episode.step(moves[-1].calls[0])
        assert result.fault is None
        seen, reward = result.observation, result.reward
        if result.done:
            return moves, reward


def done(moves: list[Move]) -> list[str]:
    return [str(next(iter(move.calls[0].arguments.values()))) for move in moves]


def test_it_reads_what_the_title_does_not_say_and_buys(wished: Goal) -> None:
    moves, reward = walked([RIGHT], wished)
    assert reward == 1
    assert done(moves)[:2] == ["rain coat", "B0RIGHT001"]
    assert {"Features", "Description"} <= set(done(moves))
    assert done(moves)[-2:] == ["navy", "Buy Now"]


def test_it_reads_no_further_than_it_must(wished: Goal) -> None:
    plain = replace(RIGHT, title=ALL_SAID)
    assert done(walked([plain], wished)[0]) == ["rain coat", "B0RIGHT001", "navy", "Buy Now"]


def test_a_product_without_the_wanted_value_is_left(wished: Goal) -> None:
    other = replace(
        RIGHT,
        asin="B0OTHER001",
        title=ALL_SAID,
        options={"color": ("black",)},
    )
    moves, reward = walked([other, RIGHT], wished)
    assert done(moves)[1:4] == ["B0OTHER001", "< Prev", "B0RIGHT001"]
    assert "navy" in moves[2].thought.lower()
    assert reward == 1


def test_a_product_without_a_feature_is_left(wished: Goal) -> None:
    once = replace(wished, options=())
    other = replace(
        RIGHT, asin="B0OTHER001", title="Waterproof Rain Coat", bullets=("Nothing.",), description=""
    )
    plain = replace(RIGHT, title="Rain Coat with Zip Pockets", description="", bullets=("Waterproof.",))
    moves, reward = walked([other, plain], once, rounds=12)
    assert done(moves)[1] == "B0OTHER001"
    assert "'zip pockets'" in " ".join(move.thought for move in moves[2:6])
    assert done(moves)[-1] == "Buy Now"
    assert "B0RIGHT001" in done(moves)
    assert reward == 1


def test_what_may_cost_too_much_is_not_opened(wished: Goal) -> None:
    dear = replace(RIGHT, asin="B0DEAR0001", title=ALL_SAID, prices=(40.0, 60.0))
    right = replace(RIGHT, description="Waterproof. " + "Long words " * 9)
    moves, reward = walked([dear, right], wished)
    assert "B0DEAR0001" not in done(moves)
    assert "50 dollars" in moves[1].thought
    assert reward == 1


def test_another_kind_of_thing_is_not_opened(wished: Goal) -> None:
    hat = Product("B0HAT00001", "Hat, Waterproof, Zip Pockets", "rain coat", prices=(9.0,), options=OPTIONS)
    assert "B0HAT00001" not in done(walked([hat, RIGHT], wished)[0])


def test_it_turns_the_page_when_nothing_fits(wished: Goal) -> None:
    dear = [replace(RIGHT, asin=f"B0DEAR{n:04d}", prices=(99.0,)) for n in range(10)]
    far = replace(RIGHT, description="Waterproof. " + "Long words " * 9)
    moves, reward = walked([*dear, far], wished)
    assert done(moves)[:3] == ["rain coat", "Next >", "B0RIGHT001"]
    assert reward == 1


def test_it_buys_in_haste_when_the_rounds_are_up(wished: Goal) -> None:
    moves, reward = walked([RIGHT], wished, rounds=4)
    assert done(moves) == ["rain coat", "B0RIGHT001", "navy", "Buy Now"]
    assert reward == 1


@pytest.mark.parametrize("products", [[], [Product("B0TEA00001", "Tea", "rain coat")]])
def test_it_gives_up_where_nothing_is_to_be_found(products: list[Product], wished: Goal) -> None:
    moves, reward = walked(products, wished)
    assert done(moves)[0] == "rain coat"
    assert reward == 0


@pytest.mark.parametrize("rounds", range(1, 11))
def test_it_never_makes_more_moves_than_there_are_rounds(
    environment: WebShopEnvironment, rounds: int
) -> None:
    for task in environment.tasks("train")[:15]:
        wanted = goal(task.data["goal"])
        episode = environment.open(task)
        shopper = Shopper(wish(wanted), wanted.query, "Description", rounds, Random(0)).moves()
        made, seen = 0, None
        while True:
            try:
                move = next(shopper) if seen is None else shopper.send(seen)
            except StopIteration:
                break
            made += 1
            result = episode.step(move.calls[0])
            seen = result.observation
            if result.done:
                break
        assert made <= rounds


def test_features_in_quotation_marks() -> None:
    assert quoted(["a", "b"]) == "'a' and 'b'"
    assert quoted([]) == ""
