"""The pages of the shop as text, and what can be clicked on them.

The idea: WebShop's text mode strips its HTML to the texts between tags, joined by ` [SEP] `; the same
texts in the same order are written here without any HTML between. Below the page stand the actions that
it offers, as AgentBench lists them; a `View` may leave them out, as the trajectories of AgentInstruct
do.

Invariants: what is listed as clickable can be clicked (but Search, which needs words); a page is never
longer than an observation may be. One that would be is written again with shorter texts and fewer values
of each option (all can still be clicked), and says how many it leaves out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from trajectune.environments.contract import MAX_OBSERVATION_CHARS
from trajectune.environments.web_shop.shop.product import Product

View = Literal["actions", "text"]

SEPARATOR = " [SEP] "
ACTIONS = "\n\nAvailable Actions:\n"
BACK, PREVIOUS, NEXT = "Back to Search", "< Prev", "Next >"
DESCRIPTION, FEATURES, REVIEWS = "Description", "Features", "Reviews"
BUY, SEARCH = "Buy Now", "Search"
NO_RATING = "N.A."
"""Shown for every product: WebShop's files of products hold no ratings, and its text mode shows none."""
WHOLE = (10**9, 10**9)
SHORTER = (WHOLE, (600, 60), (300, 40), (150, 20), (80, 10), (60, 5), (40, 2))
"""Characters of a text and values of an option: tried in this order until the page fits."""
CUT = " ... (cut)"


@dataclass(frozen=True, slots=True)
class Text:
    """Words that can be read and no more; cut where the page is too long."""

    words: str


@dataclass(frozen=True, slots=True)
class Button:
    """Something with a name that can be clicked: a button, or a product's code."""

    name: str


@dataclass(frozen=True, slots=True)
class Choice:
    """An option of a product and its values, each of which can be clicked."""

    name: str
    values: tuple[str, ...]


Part = Text | Button | Choice


@dataclass(frozen=True, slots=True)
class Page:
    """One page, part by part."""

    parts: tuple[Part, ...]
    search_bar: bool = False

    def clickable(self) -> dict[str, str]:
        """What can be clicked, in lower case: buttons, then values with the name of their option.

        A value of two options belongs to the last one, as in WebShop.
        """
        names = {part.name.lower(): "" for part in self.parts if isinstance(part, Button)}
        choices = (part for part in self.parts if isinstance(part, Choice))
        return names | {value: choice.name for choice in choices for value in choice.values}


def search_page(instruction: str) -> Page:
    """The first page: the instruction and a search bar."""
    return Page((Text("WebShop"), *_told(instruction), Button(SEARCH)), search_bar=True)


def results_page(instruction: str, found: Sequence[Product], number: int, total: int) -> Page:
    """Products that a search found, at most ten on a page; pages count from 1."""
    turning = (PREVIOUS, NEXT) if number > 1 else (NEXT,)
    heading = Text(f"Page {number} (Total results: {total})")
    rows = (part for item in found for part in (Button(item.asin), Text(item.title), Text(item.tag)))
    return Page((*_told(instruction), Button(BACK), heading, *map(Button, turning), *rows))


def item_page(instruction: str, item: Product) -> Page:
    """A product: options, title, price, and the way to its other pages and to the purchase."""
    choices = (Choice(name, values) for name, values in item.options.items())
    texts = map(Text, (item.title, f"Price: {item.tag}", f"Rating: {NO_RATING}"))
    more = map(Button, (DESCRIPTION, FEATURES, REVIEWS, BUY))
    return Page((*_told(instruction), Button(BACK), Button(PREVIOUS), *choices, *texts, *more))


def text_page(instruction: str, texts: Sequence[str]) -> Page:
    """A product's description, features or reviews."""
    return Page((*_told(instruction), Button(BACK), Button(PREVIOUS), *map(Text, texts)))


def _told(instruction: str) -> tuple[Text, Text]:
    return Text("Instruction:"), Text(instruction)


def shown(page: Page, view: View, room: int = MAX_OBSERVATION_CHARS) -> str:
    """A page as the agent sees it, in at most `room` characters."""
    tried = (_shown(page, view, *limits) for limits in SHORTER)
    fitting = next((text for text in tried if len(text) <= room), None)
    return fitting or f"{_shown(page, view, *SHORTER[-1])[: room - len(CUT)]}{CUT}"


def _shown(page: Page, view: View, chars: int, values: int) -> str:
    text = SEPARATOR.join(_written(page, chars, values))
    return f"{text}{ACTIONS}{_actions(page, values)}" if view == "actions" else text


def _actions(page: Page, values: int) -> dict[str, object]:
    hidden = {value for part in page.parts if isinstance(part, Choice) for value in part.values[values:]}
    clickables = [name for name, option in page.clickable().items() if not option or name not in hidden]
    return {"has_search_bar": page.search_bar, "clickables": clickables}


def _written(page: Page, chars: int, values: int) -> Iterator[str]:
    for part in page.parts:
        match part:
            case Text(words):
                yield short(words, chars)
            case Button(name):
                yield name
            case Choice(name, choices):
                yield from (name, *choices[:values])
                if len(choices) > values:
                    yield f"({len(choices) - values} more)"


@lru_cache(maxsize=16384)
def short(text: str, chars: int) -> str:
    """A text on one line, cut where it is longer than it may be."""
    line = " ".join(text.split())
    return line if len(line) <= chars else line[: chars - len(CUT)] + CUT
