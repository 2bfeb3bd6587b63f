"""`trajectune data pairs`: successes against failures of the same task, for preference training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape

from trajectune.cli.quarantine import counting
from trajectune.errors import DataError
from trajectune.terminal import Terminal

if TYPE_CHECKING:
    from trajectune.curate.pairs.files import PairCount, PairSettings


def pairs(
    played: Annotated[
        Path, typer.Argument(metavar="RUN_OR_FILE", help="A run directory, or a file of trajectories.")
    ],
    target_file: Annotated[Path, typer.Argument(metavar="OUT", help="Pairs to write: a .jsonl file.")],
    dialect: Annotated[
        str,
        typer.Option(metavar="NAME", help="Dialect to write the conversations in; `native` gives tools."),
    ] = "agentbench",
    form: Annotated[
        Literal["episode", "step"],
        typer.Option(help="Complete episodes, or only the first reply in which two differ."),
    ] = "episode",
    per_task: Annotated[int, typer.Option(min=1, help="Most pairs of one task.")] = 1,
    threshold: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Reward of a success, if not the recipe's or the environment's."),
    ] = None,
) -> None:
    """Write preference pairs: of one task, an episode that succeeded against one that failed.

    `trajectune data pairs runs/mine pairs.jsonl --form step`. Rows hold `prompt`, `chosen` and `rejected`
    as TRL's DPO trainer reads them. Tasks without a pair are counted by reason.
    """
    from trajectune.curate.pairs.files import PairCount, make_pairs
    from trajectune.storage import encode, open_atomic

    count = PairCount()
    with counting("pairs") as progress, open_atomic(target_file) as file:
        task = progress.add_task("setting against each other", total=None)
        for path, own in _sources(played).items():
            settings = _settings(dialect, form, per_task, own if threshold is None else threshold)
            for pair in make_pairs(path, settings, count):
                file.write(encode(pair.row()))
                progress.advance(task)
    _print(target_file, count)


def _sources(path: Path) -> Mapping[Path, float | None]:
    """The files of trajectories, each with the threshold that a recipe sets for it."""
    if not path.is_dir():
        return {path: None}
    folder = path / "collect" if (path / "collect").is_dir() else path
    files = sorted(each for each in folder.glob("*.jsonl") if not each.name.endswith(".kept.jsonl"))
    if not files:
        raise DataError(
            "no file of trajectories is there",
            where=str(folder),
            remedy="give a run that has collected, a folder (of a study: arms/NAME/collect), or a file",
        )
    own = _thresholds(path)
    return {file: own.get(file.stem) for file in files}


def _thresholds(run: Path) -> Mapping[str, float | None]:
    """What the recipe of a run sets, by source."""
    from trajectune.run.directory import RECIPE, RunDirectory

    recipe = RunDirectory(run).recipe() if (run / RECIPE).exists() else None
    return {key: spec.threshold for key, spec in recipe.environments.items()} if recipe else {}


def _settings(
    dialect: str, form: Literal["episode", "step"], per_task: int, threshold: float | None
) -> PairSettings:
    from trajectune.curate.pairs.files import PairSettings
    from trajectune.environments.registry import environment_class, environment_names, find_dialect

    known = environment_names()

    def threshold_of(environment: str) -> float:
        if threshold is not None:
            return threshold
        return environment_class(environment).reward_threshold if environment in known else 1.0

    return PairSettings(
        dialect_of=lambda environment: find_dialect(dialect, environment),
        threshold_of=threshold_of,
        per_task=per_task,
        form=form,
    )


def _print(target: Path, count: PairCount) -> None:
    console = Terminal()
    console.print(
        f"{count.pairs:,} pairs of {count.tasks:,} tasks written to {escape(str(target))}", highlight=False
    )
    for reason, tasks in count.without.most_common():
        console.print(f"  {tasks:,} tasks without: {escape(reason)}", highlight=False)
    if count.unreadable:
        console.print(f"  {count.unreadable:,} rows are no trajectories, or repeat one", highlight=False)
