"""Journeys to book and events to put into a calendar."""

from __future__ import annotations

from random import Random

from trajectune.environments.web_navigation.page.element import Element
from trajectune.environments.web_navigation.sites.drawing import Drawing
from trajectune.environments.web_navigation.sites.frame import Frame
from trajectune.environments.web_navigation.sites.kinds.forms import SENT, UNSET
from trajectune.environments.web_navigation.sites.site import IDLE, Goal, Screen, Site, State
from trajectune.environments.web_navigation.sites.words import Words

MONTHS = ("March", "April", "May", "June", "July", "August")
LENGTHS = (31, 30, 31, 30, 31, 31)
CLOCK = tuple(f"{hour:02}:{minute:02}" for hour in range(6, 22) for minute in (5, 20, 40, 55))
HOURS = tuple(f"{hour:02}:{minute:02}" for hour in range(8, 20) for minute in (0, 30))


class BookingSite(Site):
    """A journey: from where to where and when, which departure, who travels."""

    def __init__(self, rng: Random, words: Words) -> None:
        self._frame = Frame.drawn(rng, words, "journey")
        self._cities = (UNSET, *sorted(words.sample(rng, "city", 8)))
        month = rng.choice(MONTHS)
        self._days = (UNSET, *(f"{day} {month}" for day in sorted(rng.sample(range(1, 29), 7))))
        self._times = sorted(rng.sample(CLOCK, 8))
        self._prices = [f"{rng.randint(9, 89)}.00 EUR" for _ in self._times]
        self._extras = words.lists["extra"]
        self._show = rng.choice(("Show departures", "Find departures", "Continue"))
        self._confirm = rng.choice(("Confirm booking", "Book now", "Pay and book"))
        a, b = rng.sample(self._cities[1:], 2)
        day, time, who = rng.choice(self._days[1:]), rng.choice(self._times), words.person(rng)
        extra = rng.choice((None, *self._extras))
        ask = f", with {extra.lower()}" if extra else ""
        vehicle = words.pick(rng, "vehicle")
        task = words.say(
            rng, "booking",
            site=self._frame.name, vehicle=vehicle, a=a, b=b, day=day, time=time, who=who, extra=ask,
        )  # fmt: skip
        last = {"passenger": who} | ({f"extra/{extra}": "on"} if extra else {})
        self.goal = Goal(task, ({"from": a, "to": b, "day": day}, {"time": time}, last, {SENT: "booking"}))
        self.start = State("journey", {"from": UNSET, "to": UNSET, "day": UNSET})

    def draw(self, state: State) -> Screen:
        ways = [("Journey", "journey"), ("Departures", "departures"), ("Passenger", "passenger")]
        if state.screen.startswith(IDLE):
            return self._frame.idle(state, ways)
        drawing = Drawing(self._frame.style, state.values)
        if state.screen == "departures":
            rows = [self._departure(drawing, *row) for row in zip(self._times, self._prices, strict=True)]
            return self._frame.page(drawing, "Departures", [Element("table", {}, [*rows])], ways)
        if state.screen == "passenger":
            return self._frame.page(drawing, "Passenger", [self._passenger(drawing)], ways)
        parts = [
            drawing.select("from", "From", self._cities),
            drawing.select("to", "To", self._cities),
            drawing.select("day", "Date", self._days),
            drawing.button("show", self._show, goes="departures"),
        ]
        return self._frame.page(drawing, "Plan your journey", [Element("form", {}, [*parts])], ways)

    def _departure(self, drawing: Drawing, time: str, price: str) -> Element:
        choose = drawing.link(f"time/{time}", "Choose", "passenger", name="time", value=time)
        return Element("tr", {}, [Element("td", {}, [part]) for part in (time, price, choose)])

    def _passenger(self, drawing: Drawing) -> Element:
        field = drawing.field("passenger", "Passenger name")
        boxes = [drawing.check(f"extra/{each}", each) for each in self._extras]
        confirm = drawing.button("confirm", self._confirm, name=SENT, value="booking", commits=True)
        return Element("form", {}, [field, *boxes, confirm])


class CalendarSite(Site):
    """Months of days; a day opens a new event."""

    def __init__(self, rng: Random, words: Words) -> None:
        self._frame = Frame.drawn(rng, words, "month/2")
        self._save = rng.choice(("Save event", "Save", "Add to calendar"))
        month = rng.randrange(len(MONTHS))
        day = f"{rng.randint(1, LENGTHS[month])} {MONTHS[month]}"
        event, time = words.pick(rng, "event"), rng.choice(HOURS)
        reminder = rng.random() < 0.4
        extra = ", with a reminder" if reminder else ""
        task = words.say(
            rng, "calendar", site=self._frame.name, event=event, day=day, time=time, extra=extra
        )
        last = {"title": event, "start": time} | ({"reminder": "on"} if reminder else {})
        self.goal = Goal(task, ({"day": day}, last, {SENT: "event"}))
        self.start = State(f"month/{rng.randrange(len(MONTHS))}", {"start": UNSET})

    def draw(self, state: State) -> Screen:
        ways = [("Calendar", "month/2"), ("New event", "event")]
        if state.screen.startswith(IDLE):
            return self._frame.idle(state, ways)
        drawing = Drawing(self._frame.style, state.values)
        if state.screen == "event":
            return self._frame.page(drawing, "New event", [self._event(drawing)], ways)
        return self._frame.page(drawing, "Calendar", self._month(drawing, int(state.screen[6:])), ways)

    def _month(self, drawing: Drawing, month: int) -> list[Element]:
        days = [
            drawing.link(f"day/{day}", str(day), "event", name="day", value=f"{day} {MONTHS[month]}")
            for day in range(1, LENGTHS[month] + 1)
        ]
        weeks = [
            Element("tr", {}, [Element("td", {}, [day]) for day in days[n : n + 7]])
            for n in range(0, 31, 7)
        ]
        turns = [
            drawing.link(f"turn/{there}", f"{word}: {MONTHS[there]}", f"month/{there}")
            for word, there in (("Previous month", month - 1), ("Next month", month + 1))
            if 0 <= there < len(MONTHS)
        ]
        heading = Element("h2", {}, [MONTHS[month]])
        return [Element("div", {}, [*turns]), Element("div", {}, [heading, Element("table", {}, [*weeks])])]

    def _event(self, drawing: Drawing) -> Element:
        day = Element("p", {}, [f"Day: {drawing.values.get('day', 'none yet')}"])
        title = drawing.field("title", "Title")
        start = drawing.select("start", "Start", (UNSET, *HOURS))
        reminder = drawing.check("reminder", "Reminder")
        save = drawing.button("save", self._save, name=SENT, value="event", commits=True)
        return Element("form", {}, [day, title, start, reminder, save])
