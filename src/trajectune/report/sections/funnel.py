"""The funnel as a table for a terminal: from tasks to training data."""

from __future__ import annotations

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from trajectune.curate.funnel import Funnel, FunnelRow


def funnel_table(funnel: Funnel) -> Table:
    """The funnel in 80 columns, with a total where there are several sources.

    Under the table stands why episodes were rejected, as far as any were.
    """
    table = Table(title="From tasks to training data", box=SIMPLE, collapse_padding=True)
    table.add_column("environment", overflow="fold")
    for name in ("tasks", "episodes", "errors", "passed", "kept", "turns"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in [*funnel.rows, *([funnel.total] if len(funnel.rows) > 1 else [])]:
        table.add_row(escape(row.source), *_cells(row))
    table.caption = _rejected(funnel.total)
    return table


def _cells(row: FunnelRow) -> tuple[str, ...]:
    """The numbers of a row; what was not measured is a dash."""
    counts = (f"{row.tasks:,}", f"{row.episodes:,}", f"{row.infrastructure_errors:,}")
    passed = "–" if row.pass_rate is None else f"{row.pass_rate:.1%}"
    turns = "–" if row.turns is None else f"{row.turns:.2f}"
    return (*counts, passed, f"{row.kept:,}", turns)


def _rejected(row: FunnelRow) -> str | None:
    unreadable = {"unreadable": row.unreadable} if row.unreadable else {}
    said = ", ".join(f"{count:,} {reason}" for reason, count in {**row.rejected, **unreadable}.items())
    return f"rejected: {escape(said)}" if said else None
