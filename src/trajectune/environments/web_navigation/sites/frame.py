"""What stands on every page of a site: its name, navigation, search, a footer, and pages of no use.

The idea: on the web most candidates of a page belong to its frame. They lead to pages that do not help with
the task, from which the navigation leads back.

Invariant: every screen has at least `MIN_CANDIDATES` candidates, and a link to the site's first screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from trajectune.environments.web_navigation.page.element import Element
from trajectune.environments.web_navigation.sites.drawing import Drawing, Style
from trajectune.environments.web_navigation.sites.site import IDLE, Screen, State
from trajectune.environments.web_navigation.sites.words import Words

MIN_CANDIDATES = 20
Inner = Sequence["Element | str"]


@dataclass(frozen=True, slots=True)
class Frame:
    """The constant parts of one site."""

    name: str
    style: Style
    home: str
    """The first screen."""
    top: tuple[str, ...]
    """Links of the navigation that are of no use here."""
    bottom: tuple[str, ...]
    sentence: str
    """Stands on pages of no use."""
    search: str
    join: str

    @classmethod
    def drawn(cls, rng: Random, words: Words, home: str) -> Frame:
        """A frame with names and links of its own."""
        links = words.sample(rng, "frame_link", 17)
        return cls(
            words.site(rng),
            Style.drawn(rng),
            home,
            tuple(links[:7]),
            tuple(links[7:]),
            words.pick(rng, "idle_sentence"),
            words.pick(rng, "search_word"),
            words.pick(rng, "join_word"),
        )

    def page(
        self, drawing: Drawing, title: str, inner: Inner, ways: Sequence[tuple[str, str]] = ()
    ) -> Screen:
        """A screen with this title; `ways` are links of the navigation to screens of use (text, screen)."""
        useful = [drawing.link(f"way/{goes}", text, goes) for text, goes in ways]
        idle = [drawing.link(f"{IDLE}{text}", text, f"{IDLE}{text}") for text in self.top]
        home = drawing.link("home", self.name, self.home)
        header = Element("header", {}, [home, _list("nav", [*useful, *idle]), self._search(drawing)])
        main = Element("main", {}, [Element("h1", {}, [title]), *inner])
        return drawing.finish(
            Element("html", {}, [Element("body", {}, [header, main, self._footer(drawing)])])
        )

    def idle(self, state: State, ways: Sequence[tuple[str, str]] = ()) -> Screen:
        """A page of no use."""
        title = state.screen.removeprefix(IDLE)
        drawing = Drawing(self.style, state.values)
        return self.page(drawing, title, [Element("p", {}, [self.sentence.format(title=title)])], ways)

    def _search(self, drawing: Drawing) -> Element:
        field = drawing.field("_site search", self.search, clears=False)
        button = drawing.button("search/go", self.search, goes=f"{IDLE}{self.search}")
        return Element("form", {"role": "search"}, [field, button])

    def _footer(self, drawing: Drawing) -> Element:
        links = [drawing.link(f"{IDLE}{text}", text, f"{IDLE}{text}") for text in self.bottom]
        field = drawing.field("_newsletter", f"{self.join}: your e-mail", clears=False)
        return Element("footer", {}, [_list("div", links), Element("form", {}, [field])])


def _list(tag: str, links: Sequence[Element]) -> Element:
    items: list[Element | str] = [Element("li", {}, [link]) for link in links]
    return Element(tag, {}, [Element("ul", {}, items)])
