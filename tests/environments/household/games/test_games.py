"""Built games: which rooms, which goals, the same each time. No engine is started."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectune.environments.contract import Task
from trajectune.environments.household import HouseholdEnvironment
from trajectune.environments.household.games.games import APPLIANCES, CROWDED, KINDS, Layout, lay_out
from trajectune.environments.household.games.goal import read_wish
from trajectune.environments.household.games.problem import write_game
from trajectune.environments.household.games.rooms import constants, load_room, room_numbers
from trajectune.errors import EpisodeError

pytest.importorskip("alfworld")


def layouts() -> list[Layout]:
    rooms = [load_room(number) for number in (1, 8, 27, 203, 215, 301, 330, 401, 420)]
    made = [lay_out(room, kind, str(seed)) for room in rooms for kind in KINDS for seed in range(4)]
    return [layout for layout in made if layout is not None]


def test_train_and_unseen_rooms_are_apart() -> None:
    assert len(room_numbers("train")) == 96
    assert len(room_numbers("test")) == 24
    assert room_numbers("train") == room_numbers("dev")
    assert not set(room_numbers("train")) & set(room_numbers("test"))


@pytest.mark.parametrize("number", [1, 30, 201, 305, 428])
def test_a_room_has_distinct_places_that_hold_its_objects(number: int) -> None:
    room = load_room(number)
    assert len({place.id for place in room.receptacles}) == len(room.receptacles) >= 4
    held = frozenset[str]().union(*room.holds.values())
    assert set(room.object_types) <= held
    assert not {"DeskLamp", "FloorLamp"} & set(room.object_types)


def test_every_layout_can_be_won_and_is_not_won_yet() -> None:
    for layout in layouts():
        goal, things, room = layout.goal, layout.things, layout.room
        wanted = [thing for thing in things if thing.type == goal.object]
        assert len(wanted) >= (2 if goal.kind == "pick_two_obj_and_place" else 1)
        assert all(thing.receptacle.type != goal.receptacle for thing in wanted)
        if goal.receptacle:
            assert goal.object in room.holds[goal.receptacle]
        if goal.kind in APPLIANCES:
            assert APPLIANCES[goal.kind][1] in room.holds
        assert (goal.kind == "look_at_obj_in_light") == any(thing.type == goal.lamp for thing in things)


def test_layouts_of_all_kinds_occur_and_fit() -> None:
    made = layouts()
    assert {layout.goal.kind for layout in made} == set(KINDS)
    for layout in made:
        assert len({thing.id for thing in layout.things}) == len(layout.things)
        places = [thing.receptacle.id for thing in layout.things if thing.type != layout.goal.lamp]
        assert max(map(places.count, places)) <= CROWDED


def test_the_same_seed_gives_the_same_game_and_another_another() -> None:
    room = load_room(8)
    one, same, other = (lay_out(room, "pick_and_place_simple", seed) for seed in ("a", "a", "b"))
    assert one is not None
    assert same is not None
    assert other is not None
    assert write_game(one) == write_game(same)
    assert write_game(one) != write_game(other)


def test_the_game_is_told_in_alfworlds_words() -> None:
    layout = lay_out(load_room(8), "pick_heat_then_place_in_recep", "0")
    assert layout is not None
    game = write_game(layout)
    assert f"Your task is to: {layout.wording}." in game["grammar"]
    assert layout.goal.object.lower() in layout.wording
    assert "|" not in game["pddl_problem"]


def test_tasks_are_stable_balanced_and_split_by_room() -> None:
    first, second = HouseholdEnvironment(train=12, dev=6, test=12), HouseholdEnvironment(train=12, test=12)
    assert first.tasks("train") == second.tasks("train")
    for split in ("train", "dev", "test"):
        tasks = first.tasks(split)
        assert {task.kind for task in tasks} == set(KINDS)
        assert all(task.data["room"] in room_numbers(split) for task in tasks)
        assert all(task.id.startswith("built/") and task.data["source"] == "built" for task in tasks)
    assert not {seed_of(t) for t in first.tasks("train")} & {seed_of(t) for t in first.tasks("dev")}
    assert {t.id for t in HouseholdEnvironment(seed=1, train=12).tasks("train")}.isdisjoint(
        {t.id for t in first.tasks("train")}
    )


def test_kinds_can_be_chosen() -> None:
    tasks = HouseholdEnvironment(kinds=["look_at_obj_in_light"], train=4).tasks("train")
    assert {task.kind for task in tasks} == {"look_at_obj_in_light"}


def seed_of(task: Task) -> str:
    return str(task.data["seed"])


NUMBERS = st.sampled_from([1, 8, 27, 203, 215, 301, 330, 401, 420])


@settings(max_examples=150, deadline=None)
@given(NUMBERS, st.sampled_from(KINDS), st.integers(0, 10**6).map(str))
def test_any_layout_is_winnable_and_says_what_it_wants(number: int, kind: str, seed: str) -> None:
    room = load_room(number)
    layout = lay_out(room, kind, seed)
    if layout is None:
        return
    goal, places = layout.goal, {place.id for place in room.receptacles}
    assert goal.kind == kind
    assert all(thing.receptacle.id in places for thing in layout.things)
    assert all(
        thing.type in room.holds[thing.receptacle.type] or thing.type == goal.lamp
        for thing in layout.things
    )
    assert goal.receptacle not in ("SinkBasin", "BathtubBasin", APPLIANCES.get(kind, ("", ""))[1] or "-")
    wish = read_wish(f"Your task is to: {layout.wording}.")
    assert (wish.thing, wish.place) == (goal.object.lower(), goal.receptacle.lower())
    assert wish.lamp == goal.lamp.lower()
    if kind in APPLIANCES:
        assert goal.object in constants().VAL_ACTION_OBJECTS[APPLIANCES[kind][0]]


def test_rooms_offer_only_what_they_can() -> None:
    for number in (203, 301, 401):
        assert lay_out(load_room(number), "pick_heat_then_place_in_recep", "0") is None
    dark = next(room for room in map(load_room, room_numbers("train")) if not room.lamps)
    assert lay_out(dark, "look_at_obj_in_light", "0") is None


def test_things_lie_on_open_surfaces_more_often_than_in_one_drawer() -> None:
    closed = constants().OPENABLE_CLASS_SET
    places = [thing.receptacle.type for layout in layouts() for thing in layout.things]
    assert 0.05 < sum(place in closed for place in places) / len(places) < 0.5


def test_a_game_that_cannot_be_built_again_is_an_error() -> None:
    task = Task(
        "built/x", "train", "pick_heat_then_place_in_recep", {"source": "built", "room": 301, "seed": "0"}
    )
    with pytest.raises(EpisodeError, match="cannot be built again"):
        HouseholdEnvironment().open(task)
