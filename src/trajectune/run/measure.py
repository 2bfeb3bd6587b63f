"""The stages `before` and `after`: one model, measured as an agent and in general.

Leaves `<environment>.jsonl` (trajectories), `agent.json` and `general.json`. Episodes go on from what is
there; the general measures are made again.
"""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from trajectune.agents.local import LocalAgent
from trajectune.composition.files import load_composition
from trajectune.composition.scoring import as_model
from trajectune.evaluate.agent import AgentScores, read_trajectories, score_environments
from trajectune.evaluate.general import measure_general
from trajectune.models.loading import load_model
from trajectune.rollout.rollout import rollout
from trajectune.run.environments import BoundEnvironment, bound_environments, model_agent
from trajectune.run.mixing import token_rows
from trajectune.run.recipe import Recipe
from trajectune.storage import read_json, write_json

BASE, TUNED = "base", "tuned"
"""What the two models are called in trajectories and on the report."""


def measure(recipe: Recipe, model: str, validation: Path, folder: Path, console: Console) -> None:
    """Measure `model` on every environment of the recipe and on general ability.

    `model` may be a composition file. `validation` is the file of held-out general examples. A model other
    than the recipe's base is compared with it.
    """
    tuned = model != recipe.model
    composition, speculation = load_composition(model)
    scores = {}
    for bound in bound_environments(recipe):
        if bound.spec.evaluate:
            agent = model_agent(recipe, composition, speculation)
            agent.name = TUNED if tuned else BASE
            scores[bound.key] = _play(recipe, bound, agent, folder / f"{bound.key}.jsonl", console)
    write_json(folder / "agent.json", {key: each.model_dump(mode="json") for key, each in scores.items()})
    if recipe.evaluate.general:
        loaded = as_model(composition)
        rows = token_rows(validation, loaded.tokenizer, recipe.tune.max_tokens)
        base = load_model(recipe.model) if tuned else None
        general = measure_general(loaded, rows, base=base, seed=recipe.seed)
        write_json(folder / "general.json", general.model_dump(mode="json"))


def read_scores(folder: Path) -> dict[str, AgentScores]:
    """What `measure` found of the model as an agent, by environment; empty when there is nothing."""
    path = folder / "agent.json"
    found = read_json(path) if path.exists() else {}
    return {key: AgentScores.model_validate(each) for key, each in found.items()}


def _play(
    recipe: Recipe, bound: BoundEnvironment, agent: LocalAgent, path: Path, console: Console
) -> AgentScores:
    try:
        rollout(
            bound.environment,
            bound.tasks(bound.spec.split, bound.spec.evaluate),
            agent,
            bound.dialect,
            path,
            seed=recipe.seed,
            threshold=bound.threshold,
            bad_format_limit=recipe.evaluate.bad_format_limit,
            repetition_limit=recipe.evaluate.repetition_limit,
        )
    finally:
        agent.close()
    played = read_trajectories(path)
    return score_environments(played, bound.threshold)[bound.environment.name]
