"""Forms to fill in and surveys to answer.

A site has several forms; the one that the task names may have to be opened first.
"""

from __future__ import annotations

from random import Random

from trajectune.environments.web_navigation.page.element import Element
from trajectune.environments.web_navigation.sites.drawing import Drawing
from trajectune.environments.web_navigation.sites.frame import Frame
from trajectune.environments.web_navigation.sites.site import IDLE, Goal, Screen, Site, State
from trajectune.environments.web_navigation.sites.words import Field, Words, fields

UNSET = "Please choose"
NO_ANSWER = "No answer"
SENT = "sent"
"""The value that a control sets which commits."""


def drawn_field(drawing: Drawing, name: str, field: Field) -> Element:
    """A field of a theme, under the name of its value."""
    if field.kind == "select":
        return drawing.select(name, field.label, field.options)
    if field.kind == "radio":
        return drawing.radios(name, field.label, field.options)
    if field.kind == "check":
        return drawing.check(name, field.label)
    return drawing.field(name, field.label, long=field.values == "note")


def new_value(rng: Random, words: Words, field: Field, old: str) -> str:
    """A value that a field may take and that it does not have."""
    if field.kind == "check":
        return "" if old else "on"
    if field.options:
        return rng.choice([each for each in field.options if each not in (old, UNSET)])
    while (value := words.value(rng, field.values)) == old:
        pass
    return value


class FormSite(Site):
    """Three forms; one is to be filled in, in part, and sent."""

    def __init__(self, rng: Random, words: Words) -> None:
        themes = [theme.partition(" | ") for theme in words.sample(rng, "form", 3)]
        self._frame = Frame.drawn(rng, words, "home")
        self._forms = {title: _with_unset(fields(rest)) for title, _, rest in themes}
        self._send = rng.choice(("Send", "Submit", "Send form"))
        title = rng.choice(list(self._forms))
        values = {f"{t}/{f.label}": _start(rng, f) for t, form in self._forms.items() for f in form}
        form = self._forms[title]
        asked = sorted(rng.sample(range(len(form)), rng.choice((2, 3, 3, 4))))
        wanted = {
            form[n].label: new_value(rng, words, form[n], values[f"{title}/{form[n].label}"]) for n in asked
        }
        told = {label: "yes" if value == "on" else value for label, value in wanted.items()}
        task = words.say(rng, "form", title=title, site=self._frame.name, pairs=words.pairs(rng, told))
        stage = {f"{title}/{label}": value for label, value in wanted.items()}
        self.goal = Goal(task, (stage, {SENT: title}))
        self.start = State(rng.choice(("home", title)), values)

    def draw(self, state: State) -> Screen:
        ways = [(title, title) for title in self._forms]
        if state.screen.startswith(IDLE):
            return self._frame.idle(state, ways)
        drawing = Drawing(self._frame.style, state.values)
        form = self._forms.get(state.screen)
        if form is None:
            links: list[Element | str] = [drawing.link(f"open/{t}", t, t) for t in self._forms]
            items = [Element("li", {}, [link]) for link in links]
            return self._frame.page(drawing, "Forms", [Element("ul", {}, [*items])])
        title = state.screen
        rows = [drawn_field(drawing, f"{title}/{each.label}", each) for each in form]
        send = drawing.button(f"send/{title}", self._send, name=SENT, value=title, commits=True)
        return self._frame.page(drawing, title, [Element("form", {}, [*rows, send])], ways)


class PollSite(Site):
    """A survey of five questions with the same answers to each."""

    def __init__(self, rng: Random, words: Words) -> None:
        title, questions, scale = words.pick(rng, "poll").split(" | ")
        self._frame = Frame.drawn(rng, words, "poll")
        self._title, self._questions = title, rng.sample(questions.split("; "), 5)
        self._answers = (*scale.split(","), NO_ANSWER)
        self._send = rng.choice(("Submit answers", "Send answers", "Hand in"))
        asked = self._questions[: rng.choice((3, 4, 5))]
        stage = {question: rng.choice(self._answers[:-1]) for question in asked}
        pairs = words.pairs(rng, stage)
        task = words.say(rng, "poll", title=title, site=self._frame.name, pairs=pairs)
        self.goal = Goal(task, (stage, {SENT: title}))
        self.start = State("poll", dict.fromkeys(self._questions, NO_ANSWER))

    def draw(self, state: State) -> Screen:
        if state.screen.startswith(IDLE):
            return self._frame.idle(state, [(self._title, "poll")])
        drawing = Drawing(self._frame.style, state.values)
        groups = [drawing.radios(each, each, self._answers) for each in self._questions]
        send = drawing.button("send", self._send, name=SENT, value=self._title, commits=True)
        return self._frame.page(drawing, self._title, [Element("form", {}, [*groups, send])])


def _with_unset(form: list[Field]) -> list[Field]:
    """Lists begin with an option that stands for none, so that a wrong selection can be taken back."""
    return [
        Field(each.label, each.kind, (UNSET, *each.options)) if each.kind == "select" else each
        for each in form
    ]


def _start(rng: Random, field: Field) -> str:
    if field.kind == "select":
        return UNSET
    return rng.choice(field.options) if field.kind == "radio" else ""
