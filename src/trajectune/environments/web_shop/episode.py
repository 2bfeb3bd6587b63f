"""One visit to the shop: searches and clicks in, pages out, and a reward when something is bought.

The rules are those of WebShop's text environment: a search works on every page; a click must name what
the page offers; a click on an option's value chooses it; `< Prev` leads from a product's description to
the product and from there to the results; leaving a product forgets its options; `Buy Now` ends the
visit. What WebShop's server does for its authors alone is left out (searches for `<r>`, `<a>`, `<c>` and
`<q>`).

Invariants: whatever a call holds, it is answered, a wrong one with a fault and the same page; a call
that changes nothing is a repetition; after the purchase the reward stays what it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from trajectune.environments.answers import unknown_tool
from trajectune.environments.contract import MAX_OBSERVATION_CHARS, Episode, StepResult
from trajectune.environments.web_shop.shop import pages
from trajectune.environments.web_shop.shop.catalogue import Catalogue
from trajectune.environments.web_shop.shop.goal import Goal
from trajectune.environments.web_shop.shop.pages import Page, View, shown
from trajectune.environments.web_shop.shop.product import Product
from trajectune.environments.web_shop.shop.reward import score
from trajectune.trajectory import Fault, Tool, ToolCall


def _tool(name: str, argument: str, description: str, meaning: str) -> Tool:
    properties = {argument: {"type": "string", "description": meaning}}
    schema = {"type": "object", "properties": properties, "required": [argument]}
    return Tool(name=name, description=description, parameters=schema)


TOOLS = (
    _tool(
        "search", "keywords", "Search the shop and see the first page of results.", "words to search for"
    ),
    _tool(
        "click",
        "value",
        "Click a button, a product's code or an option's value on the page.",
        "what the page calls it",
    ),
)
ARGUMENTS = {"search": "keywords", "click": "value"}
PER_PAGE = 10
MAX_ECHO = 100
"""Characters of a wrong name that are given back."""
MAX_KEYWORDS = 1_000
"""Characters of a search that are looked at."""
SUBPAGES = {name.lower(): name for name in (pages.DESCRIPTION, pages.FEATURES, pages.REVIEWS)}
LEAVING = (pages.BACK.lower(), pages.PREVIOUS.lower())


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the shop the agent is."""

    keywords: str = ""
    """The search whose results lie behind; empty on the first page."""
    number: int = 0
    """The page of results, from 1; 0 on the first page."""
    item: Product | None = None
    subpage: str = ""
    chosen: dict[str, str] = field(default_factory=dict)
    """Values chosen on the product's page, by the option's name."""


class ShopEpisode(Episode):
    """A goal being shopped for. It holds nothing that would have to be freed."""

    def __init__(self, catalogue: Catalogue, goal: Goal, view: View = "actions") -> None:
        self._catalogue = catalogue
        self._goal = goal
        self._view: View = view
        self._place = Place()
        self._page = pages.search_page(goal.instruction)
        self._first = shown(self._page, view)
        self._bought: StepResult | None = None

    @property
    def observation(self) -> str:
        return self._first

    def step(self, call: ToolCall) -> StepResult:
        if self._bought is not None:
            return self._bought
        name = ARGUMENTS.get(call.name)
        if name is None:
            return self._wrong(unknown_tool(call, TOOLS).observation, Fault.UNKNOWN_TOOL)
        argument = call.arguments.get(name)
        if not isinstance(argument, str) or not argument.strip() or len(call.arguments) > 1:
            return self._wrong(f"{call.name} takes one text that is not empty: {name}.")
        return self._search(argument) if call.name == "search" else self._click(argument)

    def close(self) -> None:
        """Nothing is held."""

    def _search(self, keywords: str) -> StepResult:
        return self._go(Place(" ".join(keywords[:MAX_KEYWORDS].lower().split()), 1))

    def _click(self, value: str) -> StepResult:
        value = value.strip().lower()
        offered = self._page.clickable()
        if value not in offered or self._page.search_bar:
            return self._wrong(f"This page has nothing to click that is called {value[:MAX_ECHO]!r}.")
        item = self._place.item
        if value == pages.BUY.lower() and item is not None:
            return self._buy(item)
        return self._go(self._behind(value, offered[value]))

    def _behind(self, value: str, option: str) -> Place:
        """Where a click leads."""
        place = self._place
        if option:
            return replace(place, chosen=place.chosen | {option: value})
        if value in LEAVING:
            return self._left(value)
        if value in SUBPAGES and place.item is not None:
            return replace(place, subpage=SUBPAGES[value])
        if value == pages.NEXT.lower():
            return replace(place, number=place.number + 1)
        return Place(place.keywords, place.number, self._catalogue.product(value.upper()))

    def _left(self, value: str) -> Place:
        place = self._place
        if value == pages.BACK.lower():
            return Place()
        if place.subpage:
            return replace(place, subpage="")
        return Place(place.keywords, place.number - (place.item is None))

    def _go(self, place: Place) -> StepResult:
        fault = Fault.REPETITION if place == self._place else None
        self._place, self._page = place, self._at(place)
        return StepResult(shown(self._page, self._view), fault=fault)

    def _at(self, place: Place) -> Page:
        told, item = self._goal.instruction, place.item
        if item is not None and place.subpage:
            return pages.text_page(told, _texts(item, place.subpage))
        if item is not None:
            return pages.item_page(told, item)
        if not place.number:
            return pages.search_page(told)
        found = self._catalogue.search(place.keywords)
        start = (place.number - 1) * PER_PAGE
        products = [self._catalogue.products[number] for number in found[start : start + PER_PAGE]]
        return pages.results_page(told, products, place.number, len(found))

    def _buy(self, item: Product) -> StepResult:
        earned = score(item, list(self._place.chosen.values()), self._goal).reward
        self._bought = StepResult("You have bought it.", done=True, reward=earned)
        return self._bought

    def _wrong(self, why: str, fault: Fault = Fault.BAD_ARGUMENTS) -> StepResult:
        """The same page again, with the reason above it."""
        lead = f"{why} Nothing happens.\n\n"
        return StepResult(
            lead + shown(self._page, self._view, MAX_OBSERVATION_CHARS - len(lead)), fault=fault
        )


def _texts(item: Product, subpage: str) -> tuple[str, ...]:
    texts = {pages.DESCRIPTION: (item.description,), pages.FEATURES: item.bullets}
    return texts.get(subpage, ())
