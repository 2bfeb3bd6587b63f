"""Several arms from the same data, several seeds each, on one page.

The idea: an arm is the recipe with a few keys changed, in a run directory of its own below the
ablation's; trajectories, general data and the measurement before tuning are made once and shared.
"""

from __future__ import annotations

from typing import Any

from rich.console import Console

from trajectune.evaluate.results import Results
from trajectune.report.comparison import write_comparison
from trajectune.run.directory import RunDirectory
from trajectune.run.recipe import Recipe, override
from trajectune.run.run import Run, run_stages
from trajectune.storage import read_json

SHARED = ("collect", "general", "before")
"""Stages that do not depend on what the arms change."""


def run_ablation(recipe: Recipe, home: RunDirectory, console: Console) -> None:
    """Run every arm with every seed and write the comparison into `report/` of `home`."""
    if home.is_done("report"):
        console.print(f"report: {home.folder('report') / 'index.html'}")
        return
    found = []
    for seed in recipe.ablation.seeds if recipe.ablation else []:
        for arm, changes in recipe.ablation.arms.items() if recipe.ablation else ():
            console.rule(f"{arm}, seed {seed}")
            found.append((arm, seed, _run_arm(recipe, home, arm, seed, changes, console)))
    with home.running("report") as folder:
        page = write_comparison(found, folder)
    console.print(f"report: {page}")


def _run_arm(
    recipe: Recipe, home: RunDirectory, arm: str, seed: int, changes: dict[str, Any], console: Console
) -> Results:
    keys = {"name": f"{recipe.name}: {arm}", "ablation": None, "tune.seed": seed, **changes}
    changed = override(recipe, keys)
    own = RunDirectory(home.path / "arms" / f"{arm}-{seed}", changed)
    run_stages(Run(changed, own, home, console, SHARED), "report")
    return Results.model_validate(read_json(own.folder("report") / "results.json"))
