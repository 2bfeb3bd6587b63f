"""A run directory: what each stage made, and whether it finished.

The idea: a stage writes into its own folder and, last of all, a marker. A stage with a marker is never
run again; a stage without one is started again and goes on from what its own files hold (rollouts from
finished episodes, tuning from its last checkpoint). So the same command after a crash goes on, and
after the end does nothing.

Invariants: `recipe.yaml` in the folder is the recipe that made everything in it; another recipe is
refused once anything was made. A marker is written atomically, after everything it stands for is on disk.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from trajectune.errors import RecipeError
from trajectune.run.recipe import Recipe, check_recipe, dump_recipe
from trajectune.storage import read_json, write_atomic, write_json


class RunDirectory:
    """The folder of one run."""

    def __init__(self, path: Path, recipe: Recipe) -> None:
        """Claim `path` for `recipe`. Raises `RecipeError` when another recipe made what is in it."""
        self.path = path
        self.recipe = recipe
        stored = path / "recipe.yaml"
        if stored.exists() and _is_empty(path):
            write_atomic(stored, dump_recipe(recipe))
        elif stored.exists():
            _refuse_another(stored, recipe)
        elif path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise RecipeError(
                "the run directory holds something else",
                where=str(path),
                remedy="give an empty or new folder with --run-dir",
            )
        else:
            path.mkdir(parents=True, exist_ok=True)
            write_atomic(stored, dump_recipe(recipe))

    def folder(self, stage: str) -> Path:
        """The folder of a stage, made if need be."""
        folder = self.path / stage
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def is_done(self, stage: str) -> bool:
        """Whether the stage finished."""
        return self._marker(stage).exists()

    def seconds(self, stage: str) -> float:
        """Wall time of a finished stage over all its attempts that ended by themselves; 0 before."""
        return float(read_json(self._marker(stage))["seconds"]) if self.is_done(stage) else 0.0

    @contextmanager
    def running(self, stage: str) -> Iterator[Path]:
        """Run a stage's body and mark it done when the body returns; gives its folder."""
        folder, start = self.folder(stage), time.monotonic()
        spent = folder / "spent.json"
        before = float(read_json(spent)["seconds"]) if spent.exists() else 0.0
        try:
            yield folder
        except BaseException:
            write_json(spent, {"seconds": before + time.monotonic() - start})
            raise
        write_json(self._marker(stage), {"seconds": round(before + time.monotonic() - start, 3)})

    def _marker(self, stage: str) -> Path:
        return self.path / stage / "done.json"


def changed_keys(old: Any, new: Any, prefix: str = "") -> list[str]:
    """Dotted keys at which two nested mappings differ."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [] if old == new else [prefix]
    keys = list(dict.fromkeys([*old, *new]))
    return [
        found
        for key in keys
        for found in changed_keys(old.get(key), new.get(key), f"{prefix}.{key}" if prefix else str(key))
    ]


def _is_empty(path: Path) -> bool:
    """Whether nothing was made in a claimed directory yet, so that a mended recipe may have it."""
    return not any(found.is_file() for found in path.rglob("*") if found != path / "recipe.yaml")


def _refuse_another(stored: Path, recipe: Recipe) -> None:
    old = check_recipe(yaml.safe_load(stored.read_text(encoding="utf-8")), where=str(stored))
    keys = changed_keys(old.model_dump(mode="json"), recipe.model_dump(mode="json"))
    if keys:
        raise RecipeError(
            f"the run directory was made by another recipe; these keys differ: {', '.join(keys)}",
            where=str(stored),
            remedy="give another --run-dir, or remove the folder to start over",
        )
