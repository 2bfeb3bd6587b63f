"""Games of ALFWorld's six kinds, built from a seed in the rooms of the package itself.

The idea: a game is ALFWorld's own PDDL domain and grammar with a problem of ours: objects laid out in
a real room, one goal. The same room, kind and seed always give the same game.

Invariants: every game can be won (the objects and the appliance that the goal needs are there and can
be reached) and none is won at the start (no wanted object lies in a receptacle of the wanted type).
Built games are not ALFWorld's official ones; results on them must not be called so.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from agenttune.environments.household.extra import require_extra
from agenttune.environments.household.rooms import Receptacle, Room, constants

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
START = "loc|0|-99|0|30"
"""Where the agent stands first: in front of nothing."""

Game = dict[str, Any]
"""What the engine loads: `pddl_domain`, `grammar`, `pddl_problem`."""


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


def write_game(layout: Layout, *, bare: bool = False) -> Game:
    """The layout as the engine loads it.

    `bare` leaves out all that the goal does not need. Names stay as they are (the engine counts each
    type by itself) and a plan stays a plan, but the planner finds it in a fraction of the time.
    """
    goal = layout.goal
    needed = [thing for thing in layout.things if not bare or thing.type in (goal.object, goal.lamp)]
    domain, grammar = _files()
    return {
        "pddl_domain": domain,
        "grammar": grammar.replace("UNKNOWN GOAL", layout.wording),
        "pddl_problem": _problem(layout.room, goal, needed),
    }


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


@cache
def _files() -> tuple[str, str]:
    data = require_extra() / "data"
    domain, grammar = (data / name for name in ("alfred.pddl", "alfred.twl2"))
    return domain.read_text(encoding="utf-8"), grammar.read_text(encoding="utf-8")


def _library(kind: str) -> dict[str, Any]:
    import alfworld.gen.goal_library as library

    return library.gdict[kind]


def _wording(goal: Goal, rng: random.Random) -> str:
    words = {"obj": goal.object, "recep": goal.receptacle, "toggle": goal.lamp, "mrecep": ""}
    template: str = rng.choice(_library(goal.kind)["templates"])
    return template.format(**{key: word.lower() for key, word in words.items()})


def _problem(room: Room, goal: Goal, things: list[Thing]) -> str:
    """The problem in PDDL, names escaped as the engine wants them."""
    lines = ["(define (problem built)", "(:domain alfred)", "(:objects", "agent1 - agent"]
    lines += [_escape(line) + f" - {kind}" for line, kind in _declarations(room, goal, things)]
    lines += [")", "(:init", *map(_escape, _facts(room, things)), ")"]
    names = {"obj": goal.object, "recep": goal.receptacle, "toggle": goal.lamp, "mrecep": ""}
    objective: str = _library(goal.kind)["pddl"].format(**names)
    return "\n".join(lines) + "\n" + objective.replace("#", "-")


def _declarations(room: Room, goal: Goal, things: list[Thing]) -> Iterator[tuple[str, str]]:
    yield from ((thing.id, "object") for thing in things)
    yield from ((place.id, "receptacle") for place in room.receptacles)
    types = {thing.type for thing in things} | {goal.object}
    yield from ((f"{name}Type", "otype") for name in sorted(types))
    needed = {"SinkBasin", "Microwave", "Fridge"}  # the domain names these whether they are there or not
    yield from ((f"{name}Type", "rtype") for name in sorted(set(room.holds) | needed))
    locations = {place.location for place in room.receptacles} | {START}
    yield from ((location, "location") for location in sorted(locations))


def _facts(room: Room, things: list[Thing]) -> Iterator[str]:
    yield f"(atLocation agent1 {START})"
    openable = constants().OPENABLE_CLASS_SET
    for place in room.receptacles:
        yield f"(receptacleType {place.id} {place.type}Type)"
        yield f"(receptacleAtLocation {place.id} {place.location})"
        if place.type in openable:
            yield f"(openable {place.id})"
    present = {thing.type for thing in things}
    for receptacle, fits in room.holds.items():
        yield from (f"(canContain {receptacle}Type {name}Type)" for name in sorted(fits & present))
    for thing in things:
        yield from _facts_about(thing)


def _facts_about(thing: Thing) -> Iterator[str]:
    yield f"(objectType {thing.id} {thing.type}Type)"
    yield f"(inReceptacle {thing.id} {thing.receptacle.id})"
    yield f"(wasInReceptacle {thing.id} {thing.receptacle.id})"
    yield f"(objectAtLocation {thing.id} {thing.receptacle.location})"
    abilities = constants().VAL_ACTION_OBJECTS
    if thing.type in abilities["Toggleable"]:
        yield f"(toggleable {thing.id})"
        return
    yield f"(pickupable {thing.id})"
    for ability in ("Cleanable", "Heatable", "Coolable"):
        if thing.type in abilities[ability]:
            yield f"({ability.lower()} {thing.id})"


_ESCAPES = str.maketrans(
    {"|": "_bar_", "+": "_plus_", "-": "_minus_", ".": "_dot_", ",": "_comma_"}
)


def _escape(text: str) -> str:
    return text.translate(_ESCAPES)
