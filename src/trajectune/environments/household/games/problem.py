"""A layout written down for the engine: ALFWorld's own PDDL domain and grammar, our problem."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from trajectune.environments.household.extra import require_extra
from trajectune.environments.household.games.games import Goal, Layout, Thing, library
from trajectune.environments.household.games.rooms import Room, constants

START = "loc|0|-99|0|30"
"""Where the agent stands first: in front of nothing."""

Game = dict[str, Any]
"""What the engine loads: `pddl_domain`, `grammar`, `pddl_problem`."""


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


@cache
def _files() -> tuple[str, str]:
    data = require_extra() / "data"
    domain, grammar = (data / name for name in ("alfred.pddl", "alfred.twl2"))
    return domain.read_text(encoding="utf-8"), grammar.read_text(encoding="utf-8")


def _problem(room: Room, goal: Goal, things: list[Thing]) -> str:
    """The problem in PDDL, names escaped as the engine wants them."""
    lines = ["(define (problem built)", "(:domain alfred)", "(:objects", "agent1 - agent"]
    lines += [_escape(line) + f" - {kind}" for line, kind in _declarations(room, goal, things)]
    lines += [")", "(:init", *map(_escape, _facts(room, things)), ")"]
    names = {"obj": goal.object, "recep": goal.receptacle, "toggle": goal.lamp, "mrecep": ""}
    objective: str = library(goal.kind)["pddl"].format(**names)
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


_ESCAPES = str.maketrans({"|": "_bar_", "+": "_plus_", "-": "_minus_", ".": "_dot_", ",": "_comma_"})


def _escape(text: str) -> str:
    return text.translate(_ESCAPES)
