"""The exploring expert: it sees what an agent sees, and solves the task by looking.

The idea: read the task and the list of places, go to the likeliest places first, open what is closed,
take what is wanted, treat it, bring it where it belongs. Likely means: things of this type may lie
there (ALFWorld's own table of what fits where), on open surfaces rather than in one of many drawers,
and cheap to reach. The order is drawn anew for each seed, so that routes differ.

Invariant: nothing is used but observations and common knowledge, never where things are.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Generator

from trajectune.environments.contract import Expert, Move
from trajectune.environments.household.episode import NOTHING
from trajectune.environments.household.expert.thoughts import Thoughts
from trajectune.environments.household.games.goal import APPLIANCE, names_in, read_wish, type_of
from trajectune.environments.household.games.rooms import constants
from trajectune.trajectory import ToolCall

SPREAD = 0.35
"""How much the order of places varies between seeds (standard deviation of the log of likeliness)."""
UNLIKELY = 0.02
"""Likeliness of a place where such a thing is never put, against 1 for a lone table."""
HIDDEN, ODD = 1 / 3, 1 / 6
"""Likeliness of closed places and of odd ones (a garbage can) against open surfaces."""
ODD_TYPES = frozenset({"garbagecan", "toilet", "bathtubbasin", "safe", "laundryhamper"})

Moves = Generator[Move, str, str]
"""Yields moves and returns the last observation."""
Search = Generator[Move, str, str | None]
"""Yields moves and returns the name of what was found."""


def explore(opening: str, rng: random.Random) -> Expert:
    """Moves that solve the task in `opening`, the first observation."""
    yield from Explorer(opening, rng).solve()


class Explorer:
    """What is known so far, and how to go on."""

    def __init__(self, opening: str, rng: random.Random) -> None:
        self._wish = read_wish(opening)
        self._places = names_in(opening)
        self._rng = rng
        self._thoughts = Thoughts(rng)
        self._seen: dict[str, list[str]] = {}
        self._closed: set[str] = set()
        self._here = ""
        self._target = ""
        """The place to which things are brought, once it is chosen."""
        self._done = 0

    def solve(self) -> Expert:
        """Everything from the first look to the goal."""
        wish = self._wish
        while wish.lamp or self._done < wish.count:
            thing = yield from self._find(wish.thing)
            if thing is None:
                return
            yield from self._take(thing)
            if wish.lamp:
                yield from self._light(thing)
                return
            if wish.treatment:
                yield from self._treat(thing)
            yield from self._put(thing)

    def _find(self, kind: str, holding: str = "") -> Search:
        """Go where a thing of this type is; its name, or `None` when every place was looked at."""
        unseen = self._order(kind)
        while True:
            if known := self._known(kind):
                place, thing = known
                occasion = "to lamp" if holding else "return"
                yield from self._go(place, occasion, thing=holding or thing, lamp=thing)
                return thing
            if not (unseen := [place for place in unseen if place not in self._seen]):
                return None
            yield from self._go(unseen[0], self._occasion(holding), thing=holding or kind, lamp=kind)
            yield from self._look_inside("open")

    def _occasion(self, holding: str) -> str:
        if holding:
            return "find lamp"
        if not self._seen:
            return "begin"
        return "again" if self._done and self._here == self._target else "search"

    def _known(self, kind: str) -> tuple[str, str] | None:
        """A place and a thing of this type that was seen there and may be taken."""
        for place, things in self._seen.items():
            for thing in things:
                if type_of(thing) == kind and not self._is_home(place):
                    return place, thing
        return None

    def _is_home(self, place: str) -> bool:
        """Whether a thing there is where it belongs (one of two, found in the right place)."""
        if self._wish.count == 1:
            return False
        if not self._target and type_of(place) == self._wish.place:
            self._target = place
            self._done += 1
        return place == self._target

    def _order(self, kind: str) -> list[str]:
        """All places, the likeliest (per move it costs to look) first."""
        crowd = Counter(map(type_of, self._places))
        tables = constants()
        openable = {name.lower() for name in tables.OPENABLE_CLASS_SET}
        fits = {
            name.lower()
            for name, held in tables.VAL_RECEPTACLE_OBJECTS.items()
            if kind in map(str.lower, held)
        }

        def likeliness(place: str) -> float:
            of = type_of(place)
            value = 1.0 if of in fits or kind == self._wish.lamp else UNLIKELY
            value *= HIDDEN / 2 if of in openable else ODD if of in ODD_TYPES else 1.0
            if of == self._wish.place:
                value *= UNLIKELY  # what is there already need not be brought there
            return value / crowd[of] * math.exp(self._rng.gauss(0, SPREAD))

        scores = {place: likeliness(place) for place in self._places}
        return sorted(self._places, key=lambda place: -scores[place])

    def _act(self, command: str, occasion: str, **words: str) -> Moves:
        thought = self._thoughts.say(occasion, task=self._wish.text, **words)
        return (yield Move(thought, ToolCall(name="act", arguments={"command": command})))

    def _go(self, place: str, occasion: str, **words: str) -> Generator[Move, str, None]:
        if self._here == place:
            return
        observation = yield from self._act(f"go to {place}", occasion, place=place, **words)
        if observation.startswith(NOTHING):  # some places share a spot, and one is there already
            observation = yield from self._act(f"examine {place}", "same spot", place=place)
        self._here = place
        self._observe(observation)

    def _look_inside(self, occasion: str, **words: str) -> Generator[Move, str, None]:
        """Open the place that one stands at, if it is closed."""
        if self._here not in self._closed:
            return
        observation = yield from self._act(f"open {self._here}", occasion, place=self._here, **words)
        self._observe(observation)

    def _observe(self, observation: str) -> None:
        if "is closed" in observation:
            self._closed.add(self._here)
        else:
            self._closed.discard(self._here)
        self._seen[self._here] = names_in(observation)

    def _take(self, thing: str) -> Generator[Move, str, None]:
        yield from self._act(f"take {thing} from {self._here}", "take", thing=thing)
        self._seen[self._here].remove(thing)

    def _treat(self, thing: str) -> Generator[Move, str, None]:
        treatment = self._wish.treatment
        place = self._first(APPLIANCE[treatment])
        yield from self._go(place, "to treat", thing=thing, treatment=treatment)
        yield from self._act(
            f"{treatment} {thing} with {place}", "treat", thing=thing, treatment=treatment, place=place
        )

    def _put(self, thing: str) -> Generator[Move, str, None]:
        self._target = self._target or self._first(self._wish.place)
        yield from self._go(self._target, "carry", thing=thing)
        yield from self._look_inside("unlock", thing=thing)
        yield from self._act(f"move {thing} to {self._target}", "put", thing=thing, place=self._target)
        self._seen[self._target].append(thing)
        self._done += 1

    def _light(self, thing: str) -> Generator[Move, str, None]:
        lamp = yield from self._find(self._wish.lamp, holding=thing)
        if lamp is not None:
            yield from self._act(f"use {lamp}", "lamp", thing=thing, lamp=lamp)

    def _first(self, kind: str) -> str:
        """A place of this type: one that is known and open before any other."""
        places = [place for place in self._places if type_of(place) == kind]
        return min(places, key=lambda place: (place not in self._seen, place in self._closed))
