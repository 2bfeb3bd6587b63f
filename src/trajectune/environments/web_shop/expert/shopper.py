"""A shopper who knows no more than it reads: the moves of an expert.

It searches, ranks the results by what their titles and prices say, opens the best one, checks that the
wanted values are offered and that every wanted feature is mentioned somewhere, goes back when something
is missing, chooses the values, and buys. It counts its rounds and stops checking when too few are left.

Invariant: no move and no thought depends on anything but the wish and the pages seen so far.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import lru_cache
from random import Random

from trajectune.environments.contract import Expert, Move
from trajectune.environments.web_shop.expert import reading
from trajectune.environments.web_shop.expert.reading import Hit
from trajectune.environments.web_shop.expert.thoughts import Thoughts
from trajectune.environments.web_shop.expert.wishes import Wish
from trajectune.environments.web_shop.shop import pages
from trajectune.environments.web_shop.shop.search import split, stem
from trajectune.trajectory import ToolCall

READ = (pages.FEATURES, pages.DESCRIPTION)
"""The pages that tell about a product."""
LOOK = 2
"""Moves that it takes to read one of a product's pages and come back."""


class Shopper:
    """One visit. `Shopper(wish, "rain coat", "Features", rounds, rng).moves()`.

    `first` is the page of a product that it reads first; `rng` chooses the words of thoughts.
    """

    def __init__(self, wished: Wish, search: str, first: str, rounds: int, rng: Random) -> None:
        self._wish = wished
        self._search = search
        self._left = rounds
        self._thoughts = Thoughts(rng)
        self._pages = sorted(READ, key=lambda page: page != first)
        self._tried: list[str] = []
        self.sure = True
        """Whether all that it bought by was seen; false once it buys in haste."""

    @property
    def opened(self) -> int:
        """Products that it has opened."""
        return len(self._tried)

    def moves(self) -> Expert:
        """The moves, to the purchase or to giving up."""
        page = yield self._move(self._say("search", thing=self._thing()), "search", self._search)
        while found := reading.hits(page):
            hit = self._best(found)
            if hit is not None:
                page = yield self._click(self._why(hit, found), hit.asin)
                self._tried.append(hit.asin)
                lacks = yield from self._examine(hit, page)
                if lacks is None:
                    return
                page = yield self._click(self._say(*lacks), pages.PREVIOUS)
            elif self._spare >= LOOK:
                page = yield self._click(self._say("next page"), pages.NEXT)
            else:
                return

    def _examine(self, hit: Hit, page: str) -> Generator[Move, str, tuple[str, str] | None]:
        """Buy the product of this page, or say why not: an occasion for a thought, and what is missing."""
        lacking = [value for value in self._wish.options if value not in reading.item(page).choices]
        if lacking:
            return "no option", lacking[0]
        unseen = yield from self._check(hit)
        if unseen and self._spare >= LOOK:
            return "leave", quoted(unseen[:1])
        yield from self._purchase(hit, unseen)
        return None

    def _move(self, thought: str, tool: str, value: str) -> Move:
        self._left -= 1
        name = "keywords" if tool == "search" else "value"
        return Move(thought, ToolCall(name=tool, arguments={name: value}))

    def _click(self, thought: str, value: str) -> Move:
        return self._move(thought, "click", value)

    @property
    def _spare(self) -> int:
        """Rounds beyond those that choosing and buying take."""
        return self._left - len(self._wish.options) - 1

    def _thing(self) -> str:
        return " ".join(self._wish.nouns[:6])

    def _best(self, found: Sequence[Hit]) -> Hit | None:
        """The most promising result that has not been tried, if there is time to open one."""
        left = [hit for hit in found if hit.asin not in self._tried and self._affordable(hit)]
        kinds = {hit.asin: self._kind(hit) for hit in left}
        likely = [hit for hit in left if kinds[hit.asin] >= 0.5]
        if not likely or self._spare < 1:
            return None
        return max(likely, key=lambda hit: (len(self._said(hit.title)), kinds[hit.asin]))

    def _affordable(self, hit: Hit) -> bool:
        """Whether its price, to the upper end of a range, is within the limit."""
        return self._wish.limit is None or max(hit.prices, default=0.0) <= self._wish.limit

    def _kind(self, hit: Hit) -> float:
        """The share of the thing's own words that its title has."""
        words = _stems(hit.title)
        return sum(stem(noun) in words for noun in self._wish.nouns) / len(self._wish.nouns)

    def _said(self, text: str) -> list[str]:
        return [feature for feature in self._wish.features if feature in text.lower()]

    def _why(self, hit: Hit, found: Sequence[Hit]) -> str:
        said = self._said(hit.title)
        missing = [feature for feature in self._wish.features if feature not in said]
        occasion = "open, some said" if said else "open, none said"
        if self._tried:
            occasion = "open another"
        elif said and not missing:
            occasion = "open, all said"
        words = {"asin": hit.asin, "price": told(hit), "feature": quoted(said), "missing": quoted(missing)}
        return self._dear(found[: found.index(hit)]) + self._say(occasion, **words)

    def _dear(self, above: Sequence[Hit]) -> str:
        """Why better results were left out, if that is why; said before the first one is opened."""
        if self._tried or all(map(self._affordable, above)):
            return ""
        return f"{self._say('dear', limit=f'{self._wish.limit:g}')} "

    def _check(self, hit: Hit) -> Generator[Move, str, list[str]]:
        """Read on until every feature was seen or the rounds are up: the features that were not seen."""
        missing = [feature for feature in self._wish.features if feature not in self._said(hit.title)]
        for name, other in zip(self._pages, [self._pages[1], ""], strict=True):
            if not missing or self._spare < LOOK:
                break
            text = reading.texts(
                (yield self._click(self._say("look", page=name.lower(), missing=quoted(missing)), name))
            )
            seen = [feature for feature in missing if feature in text]
            missing = [feature for feature in missing if feature not in seen]
            yield self._click(self._after(seen, missing, other), pages.PREVIOUS)
        return missing

    def _after(self, seen: Sequence[str], missing: Sequence[str], other: str) -> str:
        """Why it leaves the page that it has read, with `other` yet to be read (or nothing)."""
        if not missing:
            return self._say("found", feature=quoted(seen))
        if other and self._spare > LOOK:
            return self._say("look further", missing=quoted(missing), page=other.lower())
        return self._say("not found", missing=quoted(missing))

    def _purchase(self, hit: Hit, unseen: Sequence[str]) -> Generator[Move, str, None]:
        for value in self._wish.options:
            yield self._click(self._say("choose", value=value), value)
        self.sure = not unseen
        occasion = "buy" if self.sure else "buy at once"
        yield self._click(self._say(occasion, price=told(hit), missing=quoted(unseen)), pages.BUY)

    def _say(self, occasion: str, missing: str = "", **words: str) -> str:
        return self._thoughts.say(occasion, missing=missing, **words)


@lru_cache(maxsize=8192)
def _stems(title: str) -> frozenset[str]:
    return frozenset(map(stem, split(title)))


def told(hit: Hit) -> str:
    """A price as a thought says it."""
    return " to ".join(f"${price}" for price in hit.prices)


def quoted(features: Sequence[str]) -> str:
    """Features in quotation marks: 'non slip' and 'waterproof'."""
    return " and ".join(f"'{feature}'" for feature in features)
