"""A house in a few lines: what an explorer meets, in ALFWorld's words, without its engine."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from random import Random

from trajectune.environments.household.games.goal import Wish

CLOSED_TYPES = ("drawer", "cabinet", "fridge", "microwave", "safe")
PLACES = ("desk", "shelf", "drawer", "cabinet", "countertop", "garbagecan", "diningtable")
APPLIANCES = ("fridge", "microwave", "sinkbasin")
THINGS = ("mug", "pen", "book", "apple")


@dataclass
class House:
    """Places with things on or in them, a task, and an agent that stands somewhere."""

    things: dict[str, list[str]]
    """What lies where; every place is a key."""
    closed: set[str]
    wish: Wish
    spots: dict[str, str] = field(default_factory=dict)
    """Places that share a spot with another: one need not walk between them."""
    here: str = ""
    held: str = ""
    treated: dict[str, str] = field(default_factory=dict)
    lit: bool = False

    @property
    def opening(self) -> str:
        places = ", ".join(f"a {name}" for name in self.things)
        return (
            f"You are in the middle of a room. Looking quickly around you, you see {places}.\n"
            f"Your task is to: {self.wish.text}."
        )

    @property
    def won(self) -> bool:
        wish = self.wish
        if wish.lamp:
            return self.lit
        brought = [
            thing
            for place, things in self.things.items()
            for thing in things
            if place.startswith(wish.place + " ") and thing.startswith(wish.thing + " ")
        ]
        return sum(self.treated.get(t, "") == wish.treatment for t in brought) >= wish.count

    def act(self, command: str) -> str:
        """What the engine would answer."""
        verb, *names = re.findall(r"^\w+|[a-z]+ \d+", command)
        answer = getattr(self, f"_{verb}", lambda *_: None)(*names)
        return answer or "Nothing happens."

    def _shown(self) -> str:
        if self.here in self.closed:
            return f"The {self.here} is closed."
        seen = [f"a {name}" for name in self.things[self.here]]
        return f"On the {self.here}, you see {', '.join(seen) if seen else 'nothing'}."

    def _go(self, place: str) -> str | None:
        if self.here and self.spots.get(place, place) == self.spots.get(self.here, self.here):
            return None
        self.here = place
        return self._shown()

    def _examine(self, place: str) -> str | None:
        if self.spots.get(place, place) != self.spots.get(self.here, self.here):
            return None
        self.here = place
        return self._shown()

    def _open(self, place: str) -> str | None:
        if place != self.here or place not in self.closed:
            return None
        self.closed.discard(place)
        return f"You open the {place}. The {place} is open. {self._shown().replace('On', 'In', 1)}"

    def _take(self, thing: str, place: str) -> str | None:
        if self.held or place != self.here or place in self.closed or thing not in self.things[place]:
            return None
        self.things[place].remove(thing)
        self.held = thing
        return f"You pick up the {thing} from the {place}."

    def _move(self, thing: str, place: str) -> str | None:
        if self.held != thing or place != self.here or place in self.closed:
            return None
        self.things[place].append(thing)
        self.held = ""
        return f"You move the {thing} to the {place}."

    def _treat(self, kind: str, thing: str, place: str, type_: str) -> str | None:
        if self.held != thing or place != self.here or not place.startswith(type_):
            return None
        self.treated[thing] = kind
        return f"You {kind} the {thing} using the {place}."

    def _clean(self, thing: str, place: str) -> str | None:
        return self._treat("clean", thing, place, "sinkbasin")

    def _heat(self, thing: str, place: str) -> str | None:
        return self._treat("heat", thing, place, "microwave")

    def _cool(self, thing: str, place: str) -> str | None:
        return self._treat("cool", thing, place, "fridge")

    def _use(self, lamp: str) -> str | None:
        if lamp not in self.things[self.here] or not self.held.startswith(self.wish.thing + " "):
            return None
        self.lit = lamp.startswith(self.wish.lamp)
        return f"You turn on the {lamp}."


def built(seed: int, kind: str) -> House:
    """A house of this seed in which a task of this kind can be done."""
    rng = Random(seed)
    names = [f"{place} {n}" for place in PLACES for n in range(1, rng.randint(1, 4))]
    names += [f"{place} 1" for place in ("desk", "shelf", *APPLIANCES) if f"{place} 1" not in names]
    rng.shuffle(names)
    thing, place = rng.choice(THINGS), rng.choice(("shelf", "desk"))
    treatment = kind if kind in ("clean", "heat", "cool") else ""
    text, count, lamp = f"put a {treatment} {thing} in {place}".replace("  ", " "), 1, ""
    if kind == "two":
        text, count = f"put two {thing} in {place}", 2
    elif kind == "look":
        text, lamp, place = f"look at {thing} under the desklamp", "desklamp", ""
    if treatment == "heat":
        text = text.replace("heat", "hot")
    house: dict[str, list[str]] = {name: [] for name in names}
    free = [name for name in names if not (place and name.startswith(place))]
    for other in THINGS:
        for n in range(1, 4):
            allowed = free if other == thing and not (kind == "two" and n == 3) else names
            house[rng.choice(allowed)].append(f"{other} {n}")
    if lamp:
        house[rng.choice([name for name in names if name.split()[0] not in CLOSED_TYPES])].append(
            "desklamp 1"
        )
    closed = {name for name in names if name.split()[0] in CLOSED_TYPES}
    wish = Wish(text, thing, place, lamp, count, treatment)  # type: ignore[arg-type]
    return House(house, closed, wish, {"shelf 2": "shelf 1", "desk 2": "desk 1"})
