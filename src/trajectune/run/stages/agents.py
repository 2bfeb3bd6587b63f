"""The agent and the base model of a recipe, built when a stage needs them, and what identifies them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pydantic import JsonValue

from trajectune.agents.contract import Agent
from trajectune.agents.endpoint import EndpointAgent
from trajectune.agents.local import LocalAgent
from trajectune.run.api.acting import Expert
from trajectune.run.recipe import Recipe
from trajectune.run.recipe.sections import RolloutSpec
from trajectune.run.stages.values import model_values


def reply_values(spec: RolloutSpec) -> dict[str, JsonValue]:
    """Limits of a model's replies, and what they are computed with where it is chosen."""
    chosen: dict[str, JsonValue] = {} if spec.precision == "auto" else {"precision": spec.precision}
    return {"max_new_tokens": spec.max_new_tokens, "max_context": spec.max_context, **chosen}


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


def collecting_agent(recipe: Recipe, base: str, say: Callable[[str], None]) -> partial[Agent] | Expert:
    """The agent that the recipe sends to collect, unbuilt; `base` is the base model's name or folder.

    `say` is told where its server stops answering.
    """
    spec, limits = recipe.agent, recipe.rollout
    if spec.kind == "expert":
        return Expert()
    if spec.kind == "local":
        return partial(
            LocalAgent,
            spec.model or base,
            batch_size=limits.batch_size,
            max_new_tokens=limits.max_new_tokens,
            max_context=limits.max_context,
            temperature=spec.temperature,
            dtype=limits.precision,
        )
    return partial(
        EndpointAgent,
        spec.url,
        spec.model,
        key_variable=spec.key_variable,
        workers=spec.workers,
        temperature=spec.temperature,
        max_new_tokens=limits.max_new_tokens,
        on_notice=say,
    )
