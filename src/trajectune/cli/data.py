"""`trajectune data`: look into data files, and convert one format into another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from trajectune.cli.contamination import contamination
from trajectune.cli.lint import lint
from trajectune.cli.masks import masks
from trajectune.cli.pairs import pairs
from trajectune.cli.quarantine import Quarantine, counting
from trajectune.cli.trajectories import trajectories
from trajectune.example import Example
from trajectune.storage import Rejected
from trajectune.terminal import Terminal

if TYPE_CHECKING:
    from trajectune.curate.formats import WriteCount
    from trajectune.curate.inspect import TokenCount

app = typer.Typer(no_args_is_help=True)
FORMAT_HELP = "example, agentinstruct, sharegpt, agentflan, openai or alpaca"
READ_HELP = "example, agentinstruct, sharegpt, agentflan, openai, alpaca, oasst or toolbench"


@app.command()
def inspect(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A .jsonl or .json file (also .gz), or .parquet.")
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="M",
            help="Count tokens with the tokenizer of `embedded`, a folder, or a hub name.",
        ),
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="FORMAT", help=f"Its format, if the guess is wrong: {READ_HELP}."),
    ] = None,
    samples: Annotated[int, typer.Option(help="Rows to show.", min=0)] = 5,
) -> None:
    """Print what is in a file: format, rows, turns, tokens, trained share, faults and a few rows.

    Conversations and trajectories alike: `trajectune data inspect runs/quickstart/collect/database.jsonl`.
    Rows that cannot be read are counted and named with their line.
    """
    from trajectune.cli.facts import print_facts
    from trajectune.curate.inspect import inspect_file

    found = inspect_file(file, _token_count(model), samples=samples, format=from_)
    print_facts(Terminal(), file, found, model)


@app.command()
def convert(
    source_file: Annotated[Path, typer.Argument(metavar="IN", help="Conversations to read.")],
    target_file: Annotated[
        Path, typer.Argument(metavar="OUT", help="File to write: .jsonl, .json (also .gz) or .parquet.")
    ],
    to: Annotated[str, typer.Option("--to", metavar="FORMAT", help=f"Format of OUT: {FORMAT_HELP}.")],
    from_: Annotated[
        str | None, typer.Option("--from", metavar="FORMAT", help="Format of IN, if the guess is wrong.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the data set, put on every row.")
    ] = None,
) -> None:
    """Rewrite conversations in another format.

    `trajectune data convert chats.json chats.jsonl --to openai`. Rows that cannot be read or do not fit go
    to OUT.rejected.jsonl with their line and the reason; what of the others is not read is counted.
    """
    from trajectune.curate.formats import get_format, read_numbered, write_examples

    get_format(to)  # a wrong name is said before anything is read
    notes: Counter[str] = Counter()
    with counting() as progress, ExitStack() as stack:
        quarantine = Quarantine(target_file.with_name(f"{target_file.name}.rejected.jsonl"), stack)
        task = progress.add_task("converting", total=None)

        def examples() -> Iterator[Example]:
            for numbered in read_numbered(source_file, quarantine, source, from_, notes):
                quarantine.line = numbered.line
                yield numbered.example
                progress.advance(task)

        count = write_examples(target_file, examples(), to, Misfits(quarantine))
    _print_conversion(target_file, to, count, quarantine)
    for note, rows in notes.most_common():
        Terminal().print(f"{rows:,} rows: {escape(note)}", highlight=False)


app.command()(masks)
app.command()(trajectories)
app.command()(pairs)
app.command()(lint)
app.command()(contamination)


class Misfits:
    """A sink for rows that do not fit OUT: gives them their line in IN."""

    def __init__(self, quarantine: Quarantine) -> None:
        self.quarantine = quarantine

    def append(self, row: Rejected, /) -> None:
        """Hand on under the line in IN."""
        self.quarantine.append(Rejected(self.quarantine.line, row.reason))


def _token_count(model: str | None) -> TokenCount | None:
    if model is None:
        return None
    from trajectune.models.templates import load_tokenizer

    tokenizer = load_tokenizer(model)
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False))


def _print_conversion(target: Path, to: str, count: WriteCount, quarantine: Quarantine) -> None:
    console = Terminal()
    console.print(f"{count.written:,} rows written to {escape(str(target))}", highlight=False)
    if quarantine.count:
        place = escape(str(quarantine.path))
        console.print(f"{quarantine.count:,} rows rejected: see {place}", highlight=False)
    for name, rows in count.lost.items():
        console.print(f"{name} of {rows:,} rows do not fit {to}", highlight=False)
