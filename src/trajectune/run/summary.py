"""What a run came to, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich import box
from rich.table import Table

from trajectune.evaluate.agent import AgentScores
from trajectune.report.wording import number, percent


def score_table(scores: Mapping[str, AgentScores]) -> Table:
    """Agent skill by environment, with 95 % intervals."""
    broken = any(each.infrastructure_errors for each in scores.values())
    columns = ["episodes", "success", "valid replies", "reward", "turns"]
    columns += ["errors"] if broken else []
    table = Table("environment", box=box.SIMPLE)
    for name in columns:
        table.add_column(name, justify="right")
    for key, each in scores.items():
        errors = [str(each.infrastructure_errors)] if broken else []
        shown = [percent(each.success), percent(each.valid_replies)]
        shown += [number(each.reward and each.reward.value, 2), number(each.turns, 1)]
        table.add_row(key, str(each.episodes), *shown, *errors)
    return table
