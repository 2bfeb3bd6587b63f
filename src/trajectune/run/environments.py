"""What a recipe's words stand for: environments, dialects and agents, built when a stage needs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trajectune.agents.contract import Agent
from trajectune.agents.endpoint import EndpointAgent
from trajectune.agents.expert import ExpertAgent
from trajectune.agents.local import LocalAgent
from trajectune.composition.composition import Composition
from trajectune.composition.drafting import Speculation
from trajectune.composition.files import load_composition
from trajectune.dialects.contract import Dialect
from trajectune.dialects.registry import get_dialect
from trajectune.environments.contract import Environment, Split, Task
from trajectune.environments.registry import load_environment
from trajectune.errors import RecipeError
from trajectune.run.recipe import EnvironmentSpec, Recipe


@dataclass(frozen=True, slots=True)
class BoundEnvironment:
    """One environment of a recipe, ready to be played."""

    key: str
    """The recipe's name for it; files and tables go by this."""
    spec: EnvironmentSpec
    environment: Environment
    dialect: Dialect

    @property
    def threshold(self) -> float:
        """Reward at which an episode is a success."""
        own = self.environment.reward_threshold
        return own if self.spec.threshold is None else self.spec.threshold

    def tasks(self, split: Split, count: int) -> Sequence[Task]:
        """The first `count` tasks of a split. Raises `RecipeError` when there are fewer."""
        tasks = self.environment.tasks(split)
        if len(tasks) < count:
            raise RecipeError(
                f"the split {split!r} has {len(tasks)} tasks, {count} were asked for",
                where=f"environments.{self.key}",
                remedy="ask for fewer, or raise the number in the environment's options",
            )
        return tasks[:count]


def bound_environments(recipe: Recipe) -> list[BoundEnvironment]:
    """All environments of the recipe. Raises `RecipeError` for a name or an option that is unknown."""
    found = []
    for key, spec in recipe.environments.items():
        environment = load_environment(spec.environment or key, spec.options)
        dialect = get_dialect(recipe.dialect, environment.name, environment.dialects)
        found.append(BoundEnvironment(key, spec, environment, dialect))
    return found


def gathering_agent(recipe: Recipe, bound: BoundEnvironment) -> Agent:
    """The agent that the recipe sends to gather trajectories."""
    spec = recipe.agent
    if spec.kind == "expert":
        return ExpertAgent(bound.environment)
    if spec.kind == "local":
        composition, speculation = load_composition(spec.model or recipe.model)
        return model_agent(recipe, composition, speculation, spec.temperature)
    return EndpointAgent(
        spec.url,
        spec.model,
        key_variable=spec.key_variable,
        workers=spec.workers,
        temperature=spec.temperature,
        max_new_tokens=recipe.evaluate.max_new_tokens,
    )


def model_agent(
    recipe: Recipe,
    composition: Composition,
    speculation: Speculation | None = None,
    temperature: float = 0.0,
) -> LocalAgent:
    """A model or a composition of models played by our decoder, with the recipe's limits."""
    return LocalAgent(
        composition,
        batch_size=recipe.evaluate.batch_size,
        max_new_tokens=recipe.evaluate.max_new_tokens,
        max_context=recipe.evaluate.max_context,
        temperature=temperature,
        speculation=speculation,
    )
