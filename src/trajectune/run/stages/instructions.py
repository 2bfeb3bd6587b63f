"""The stage `instructions`: tasks are made for environments that ask for it.

Leaves a folder for each such environment, with the file of tasks, `rejected.jsonl` and `instructions.json`
(what was asked, written, rejected and accepted). Self-Instruct goes on from what is there. The stage is
there only where a recipe asks for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import JsonValue

from trajectune.errors import RecipeError
from trajectune.instructions.derive import options_of
from trajectune.instructions.outcome import Constructed, Construction
from trajectune.run.api.instructions import KINDS, derive, invent, kind_of
from trajectune.run.recipe import Recipe
from trajectune.run.recipe.sections import EnvironmentSpec, InstructionsSpec, RolloutSpec
from trajectune.run.stage import Work
from trajectune.run.stages.agents import is_base, model_agent, teacher_values
from trajectune.run.stages.values import option_values

NAME = "instructions"


def asked(recipe: Recipe) -> dict[str, tuple[str, EnvironmentSpec, InstructionsSpec]]:
    """The environments whose tasks are made, by the recipe's name: their own name, and the specs."""
    return {
        key: (spec.environment or key, spec, spec.instructions)
        for key, spec in recipe.environments.items()
        if spec.instructions and spec.collect
    }


def check(recipe: Recipe) -> None:
    """Raises `RecipeError` where tasks cannot be made for an environment in the way that is asked for."""
    for key, (name, _, spec) in asked(recipe).items():
        if spec.way == "derive" and name != "database":
            raise RecipeError(
                f"questions with SQL are no tasks of the environment {name!r}",
                where=f"environments.{key}.instructions.way",
                remedy="derive tasks for the environment database",
            )
        if spec.way == "self_instruct" and name not in KINDS:
            kind_of(name)  # says which ones there are


def files(recipe: Recipe) -> list[str]:
    """Files and folders that the recipe's instructions are made of."""
    specs = [spec for _, _, spec in asked(recipe).values()]
    return [path for spec in specs for path in (spec.questions, spec.databases, spec.seeds) if path]


def needs_base(recipe: Recipe) -> bool:
    """Whether the base model that the recipe makes also writes tasks."""
    teachers = [spec.teacher for _, _, spec in asked(recipe).values() if spec.teacher]
    return not isinstance(recipe.model, str) and any(map(is_base, teachers))


def reads(recipe: Recipe) -> JsonValue:
    """What the result depends on."""
    made: dict[str, JsonValue] = {
        key: {"environment": name, **_values(recipe, _tasks(environment, spec), spec)}
        for key, (name, environment, spec) in asked(recipe).items()
    }
    return {"made": made, "seed": recipe.seed}


def run(work: Work) -> None:
    """Do the work."""
    for key, (name, environment, spec) in asked(work.recipe).items():
        folder = work.folder / key
        tasks = _tasks(environment, spec)
        made = (
            _derive(work, spec, folder, tasks)
            if spec.way == "derive"
            else _invent(work, name, spec, folder, tasks)
        )
        work.say(f"{key}: {made.counts.accepted:,} tasks of {made.counts.written:,} that were written")


def constructed(recipe: Recipe, folder: Path) -> dict[str, Construction]:
    """What the stage left in a folder, by environment."""
    return {key: Construction.load(folder / key) for key in asked(recipe)}


def options(recipe: Recipe, key: str, folder: Path) -> dict[str, Any]:
    """The options with which an environment plays the tasks that the stage left in `folder`."""
    name, environment, spec = asked(recipe)[key]
    if spec.way == "derive":
        made = options_of(folder / key, Path(spec.databases).expanduser())
    else:
        made = KINDS[name].options(folder / key)
    return {**environment.options, **made}


def _derive(work: Work, spec: InstructionsSpec, folder: Path, tasks: int | None) -> Constructed:
    return derive(
        Path(spec.questions).expanduser(),
        Path(spec.databases).expanduser(),
        to=folder,
        tasks=tasks,
        seed=work.recipe.seed,
        on_progress=work.on_progress,
    )


def _invent(work: Work, name: str, spec: InstructionsSpec, folder: Path, tasks: int | None) -> Constructed:
    if spec.teacher is None or tasks is None:
        raise TypeError("a recipe without a teacher was not refused")
    limits = work.recipe.rollout.model_copy(
        update={"max_new_tokens": spec.max_new_tokens, "max_context": spec.max_context}
    )
    base = work.base_model if needs_base(work.recipe) else work.recipe.source_model
    teacher = model_agent(spec.teacher, base, work.say, RolloutSpec.model_validate(limits))()
    try:
        return invent(
            name,
            teacher,
            to=folder,
            tasks=tasks,
            requests=spec.requests,
            seeds=spec.seeds,
            seed=work.recipe.seed,
            on_progress=work.on_progress,
        )
    finally:
        teacher.close()


def _tasks(environment: EnvironmentSpec, spec: InstructionsSpec) -> int | None:
    """Tasks to make: as many as are asked for, else all of a file, or as many as are collected."""
    return spec.tasks or (None if spec.way == "derive" else environment.collect)


def _values(recipe: Recipe, tasks: int | None, spec: InstructionsSpec) -> dict[str, JsonValue]:
    paths = option_values({"questions": spec.questions, "databases": spec.databases, "seeds": spec.seeds})
    values: dict[str, JsonValue] = {"way": spec.way, "tasks": tasks, "files": paths}
    if spec.teacher is None or spec.way == "derive":
        return values
    limits: dict[str, JsonValue] = {"max_new_tokens": spec.max_new_tokens, "max_context": spec.max_context}
    teacher = teacher_values(recipe, spec.teacher) | {"temperature": spec.teacher.temperature}
    return values | {"requests": spec.requests, "teacher": teacher | limits}
