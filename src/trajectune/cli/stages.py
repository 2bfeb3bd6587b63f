"""`trajectune run` and the stages one at a time."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from trajectune.errors import RecipeError
from trajectune.run.recipe import Recipe, check_recipe, load_recipe, override

RecipePath = Annotated[
    Path, typer.Argument(metavar="RECIPE", help="A recipe, such as recipes/quickstart.yaml.")
]
RunDir = Annotated[
    Path | None,
    typer.Option("--run-dir", metavar="DIR", help="Where results go; default runs/NAME."),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the recipe: --set curate.eta=0.5"),
]


def run(recipe: RecipePath, run_dir: RunDir = None, set_: Set = None) -> None:
    """Run a whole recipe: collect, curate, evaluate, tune, evaluate again, report.

    Results: `DIR/report/index.html` and `DIR/report/results.json`. Stopped or killed, the same command
    goes on; finished, it does nothing.
    """
    _until("report", recipe, run_dir, set_)


def collect(recipe: RecipePath, run_dir: RunDir = None, set_: Set = None) -> None:
    """Gather trajectories and filter them by reward."""
    _until("collect", recipe, run_dir, set_)


def curate(recipe: RecipePath, run_dir: RunDir = None, set_: Set = None) -> None:
    """Turn trajectories into examples and mix them with general data (collects first if need be)."""
    _until("curate", recipe, run_dir, set_)


def evaluate(
    recipe: Annotated[
        Path | None,
        typer.Argument(metavar="RECIPE", help="A recipe; or give --model and --environment."),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="M", help="`embedded`, a folder, or a hub name.")
    ] = None,
    environment: Annotated[
        str | None,
        typer.Option("--environment", metavar="NAME", help="See `trajectune environments list`."),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option("--option", "-o", metavar="KEY=VALUE", help="An option of the environment."),
    ] = None,
    tasks: Annotated[int, typer.Option(min=1, help="Tasks to play.")] = 60,
    split: Annotated[str, typer.Option(help="train, dev or test.")] = "test",
    run_dir: RunDir = None,
    set_: Set = None,
) -> None:
    """Measure a model: a recipe's before and after tuning, or any model on any environment.

    `trajectune evaluate --model runs/quickstart/tune/model --environment database` plays 60 unseen tasks
    and prints success, format validity and reward with 95 % intervals.
    """
    if recipe is not None:
        _until("after", recipe, run_dir, set_)
        return
    if not (model and environment):
        raise RecipeError("nothing to measure", remedy="give a RECIPE, or --model M and --environment NAME")
    from trajectune.run.run import evaluate_model

    entry = {"environment": environment, "options": _changes(option), "evaluate": tasks, "split": split}
    data = {
        "name": "evaluate",
        "model": model,
        "environments": {environment.rpartition(":")[2]: entry},
        "evaluate": {"general": False},
    }
    checked = override(check_recipe(data, where="the options"), _changes(set_))
    name = "-".join(re.sub(r"[^\w.]+", "-", part).strip("-.") for part in ("evaluate", model, environment))
    evaluate_model(checked, run_dir or Path("runs") / name)


def report(recipe: RecipePath, run_dir: RunDir = None, set_: Set = None) -> None:
    """Write the report of a run (runs what must come first)."""
    _until("report", recipe, run_dir, set_)


def plan(
    recipe: RecipePath,
    set_: Set = None,
    rate: Annotated[
        float | None,
        typer.Option(help="TFLOP/s that training reaches on your machine; measured here when not given."),
    ] = None,
) -> None:
    """Say beforehand what a run will need: tokens, steps, memory, hours."""
    from trajectune.run.plan import plan_recipe, print_plan

    print_plan(plan_recipe(_load(recipe, set_), rate))


def tune(
    recipe: Annotated[
        Path | None, typer.Argument(metavar="RECIPE", help="A recipe; or give --data and --model.")
    ] = None,
    data: Annotated[
        list[Path] | None,
        typer.Option("--data", metavar="FILE", help="Your own trajectories or conversations."),
    ] = None,
    general: Annotated[
        list[Path] | None,
        typer.Option("--general", metavar="FILE", help="General conversations to mix in (see --eta)."),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="M", help="`embedded`, a folder, or a hub name.")
    ] = None,
    eta: Annotated[float, typer.Option(min=0, max=1, help="Share of the loss for --data.")] = 0.2,
    run_dir: RunDir = None,
    set_: Set = None,
) -> None:
    """Tune a model: from a recipe, or on your own files.

    `trajectune tune --data my.jsonl --model my/model` reads AgentInstruct, Agent-FLAN, OpenAI, ShareGPT,
    Alpaca or trajectune files; the tuned model is `DIR/tune/model`. Settings of the trainer are set with
    `--set tune.learning_rate=1e-5`.
    """
    if recipe is not None:
        if data or general or model:
            raise RecipeError(
                "both a recipe and --data, --general or --model were given",
                remedy="put the files into the recipe, or leave the recipe away",
            )
        _until("tune", recipe, run_dir, set_)
        return
    if not data:
        raise RecipeError("nothing to tune on", remedy="give a RECIPE, or --data FILE and --model M")
    _run_until("tune", _recipe_of_files(data, general or [], model or "embedded", eta, set_), run_dir)


def _recipe_of_files(
    data: list[Path], general: list[Path], model: str, eta: float, changes: list[str] | None
) -> Recipe:
    """A recipe that only tunes, on files; without general files η is 1."""
    for path in [*data, *general]:
        if not path.is_file():
            raise RecipeError("no such data file", where=str(path), remedy="check the path")
    sources = {
        "eta": eta if general else 1.0,
        "agent": {path.stem: {"data": str(path)} for path in data},
        "general": {f"general-{path.stem}": {"data": str(path)} for path in general},
        "validation": 0,
    }
    recipe = check_recipe({"name": "tune", "model": model, "curate": sources}, where="the options")
    return override(recipe, _changes(changes))


def _until(stage: str, recipe_path: Path, run_dir: Path | None, changes: list[str] | None) -> None:
    _run_until(stage, _load(recipe_path, changes), run_dir)


def _run_until(stage: str, recipe: Recipe, run_dir: Path | None) -> None:
    from trajectune.run.run import run_recipe

    run_recipe(recipe, run_dir or Path("runs") / recipe.name, until=stage)


def _load(path: Path, changes: list[str] | None) -> Recipe:
    return override(load_recipe(path), _changes(changes))


def _changes(pairs: list[str] | None) -> dict[str, object]:
    """`["a.b=1"]` as `{"a.b": 1}`; values are YAML."""
    import yaml

    changes: dict[str, object] = {}
    for pair in pairs or []:
        key, equals, value = pair.partition("=")
        if not (equals and key):
            raise RecipeError(f"{pair!r} is no KEY=VALUE", remedy="write --set KEY=VALUE or -o KEY=VALUE")
        try:
            changes[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise RecipeError(f"the value of {pair!r} is not YAML", remedy="put it in quotes") from None
    return changes
