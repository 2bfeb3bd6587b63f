"""`trajectune environments`: list them, check one against the contract, play one by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer
import yaml
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from trajectune.errors import RecipeError, TrajectuneError

if TYPE_CHECKING:
    from pydantic import JsonValue

    from trajectune.environments.contract import Environment, Episode, Split, Task
    from trajectune.environments.promises import Finding
    from trajectune.trajectory import Tool, ToolCall

app = typer.Typer(no_args_is_help=True)
console = Console()

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
        table.add_row(name, escape(first), ", ".join(tool.name for tool in kind.tools))
    console.print(table)


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
    from trajectune.environments.contract import Split
    from trajectune.environments.registry import load_environment

    environment = load_environment(name, parse_options(option))
    findings = check_environment(environment, tasks)
    for finding, number in _alike(findings):
        colour = "red" if finding.severity == "error" else "yellow"
        more = f" (and {number - 1} more like it)" if number > 1 else ""
        console.print(f"[{colour}]{escape(str(finding))}[/]{more}", highlight=False, soft_wrap=True)
    for row in getattr(environment, "set_aside", ()):
        console.print(f"[yellow]set aside, row {row.line}:[/] {escape(row.reason)}", soft_wrap=True)
    errors = sum(finding.severity == "error" for finding in findings)
    if errors:
        console.print(f"{name}: {errors} error(s), {len(findings) - errors} warning(s)")
        raise typer.Exit(1)
    sizes = ", ".join(f"{len(environment.tasks(split))} {split}" for split in get_args(Split))
    console.print(f"[green]{name} keeps the contract[/] ({sizes} tasks; {len(findings)} warning(s))")


def _alike(findings: Sequence[Finding]) -> Iterator[tuple[Finding, int]]:
    """The first of the findings that differ in nothing but their task, and how many there are."""
    groups: dict[Finding, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(replace(finding, task=""), []).append(finding)
    for group in groups.values():
        yield group[0], len(group)


@app.command()
def play(
    name: Name,
    option: Options = None,
    split: Annotated[str, typer.Option(help="`train`, `dev` or `test`.")] = "train",
    task: Annotated[str, typer.Option(help="A task's id, or its position counted from 0.")] = "0",
    seed: Annotated[int, typer.Option(help="Seed of the episode.")] = 0,
) -> None:
    """Play a task in the terminal, as an agent would.

    Type a tool's name and its argument: `sql SELECT 1`. `/quit` leaves.
    """
    from trajectune.environments.registry import load_environment

    environment = load_environment(name, parse_options(option))
    chosen = find_task(environment, split, task)
    console.print(f"[bold]{escape(chosen.id)}[/] {escape(chosen.kind)}")
    console.print(escape(environment.instruction(chosen)), style="dim")
    console.print(f"[dim]Type {_usage(environment.tools)}; /quit leaves.[/]")
    episode = environment.open(chosen, seed)
    try:
        _play(episode, environment)
    finally:
        episode.close()


def parse_options(pairs: Sequence[str] | None) -> dict[str, Any]:
    """`key=value` pairs as options; values are read as YAML, so that numbers and lists are meant."""
    options: dict[str, Any] = {}
    for pair in pairs or ():
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise RecipeError(f"Not an option: {pair!r}.", remedy="Write it as --option key=value.")
        try:
            options[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            options[key] = value
    return options


def find_task(environment: Environment, split: str, which: str) -> Task:
    """The task with this id or position."""
    from trajectune.environments.contract import Split

    if split not in get_args(Split):
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


def parse_call(line: str, tools: Sequence[Tool]) -> ToolCall:
    """A typed line as a tool call: `TOOL {"json": …}`, or `TOOL text` for a tool with one argument.

    With a single tool its name may be left out. A list takes JSON, or words apart by commas.
    """
    from trajectune.trajectory import ToolCall

    word, _, rest = line.strip().partition(" ")
    tool = next((tool for tool in tools if tool.name == word), None)
    if tool is None and len(tools) == 1:
        tool, rest = tools[0], line.strip()
    if tool is None:
        return ToolCall(name=word)
    try:
        arguments = json.loads(rest)
    except ValueError:
        arguments = None
    if isinstance(arguments, dict):
        return ToolCall(name=tool.name, arguments=arguments)
    properties = cast("dict[str, Any]", tool.parameters.get("properties", {}))
    if len(properties) != 1:
        return ToolCall(name=tool.name)
    ((key, schema),) = properties.items()
    if schema.get("type") != "array":
        return ToolCall(name=tool.name, arguments={key: rest})
    words: list[JsonValue] = [part.strip() for part in rest.split(",")]
    values = arguments if isinstance(arguments, list) else words
    return ToolCall(name=tool.name, arguments={key: values})


def _play(episode: Episode, environment: Environment) -> None:
    console.print(escape(episode.observation))
    for move in range(1, environment.max_steps + 1):
        try:
            line = input(f"[{move}/{environment.max_steps}]> ")
        except EOFError:
            return
        if line.strip() == "/quit":
            return
        result = episode.step(parse_call(line, environment.tools))
        fault = f" [yellow]({result.fault})[/]" if result.fault else ""
        console.print(escape(result.observation) + fault, soft_wrap=True)
        if result.done:
            console.print(f"[bold]reward {result.reward:g}[/]")
            return
    console.print("[bold]step limit[/]")


def _usage(tools: Sequence[Tool]) -> str:
    shown = []
    for tool in tools:
        names = list(cast("dict[str, Any]", tool.parameters.get("properties", {})))
        argument = f"<{names[0]}>" if len(names) == 1 else f"{{{', '.join(names)}}} as JSON"
        shown.append(escape(f"{tool.name} {argument}"))
    return " or ".join(shown)
