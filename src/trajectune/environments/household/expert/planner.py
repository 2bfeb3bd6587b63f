"""The planning expert: the engine's planner finds the shortest way once, and the moves are told.

It knows where everything is, so it never searches: short trajectories, but nothing in them teaches how
to look for things.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

from trajectune.environments.contract import Expert, Move
from trajectune.environments.household.expert.thoughts import Thoughts
from trajectune.environments.household.games.goal import Wish, read_wish
from trajectune.trajectory import ToolCall

_COMMAND = re.compile(r"(?P<verb>\w+)(?: to)? (?P<first>\w+ \d+)(?: \S+ (?P<second>\w+ \d+))?")
TREATMENTS = ("clean", "heat", "cool")


def follow(opening: str, plan: Callable[[], list[str]], rng: random.Random) -> Expert:
    """The moves of a plan for the task in `opening`; it is asked for when the first move is due."""
    wish, commands, thoughts = read_wish(opening), plan(), Thoughts(rng)
    for index, command in enumerate(commands):
        thought = _explain(commands[index:], wish, thoughts)
        yield Move(thought, ToolCall(name="act", arguments={"command": command}))


def _explain(commands: Sequence[str], wish: Wish, thoughts: Thoughts) -> str:
    """Why the first of these commands: a walk is explained by what is done at its end."""
    verb, first, second = _parts(commands[0])
    match verb:
        case "go":
            return _explain_walk(first, commands[1:], thoughts)
        case "open":
            return thoughts.say("open", place=first)
        case "take":
            return thoughts.say("take", thing=first)
        case "move" | "put":
            return thoughts.say("put", thing=first, place=second)
        case "use":
            return thoughts.say("lamp", thing=wish.thing, lamp=first)
        case _ if verb in TREATMENTS:
            return thoughts.say("treat", thing=first, treatment=verb, place=second)
    return f"This brings me nearer to the task: {wish.text}."


def _explain_walk(place: str, then: Sequence[str], thoughts: Thoughts) -> str:
    verb, first = next(((v, f) for v, f, _ in map(_parts, then) if v not in ("open", "go")), ("", ""))
    if verb == "take":
        return thoughts.say("fetch", thing=first, place=place)
    if verb in ("move", "put"):
        return thoughts.say("carry", thing=first, place=place)
    if verb in TREATMENTS:
        return thoughts.say("to treat", thing=first, treatment=verb, place=place)
    return thoughts.say("go", place=place)


def _parts(command: str) -> tuple[str, str, str]:
    match = _COMMAND.match(command)
    return (match["verb"], match["first"], match["second"] or "") if match else (command, "", "")
