"""Pages to be found: in the help of a product, by links alone, and in a catalogue, by searching."""

from __future__ import annotations

from random import Random

from trajectune.environments.web_navigation.page.element import Element
from trajectune.environments.web_navigation.sites.drawing import Drawing
from trajectune.environments.web_navigation.sites.frame import Frame
from trajectune.environments.web_navigation.sites.kinds.forms import SENT
from trajectune.environments.web_navigation.sites.site import IDLE, Goal, Screen, Site, State
from trajectune.environments.web_navigation.sites.words import Words

QUERY = "_query"


def _finishes(drawing: Drawing, words: Words, page: str) -> list[Element]:
    """The buttons at the end of a page, each of which ends the task."""
    return [
        drawing.button(f"finish/{page}/{each}", each, name=SENT, value=f"{page}/{each}", commits=True)
        for each in words.lists["finish"]
    ]


class ManualSite(Site):
    """Guides with topics, three links deep."""

    def __init__(self, rng: Random, words: Words) -> None:
        themes = [theme.partition(" | ") for theme in words.sample(rng, "manual", 3)]
        self._frame, self._words = Frame.drawn(rng, words, "home"), words
        self._guides = {
            title: rng.sample(topics := rest.split("; "), len(topics)) for title, _, rest in themes
        }
        title = rng.choice(list(self._guides))
        topic, finish = rng.choice(self._guides[title]), words.pick(rng, "finish")
        task = words.say(
            rng, "manual", site=self._frame.name, title=title.lower(), topic=topic, finish=finish
        )
        self.goal = Goal(task, ({SENT: f"{title}/{topic}/{finish}"},))
        self.start = State("home", {})

    def draw(self, state: State) -> Screen:
        ways = [("All guides", "home")]
        if state.screen.startswith(IDLE):
            return self._frame.idle(state, ways)
        drawing = Drawing(self._frame.style, state.values)
        title, _, topic = state.screen.partition("/")
        if topic:
            text = f"{topic}: how to do it with your {title.lower()}, step by step."
            inner = [Element("p", {}, [text]), *_finishes(drawing, self._words, state.screen)]
            return self._frame.page(drawing, topic, inner, [*ways, (title, title)])
        links = (
            [drawing.link(f"topic/{each}", each, f"{title}/{each}") for each in self._guides[title]]
            if title in self._guides
            else [drawing.link(f"guide/{each}", f"{each} guide", each) for each in self._guides]
        )
        items = [Element(self._frame.style.item, {}, [link]) for link in links]
        heading = title if title in self._guides else "Guides"
        return self._frame.page(drawing, heading, [Element("div", {}, [*items])], ways)


class SearchSite(Site):
    """Articles that only a search finds."""

    def __init__(self, rng: Random, words: Words) -> None:
        self._frame, self._words = Frame.drawn(rng, words, "home"), words
        self._topics = words.sample(rng, "topic", 5)
        self._articles = {
            topic: [f"{topic}: {aspect}" for aspect in words.sample(rng, "aspect", 4)]
            for topic in self._topics
        }
        self._label = rng.choice(("Catalogue search", "Search the catalogue", "Titles and subjects"))
        self._go = rng.choice(("Show results", "Search catalogue", "Go"))
        query = rng.choice(self._topics)
        article, finish = rng.choice(self._articles[query]), words.pick(rng, "finish")
        task = words.say(rng, "search", site=self._frame.name, query=query, topic=article, finish=finish)
        self.goal = Goal(task, ({QUERY: query}, {SENT: f"{article}/{finish}"}))
        self.start = State("home", {})

    def draw(self, state: State) -> Screen:
        ways = [("Catalogue", "home")]
        if state.screen.startswith(IDLE):
            return self._frame.idle(state, ways)
        drawing = Drawing(self._frame.style, state.values)
        field = drawing.field(QUERY, self._label, clears=False)
        search = Element("form", {}, [field, drawing.button("go", self._go, goes="results")])
        if state.screen == "home":
            return self._frame.page(drawing, "Catalogue", [search], ways)
        if state.screen == "results":
            return self._frame.page(drawing, "Results", [search, self._results(drawing)], ways)
        text = Element("p", {}, [f"{state.screen}."])
        return self._frame.page(
            drawing, state.screen, [text, *_finishes(drawing, self._words, state.screen)], ways
        )

    def _results(self, drawing: Drawing) -> Element:
        asked = set(drawing.values.get(QUERY, "").lower().split())
        found = [topic for topic in self._topics if asked & set(topic.lower().split())]
        titles = [article for topic in found for article in self._articles[topic]]
        links = [drawing.link(f"article/{title}", title, title) for title in titles]
        items = [Element(self._frame.style.item, {}, [link]) for link in links]
        nothing: list[Element | str] = ["Nothing was found."]
        return Element("div", {}, [*items]) if items else Element("p", {}, nothing)
