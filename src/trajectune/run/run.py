"""Run a recipe: its stages in order, each once.

The idea: the order of the stages is a list that can be read; what makes each resumable is in the stage
and in `RunDirectory`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from trajectune.composition.files import is_emulation, load_emulation
from trajectune.curate.funnel import funnel_table
from trajectune.models.loading import resolve_model
from trajectune.report.page import write_report
from trajectune.run import gather, measure, mixing, results, training
from trajectune.run.directory import RunDirectory
from trajectune.run.environments import bound_environments
from trajectune.run.recipe import Recipe
from trajectune.run.summary import score_table


@dataclass(frozen=True, slots=True)
class Run:
    """A recipe and its folders. `data` holds the stages `shared` with other runs; else it is `home`."""

    recipe: Recipe
    home: RunDirectory
    data: RunDirectory
    console: Console
    shared: tuple[str, ...] = ()

    def where(self, stage: str) -> RunDirectory:
        """The directory that holds a stage."""
        return self.data if stage in self.shared else self.home

    def folder(self, stage: str) -> Path:
        """The folder of a stage."""
        return self.where(stage).folder(stage)


def run_recipe(
    recipe: Recipe, run_dir: Path, until: str = "report", console: Console | None = None
) -> Path:
    """Run the stages of `recipe` up to `until` that are not done yet; gives the run directory.

    Raises `RecipeError` when another recipe made the directory, and whatever a stage finds wrong.
    """
    _check(recipe)
    home = RunDirectory(run_dir, recipe)
    console = console or Console(stderr=True)
    if recipe.ablation and until == "report":
        from trajectune.run.ablation import run_ablation

        run_ablation(recipe, home, console)
    elif recipe.upscale and until == "report":
        from trajectune.run.upscaling import run_upscale

        run_upscale(recipe, home, console)
    else:
        run_stages(Run(recipe, home, home, console), until)
    return run_dir


def evaluate_model(recipe: Recipe, run_dir: Path, console: Console | None = None) -> None:
    """Measure the recipe's model on the recipe's environments, without tuning; prints the scores."""
    _check(recipe)
    home = RunDirectory(run_dir, recipe)
    console = console or Console(stderr=True)
    if not home.is_done("before"):
        with home.running("before") as folder:
            measure.measure(recipe, recipe.model, folder / "validation.jsonl", folder, console)
    Console().print(score_table(measure.read_scores(home.folder("before"))))


def run_stages(run: Run, until: str) -> None:
    """Run what is not done, up to and with the stage `until`."""
    for name, stage in STAGES.items():
        if not run.where(name).is_done(name):
            run.console.print(f"[bold]{name}[/] → {run.folder(name)}")
            with run.where(name).running(name) as folder:
                stage(run, folder)
            run.console.print(f"  done in {run.where(name).seconds(name):.0f} s")
        if name == until:
            break
    _say_where(run, until)


def _check(recipe: Recipe) -> None:
    """Find out what names are wrong before any work is done."""
    bound_environments(recipe)
    if is_emulation(recipe.model):
        load_emulation(recipe.model)
    else:
        resolve_model(recipe.model)


def _collect(run: Run, folder: Path) -> None:
    funnel = gather.collect(run.recipe, folder, run.console)
    if funnel.rows:
        run.console.print(funnel_table(funnel.rows))


def _general(run: Run, folder: Path) -> None:
    gather.gather_general(run.recipe, folder, run.console)


def _curate(run: Run, folder: Path) -> None:
    mixing.curate(run.recipe, run.folder("collect"), run.folder("general"), folder, run.console)


def _before(run: Run, folder: Path) -> None:
    validation = run.folder("curate") / "validation.jsonl"
    measure.measure(run.recipe, run.recipe.model, validation, folder, run.console)


def _tune(run: Run, folder: Path) -> None:
    training.train(run.recipe, run.folder("curate"), folder)


def _after(run: Run, folder: Path) -> None:
    validation = run.folder("curate") / "validation.jsonl"
    model = str(run.folder("tune") / "model")
    measure.measure(run.recipe, model, validation, folder, run.console)


def _report(run: Run, folder: Path) -> None:
    write_report(results.gather_results(run), results.gather_samples(run), folder)


STAGES: dict[str, Callable[[Run, Path], None]] = {
    "collect": _collect,
    "general": _general,
    "curate": _curate,
    "before": _before,
    "tune": _tune,
    "after": _after,
    "report": _report,
}
"""All stages in their order. Each writes into its own folder and can be started again."""


def _say_where(run: Run, until: str) -> None:
    if until in ("after", "report"):
        for stage in ("before", "after"):
            run.console.print(f"{stage} tuning", style="bold")
            run.console.print(score_table(measure.read_scores(run.folder(stage))))
    if until == "report":
        run.console.print(f"report: {run.folder('report') / 'index.html'}")
    elif until == "tune":
        run.console.print(f"tuned model: {run.folder('tune') / 'model'}")
