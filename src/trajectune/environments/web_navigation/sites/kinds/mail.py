"""An inbox: messages to tick and treat together, and one to open and file."""

from __future__ import annotations

from random import Random

from trajectune.environments.web_navigation.page.element import Element
from trajectune.environments.web_navigation.sites.drawing import Drawing
from trajectune.environments.web_navigation.sites.frame import Frame
from trajectune.environments.web_navigation.sites.kinds.forms import SENT
from trajectune.environments.web_navigation.sites.site import IDLE, Goal, Screen, Site, State
from trajectune.environments.web_navigation.sites.words import Words

INBOX = "Inbox"


class Mailbox(Site):
    """Messages, each with a sender and a subject of its own."""

    def __init__(self, rng: Random, words: Words) -> None:
        self.frame = Frame.drawn(rng, words, INBOX)
        senders: set[str] = set()
        while len(senders) < 8:
            senders.add(words.person(rng))
        people = rng.sample(sorted(senders), 8)
        self.messages = list(zip(people, words.sample(rng, "subject", 8), strict=True))
        self.start = State(INBOX, {f"{n}/folder": INBOX for n in range(8)})

    def opened(self, drawing: Drawing, number: int) -> list[Element]:
        """What the page of a message holds below its subject."""
        sender, subject = self.messages[number]
        return [
            Element("p", {}, [f"{sender} writes about: {subject}."]),
            drawing.check(f"{number}/star", "Star"),
        ]

    def treatments(self, drawing: Drawing) -> list[Element]:
        """What stands below the list of messages."""
        del drawing
        return []

    def draw(self, state: State) -> Screen:
        ways = [(INBOX, INBOX)]
        if state.screen.startswith(IDLE):
            return self.frame.idle(state, ways)
        drawing = Drawing(self.frame.style, state.values)
        if state.screen != INBOX:
            number = int(state.screen.partition("/")[2])
            return self.frame.page(drawing, self.messages[number][1], self.opened(drawing, number), ways)
        rows = [self._row(drawing, number) for number in range(len(self.messages))]
        inner = [Element("table", {}, [*rows]), *self.treatments(drawing)]
        return self.frame.page(drawing, INBOX, inner, ways)

    def _row(self, drawing: Drawing, number: int) -> Element:
        sender, subject = self.messages[number]
        box = drawing.check(f"{number}/tick", f"Select message from {sender}", bare=True)
        link = drawing.link(f"open/{number}", subject, f"message/{number}")
        return Element("tr", {}, [Element("td", {}, [part]) for part in (box, sender, link)])


class MailSite(Mailbox):
    """Several messages are ticked, and a button treats them."""

    def __init__(self, rng: Random, words: Words) -> None:
        super().__init__(rng, words)
        self._bulk = words.lists["bulk"]
        picked = sorted(rng.sample(range(8), rng.choice((2, 2, 3))))
        bulk = rng.choice(self._bulk)
        told = [f'"{self.messages[n][1]}" from {self.messages[n][0]}' for n in picked]
        things = ", ".join(told[:-1]) + " and " + told[-1]
        task = words.say(rng, "mail", site=self.frame.name, things=things, bulk=bulk)
        self.goal = Goal(task, ({f"{n}/tick": "on" for n in picked}, {SENT: bulk}))

    def treatments(self, drawing: Drawing) -> list[Element]:
        return [
            drawing.button(f"bulk/{each}", each, name=SENT, value=each, commits=True) for each in self._bulk
        ]


class MessageSite(Mailbox):
    """One message is opened and put into a folder, perhaps with a star."""

    def __init__(self, rng: Random, words: Words) -> None:
        super().__init__(rng, words)
        self._folders = (INBOX, *words.lists["folder"])
        self._apply = rng.choice(("Move", "Apply", "File message"))
        number = rng.randrange(8)
        (sender, subject), folder = self.messages[number], rng.choice(self._folders[1:])
        star = rng.random() < 0.5
        extra = ", and give it a star" if star else ""
        task = words.say(
            rng, "message", site=self.frame.name, who=sender, subject=subject, folder=folder, extra=extra
        )
        stage = {f"{number}/folder": folder} | ({f"{number}/star": "on"} if star else {})
        self.goal = Goal(task, (stage, {SENT: str(number)}))

    def opened(self, drawing: Drawing, number: int) -> list[Element]:
        folder = drawing.select(f"{number}/folder", "Folder", self._folders)
        apply = drawing.button(f"apply/{number}", self._apply, name=SENT, value=str(number), commits=True)
        return [*super().opened(drawing, number), folder, apply]
