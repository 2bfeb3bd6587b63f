"""All 120 floor plans: places that can be told apart and reached, and things that fit somewhere."""

from __future__ import annotations

import re

import pytest

from trajectune.environments.household.games.rooms import LAMPS, UNPOSED, constants, load_room, room_numbers

pytest.importorskip("alfworld")

ROOMS = [load_room(number) for split in ("train", "test") for number in room_numbers(split)]  # type: ignore[arg-type]


def test_every_room_can_be_read() -> None:
    assert len({room.number for room in ROOMS}) == 120
    for room in ROOMS:
        assert len(room.receptacles) >= 4
        assert room.object_types == tuple(sorted(set(room.object_types)))
        assert set(room.lamps) <= set(LAMPS)


def test_places_are_of_alfworlds_types_and_stand_still() -> None:
    movable = set(constants().MOVABLE_RECEPTACLES_SET)
    for place in (place for room in ROOMS for place in room.receptacles):
        assert place.type in constants().RECEPTACLES
        assert place.type not in movable
        assert place.id.split("|")[0] == place.type or place.id.endswith(f"|{place.type}")
        assert re.fullmatch(r"loc\|-?\d+\|-?\d+\|[0-3]\|-?\d+", place.location)


def test_water_is_in_the_basin() -> None:
    types = {place.type for room in ROOMS for place in room.receptacles}
    assert {"SinkBasin", "BathtubBasin"} <= types
    assert not types & {"Sink", "Bathtub"}


def test_places_without_a_pose_have_spots_of_their_own() -> None:
    for room in ROOMS:
        for kind in UNPOSED:
            spots = [place.location for place in room.receptacles if place.type == kind]
            others = [place.location for place in room.receptacles if place.type != kind]
            if len(spots) == 1 and spots[0].startswith("loc|4"):
                assert spots[0] not in others


def test_things_fit_into_the_room_and_are_no_furniture() -> None:
    for room in ROOMS:
        assert set(room.holds) == {place.type for place in room.receptacles}
        fitting = frozenset[str]().union(*room.holds.values())
        assert set(room.object_types) <= fitting
        assert not set(room.object_types) & {*room.holds, *LAMPS}


def test_only_kitchens_heat_and_every_kind_of_room_is_there() -> None:
    kitchens = [room for room in ROOMS if room.number < 100]
    assert len(kitchens) == 30
    assert all("Microwave" in room.holds for room in kitchens)
    assert not any("Microwave" in room.holds for room in ROOMS if room.number > 100)
    assert {room.number // 100 for room in ROOMS} == {0, 2, 3, 4}
    assert any(room.lamps for room in ROOMS)
