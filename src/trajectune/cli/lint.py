"""`trajectune data lint`: name the faults of agent data, with their places."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trajectune.harmless import harmless, one_line
from trajectune.terminal import Terminal

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from trajectune.curate.lint.finding import Finding
    from trajectune.curate.lint.lint import LintedRow
    from trajectune.curate.lint.report import LintReport, Place

_SHOWN_IN_TABLE = 3


def lint(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE…",
            help="Conversations of any known format, or trajectories: .jsonl, .json, .parquet.",
        ),
    ],
    from_: Annotated[
        str | None, typer.Option("--from", metavar="FORMAT", help="Their format, if the guess is wrong.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write every finding there, one a line.")
    ] = None,
    show: Annotated[int, typer.Option(min=0, help="Places of each fault to show, with their words.")] = 0,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 when anything is found.")] = False,
) -> None:
    """Name the faults of agent data: loops, unknown tools, made-up observations, failures kept as good ….

    `trajectune data lint db.jsonl --show 2`. For each file a table says how many rows have a fault and
    where the first ones stand. Rows that cannot be read are counted and named with their line.
    """
    from trajectune.curate.lint.report import as_json
    from trajectune.curate.lint.report import lint as linted
    from trajectune.run.display import Display
    from trajectune.storage import encode, open_atomic

    display, console, faulty = Display(), Terminal(), 0
    with ExitStack() as stack:
        out = stack.enter_context(open_atomic(json_file)) if json_file else None
        for file in files:

            def keep(row: LintedRow, file: Path = file) -> None:
                if out is not None:
                    out.writelines(encode(finding) for finding in as_json(file, row))

            with display.bars():
                places = max(show, _SHOWN_IN_TABLE)
                found = linted(
                    file, format=from_, places=places, each=keep, on_progress=display.on_progress
                )
            print_report(console, found, show)
            faulty += found.faulty
    if strict and faulty:
        raise typer.Exit(1)


def print_report(console: Console, found: LintReport, show: int) -> None:
    """The table of a file, `show` places of each fault with their words, and what could not be read."""
    name = one_line(str(found.path))
    rejected = f", {found.rejections.count:,} rejected" if found.rejections.count else ""
    line = f"{name}: {found.rows:,} rows, {found.faulty:,} with a fault{rejected}"
    console.print(line, style="bold", markup=False, highlight=False, soft_wrap=True)
    if found.faults:
        console.print(_table(found))
    for places in found.first.values():
        for place in places[:show]:
            _print_place(console, place)
    for note, rows in found.notes.most_common():
        console.print(f"  {rows:,} rows: {one_line(note)}", markup=False, highlight=False, soft_wrap=True)
    for row in found.rejections.first:
        text = f"  line {row.line} rejected: {one_line(row.reason)}"
        console.print(text, markup=False, highlight=False, soft_wrap=True)


def _table(found: LintReport) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("fault", no_wrap=True)
    table.add_column("rows", justify="right")
    table.add_column("share", justify="right")
    table.add_column("the first", overflow="fold")
    for fault, rows in found.faults.most_common():
        first = "; ".join(map(_where, found.first[fault][:_SHOWN_IN_TABLE]))
        table.add_row(fault.value, f"{rows:,}", f"{found.share(fault):.1%}", first)
    return table


def _where(place: Place) -> str:
    from rich.markup import escape

    return escape(one_line(f"line {place.line}, turn {place.finding.turn}"))


def _print_place(console: Console, place: Place) -> None:
    finding = place.finding
    head = f"{finding.fault.value}: line {place.line}, {place.id}, turn {finding.turn}: {finding.why}"
    console.print(one_line(head), style="bold", markup=False, highlight=False, soft_wrap=True)
    if finding.matched:
        console.print(_excerpt(finding), soft_wrap=True)


def _excerpt(finding: Finding) -> Text:
    """The words that were found, set off from those around them."""
    from rich.text import Text

    text = Text("  ")
    text.append(harmless(finding.before), style="dim")
    text.append(harmless(finding.matched), style="bold red")
    text.append(harmless(finding.after), style="dim")
    return text
