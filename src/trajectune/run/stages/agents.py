"""The agent and the base model of a recipe, built when a stage needs them, and what identifies them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pydantic import JsonValue

from trajectune.agents.contract import Agent
from trajectune.agents.endpoint import EndpointAgent
from trajectune.agents.local import LocalAgent
from trajectune.run.api.acting import Expert, Guided
from trajectune.run.recipe import Recipe
from trajectune.run.recipe.sections import AgentSpec, RolloutSpec
from trajectune.run.stages.values import model_values


def reply_values(spec: RolloutSpec) -> dict[str, JsonValue]:
    """Limits of a model's replies, and what they are computed with where it is chosen."""
    chosen: dict[str, JsonValue] = {} if spec.precision == "auto" else {"precision": spec.precision}
    return {"max_new_tokens": spec.max_new_tokens, "max_context": spec.max_context, **chosen}


def agent_values(recipe: Recipe, own: AgentSpec | None = None) -> JsonValue:
    """What identifies the agent that collects, or an environment's `own`.

    An expert's moves are structure: it has no dialect.
    """
    spec = own or recipe.agent
    if spec.kind == "expert":
        return "expert"
    values: dict[str, JsonValue] = {
        "dialect": recipe.dialect,
        "temperature": spec.temperature,
        **reply_values(recipe.rollout),
        **teacher_values(recipe, spec),
    }
    return values | ({"guided": True} if spec.kind == "guided" else {})


def teacher_values(recipe: Recipe, spec: AgentSpec) -> dict[str, JsonValue]:
    """What identifies the model of an agent."""
    if spec.url and spec.kind != "local":
        sent = {"body": spec.body, "headers": spec.headers, "header_variables": spec.header_variables}
        further: dict[str, JsonValue] = {name: dict(each) for name, each in sent.items() if each}
        return {"url": spec.url, "model": spec.model, **further}
    return {"model": model_values(spec.model) if spec.model else acting_base(recipe)}


def acting_base(recipe: Recipe) -> JsonValue:
    """What identifies the base model; one that is made is known by the result that is needed."""
    return model_values(recipe.model) if isinstance(recipe.model, str) else "base"


def needs_base(recipe: Recipe) -> bool:
    """Whether the base model that the recipe makes also collects, in any environment."""
    own = [spec.agent for spec in recipe.environments.values() if spec.agent]
    return not isinstance(recipe.model, str) and any(map(is_base, [recipe.agent, *own]))


def collecting_agent(
    recipe: Recipe, base: str, say: Callable[[str], None], own: AgentSpec | None = None
) -> partial[Agent] | Expert | Guided:
    """The agent that the recipe sends to collect, or an environment's `own`: unbuilt, if it is a model.

    `base` is the base model's name or folder; `say` is told where a server stops answering.
    """
    spec, limits = own or recipe.agent, recipe.rollout
    if spec.kind == "expert":
        return Expert()
    model = model_agent(spec, base, say, limits)
    return Guided(model()) if spec.kind == "guided" else model


def model_agent(
    spec: AgentSpec,
    base: str,
    say: Callable[[str], None],
    limits: RolloutSpec,
) -> partial[Agent]:
    """The model of an agent, unbuilt: an endpoint's if it has an address, else one of this machine."""
    if spec.url and spec.kind != "local":
        return partial(
            EndpointAgent,
            spec.url,
            spec.model,
            key_variable=spec.key_variable,
            headers=spec.headers,
            header_variables=spec.header_variables,
            body=spec.body,
            stream=spec.stream,
            requests_per_minute=spec.requests_per_minute,
            tokens_per_minute=spec.tokens_per_minute,
            workers=spec.workers,
            temperature=spec.temperature,
            max_new_tokens=limits.max_new_tokens,
            on_notice=say,
        )
    return partial(
        LocalAgent,
        spec.model or base,
        batch_size=limits.batch_size,
        max_new_tokens=limits.max_new_tokens,
        max_context=limits.max_context,
        temperature=spec.temperature,
        dtype=limits.precision,
    )


def is_base(spec: AgentSpec) -> bool:
    """Whether an agent is the recipe's own model."""
    local = spec.kind == "local" or (spec.kind == "guided" and not spec.url)
    return local and not spec.model
