"""How many trajectories came through: tasks → episodes → kept, as AgentTuning's Table 1 counts them.

Invariants: `episodes == errors + failures + repeated + over_cap + kept`; the total of several
environments is computed from their counts, never from their rates.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from trajectune.storage import write_json
from trajectune.trajectory import Record


class FunnelRow(Record):
    """The funnel of one environment."""

    environment: str
    tasks: int = 0
    """Different tasks that were played (Table 1: instructions)."""
    episodes: int = 0
    errors: int = 0
    """Episodes that the infrastructure failed."""
    failures: int = 0
    """Episodes with a reward below the threshold."""
    repeated: int = 0
    """Successes with the very calls of another success in the same task."""
    over_cap: int = 0
    """Successes beyond what is kept for each task."""
    kept: int = 0
    """Trajectories that become training data (Table 1: filtered trajectories)."""
    unreadable: int = 0
    """Rows of the file that are no trajectories; not among the episodes."""
    turns: float = 0.0
    """Average moves of the agent in what was kept (Table 1: average turns)."""

    @property
    def pass_rate(self) -> float:
        """Successes among the episodes that the infrastructure did not fail; 0 without any."""
        judged = self.episodes - self.errors
        return (judged - self.failures) / judged if judged else 0.0

    @property
    def ratio(self) -> float:
        """Kept trajectories for each task (Table 1: ratio); 0 without tasks."""
        return self.kept / self.tasks if self.tasks else 0.0


class Funnel(Record):
    """The funnels of all environments of a run."""

    rows: list[FunnelRow] = Field(default_factory=list)

    @property
    def total(self) -> FunnelRow:
        """All environments together."""
        kept = sum(row.kept for row in self.rows)
        return FunnelRow(
            environment="total",
            tasks=sum(row.tasks for row in self.rows),
            episodes=sum(row.episodes for row in self.rows),
            errors=sum(row.errors for row in self.rows),
            failures=sum(row.failures for row in self.rows),
            repeated=sum(row.repeated for row in self.rows),
            over_cap=sum(row.over_cap for row in self.rows),
            kept=kept,
            unreadable=sum(row.unreadable for row in self.rows),
            turns=sum(row.turns * row.kept for row in self.rows) / kept if kept else 0.0,
        )

    def save(self, path: Path) -> None:
        """Write the counts as JSON; `Funnel.model_validate(read_json(path))` gives them back."""
        write_json(path, self.model_dump(mode="json"))


def funnel_table(rows: Sequence[FunnelRow]) -> Table:
    """The funnel for a terminal of 80 columns, with a total where there are several environments.

    Under the table stands why trajectories were left out, as far as there were any.
    """
    total = Funnel(rows=list(rows)).total
    table = Table(title="From tasks to training data", box=SIMPLE, collapse_padding=True)
    table.add_column("environment", overflow="fold")
    for name in ("tasks", "episodes", "errors", "passed", "kept", "turns"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in [*rows, *([total] if len(rows) > 1 else [])]:
        counts = (f"{row.tasks:,}", f"{row.episodes:,}", f"{row.errors:,}")
        table.add_row(
            escape(row.environment), *counts, f"{row.pass_rate:.1%}", f"{row.kept:,}", f"{row.turns:.2f}"
        )
    table.caption = _left_out(total)
    return table


def _left_out(row: FunnelRow) -> str | None:
    reasons = {
        "below the reward threshold": row.failures,
        "with the calls of another": row.repeated,
        "beyond the number kept per task": row.over_cap,
        "rows unreadable": row.unreadable,
    }
    said = ", ".join(f"{count:,} {reason}" for reason, count in reasons.items() if count)
    return f"left out: {said}" if said else None
