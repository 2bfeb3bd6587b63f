"""The command line. Each command is a thin skin over a plain function of the same name.

How a command ends, well or not, is in `trajectune.cli.entry`. Invariant: heavy imports happen inside
commands, so that `--help` is quick.
"""

from __future__ import annotations

from typing import Annotated

import typer

from trajectune import __version__
from trajectune.cli import chat, data, emulate, environments, instructions, serve, shrink, stages

app = typer.Typer(
    name="trajectune",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Turn an open language model into an agent, and prove it.\n\n"
    "Start with `trajectune run recipes/quickstart.yaml`. "
    "A recipe names environments, data, tuning and measurements; a run directory holds what each stage "
    "made. The same command goes on where it was stopped.",
)
app.add_typer(data.app, name="data", help="Look into data files and convert them.")
app.add_typer(environments.app, name="environments", help="List, check and play environments.")
app.add_typer(
    instructions.app, name="instructions", help="Make tasks: derive them, or let a model write them."
)
app.add_typer(emulate.app, name="emulate")
app.command("run")(stages.run)
app.command("plan")(stages.plan)
app.command("collect")(stages.collect)
app.command("curate")(stages.curate)
app.command("tune")(stages.tune)
app.command("evaluate")(stages.evaluate)
app.command("report")(stages.report)
app.command("clean")(stages.clean)
app.command("shrink")(shrink.shrink)
app.command("chat")(chat.chat)
app.command("serve")(serve.serve)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"trajectune {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave."),
    ] = False,
) -> None:
    """Options of every command."""
    del version
