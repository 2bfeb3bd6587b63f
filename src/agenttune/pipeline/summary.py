"""What a run came to, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table

from agenttune.evaluate.agent import AgentScores
from agenttune.report.wording import number, percent


def score_table(scores: Mapping[str, AgentScores]) -> Table:
    """Agent skill by environment, with 95 % intervals."""
    table = Table()
    table.add_column("environment")
    for name in ("episodes", "success", "valid replies", "reward", "turns", "machinery errors"):
        table.add_column(name, justify="right")
    for key, each in scores.items():
        table.add_row(
            key,
            str(each.episodes),
            percent(each.success),
            percent(each.valid_replies),
            number(each.reward, 2),
            number(each.turns, 1),
            str(each.machinery_errors),
        )
    return table
