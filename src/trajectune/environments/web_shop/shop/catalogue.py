"""All products of a shop with the search over them.

Invariant: a product's number is its place in `products` and in the index alike; nothing here changes
once it is built, so any number of episodes share one catalogue.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from trajectune.environments.web_shop.shop.product import Product
from trajectune.environments.web_shop.shop.search import Index, build

HITS = 50
"""Products that a search finds, at most."""
QUERIES = 512
"""Searches whose hits are kept: agents and experts search for the same things again and again."""


class Products(Protocol):
    """Products by number, and their numbers by code."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int, /) -> Product: ...

    def find(self, asin: str) -> int | None:
        """The number of the product with this code, or `None`."""
        ...


class Shelf:
    """Products in memory."""

    def __init__(self, products: Sequence[Product]) -> None:
        self._products = products
        self._numbers = {product.asin: number for number, product in enumerate(products)}

    def __len__(self) -> int:
        return len(self._products)

    def __getitem__(self, number: int) -> Product:
        return self._products[number]

    def find(self, asin: str) -> int | None:
        """The number of the product with this code, or `None`."""
        return self._numbers.get(asin)


class Catalogue:
    """What a shop sells. `Catalogue(Shelf(products), build(p.words for p in products))`."""

    def __init__(self, products: Products, index: Index) -> None:
        self.products = products
        self._find = lru_cache(maxsize=QUERIES)(lambda words: tuple(index.search(words, HITS)))

    def search(self, words: str) -> Sequence[int]:
        """Numbers of the products that a search finds, the best first."""
        return self._find(words)

    def product(self, asin: str) -> Product | None:
        """The product with this code, or `None`."""
        number = self.products.find(asin)
        return None if number is None else self.products[number]


def stocked(products: Sequence[Product]) -> Catalogue:
    """A catalogue in memory."""
    return Catalogue(Shelf(products), build(product.words for product in products))
