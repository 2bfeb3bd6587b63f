"""The pages of the shop read back from their text: what an expert knows is what it has seen.

Invariant: any text is read, whatever it holds; what is no such page gives nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from trajectune.environments.web_shop.shop import pages

_PRICE = re.compile(r"\$(\d+(?:\.\d+)?)")
_HEADING = "Price: "


@dataclass(frozen=True, slots=True)
class Hit:
    """A product on a page of results."""

    asin: str
    title: str
    prices: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """A product's own page."""

    choices: tuple[str, ...]
    """Names and values of options: the page does not tell them apart."""
    title: str
    prices: tuple[float, ...]


def hits(observation: str) -> list[Hit]:
    """The products on a page of results, from the top."""
    parts = _parts(observation)
    if pages.NEXT not in parts:
        return []
    rows = parts[parts.index(pages.NEXT) + 1 :]
    return [Hit(*row[:2], prices(row[2])) for row in zip(rows[::3], rows[1::3], rows[2::3], strict=False)]


def item(observation: str) -> Item:
    """A product's page."""
    parts = _parts(observation)
    end = next((place for place, part in enumerate(parts) if part.startswith(_HEADING)), 0)
    if pages.PREVIOUS not in parts[:end]:
        return Item((), "", ())
    choices = parts[parts.index(pages.PREVIOUS) + 1 : end - 1]
    return Item(tuple(choices), parts[end - 1], prices(parts[end]))


def texts(observation: str) -> str:
    """A product's description or features, in lower case."""
    parts = _parts(observation)
    start = parts.index(pages.PREVIOUS) + 1 if pages.PREVIOUS in parts else len(parts)
    return " ".join(parts[start:]).lower()


def prices(tag: str) -> tuple[float, ...]:
    """The prices in a text: one, or the two ends of a range."""
    return tuple(map(float, _PRICE.findall(tag)))


def _parts(observation: str) -> list[str]:
    return observation.partition(pages.ACTIONS)[0].split(pages.SEPARATOR)
