"""The stage `collect`: an agent acts in the train tasks of every environment.

Leaves `<environment>.jsonl`, one trajectory a line, and of a model that collects `spending/ledger.jsonl`,
what each of its replies took (`trajectune.rollout.spending`). Episodes go on from what is there.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import JsonValue

from trajectune.agents.contract import Agent
from trajectune.report.sections.collected import Collected
from trajectune.rollout.spending import Spending, spent
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

LEDGER = "spending/ledger.jsonl"
"""In a folder of its own, as any name may be an environment's."""


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
    """Do the work. Raises `BudgetError` where the recipe's budget ends it."""
    spec = work.recipe.agent
    spending = Spending(work.folder / LEDGER, spec.price, spec.budget)
    try:
        for bound in bound_environments(work.recipe):
            if bound.spec.collect:
                _play(work, bound, spending)
    finally:
        spending.close()


def _play(work: Work, bound: BoundEnvironment, spending: Spending) -> None:
    """Let the recipe's agent act in one environment."""
    recipe, path = work.recipe, work.folder / f"{bound.key}.jsonl"
    base = work.base_model if needs_base(recipe) else recipe.source_model
    agent = collecting_agent(recipe, base, work.say)
    try:
        rollout(
            bound.environment,
            agent,
            to=path,
            tasks=bound.spec.collect,
            attempts=bound.spec.attempts,
            dialect=recipe.dialect,
            seed=recipe.seed,
            source=bound.key,
            threshold=bound.threshold,
            bad_format_limit=recipe.rollout.bad_format_limit,
            repetition_limit=recipe.rollout.repetition_limit,
            history_limit=recipe.rollout.history_limit,
            spending=spending,
            on_progress=work.on_progress,
        )
    finally:
        if isinstance(agent, Agent):
            agent.close()
    if broken := _collected(recipe, bound, work.folder).broken:
        work.say(broken)


def collected(recipe: Recipe, folder: Path) -> list[Collected]:
    """What the stage left in a folder, by environment."""
    bound = [each for each in bound_environments(recipe) if each.spec.collect]
    return [_collected(recipe, each, folder) for each in bound]


def _collected(recipe: Recipe, bound: BoundEnvironment, folder: Path) -> Collected:
    rows = read_records(folder / f"{bound.key}.jsonl", Trajectory)
    ledger = spent(folder / LEDGER).get(bound.key)
    return Collected.of(bound.key, rows, bound.threshold, ledger, recipe.agent.price)
