"""The 120 rooms whose floor plans the `alfworld` package carries: what stands where, and what fits.

The idea: a `Room` is the fixed part of a game. Receptacles come with the place in front of them; the
kinds of objects are those that AI2-THOR puts in that room. Rooms for training and unseen rooms are
kept apart exactly as ALFWorld does (`TRAIN_SCENE_NUMBERS`, `TEST_SCENE_NUMBERS`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from trajectune.environments.contract import Split
from trajectune.environments.household.extra import require_extra

LAMPS = ("DeskLamp", "FloorLamp")
BASINS = {"Sink": "SinkBasin", "Bathtub": "BathtubBasin"}
"""What holds the water is a part of the thing that stands in the room."""
UNPOSED = ("CoffeeMachine", "Toaster", "StoveBurner", "GarbageCan")
"""Receptacles that some floor plans name without saying where they stand."""


@dataclass(frozen=True, slots=True)
class Receptacle:
    """A place that holds objects."""

    id: str
    """`Type|x|y|z`, from which the engine makes the name (`cabinet 3`)."""
    type: str
    location: str
    """Where one stands to reach it."""


@dataclass(frozen=True, slots=True)
class Room:
    """One floor plan."""

    number: int
    receptacles: tuple[Receptacle, ...]
    object_types: tuple[str, ...]
    """What may lie about here and fits into at least one receptacle; sorted, without lamps."""
    lamps: tuple[str, ...]
    holds: dict[str, frozenset[str]]
    """Object types that each type of receptacle in this room may hold."""


def constants() -> Any:
    """ALFWorld's tables of what is what (`alfworld.gen.constants`)."""
    require_extra()
    import alfworld.gen.constants

    return alfworld.gen.constants


def room_numbers(split: Split) -> list[int]:
    """Rooms of a split: `train` and `dev` share rooms (ALFWorld's "seen"), `test` has its own."""
    tables = constants()
    return list(tables.TEST_SCENE_NUMBERS if split == "test" else tables.TRAIN_SCENE_NUMBERS)


@lru_cache(maxsize=256)
def load_room(number: int) -> Room:
    """Read one floor plan from the installed package."""
    layouts = require_extra() / "gen" / "layouts"
    types = set(_read(layouts / f"FloorPlan{number}-objects.json"))
    poses = _read(layouts / f"FloorPlan{number}-openable.json")
    receptacles = _receptacles(types, poses)
    tables = constants()
    present = {receptacle.type for receptacle in receptacles}
    holds = {name: frozenset(tables.VAL_RECEPTACLE_OBJECTS.get(name, ())) for name in sorted(present)}
    fitting = frozenset[str]().union(*holds.values())
    portable = (types & set(tables.OBJECTS_SET) & fitting) - present - set(LAMPS)
    lamps = tuple(lamp for lamp in LAMPS if lamp in types)
    return Room(number, tuple(receptacles), tuple(sorted(portable)), lamps, holds)


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _receptacles(types: set[str], poses: dict[str, list[float]]) -> list[Receptacle]:
    tables = constants()
    static = set(tables.RECEPTACLES) - set(tables.MOVABLE_RECEPTACLES_SET)
    found: list[Receptacle] = []
    for key, (x, z, rotation, horizon) in sorted(poses.items()):
        name = key.split("|")[0]
        kind = BASINS.get(name, name)
        if kind in static:
            location = f"loc|{round(x * 4)}|{round(z * 4)}|{int(rotation) // 90}|{int(horizon)}"
            found.append(Receptacle(f"{key}|{kind}" if kind != name else key, kind, location))
    present = {receptacle.type for receptacle in found}
    for index, kind in enumerate(UNPOSED, start=1):
        if kind in types and kind not in present:
            found.append(
                Receptacle(f"{kind}|+{index:02d}.00|+00.90|-0{index}.00", kind, f"loc|{40 + index}|0|0|30")
            )
    return found
