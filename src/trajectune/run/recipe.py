"""A recipe: one YAML file that names what each stage does.

The idea: a recipe is data, checked whole before anything runs. Each stage has one small record with a
sentence under each field; unknown keys are errors that suggest the nearest known one.

Invariants: `load_recipe` either returns a complete `Recipe` or raises `RecipeError` with the file and
the key; dumping a recipe and loading it again gives an equal one.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from trajectune.environments.contract import Split
from trajectune.errors import RecipeError
from trajectune.tune.settings import TuneSettings


class Section(BaseModel):
    """Base of all sections: unknown keys are errors, values do not change in place."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AgentSpec(Section):
    """Who acts while trajectories are gathered."""

    kind: Literal["expert", "local", "endpoint"] = "expert"
    """`expert` knows the answer; `local` is our decoder; `endpoint` any OpenAI-compatible server."""
    model: str = ""
    """Model of a `local` or `endpoint` agent; a local one defaults to the recipe's model."""
    url: str = ""
    """Base URL of an endpoint, such as `http://localhost:8000/v1`."""
    key_variable: str = "OPENAI_API_KEY"
    """Environment variable that holds the endpoint's key. The key itself is never stored."""
    workers: Annotated[int, Field(ge=1)] = 8
    """Requests to an endpoint at the same time."""
    temperature: Annotated[float, Field(ge=0)] = 0.0
    """0 is greedy."""

    @model_validator(mode="after")
    def _endpoint_has_an_address(self) -> Self:
        if self.kind == "endpoint" and not (self.url and self.model):
            raise ValueError("an endpoint agent needs `url` and `model`")
        return self


class EnvironmentSpec(Section):
    """One bound of the recipe: where its tasks come from and how many are used."""

    environment: str = ""
    """Entry-point name or `package.module:Class`; empty means the key of this section."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Keyword options of the environment."""
    collect: Annotated[int, Field(ge=0)] = 0
    """Tasks of the train split to gather trajectories from."""
    attempts: Annotated[int, Field(ge=1)] = 1
    """Episodes for each of these tasks, each with its own seed."""
    threshold: float | None = None
    """Reward below which a trajectory is filtered out; empty means the environment's own."""
    keep_per_task: Annotated[int, Field(ge=1)] = 1
    """Successes kept for each task."""
    evaluate: Annotated[int, Field(ge=0)] = 0
    """Tasks of the evaluation split to play before and after tuning."""
    split: Split = "test"
    """Split that is evaluated."""


class SourceSpec(Section):
    """One source of conversations that were not gathered by this run."""

    data: str
    """A file, `hf:owner/name[:split]`, or (general only) `self`: prompts the base model answers itself."""
    rows: Annotated[int, Field(ge=1)] | None = None
    """Rows to draw, seeded; empty means all of a file, or 300 of `self`."""
    weight: Annotated[float, Field(gt=0)] = 1.0
    """Share among the general sources (AgentTuning: GPT-4 conversations 0.2, GPT-3.5 ones 0.8)."""


class CurateSpec(Section):
    """How agent and general data are mixed (AgentTuning, section 2.3, equation 1)."""

    eta: Annotated[float, Field(ge=0, le=1)] = 0.2
    """η: the share of the loss that agent data gets. 1 is agent-only, 0 general-only."""
    agent: dict[str, SourceSpec] = Field(default_factory=dict)
    """Agent data from elsewhere, by name, beside what the environments of this recipe give."""
    general: dict[str, SourceSpec] = Field(default_factory=dict)
    """General sources by name."""
    validation: Annotated[int, Field(ge=0)] = 50
    """General examples held out for the general loss."""

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        both = self.agent.keys() & self.general.keys()
        if both:
            raise ValueError(f"agent and general sources share names: {', '.join(sorted(both))}")
        if any(source.data == "self" for source in self.agent.values()):
            raise ValueError("`data: self` is for general sources: agent data needs a file or a data set")
        return self


class EvaluateSpec(Section):
    """What is measured before and after."""

    batch_size: Annotated[int, Field(ge=1)] = 16
    """Conversations decoded at once."""
    max_new_tokens: Annotated[int, Field(ge=1)] = 128
    """Longest reply (AgentBench: 128)."""
    max_context: Annotated[int, Field(ge=64)] = 2048
    """Longest conversation, in tokens."""
    bad_format_limit: Annotated[int, Field(ge=1)] = 1
    """Unreadable replies in a row that end an episode (AgentBench: 1)."""
    repetition_limit: Annotated[int, Field(ge=1)] | None = None
    """Repetitions in a row (same call, same answer) that end an episode; empty: none do (AgentBench)."""
    general: bool = True
    """Measure general ability too."""


class Ablation(Section):
    """Several arms from the same data, each with several seeds."""

    arms: dict[str, dict[str, Any]]
    """Arm name to the recipe keys it changes, dotted: `{"curate.eta": 1.0}`."""
    seeds: Annotated[list[int], Field(min_length=1)] = [0]
    """Seeds of the tuning of each arm."""


class Upscale(Section):
    """A small model's tuning carried over to the recipe's model, beside that model's own tuning."""

    small: str = ""
    """Small base model; empty: made of the recipe's model by taking layers out (`trajectune shrink`)."""
    layers: Annotated[int, Field(ge=2)] = 15
    """Layers of the small model that is made."""
    rows: Annotated[int, Field(ge=1)] = 600
    """Answers of the recipe's model that it is healed on."""
    epochs: Annotated[float, Field(gt=0)] = 3.0
    """Passes over them."""
    alphas: list[float] = [0.25, 0.5, 0.75]
    """Weights of the tuning besides 0 and 1: large + α·(tuned − base)."""
    betas: list[float] = [0.5, 1.5]
    """Weights of the scale besides 0 and 1: tuned + β·(large − base)."""


class Recipe(Section):
    """Everything a run does."""

    name: str
    """Name shown on the report."""
    seed: int = 0
    """Seed of every stage, unless the stage has its own."""
    model: str = "embedded"
    """Base model: `embedded`, a folder, or a Hugging Face name."""
    dialect: str = "agentbench"
    """How steps are written: `agentbench` or `react`."""
    environments: dict[str, EnvironmentSpec] = Field(default_factory=dict)
    """Worlds by name."""
    agent: AgentSpec = Field(default_factory=AgentSpec)
    """Who acts while trajectories are gathered."""
    curate: CurateSpec = Field(default_factory=CurateSpec)
    """How agent and general data are mixed."""
    tune: TuneSettings = Field(default_factory=TuneSettings)
    """How the model is tuned."""
    evaluate: EvaluateSpec = Field(default_factory=EvaluateSpec)
    """What is measured before and after."""
    ablation: Ablation | None = None
    """Set to run several arms and compare them."""
    upscale: Upscale | None = None
    """Set to measure emulated fine-tuning: a small model is tuned too, and its tuning carried over."""

    @model_validator(mode="after")
    def _one_study(self) -> Self:
        if self.ablation and self.upscale:
            raise ValueError("`ablation` and `upscale` are two runs: leave one out")
        return self


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
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        lines = [_explain(dict(entry)) for entry in error.errors(include_url=False)]
        raise RecipeError(
            "the recipe is not valid:\n    " + "\n    ".join(lines),
            where=where,
            remedy="the fields of each section are listed in docs/recipes.md",
        ) from None


def override(recipe: Recipe, changes: dict[str, Any]) -> Recipe:
    """The recipe with dotted keys changed: `override(r, {"curate.eta": 1.0})`."""
    data = recipe.model_dump(mode="json")
    for key, value in changes.items():
        *parents, last = key.split(".")
        place = data
        for parent in parents:
            place = place.get(parent) if isinstance(place, dict) else None
        if not isinstance(place, dict):
            raise RecipeError(f"no such key to change: {key}", remedy="write it as section.field")
        place[last] = value
    return check_recipe(data, where=f"changed keys {', '.join(changes)}")


def dump_recipe(recipe: Recipe) -> str:
    """The recipe as YAML, every default written out."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _explain(error: dict[str, Any]) -> str:
    location = [part for part in error["loc"] if part != "__root__"]
    key = ".".join(str(part) for part in location)
    if error["type"] != "extra_forbidden":
        return f"{key}: {error['msg']}"
    known = _known_fields(location[:-1])
    nearest = difflib.get_close_matches(str(location[-1]), known, n=1)
    hint = f"did you mean `{nearest[0]}`?" if nearest else f"known here: {', '.join(sorted(known))}"
    return f"{key}: unknown key; {hint}"


def _known_fields(location: list[Any]) -> list[str]:
    """Field names of the section at `location`, walking down from `Recipe`."""
    here: Any = Recipe
    for part in location:
        if get_origin(here) is dict:
            here = get_args(here)[1]
        elif isinstance(here, type) and issubclass(here, BaseModel) and str(part) in here.model_fields:
            here = _without_none(here.model_fields[str(part)].annotation)
        else:
            return []
    return list(here.model_fields) if isinstance(here, type) and issubclass(here, BaseModel) else []


def _without_none(annotation: Any) -> Any:
    sections = [a for a in get_args(annotation) if isinstance(a, type) and issubclass(a, BaseModel)]
    return annotation if get_origin(annotation) is dict or not sections else sections[0]
