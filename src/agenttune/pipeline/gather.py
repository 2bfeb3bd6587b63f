"""The stages `collect` and `general`: agent trajectories, and conversations from general sources.

Rollouts and the model's own answers are written row by row and go on from what is there; filters and
copies are made again, they take a moment.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console

from agenttune.collect.filter import keep_successes
from agenttune.collect.funnel import Funnel
from agenttune.collect.rollout import rollout
from agenttune.curate.general.distil import self_distil
from agenttune.curate.general.prompts import general_prompts
from agenttune.decode.composition import Composition
from agenttune.decode.engine import Engine
from agenttune.decode.loading import load_model
from agenttune.example import Example
from agenttune.pipeline.mixing import examples_of, write_rejected
from agenttune.pipeline.worlds import World, gathering_agent, worlds
from agenttune.recipe import Recipe, SourceSpec
from agenttune.storage import encode, open_atomic, write_json


def collect(recipe: Recipe, folder: Path, console: Console) -> Funnel:
    """Play the train tasks of every environment: `<name>.jsonl`, `<name>.kept.jsonl`, `funnel.json`."""
    rows = []
    for world in worlds(recipe):
        if world.spec.collect:
            played = folder / f"{world.key}.jsonl"
            _play(recipe, world, played, console)
            row = keep_successes(
                played,
                folder / f"{world.key}.kept.jsonl",
                world.threshold,
                per_task=world.spec.keep_per_task,
            )
            rows.append(row)
    funnel = Funnel(rows=rows)
    write_json(folder / "funnel.json", funnel.model_dump(mode="json"))
    return funnel


def _play(recipe: Recipe, world: World, path: Path, console: Console) -> None:
    agent = gathering_agent(recipe, world)
    try:
        rollout(
            world.environment,
            world.tasks("train", world.spec.collect),
            agent,
            world.dialect,
            path,
            attempts=world.spec.attempts,
            seed=recipe.seed,
            threshold=world.threshold,
            console=console,
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
