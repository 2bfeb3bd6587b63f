"""A product as the shop keeps it, and what it costs.

The idea: WebShop's product rows and the products that we make become the same `Product`; pages, search
and reward know nothing else.

Invariants: option names and values are in lower case; a product has no price, one, or a range of two; the
price that is paid out of a range depends on the product's code alone, so every episode sees the same one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

NO_PRICE = 100.0
"""Dollars that a product without a price costs, as in WebShop."""


@dataclass(frozen=True, slots=True)
class Product:
    """One thing on sale. `Product("B00EXAMPLE", "Rain jacket", prices=(39.5,))`."""

    asin: str
    """Its code, at most ten signs; what an agent clicks."""
    title: str
    description: str = ""
    bullets: tuple[str, ...] = ()
    """The page Features."""
    prices: tuple[float, ...] = ()
    """In dollars: none, one, or the two ends of a range."""
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Values to choose from, by the option's name."""
    attributes: tuple[str, ...] = ()
    """What it is known for; used by the reward, never shown."""
    query: str = ""
    """The search that WebShop's authors found it by: its kind."""
    path: tuple[str, ...] = ()
    """The shelves that it stands on, from the whole department to the last part."""

    @property
    def tag(self) -> str:
        """The price as pages show it."""
        return " to ".join(f"${price}" for price in self.prices or (NO_PRICE,))

    @property
    def price(self) -> float:
        """The price that is paid: of a range, one drawn once and for all."""
        if len(self.prices) < 2:
            return self.prices[0] if self.prices else NO_PRICE
        return Random(f"price/{self.asin}").uniform(*self.prices)

    @property
    def words(self) -> str:
        """What the search reads: title, description, the first bullet point and the options."""
        options = ", and ".join(f"{name}: {', '.join(values)}" for name, values in self.options.items())
        return " ".join([self.title, self.description, *self.bullets[:1], options])

    def record(self) -> list[Any]:
        """As JSON; `product` reads it back."""
        texts = [self.asin, self.title, self.description, self.bullets]
        return [*texts, self.prices, self.options, self.attributes, self.query, self.path]


def product(record: list[Any]) -> Product:
    """The product of a `record`."""
    asin, title, description, bullets, prices, options, attributes, query, path = record
    return Product(
        asin,
        title,
        description,
        tuple(bullets),
        tuple(prices),
        {name: tuple(values) for name, values in options.items()},
        tuple(attributes),
        query,
        tuple(path),
    )
