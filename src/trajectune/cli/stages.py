"""`trajectune run`, and the stages of a recipe one at a time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trajectune.cli.options import key_values
from trajectune.errors import RecipeError

if TYPE_CHECKING:
    from trajectune.run.recipe import Recipe

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
Redo = Annotated[
    bool,
    typer.Option("--redo", help="Make again what a changed recipe changes; old results stay."),
]

Ray = Annotated[
    str,
    typer.Option(
        "--ray",
        metavar="ADDRESS",
        help="Collect on a Ray cluster: auto, local, HOST:PORT or ray://HOST:PORT. Results are the same.",
    ),
]


def run(
    recipe: RecipePath, run_dir: RunDir = None, set_: Set = None, redo: Redo = False, ray: Ray = ""
) -> None:
    """Run a whole recipe: collect, curate, tune, evaluate, report; for a study, every arm.

    Results: `DIR/report/index.html` and `DIR/report/page.json`. Stopped or killed, the same command goes
    on; finished, it does nothing.
    """
    _run(_load(recipe, set_), "report", run_dir, redo, ray)


def collect(
    recipe: RecipePath, run_dir: RunDir = None, set_: Set = None, redo: Redo = False, ray: Ray = ""
) -> None:
    """Let the recipe's agent act in its environments, and keep the trajectories."""
    _run(_load(recipe, set_), "collect", run_dir, redo, ray)


def curate(recipe: RecipePath, run_dir: RunDir = None, set_: Set = None, redo: Redo = False) -> None:
    """Turn trajectories into examples and mix them with general data (collects first if need be)."""
    _run(_load(recipe, set_), "curate", run_dir, redo)


def report(recipe: RecipePath, run_dir: RunDir = None, set_: Set = None, redo: Redo = False) -> None:
    """Write the report of a run (runs what must come first)."""
    _run(_load(recipe, set_), "report", run_dir, redo)


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
    name: Annotated[
        str, typer.Option(metavar="NAME", help="What tables call the model; default its folder's name.")
    ] = "",
    tasks: Annotated[int, typer.Option(min=1, help="Tasks to play.")] = 60,
    split: Annotated[str, typer.Option(help="train, dev or test.")] = "test",
    allow_other_template: Annotated[
        bool,
        typer.Option("--allow-other-template", help="Also under another template than it was tuned with."),
    ] = False,
    run_dir: RunDir = None,
    set_: Set = None,
    redo: Redo = False,
) -> None:
    """Measure a recipe's systems, or any model on any environment.

    `trajectune evaluate --model runs/quickstart/tune/model --environment database` plays 60 unseen tasks
    and prints success, format validity and reward with 95 % intervals.
    """
    if recipe is not None:
        _run(_load(recipe, set_), "evaluate", run_dir, redo)
        return
    if not (model and environment):
        raise RecipeError("nothing to measure", remedy="give a RECIPE, or --model M and --environment NAME")
    from trajectune.report.contents import Entry
    from trajectune.report.sections.summary import measurement_table
    from trajectune.run.recipe import check_recipe, override
    from trajectune.run.recipe.study import file_name
    from trajectune.run.run import evaluate_model
    from trajectune.terminal import Terminal

    entry = {
        "environment": environment,
        "options": key_values(option),
        "evaluate": tasks,
        "split": split,
    }
    data = {
        "name": "evaluate",
        "model": model,
        "environments": {environment.rpartition(":")[2]: entry},
        "evaluate": {"general": False, "allow_other_template": allow_other_template},
    }
    checked = override(check_recipe(data, where="the options"), key_values(set_))
    shown = name or _model_name(model)
    folder = run_dir or Path("runs") / f"evaluate-{file_name(model)}-{file_name(environment)}"
    measured = evaluate_model(checked, shown, folder, redo=redo)
    Terminal().print(measurement_table([Entry(system=shown, measurement=each) for each in measured]))


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


def clean(
    run_dir: Annotated[
        Path, typer.Argument(metavar="RUN_DIR", help="A run directory, such as runs/quickstart.")
    ],
) -> None:
    """Remove results that the recipe in RUN_DIR no longer means: those of earlier recipes."""
    from trajectune.run.directory import RunDirectory
    from trajectune.terminal import Terminal

    home = RunDirectory(run_dir)
    if home.recipe() is None:
        raise RecipeError(
            "this is no run directory", where=str(run_dir), remedy="name one that holds recipe.yaml"
        )
    with home.locked():
        freed = home.clean()
    Terminal().print(f"{freed / 1e6:,.1f} MB removed", highlight=False)


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
    redo: Redo = False,
) -> None:
    """Tune a model: from a recipe, or on your own files.

    `trajectune tune --data my.jsonl --model my/model` reads AgentInstruct, Agent-FLAN, OpenAI, ShareGPT,
    Alpaca or trajectune files, trees of OpenAssistant and ToolBench; the tuned model is `DIR/tune/model`.
    Settings of the trainer are set with `--set tune.learning_rate=1e-5`.
    """
    if recipe is not None:
        if data or general or model:
            raise RecipeError(
                "both a recipe and --data, --general or --model were given",
                remedy="put the files into the recipe, or omit the recipe",
            )
        _run(_load(recipe, set_), "tune", run_dir, redo)
        return
    if not data:
        raise RecipeError("nothing to tune on", remedy="give a RECIPE, or --data FILE and --model M")
    _run(_recipe_of_files(data, general or [], model or "embedded", eta, set_), "tune", run_dir, redo)


def _recipe_of_files(
    data: list[Path], general: list[Path], model: str, eta: float, changes: list[str] | None
) -> Recipe:
    """A recipe that only tunes, on files; without general files η is 1."""
    from trajectune.run.recipe import check_recipe, override

    for path in [*data, *general]:
        if not path.is_file():
            raise RecipeError("no such data file", where=str(path), remedy="check the path")
    sources = {
        "eta": eta if general else 1.0,
        "agent": _sources(data),
        "general": _sources(general, "general-"),
        "validation": 0,
    }
    recipe = check_recipe({"name": "tune", "model": model, "curate": sources}, where="the options")
    return override(recipe, key_values(changes))


def _sources(files: list[Path], prefix: str = "") -> dict[str, dict[str, str]]:
    """Each file as a source that is called after it; files of one name are told apart by a number."""
    found: dict[str, dict[str, str]] = {}
    for path in files:
        stem = name = f"{prefix}{path.stem}"
        number = 1
        while name in found:
            number += 1
            name = f"{stem}-{number}"
        found[name] = {"data": str(path)}
    return found


def _model_name(model: str) -> str:
    """The folder's name of a model; with those above it where it is only called `model`."""
    parts = Path(model).parts
    return "/".join(parts[-3:]) if parts[-1] == "model" else parts[-1]


def _run(recipe: Recipe, until: str, run_dir: Path | None, redo: bool, ray: str = "") -> None:
    from trajectune.run.run import run_recipe

    run_recipe(recipe, run_dir or Path("runs") / recipe.name, until, redo=redo, ray=ray)


def _load(path: Path, changes: list[str] | None) -> Recipe:
    from trajectune.run.recipe import load_recipe, override

    return override(load_recipe(path), key_values(changes))
