"""A recipe: one YAML file that names what each stage does.

The idea: a recipe is data, checked whole before anything runs. Each stage has one small section
(`trajectune.run.sections`); unknown keys are errors that suggest the nearest known one.

Invariants: `load_recipe` either returns a complete `Recipe` or raises `RecipeError` with the file and
the key; dumping a recipe and loading it again gives an equal one.
"""

from __future__ import annotations

import difflib
import types
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, Field, ValidationError

from trajectune.errors import RecipeError
from trajectune.run.older import refuse_old_sections
from trajectune.run.sections import (
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
from trajectune.run.studies import StudySpec


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
    study: StudySpec | None = None
    """Set to run several arms and compare them."""

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
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise RecipeError(
            f"the recipe cannot be read: {reason}", where=str(path), remedy="give the path of a YAML file"
        ) from None
    except yaml.YAMLError as error:
        raise RecipeError(
            "the recipe is not YAML", where=f"{path}: {error}", remedy="mend the line named above"
        ) from None
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
        lines = dict.fromkeys(_explain(dict(entry)) for entry in error.errors(include_url=False))
        raise RecipeError(
            "the recipe is not valid:\n    " + "\n    ".join(lines),
            where=where,
            remedy="the fields of each section are listed in docs/recipes.md",
        ) from None


def override(recipe: Recipe, changes: dict[str, Any]) -> Recipe:
    """The recipe with dotted keys changed: `override(r, {"curate.eta": 1.0})`; missing sections appear."""
    data = recipe.model_dump(mode="json")
    for key, value in changes.items():
        *parents, last = key.split(".")
        place = data
        for parent in parents:
            if place.get(parent) is None:
                place[parent] = {}
            place = place[parent]
            if not isinstance(place, dict):
                raise RecipeError(f"no such key to change: {key}", remedy="write it as section.field")
        place[last] = value
    return check_recipe(data, where=f"changed keys {', '.join(changes)}")


def dump_recipe(recipe: Recipe) -> str:
    """The recipe as YAML, every default written out."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _explain(error: dict[str, Any]) -> str:
    location = [part for part in error["loc"] if part != "__root__"]
    known = _known_fields(location[:-1])
    key = ".".join(str(part) for part in location if str(part) not in _TYPES)
    if error["type"] != "extra_forbidden":
        return f"{key}: {error['msg']}"
    nearest = difflib.get_close_matches(str(location[-1]), known, n=1)
    hint = f"did you mean `{nearest[0]}`?" if nearest else f"known here: {', '.join(sorted(known))}"
    return f"{key}: unknown key; {hint}"


_TYPES = {"str", "ShrinkSpec", "Emulation"}
"""What pydantic puts into a location to say which type of several it means."""


def _known_fields(location: list[Any]) -> list[str]:
    """Field names of the section at `location`, walking down from `Recipe`."""
    here: Any = Recipe
    for part in location:
        if str(part) in _TYPES:
            continue
        if get_origin(here) is dict:
            here = _section_of(get_args(here)[1])
        elif isinstance(here, type) and issubclass(here, BaseModel) and str(part) in here.model_fields:
            here = _section_of(here.model_fields[str(part)].annotation)
        else:
            return []
    return list(here.model_fields) if isinstance(here, type) and issubclass(here, BaseModel) else []


def _section_of(annotation: Any) -> Any:
    """The section (or mapping of sections) among several types."""
    if get_origin(annotation) not in (Union, types.UnionType):
        return annotation
    found = [a for a in get_args(annotation) if get_origin(a) is dict or _is_section(a)]
    return found[0] if found else annotation


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
