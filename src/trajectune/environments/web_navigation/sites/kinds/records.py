"""Tables of records with a page to edit each, and settings in several tabs."""

from __future__ import annotations

from random import Random

from trajectune.environments.web_navigation.page.element import Element
from trajectune.environments.web_navigation.sites.drawing import Drawing
from trajectune.environments.web_navigation.sites.frame import Frame
from trajectune.environments.web_navigation.sites.kinds.forms import SENT, drawn_field, new_value
from trajectune.environments.web_navigation.sites.site import IDLE, Goal, Screen, Site, State
from trajectune.environments.web_navigation.sites.words import Field, Words, fields

ROWS = 8


class RecordSite(Site):
    """A table; one of its rows is to be edited."""

    def __init__(self, rng: Random, words: Words) -> None:
        self._frame = Frame.drawn(rng, words, "table")
        self._title, noun, rest = words.pick(rng, "record").split(" | ")
        self._fields = fields(rest)
        self._edit = rng.choice(("Edit", "Change", "Open"))
        self._save = rng.choice(("Save", "Save changes", "Update"))
        people: set[str] = set()
        while len(people) < ROWS:
            people.add(words.person(rng))
        self._people = sorted(people)
        start = {
            f"{who}/{each.label}": new_value(rng, words, each, "")
            for who in self._people
            for each in self._fields
        }
        who = rng.choice(self._people)
        asked = rng.sample(self._fields, rng.choice((1, 2, len(self._fields))))
        wanted = {each.label: new_value(rng, words, each, start[f"{who}/{each.label}"]) for each in asked}
        task = words.say(
            rng, "record",
            title=self._title, site=self._frame.name, noun=noun, who=who, pairs=words.pairs(rng, wanted),
        )  # fmt: skip
        stage = {f"{who}/{label}": value for label, value in wanted.items()}
        self.goal = Goal(task, (stage, {SENT: who}))
        self.start = State("table", start)

    def draw(self, state: State) -> Screen:
        ways = [(self._title, "table")]
        if state.screen.startswith(IDLE):
            return self._frame.idle(state, ways)
        drawing = Drawing(self._frame.style, state.values)
        if state.screen in self._people:
            who = state.screen
            parts = [drawn_field(drawing, f"{who}/{each.label}", each) for each in self._fields]
            save = drawing.button(f"save/{who}", self._save, name=SENT, value=who, commits=True)
            return self._frame.page(drawing, who, [Element("form", {}, [*parts, save])], ways)
        heads = [Element("th", {}, [each.label]) for each in self._fields]
        rows = [self._row(drawing, who) for who in self._people]
        head = Element("tr", {}, [Element("th", {}, ["Name"]), *heads])
        return self._frame.page(drawing, self._title, [Element("table", {}, [head, *rows])])

    def _row(self, drawing: Drawing, who: str) -> Element:
        cells = [Element("td", {}, [drawing.values[f"{who}/{each.label}"]]) for each in self._fields]
        gone = bool(drawing.values.get(f"{who}/deleted"))
        drop = drawing.small(
            f"drop/{who}", "Restore" if gone else "Delete", f"{who}/deleted", "" if gone else "yes"
        )
        edit = drawing.link(f"edit/{who}", self._edit, who)
        return Element("tr", {}, [Element("td", {}, [who]), *cells, Element("td", {}, [edit, drop])])


class SettingsSite(Site):
    """Tabs with switches and lists, and one button that saves them all."""

    def __init__(self, rng: Random, words: Words) -> None:
        themes = [theme.partition(" | ") for theme in words.sample(rng, "setting", 3)]
        self._frame = Frame.drawn(rng, words, themes[0][0])
        self._tabs = {title: fields(rest) for title, _, rest in themes}
        self._save = rng.choice(("Save", "Save settings", "Apply changes"))
        values = {
            _name(tab, each): rng.choice(("on", "")) if each.kind == "check" else rng.choice(each.options)
            for tab, kept in self._tabs.items()
            for each in kept
        }
        tabs = rng.sample(list(self._tabs), rng.choice((1, 2)))
        asked = [(t, f) for t in tabs for f in rng.sample(self._tabs[t], 2 if len(tabs) > 1 else 3)]
        stage = {_name(t, f): new_value(rng, words, f, values[_name(t, f)]) for t, f in asked}
        changes = [_change(rng, words, f, stage[_name(t, f)]) for t, f in asked]
        pairs = ", ".join(changes[:-1]) + " and " + changes[-1]
        task = words.say(rng, "settings", site=self._frame.name, pairs=pairs)
        self.goal = Goal(task, (stage, {SENT: "settings"}))
        self.start = State(themes[0][0], values)

    def draw(self, state: State) -> Screen:
        ways = [(title, title) for title in self._tabs]
        if state.screen.startswith(IDLE):
            return self._frame.idle(state, ways)
        drawing, tab = Drawing(self._frame.style, state.values), state.screen
        parts = [drawn_field(drawing, _name(tab, each), each) for each in self._tabs[tab]]
        save = drawing.button("save", self._save, name=SENT, value="settings", commits=True)
        return self._frame.page(drawing, tab, [Element("form", {}, [*parts, save])], ways)


def _name(tab: str, field: Field) -> str:
    return f"{tab}/{field.label}"


def _change(rng: Random, words: Words, field: Field, value: str) -> str:
    """A change of a setting in words."""
    if field.kind == "check":
        return words.say(rng, "on" if value else "off", label=field.label)
    return words.say(rng, "set", label=field.label, value=value)
