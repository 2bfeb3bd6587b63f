"""Conversations that a recipe takes from files and hub data sets; trajectories among them are rendered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import JsonValue

from trajectune.curate.formats.files import is_trajectory
from trajectune.curate.hub import HUB_PREFIX, read_source
from trajectune.curate.steps.filter import INFRASTRUCTURE
from trajectune.curate.steps.registry import build_steps
from trajectune.dialects.conversation import to_example
from trajectune.environments.registry import find_dialect
from trajectune.errors import DataError
from trajectune.example import Example
from trajectune.run.api.rejections import Rejections
from trajectune.run.recipe import Recipe
from trajectune.run.recipe.sections import SourceSpec
from trajectune.run.stages.values import data_values
from trajectune.storage import Rejected, read_jsonl, read_records
from trajectune.trajectory import Trajectory

OMITTED = "reasoning is left out, as the recipe says"


def source_values(recipe: Recipe, spec: SourceSpec) -> JsonValue:
    """What identifies a source: its content, and how it is read (in a dialect, without reasoning)."""
    values: dict[str, JsonValue] = {"data": data_values(spec.data)}
    if holds_trajectories(spec.data):
        values["dialect"] = recipe.dialect
    if spec.reasoning == "omit":
        values["reasoning"] = spec.reasoning
    return values


def examples_of(
    recipe: Recipe, spec: SourceSpec, name: str, rejected: Rejections, notes: Counter[str]
) -> Iterator[Example]:
    """The examples of a file or hub data set; trajectories are rendered in the recipe's dialect.

    `notes` counts, by rows, what of them does not reach the trainer.
    """
    bad: list[Rejected] = []
    if holds_trajectories(spec.data):
        trajectories = read_records(Path(spec.data), Trajectory, bad)
        examples = _rendered(recipe, trajectories, name, rejected)
    else:
        examples = read_source(spec.data, bad, name, notes)
    yield from examples if spec.reasoning == "keep" else _without_reasoning(examples, notes)
    rejected += [(name, f"{spec.data}, line {row.line}: {row.reason}") for row in bad]


def missing_files(recipe: Recipe) -> list[str]:
    """Data files that the recipe names and that are not there."""
    sources = [*recipe.curate.agent.values(), *recipe.curate.general.values()]
    names = [s.data for s in sources if s.data != "self" and not s.data.startswith(HUB_PREFIX)]
    names += [name for step in build_steps(recipe.curate.steps) for name in step.files()]
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


def _without_reasoning(examples: Iterable[Example], notes: Counter[str]) -> Iterator[Example]:
    """The examples without what was thought before their replies."""
    for example in examples:
        if any(message.reasoning for message in example.messages):
            notes[OMITTED] += 1
            messages = [
                # what was sampled holds the thought too
                message.model_copy(update={"reasoning": "", "tokens": None})
                if message.reasoning
                else message
                for message in example.messages
            ]
            yield example.model_copy(update={"messages": messages})
        else:
            yield example
