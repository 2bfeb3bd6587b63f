"""How tasks were made, as a table for a terminal: what was asked, written, rejected and accepted."""

from __future__ import annotations

from collections.abc import Mapping

from rich.box import SIMPLE
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from trajectune.instructions.outcome import Construction
from trajectune.report.sections.notes import noted

WAYS = {"derive": "task derivation", "self_instruct": "Self-Instruct"}
"""As AgentTuning's Table 1 calls them."""


def instructions_table(made: Mapping[str, Construction]) -> RenderableType:
    """The funnels by the recipe's names; under the table why tasks were rejected."""
    table = Table(title="From requests to tasks", box=SIMPLE, collapse_padding=True)
    for name in ("environment", "way", "teacher"):
        table.add_column(name, overflow="fold")
    for name in ("asked", "written", "accepted", "share"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, row in made.items():
        share = "–" if row.ratio is None else f"{row.ratio:.1%}"
        counts = (f"{row.asked:,}", f"{row.written:,}", f"{row.accepted:,}", share)
        table.add_row(escape(name), WAYS[row.way], escape(row.teacher or "–"), *counts)
    return noted(table, [f"{name}: {rejected(row)}" for name, row in made.items() if row.rejected])


def rejected(row: Construction) -> str:
    """Why tasks were rejected, in one sentence; empty without any."""
    return "; ".join(f"{count:,} × {reason}" for reason, count in row.rejected.items())
