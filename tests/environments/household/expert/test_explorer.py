"""The explorer solves any house by looking: it names only what it saw and wastes no move."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.house import House, built
from trajectune.environments.contract import Move
from trajectune.environments.household.expert.explorer import explore

pytest.importorskip("alfworld")

SEEDS = st.integers(0, 10**6)
KINDS = st.sampled_from(["put", "clean", "heat", "cool", "two", "look"])


def explored(house: House, seed: int = 0, moves_at_most: int = 80) -> list[tuple[Move, str]]:
    """The moves that the explorer makes, each with what it earned."""
    moves, played = explore(house.opening, random.Random(seed)), []
    for move in moves:
        while True:
            seen = house.act(str(move.calls[0].arguments["command"]))
            played.append((move, seen))
            assert len(played) <= moves_at_most
            try:
                move = moves.send(seen)
            except StopIteration:
                return played
    return played


def commands(played: list[tuple[Move, str]]) -> list[str]:
    return [str(move.calls[0].arguments["command"]) for move, _ in played]


@settings(max_examples=150, deadline=None)
@given(SEEDS, KINDS, st.integers(0, 3))
def test_any_house_is_solved(number: int, kind: str, seed: int) -> None:
    house = built(number, kind)
    assert not house.won
    played = explored(house, seed)
    assert house.won
    assert all(0 < len(move.thought.split()) <= 25 for move, _ in played)
    assert all(move.trained and "\n" not in move.thought for move, _ in played)


@settings(max_examples=100, deadline=None)
@given(SEEDS, KINDS)
def test_nothing_is_named_before_it_was_seen(number: int, kind: str) -> None:
    house = built(number, kind)
    known = set(re.findall(r"[a-z]+ \d+", house.opening))
    for move, seen in explored(house):
        said = set(re.findall(r"[a-z]+ \d+", str(move.calls[0].arguments["command"])))
        assert said <= known
        known |= set(re.findall(r"[a-z]+ \d+", seen))


@settings(max_examples=100, deadline=None)
@given(SEEDS, KINDS)
def test_no_move_fails_but_a_walk_between_places_at_one_spot(number: int, kind: str) -> None:
    house = built(number, kind)
    played = explored(house)
    for (move, seen), following in zip(played, [*commands(played)[1:], ""], strict=True):
        command = str(move.calls[0].arguments["command"])
        if seen == "Nothing happens.":
            assert command.startswith("go to ")
            assert house.spots.get(command[6:]) or command[6:] in house.spots.values()
            assert following == command.replace("go to", "examine")


@settings(max_examples=100, deadline=None)
@given(SEEDS, KINDS)
def test_no_place_is_searched_twice(number: int, kind: str) -> None:
    house = built(number, kind)
    opened = [command for command in commands(explored(house)) if command.startswith("open ")]
    assert len(set(opened)) == len(opened)


@settings(max_examples=40, deadline=None)
@given(SEEDS, KINDS)
def test_the_seed_settles_the_route(number: int, kind: str) -> None:
    one, two = (commands(explored(built(number, kind), seed=3)) for _ in range(2))
    assert one == two


def test_seeds_give_other_routes() -> None:
    assert len({tuple(commands(explored(built(1, "put"), seed))) for seed in range(12)}) > 3


@pytest.mark.parametrize("kind", ["put", "heat", "two", "look"])
def test_it_stops_when_every_place_was_looked_at_in_vain(kind: str) -> None:
    house = built(5, kind)
    for place, things in house.things.items():
        house.things[place] = [name for name in things if not name.startswith(house.wish.thing + " ")]
    played = explored(house)
    looked = {command.partition(" ")[2].removeprefix("to ") for command in commands(played)}
    assert looked == set(house.things)
    assert not any(command.startswith(("take", "move", "use")) for command in commands(played))


def test_one_of_two_that_lies_where_it_belongs_is_left_there() -> None:
    solved = 0
    for number in range(60):
        house = built(number, "two")
        home = [
            p
            for p, things in house.things.items()
            if p.startswith(house.wish.place) and any(t.startswith(house.wish.thing + " ") for t in things)
        ]
        made = commands(explored(house, number))
        assert house.won
        takes = [command for command in made if command.startswith("take ")]
        solved += bool(home) and len(takes) == 1
        assert len(takes) <= 2
    assert solved > 0


def test_open_surfaces_are_looked_at_before_closed_places() -> None:
    firsts = [commands(explored(built(number, "put"), number))[0] for number in range(80)]
    closed = sum(first.split()[2] in ("drawer", "cabinet", "fridge", "microwave") for first in firsts)
    assert closed < 20
