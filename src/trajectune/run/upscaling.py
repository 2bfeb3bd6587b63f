"""Emulated fine-tuning measured: small base, small tuned, large base, emulated large, truly tuned large.

The idea: two arms tune the recipe's model and a small one on the same data; compositions of the large base
model with the small pair are then measured as any model is, on the same unseen tasks and general examples.

Leaves `small/` (the small model), `arms/large` and `arms/small` (two whole runs), `emulated/<weight>` and
`report/`. Every part is done once and goes on where it was stopped.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path

import yaml
from rich.console import Console

from trajectune.errors import RecipeError
from trajectune.evaluate import upscaling as names
from trajectune.evaluate.agent import read_trajectories
from trajectune.evaluate.general import GeneralScores
from trajectune.evaluate.results import StageTime
from trajectune.evaluate.upscaling import System, UpscaleResults, recovered
from trajectune.example import Example
from trajectune.models.loading import layer_count, resolve_model
from trajectune.models.shrink import check_layers
from trajectune.report.upscaling import write_upscale
from trajectune.run import results
from trajectune.run.directory import RunDirectory
from trajectune.run.environments import bound_environments
from trajectune.run.measure import measure, read_scores
from trajectune.run.recipe import Recipe, Upscale, override
from trajectune.run.run import Run, run_stages
from trajectune.run.shrinking import make_small
from trajectune.storage import read_json, read_records


def run_upscale(recipe: Recipe, home: RunDirectory, console: Console) -> None:
    """Run what is not done of the study and write its page into `report/` of `home`."""
    spec = _spec(recipe)
    if not home.is_done("report"):
        _check(recipe, spec)
        large = _tune_arm(recipe, recipe.model, "large", home, console)
        small_base = _small_base(recipe, spec, home, console)
        small = _tune_arm(recipe, small_base, "small", home, console)
        models = {"large": recipe.model, "tuned": str(small.folder("tune") / "model"), "base": small_base}
        validation = large.folder("curate") / "validation.jsonl"
        for stage, form, weight in _weights(spec):
            _measure_emulated(recipe, home, stage, form, weight, models, validation, console)
        with home.running("report") as folder:
            write_upscale(_gather(recipe, home, small_base, large, small), folder)
    console.print(f"report: {home.folder('report') / 'index.html'}")


def _spec(recipe: Recipe) -> Upscale:
    if recipe.upscale is None:
        raise RecipeError("the recipe has no section `upscale`")
    return recipe.upscale


def _check(recipe: Recipe, spec: Upscale) -> None:
    """Find out before the large model is tuned whether there can be a small one."""
    if spec.small:
        resolve_model(spec.small)
    else:
        check_layers(layer_count(recipe.model), spec.layers)


def _tune_arm(recipe: Recipe, model: str, arm: str, home: RunDirectory, console: Console) -> Run:
    """A whole run of one of the two models, on trajectories and general data that both share."""
    console.rule(f"{arm} model")
    keys = {"name": f"{recipe.name}: {arm}", "upscale": None, "model": model}
    changed = override(recipe, keys)
    own = RunDirectory(home.path / "arms" / arm, changed)
    run = Run(changed, own, home, console, ("collect", "general"))
    run_stages(run, "report")
    return run


def _small_base(recipe: Recipe, spec: Upscale, home: RunDirectory, console: Console) -> str:
    if spec.small:
        return spec.small
    folder = home.folder("small")
    if not home.is_done("small"):
        with home.running("small"):
            make_small(
                recipe.model,
                spec.layers,
                folder,
                rows=spec.rows,
                epochs=spec.epochs,
                seed=recipe.seed,
                without=_general_prompts(recipe, home),
                console=console,
            )
    return str(folder / "heal" / "model")


def _general_prompts(recipe: Recipe, home: RunDirectory) -> set[str]:
    """Prompts whose answers measure general ability later: the small model must not be healed on them."""
    folder = home.folder("general")
    return {
        row.messages[0].content
        for name in recipe.curate.general
        for row in read_records(folder / f"{name}.jsonl", Example)
    }


def _weights(spec: Upscale) -> list[tuple[str, str, float]]:
    """Stage, form and weight of every composition; α = β = 1 once."""
    alphas = sorted({*spec.alphas, 1.0} - {0.0})
    betas = sorted(set(spec.betas) - {0.0, 1.0})
    return [(f"emulated/alpha-{weight:g}", "upscale", weight) for weight in alphas] + [
        (f"emulated/beta-{weight:g}", "amplify", weight) for weight in betas
    ]


def _measure_emulated(
    recipe: Recipe,
    home: RunDirectory,
    stage: str,
    form: str,
    weight: float,
    models: dict[str, str],
    validation: Path,
    console: Console,
) -> None:
    if home.is_done(stage):
        return
    console.rule(stage)
    with home.running(stage) as folder:
        # Without drafts a reply does not depend on block lengths, which follow the clock.
        written = {"form": form, "strength": weight, "draft": {"proposer": "none"}}
        resolved = {role: str(resolve_model(name)) for role, name in models.items()}
        path = folder / "composition.yaml"
        path.write_text(yaml.safe_dump(written | {"models": resolved}, sort_keys=False), "utf-8")
        measure(recipe, str(path), validation, folder, console)
    console.print(f"  done in {home.seconds(stage):.0f} s")


def _gather(recipe: Recipe, home: RunDirectory, small_base: str, large: Run, small: Run) -> UpscaleResults:
    folders = {
        names.SMALL_BASE: small.folder("before"),
        names.SMALL_TUNED: small.folder("after"),
        names.LARGE_BASE: large.folder("before"),
        names.EMULATED: home.folder("emulated/alpha-1"),
        names.LARGE_TUNED: large.folder("after"),
    }
    places = {names.SMALL_TUNED: (None, 0.0), names.LARGE_BASE: (0.0, None), names.EMULATED: (1.0, 1.0)}
    systems = [_system(name, folder, *places.get(name, (None, None))) for name, folder in folders.items()]
    for stage, form, weight in _weights(_spec(recipe)):
        if weight != 1.0:
            at = (weight, None) if form == "upscale" else (None, weight)
            systems.append(
                _system(f"{'α' if form == 'upscale' else 'β'} = {weight:g}", home.folder(stage), *at)
            )
    return UpscaleResults(
        name=recipe.name,
        large=recipe.model,
        small=small_base,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        systems=systems,
        recovered=[
            recovered(
                bound.key,
                {
                    name: read_trajectories(folder / f"{bound.key}.jsonl")
                    for name, folder in folders.items()
                },
                bound.threshold,
                recipe.seed,
            )
            for bound in bound_environments(recipe)
            if bound.spec.evaluate
        ],
        stages=list(_times(recipe, home, large, small)),
        settings=recipe.model_dump(mode="json"),
        hardware=results.hardware(),
        versions=results.versions(),
        commit=results.commit(),
    )


def _system(name: str, folder: Path, alpha: float | None, beta: float | None) -> System:
    path = folder / "general.json"
    general = GeneralScores.model_validate(read_json(path)) if path.exists() else None
    return System(name=name, alpha=alpha, beta=beta, agents=read_scores(folder), general=general)


def _times(recipe: Recipe, home: RunDirectory, large: Run, small: Run) -> Iterator[StageTime]:
    for stage in ("collect", "general", "small"):
        if home.is_done(stage):
            yield StageTime(stage=stage, seconds=home.seconds(stage))
    for arm, run in (("large", large), ("small", small)):
        for stage in ("curate", "before", "tune", "after"):
            yield StageTime(stage=f"{arm}: {stage}", seconds=run.where(stage).seconds(stage))
    for stage, _, _ in _weights(_spec(recipe)):
        yield StageTime(stage=stage, seconds=home.seconds(stage))
