"""Episodes of the database environment on SQLite, opened from a problem."""

from __future__ import annotations

from trajectune.environments.database.engine.problem import Problem
from trajectune.environments.database.engine.store import SqliteStore
from trajectune.environments.database.episode import DatabaseEpisode


def opened(problem: Problem, seconds: float = 1) -> DatabaseEpisode:
    """An episode whose statements may take so long."""
    return DatabaseEpisode(problem, SqliteStore(problem, seconds))
