"""What agents did while trajectories were collected, as a table for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from rich.box import SIMPLE
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from trajectune.reasons import top_reasons
from trajectune.report.sections.notes import noted
from trajectune.rollout.spending import Price
from trajectune.trajectory import Trajectory, Usage


@dataclass(frozen=True, slots=True)
class Collected:
    """The episodes of one source."""

    source: str
    episodes: int
    """Those that the infrastructure did not break."""
    solved: int
    errors: Sequence[str]
    """Why each of the others broke."""
    usage: Usage = field(default_factory=Usage)
    """What the agent spent."""
    money: float | None = None
    """The same in money; `None` without prices."""

    @classmethod
    def of(
        cls,
        source: str,
        trajectories: Iterable[Trajectory],
        threshold: float,
        ledger: Usage | None = None,
        price: Price | None = None,
    ) -> Collected:
        """Counted from trajectories; a reward of at least `threshold` is a success.

        `ledger` knows also what was spent on episodes that were broken off; it counts, unless it was begun
        after the first of the trajectories.
        """
        episodes = solved = 0
        errors: list[str] = []
        usage = Usage()
        for each in trajectories:
            usage += each.usage
            if each.reward is None:
                errors.append(each.error)
            else:
                episodes += 1
                solved += each.reward >= threshold
        if ledger is not None and ledger.tokens >= usage.tokens:
            usage = ledger
        return cls(source, episodes, solved, errors, usage, None if price is None else price.of(usage))

    @property
    def broken(self) -> str:
        """The episodes that broke, in one sentence with the most frequent reasons; empty without any."""
        if not self.errors:
            return ""
        whole = self.episodes + len(self.errors)
        said = f"{len(self.errors)} of {whole} episodes broke in the infrastructure"
        return f"{self.source}: {said}: {top_reasons(self.errors)}"


def collected_table(rows: Sequence[Collected]) -> RenderableType:
    """Episodes, successes, errors and costs of each source; under the table why episodes broke.

    Costs stand there where there are any: tokens, seconds of waiting for replies, and money by the prices.
    """
    table = Table(title="Collected trajectories", box=SIMPLE)
    table.add_column("environment", overflow="fold")
    spent = [name for name, known in _COSTS.items() if any(known(row) for row in rows)]
    for name in ("episodes", "solved", "errors", *spent):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        share = f"{row.solved / row.episodes:.1%}" if row.episodes else "–"
        costs = [_COSTS[name](row) or "–" for name in spent]
        table.add_row(escape(row.source), f"{row.episodes:,}", share, f"{len(row.errors):,}", *costs)
    return noted(table, [row.broken for row in rows])


_COSTS: dict[str, Callable[[Collected], str]] = {
    "tokens": lambda row: f"{row.usage.tokens:,}" if row.usage.tokens else "",
    "seconds": lambda row: f"{row.usage.seconds:,.0f}" if row.usage.tokens else "",
    "money": lambda row: "" if row.money is None else f"{row.money:,.2f}",
}
