"""Conversations that a recipe takes from files and hub data sets; trajectories among them are rendered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import JsonValue

from trajectune.curate.formats.files import is_trajectory
from trajectune.curate.hub import HUB_PREFIX, read_source
from trajectune.curate.steps.filter import INFRASTRUCTURE
from trajectune.dialects.conversation import to_example
from trajectune.environments.registry import find_dialect
from trajectune.errors import DataError
from trajectune.example import Example
from trajectune.run.api.rejections import Rejections
from trajectune.run.recipe import Recipe
from trajectune.run.stages.values import data_values
from trajectune.storage import Rejected, read_jsonl, read_records
from trajectune.trajectory import Trajectory


def source_values(recipe: Recipe, data: str) -> JsonValue:
    """What identifies a source: its content, and the dialect where it holds trajectories."""
    values = {"data": data_values(data)}
    return values | {"dialect": recipe.dialect} if holds_trajectories(data) else values


def examples_of(recipe: Recipe, data: str, name: str, rejected: Rejections) -> Iterator[Example]:
    """The examples of a file or hub data set; trajectories are rendered in the recipe's dialect."""
    bad: list[Rejected] = []
    if holds_trajectories(data):
        yield from _rendered(recipe, read_records(Path(data), Trajectory, bad), name, rejected)
    else:
        yield from read_source(data, bad, name)
    rejected += [(name, f"{data}, line {row.line}: {row.reason}") for row in bad]


def missing_files(recipe: Recipe) -> list[str]:
    """Data files that the recipe names and that are not there."""
    sources = [*recipe.curate.agent.values(), *recipe.curate.general.values()]
    names = [s.data for s in sources if s.data != "self" and not s.data.startswith(HUB_PREFIX)]
    return [name for name in names if not Path(name).exists()]


def holds_trajectories(data: str) -> bool:
    """Whether a source is a file of trajectories, which a dialect has to render."""
    path = Path(data)
    if (
        data.startswith(HUB_PREFIX)
        or not path.name.removesuffix(".gz").endswith(".jsonl")
        or not path.is_file()
    ):
        return False
    first = next(iter(read_jsonl(path, [])), None)
    return first is not None and is_trajectory(first.value)


def _rendered(
    recipe: Recipe, trajectories: Iterable[Trajectory], source: str, rejected: Rejections
) -> Iterator[Example]:
    """Trajectories as conversations in the recipe's dialect, called after `source`."""
    for trajectory in trajectories:
        if trajectory.reward is None:
            rejected.append((source, f"{trajectory.id}: {INFRASTRUCTURE}"))
            continue
        try:
            example = to_example(trajectory, find_dialect(recipe.dialect, trajectory.environment))
        except DataError as error:
            rejected.append((source, f"{trajectory.id}: {error.what}"))
        else:
            yield example.model_copy(update={"source": source})
