"""Run a recipe: what is not there yet is made, in order.

The idea: what there is to make, and what of it is shared, is known from the recipe alone (`Study`); what is
there is known from the run directory. What makes each stage resumable is in the stage.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from trajectune.dialects.registry import dialect_names, get_dialect
from trajectune.errors import RecipeError
from trajectune.evaluate.contract import Measurement
from trajectune.evaluate.run import read_measurements
from trajectune.run.directory import RunDirectory, changed_keys
from trajectune.run.display import Display
from trajectune.run.followers import follow, is_follower
from trajectune.run.page.gather import write_report
from trajectune.run.page.summary import show_summary
from trajectune.run.recipe import Recipe
from trajectune.run.stage import Result, Work, bind, in_order
from trajectune.run.stages import instructions
from trajectune.run.stages.environments import bound_environments
from trajectune.run.stages.evaluate import base_stage
from trajectune.run.stages.models import check_models
from trajectune.run.stages.sources import holds_trajectories, missing_files
from trajectune.run.study import REPORT, Study, stages_of


def run_recipe(
    recipe: Recipe,
    run_dir: Path,
    until: str = REPORT,
    *,
    redo: bool = False,
    ray: str = "",
    display: Display | None = None,
) -> Path:
    """Make what a stage of `recipe` needs and is not there yet, and the stage itself.

    `until` is `instructions`, `collect`, `general`, `base`, `curate`, `tune`, `evaluate` or `report`. Gives
    the run directory. Raises `RecipeError` where results of an earlier recipe would give way to others,
    unless `redo` is set; where another process works in the directory; and whatever a stage finds wrong.
    `ray` is the address of the cluster that episodes are collected on, where there is one.
    """
    study = Study(recipe, write_report)
    check([arm.recipe for arm in study.arms])
    study.comparisons  # noqa: B018 - looked at now, so that a wrong name is found before any work
    display, home = display or Display(), RunDirectory(run_dir)
    if is_follower():
        follow(home, study.until(until))
        return run_dir
    with home.locked():
        _claim(home, recipe, study.links(), redo)
        make(home, study.links(), study.until(until), display, ray)
        show_summary(home, study, until, display)
    return run_dir


def evaluate_model(
    recipe: Recipe, name: str, run_dir: Path, *, redo: bool = False, display: Display | None = None
) -> list[Measurement]:
    """Measure the recipe's model under a name, without tuning. Raises as `run_recipe` does."""
    check([recipe])
    display, home = display or Display(), RunDirectory(run_dir)
    stage = base_stage(recipe, name)
    result = bind([*stages_of(recipe), stage], recipe)[stage.name]
    with home.locked():
        _claim(home, recipe, {stage.name: result}, redo)
        make(home, {stage.name: result}, in_order([result]), display)
        return read_measurements(home.folder(result))


def make(
    home: RunDirectory,
    links: Mapping[str, Result],
    results: Sequence[Result],
    display: Display,
    ray: str = "",
) -> None:
    """Make those of the results that are not whole, and let their names stand for them."""
    for result in results:
        if home.is_done(result):
            continue
        names = [name for name, each in links.items() if each.fingerprint == result.fingerprint]
        for name in names:
            home.link(name, result)
        display.title(names[0] if names else result.stage.name, os.path.relpath(home.folder(result)))
        try:
            with home.making(result), display.bars():
                result.stage.run(Work(result, home.folder, display.on_progress, display.say, ray))
        except KeyboardInterrupt:
            display.say("stopped; earlier stages and what is finished of this one are kept there")
            raise
        display.say(f"done in {home.seconds(result):.0f} s")


def check(recipes: Sequence[Recipe]) -> None:
    """Find out what is wrong with names, files, sizes and models before any work is done."""
    for recipe in recipes:
        if not bound_environments(recipe):
            _check_dialect(recipe)
        instructions.check(recipe)
        made_of = [path for path in instructions.files(recipe) if not Path(path).expanduser().exists()]
        if missing := missing_files(recipe) + made_of:
            raise RecipeError("no such data file", where=missing[0], remedy="check the path")
    check_models(recipes)


def _check_dialect(recipe: Recipe) -> None:
    """Refuse a name that no dialect has, where no environment was asked for its own.

    Trajectories in a file name the environment whose dialect is meant; they are asked when they are read.
    """
    sources = recipe.curate.agent.values()
    if recipe.dialect not in dialect_names() and not any(holds_trajectories(each.data) for each in sources):
        get_dialect(recipe.dialect, "")


def _claim(home: RunDirectory, recipe: Recipe, links: Mapping[str, Result], redo: bool) -> None:
    """Let the directory stand for a recipe. Raises `RecipeError` where that would take results away."""
    old = home.recipe()
    # A page is a view that takes a moment: it is made again without asking.
    gone = [name for name in home.replaced(links) if name != REPORT]
    if gone and not redo:
        before = old.model_dump(mode="json") if old else {}
        keys = changed_keys(before, recipe.model_dump(mode="json"))
        why = f"these keys differ: {', '.join(keys)}" if keys else "a file that it names has changed"
        raise RecipeError(
            f"the run directory was made by another recipe; {why}",
            where=str(home.path),
            remedy=f"give another --run-dir, or --redo to make again: {', '.join(gone)} "
            "(the old results stay until `trajectune clean`)",
        )
    home.store(recipe)
    home.relink(links)
