"""The funnel as a table for a terminal: from tasks to training data, beside the paper's."""

from __future__ import annotations

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from trajectune.curate.funnel import Funnel, FunnelRow
from trajectune.report.sections.beside import beside, paper_total
from trajectune.report.table1 import SOURCE, PaperRow


def funnel_table(funnel: Funnel) -> Table:
    """The funnel in 80 columns, with a total where there are several sources.

    Below a source stands its row of AgentTuning's Table 1, where that has one. Under the table stands why
    episodes were rejected, as far as any were.
    """
    table = Table(title="From tasks to training data", box=SIMPLE, collapse_padding=True)
    table.add_column("environment", overflow="fold")
    for name in ("tasks", "episodes", "errors", "passed", "kept", "turns", "ratio"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in funnel.rows:
        _add(table, row, beside(row))
    total = paper_total(funnel.rows)
    if len(funnel.rows) > 1:
        _add(table, funnel.total, total)
    said = [_rejected(funnel.total), f"paper: {SOURCE}" if total else None]
    table.caption = "\n".join(each for each in said if each) or None
    return table


def _add(table: Table, row: FunnelRow, paper: PaperRow | None) -> None:
    table.add_row(escape(row.source), *_cells(row))
    if paper is not None:
        counts = (f"{paper.tasks:,}", "", "", "", f"{paper.kept:,}", f"{paper.turns:.2f}")
        table.add_row(f"  paper: {paper.name}", *counts, f"{paper.ratio:.1%}", style="dim")


def _cells(row: FunnelRow) -> tuple[str, ...]:
    """The numbers of a row; what was not measured is a dash."""
    counts = (f"{row.tasks:,}", f"{row.episodes:,}", f"{row.infrastructure_errors:,}")
    passed = "–" if row.pass_rate is None else f"{row.pass_rate:.1%}"
    turns = "–" if row.turns is None else f"{row.turns:.2f}"
    ratio = "–" if row.ratio is None else f"{row.ratio:.1%}"
    return (*counts, passed, f"{row.kept:,}", turns, ratio)


def _rejected(row: FunnelRow) -> str | None:
    unreadable = {"unreadable": row.unreadable} if row.unreadable else {}
    said = ", ".join(f"{count:,} {reason}" for reason, count in {**row.rejected, **unreadable}.items())
    return f"rejected: {escape(said)}" if said else None
