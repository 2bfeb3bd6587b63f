"""The stage `collect`: an agent acts in the train tasks of every environment.

Leaves `<environment>.jsonl`, one trajectory a line. Episodes go on from what is there.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import JsonValue

from trajectune.agents.contract import Agent
from trajectune.report.sections.collected import Collected
from trajectune.run.api.acting import rollout
from trajectune.run.recipe import Recipe
from trajectune.run.stage import Work
from trajectune.run.stages.agents import agent_values, collecting_agent, needs_base
from trajectune.run.stages.environments import (
    BoundEnvironment,
    bound_environments,
    environment_values,
    limit_values,
)
from trajectune.storage import read_records
from trajectune.trajectory import Trajectory


def reads(recipe: Recipe) -> JsonValue:
    """What the result depends on."""
    environments: dict[str, JsonValue] = {
        key: {**environment_values(key, spec), "tasks": spec.collect, "attempts": spec.attempts}
        for key, spec in recipe.environments.items()
        if spec.collect
    }
    if not environments:
        return None
    return {
        "environments": environments,
        "agent": agent_values(recipe),
        "limits": limit_values(recipe.rollout),
        "seed": recipe.seed,
    }


def run(work: Work) -> None:
    """Do the work."""
    recipe = work.recipe
    bound = [each for each in bound_environments(recipe) if each.spec.collect]
    for each in bound:
        path = work.folder / f"{each.key}.jsonl"
        base = work.base_model if needs_base(recipe) else recipe.source_model
        agent = collecting_agent(recipe, base, work.say)
        try:
            rollout(
                each.environment,
                agent,
                to=path,
                tasks=each.spec.collect,
                attempts=each.spec.attempts,
                dialect=recipe.dialect,
                seed=recipe.seed,
                source=each.key,
                threshold=each.threshold,
                bad_format_limit=recipe.rollout.bad_format_limit,
                repetition_limit=recipe.rollout.repetition_limit,
                on_progress=work.on_progress,
            )
        finally:
            if isinstance(agent, Agent):
                agent.close()
        if broken := _collected(each, path).broken:
            work.say(broken)


def collected(recipe: Recipe, folder: Path) -> list[Collected]:
    """What the stage left in a folder, by environment."""
    bound = [each for each in bound_environments(recipe) if each.spec.collect]
    return [_collected(each, folder / f"{each.key}.jsonl") for each in bound]


def _collected(bound: BoundEnvironment, path: Path) -> Collected:
    return Collected.of(bound.key, read_records(path, Trajectory), bound.threshold)
