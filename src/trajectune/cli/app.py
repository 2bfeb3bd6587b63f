"""The command line. Each command is a thin skin over a plain function of the same name.

Invariants: a user's mistake ends in two or three lines on stderr and exit status 2, Ctrl-C in 130,
never in a traceback; heavy imports happen inside commands, so that `--help` is quick.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console

from trajectune import __version__
from trajectune.cli import chat, data, emulate, environments, serve, shrink, stages
from trajectune.errors import TrajectuneError

INTERRUPTED = 130
"""Exit status after Ctrl-C."""

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


def main() -> None:
    """Entry point of the `trajectune` command."""
    try:
        app(prog_name="trajectune")
    except TrajectuneError as error:
        message = f"[bold red]error:[/] {_plain(str(error))}"
        Console(stderr=True).print(message, highlight=False, soft_wrap=True)
        sys.exit(2)
    except SystemExit as leaving:  # typer turns Ctrl-C into this
        if leaving.code == INTERRUPTED:
            print("stopped; what is finished is kept: the same command again goes on", file=sys.stderr)
        raise


def _plain(text: str) -> str:
    """The text without Rich markup being read in it (file names may hold brackets)."""
    from rich.markup import escape

    return escape(text)


if __name__ == "__main__":
    main()
