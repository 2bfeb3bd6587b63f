"""A run directory: the results of stages, which of them the recipe means, and who works in it.

    recipe.yaml                      the recipe
    stages/curate-1f0c3a77d2/        a result; done.json, written last, says that it is whole
    curate -> stages/curate-1f0c…    what the recipe means by `curate` (in a study: `arms/ARM-SEED/curate`)

The idea: results are found by their fingerprints and stay when the recipe changes; links say which ones it
means. A result without its marker is worked on again and goes on from what its own files hold.

Invariants: a marker is written atomically, after everything that it stands for is on disk; nothing that was
made is removed but by `clean`; one process at a time works in a directory.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from trajectune.errors import DataError, RecipeError
from trajectune.run.recipe import Recipe, dump_recipe, load_recipe
from trajectune.run.stage import Result
from trajectune.storage import locked, read_json, write_atomic, write_json
from trajectune.storage.lock import LOCK

STAGES, RECIPE = "stages", "recipe.yaml"
DONE, SPENT = "done.json", "spent.json"
_LABEL = re.compile(r".+-[0-9a-f]{10}")


class RunDirectory:
    """The folder of one run."""

    def __init__(self, path: Path) -> None:
        """Raises `RecipeError` where the folder holds something else than a run."""
        self.path = path.absolute()
        empty = not path.exists() or (path.is_dir() and all(each.name == LOCK for each in path.iterdir()))
        if not empty and not (path / RECIPE).is_file():
            raise RecipeError(
                "the run directory holds something else",
                where=str(path),
                remedy="give an empty or new folder with --run-dir",
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes out. The system frees the lock when this process dies, however it does.

        Raises `RecipeError` where another process works here, `DataError` where nothing can be written.
        """
        with locked(self.path, remedy="give another folder with --run-dir"):
            yield

    def recipe(self) -> Recipe | None:
        """The recipe that the links stand for; `None` before the first."""
        path = self.path / RECIPE
        return load_recipe(path) if path.exists() else None

    def store(self, recipe: Recipe) -> None:
        """Keep the recipe, unless the very same is there."""
        path, text = self.path / RECIPE, dump_recipe(recipe)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_atomic(path, text)

    def folder(self, result: Result) -> Path:
        """Where a result is or will be."""
        return self.path / STAGES / result.label

    def is_done(self, result: Result) -> bool:
        """Whether the result is whole. A marker that cannot be read stands for nothing."""
        return _note(self.folder(result) / DONE).get("fingerprint") == result.fingerprint

    def seconds(self, result: Result) -> float:
        """Wall time of a whole result, over all attempts that ended by themselves; 0 before."""
        return seconds_of(self.folder(result)) if self.is_done(result) else 0.0

    @contextmanager
    def making(self, result: Result) -> Iterator[Path]:
        """Make a result and mark it as whole when the body ends well; gives its folder."""
        folder, start = self.folder(result), time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)
        for part in folder.rglob(".*.part"):  # what a killed process was writing
            part.unlink(missing_ok=True)
        spent = folder / SPENT
        before = float(_note(spent).get("seconds", 0.0))
        try:
            yield folder
        except BaseException:
            with suppress(DataError):  # what went wrong is told, be it that the disk is full
                write_json(spent, {"seconds": before + time.monotonic() - start})
            raise
        spent.unlink(missing_ok=True)
        seconds = round(before + time.monotonic() - start, 3)
        marker = {"fingerprint": result.fingerprint, "seconds": seconds, "values": result.values}
        write_json(folder / DONE, marker)

    def link(self, name: str, result: Result) -> None:
        """Let `name` stand for a result. Raises `RecipeError` where a file or folder has the name."""
        place = self.path / name
        target = os.path.relpath(self.folder(result), place.parent)
        if place.is_symlink() and place.readlink() == Path(target):
            return
        if place.exists() and not place.is_symlink():
            raise RecipeError(
                "the run directory was made by an older version",
                where=str(place),
                remedy="give a new folder",
            )
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f".{place.name}.part")
        part.unlink(missing_ok=True)
        part.symlink_to(target)
        part.replace(place)

    def links(self) -> dict[str, Path]:
        """What stands for results now, by name: the folders, which may be missing yet."""
        found = {}
        for top, folders, files in os.walk(self.path):
            if Path(top) == self.path and STAGES in folders:
                folders.remove(STAGES)
            for name in [*folders, *files]:
                place = Path(top) / name
                if place.is_symlink():
                    found[place.relative_to(self.path).as_posix()] = place.parent / place.readlink()
        return {name: Path(os.path.normpath(path)) for name, path in found.items()}

    def replaced(self, meant: Mapping[str, Result]) -> list[str]:
        """Names whose results, begun at least, would give way to others that are not there."""
        links = self.links()
        return [
            name
            for name, result in meant.items()
            if name in links
            and links[name] != Path(os.path.normpath(self.folder(result)))
            and not self.is_done(result)
            and links[name].is_dir()
            and any(links[name].iterdir())
        ]

    def relink(self, meant: Mapping[str, Result]) -> None:
        """Let these names stand for their results, as far as those were begun, and no other names."""
        links = self.links()
        for name, folder in links.items():
            if name not in meant or folder != Path(os.path.normpath(self.folder(meant[name]))):
                (self.path / name).unlink()
        for name, result in meant.items():
            if self.folder(result).is_dir():
                self.link(name, result)

    def clean(self) -> int:
        """Remove the results that nothing stands for; gives the bytes that this frees."""
        kept, freed = {str(path) for path in self.links().values()}, 0
        for folder in list(_results(self.path / STAGES)):
            if os.path.normpath(folder) not in kept:
                freed += sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir())
                shutil.rmtree(folder)
        return freed


def seconds_of(folder: Path) -> float:
    """What it took to make a whole result."""
    return float(_note(folder / DONE).get("seconds", 0.0))


def changed_keys(old: object, new: object, prefix: str = "") -> list[str]:
    """Dotted keys at which two nested mappings differ."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [] if old == new else [prefix]
    keys = list(dict.fromkeys([*old, *new]))
    return [
        found
        for key in keys
        for found in changed_keys(old.get(key), new.get(key), f"{prefix}.{key}" if prefix else str(key))
    ]


def _note(path: Path) -> dict[str, Any]:
    """A small file that stands beside a result; empty where it is missing or damaged."""
    try:
        found = read_json(path)
    except DataError:
        return {}
    return found if isinstance(found, dict) else {}


def _results(stages: Path) -> Iterator[Path]:
    for top, folders, _ in os.walk(stages):
        for name in list(folders):
            if _LABEL.fullmatch(name):
                folders.remove(name)
                yield Path(top) / name
