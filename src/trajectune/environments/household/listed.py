"""AgentBench's lists of games: a JSON file that names games of ALFWorld by kind, in the order of play.

The idea: `{"pick_and_place": ["json_2.1.1/valid_unseen/…/trial_…/game.tw-pddl", …], …}` says which of
ALFWorld's official games a split of AgentBench has (`data/alfworld` in its repository). A game is found by
its last two folders, wherever the tree of games was put.

Invariant: every game of the list becomes one task, in the list's order, or is rejected with its number
(from 1) and the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from trajectune.environments.contract import Task
from trajectune.environments.household.games.games import KINDS
from trajectune.environments.household.official import GAME, kind_of, official_task
from trajectune.errors import DataError
from trajectune.storage import Rejected, read_json

CUT = "Sliced"
"""In the name of a game whose object must be cut first. ALFWorld leaves these out, AgentBench's train list
does not."""


def listed_tasks(root: Path, file: Path, rejected: list[Rejected]) -> list[Task]:
    """The games of the list that are below `root`. Raises `DataError` when none of them is."""
    found = {_key(game): game for game in sorted(root.rglob(GAME))}
    tasks: dict[str, Task] = {}
    for number, (kind, path) in enumerate(_entries(file), 1):
        game = found.get(_key(Path(path)))
        reason = _unusable(kind, path, game)
        if game is not None and not reason:
            task = official_task(root, game, _full(kind))
            reason = "the list has it twice" if task.id in tasks else ""
            tasks.setdefault(task.id, task)
        if reason:
            rejected.append(Rejected(number, f"{path}: {reason}"))
    if not tasks:
        raise DataError(
            f"None of the {len(rejected)} games of the list can be played."
            + (f" The first: {rejected[0].reason}" if rejected else ""),
            where=f"{file}, games in {root}",
            remedy="give the games of the list: path: a folder with json_2.1.1, or a .tar.gz",
        )
    return list(tasks.values())


def _entries(file: Path) -> Iterator[tuple[str, str]]:
    """(AgentBench's kind, path) in the order of the file."""
    value = read_json(file)
    if not isinstance(value, dict) or not all(isinstance(paths, list) for paths in value.values()):
        raise DataError(
            "This is no list of games.",
            where=str(file),
            remedy='Give AgentBench\'s JSON: {"pick_and_place": [PATH, …], …}.',
        )
    return ((kind, str(path)) for kind, paths in value.items() for path in paths)


def _unusable(kind: str, path: str, game: Path | None) -> str:
    """Why this game cannot be played; nothing for one that can."""
    if not _full(kind):
        return f"its kind {kind!r} is none of ALFWorld's"
    if game is None:
        return "it is not among the games" if Path(path).name == GAME else f"it is no {GAME}"
    own = kind_of(game)
    return f"it is listed as {kind!r} and is of kind {own!r}" if own and own != _full(kind) else ""


def _full(kind: str) -> str:
    """ALFWorld's name of a kind, which AgentBench shortens; empty where there is none."""
    return next((full for full in KINDS if kind and full.startswith(kind)), "")


def _key(game: Path) -> str:
    return "/".join(game.parts[-3:-1])
