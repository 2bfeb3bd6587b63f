"""Tasks without end: seeded problems over invented tables.

The idea: a task is a seed and a kind; `make` turns it into the same `Problem` on any machine, so that
task lists are small and stable. Train and dev draw from the same themes and wordings (with other
seeds), test from themes and wordings that training never sees.

Invariant: a problem depends on nothing but its task's seed, split and kind.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from functools import lru_cache
from random import Random
from typing import Literal, get_args

from trajectune.environments.contract import Split, Task
from trajectune.environments.database.engine.cells import shown
from trajectune.environments.database.engine.image import image_of
from trajectune.environments.database.engine.problem import CHANGES, Problem
from trajectune.environments.database.engine.schema import draw_table
from trajectune.environments.database.engine.tables import Table, headers
from trajectune.environments.database.generator import edits, questions, wordings
from trajectune.environments.database.generator.joins import joined
from trajectune.environments.database.generator.phrasing import Manner
from trajectune.environments.database.generator.questions import Asker, Candidate
from trajectune.environments.database.generator.themes import test_themes, train_themes
from trajectune.errors import RecipeError
from trajectune.storage import Rejected

Level = Literal["plain", "varied"]
"""`plain`: values and names in quotes, columns named as in the header, one condition, at most two tables.
`varied`: as people write."""

KINDS = (
    "select", "count", "comparison", "ranking", "sum", "min",
    "max", "avg", "join", "insert", "update", "delete",
)  # fmt: skip
TRAIN_MIX = (
    "insert", "ranking", "join", "sum", "select", "comparison", "update", "max",
    "insert", "ranking", "join", "count", "select", "delete", "min",
    "insert", "ranking", "join", "sum", "comparison", "update", "avg",
)  # fmt: skip
"""Order of kinds in the train split: what small models find hard comes two or three times.
Dev and test go round `KINDS` evenly, so that training cannot flatter the score."""


MAX_SHOWN = 400
"""Characters of a gold result; with more, the question is drawn again."""


class GeneratedSource:
    """Generated tasks: `sizes` of them in each split, limited to `kinds`."""

    rejected: Sequence[Rejected] = ()

    def __init__(
        self,
        seed: int,
        sizes: dict[Split, int],
        kinds: Sequence[str] | None = None,
        level: Level = "varied",
    ) -> None:
        if unknown := set(kinds or ()) - set(KINDS):
            raise RecipeError(
                f"Unknown kinds of database task: {', '.join(sorted(unknown))}.",
                remedy=f"Choose among: {', '.join(KINDS)}.",
            )
        if level not in get_args(Level):
            raise RecipeError(f"Unknown level {level!r}.", remedy=f"Use {' or '.join(get_args(Level))}.")
        self.seed = seed
        self.sizes = sizes
        self.kinds = kinds or KINDS
        self.level: Level = level

    def tasks(self, split: Split) -> list[Task]:
        """The first `sizes[split]` tasks of the endless list; a shorter list is a prefix of a longer."""
        order = [k for k in (TRAIN_MIX if split == "train" else KINDS) if k in self.kinds]
        return [
            Task(
                id=f"{self.level}-{self.seed}-{split}-{number}",
                split=split,
                kind=order[number % len(order)],
                data={"seed": f"{self.seed}/{split}/{number}"},
            )
            for number in range(self.sizes[split])
        ]

    def problem(self, task: Task) -> Problem:
        """The problem of a task of `tasks`."""
        return make(str(task.data["seed"]), task.kind, task.split == "test", self.level)


@lru_cache(maxsize=256)
def make(seed: str, kind: str, unseen: bool, level: Level = "varied") -> Problem:
    """The problem with this seed; `unseen` takes the themes and wordings of the test split.

    An episode, its expert and its checks ask for the same one, so the latest are kept.
    """
    rng = Random(seed)
    words = wordings.TEST if unseen else wordings.TRAIN
    themes = test_themes() if unseen else train_themes()
    while True:  # ends: every kind succeeds in a fair share of draws
        asker = Asker(rng, draw_table(rng, themes), Manner(rng, words, level == "plain"))
        candidate, tables = _candidate(asker, kind)
        if candidate is None:
            continue
        question, gold = candidate
        text = f"{question}\n{headers(tables, quoted=level == 'plain')}"
        image = image_of(tables)
        rows = _solve(image, gold)
        if len(str(rows)) <= MAX_SHOWN:
            answers = None if kind in CHANGES else answers_of(rows)
            return Problem(text, kind, gold, answers, tables, image, shown(rows))


def _candidate(asker: Asker, kind: str) -> tuple[Candidate, list[Table]]:
    own = [asker.drawn.table]
    if kind == "join":
        found = joined(asker, 2 if asker.manner.plain else asker.rng.choice((2, 2, 2, 2, 3)))
        return (None, own) if found is None else (found[:2], found[2])
    if kind in ("sum", "avg", "min", "max"):
        return questions.aggregate(asker, kind.upper()), own
    return getattr(edits if kind in CHANGES else questions, kind)(asker), own


def _solve(image: bytes, gold: str) -> list[tuple[object, ...]]:
    """What the gold statement finds."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(image)
        return connection.execute(gold).fetchall()


def answers_of(rows: Sequence[Sequence[object]]) -> list[str]:
    """A result as the values to commit: row by row, `none` for no row and for NULL."""
    values = ["none" if value is None else str(value) for row in rows for value in row]
    return values or ["none"]
