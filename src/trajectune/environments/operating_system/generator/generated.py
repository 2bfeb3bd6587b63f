"""Tasks without end: seeded problems on invented machines.

The idea: a task is a seed and a kind; `make` turns it into the same `Problem` anywhere. Train and dev draw
from the same names and wordings (with other seeds), test from names and wordings that training never sees.

Invariant: a problem depends on nothing but its task's seed, split and kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from random import Random

from trajectune.environments.contract import Split, Task
from trajectune.environments.operating_system.generator import pools
from trajectune.environments.operating_system.generator.draw import Draw
from trajectune.environments.operating_system.generator.kinds import (
    archives,
    dates,
    files,
    permissions,
    processes,
    text,
    users,
    variables,
)
from trajectune.environments.operating_system.tasks.problem import Problem
from trajectune.errors import RecipeError
from trajectune.storage import Rejected

AREAS = {
    "files": files.KINDS,
    "text": text.KINDS,
    "processes": processes.KINDS,
    "permissions": permissions.KINDS,
    "users": users.KINDS,
    "archives": archives.KINDS,
    "dates": dates.KINDS,
    "environment": variables.KINDS,
}
MAKERS = {name: maker for kinds in AREAS.values() for name, maker in kinds.items()}
KINDS = tuple(MAKERS)
SEVERAL = frozenset({"give_to", "add_user"})
"""Kinds that need a second user."""


class GeneratedSource:
    """Generated tasks.

    `sizes` of them in each split, of `kinds`, without `SEVERAL` where `several` is false.
    """

    def __init__(
        self, seed: int, sizes: dict[Split, int], kinds: Sequence[str] | None = None, several: bool = True
    ) -> None:
        if unknown := set(kinds or ()) - set(KINDS):
            raise RecipeError(
                f"Unknown kinds of operating_system task: {', '.join(sorted(unknown))}.",
                where="option kinds",
                remedy=f"Choose among: {', '.join(KINDS)}.",
            )
        self.seed = seed
        self.sizes = sizes
        self.several = several
        self.kinds = tuple(kinds or KINDS)
        self.rejected: list[Rejected] = []

    def tasks(self, split: Split) -> list[Task]:
        """The first `sizes[split]` tasks of the endless list; a shorter list is a prefix of a longer."""
        found = []
        for number in range(self.sizes[split]):
            kind = self.kinds[number % len(self.kinds)]
            if self.several or kind not in SEVERAL:
                id = f"generated-{self.seed}-{split}-{number}"
                found.append(Task(id, split, kind, {"seed": f"{self.seed}/{split}/{number}"}))
        return found

    def left_out(self) -> int:
        """Tasks that this machine cannot play, in all splits."""
        return (
            0
            if self.several
            else sum(
                self.kinds[number % len(self.kinds)] in SEVERAL
                for size in self.sizes.values()
                for number in range(size)
            )
        )

    def problem(self, task: Task) -> Problem:
        """The problem of a task of `tasks`."""
        return make(str(task.data["seed"]), task.kind, task.split == "test")


@lru_cache(maxsize=256)
def make(seed: str, kind: str, unseen: bool) -> Problem:
    """The problem with this seed; `unseen` takes the names and wordings of the test split."""
    pool = pools.TEST if unseen else pools.TRAIN
    frames = FRAMES["test" if unseen else "train"]
    return MAKERS[kind](Draw(kind, Random(seed), pool, frames))


def read_frames(file: str) -> dict[str, tuple[str, ...]]:
    """Blocks of lines: the first line of a block names the kind, the others are its questions."""
    folder = resources.files("trajectune.environments.operating_system.generator")
    blocks = folder.joinpath(file).read_text(encoding="utf-8").strip().split("\n\n")
    lines = [block.strip().splitlines() for block in blocks]
    return {block[0].strip(): tuple(line.strip() for line in block[1:]) for block in lines}


FRAMES = {split: read_frames(f"frames_{split}.txt") for split in ("train", "test")}
