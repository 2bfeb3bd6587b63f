"""`trajectune data trajectories`: released conversations back into structured trajectories."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from trajectune.cli.quarantine import Quarantine, counting
from trajectune.terminal import Terminal

if TYPE_CHECKING:
    from trajectune.curate.importing.files import Imported
    from trajectune.curate.importing.proof import Sameness


def trajectories(
    source_file: Annotated[Path, typer.Argument(metavar="IN", help="Conversations, of any known format.")],
    target_file: Annotated[
        Path, typer.Argument(metavar="OUT", help="Trajectories to write: a .jsonl file.")
    ],
    from_: Annotated[
        str | None, typer.Option("--from", metavar="FORMAT", help="Format of IN, if the guess is wrong.")
    ] = None,
) -> None:
    """Read conversations of AgentBench's six tasks back into trajectories.

    `trajectune data trajectories agentinstruct-db.jsonl db.trajectories.jsonl`. A trajectory can be written
    in any dialect. Rows that are none go to OUT.rejected.jsonl with their line and the reason.
    """
    from trajectune.curate.importing.files import Imported, import_trajectories
    from trajectune.storage import encode, open_atomic

    found = Imported()
    with counting() as progress, ExitStack() as stack:
        quarantine = Quarantine(target_file.with_name(f"{target_file.name}.rejected.jsonl"), stack)
        task = progress.add_task("reading back", total=None)
        file = stack.enter_context(open_atomic(target_file))
        for trajectory in import_trajectories(source_file, found, quarantine, from_):
            file.write(encode(trajectory))
            progress.advance(task)
    _print(target_file, found, quarantine)


def _print(target: Path, found: Imported, quarantine: Quarantine) -> None:
    console = Terminal()
    share = f" ({found.share:.1%} of the rows)" if found.share is not None else ""
    console.print(
        f"{found.rows.total():,} trajectories{share} written to {escape(str(target))}", highlight=False
    )
    for environment, rows in found.rows.items():
        console.print(
            f"  {environment}: {rows:,} rows, {found.steps[environment]:,} steps", highlight=False
        )
    said: dict[Sameness, str] = {
        "exact": "word for word and space for space",
        "spaces": "word for word",
        "values": "word for word, and the values of an answer as texts",
    }
    for way, words in said.items():
        if count := found.turns[way]:
            console.print(f"  {count:,} steps are written again {words}", highlight=False)
    if quarantine.count:
        console.print(
            f"{quarantine.count:,} rows refused: see {escape(str(quarantine.path))}", highlight=False
        )
    for reason, count in found.refused.most_common():
        console.print(f"  {count:,} × {escape(reason)}", highlight=False)
