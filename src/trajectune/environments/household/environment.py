"""The household environment: tasks, rules and experts around ALFWorld's engine.

Two sources of games: `built` (from the package's own floor plans, without any download) and
`official` (ALFWorld's files). `train` and `dev` play in the same rooms with other games, `test` in
rooms that are seen nowhere else, as ALFWorld's train, valid_seen and valid_unseen do.

Invariant: a task's id starts with its source, so that a result on built games can never be mistaken
for ALFWorld's official number.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal, get_args

from trajectune.environments.contract import Environment, Expert, Split, Task
from trajectune.environments.household.engine.pool import POOL
from trajectune.environments.household.episode import TOOLS, HouseholdEpisode
from trajectune.environments.household.expert.explorer import explore
from trajectune.environments.household.expert.planner import follow
from trajectune.environments.household.games.games import KINDS, Layout, lay_out
from trajectune.environments.household.games.problem import Game, write_game
from trajectune.environments.household.games.rooms import load_room, room_numbers
from trajectune.environments.household.listed import CUT, listed_tasks
from trajectune.environments.household.official import official_root, official_tasks, read_game
from trajectune.environments.options import one_of
from trajectune.errors import EpisodeError, RecipeError
from trajectune.storage import Rejected
from trajectune.trajectory import Tool

Source = Literal["built", "official"]
ExpertName = Literal["explorer", "planner"]

NOTES: dict[Source, str] = {
    "built": "Games built from ALFWorld's floor plans; not ALFWorld's official games or numbers.",
    "official": "ALFWorld's official game files.",
}
TRIES = 200
"""Rooms tried for one task; two in three offer any given kind, only kitchens can heat and cool."""

INSTRUCTION = """\
You are in a room of a home and have a task to do there. You see only what lies on or in the place where \
you stand, so go from place to place until you find what you need. You can hold one thing at a time. Open \
what is closed to look inside.

Commands:
go to (place)
open (place)
close (place)
take (thing) from (place)
move (thing) to (place)
clean (thing) with (sinkbasin)
heat (thing) with (microwave)
cool (thing) with (fridge)
use (lamp)
examine (thing or place)
inventory
look

Name things and places with their numbers, as in: take mug 1 from shelf 2. You must stand at a place to \
use it. If nothing happens, the command was not possible there."""

CUTTING = INSTRUCTION.replace("use (lamp)", "slice (thing) with (knife)\nuse (lamp)")


class HouseholdEnvironment(Environment):
    """ALFWorld's six kinds of tasks.

    `source`: `built` or `official` games. `seed`, `train`, `dev`, `test`: which built games, and how
    many a split has. `kinds`: only these kinds. `path`: folder or `.tar.gz` of official games (default
    `$ALFWORLD_DATA`). `games`: AgentBench's JSON list of official games, offered alone and in its order.
    `expert`: `explorer` searches with its eyes open, as an agent must; `planner`
    knows where everything is. `snap`: replace impossible commands by the nearest possible one, as
    AgentBench does, instead of answering them with a fault.
    """

    name: ClassVar[str] = "household"
    tools: ClassVar[Sequence[Tool]] = TOOLS
    max_steps = 35

    def __init__(
        self,
        source: Source = "built",
        seed: int = 0,
        train: int = 600,
        dev: int = 60,
        test: int = 120,
        kinds: Sequence[str] | None = None,
        path: str | Path | None = None,
        games: str | Path | None = None,
        expert: ExpertName = "explorer",
        snap: bool = False,
    ) -> None:
        one_of(self.name, "source", source, get_args(Source))
        one_of(self.name, "expert", expert, get_args(ExpertName))
        for kind in kinds or ():
            one_of(self.name, "kinds", kind, KINDS)
        if games and source != "official":
            raise RecipeError(
                "A list of games names official ones.",
                where="option games",
                remedy="set source: official, or leave games out",
            )
        self.note = NOTES[source]
        self._source = source
        self._seed = seed
        self._sizes: dict[Split, int] = {"train": train, "dev": dev, "test": test}
        self._kinds = tuple(kinds or KINDS)
        self._path = path
        self._games = Path(games).expanduser() if games else None
        self._rejected: list[Rejected] = []
        self._expert = expert
        self._snap = snap
        self._tasks: dict[Split, tuple[Task, ...]] = {}
        self._plans: dict[str, list[str]] = {}

    @property
    def rejected(self) -> Sequence[Rejected]:
        """Games of the list that cannot be played, and why; the list is read for it."""
        if self._games and not self._tasks:
            self._read_official()
        return self._rejected

    def tasks(self, split: Split) -> Sequence[Task]:
        if split not in self._tasks:
            if self._source == "built":
                self._tasks[split] = tuple(self._built(split, index) for index in range(self._sizes[split]))
            else:
                self._read_official()
        return self._tasks[split]

    def instruction(self, task: Task) -> str:
        return CUTTING if _must_cut(task) else INSTRUCTION

    def open(self, task: Task, seed: int = 0) -> HouseholdEpisode:
        """Start a game. Nothing in it is random, so every `seed` gives the same episode."""
        del seed
        return HouseholdEpisode(POOL, self._game(task), snap=self._snap)

    def expert(self, task: Task, observation: str, seed: int = 0) -> Expert | None:
        if _must_cut(task):
            return None  # no expert cuts things
        rng = random.Random(f"{task.id}/{seed}")
        if self._expert == "planner":
            return follow(observation, lambda: self._plan(task), rng)
        return explore(observation, rng)

    def _built(self, split: Split, index: int) -> Task:
        """The task number `index`: its kind is settled, its room is drawn until one offers that kind."""
        kind = self._kinds[index % len(self._kinds)]
        rng = random.Random(f"{self._seed}/{split}/{index}")
        rooms = room_numbers(split)
        for _ in range(TRIES):
            room, seed = rng.choice(rooms), f"{split}/{rng.getrandbits(32)}"
            if lay_out(load_room(room), kind, seed) is not None:
                name = f"built/{split}-{self._seed}-{index:05d}-{kind}"
                return Task(name, split, kind, {"source": "built", "room": room, "seed": seed})
        raise EpisodeError(f"No room offers a game of kind {kind!r}.", where=f"{split} task {index}")

    def _read_official(self) -> None:
        root = official_root(self._path)
        listed = listed_tasks(root, self._games, self._rejected) if self._games else official_tasks(root)
        found = [task for task in listed if task.kind in self._kinds]
        for split in get_args(Split):
            self._tasks[split] = tuple(task for task in found if task.split == split)

    def _layout(self, task: Task) -> Layout:
        layout = lay_out(load_room(task.data["room"]), task.kind, task.data["seed"])
        if layout is None:
            raise EpisodeError(
                "This game cannot be built again.", where=task.id, remedy="list the tasks anew"
            )
        return layout

    def _game(self, task: Task, *, bare: bool = False) -> Game:
        if task.data["source"] == "built":
            return write_game(self._layout(task), bare=bare)
        return read_game(official_root(self._path), task.data["game"])

    def _plan(self, task: Task) -> list[str]:
        if task.id not in self._plans:
            worker = POOL.take()
            worker.ask("load", game=self._game(task, bare=True))
            self._plans[task.id] = worker.ask("plan")["plan"]
            POOL.give(worker)
        return self._plans[task.id]


def _must_cut(task: Task) -> bool:
    return CUT in str(task.data.get("game", ""))
