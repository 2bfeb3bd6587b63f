"""ALFWorld's official games: found in a folder or a `.tar.gz`, read as they are.

A game is a folder with `game.tw-pddl` (what the engine loads) and `traj_data.json` (which says the
kind). Its split follows from the folder that ALFWorld keeps it in: `train`, `valid_seen` (dev) and
`valid_unseen` (test); games outside these belong to `test`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from trajectune.environments.contract import Split, Task
from trajectune.environments.household.games.games import KINDS
from trajectune.environments.household.games.problem import Game
from trajectune.errors import DataError, RecipeError
from trajectune.storage import cache_dir, filling, read_json

GAME, TRAJECTORY = "game.tw-pddl", "traj_data.json"
SPLITS: dict[str, Split] = {"train": "train", "valid_seen": "dev", "valid_unseen": "test"}
MAX_UNPACKED = 4 * 2**30
"""Bytes that an archive may unpack to; the complete official set takes less than three quarters."""
MAX_MEMBERS = 500_000


def official_root(path: str | Path | None) -> Path:
    """The folder of games: `path`, or `$ALFWORLD_DATA`; an archive is unpacked into the cache once."""
    given = path or os.environ.get("ALFWORLD_DATA")
    if not given:
        raise RecipeError(
            "Official ALFWorld games were asked for, but not where they are.",
            remedy="set path: to a folder or .tar.gz, or the variable ALFWORLD_DATA",
        )
    root = Path(given).expanduser()
    if root.is_dir():
        return root
    if root.is_file() and root.name.endswith((".tar.gz", ".tgz", ".tar")):
        return _unpacked(root)
    raise DataError("There is no folder or .tar.gz of games.", where=str(root), remedy="mend the path")


def official_tasks(root: Path) -> list[Task]:
    """Every game of the six kinds below `root`, in a stable order."""
    tasks: list[Task] = []
    for game in sorted(root.rglob(GAME)):
        trajectory: Any = read_json(game.with_name(TRAJECTORY))
        kind = trajectory.get("task_type", "") if isinstance(trajectory, dict) else ""
        if kind in KINDS and not _is_sliced(trajectory):
            tasks.append(official_task(root, game, kind))
    if not tasks:
        raise DataError(
            f"No {GAME} with a {TRAJECTORY} beside it was found.",
            where=str(root),
            remedy="give the folder that holds json_2.1.1",
        )
    return tasks


def official_task(root: Path, game: Path, kind: str) -> Task:
    """The task of a game file below `root`; its last two folders name it wherever the tree was put."""
    place = game.parent.relative_to(root)
    name = "/".join(game.parent.parts[-2:])
    return Task(f"official/{name}", _split(place), kind, {"source": "official", "game": str(place)})


def kind_of(game: Path) -> str:
    """What a game's own file says of its kind; nothing where there is no such file."""
    file = game.with_name(TRAJECTORY)
    trajectory: Any = read_json(file) if file.is_file() else None
    return str(trajectory.get("task_type", "")) if isinstance(trajectory, dict) else ""


def read_game(root: Path, place: str) -> Game:
    """What the engine loads."""
    game = read_json(root / place / GAME)
    if not isinstance(game, dict) or not {"pddl_domain", "grammar", "pddl_problem"} <= game.keys():
        raise DataError(
            "This is not a game of ALFWorld.", where=str(root / place / GAME), remedy="fetch it anew"
        )
    return game


def _split(place: Path) -> Split:
    for part in place.parts:
        if part in SPLITS:
            return SPLITS[part]
    return "test"


def _is_sliced(trajectory: dict[str, Any]) -> bool:
    """ALFWorld leaves out the games in which something must be cut."""
    parameters = trajectory.get("pddl_params")
    return isinstance(parameters, dict) and bool(parameters.get("object_sliced"))


def _unpacked(archive: Path) -> Path:
    stat = archive.stat()
    key = f"{archive.resolve()}\n{stat.st_size}\n{stat.st_mtime_ns}"
    folder = cache_dir() / "games" / hashlib.sha256(key.encode()).hexdigest()[:16]
    if folder.is_dir():
        return folder
    with filling(folder):
        pass  # the cache can be written, or the error says what to set
    try:
        scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".unpacking-"))
        try:
            _extract(archive, scratch)
            _publish(scratch, folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except (OSError, EOFError, tarfile.TarError) as error:
        raise DataError(
            f"The archive of games cannot be unpacked: {error}",
            where=f"{archive} -> {folder}",
            remedy="fetch it anew, or unpack it yourself and give the folder",
        ) from error
    return folder


def _extract(archive: Path, folder: Path) -> None:
    """Only the files that are games; the `data` filter refuses links and paths that lead outside."""
    size = 0
    with tarfile.open(archive) as tar:
        for count, member in enumerate(tar):
            if count > MAX_MEMBERS or size > MAX_UNPACKED:
                raise tarfile.TarError("it holds more than any set of games")
            if member.isfile() and Path(member.name).name in (GAME, TRAJECTORY):
                size += member.size
                if size <= MAX_UNPACKED:
                    tar.extract(member, folder, filter="data")


def _publish(scratch: Path, folder: Path) -> None:
    """All at once; where another process was faster, its copy is as good."""
    try:
        scratch.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
