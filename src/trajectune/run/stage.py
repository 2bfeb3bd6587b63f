"""What a stage is, and the fingerprint of what it makes.

The idea: a stage names the values that it reads of a recipe and the stages whose results it needs. The
fingerprint of its result is the digest of those values and fingerprints. Two results of one fingerprint are
one: arms of a study share exactly what their changes leave equal, and a changed recipe makes anew exactly
what depends on the change.

Invariants: `reads` gives *effective* values (a default filled in, a file's digest in place of its path) and
everything that can change the result, but nothing that only changes its speed; recipe names are read by
the report alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pydantic import JsonValue

from trajectune.progress import OnProgress, silent
from trajectune.run.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Stage:
    """A kind of work."""

    name: str
    """Also the path of its result in a run directory (`evaluate/base`)."""
    reads: Callable[[Recipe], JsonValue]
    """The values that the result depends on."""
    run: Callable[[Work], None]
    """Does the work in `Work.folder`; started again, it goes on from what is there."""
    needs: tuple[str, ...] = ()
    """Names under which the work finds the results that it starts from."""
    version: int = 1
    """Raised when the same values give another result, or other files."""


@dataclass(frozen=True)
class Result:
    """What a stage makes of one recipe: known by its fingerprint before it is there."""

    stage: Stage
    recipe: Recipe
    needs: Mapping[str, Result] = field(default_factory=dict)
    """By the names in `Stage.needs`."""

    @cached_property
    def values(self) -> JsonValue:
        """What the stage reads of the recipe."""
        return self.stage.reads(self.recipe)

    @cached_property
    def fingerprint(self) -> str:
        """64 hexadecimal digits."""
        needs = {name: result.fingerprint for name, result in self.needs.items()}
        whole = [self.stage.name, self.stage.version, self.values, needs]
        return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()

    @property
    def label(self) -> str:
        """Folder of the result, relative to the run directory's `stages`."""
        return f"{self.stage.name}-{self.fingerprint[:10]}"


@dataclass(frozen=True)
class Work:
    """What a stage is given to work with."""

    result: Result
    """What is to be made."""
    where: Callable[[Result], Path]
    """The folder of a result."""
    on_progress: OnProgress = silent
    say: Callable[[str], None] = lambda _: None
    """Tells the user something that is no progress."""
    ray: str = ""
    """Address of the Ray cluster that episodes are collected on; empty: this machine."""

    @property
    def recipe(self) -> Recipe:
        return self.result.recipe

    @property
    def folder(self) -> Path:
        """Where the stage writes."""
        return self.where(self.result)

    def input(self, name: str) -> Path:
        """The folder of a result that the stage needs."""
        return self.where(self.result.needs[name])

    @property
    def base_model(self) -> str:
        """The base model: the recipe's, or the one that the stage `base` made."""
        model = self.recipe.model
        return model if isinstance(model, str) else str(self.input("base") / "model")


def bind(stages: Iterable[Stage], recipe: Recipe) -> dict[str, Result]:
    """The results of a recipe's stages, by name."""
    named = {stage.name: stage for stage in stages}
    results: dict[str, Result] = {}

    def result(name: str) -> Result:
        if name not in results:
            stage = named[name]
            results[name] = Result(stage, recipe, {need: result(need) for need in stage.needs})
        return results[name]

    return {name: result(name) for name in named}


def in_order(results: Iterable[Result]) -> list[Result]:
    """The results and all that they need, each fingerprint once, what is needed first."""
    found: dict[str, Result] = {}

    def visit(result: Result) -> None:
        if result.fingerprint not in found:
            for needed in result.needs.values():
                visit(needed)
            found[result.fingerprint] = result

    for result in results:
        visit(result)
    return list(found.values())
