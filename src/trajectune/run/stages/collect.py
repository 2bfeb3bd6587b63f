"""The stage `collect`: an agent acts in the train tasks of every environment.

Leaves `<environment>.jsonl`, one trajectory a line. Episodes go on from what is there.
"""

from __future__ import annotations

import logging
from contextlib import nullcontext
from pathlib import Path

from pydantic import JsonValue

from trajectune.report.sections.collected import Collected
from trajectune.rollout.cluster.connection import connected
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

_log = logging.getLogger(__name__)


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
    """Do the work; on a cluster, where `Work.ray` names one."""
    with connected(work.ray) if work.ray else nullcontext():
        for each in bound_environments(work.recipe):
            if each.spec.collect:
                _collect(work, each)


def _collect(work: Work, bound: BoundEnvironment) -> None:
    recipe = work.recipe
    path = work.folder / f"{bound.key}.jsonl"
    base = work.base_model if needs_base(recipe) else recipe.source_model
    # What travels to a cluster's nodes speaks through their log, which is brought back here.
    agent = collecting_agent(recipe, base, _log.warning if work.ray else work.say)
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
        ray=work.ray,
        on_progress=work.on_progress,
        on_notice=work.say,
    )
    if broken := _collected(bound, path).broken:
        work.say(broken)


def collected(recipe: Recipe, folder: Path) -> list[Collected]:
    """What the stage left in a folder, by environment."""
    bound = [each for each in bound_environments(recipe) if each.spec.collect]
    return [_collected(each, folder / f"{each.key}.jsonl") for each in bound]


def _collected(bound: BoundEnvironment, path: Path) -> Collected:
    return Collected.of(bound.key, read_records(path, Trajectory), bound.threshold)
