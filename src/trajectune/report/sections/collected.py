"""What agents did while trajectories were collected, as a table for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from trajectune.reasons import top_reasons
from trajectune.report.sections.notes import noted
from trajectune.trajectory import Trajectory


@dataclass(frozen=True, slots=True)
class Collected:
    """The episodes of one source."""

    source: str
    episodes: int
    """Those that the infrastructure did not break."""
    solved: int
    errors: Sequence[str]
    """Why each of the others broke."""

    @classmethod
    def of(cls, source: str, trajectories: Iterable[Trajectory], threshold: float) -> Collected:
        """Counted from trajectories; a reward of at least `threshold` is a success."""
        episodes = solved = 0
        errors: list[str] = []
        for each in trajectories:
            if each.reward is None:
                errors.append(each.error)
            else:
                episodes += 1
                solved += each.reward >= threshold
        return cls(source, episodes, solved, errors)

    @property
    def broken(self) -> str:
        """The episodes that broke, in one sentence with the most frequent reasons; empty without any."""
        if not self.errors:
            return ""
        whole = self.episodes + len(self.errors)
        said = f"{len(self.errors)} of {whole} episodes broke in the infrastructure"
        return f"{self.source}: {said}: {top_reasons(self.errors)}"


def collected_table(rows: Sequence[Collected]) -> RenderableType:
    """Episodes, successes and errors of each source; under the table why episodes broke."""
    table = Table(title="Collected trajectories", box=SIMPLE)
    table.add_column("environment", overflow="fold")
    for name in ("episodes", "solved", "errors"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        share = f"{row.solved / row.episodes:.1%}" if row.episodes else "–"
        table.add_row(escape(row.source), f"{row.episodes:,}", share, f"{len(row.errors):,}")
    return noted(table, [row.broken for row in rows])
