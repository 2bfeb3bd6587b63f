"""`trajectune environments`: list them, check one against the contract, play one by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from trajectune.cli.options import key_values
from trajectune.cli.play import play_task
from trajectune.errors import RecipeError, TrajectuneError
from trajectune.terminal import Terminal

if TYPE_CHECKING:
    from trajectune.environments.contract import Environment, Split, Task
    from trajectune.environments.promises import Finding

app = typer.Typer(no_args_is_help=True)

Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="`database`, another from the list, or `package.module:Class`."),
]
Options = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        "-o",
        metavar="KEY=VALUE",
        help="An option of the environment, such as `seed=1`; may be repeated.",
    ),
]


@app.command("list")
def list_environments() -> None:
    """List the installed environments and their tools."""
    from trajectune.environments.registry import environment_class, environment_names

    table = Table("name", "what it is", "tools", box=None, header_style="bold")
    for name in environment_names():
        try:
            kind = environment_class(name)
        except TrajectuneError as error:
            table.add_row(name, f"[red]{escape(error.what)}[/]", "")
            continue
        first = (kind.__doc__ or "").strip().split("\n", 1)[0]
        tools = ", ".join(tool.name for tool in kind.tools) or "they differ by task"
        table.add_row(name, escape(first), tools)
    Terminal().print(table)


@app.command()
def check(
    name: Name,
    option: Options = None,
    tasks: Annotated[int, typer.Option(min=1, help="Tasks to play in each split.")] = 3,
) -> None:
    """Check an environment against the contract; ends with status 1 when it breaks it.

    For your own: `trajectune environments check my_package.my_module:MyEnvironment`. It plays the expert,
    makes wrong calls and compares episodes of equal seed.
    """
    from trajectune.environments.check import check_environment
    from trajectune.environments.registry import load_environment
    from trajectune.run.display import Display

    environment = load_environment(name, key_values(option))
    with Display().bars():
        findings = check_environment(environment, tasks)
    console = Terminal()
    _print_findings(console, findings)
    for row in getattr(environment, "rejected", ()):
        reason = escape(row.reason)
        console.print(f"[yellow]rejected, row {row.line}:[/] {reason}", highlight=False, soft_wrap=True)
    errors = sum(finding.severity == "error" for finding in findings)
    if errors:
        console.print(f"{name}: {errors} error(s), {len(findings) - errors} warning(s)")
        raise typer.Exit(1)
    sizes = ", ".join(f"{len(environment.tasks(split))} {split}" for split in _splits())
    console.print(f"[green]{name} keeps the contract[/] ({sizes} tasks; {len(findings)} warning(s))")


@app.command()
def play(
    name: Name,
    option: Options = None,
    split: Annotated[str, typer.Option(help="`train`, `dev` or `test`.")] = "train",
    task: Annotated[str, typer.Option(help="A task's id, or its position counted from 0.")] = "0",
    seed: Annotated[int, typer.Option(help="Seed of the episode.")] = 0,
) -> None:
    """Play a task in the terminal, as an agent would.

    Type a tool's name and its argument: `sql SELECT 1`. A line that ends in a backslash is followed by
    another call of the same move; `/say` speaks to the user; `/quit` leaves.
    """
    from trajectune.environments.registry import load_environment
    from trajectune.run.display import Display

    environment = load_environment(name, key_values(option))
    with Display().bars():
        found = find_task(environment, split, task)
    play_task(environment, found, seed)


def find_task(environment: Environment, split: str, which: str) -> Task:
    """The task with this id or position. Raises `RecipeError` that says what there is."""
    if split not in _splits():
        raise RecipeError(f"There is no split {split!r}.", remedy="Use train, dev or test.")
    tasks = environment.tasks(cast("Split", split))
    for task in tasks:
        if task.id == which:
            return task
    if which.isdecimal() and int(which) < len(tasks):
        return tasks[int(which)]
    raise RecipeError(
        f"There is no task {which!r} in the {split} split of {environment.name!r}.",
        remedy=f"It has {len(tasks)} tasks: give a number from 0, or an id"
        + (f" such as {tasks[0].id}." if tasks else "; try another --split."),
    )


def _splits() -> Sequence[Split]:
    from trajectune.environments.contract import Split

    return get_args(Split)


def _print_findings(console: Console, findings: Sequence[Finding]) -> None:
    for finding, number in _alike(findings):
        colour = "red" if finding.severity == "error" else "yellow"
        more = f" (and {number - 1} more like it)" if number > 1 else ""
        console.print(f"[{colour}]{escape(str(finding))}[/]{more}", highlight=False, soft_wrap=True)


def _alike(findings: Sequence[Finding]) -> Iterator[tuple[Finding, int]]:
    """The first of the findings that differ in nothing but their task, and how many there are."""
    groups: dict[Finding, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(replace(finding, task=""), []).append(finding)
    for group in groups.values():
        yield group[0], len(group)
