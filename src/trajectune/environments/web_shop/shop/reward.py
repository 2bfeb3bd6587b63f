"""What a purchase is worth: WebShop's reward (Yao et al., 2022, arXiv 2207.01206, section 3.1).

    reward = type · (attributes met + options met + [price within the limit])
                  / (attributes + options + 1)

An attribute is met when it is like one of the product's attributes, or stands in its title, bullet
points or description. An option is met when one of the chosen values is like it, colours reduced to
their first word first. The type is 1, and less for a product of another kind (`type_of`).

Invariant: the reward lies in [0, 1]; it is 1 exactly when everything asked for is met by a product of the
right type.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from trajectune.environments.web_shop.shop.goal import Goal
from trajectune.environments.web_shop.shop.product import Product
from trajectune.environments.web_shop.shop.words import alike, color, nouns

SHARED_SHELVES = 2
"""Parts of the category path that products of one kind have in common."""
SAME_TITLE, POOR_TITLE = 0.2, 0.1
"""Shares of the wanted title's nouns: above the first the kind is right; below the second it is not."""


@dataclass(frozen=True, slots=True)
class Score:
    """A purchase, part by part."""

    type: float
    """How right the kind of product is: 1, 0.5, 0.1 or 0."""
    attributes: int
    """Attributes of the goal that are met."""
    options: int
    """Options of the goal that are met."""
    price: bool
    asked: int
    """All that could be met: attributes, options and the price."""

    @property
    def reward(self) -> float:
        """The reward of the purchase, in [0, 1]."""
        return self.type * (self.attributes + self.options + self.price) / self.asked


def score(bought: Product, chosen: Collection[str], goal: Goal) -> Score:
    """The score of a product that was bought with these values chosen."""
    texts = (bought.title.lower(), " ".join(bought.bullets).lower(), bought.description.lower())
    values = [color(value) for value in chosen]
    return Score(
        type_of(bought, goal),
        sum(_has(bought, texts, wanted) for wanted in goal.attributes),
        sum(any(alike(value, color(wanted)) for value in values) for wanted in goal.options),
        goal.limit is None or bought.price <= goal.limit,
        len(goal.attributes) + len(goal.options) + 1,
    )


def _has(bought: Product, texts: Collection[str], wanted: str) -> bool:
    return any(alike(known, wanted) for known in bought.attributes) or any(wanted in text for text in texts)


def type_of(bought: Product, goal: Goal) -> float:
    """How right the kind of a product is.

    1 where the query is the same, two shelves are shared or more than 0.2 of the wanted title's nouns are
    there; else 0.5. A share of nouns below 0.1 makes it 0.1 all the same, and none makes it 0.
    """
    wanted = nouns(goal.title)
    share = len(nouns(bought.title) & wanted) / len(wanted) if wanted else SAME_TITLE
    if share == 0:
        return 0.0
    if share < POOR_TITLE:
        return 0.1
    shelves = len(set(bought.path) & set(goal.path))
    right = bought.query == goal.query or shelves >= SHARED_SHELVES or share > SAME_TITLE
    return 1.0 if right else 0.5
