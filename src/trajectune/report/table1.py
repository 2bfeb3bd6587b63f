"""AgentTuning's Table 1, and which of its rows stands beside a source of a run.

The figures are those of Zeng et al. 2023 (arXiv 2310.12823), Table 1: instructions, trajectories that
passed the filter, average turns. The ratio is computed (trajectories / instructions), as it is there.

The rule: a source stands beside the rows of its environment. The database has two, for two ways of making
instructions; a source whose name says the way (`database-derived`, `database-self-instruct`) stands beside
that one, any other beside both together. An environment that is not the paper's stands alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

SOURCE = "AgentTuning, Table 1 (arXiv 2310.12823)"


@dataclass(frozen=True, slots=True)
class PaperRow:
    """A row of Table 1, or several together."""

    name: str
    tasks: int
    """Instructions."""
    kept: int
    """Filtered trajectories."""
    turns: float
    """Average turns of an agent in them."""

    @property
    def ratio(self) -> float:
        """Trajectories for each instruction."""
        return self.kept / self.tasks


TABLE_1: dict[str, tuple[PaperRow, ...]] = {
    "household": (PaperRow("ALFWorld", 954, 336, 13.52),),
    "web_shop": (PaperRow("WebShop", 1_485, 351, 3.68),),
    "web_navigation": (PaperRow("Mind2Web", 23_378, 122, 1.00),),
    "knowledge_graph": (PaperRow("Knowledge Graph", 2_501, 324, 6.04),),
    "operating_system": (PaperRow("Operating System", 647, 195, 3.85),),
    "database": (
        PaperRow("Database, self-instruct", 1_074, 178, 2.13),
        PaperRow("Database, task derivation", 5_302, 360, 2.03),
    ),
}
"""The paper's rows by the environment that they are of."""
WAYS = ("self", "deriv")
"""What the name of a source holds where it says the way, in the order of the database's two rows."""


def paper_rows(source: str, environment: str) -> tuple[PaperRow, ...]:
    """The rows of Table 1 beside which a source of this name stands; empty where there are none."""
    rows = TABLE_1.get(environment, ())
    if len(rows) == len(WAYS):
        named = tuple(row for row, way in zip(rows, WAYS, strict=True) if way in source.casefold())
        return named if len(named) == 1 else rows
    return rows


def together(rows: Iterable[PaperRow], name: str = "") -> PaperRow | None:
    """Rows as one, none counted twice: counts added up, turns averaged over the trajectories.

    Called `name`, or what the names begin with; `None` without rows.
    """
    found = list(dict.fromkeys(rows))
    if len(found) < 2 and not name:
        return found[0] if found else None
    kept = sum(row.kept for row in found)
    turns = sum(row.turns * row.kept for row in found) / kept if kept else 0.0
    called = name or found[0].name.partition(",")[0]
    return PaperRow(called, sum(row.tasks for row in found), kept, turns) if found else None
