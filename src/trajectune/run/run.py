"""Run a recipe: what is not there yet is made, in order.

The idea: what there is to make, and what of it is shared, is known from the recipe alone (`Study`); what is
there is known from the run directory. What makes each stage resumable is in the stage.
"""

from __future__ import annotations

import os
from pathlib import Path

from trajectune.composition.files import is_emulation, load_emulation
from trajectune.errors import RecipeError
from trajectune.models.loading import layer_count, resolve_model
from trajectune.models.shrink import check_layers
from trajectune.run.directory import RunDirectory, changed_keys
from trajectune.run.display import Display
from trajectune.run.environments import bound_environments
from trajectune.run.page import write_report
from trajectune.run.recipe import Recipe
from trajectune.run.stage import Result, Work
from trajectune.run.stages.sources import missing_files
from trajectune.run.study import REPORT, Study
from trajectune.run.summary import show_summary


def run_recipe(
    recipe: Recipe,
    run_dir: Path,
    until: str = REPORT,
    *,
    redo: bool = False,
    display: Display | None = None,
) -> Path:
    """Make what a stage of `recipe` needs and is not there yet, and the stage itself.

    `until` is `collect`, `general`, `base`, `curate`, `tune`, `evaluate` or `report`. Gives the run directory.
    Raises `RecipeError` where results of an earlier recipe would give way to others, unless `redo` is set;
    where another process works in the directory; and whatever a stage finds wrong.
    """
    study = Study(recipe, write_report)
    for arm in study.arms:
        check(arm.recipe)
    display = display or Display()
    home = RunDirectory(run_dir)
    with home.locked():
        _claim(home, study, redo)
        make(home, study, study.until(until), display)
    show_summary(home, study, until, display)
    return run_dir


def make(home: RunDirectory, study: Study, results: list[Result], display: Display) -> None:
    """Make those of the results that are not whole."""
    for result in results:
        if home.is_done(result):
            continue
        display.title(study.names(result)[0], os.path.relpath(home.folder(result)))
        for name in study.names(result):
            home.link(name, result)
        with home.making(result), display.bars():
            result.stage.run(Work(result, home.folder, display.on_progress, display.say))
        display.say(f"done in {home.seconds(result):.0f} s")


def check(recipe: Recipe) -> None:
    """Find out what is wrong with names, files and sizes before any work is done."""
    bound_environments(recipe)
    if missing := missing_files(recipe):
        raise RecipeError("no such data file", where=missing[0], remedy="check the path")
    if not isinstance(recipe.model, str):
        check_layers(layer_count(recipe.model.shrink), recipe.model.layers)
    elif is_emulation(recipe.model):
        load_emulation(recipe.model)
    else:
        resolve_model(recipe.model)


def _claim(home: RunDirectory, study: Study, redo: bool) -> None:
    """Let the directory stand for the study. Raises `RecipeError` where that would take results away."""
    links, old = study.links(), home.recipe()
    # A page is a view that takes a moment: it is made again without asking.
    gone = [name for name in home.replaced(links) if name != REPORT]
    if gone and not redo:
        before = old.model_dump(mode="json") if old else {}
        keys = changed_keys(before, study.recipe.model_dump(mode="json"))
        why = f"these keys differ: {', '.join(keys)}" if keys else "a file or model that it names has changed"
        raise RecipeError(
            f"the run directory was made by another recipe; {why}",
            where=str(home.path),
            remedy=f"give another --run-dir, or --redo to make again: {', '.join(gone)} "
            "(the old results stay until `trajectune clean`)",
        )
    home.store(study.recipe)
    home.relink(links)
