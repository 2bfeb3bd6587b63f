"""The stages `collect` and `general`: agent trajectories, and conversations from general sources.

Rollouts and the model's own answers are written row by row and go on from what is there; filters and
copies are made again, they take a moment.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console

from trajectune.composition.composition import Composition
from trajectune.curate.funnel import Funnel
from trajectune.curate.general.distil import self_distil
from trajectune.curate.general.prompts import general_prompts
from trajectune.curate.steps.filter import keep_successes
from trajectune.engine.engine import Engine
from trajectune.example import Example
from trajectune.models.loading import load_model
from trajectune.rollout.rollout import rollout
from trajectune.run.environments import BoundEnvironment, bound_environments, gathering_agent
from trajectune.run.mixing import examples_of, write_rejected
from trajectune.run.recipe import Recipe, SourceSpec
from trajectune.storage import encode, open_atomic, write_json


def collect(recipe: Recipe, folder: Path, console: Console) -> Funnel:
    """Play the train tasks of every environment: `<name>.jsonl`, `<name>.kept.jsonl`, `funnel.json`."""
    rows = []
    for bound in bound_environments(recipe):
        if bound.spec.collect:
            played = folder / f"{bound.key}.jsonl"
            _play(recipe, bound, played, console)
            row = keep_successes(
                played,
                folder / f"{bound.key}.kept.jsonl",
                bound.threshold,
                per_task=bound.spec.keep_per_task,
            )
            rows.append(row)
    funnel = Funnel(rows=rows)
    write_json(folder / "funnel.json", funnel.model_dump(mode="json"))
    return funnel


def _play(recipe: Recipe, bound: BoundEnvironment, path: Path, console: Console) -> None:
    agent = gathering_agent(recipe, bound)
    try:
        rollout(
            bound.environment,
            bound.tasks("train", bound.spec.collect),
            agent,
            bound.dialect,
            path,
            attempts=bound.spec.attempts,
            seed=recipe.seed,
            threshold=bound.threshold,
        )
    finally:
        agent.close()


OWN_ROWS = 300
"""Examples that the base model makes itself when the recipe gives no number."""
SPARE = 4
"""Prompts at hand for each example wanted: answers cut off at the limit are not used."""


def gather_general(recipe: Recipe, folder: Path, console: Console) -> None:
    """Read or make every general source: `<name>.jsonl`, one example a line."""
    rejected: list[tuple[str, str]] = []
    for name, spec in recipe.curate.general.items():
        if spec.data == "self":
            examples = _own_answers(recipe, spec, name, folder / f"{name}.answers.jsonl")
        else:
            examples = examples_of(recipe, spec.data, name, rejected)
        with open_atomic(folder / f"{name}.jsonl") as file:
            for example in examples:
                file.write(encode(example))
    path = folder / "rejected.jsonl"
    write_rejected(path, rejected)
    if rejected:
        console.print(f"  {len(rejected)} general rows set aside; the reasons are in {path}")


def _own_answers(recipe: Recipe, spec: SourceSpec, name: str, path: Path) -> Iterable[Example]:
    wanted = (spec.rows or OWN_ROWS) + recipe.curate.validation
    composition = Composition.single(load_model(recipe.model))
    engine = Engine(composition, max_batch=2 * recipe.evaluate.batch_size, max_context=512)
    return self_distil(
        general_prompts(wanted * SPARE, recipe.seed, at_least=wanted),
        engine,
        path,
        rows=wanted,
        source=name,
        seed=recipe.seed,
    )
