"""`trajectune plan`: what a run will need, from numbers alone.

Invariant: nothing is downloaded, no weights are loaded and nothing is written.
"""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from trajectune.curate.formats import read_examples
from trajectune.curate.hub import HUB_PREFIX
from trajectune.curate.steps.filter import Filter
from trajectune.curate.steps.registry import build_steps
from trajectune.models.folder.check import check_model
from trajectune.models.folder.names import resolve_model
from trajectune.run.recipe import Recipe, check_tunes
from trajectune.run.recipe.sections import SourceSpec
from trajectune.run.stages.general import OWN_ROWS
from trajectune.terminal import Terminal
from trajectune.tune.forecast import Forecast, forecast
from trajectune.tune.model.early import check_tunable


def plan_recipe(recipe: Recipe, rate: float | None = None) -> Forecast:
    """Forecast the tuning of a recipe. `rate` is in TFLOP/s over all devices; measured here when absent.

    Raises `RecipeError` for a recipe that tunes nothing.
    """
    check_tunes(recipe)
    here = not isinstance(resolve_model(recipe.source_model), str)  # a hub is not asked
    if here:
        check_tunable(check_model(recipe.source_model), recipe.tune)
    return forecast(
        planned_rows(recipe),
        recipe.source_model,
        recipe.tune.settings(recipe.seed),
        operations_per_second=rate * 1e12 if rate else None,
    )


def planned_rows(recipe: Recipe) -> int:
    """Rows of training data: what environments may give at most, and what files hold.

    A source whose size cannot be known here (a hub data set, a file that is not there yet) counts as
    one batch.
    """
    kept = [step.options.per_task for step in build_steps(recipe.curate.steps) if isinstance(step, Filter)]
    collected = sum(min([spec.attempts, *kept]) * spec.collect for spec in recipe.environments.values())
    sources = [*recipe.curate.agent.values(), *recipe.curate.general.values()]
    return collected + sum(_rows(source, recipe.tune.batch_rows) for source in sources)


def print_plan(found: Forecast, console: Console | None = None) -> None:
    """Show a forecast as a table."""
    work = found.workload
    table = Table(title="What tuning will need", show_header=False)
    table.add_row("parameters", f"{found.parameters:,}")
    table.add_row("optimizer steps", f"{found.steps:,}")
    table.add_row("rows seen", f"{work.rows:,}")
    table.add_row("tokens, at most", f"{work.tokens:,}")
    table.add_row("operations", f"{found.operations:.3g} floating-point operations")
    table.add_row("memory of one process", f"about {found.memory_gb:,.1f} GB, unsharded")
    table.add_row("time", _duration(found.hours))
    (console or Terminal()).print(table)


def _rows(source: SourceSpec, unknown: int) -> int:
    if source.rows is not None:
        return source.rows
    if source.data == "self":
        return OWN_ROWS
    if source.data.startswith(HUB_PREFIX) or not Path(source.data).is_file():
        return unknown
    return sum(1 for _ in read_examples(source.data, []))


def _duration(hours: float) -> str:
    return f"about {hours:,.1f} hours" if hours >= 1 else f"about {hours * 60:,.1f} minutes"
