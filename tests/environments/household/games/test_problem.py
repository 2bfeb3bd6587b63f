"""A layout written down: every place and thing declared once, and nothing that the engine misreads."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectune.environments.household.games.games import KINDS, Layout, lay_out
from trajectune.environments.household.games.problem import Game, write_game
from trajectune.environments.household.games.rooms import constants, load_room, room_numbers

pytest.importorskip("alfworld")

NUMBERS = st.sampled_from([*room_numbers("train"), *room_numbers("test")])


def facts(game: Game, name: str) -> list[list[str]]:
    """The facts of one name at the start, as lists of their words."""
    start = game["pddl_problem"].partition("(:init")[2].partition("(:goal")[0]
    return [words.split() for words in re.findall(rf"\({name} ([^()]*)\)", start)]


def declared(game: Game) -> dict[str, str]:
    """What is declared, with its kind."""
    text = game["pddl_problem"].partition("(:objects")[2].partition("(:init")[0]
    pairs = re.findall(r"(\S+) - (\w+)", text)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def some_layout(number: int, kind: str, seed: int) -> Layout | None:
    return lay_out(load_room(number), kind, str(seed))


@settings(max_examples=60, deadline=None)
@given(NUMBERS, st.sampled_from(KINDS), st.integers(0, 99), st.booleans())
def test_everything_that_is_named_is_declared(number: int, kind: str, seed: int, bare: bool) -> None:
    if (layout := some_layout(number, kind, seed)) is None:
        return
    game = write_game(layout, bare=bare)
    text, kinds = game["pddl_problem"], declared(game)
    assert text.count("(") == text.count(")")
    assert not set("|+#") & set(text)
    for fact, expected in {
        "inReceptacle": ["object", "receptacle"],
        "objectAtLocation": ["object", "location"],
        "receptacleAtLocation": ["receptacle", "location"],
        "objectType": ["object", "otype"],
        "receptacleType": ["receptacle", "rtype"],
        "canContain": ["rtype", "otype"],
        "atLocation": ["agent", "location"],
    }.items():
        for words in facts(game, fact):
            assert [kinds[word] for word in words] == expected, (fact, words)
    for name in set(re.findall(r"\b\w+Type\b", text.partition("(:goal")[2])) - {
        "objectType",
        "receptacleType",
    }:
        assert name in kinds


@settings(max_examples=60, deadline=None)
@given(NUMBERS, st.sampled_from(KINDS), st.integers(0, 99))
def test_every_thing_lies_where_the_layout_puts_it(number: int, kind: str, seed: int) -> None:
    if (layout := some_layout(number, kind, seed)) is None:
        return
    game = write_game(layout)
    kinds = Counter(declared(game).values())
    assert kinds["object"] == len(layout.things) == len(facts(game, "inReceptacle"))
    assert kinds["receptacle"] == len(layout.room.receptacles)
    at = dict(facts(game, "receptacleAtLocation"))
    for thing, place in facts(game, "inReceptacle"):
        assert [thing, at[place]] in facts(game, "objectAtLocation")
        assert [thing] in facts(game, "pickupable") or [thing] in facts(game, "toggleable")
    openable = {
        place.id for place in layout.room.receptacles if place.type in constants().OPENABLE_CLASS_SET
    }
    assert len(facts(game, "openable")) == len(openable)
    assert len(facts(game, "atLocation")) == 1


@settings(max_examples=60, deadline=None)
@given(NUMBERS, st.sampled_from(KINDS), st.integers(0, 99))
def test_a_bare_game_keeps_the_goal_and_all_places(number: int, kind: str, seed: int) -> None:
    if (layout := some_layout(number, kind, seed)) is None:
        return
    whole, bare = write_game(layout), write_game(layout, bare=True)
    for text in ("pddl_domain", "grammar"):
        assert whole[text] == bare[text]
    assert whole["pddl_problem"].partition("(:goal")[2] == bare["pddl_problem"].partition("(:goal")[2]
    assert declared(bare).items() <= declared(whole).items()
    assert facts(bare, "receptacleAtLocation") == facts(whole, "receptacleAtLocation")
    wanted = {layout.goal.object, layout.goal.lamp} - {""}
    assert {words[1].removesuffix("Type") for words in facts(bare, "objectType")} == wanted


@pytest.mark.parametrize(
    ("kind", "ability", "number"),
    [
        ("pick_clean_then_place_in_recep", "cleanable", 8),
        ("pick_heat_then_place_in_recep", "heatable", 8),
        ("pick_cool_then_place_in_recep", "coolable", 8),
    ],
)
def test_a_thing_can_undergo_what_the_goal_asks_for(kind: str, ability: str, number: int) -> None:
    for seed in range(10):
        layout = some_layout(number, kind, seed)
        assert layout is not None
        game = write_game(layout)
        able = {words[0].split("_")[0] for words in facts(game, ability)}
        assert layout.goal.object in able
