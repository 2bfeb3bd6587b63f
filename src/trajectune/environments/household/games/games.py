"""Games of ALFWorld's six kinds, laid out from a seed in the rooms of the package itself.

The idea: a `Layout` is a real room with objects in it and one goal of ALFWorld's; `problem` writes it
down for the engine. The same room, kind and seed always give the same layout.

Invariants: every game can be won (the objects and the appliance that the goal needs are there and can
be reached) and none is won at the start (no wanted object lies in a receptacle of the wanted type).
Built games are not ALFWorld's official ones; results on them must not be called so.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from typing import Any

from trajectune.environments.household.games.rooms import Receptacle, Room, constants

KINDS = (
    "pick_and_place_simple",
    "look_at_obj_in_light",
    "pick_clean_then_place_in_recep",
    "pick_heat_then_place_in_recep",
    "pick_cool_then_place_in_recep",
    "pick_two_obj_and_place",
)
APPLIANCES = {
    "pick_clean_then_place_in_recep": ("Cleanable", "SinkBasin"),
    "pick_heat_then_place_in_recep": ("Heatable", "Microwave"),
    "pick_cool_then_place_in_recep": ("Coolable", "Fridge"),
}
"""What the object must be able to undergo, and where."""
FEW_OBJECTS, MANY_OBJECTS = 14, 24
CROWDED = 4
"""Objects that one receptacle holds at the start, at most."""
HIDDEN, ODD = 1.0, 0.5
OPEN_SURFACE = 3.0
"""How likely a type of receptacle is chosen: things lie on tables more often than in drawers."""
ODD_TYPES = frozenset({"GarbageCan", "Toilet", "BathtubBasin", "Safe", "LaundryHamper"})


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to be done."""

    kind: str
    object: str
    receptacle: str = ""
    lamp: str = ""


@dataclass(frozen=True, slots=True)
class Thing:
    """An object at its first place."""

    id: str
    type: str
    receptacle: Receptacle


@dataclass(frozen=True, slots=True)
class Layout:
    """A room with a goal and its objects: a game before it is written down."""

    room: Room
    goal: Goal
    things: tuple[Thing, ...]
    wording: str
    """The task as the agent is told."""


def lay_out(room: Room, kind: str, seed: str) -> Layout | None:
    """A layout, or `None` where this room cannot offer one of this kind (with this seed)."""
    rng = random.Random(f"{room.number}/{kind}/{seed}")
    goal = _choose_goal(room, kind, rng)
    things = _place_all(room, goal, rng) if goal else None
    if goal is None or things is None:
        return None
    return Layout(room, goal, tuple(things), _wording(goal, rng))


def _choose_goal(room: Room, kind: str, rng: random.Random) -> Goal | None:
    if kind == "look_at_obj_in_light":
        if not room.lamps or not room.object_types:
            return None
        return Goal(kind, rng.choice(room.object_types), lamp=room.lamps[0])
    ability, appliance = APPLIANCES.get(kind, ("", ""))
    if appliance and appliance not in room.holds:
        return None
    able = constants().VAL_ACTION_OBJECTS[ability] if ability else room.object_types
    goals = [
        Goal(kind, name, receptacle)
        for name in room.object_types
        if name in able
        for receptacle, fits in room.holds.items()
        if name in fits and receptacle not in (appliance, "SinkBasin", "BathtubBasin")
    ]
    return rng.choice(goals) if goals else None


def _place_all(room: Room, goal: Goal, rng: random.Random) -> list[Thing] | None:
    wanted = [goal.object] * (2 + rng.randint(0, 1) if "two" in goal.kind else rng.randint(1, 2))
    others = [name for name in room.object_types if name != goal.object]
    crowd = rng.randint(FEW_OBJECTS, MANY_OBJECTS) - len(wanted)
    rest = [rng.choice(others) for _ in range(crowd)] if others else []
    filled: Counter[str] = Counter()
    things: list[Thing] = []
    for name in [*wanted, *rest]:
        banned = goal.receptacle if name == goal.object else ""
        place = _choose_place(room, name, banned, filled, rng)
        if place is None and name == goal.object:
            return None
        if place is not None:
            filled[place.id] += 1
            things.append(Thing(_new_id(name, things, rng), name, place))
    if goal.lamp:
        surfaces = [place for place in room.receptacles if _weight(place.type) == OPEN_SURFACE]
        if not surfaces:
            return None
        things.append(Thing(_new_id(goal.lamp, things, rng), goal.lamp, rng.choice(surfaces)))
    return things


def _choose_place(
    room: Room, name: str, banned: str, filled: Counter[str], rng: random.Random
) -> Receptacle | None:
    """First a type, then one of that type: twenty drawers draw no more things than one desk."""
    free = [
        place
        for place in room.receptacles
        if name in room.holds[place.type] and place.type != banned and filled[place.id] < CROWDED
    ]
    if not free:
        return None
    types = sorted({place.type for place in free})
    chosen = rng.choices(types, [_weight(kind) for kind in types])[0]
    return rng.choice([place for place in free if place.type == chosen])


def _weight(receptacle_type: str) -> float:
    if receptacle_type in ODD_TYPES:
        return ODD
    return HIDDEN if receptacle_type in constants().OPENABLE_CLASS_SET else OPEN_SURFACE


def _new_id(name: str, things: list[Thing], rng: random.Random) -> str:
    taken = {thing.id for thing in things}
    while True:
        x, y, z = rng.uniform(-3, 3), rng.uniform(0.1, 2), rng.uniform(-3, 3)
        if (made := f"{name}|{x:+06.2f}|{y:+06.2f}|{z:+06.2f}") not in taken:
            return made


def library(kind: str) -> dict[str, Any]:
    """ALFWorld's goal (PDDL) and wordings for a kind of task."""
    import alfworld.gen.goal_library as goals

    return goals.gdict[kind]


def _wording(goal: Goal, rng: random.Random) -> str:
    words = {"obj": goal.object, "recep": goal.receptacle, "toggle": goal.lamp, "mrecep": ""}
    template: str = rng.choice(library(goal.kind)["templates"])
    return template.format(**{key: word.lower() for key, word in words.items()})
