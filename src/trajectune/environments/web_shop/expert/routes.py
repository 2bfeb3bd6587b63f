"""The expert of a wish: a shopper whose way, tried out beforehand, ends with everything that was asked for.

The idea: what a shopper buys follows from its search and from the order in which it reads. Several ways
are tried in an order that the seed settles, and the first that earns the whole reward in time is played.
So every move is one that an agent could have made, and the choice among honest ways is all that the
expert knows more.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from trajectune.environments.contract import Expert
from trajectune.environments.web_shop.episode import ShopEpisode
from trajectune.environments.web_shop.expert.shopper import READ, Shopper
from trajectune.environments.web_shop.expert.wishes import Wish, searches, wish
from trajectune.environments.web_shop.shop.catalogue import Catalogue
from trajectune.environments.web_shop.shop.goal import Goal

Way = tuple[str, str, str]
"""A search, the page of a product that is read first, and a seed for the words of thoughts."""
FEATURES_FIRST = 0.8
"""How often the features are tried before the description: they tell more."""


def expert(catalogue: Catalogue, goal: Goal, rounds: int, key: str) -> Expert | None:
    """The moves of a way that earns 1, or `None`. `key` settles the order of trying.

    Ways on which everything was seen before it was bought go before lucky ones.
    """
    wished, lucky = wish(goal), None
    for way in _ways(wished, key):
        shopper = _shopper(wished, way, rounds)
        if _earned(catalogue, goal, shopper.moves()) == 1:
            if shopper.sure:
                return _shopper(wished, way, rounds).moves()
            lucky = lucky or way
    return _shopper(wished, lucky, rounds).moves() if lucky else None


def opened(catalogue: Catalogue, goal: Goal, rounds: int) -> int:
    """How many products are opened on a way that earns 1 without luck; 0 where no such way was found.

    Without luck: everything asked for was seen before it was bought.
    """
    wished = wish(goal)
    for way in _ways(wished, "opened"):
        shopper = _shopper(wished, way, rounds)
        if _earned(catalogue, goal, shopper.moves()) == 1 and shopper.sure:
            return shopper.opened
    return 0


def _ways(wished: Wish, key: str) -> Iterator[Way]:
    """Each search with each page read first, in an order that the key settles."""
    rng = Random(key)
    found = searches(wished) if wished.words else []
    for search in rng.sample(found, len(found)):
        for first in READ if rng.random() < FEATURES_FIRST else READ[::-1]:
            yield search, first, str(rng.getrandbits(32))


def _shopper(wished: Wish, way: Way, rounds: int) -> Shopper:
    search, first, seed = way
    return Shopper(wished, search, first, rounds, Random(seed))


def _earned(catalogue: Catalogue, goal: Goal, moves: Expert) -> float:
    """What these moves earn in an episode of their own."""
    episode = ShopEpisode(catalogue, goal, "text")
    try:
        result = episode.step(next(moves).calls[0])
        while not result.done:
            result = episode.step(moves.send(result.observation).calls[0])
    except StopIteration:
        return 0.0
    return result.reward
