"""The stage `collect`: an agent acts in the train tasks of every environment.

Leaves `<environment>.jsonl`, one trajectory a line; of a model that collects `spending/ledger.jsonl`, what
each of its replies took (`trajectune.rollout.spending`); of a guided agent `<environment>.thoughts.json`,
where its thoughts come from. Episodes go on from what is there.
"""

from __future__ import annotations

import logging
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

from pydantic import JsonValue

from trajectune.environments.contract import Environment
from trajectune.environments.registry import load_environment
from trajectune.report.sections.collected import Collected
from trajectune.rollout.cluster.connection import connected
from trajectune.rollout.spending import Spending, spent
from trajectune.run.api.acting import Guided, rollout
from trajectune.run.recipe import Recipe
from trajectune.run.stage import Work
from trajectune.run.stages import instructions
from trajectune.run.stages.agents import agent_values, collecting_agent, needs_base
from trajectune.run.stages.environments import (
    BoundEnvironment,
    bound_environments,
    environment_values,
    limit_values,
)
from trajectune.storage import read_json, read_records, write_json
from trajectune.trajectory import Trajectory

LEDGER = "spending/ledger.jsonl"
"""In a folder of its own, as any name may be an environment's."""
_log = logging.getLogger(__name__)


def reads(recipe: Recipe) -> JsonValue:
    """What the result depends on."""
    environments: dict[str, JsonValue] = {
        key: {
            **environment_values(key, spec),
            "tasks": spec.collect,
            "attempts": spec.attempts,
            **({"agent": agent_values(recipe, spec.agent)} if spec.agent else {}),
        }
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
    """Do the work; on a cluster, where `Work.ray` names one.

    Raises `BudgetError` where the recipe's budget ends it.
    """
    spec = work.recipe.agent
    spending = Spending(work.folder / LEDGER, spec.price, spec.budget)
    try:
        with connected(work.ray) if work.ray else nullcontext():
            for bound in bound_environments(work.recipe):
                if bound.spec.collect:
                    _collect(work, bound, spending)
    finally:
        spending.close()


def _collect(work: Work, each: BoundEnvironment, spending: Spending) -> None:
    """Let the agent act in one environment."""
    recipe, path = work.recipe, work.folder / f"{each.key}.jsonl"
    base = work.base_model if needs_base(recipe) else recipe.source_model
    environment, tasks = _tasks(work, each)
    # What travels to a cluster's nodes speaks through their log, which is brought back here.
    agent = collecting_agent(recipe, base, _log.warning if work.ray else work.say, each.spec.agent)
    try:
        rollout(
            environment,
            agent,
            to=path,
            tasks=tasks,
            attempts=each.spec.attempts,
            dialect=recipe.dialect,
            seed=recipe.seed,
            source=each.key,
            threshold=each.threshold,
            bad_format_limit=recipe.rollout.bad_format_limit,
            repetition_limit=recipe.rollout.repetition_limit,
            history_limit=recipe.rollout.history_limit,
            spending=spending,
            ray=work.ray,
            on_progress=work.on_progress,
            on_notice=work.say,
        )
    finally:
        if isinstance(agent, Guided):
            agent.teacher.close()
            _keep_counts(work, each.key, agent.counts)
    if broken := _collected(recipe, each, work.folder).broken:
        work.say(broken)


def _tasks(work: Work, each: BoundEnvironment) -> tuple[Environment, int]:
    """The environment that is played, with the tasks that were made for it, and how many of them."""
    if each.spec.instructions is None:
        return each.environment, each.spec.collect
    options = instructions.options(work.recipe, each.key, work.input(instructions.NAME))
    environment = load_environment(each.spec.environment or each.key, options)
    made = len(environment.tasks("train"))
    if made < each.spec.collect:
        work.say(f"{each.key}: {made:,} tasks are there, not {each.spec.collect:,}")
    return environment, min(made, each.spec.collect)


def _keep_counts(work: Work, key: str, counts: Counter[str]) -> None:
    """Say and store where thoughts come from, with those of earlier starts of this work."""
    if not counts:
        return
    file = work.folder / f"{key}.thoughts.json"
    whole = Counter(read_json(file)) + counts if file.is_file() else counts
    write_json(file, dict(whole))
    said = ", ".join(f"{count:,} {where}" for where, count in whole.items())
    work.say(f"{key}: thoughts: {said}")


def collected(recipe: Recipe, folder: Path) -> list[Collected]:
    """What the stage left in a folder, by environment."""
    bound = [each for each in bound_environments(recipe) if each.spec.collect]
    return [_collected(recipe, each, folder) for each in bound]


def _collected(recipe: Recipe, bound: BoundEnvironment, folder: Path) -> Collected:
    rows = read_records(folder / f"{bound.key}.jsonl", Trajectory)
    ledger = spent(folder / LEDGER).get(bound.key)
    return Collected.of(bound.key, rows, bound.threshold, ledger, recipe.agent.price)
