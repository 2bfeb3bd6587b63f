"""What a recipe's words stand for: environments and agents, built when a stage needs them."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import JsonValue

from trajectune.agents.contract import Agent
from trajectune.agents.endpoint import EndpointAgent
from trajectune.agents.local import LocalAgent
from trajectune.dialects.registry import get_dialect
from trajectune.environments.contract import Environment
from trajectune.environments.registry import load_environment
from trajectune.run.api.acting import Expert
from trajectune.run.recipe import Recipe
from trajectune.run.sections import EnvironmentSpec, RolloutSpec
from trajectune.run.stages.values import model_values, option_values


@dataclass(frozen=True, slots=True)
class BoundEnvironment:
    """One environment of a recipe, ready to be acted in."""

    key: str
    """The recipe's name for it; files, ids and tables go by this."""
    spec: EnvironmentSpec
    environment: Environment

    @property
    def threshold(self) -> float:
        """Reward at which an episode is a success."""
        own = self.environment.reward_threshold
        return own if self.spec.threshold is None else self.spec.threshold


def bound_environments(recipe: Recipe) -> list[BoundEnvironment]:
    """All environments of the recipe. Raises `RecipeError` for a name or an option that is unknown."""
    found = []
    for key, spec in recipe.environments.items():
        environment = load_environment(spec.environment or key, spec.options)
        get_dialect(recipe.dialect, environment.name, environment.dialects)
        found.append(BoundEnvironment(key, spec, environment))
    return found


def environment_values(key: str, spec: EnvironmentSpec) -> dict[str, JsonValue]:
    """What identifies an environment: its name and options."""
    return {"environment": spec.environment or key, "options": option_values(spec.options)}


def limit_values(spec: RolloutSpec) -> dict[str, JsonValue]:
    """Limits of episodes that are the same for every agent."""
    return {"bad_format_limit": spec.bad_format_limit, "repetition_limit": spec.repetition_limit}


def reply_values(spec: RolloutSpec) -> dict[str, JsonValue]:
    """Limits of a model's replies."""
    return {"max_new_tokens": spec.max_new_tokens, "max_context": spec.max_context}


def agent_values(recipe: Recipe) -> JsonValue:
    """What identifies the agent that collects. An expert's moves are structure: it has no dialect."""
    spec = recipe.agent
    if spec.kind == "expert":
        return "expert"
    values: dict[str, JsonValue] = {
        "dialect": recipe.dialect,
        "temperature": spec.temperature,
        **reply_values(recipe.rollout),
    }
    if spec.kind == "endpoint":
        return values | {"url": spec.url, "model": spec.model}
    return values | {"model": model_values(spec.model) if spec.model else acting_base(recipe)}


def acting_base(recipe: Recipe) -> JsonValue:
    """What identifies the base model; one that is made is known by the result that is needed."""
    return model_values(recipe.model) if isinstance(recipe.model, str) else "base"


def needs_base(recipe: Recipe) -> bool:
    """Whether the base model that the recipe makes also collects."""
    return not isinstance(recipe.model, str) and recipe.agent.kind == "local" and not recipe.agent.model


def collecting_agent(recipe: Recipe, base: str) -> Agent | Expert:
    """The agent that the recipe sends to collect; `base` is the base model's name or folder."""
    spec, limits = recipe.agent, recipe.rollout
    if spec.kind == "expert":
        return Expert()
    if spec.kind == "local":
        return LocalAgent(
            spec.model or base,
            batch_size=limits.batch_size,
            max_new_tokens=limits.max_new_tokens,
            max_context=limits.max_context,
            temperature=spec.temperature,
        )
    return EndpointAgent(
        spec.url,
        spec.model,
        key_variable=spec.key_variable,
        workers=spec.workers,
        temperature=spec.temperature,
        max_new_tokens=limits.max_new_tokens,
    )
