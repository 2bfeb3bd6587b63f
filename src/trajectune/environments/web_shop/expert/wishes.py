"""What an instruction asks for, as an expert takes it in, and the searches that follow from it.

Invariant: a search is made of words of the instruction alone, in their order.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from trajectune.environments.web_shop.lists import words
from trajectune.environments.web_shop.shop.goal import Goal
from trajectune.environments.web_shop.shop.search import split

_MONEY = re.compile(r"\$? ?\d+(?:\.\d+)? ?dollars|\$ ?\d+(?:\.\d+)?")
TALK = frozenset(words("talk"))
"""Words of asking, which name no thing."""


@dataclass(frozen=True, slots=True)
class Wish:
    """An instruction, taken apart."""

    words: tuple[str, ...]
    """The words that name something."""
    nouns: tuple[str, ...]
    """Those that belong to no feature and no option: the thing itself."""
    features: tuple[str, ...]
    options: tuple[str, ...]
    limit: float | None


def wish(goal: Goal) -> Wish:
    """The wish behind the words of a goal."""
    said = split(_MONEY.sub(" ", goal.instruction))
    told = {word for text in (*goal.attributes, *goal.options) for word in split(text)}
    telling = tuple(dict.fromkeys([word for word in said if word in told or word not in TALK] or said))
    return Wish(telling, _nouns(goal, telling, told), goal.attributes, goal.options, goal.limit)


def _nouns(goal: Goal, telling: tuple[str, ...], told: set[str]) -> tuple[str, ...]:
    """The kind of thing where the instruction names it, else all that is no feature and no option."""
    kind = tuple(dict.fromkeys(split(goal.query)))
    if kind and set(kind) <= set(telling):
        return kind
    return tuple(word for word in telling if word not in told) or telling


def searches(wished: Wish) -> list[str]:
    """Searches for a wish, each of words that the instruction has."""
    featured = _only(wished, {word for text in wished.features for word in split(text)})
    first = _only(wished, {word for text in wished.features[:1] for word in split(text)})
    everything = " ".join(wished.words)
    return list(dict.fromkeys([featured, everything, first, " ".join(wished.nouns)]))


def _only(wished: Wish, more: Collection[str]) -> str:
    return " ".join(word for word in wished.words if word in wished.nouns or word in more)
