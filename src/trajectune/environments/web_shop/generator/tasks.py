"""Wishes for products of the built-in shop.

The idea: a wish names a kind of product, one to three of its features, up to two options and mostly a
price limit; all of it is true of one to three products, and near misses stand around them. A wish is kept
when somebody who reads the pages and knows no more can fulfil it in time without luck (`effort`: how many
products they open on the way, 0 where they cannot), so every task can be won and has an expert.

Invariants: the same seed, split and number give the same wish; test wishes use words and kinds of
products that no train or dev wish uses, and what they ask for is not even on sale in the shop of train
and dev.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from random import Random

from trajectune.environments.contract import Split
from trajectune.environments.web_shop.generator.goods import Kind, bare, kinds
from trajectune.environments.web_shop.generator.products import products_of
from trajectune.environments.web_shop.generator.wordings import TEST, TRAIN, say
from trajectune.environments.web_shop.shop.catalogue import Catalogue, stocked
from trajectune.environments.web_shop.shop.goal import Goal, price_limit
from trajectune.environments.web_shop.shop.product import Product
from trajectune.errors import EpisodeError

TRIES = 200
"""Wishes made up for one task before giving up; the first is solvable more often than not."""
SEEKING = 30
"""Of these, how many are made up for a misleading wish; then any will do."""
MISLEADING = 0.4
"""Share of wishes for which the likeliest product, by title and price, turns out to be the wrong one."""
LIMITED = 0.85
"""Share of wishes with a price limit."""
FEATURES = (1, 2, 2, 2, 3, 3)
OPTIONS = (0, 1, 1, 2, 2)
"""How many are asked for; drawn from these."""
RARE = 3
"""Products of a kind that fulfil a wish, at most: the others are near misses."""


def groups() -> tuple[str, ...]:
    """Groups of kinds, in the order of the goods: the kinds of tasks."""
    return tuple(dict.fromkeys(kind.group for kind in kinds()))


def asked_for(split: Split, group: str) -> tuple[Kind, ...]:
    """The kinds of products that wishes of a split ask for."""
    return tuple(kind for kind in kinds() if kind.group == group and kind.held_out == (split == "test"))


@cache
def shop(seed: int, *, whole: bool) -> Catalogue:
    """The shop of test (`whole`), or that of train and dev, which lacks the kinds that are held out."""
    sold = [kind for kind in kinds() if whole or not kind.held_out]
    products = [product for kind in sold for product in made(kind, seed)]
    Random(f"{seed}/shelves").shuffle(products)
    return stocked(products)


def wish(seed: int, split: Split, number: int, group: str, effort: Callable[[Goal], int]) -> Goal:
    """The wish number `number` of a split, for something of a group."""
    rng = Random(f"{seed}/{split}/{number}/{group}")
    least = 2 if rng.random() < MISLEADING else 1
    for tried in range(TRIES):
        kind = rng.choice(asked_for(split, group))
        product = rng.choice(made(kind, seed))
        found = _goal(kind, product, split, rng)
        if _rare(found, made(kind, seed)) and effort(found) >= (least if tried < SEEKING else 1):
            return found
    raise EpisodeError(
        f"No wish for {group!r} can be fulfilled.", where=f"seed {seed}, {split} task {number}"
    )


@cache
def made(kind: Kind, seed: int) -> tuple[Product, ...]:
    """Products of a kind, made once."""
    return tuple(products_of(kind, seed))


def _rare(wanted: Goal, products: Iterable[Product]) -> bool:
    """Whether few of these products are all that was asked for."""
    return sum(_fits(product, wanted) for product in products) <= RARE


def _fits(product: Product, wanted: Goal) -> bool:
    values = {value for each in product.options.values() for value in each}
    asked_for_all = set(wanted.attributes) <= set(product.attributes) and set(wanted.options) <= values
    return asked_for_all and (wanted.limit is None or product.price <= wanted.limit)


def _goal(kind: Kind, product: Product, split: Split, rng: Random) -> Goal:
    own = [feature for feature in kind.features if bare(feature) in product.attributes]
    features = rng.sample(own, min(rng.choice(FEATURES), len(own)))
    names = rng.sample(sorted(product.options), min(rng.choice(OPTIONS), len(product.options)))
    options = {name: rng.choice(product.options[name]) for name in names}
    limit = price_limit(product.price, rng) if rng.random() < LIMITED else None
    words = TEST if split == "test" else TRAIN
    return Goal(
        say(words, kind, features, options, limit, rng),
        product.asin,
        product.title,
        product.query,
        product.path,
        tuple(map(bare, features)),
        tuple(options.values()),
        limit,
    )
