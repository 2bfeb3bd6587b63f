"""The environments of a recipe, built when a stage needs them, and what identifies them."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import JsonValue

from trajectune.dialects.registry import get_dialect
from trajectune.environments.contract import Environment
from trajectune.environments.registry import load_environment
from trajectune.run.recipe import Recipe
from trajectune.run.recipe.sections import EnvironmentSpec, RolloutSpec
from trajectune.run.stages.values import option_values


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
    limit = spec.history_limit
    cut: dict[str, JsonValue] = {} if limit is None else {"history_limit": limit}
    return {"bad_format_limit": spec.bad_format_limit, "repetition_limit": spec.repetition_limit, **cut}
