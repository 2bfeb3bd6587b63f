"""Shops: things to put into a cart, and searches to narrow down and save."""

from __future__ import annotations

from random import Random

from trajectune.environments.web_navigation.page.element import Element
from trajectune.environments.web_navigation.sites.drawing import Drawing
from trajectune.environments.web_navigation.sites.frame import Frame
from trajectune.environments.web_navigation.sites.kinds.forms import SENT, UNSET
from trajectune.environments.web_navigation.sites.site import IDLE, Goal, Screen, Site, State, Values
from trajectune.environments.web_navigation.sites.words import Words

QUANTITIES = ("1", "2", "3", "4", "5")


class ShopSite(Site):
    """Shelves with products, a page for each product, and a cart."""

    def __init__(self, rng: Random, words: Words) -> None:
        shelves = [theme.partition(" | ") for theme in words.sample(rng, "shelf", 3)]
        self._frame = Frame.drawn(rng, words, "home")
        self._shelves = {name: rest.split("; ") for name, _, rest in shelves}
        self._colours = words.sample(rng, "colour", 4)
        self._sizes = (UNSET, *words.lists["size"])
        products = [each for shelf in self._shelves.values() for each in shelf]
        self._prices = {
            each: f"{rng.randint(4, 180)}.{rng.choice(('00', '50', '90'))}" for each in products
        }
        self._add = rng.choice(("Add to cart", "Put into cart", "Add to basket"))
        self._pay = rng.choice(("Check out", "Place order", "Buy now"))
        start: dict[str, str] = {}
        for each in products:
            start |= {
                f"{each}/size": UNSET,
                f"{each}/colour": rng.choice(self._colours),
                f"{each}/count": "1",
            }
        stages: list[Values] = []
        told: list[str] = []
        for product in rng.sample(products, rng.choice((1, 1, 2))):
            wanted = self._wanted(rng)
            stages += [
                {f"{product}/{name}": value for name, value in wanted.items()},
                {f"{product}/cart": "yes"},
            ]
            told.append(f"{wanted['count']} x {product} ({wanted['colour']}, {wanted['size']})")
        task = words.say(rng, "shop", site=self._frame.name, things=" and ".join(told))
        self.goal = Goal(task, (*stages, {SENT: "order"}))
        self.start = State("home", start)

    def result(self, values: Values) -> Values:
        """Of products, only those in the cart count."""
        counted = super().result(values)
        return {name: v for name, v in counted.items() if name == SENT or values.get(_cart(name))}

    def draw(self, state: State) -> Screen:
        ways = [*((name, f"shelf/{name}") for name in self._shelves), ("Cart", "cart")]
        if state.screen.startswith(IDLE):
            return self._frame.idle(state, ways)
        drawing = Drawing(self._frame.style, state.values)
        place, _, name = state.screen.partition("/")
        if place == "product":
            return self._frame.page(drawing, name, self._product(drawing, name), ways)
        if place == "cart":
            return self._frame.page(drawing, "Your cart", self._cart(drawing), ways)
        shown = self._shelves.get(name) or [each[0] for each in self._shelves.values()]
        inner = [self._card(drawing, product) for product in shown]
        return self._frame.page(drawing, name or "Welcome", inner, ways)

    def _wanted(self, rng: Random) -> dict[str, str]:
        return {
            "size": rng.choice(self._sizes[1:]),
            "colour": rng.choice(self._colours),
            "count": rng.choice(QUANTITIES[:4]),
        }

    def _card(self, drawing: Drawing, product: str) -> Element:
        link = drawing.link(f"view/{product}", product, f"product/{product}")
        return Element(self._frame.style.item, {}, [link, f"{self._prices[product]} EUR"])

    def _product(self, drawing: Drawing, product: str) -> list[Element]:
        size = drawing.select(f"{product}/size", "Size", self._sizes)
        colour = drawing.radios(f"{product}/colour", "Colour", self._colours)
        count = drawing.select(f"{product}/count", "Quantity", QUANTITIES)
        add = drawing.button(f"add/{product}", self._add, name=f"{product}/cart", value="yes", goes="cart")
        price = Element("p", {}, [f"{self._prices[product]} EUR"])
        return [price, Element("form", {}, [size, colour, count, add])]

    def _cart(self, drawing: Drawing) -> list[Element]:
        values = drawing.values
        lines: list[Element] = []
        for product in self._prices:
            if values.get(f"{product}/cart"):
                parts = (values[f"{product}/{name}"] for name in ("count", "colour", "size"))
                view = drawing.link(f"view/{product}", product, f"product/{product}")
                drop = drawing.small(f"drop/{product}", f"Remove {product}", f"{product}/cart", "")
                lines.append(Element("li", {}, [view, ", ".join(parts), drop]))
        pay = drawing.button("pay", self._pay, name=SENT, value="order", commits=True)
        empty: list[Element | str] = ["Your cart is empty."]
        return [Element("ul", {}, [*lines]) if lines else Element("p", {}, empty), pay]


def _cart(name: str) -> str:
    """The value that says whether the product of another value is in the cart."""
    return f"{name.rpartition('/')[0]}/cart"


class ListingSite(Site):
    """A list that is narrowed down with boxes and sorted; the search is saved."""

    def __init__(self, rng: Random, words: Words) -> None:
        self._frame = Frame.drawn(rng, words, "list")
        self._title, _, rest = words.pick(rng, "shelf").partition(" | ")
        sections = {"Brand": "brand", "Colour": "colour", "Material": "material"}
        self._facets = {name: words.sample(rng, section, 5) for name, section in sections.items()}
        self._sorts = (UNSET, *words.lists["sort"])
        self._items = [
            (thing, {name: rng.choice(options) for name, options in self._facets.items()})
            for thing in rest.split("; ") * 2
        ]
        self._save = rng.choice(("Save search", "Save this search", "Store search"))
        names = rng.sample(list(self._facets), rng.choice((2, 3)))
        wanted = {name: rng.choice(self._facets[name]) for name in names}
        sort = rng.choice(self._sorts[1:])
        pairs = words.pairs(rng, wanted)
        task = words.say(rng, "listing", site=self._frame.name, shelf=self._title, pairs=pairs, sort=sort)
        stage = {f"{name}/{value}": "on" for name, value in wanted.items()} | {"sort": sort}
        self.goal = Goal(task, (stage, {SENT: "search"}))
        self.start = State("list", {"sort": UNSET})

    def draw(self, state: State) -> Screen:
        ways = [(self._title, "list")]
        if state.screen.startswith(IDLE):
            return self._frame.idle(state, ways)
        drawing = Drawing(self._frame.style, state.values)
        if state.screen.startswith("item/"):
            number = int(state.screen.partition("/")[2])
            thing, marks = self._items[number]
            return self._frame.page(drawing, thing, [Element("p", {}, [", ".join(marks.values())])], ways)
        filters = [self._facet(drawing, name) for name in self._facets]
        sort = drawing.select("sort", "Sort by", self._sorts)
        save = drawing.button("save", self._save, name=SENT, value="search", commits=True)
        items = [Element("ul", {}, [*self._shown(drawing)])]
        return self._frame.page(
            drawing, self._title, [Element("aside", {}, [*filters, sort, save]), *items]
        )

    def _facet(self, drawing: Drawing, name: str) -> Element:
        boxes = [drawing.check(f"{name}/{value}", value) for value in self._facets[name]]
        return Element(self._frame.style.group, {}, [Element("legend", {}, [name]), *boxes])

    def _shown(self, drawing: Drawing) -> list[Element]:
        """The items that fit the boxes that are ticked."""
        items: list[Element] = []
        for number, (thing, marks) in enumerate(self._items):
            if all(self._fits(drawing.values, name, value) for name, value in marks.items()):
                link = drawing.link(
                    f"item/{number}", f"{thing}, {', '.join(marks.values())}", f"item/{number}"
                )
                items.append(Element("li", {}, [link]))
        return items

    def _fits(self, values: Values, name: str, value: str) -> bool:
        ticked = [each for each in self._facets[name] if values.get(f"{name}/{each}")]
        return not ticked or value in ticked
