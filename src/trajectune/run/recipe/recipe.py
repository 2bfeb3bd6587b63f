"""A recipe: one YAML file that names what each stage does.

The idea: a recipe is data, checked whole before anything runs. Each stage has one small section
(`sections`); unknown keys are errors that suggest the nearest known one.

Invariants: `load_recipe` either returns a complete `Recipe` or raises `RecipeError` with the file and
the key; dumping a recipe and loading it again gives an equal one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from trajectune.errors import RecipeError
from trajectune.run.recipe.mistakes import known_fields, mistakes
from trajectune.run.recipe.older import refuse_old_sections
from trajectune.run.recipe.sections import (
    AgentSpec,
    CurateSpec,
    EnvironmentSpec,
    EvaluateSpec,
    RolloutSpec,
    Section,
    ShrinkSpec,
    SuiteSpec,
    TuneSpec,
)
from trajectune.run.recipe.study import StudySpec
from trajectune.storage.yaml import read_yaml


class Recipe(Section):
    """Everything a run does."""

    name: str
    """Name shown on the report."""
    seed: int = 0
    """Seed of every stage, unless the stage has its own."""
    model: str | ShrinkSpec = "embedded"
    """Base model: `embedded`, a folder, a Hugging Face name, or one to be made (`model.shrink`)."""
    dialect: str = "agentbench"
    """How steps are written: `agentbench`, `react`, `json`, `native`, or one that a package adds."""
    environments: dict[str, EnvironmentSpec] = Field(default_factory=dict)
    """Environments by name."""
    agent: AgentSpec = Field(default_factory=AgentSpec)
    """Who acts while trajectories are collected."""
    rollout: RolloutSpec = Field(default_factory=RolloutSpec)
    """Limits of these episodes."""
    curate: CurateSpec = Field(default_factory=CurateSpec)
    """How agent and general data are mixed."""
    tune: TuneSpec = Field(default_factory=TuneSpec)
    """How the model is tuned."""
    evaluate: EvaluateSpec = Field(default_factory=EvaluateSpec)
    """What is measured of every system."""
    suites: dict[str, SuiteSpec] = Field(default_factory=dict)
    """Suites of your own by name, besides those that `environments` and `evaluate` ask for."""
    data_only: bool = False
    """Stop at the training data: nothing is tuned or measured, and the page shows the data."""
    study: StudySpec | None = None
    """Set to run several arms and compare them."""

    @model_validator(mode="after")
    def _a_study_measures(self) -> Self:
        if self.data_only and self.study is not None:
            raise ValueError("a study compares tuned models: leave out `study`, or `data_only`")
        return self

    @property
    def source_model(self) -> str:
        """The model that a made one comes from, else the model: it lends its tokenizer and its answers."""
        return self.model if isinstance(self.model, str) else self.model.shrink

    @property
    def tune_seed(self) -> int:
        """Seed of the tuning."""
        return self.seed if self.tune.seed is None else self.tune.seed


def load_recipe(path: Path) -> Recipe:
    """Read and check a recipe file. Raises `RecipeError` naming the file, the key and the remedy."""
    data = read_yaml(path, "the recipe", RecipeError)
    if not isinstance(data, dict):
        raise RecipeError(
            "the recipe is not a mapping", where=str(path), remedy="start from a file in recipes/"
        )
    return check_recipe(data, where=str(path))


def check_recipe(data: dict[str, Any], where: str) -> Recipe:
    """Validate a mapping as a recipe; `where` names its origin in errors."""
    refuse_old_sections(data, where)
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        raise RecipeError(
            "the recipe is not valid:\n    " + "\n    ".join(mistakes(error, Recipe)),
            where=where,
            remedy="the fields of each section are listed in docs/recipes.md",
        ) from None


def check_tunes(recipe: Recipe) -> None:
    """Raises `RecipeError` for a recipe that makes data alone, before it is tuned or measured."""
    if recipe.data_only:
        raise RecipeError(
            "this recipe makes training data alone",
            where="data_only",
            remedy="run, collect or curate it; to tune and to measure, leave out `data_only`",
        )


def override(recipe: Recipe, changes: dict[str, Any]) -> Recipe:
    """The recipe with dotted keys changed: `override(r, {"curate.eta": 1.0})`; missing sections appear.

    So does one in place of a plain value, where both may stand (`model.shrink`). Raises `RecipeError`.
    """
    data = recipe.model_dump(mode="json")
    for key, value in changes.items():
        *parents, last = key.split(".")
        _section(data, parents, key)[last] = value
    return check_recipe(data, where=f"changed keys {', '.join(changes)}")


def _section(data: dict[str, Any], parents: list[str], key: str) -> dict[str, Any]:
    """The section of `data` that the parents lead to; it is made where there is none."""
    place = data
    for number, parent in enumerate(parents, 1):
        found = place.get(parent)
        if found is None or (not isinstance(found, dict) and known_fields(parents[:number], Recipe)):
            found = place[parent] = {}
        if not isinstance(found, dict):
            raise RecipeError(
                f"no such key to change: {key}",
                where=".".join(parents[:number]),
                remedy="this is a value and no section: change it as a whole",
            )
        place = found
    return place


def dump_recipe(recipe: Recipe) -> str:
    """The recipe as YAML, every default written out."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
